"""How often a system is asked when asking costs it more than its declared budget. Pure: no rows, no clock.

A cost is the time that one answer took the system at most, by our clock. Its share is cost ÷ interval: the part of one
core that asking keeps busy. Questions that a rule of life and death needs are never stretched and pay nothing; the
budget is for the optional ones, and when it is spent all of them are stretched by the same factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

SELDOM = timedelta(minutes=30)  # an optional question is asked this often, whatever it costs
_SMOOTH = 0.25  # the weight of the newest cost; one slow answer is no habit


@dataclass(frozen=True)
class Cost:
    """What one question costs: how often the guide wants it asked, what an answer takes, may it be asked less often."""

    every: timedelta
    cost_ms: float
    is_optional: bool

    @property
    def share(self) -> float:
        """The part of one core it would keep busy at the guide's pace."""
        return self.cost_ms / 1000 / self.every.total_seconds()


def smoothed(before: float, cost_ms: float) -> float:
    """Return the cost to keep after one more answer."""
    return cost_ms if not before else before + _SMOOTH * (cost_ms - before)


def factor(costs: Sequence[Cost], budget: float) -> float:
    """Return by how much the optional questions' intervals grow: 1 within the budget."""
    return max(1.0, sum(each.share for each in costs if each.is_optional) / budget)


def pace(every: timedelta, by: float) -> timedelta | None:
    """Return the interval stretched by a factor, at most to SELDOM; None when it stays as it is."""
    if by <= 1 or every >= SELDOM:
        return None
    return min(SELDOM, every * min(by, SELDOM / every))
