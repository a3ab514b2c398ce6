"""The record of who did what: lines are added, never changed, each chained to the one before by a keyed digest.

The key stands outside the database (LEDGER_KEY), so that whoever can write the table still can't forge a line. A
chain can't see its own end cut off: keep `head()` somewhere else (a backup, a mailbox) and hand it to `verify`.
"""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from django.conf import settings
from django.db import connection, transaction

from .models import LedgerLine

log = logging.getLogger(__name__)

_LOCK = 0x6E67_6C65_6467  # one number for "the ledger's end" among PostgreSQL's advisory locks
_BEFORE_THE_FIRST = "0" * 64


@dataclass(frozen=True)
class Problem:
    """The first line that is not as it was written."""

    seq: int
    because: str


@dataclass(frozen=True)
class Head:
    """The newest line's number and digest: enough to notice later that lines were cut off."""

    seq: int
    mac: str


def _mac(key: bytes, before: str, line: LedgerLine) -> str:
    at = line.at.astimezone(UTC).isoformat(timespec="microseconds")
    parts = [before, line.seq, at, line.by, line.action, line.what, line.detail_json]
    return hmac.new(key, json.dumps(parts, ensure_ascii=True).encode(), sha256).hexdigest()


def _key() -> bytes:
    key: str = settings.HOME.own_secret("LEDGER_KEY").reveal()
    return key.encode()


def record(*, by: str, action: str, what: str, detail: Mapping[str, object], now: datetime) -> LedgerLine:
    """Add a line in the caller's transaction; others who add a line wait until it ends, so keep it short.

    by: an e-mail address, or the part of Nigrani that acted. action: "room.verb". what: the object's name.
    detail: JSON values, without secrets.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        last = head()
        line = LedgerLine(
            seq=last.seq + 1,
            at=now,
            by=by,
            action=action,
            what=what,
            detail_json=json.dumps(detail, sort_keys=True, ensure_ascii=False),
        )
        line.mac = _mac(_key(), last.mac, line)
        line.save(force_insert=True)
    log.info("The ledger has a new line.", extra={"action": "ledger.written", "seq": line.seq, "did": action})
    return line


def head() -> Head:
    """Return the newest line's number and digest; number 0 while the ledger is empty."""
    last = LedgerLine.objects.order_by("-seq").only("seq", "mac").first()
    return Head(last.seq, last.mac) if last else Head(0, _BEFORE_THE_FIRST)


def verify(*, known: Head | None = None) -> Problem | None:
    """Walk the whole chain and return the first broken line, or None when every line is as it was written.

    known: a head kept elsewhere earlier; the chain must still contain it.
    """
    key, before, expected = _key(), _BEFORE_THE_FIRST, 0
    for line in LedgerLine.objects.order_by("seq").iterator(chunk_size=1000):
        expected += 1
        if line.seq != expected:
            return Problem(expected, f"Line {expected} is missing; the next one is line {line.seq}.")
        if not hmac.compare_digest(line.mac, _mac(key, before, line)):
            return Problem(line.seq, f"Line {line.seq} is not as it was written, or stood after another line.")
        if known and known.seq == line.seq and known.mac != line.mac:
            return Problem(line.seq, f"Line {line.seq} is another than the one kept elsewhere.")
        before = line.mac
    if known and known.seq > expected:
        return Problem(expected + 1, f"Lines {expected + 1} to {known.seq} were cut off.")
    return None
