"""Merge readings over windows: every condition of a pass in one query, and from memory what can't have changed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from nigrani.guide import current
from nigrani.guide.model import Condition, Guide, Measure
from nigrani.lib.errors import SourceError
from nigrani.telemetry import store

from . import history
from . import labels as label_sets
from .merging import MERGED, Way, kind, number
from .standing import Standing, standings
from .values import Value, Window, settle, window


@dataclass(frozen=True)
class Merged:
    """What a condition's measure says now: one value per label set that had readings in the window.

    A measure without labels always has its one value, under "".
    """

    measure: Measure
    condition: Condition
    standing: Standing
    window: Window
    values: Mapping[str, Value]

    def of(self, key: str, labels: Mapping[str, str]) -> Value:
        """Return the value of a label set, also of one that has no readings in the window."""
        if key in self.values:
            return self.values[key]
        return _value(self.measure, self.condition, self.standing, self.window, None, labels)


@dataclass(frozen=True)
class _Row:
    labels: Mapping[str, str]
    number: float | None
    n: float
    first: datetime


@dataclass
class _Cache:
    """What was merged and made of it, good for the same window and version of the readings.

    rows: by (measure, sql_hash, over). values: by the rows' own place, least number and labels asked for.
    """

    rows: dict[tuple[str, str, timedelta], tuple[Window, str, dict[str, _Row]]] = field(default_factory=dict)
    values: dict[tuple[object, ...], tuple[Mapping[str, _Row], Window, dict[str, Value]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


_cache = _Cache()


def read(
    guide: Guide,
    conditions: Sequence[Condition],
    *,
    now: datetime,
    standing: Mapping[str, Standing] | None = None,
) -> list[Merged]:
    """Return what every condition's measure says at `now`, in the order asked. Raises SourceError.

    standing: as standings() gave it for this pass, if the caller has it already.
    """
    standing = dict(standing or standings(guide, now=now))
    asked = {(each.measure, each.over) for each in conditions if standing[each.measure].known == "known"}
    with _cache.lock:
        rows = _rows(guide, asked, standing, now)
    return [_merged(guide.measures[each.measure], each, standing[each.measure], rows, now) for each in conditions]


def merge(
    measure: Measure, over: timedelta, *, at: datetime, only: Mapping[str, tuple[str, ...]] | None = None
) -> dict[str, Value]:
    """Return one measure's values by label set at `at`, under the guide that runs. Raises SourceError.

    A measure with labels that is not known now has one value, under "", that says why.
    """
    condition = Condition(measure.name, over, above=0, only=only or {})
    merged = read(current.get(), [condition], now=at)[0]
    if merged.standing.known != "known" and not merged.values:
        return {"": merged.of("", {})}
    return dict(merged.values)


def _merged(
    measure: Measure,
    condition: Condition,
    standing: Standing,
    rows: Mapping[tuple[str, timedelta], Mapping[str, _Row]],
    now: datetime,
) -> Merged:
    span = window(condition.over, at=now)
    found = rows.get((measure.name, condition.over), {})
    is_half = standing.filled_from is not None and _is_half_filled(standing.filled_from, span)
    only = tuple(sorted(condition.only.items()))
    place = (measure.name, measure.unit, condition.over, condition.min_n, only, is_half)
    kept = _cache.values.get(place)
    if kept and kept[0] is found and kept[1] == span:
        return Merged(measure, condition, standing, span, kept[2])
    values = {
        key: _value(measure, condition, standing, span, row, row.labels)
        for key, row in found.items()
        if label_sets.matches(row.labels, condition.only)
    }
    if found:
        _cache.values[place] = (found, span, values)
    if not measure.by and not values:
        values[""] = _value(measure, condition, standing, span, None, {})
    return Merged(measure, condition, standing, span, values)


def _value(
    measure: Measure,
    condition: Condition,
    standing: Standing,
    span: Window,
    row: _Row | None,
    labels: Mapping[str, str],
) -> Value:
    if standing.known != "known":
        return Value(standing.known, None, 0, standing.says, span, labels)
    if standing.filled_from is not None and _is_half_filled(standing.filled_from, span):
        says = f"its past is filled only from {standing.filled_from:%Y-%m-%d %H:%M} UTC on"
        return Value("unknown", None, 0, says, span, labels)
    if says := standing.hole(span.start, span.end):
        return Value("unknown", None, 0, says, span, labels)
    return settle(
        measure,
        row.number if row else None,
        row.n if row else 0,
        over=condition.over,
        min_n=condition.min_n,
        window=span,
        labels=labels,
        first=row.first if row else None,
    )


def _is_half_filled(filled_from: datetime, span: Window) -> bool:
    """Whether a window reaches into a past that is not computed yet: a part of it would be judged as the whole."""
    return filled_from > max(span.start, span.end - history.DEPTH)


def _rows(
    guide: Guide, asked: Iterable[tuple[str, timedelta]], standing: dict[str, Standing], now: datetime
) -> dict[tuple[str, timedelta], dict[str, _Row]]:
    """Return the merged rows of each (measure, over), asking the store only for those that may have changed.

    A measure whose readings can't be merged (a digest of another kind, too many rows) gets a standing that says so.
    """
    found: dict[tuple[str, timedelta], dict[str, _Row]] = {}
    wanted: list[tuple[Measure, timedelta]] = []
    for name, over in asked:
        kept = _cache.rows.get((name, standing[name].sql_hash, over))
        if kept and kept[0] == window(over, at=now) and kept[1] == standing[name].version:
            found[name, over] = kept[2]
        else:
            wanted.append((guide.measures[name], over))
    try:
        fresh = _ask(wanted, standing, now)
    except SourceError:
        store.ping()  # raises when it is the store that is away
        fresh = _ask_apart(wanted, standing, now)
    if len(_cache.rows) > 4 * len(guide.measures) + 1000:
        _cache.rows.clear()  # texts and windows of guides that are gone
        _cache.values.clear()
    for measure, over in wanted:
        rows = fresh.get((measure.name, over), {})
        found[measure.name, over] = rows
        one = standing[measure.name]
        if one.known != "known":
            continue
        _cache.rows[measure.name, one.sql_hash, over] = (window(over, at=now), one.version, rows)
    return found


def _ask_apart(
    wanted: Sequence[tuple[Measure, timedelta]], standing: dict[str, Standing], now: datetime
) -> dict[tuple[str, timedelta], dict[str, _Row]]:
    """Merge each by itself, so that one measure's readings spoil no other's."""
    found: dict[tuple[str, timedelta], dict[str, _Row]] = {}
    for measure, over in wanted:
        try:
            found |= _ask([(measure, over)], standing, now)
        except SourceError as error:
            says = f"its readings can't be merged: {error}"
            standing[measure.name] = replace(standing[measure.name], known="unknown", says=says)
    return found


def _ask(
    wanted: Sequence[tuple[Measure, timedelta]], standing: Mapping[str, Standing], now: datetime
) -> dict[tuple[str, timedelta], dict[str, _Row]]:
    """Merge in the store: one query, a part for each window and way of merging."""
    parts: dict[tuple[timedelta, Way], list[Measure]] = {}
    for measure, over in wanted:
        parts.setdefault((over, kind(measure)), []).append(measure)
    if not parts:
        return {}
    params: dict[str, Any] = {}
    selects, overs = [], []
    for index, ((over, way), measures) in enumerate(parts.items()):
        span = window(over, at=now)
        params |= {f"start{index}": span.start, f"end{index}": span.end}
        params[f"names{index}"] = [measure.name for measure in measures]
        params[f"marks{index}"] = [standing[measure.name].sql_hash for measure in measures]
        overs.append(over)
        selects.append(_select(index, way))
    by_name = {measure.name: measure for measure, _ in wanted}
    found: dict[tuple[str, timedelta], dict[str, _Row]] = {}
    for row in store.query(" UNION ALL ".join(selects), params):
        measure, over = by_name[row["measure"]], overs[row["part"]]
        found.setdefault((measure.name, over), {})[row["labels_key"]] = _Row(
            dict(row["label_set"]), number(measure, row), float(row["observed"]), row["oldest"]
        )
    return found


def _select(index: int, way: Way) -> str:
    return f"""SELECT {index} AS part, measure, labels_key, any(labels) AS label_set, sum(n) AS observed,
        min(minute) AS oldest, {MERGED[way]} FROM readings FINAL
        WHERE measure IN {{names{index}:Array(String)}} AND sql_hash IN {{marks{index}:Array(String)}}
        AND minute >= {{start{index}:DateTime}} AND minute < {{end{index}:DateTime}} AND n > 0
        GROUP BY measure, labels_key"""  # noqa: S608 - only our own fragments
