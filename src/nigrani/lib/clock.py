"""The only place that reads the time, so that tests and simulations can set it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime


def _system() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the one place


_source: Callable[[], datetime] = _system


def now() -> datetime:
    """Return the present instant, aware, UTC, to the millisecond (the precision telemetry keeps)."""
    instant = _source()
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def monotonic() -> float:
    """Return seconds that never go backwards, for measuring durations and ages within one process."""
    return time.monotonic()


@contextmanager
def standing_at(instant: datetime | Callable[[], datetime]) -> Iterator[None]:
    """Make `now()` answer `instant` (or what the callable returns) within the block, in every thread."""
    global _source
    before = _source
    _source = instant if callable(instant) else lambda: instant
    try:
        yield
    finally:
        _source = before
