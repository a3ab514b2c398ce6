"""When an alert flaps and when it has settled, from the instants of its changes alone. Pure: no rows, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Limits:
    """It flaps with more changes than `changes` within `within`; it has settled after `within` without one."""

    changes: int
    within: timedelta


def flaps(changes: Sequence[datetime], limits: Limits, *, now: datetime) -> bool:
    """Whether these changes between firing and over are too many. Those from before or after the window count not."""
    return sum(now - limits.within < at <= now for at in changes) > limits.changes


def has_settled(last: datetime, limits: Limits, *, now: datetime) -> bool:
    """Whether an alert that flapped stays as it is. A clock set back before its last change decides nothing."""
    return now - last >= limits.within
