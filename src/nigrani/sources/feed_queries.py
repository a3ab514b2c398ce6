"""How each feed stands: how far it was read, what it rejected, where rows are missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from nigrani.guide import Feed as Declared
from nigrani.guide import Guide, Source
from nigrani.lib.units import show_duration

from .models import Feed, Gap

FeedStanding = Literal["fresh", "behind", "blind", "new", "no_source"]
_GAPS = 100
_REMEMBERED = timedelta(days=100)  # longer than any window


@dataclass(frozen=True)
class GapView:
    """A span in which a feed was not read. filled_at: caught up with since; lost_to: until when rows are gone."""

    start: datetime
    end: datetime
    filled_at: datetime | None
    lost_to: datetime | None
    because: str


@dataclass(frozen=True)
class FeedView:
    """One feed as it stands.

    state: fresh (read within what is borne), behind (it catches up, or was not read for longer), blind (it can't be
        read now), new (not read yet), no_source (its source is not set up).
    watermark: the newest row that was read. read_to: everything written before was read. lag_s: how long ago that is.
    rejected: rows that can't be facts, by reason. late_by_s: the latest of those later than the overlap.
    """

    name: str
    to: str
    state: FeedStanding
    says: str
    watermark: datetime | None
    read_to: datetime | None
    lag_s: float | None
    every: timedelta
    overlap: timedelta
    rows: int
    late: int
    late_by_s: float
    rejected: Mapping[str, int]
    ahead: int
    timeless: int
    error: str
    error_kind: str
    failing_since: datetime | None
    last_ok_at: datetime | None
    last_rows: int
    last_ms: float | None
    gaps: tuple[GapView, ...]


def feeds(guide: Guide, now: datetime) -> dict[str, tuple[FeedView, ...]]:
    """Return every feed of the guide, by source. Two queries, however many there are."""
    named = {source.name for source in guide.sources.values() if source.feeds}
    if not named:
        return {}
    rows = {
        (row.source.name, row.feed): row
        for row in Feed.objects.filter(source__name__in=named, gone_at=None).select_related("source")
    }
    gaps: dict[int, list[GapView]] = {}
    for gap in Gap.objects.filter(feed__in=[row.pk for row in rows.values()], end__gte=now - _REMEMBERED).order_by(
        "-start"
    ):
        gaps.setdefault(gap.feed_id, []).append(GapView(gap.start, gap.end, gap.filled_at, gap.lost_to, gap.because))
    found = {}
    for name in named:
        source = guide.sources[name]
        found[name] = tuple(
            _view(source, feed, row, gaps.get(row.pk, ()) if row else (), now=now)
            for feed in source.feeds.values()
            for row in (rows.get((name, feed.name)),)
        )
    return found


def borne(source: Source, feed: Declared) -> timedelta:
    """Return how far behind a feed may be and still be believed."""
    return max(source.stale_after, 3 * feed.every)


def doubt(source: Source, feed: Declared, view: FeedView, *, now: datetime) -> str:
    """Return why figures made of a feed can't be believed now, "" when they can."""
    if view.state in ("fresh", "no_source"):
        return ""
    if view.read_to is None:
        return view.says
    assert view.lag_s is not None
    # By our own clock; one that was set back would else call a feed fresh that fails.
    failing_s = (now - view.failing_since).total_seconds() if view.failing_since else 0.0
    return view.says if max(view.lag_s, failing_s) > borne(source, feed).total_seconds() else ""


def _view(source: Source, feed: Declared, row: Feed | None, gaps: Iterable[GapView], *, now: datetime) -> FeedView:
    row = row or Feed(feed=feed.name, every=feed.every, since=now)
    state, says = _standing(source, feed, row, now)
    return FeedView(
        name=feed.name,
        to=feed.to,
        state=state,
        says=says,
        watermark=row.cursor,
        read_to=row.read_to,
        lag_s=max(0.0, (now - row.read_to).total_seconds()) if row.read_to else None,
        every=feed.every,
        overlap=feed.overlap,
        rows=row.rows,
        late=row.late,
        late_by_s=row.late_by.total_seconds(),
        rejected={str(reason): int(number) for reason, number in row.rejected.items()},
        ahead=row.ahead,
        timeless=row.timeless,
        error=row.error,
        error_kind=row.error_kind,
        failing_since=row.failing_since,
        last_ok_at=row.last_ok_at,
        last_rows=row.last_rows,
        last_ms=row.last_ms,
        gaps=tuple(gaps)[:_GAPS],
    )


def _standing(source: Source, feed: Declared, row: Feed, now: datetime) -> tuple[FeedStanding, str]:
    title = f"the feed {feed.name} of {source.title}"
    if not source.is_set_up:
        return "no_source", f"{source.title} is not set up"
    if row.error_kind:
        return "blind", f"{title} can't be read: {row.error}"
    if row.read_to is None:
        return "new", f"{title} has not been read yet"
    lag = now - row.read_to
    if not row.is_caught_up or lag > borne(source, feed):
        return "behind", f"{title} is caught up to {row.read_to:%Y-%m-%d %H:%M} UTC, {show_duration(lag)} behind"
    return "fresh", f"read to {row.read_to:%H:%M:%S} UTC"
