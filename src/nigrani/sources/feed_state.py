"""How far a feed was read, and where the next reading begins. Pure: no rows, no clock.

The place is a pair (time, id). Everything up to it was read, but rows may be written late: so when nothing more waits,
the next reading begins `overlap` before it, and the ids that were read there are remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nigrani.integrations import PollJob, PollRow

# A watched system's clock may be ahead of ours by as much; rows further ahead wait until it is their time.
AHEAD = timedelta(hours=1)


@dataclass(frozen=True)
class Place:
    """Where a feed stands: see models.Feed."""

    cursor: datetime | None
    cursor_id: str
    read_to: datetime | None
    is_caught_up: bool


@dataclass(frozen=True)
class Start:
    """Where a reading begins: at an instant, or past a row of that instant."""

    after: datetime
    after_id: str | None


def begin(place: Place, *, overlap: timedelta, first: timedelta, now: datetime) -> Start:
    """Return where to read from now.

    A row from the future moves the cursor ahead of the moment; the overlap is then counted from when it was read.
    """
    if place.cursor is None:
        return Start(settled(place, overlap=overlap) or now - first, None)
    if not place.is_caught_up:
        return Start(place.cursor, place.cursor_id or None)
    start = settled(place, overlap=overlap)
    assert start is not None
    return Start(start, None)


def settled(place: Place, *, overlap: timedelta) -> datetime | None:
    """Return the instant before which no reading looks any more, None before the first."""
    known = [at for at in (place.cursor, place.read_to) if at is not None]
    return min(known) - overlap if known else None


def past(place: Place, at: datetime, row: str, *, now: datetime) -> Place:
    """Return the place after a row was kept; a row that lies before it moves nothing."""
    if place.cursor is not None and at < place.cursor:
        return place
    read_to = place.read_to
    if not place.is_caught_up:
        read_to = max(min(at, now), read_to) if read_to else min(at, now)
    return Place(at, row, read_to, place.is_caught_up)


def caught_up(place: Place, *, now: datetime) -> Place:
    """Return the place when no more rows waited in a reading that began at `now`."""
    return Place(place.cursor, place.cursor_id, now, True)


def behind(place: Place) -> Place:
    """Return the place when more rows wait: the next reading goes on from the last row."""
    return Place(place.cursor, place.cursor_id, place.read_to, False)


def gap(place: Place, *, borne: timedelta, now: datetime) -> datetime | None:
    """Return since when a feed was not read, if that is longer than `borne`; None when it was read in time."""
    if place.read_to is None or not place.is_caught_up or now - place.read_to <= borne:
        return None
    return place.read_to


def lost(place: Place, oldest: datetime | None, *, start: datetime, end: datetime) -> datetime | None:
    """Return until when rows of a gap are gone for good, None when nothing shows that any are.

    When the oldest row there is was written after what we had read, everything between may have been purged.
    """
    if place.cursor is None:
        return None
    if oldest is None:
        return end
    return min(oldest, end) if oldest > start else None


def following(job: PollJob, rows: Sequence[PollRow]) -> PollJob:
    """Return the question for what comes after these rows. Of rows without an id, the rest of their instant is left."""
    last = rows[-1]
    assert last.at is not None  # a row without a time is in no range
    known = next((row.id for row in reversed(rows) if row.at == last.at and row.id), None)
    if known is None and job.after == last.at:
        known = job.after_id
    if known is None:
        return replace(job, after=last.at + timedelta(microseconds=1), after_id=None)
    return replace(job, after=last.at, after_id=known)
