"""Whether a measure may be believed now: has it its sources, do they answer, are its readings computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from nigrani.guide.model import Guide, Measure, Source
from nigrani.lib.units import show_duration
from nigrani.sources import feed_queries
from nigrani.sources import queries as sources
from nigrani.sources.feed_queries import FeedView

from .models import Watermark
from .rows import sql_hash
from .values import Known

Fed = Mapping[str, tuple[FeedView, ...]]
BEHIND = timedelta(seconds=90)  # more than a watermark in PostgreSQL may lag while all is well


@dataclass(frozen=True)
class Standing:
    """`known` is "known", "unknown" or "no_source"; `says` tells why when it is not known. version: changes whenever
    readings were written. filled_from: from which minute on its past is computed; None while nothing is. holes: spans
    of which facts are gone for good, each with why; a window over one is unknown.
    """

    known: Known
    says: str
    sql_hash: str
    version: str
    filled_from: datetime | None = None
    holes: tuple[tuple[datetime, datetime, str], ...] = ()

    def hole(self, start: datetime, end: datetime) -> str:
        """Return why a window can't be told because of what is gone, "" when nothing of it is."""
        return next((says for began, ended, says in self.holes if began < end and ended > start), "")


def standings(guide: Guide, *, now: datetime) -> dict[str, Standing]:
    """Return the standing of every measure of the guide, by name."""
    ages = sources.ages(guide, now)
    fed = feed_queries.feeds(guide, now)
    marks = {mark.measure: mark for mark in Watermark.objects.all()}
    silent = sources.unanswered(guide, now) if any(each.asks for each in guide.measures.values()) else {}
    return {
        measure.name: _standing(guide, measure, ages, silent, fed, marks.get(measure.name), now)
        for measure in guide.measures.values()
    }


def darkness(guide: Guide, measure: Measure, *, now: datetime) -> str:
    """Return which of a measure's sources does not answer and for how long; "" while all do."""
    return _darkness([guide.sources[name] for name in measure.needs if name in guide.sources], sources.ages(guide, now))


def _standing(
    guide: Guide,
    measure: Measure,
    ages: Mapping[str, float | None],
    silent: Mapping[tuple[str, str], sources.Unanswered],
    fed: Fed,
    mark: Watermark | None,
    now: datetime,
) -> Standing:
    text = sql_hash(measure)
    needed = [guide.sources[name] for name in measure.needs if name in guide.sources]
    for source in needed:
        if not source.is_set_up:
            return Standing("no_source", f"{source.title} is not set up: {_missing(source)}", text, "")
    whys = [
        silent[place] for place in ((need, ask) for need in measure.needs for ask in measure.asks) if place in silent
    ]
    for why in whys:
        if why.is_absent:
            return Standing("no_source", why.says, text, "")
    lines = [line for source in needed for line in _feeds(source, measure, fed, now)]
    doubt = next((doubt for doubt, _ in lines if doubt), "")
    says = _darkness(needed, ages) or next((why.says for why in whys), "") or doubt or _backlog(mark, text, now)
    version = f"{mark.pk} {mark.read_at} {mark.filled_from}" if mark else ""
    filled_from = mark.filled_from if mark and mark.sql_hash == text else None
    holes = tuple(hole for _, view in lines for hole in _holes(view))
    return Standing("unknown" if says else "known", says, text, version, filled_from, holes)


def _feeds(source: Source, measure: Measure, fed: Fed, now: datetime) -> Iterator[tuple[str, FeedView]]:
    """Yield the feeds a measure lives on, with why each can't be believed: those of its sources into its tables."""
    for view in fed.get(source.name, ()):
        if view.to in measure.tables:
            yield feed_queries.doubt(source, source.feeds[view.name], view, now=now), view


def _holes(view: FeedView) -> Iterator[tuple[datetime, datetime, str]]:
    for gap in view.gaps:
        if gap.lost_to is not None:
            span = f"{gap.start:%Y-%m-%d %H:%M} to {gap.lost_to:%Y-%m-%d %H:%M} UTC"
            yield gap.start, gap.lost_to, f"rows of {span} were gone before they could be read"


def _missing(source: Source) -> str:
    return f"{', '.join(source.missing)} {'is' if len(source.missing) == 1 else 'are'} missing"


def _darkness(needed: list[Source], ages: Mapping[str, float | None]) -> str:
    for source in needed:
        age = ages.get(source.name)
        if age is None:
            return f"{source.title} has not answered yet"
        if age > source.stale_after.total_seconds():
            return f"{source.title} has not answered for {show_duration(age)}"
    return ""


def _backlog(mark: Watermark | None, text: str, now: datetime) -> str:
    if mark is not None and mark.error:
        return f"its SQL fails: {mark.error}"
    if mark is None or mark.sql_hash != text or mark.read_at is None:
        return "no reading is computed yet"
    if now - mark.received_to > BEHIND:
        return f"its readings are {show_duration(now - mark.received_to)} behind"
    return ""
