"""What a chart shows: lines and a level over a window, reduced to what fits, its gaps, its scale, its table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from nigrani.lib import units

MOST_LINES = 5
_BUCKETS = 240  # points a line: about two to a pixel on a phone, four pixels each on a desk
_TABLE_ROWS = 48
_X_STEPS = [timedelta(minutes=m) for m in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080)]
_X_TICKS, _Y_TICKS = 7, 4
_FLAT = 1e-9  # a smaller spread is noise of floating point, not something to look at

Point = tuple[datetime, float | None]


@dataclass(frozen=True)
class Line:
    """One series, in order of time; None, and a time without a point, is "not known"."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Level:
    """The threshold, and on which side of it something is wrong."""

    at: float
    is_above: bool
    said: str


@dataclass(frozen=True)
class Chart:
    """What to draw. `id` is unique on the page; the window is half-open; `step` is the distance of points."""

    id: str
    title: str
    lines: Sequence[Line]
    unit: str
    start: datetime
    end: datetime
    zone: ZoneInfo
    step: timedelta = timedelta(minutes=1)
    level: Level | None = None

    @property
    def bucket(self) -> timedelta:
        """How much time one drawn point stands for: a whole number of steps."""
        steps = math.ceil((self.end - self.start) / self.step / _BUCKETS)
        return self.step * max(1, steps)

    @property
    def shown(self) -> list[Line]:
        """The lines that fit a legible chart, each reduced to one point a bucket."""
        return [Line(line.name, reduce(line.points, self)) for line in self.lines[:MOST_LINES]]

    @property
    def left_out(self) -> int:
        """How many lines are not drawn."""
        return max(0, len(self.lines) - MOST_LINES)

    @property
    def has_gaps(self) -> bool:
        """Whether part of the window is hatched."""
        return bool(gaps(self.shown, self))

    @property
    def table(self) -> list[tuple[datetime, list[str]]]:
        """The same figures in rows: an instant and one value a line, newest first."""
        shown = self.shown
        if not shown:
            return []
        every = math.ceil(len(shown[0].points) / _TABLE_ROWS)
        picked = range(len(shown[0].points) - 1, -1, -max(1, every))
        return [
            (shown[0].points[at][0], [units.show_value(line.points[at][1], self.unit) for line in shown])
            for at in picked
        ]


def reduce(points: Iterable[Point], chart: Chart) -> list[Point]:
    """Return one point for each bucket of the window: the worst of those in it, None where there is none.

    Worst is towards the level; without a level it is the mean, so that a chart never hides a breach it has a line for.
    """
    count = math.ceil((chart.end - chart.start) / chart.bucket)
    filled: list[list[float]] = [[] for _ in range(count)]
    for at, value in points:
        place = int((at - chart.start) / chart.bucket)
        if value is not None and math.isfinite(value) and 0 <= place < count:
            filled[place].append(value)
    worst = _mean if chart.level is None else max if chart.level.is_above else min
    return [
        (chart.start + chart.bucket * index, worst(values) if values else None) for index, values in enumerate(filled)
    ]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def gaps(lines: Sequence[Line], chart: Chart) -> list[tuple[float, float]]:
    """Return the spans (as shares of the width) in which no line has a value."""
    spans: list[tuple[float, float]] = []
    width = chart.bucket / (chart.end - chart.start)
    count = math.ceil((chart.end - chart.start) / chart.bucket)
    for index in range(count):
        if any(line.points[index][1] is not None for line in lines):
            continue
        left, right = index * width, min(1.0, (index + 1) * width)
        if spans and abs(spans[-1][1] - left) < 1e-9:
            spans[-1] = (spans[-1][0], right)
        else:
            spans.append((left, right))
    return spans


def scale(lines: Sequence[Line], chart: Chart) -> tuple[float, float, list[float]]:
    """Return the lowest and highest value of the axis and its ticks. It holds 0, but for shares, which are looked at
    closely and end at 1."""
    values = [value for line in lines for _, value in line.points if value is not None]
    if chart.level:
        values.append(chart.level.at)
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    is_share = chart.unit == "ratio" and low >= 0 and high <= 1
    if is_share and high - low < _FLAT:
        low, high = 0.0, 1.0
    elif not is_share:
        low, high = min(0.0, low), max(0.0, high)
    if high - low < _FLAT:
        high = low + 1.0
    step = nice_step((high - low) / _Y_TICKS)
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    if is_share:
        low, high = max(0.0, low), min(1.0, high)
    first = math.ceil(low / step - 1e-9)
    return low, high, [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def nice_step(rough: float) -> float:
    """Return the smallest of 1, 2, 2.5, 5 times a power of ten that is not below `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return power * next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))


def time_ticks(chart: Chart) -> list[datetime]:
    """Return round instants of the zone's clock within the window, at most a handful."""
    span = chart.end - chart.start
    step = next((each for each in _X_STEPS if span / each <= _X_TICKS), _X_STEPS[-1])
    midnight = chart.start.astimezone(chart.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    ticks, at = [], midnight.astimezone(chart.start.tzinfo)
    at += step * max(0, math.ceil((chart.start - at) / step))
    while at < chart.end:
        ticks.append(at)
        at += step
    return ticks
