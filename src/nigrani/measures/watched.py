"""Which minutes of the past can be judged: we were watching, the sources answered, the readings are computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from nigrani.guide.model import Guide, Measure, Source
from nigrani.telemetry import store

from . import history
from .models import Watermark
from .past import MINUTE, PASS, width
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


@dataclass(frozen=True)
class Silence:
    """How long something had been silent at the end of each minute, in seconds, and how long that is borne."""

    why: str
    ages: Sequence[float]
    borne_s: float


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
    ours, *ages = _ages([each.name for each in needed], start, count)
    silences = [Silence("Nigrani was not watching", ours, 0.0)]
    for each, found in zip(needed, ages, strict=True):
        silences.append(Silence(f"{each.title} did not answer", found, each.stale_after.total_seconds()))
    silences += _questions(needed, measure.asks, start, count)
    whys = [*(one.why for one in silences), "it was not computed yet"]
    blind = [0] * count
    for number, one in reversed([*enumerate(silences, 1)]):  # the first that holds is told
        blind = [number if age > one.borne_s else was for age, was in zip(one.ages, blind, strict=True)]
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
        recorded, last, ages = answers.get(place, {}), -_UNSEEN, []
        for minute in range(count + int(ahead)):
            last = recorded.get(minute, last)
            ages.append(began + 60.0 * minute + PASS.total_seconds() - last)
        why = f"the question {place[1]} of {each.title} was not answered"
        found.append(Silence(why, ages[int(ahead) :], borne[place]))
    return found


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
