"""How an alert's thresholds are written: when it is over, and several levels of one signal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from .fields import Places
from .fields import says as _says
from .model import Urgency, Where
from .reader import Scalar


@dataclass(frozen=True)
class ClearShape:
    """When a firing alert is over."""

    at: Places
    where: Where
    above: Scalar | None = field(default=None, metadata=_says("For an alert with `below`.", "99%"))
    below: Scalar | None = field(default=None, metadata=_says("For an alert with `above`.", "2%"))
    hold: timedelta = field(default=timedelta(), metadata=_says("For how long it must be so.", "2m"))


@dataclass(frozen=True)
class LevelShape:
    """One of several thresholds of an alert: exactly one of `above` and `below`."""

    at: Places
    where: Where
    above: Scalar | None = field(default=None, metadata=_says("Worry above this level.", "5s"))
    below: Scalar | None = field(default=None, metadata=_says("Worry below this level.", "95%"))
    hold: timedelta = field(default=timedelta(), metadata=_says("Must stay true this long before it rises here.", "2m"))
    clear: ClearShape | None = field(
        default=None,
        metadata=_says("When this level is over; else when no longer true.", {"below": "4s", "hold": "5m"}),
    )


@dataclass(frozen=True)
class LevelsShape:
    """Several thresholds of one signal, each with the urgency under which it is told; at least one.

    A more urgent level lies farther on the same side. While one holds, the milder ones count as reached.
    """

    at: Places
    where: Where
    medium: LevelShape | None = field(default=None, metadata=_says("Within 4 hours."))
    high: LevelShape | None = field(default=None, metadata=_says("Within 1 hour."))
    critical: LevelShape | None = field(default=None, metadata=_says("Now."))

    def written(self) -> list[tuple[Urgency, LevelShape]]:
        """Return the levels that stand there, the mildest first."""
        every: tuple[tuple[Urgency, LevelShape | None], ...] = (
            ("medium", self.medium), ("high", self.high), ("critical", self.critical),
        )  # fmt: skip
        return [(urgency, each) for urgency, each in every if each is not None]

    def check(self) -> Iterator[str]:
        """Yield what is missing."""
        if not self.written():
            yield "none stands there; write one or more of medium, high and critical"
