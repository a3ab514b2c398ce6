"""Which version stands, and holding it still while a pass judges by it.

A pass takes the lock shared, the applier takes it alone: so what stands never changes in the middle of a pass, and a
process that is behind finds out before it closes alerts of rules that it doesn't know.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from nigrani.guide import Guide

from .models import Version

_LOCK = 0x6E677672  # "ngvr" among PostgreSQL's advisory locks


def number() -> int:
    """Return the number of the version that stands, 0 when there is none. One small query."""
    found = Version.objects.filter(state="standing").values_list("number", flat=True).first()
    return found or 0


def is_behind(guide: Guide) -> bool:
    """Whether another version than this guide's stands. A guide that is kept nowhere (version 0) is never behind."""
    return guide.version != 0 and number() != guide.version


@contextmanager
def steady(guide: Guide) -> Iterator[bool]:
    """Let what stands not change within the block. Yields whether it is this guide, so that it may judge."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s)", [_LOCK])
        try:
            yield not is_behind(guide)
        finally:
            cursor.execute("SELECT pg_advisory_unlock_shared(%s)", [_LOCK])


def alone() -> None:
    """Be the only one who changes what stands, until the caller's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
