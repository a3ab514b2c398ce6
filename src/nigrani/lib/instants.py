"""Instants as people write them: with a zone, or by the clock of a zone that is known."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def read(text: str, zone: ZoneInfo) -> datetime:
    """Read `2026-03-01 18:30`, `2026-03-01T18:30` (both by the clock of `zone`) or RFC 3339 with its own offset.

    Returns UTC. Raises ValueError with what is wanted.
    """
    try:
        found = datetime.fromisoformat(text.strip())
        if not 2000 <= found.year <= 2200:
            raise ValueError
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:40]!r} is no instant; write for example 2026-03-01 18:30") from None
