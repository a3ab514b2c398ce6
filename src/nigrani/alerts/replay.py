"""Run a rule over a recorded past with the very judge and state machine that run live. Pure.

While the same is found minute after minute, an alert changes only when one of its holds is over. So the machine is
asked at the first minute of each such run and at the ends of holds; a test compares this with asking it every minute.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from nigrani.guide.model import Alert, Measure
from nigrani.lib.units import show_duration
from nigrani.measures.past import MINUTE, PASS, Past
from nigrani.measures.values import Value, settle, window
from nigrani.measures.watched import Watched

from .judge import holds_of, judge
from .ladder import climb, height
from .state import GONE_AFTER, LOUD, Seen, State

_BLIND, _TOO_LITTLE = -1, -2  # beside the numbers of cells between levels


@dataclass(frozen=True)
class Change:
    """One change of state or level that a live pass would have recorded. place: its minute, counted from the start."""

    place: int
    at: datetime
    old: State
    new: State
    old_level: str
    level: str
    because: str

    @property
    def is_told(self) -> bool:
        """Whether somebody would have had to hear of it."""
        return self.new == "firing" or (self.new == "ok" and self.old in LOUD)


@dataclass
class Replay:
    """One series of a rule on its way through the past."""

    declared: Alert
    measure: Measure
    past: Past
    watched: Watched
    changes: list[Change] = field(default_factory=list)
    seen: tuple[Seen, ...] = ()

    def run(self) -> list[Change]:
        """Return every change, in order of time."""
        first: State = "ok" if self.past.labels else "unknown"
        self.seen = (Seen(first, self.past.start), *(Seen("ok", self.past.start) for _ in self.declared.higher))
        loud_cells = _Cells(self.declared)
        cells = self._cells(loud_cells)
        place = 0
        for cell, members in groupby(cells):
            end = place + sum(1 for _ in members)
            if not self._is_idle(cell, loud_cells):
                self._span(place, end, cell)
            place = end
        return self.changes

    def at(self, place: int) -> datetime:
        """Return the instant of the pass over a minute."""
        return self.past.start + MINUTE * place + PASS

    def value(self, place: int) -> Value:
        """Return what a live pass would have been given, in its very words."""
        when = self.declared.when
        span = window(when.over, at=self.at(place))
        if blind := self.watched.blind[place]:
            return Value("unknown", None, 0, self.watched.whys[blind - 1], span, self.past.labels)
        return settle(
            self.measure, self.past.values[place], self.past.observed[place],
            over=when.over, min_n=when.min_n, window=span, labels=self.past.labels,
        )  # fmt: skip

    def _cells(self, cells: _Cells) -> Iterator[int]:
        """Yield for every minute what is found in it, as a number: equal numbers are the same to judge."""
        least, is_counted = self.declared.when.min_n, self.measure.combine in ("sum", "uniq")
        for value, n, blind in zip(self.past.values, self.past.observed, self.watched.blind, strict=True):
            if blind:
                yield _BLIND
            elif n < least:
                yield _TOO_LITTLE
            elif value is not None:
                yield cells.of(value)
            else:
                yield cells.of(0.0) if is_counted else _TOO_LITTLE

    def _is_idle(self, cell: int, cells: _Cells) -> bool:
        """Whether an alert that is ok stays so, so that nothing need be asked. Most of a past is like that."""
        if any(each.state != "ok" for each in self.seen):
            return False
        # A label set gets its row when it leaves ok for a value; one without a row does not turn unknown.
        return not cells.holds(cell) if cell != _BLIND else bool(self.past.labels)

    def _span(self, start: int, end: int, cell: int) -> None:
        """Live through minutes that are all alike."""
        place: int | None = start
        while place is not None:
            self._pass(place)
            place = self._next(place, end)
        if cell == _TOO_LITTLE and self.past.labels and self.seen[0].state in LOUD:
            self._close_if_gone(start, end)

    def _next(self, place: int, end: int) -> int | None:
        """Return the next minute within the span in which a hold is over."""
        now, over = self.at(place), []
        for each, holds in zip(self.seen, holds_of(self.declared), strict=True):
            if each.pending_since is not None:
                ends = each.pending_since + (holds.fire if each.state == "pending" else holds.clear)
                over.append(place + max(1, -((now - ends) // MINUTE))) if ends > now else None
        return min((each for each in over if each < end), default=None)

    def _pass(self, place: int) -> None:
        now = self.at(place)
        found = judge(self.declared, self.measure, self.value(place))
        after = climb(self.seen, found, holds_of(self.declared), now=now)
        before = self.seen
        self.seen = tuple(Seen(each.state, each.since, each.pending_since) for each in after.levels)
        if after.because:
            self._changed(place, before, after.because)

    def _close_if_gone(self, start: int, end: int) -> None:
        gone = start + GONE_AFTER // MINUTE
        place = next((each for each in range(gone, end) if not self.past.observed[each]), None)
        if place is None:
            return
        before, now = self.seen, self.at(place)
        self.seen = tuple(Seen("ok", now) for _ in before)
        self._changed(place, before, f"It has had no reading for {show_duration(now - self.at(start))}.")

    def _changed(self, place: int, before: Sequence[Seen], because: str) -> None:
        old, new = (self._level(each) for each in (before, self.seen))
        self.changes.append(Change(place, self.at(place), before[0].state, self.seen[0].state, old, new, because))

    def _level(self, seen: Sequence[Seen]) -> str:
        reached = height(seen)
        return self.declared.levels[reached - 1].urgency if reached else ""


class _Cells:
    """The parts into which the levels of a rule and their clear levels cut all numbers: within one, all judge alike."""

    def __init__(self, declared: Alert) -> None:
        sides = [(each.above, each.below, each.clear.above, each.clear.below) for each in declared.levels]
        self._cuts = sorted({cut for each in sides for cut in each if cut is not None})
        self._holds = declared.levels[0].holds
        self._known: dict[int, bool] = {_BLIND: False, _TOO_LITTLE: False}

    def of(self, value: float) -> int:
        """Return the number of a value's part; a level itself is a part of its own."""
        cell = bisect_left(self._cuts, value) + bisect_right(self._cuts, value)
        if cell not in self._known:
            self._known[cell] = self._holds(value)
        return cell

    def holds(self, cell: int) -> bool:
        """Whether the mildest level holds in it."""
        return self._known[cell]
