"""A measure's past, minute by minute: what every window said when its last minute was over.

Merging each window anew would read every minute as often as the window is long. So sums and largest values are joined
from running totals of blocks as long as the window (each minute is touched three times, and no error adds up beyond
one window), and digests are merged by the store over a frame that slides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from operator import add
from typing import Any

from nigrani.guide.model import Condition, Measure
from nigrani.telemetry import store

from . import labels as label_sets
from .merging import LEVELS, TDIGEST, kind
from .rows import sql_hash
from .values import window

MINUTE = timedelta(minutes=1)
PASS = timedelta(seconds=59)  # when in its minute a past window is looked at: as late as a live pass may be
MOST_SERIES = 100
_AT_ONCE, _BYTES = 14_400, 8_000_000  # minutes and bytes of digests in one question: it has to fit the store's memory
_TOGETHER = 2  # questions side by side: the store has as many cores to spare
_NOTHING = float("-inf")

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Past:
    """One series. values: what its window said at the end of each minute from `start` on, None for nothing; observed:
    how many observations that was made of."""

    key: str
    labels: Mapping[str, str]
    start: datetime
    values: Sequence[float | None]
    observed: Sequence[float]


def width(over: timedelta) -> int:
    """Return how many minutes a window holds when its last one is over."""
    span = window(over, at=datetime(2026, 1, 1, tzinfo=UTC) + PASS)
    return round((span.end - span.start) / MINUTE)


def series_of(
    condition: Condition, measure: Measure, start: datetime, end: datetime
) -> list[tuple[str, dict[str, str]]]:
    """Return the label sets that the condition is about and that have readings in the span, by key. One question."""
    sql = """SELECT labels_key, any(labels) AS label_set FROM readings WHERE measure = {measure:String}
        AND sql_hash = {mark:String} AND minute >= {start:DateTime} AND minute < {end:DateTime} AND n > 0
        GROUP BY labels_key ORDER BY labels_key"""
    asked = _asked(measure, start - MINUTE * (width(condition.over) - 1), end)
    found = [(str(row["labels_key"]), dict(row["label_set"])) for row in store.query(sql, asked)]
    return [(key, labels) for key, labels in found if label_sets.matches(labels, condition.only)]


def past(
    measure: Measure, over: timedelta, key: str, labels: Mapping[str, str], start: datetime, end: datetime,
    *, progress: Progress = lambda _: None,
) -> Past:  # fmt: skip
    """Return one series over the whole minutes [start, end). Raises SourceError.

    progress: told the share that is done, from 0 to 1, whenever some of it is.
    """
    long, count = width(over), round((end - start) / MINUTE)
    if kind(measure) == "plain":
        values, observed = _plain(measure, key, start, count, long)
    else:
        values, observed = _digested(measure, key, start, count, long, progress)
    progress(1.0)
    return Past(key, labels, start, values, observed)


def slide(values: Sequence[float], long: int, join: Callable[[float, float], float], nothing: float) -> list[float]:
    """Return the join of every `long` neighbours, from the first ones on: len(values) - long + 1 of them."""
    front: list[float] = []
    back: list[float] = []
    for at in range(0, len(values), long):
        block = values[at : at + long]
        front += accumulate(block, join)
        back.append(nothing)  # a window that begins with a block ends with it: its front is all of it
        back += [*accumulate(block[:0:-1], join)][::-1]
    return list(map(join, back[: len(values) - long + 1], front[long - 1 :]))


def _plain(
    measure: Measure, key: str, start: datetime, count: int, long: int
) -> tuple[list[float | None], list[float]]:
    first, size = start - MINUTE * (long - 1), count + long - 1
    sql = """SELECT groupArray(place) AS places, groupArray(num) AS nums, groupArray(den) AS dens, groupArray(n) AS ns
        FROM (SELECT toUInt32(intDiv(toUnixTimestamp(minute) - {first:Int64}, 60)) AS place, ifNull(num, 0.) AS num,
            ifNull(den, 0.) AS den, toFloat64(n) AS n FROM readings FINAL WHERE measure = {measure:String}
            AND sql_hash = {mark:String} AND labels_key = {key:String} AND minute >= {start:DateTime}
            AND minute < {end:DateTime} AND n > 0)"""
    asked = _asked(measure, first, start + MINUTE * count) | {"key": key, "first": int(first.timestamp())}
    [row] = store.query(sql, asked)
    places = row["places"]
    observed = _spread(places, row["ns"], size, 0.0)
    counts = slide(observed, long, add, 0.0)
    nums = row["nums"]
    match measure.combine:
        case "sum":
            return list(slide(_spread(places, nums, size, 0.0), long, add, 0.0)), counts
        case "ratio":
            total = slide(_spread(places, nums, size, 0.0), long, add, 0.0)
            whole = slide(_spread(places, row["dens"], size, 0.0), long, add, 0.0)
            return [one / other if other else None for one, other in zip(total, whole, strict=True)], counts
        case "max":
            top = slide(_spread(places, nums, size, _NOTHING), long, max, _NOTHING)
            return [None if each == _NOTHING else each for each in top], counts
        case _:
            return _newest(places, nums, size, long), counts


def _spread(places: Sequence[int], found: Sequence[float], size: int, nothing: float) -> list[float]:
    """Return a value for every minute: what was found where there is something, else nothing."""
    spread = [nothing] * size
    for place, value in zip(places, found, strict=True):
        spread[place] = value
    return spread


def _newest(places: Sequence[int], nums: Sequence[float], size: int, long: int) -> list[float | None]:
    """Return the newest value within each window."""
    present: list[int] = [-long] * size
    numbers = dict(zip(places, nums, strict=True))
    for place in places:
        present[place] = place
    newest = [*accumulate(present, max)][long - 1 :]
    return [numbers[place] if place >= at else None for at, place in enumerate(newest)]


def _digested(
    measure: Measure, key: str, start: datetime, count: int, long: int, progress: Progress
) -> tuple[list[float | None], list[float]]:
    """Let the store merge digests over a sliding frame: some days a question, two questions side by side."""
    is_uniq = kind(measure) == "uniq"
    state = "AggregateFunction(uniq, String)" if is_uniq else TDIGEST
    frame = f"OVER (ORDER BY place RANGE BETWEEN {long - 1} PRECEDING AND CURRENT ROW)"
    merge = (
        f"toFloat64(uniqMerge(state) {frame})" if is_uniq else f"quantilesTDigestMerge(0.5, 0.95, 0.99)(state) {frame}"
    )
    number = "merged" if is_uniq else f"merged[{LEVELS[measure.combine]}]"
    # Minutes without a reading end a window too: they are filled in, with a digest of nothing.
    sql = f"""SELECT groupArray(place) AS places, groupArray({number}) AS found, groupArray(observed) AS ns
        FROM (SELECT place, {merge} AS merged, sum(n) {frame} AS observed FROM (SELECT place, n, state FROM (
            SELECT toUInt32(intDiv(toUnixTimestamp(minute) - {{first:Int64}}, 60)) AS place, toFloat64(n) AS n,
                CAST(unhex(digest) AS {state}) AS state
            FROM readings FINAL WHERE measure = {{measure:String}} AND sql_hash = {{mark:String}}
                AND labels_key = {{key:String}} AND minute >= {{start:DateTime}} AND minute < {{end:DateTime}} AND n > 0
            ) ORDER BY place WITH FILL FROM 0 TO {{size:UInt32}}))
        WHERE place >= {{skipped:UInt32}}"""  # noqa: S608 - our own words and numbers

    def ask(part: tuple[int, int]) -> tuple[int, Mapping[str, Any]]:
        at, size = part
        first = start + MINUTE * (at - long + 1)
        asked = _asked(measure, first, start + MINUTE * (at + size))
        more = {"key": key, "first": int(first.timestamp()), "size": size + long - 1, "skipped": long - 1}
        return at, store.query(sql, asked | more)[0]

    values: list[float | None] = [None] * count
    observed = [0.0] * count
    parts = _parts(measure, key, start, count, long)
    with ThreadPoolExecutor(_TOGETHER) as pool:
        for done, (at, row) in enumerate(pool.map(ask, parts), 1):
            for place, value, n in zip(row["places"], row["found"], row["ns"], strict=True):
                observed[at + place - long + 1] = n
                values[at + place - long + 1] = value if n else None
            progress(done / len(parts))
    return values, observed


def _parts(measure: Measure, key: str, start: datetime, count: int, long: int) -> list[tuple[int, int]]:
    """Return spans of minutes, each few enough for the store to hold the digests of its windows."""
    sql = """SELECT avg(length(digest)) AS size FROM readings WHERE measure = {measure:String}
        AND sql_hash = {mark:String} AND labels_key = {key:String} AND minute >= {start:DateTime}
        AND minute < {end:DateTime} AND n > 0"""
    asked = _asked(measure, start - MINUTE * (long - 1), start + MINUTE * count) | {"key": key}
    size = float(store.query(sql, asked)[0]["size"] or 0)
    most = max(long, min(_AT_ONCE, int(_BYTES / size) if size > 0 else _AT_ONCE))  # NaN when there is none
    return [(at, min(most, count - at)) for at in range(0, count, most)]


def _asked(measure: Measure, start: datetime, end: datetime) -> dict[str, Any]:
    return {"measure": measure.name, "mark": sql_hash(measure), "start": start, "end": end}
