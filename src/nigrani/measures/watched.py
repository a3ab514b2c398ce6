"""Which minutes of the past can be judged: we were watching, the sources answered, the readings are computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nigrani.guide.model import Guide, Measure, Source
from nigrani.telemetry import store

from . import history
from .models import Watermark
from .past import MINUTE, PASS, width
from .rows import sql_hash

_CARRIED = 2  # minutes for which the last sign of us stands: it is written four times a minute


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


@dataclass(frozen=True)
class Silence:
    """Why minutes can't be judged, and which: 1 for each that can't."""

    why: str
    marks: bytes


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
    silences = [Silence("Nigrani was not watching", _absences(start, count))]
    silences += [Silence(f"{each.title} did not answer", _darkness(each, start, count)) for each in needed]
    silences += _questions(needed, measure.asks, start, count)
    whys = [*(each.why for each in silences), "it was not computed yet"]
    blind = [0] * count
    for number, each in reversed([*enumerate(silences, 1)]):  # the first that holds is told
        if any(each.marks):
            blind = [number if mark else was for mark, was in zip(each.marks, blind, strict=True)]
    reach = min(MINUTE * (width(over) - 1), history.DEPTH)
    whole = mark.filled_from + reach  # the first window that holds nothing uncomputed
    half = min(count, max(0, -((start - whole) // MINUTE)))
    return Watched([len(whys)] * half + blind[half:], tuple(whys))


_PLACE = "toInt32(intDiv(toUnixTimestamp(at) - {first:Int64}, 60))"
_OURS = "source = 'nigrani' AND at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)}"


def _absences(start: datetime, count: int) -> bytes:
    """Mark the minutes in which we left no sign of ourselves."""
    sql = f"""SELECT groupArray(place) AS places FROM (SELECT DISTINCT {_PLACE} AS place FROM gauges
        WHERE {_OURS} AND name = 'nigrani.journal.backlog_rows')"""  # noqa: S608 - our own words
    [row] = store.query(sql, _span(start, count))
    return _marks(row["places"], (), count)


def _darkness(source: Source, start: datetime, count: int) -> bytes:
    """Mark the minutes at whose end a source had been silent for longer than is borne."""
    sql = f"""SELECT groupArray(place) AS places, groupArrayIf(place, age > {{borne:Float64}}) AS dark FROM (
        SELECT {_PLACE} AS place, argMax(value, at) AS age FROM gauges
        WHERE {_OURS} AND name = 'nigrani.source.age_s' AND labels['source'] = {{name:String}}
        GROUP BY place)"""  # noqa: S608 - our own words
    more = {"name": source.name, "borne": source.stale_after.total_seconds()}
    [row] = store.query(sql, _span(start, count) | more)
    return _marks(row["places"], row["dark"], count)


def _span(start: datetime, count: int) -> dict[str, Any]:
    first = start - MINUTE * _CARRIED
    return {"first": int(first.timestamp()), "start": first, "end": start + MINUTE * count}


def _marks(recorded: Iterable[int], dark: Iterable[int], count: int) -> bytes:
    """Mark what is dark, and what nothing was recorded of for longer than a record stands."""
    unrecorded = 2
    marks = bytearray([unrecorded]) * (count + _CARRIED)
    for place in recorded:
        marks[place] = 0
    for place in dark:
        marks[place] = 1
    if unrecorded in marks:
        last, left = 1, 0
        for place, each in enumerate(marks):
            if each != unrecorded:
                last, left = each, _CARRIED
            else:
                marks[place], left = (last, left - 1) if left else (1, 0)
    return bytes(marks[_CARRIED:])


def _questions(needed: Iterable[Source], asks: Sequence[str], start: datetime, count: int) -> list[Silence]:
    """Return the silence of each question that the measure lives on, by the answers that were recorded."""
    declared = {(each.name, ask): each for each in needed for ask in asks if ask in each.probes}
    if not declared:
        return []
    sql = """SELECT source, probe, groupArray(place) AS places, groupArray(last) AS lasts FROM (
        SELECT source, probe, toInt32(intDiv(toUnixTimestamp(at) - {first:Int64}, 60)) AS place,
            toUnixTimestamp(max(at)) AS last
        FROM probes WHERE source IN {sources:Array(String)} AND probe IN {probes:Array(String)}
            AND outcome IN ('ok', 'fail') AND at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)}
        GROUP BY source, probe, place) GROUP BY source, probe"""
    borne = {
        place: max(each.stale_after, 3 * each.probes[place[1]].every).total_seconds()
        for place, each in declared.items()
    }
    ahead = -(-max(borne.values()) // 60)  # an answer before the span may still stand at its beginning
    first = start - MINUTE * ahead
    began = int(first.timestamp())
    asked = {
        "first": began, "start": first, "end": start + MINUTE * count,
        "sources": [name for name, _ in declared], "probes": [ask for _, ask in declared],
    }  # fmt: skip
    answers = {
        (row["source"], row["probe"]): dict(zip(row["places"], row["lasts"], strict=True))
        for row in store.query(sql, asked)
    }
    found = []
    for place, each in declared.items():
        recorded, ages = answers.get(place, {}), []
        last = float("-inf")
        for minute in range(count + int(ahead)):
            last = recorded.get(minute, last)
            ages.append(began + 60.0 * minute + PASS.total_seconds() - last)
        why = f"the question {place[1]} of {each.title} was not answered"
        found.append(Silence(why, bytes(age > borne[place] for age in ages[int(ahead) :])))
    return found
