"""Several levels of one alert: each has its own hold and clear, and a worse one carries the milder ones along. Pure.

What may be relied on, beside the laws of state.py: the loud levels are always the mildest ones up to some height, so an
alert has one present level; it is never higher than what held; it is over when its mildest level is. The state of the
alert is that of its mildest level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .state import LOUD, Found, Holds, Next, Seen, step


@dataclass(frozen=True)
class Climbed:
    """What an alert becomes: each level, the mildest first; how many of them are loud; why, when that or the state
    changed."""

    levels: tuple[Next, ...]
    height: int
    because: str

    @property
    def state(self) -> Next:
        """The alert's own state: that of its mildest level."""
        return self.levels[0]


def height(states: Sequence[Seen | Next]) -> int:
    """Return how many levels are loud, counted from the mildest."""
    return next((index for index, each in enumerate(states) if each.state not in LOUD), len(states))


def climb(seen: Sequence[Seen], found: Sequence[Found], holds: Sequence[Holds], *, now: datetime) -> Climbed:
    """Return what an alert becomes after one pass. All three: a level each, the mildest first."""
    if len(seen) == 1:
        after = step(seen[0], found[0], holds[0], now=now)
        return Climbed((after,), int(after.state in LOUD), after.because)
    levels = [step(before, each, hold, now=now) for before, each, hold in zip(seen, found, holds, strict=True)]
    for index in range(len(levels) - 2, -1, -1):
        if levels[index + 1].state in LOUD and levels[index].state not in LOUD:
            levels[index] = _carried(seen[index], levels[index], levels[index + 1].because, now)
    reached = height(levels)
    return Climbed(tuple(levels), reached, _because(levels, height(seen), reached))


def _carried(seen: Seen, alone: Next, because: str, now: datetime) -> Next:
    """Return a level below one that is loud: it fires along with it, and it is not over before it."""
    if seen.state not in LOUD:
        return Next("firing", now, None, because)
    if seen.state == "recovering":
        return Next("recovering", seen.since, seen.pending_since)
    return Next("recovering", now, now, alone.because)


def _because(levels: Sequence[Next], before: int, reached: int) -> str:
    if reached > before:
        return levels[reached - 1].because
    if 0 < reached < before:
        return levels[reached].because
    return levels[0].because
