"""Which minutes of the past can be judged: we were watching, the sources answered, the readings are computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from nigrani.guide.model import Guide, Measure
from nigrani.telemetry import store

from . import history
from .models import Watermark
from .past import MINUTE, width
from .rows import sql_hash

_CARRIED = 2  # minutes for which the last sign of us stands: it is written four times a minute
_UNSEEN = float("inf")


@dataclass(frozen=True)
class Watched:
    """blind: for every minute from the start on, 0 when it can be judged, else the place in `whys`, counted from 1."""

    blind: Sequence[int]
    whys: tuple[str, ...]

    @property
    def shares(self) -> list[tuple[str, float]]:
        """Why it could not be judged, and for which share of the time; only what occurred."""
        found = [(why, self.blind.count(number)) for number, why in enumerate(self.whys, 1)]
        return [(why, count / len(self.blind)) for why, count in found if count]


def watched(guide: Guide, measure: Measure, over: timedelta, start: datetime, end: datetime) -> Watched:
    """Return which whole minutes of [start, end) can be judged, as a live pass would have. Raises SourceError.

    Whether a source was dark is read from what we recorded of ourselves; where there is no such record, we were not
    watching, whatever facts of that time arrived later.
    """
    count = round((end - start) / MINUTE)
    needed = [guide.sources[name] for name in measure.needs if name in guide.sources]
    if unset := [each for each in needed if not each.is_set_up]:
        return Watched([1] * count, (f"{unset[0].title} is not set up",))
    mark = Watermark.objects.filter(measure=measure.name, sql_hash=sql_hash(measure)).first()
    if mark is None:
        return Watched([1] * count, ("no reading was recorded with this text of the measure",))
    ages = _ages([each.name for each in needed], start, count)
    whys = ["Nigrani was not watching", *(f"{each.title} did not answer" for each in needed), "it was not computed yet"]
    borne = [each.stale_after.total_seconds() for each in needed]
    blind = [0] * count
    for number in range(len(needed), 0, -1):
        limit, silences = borne[number - 1], ages[number]
        blind = [number + 1 if age > limit else was for age, was in zip(silences, blind, strict=True)]
    blind = [1 if age == _UNSEEN else was for age, was in zip(ages[0], blind, strict=True)]
    reach = min(MINUTE * (width(over) - 1), history.DEPTH)
    whole = mark.filled_from + reach  # the first window that holds nothing uncomputed
    half = min(count, max(0, -((start - whole) // MINUTE)))
    return Watched([len(whys)] * half + blind[half:], tuple(whys))


def _ages(names: Sequence[str], start: datetime, count: int) -> list[list[float]]:
    """Return for us (0 or infinite) and for each source its silence in seconds, minute by minute, as last recorded."""
    sql = """SELECT source_name, groupArray(place) AS places, groupArray(age) AS ages FROM (
        SELECT if(name = 'nigrani.source.age_s', labels['source'], '') AS source_name,
            toInt32(intDiv(toUnixTimestamp(at) - {first:Int64}, 60)) AS place, argMax(value, at) AS age
        FROM gauges WHERE source = 'nigrani' AND at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)}
            AND (name = 'nigrani.journal.backlog_rows'
                OR (name = 'nigrani.source.age_s' AND labels['source'] IN {names:Array(String)}))
        GROUP BY source_name, place) GROUP BY source_name"""
    first = start - MINUTE * _CARRIED
    asked = {"first": int(first.timestamp()), "start": first, "end": start + MINUTE * count, "names": list(names)}
    found = {
        str(row["source_name"]): dict(zip(row["places"], row["ages"], strict=True)) for row in store.query(sql, asked)
    }
    return [_carried(found.get(name, {}), count, grows=bool(name)) for name in ("", *names)]


def _carried(recorded: dict[int, float], count: int, *, grows: bool) -> list[float]:
    """Let each record stand for a little while; what is recorded of a source grows older meanwhile."""
    ages, age, left = [], _UNSEEN, 0
    for place in range(count + _CARRIED):
        if place in recorded:
            age, left = recorded[place] if grows else 0.0, _CARRIED
        elif left:
            age, left = age + (60.0 if grows else 0.0), left - 1
        else:
            age = _UNSEEN
        ages.append(age)
    return ages[_CARRIED:]
