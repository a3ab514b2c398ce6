"""Whether a measure may be believed now: has it its sources, do they answer, are its readings computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from nigrani.guide.model import Guide, Measure, Source
from nigrani.lib.units import show_duration
from nigrani.sources import queries as sources

from .models import Watermark
from .rows import sql_hash
from .values import Known

BEHIND = timedelta(seconds=90)  # more than a watermark in PostgreSQL may lag while all is well


@dataclass(frozen=True)
class Standing:
    """`known` is "known", "unknown" or "no_source"; `says` tells why when it is not known. version: changes whenever
    readings were written. filled_from: from which minute on its past is computed; None while nothing is."""

    known: Known
    says: str
    sql_hash: str
    version: str
    filled_from: datetime | None = None


def standings(guide: Guide, *, now: datetime) -> dict[str, Standing]:
    """Return the standing of every measure of the guide, by name."""
    ages = sources.ages(guide, now)
    marks = {mark.measure: mark for mark in Watermark.objects.all()}
    silent = sources.unanswered(guide, now) if any(each.asks for each in guide.measures.values()) else {}
    return {
        measure.name: _standing(guide, measure, ages, silent, marks.get(measure.name), now)
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
    says = _darkness(needed, ages) or next((why.says for why in whys), "") or _backlog(mark, text, now)
    version = f"{mark.pk} {mark.read_at}" if mark else ""
    filled_from = mark.filled_from if mark and mark.sql_hash == text else None
    return Standing("unknown" if says else "known", says, text, version, filled_from)


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
