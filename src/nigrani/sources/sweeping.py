"""Look for rows that came later than a feed's overlap: counts are compared, and rows read only where they differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from nigrani import guide as guides
from nigrani import integrations
from nigrani.integrations import PollJob
from nigrani.telemetry import journal, pseudonyms, store

from . import feed_facts

EVERY = timedelta(minutes=10)
_PAGES = 20
_MOST_IDS = 500_000
_SHIPPED = timedelta(seconds=30)  # what is in the journal reaches telemetry within a second or two, if at all


def aside(source: guides.Source, job: PollJob) -> tuple[int, int]:
    """Return how many rows lie too far in the future to be read, and how many have no time."""
    return integrations.find(source.kind).poller.aside(job)


def late(
    source: guides.Source, feed: guides.Feed, job: PollJob, *, before: datetime, begun: datetime, now: datetime
) -> feed_facts.Taken:
    """Return the facts that are missing in telemetry, of rows written within `feed.late` before `before`.

    Nothing when telemetry lacks what the journal still holds. Raises SourceError.
    """
    waiting = journal.backlog().oldest_at
    if waiting is not None and now - waiting > _SHIPPED:
        return feed_facts.Taken()
    end = _millisecond(before - _SHIPPED)
    start = max(end - feed.late, _millisecond(begun) + timedelta(milliseconds=1))
    if start >= end:
        return feed_facts.Taken()
    poller = integrations.find(source.kind).poller
    span = replace(job, after=start, until=end)
    if poller.count(span) <= _kept(source, feed, start, end):
        return feed_facts.Taken()
    known = _ids(source, feed, start, end)
    found = feed_facts.Taken()
    for _ in range(_PAGES):
        page = poller.poll(span)
        fresh = [row for row in page.rows if row.id and feed_facts.fact_id(feed, row.id) not in known]
        taken = feed_facts.take(source.name, feed, fresh, scrubber=pseudonyms.current())
        found.facts += taken.facts
        found.places += taken.places
        last = page.rows[-1] if page.rows else None
        if page.is_last or last is None or last.at is None:
            break
        if not last.id:
            break  # of rows without an id there is no way on; they are rejected anyway
        span = replace(span, after=last.at, after_id=last.id)
    return found


_WHERE = """WHERE source = {source:String} AND startsWith(id, {prefix:String})
    AND at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)}"""


def _params(source: guides.Source, feed: guides.Feed, start: datetime, end: datetime) -> dict[str, object]:
    return {"source": source.name, "prefix": feed_facts.fact_id(feed, ""), "start": start, "end": end}


def _kept(source: guides.Source, feed: guides.Feed, start: datetime, end: datetime) -> int:
    sql = f"SELECT uniqExact(id) AS n FROM {feed.to} {_WHERE}"  # noqa: S608 - a table of ours, held by the loader
    return int(store.query(sql, _params(source, feed, start, end))[0]["n"])


def _ids(source: guides.Source, feed: guides.Feed, start: datetime, end: datetime) -> set[str]:
    sql = f"SELECT DISTINCT id FROM {feed.to} {_WHERE} LIMIT {_MOST_IDS}"  # noqa: S608
    return {str(row["id"]) for row in store.query(sql, _params(source, feed, start, end))}


def _millisecond(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
