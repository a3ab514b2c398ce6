"""Levels: a number with the unit of the measure it is held against, and which side of it is bad."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nigrani.lib import units

from .fields import Places, number
from .model import Unit, Where
from .reader import Problems, Scalar, clip


def _milliseconds(text: str) -> float:
    return units.duration(text).total_seconds() * 1000


def _seconds(text: str) -> float:
    return units.duration(text).total_seconds()


def _ratio(text: str) -> float:
    number(text.removesuffix("%").strip())
    return units.ratio(text)


@dataclass(frozen=True)
class Way:
    """How a level of one unit is written, and how that is read into the measure's own unit."""

    noun: str
    example: str
    read: Callable[[str], float]


WAYS: Mapping[Unit, Way] = {
    "ratio": Way("a ratio", "95% or 0.95", _ratio),
    "ms": Way("a duration", "500ms", _milliseconds),
    "seconds": Way("a duration", "90s", _seconds),
    "bytes": Way("a size", "500MB", units.size),
    "count": Way("a number", "10", number),
    "number": Way("a number", "10", number),
}


def value(text: str, unit: Unit) -> float:
    """Read a level in the measure's unit: 95% of a ratio is 0.95, 2s of ms is 2000. Raises ValueError."""
    try:
        return float(WAYS[unit].read(text))
    except OverflowError:
        raise ValueError(f"{text!r} is too large") from None


@dataclass(frozen=True)
class Level:
    """One side of a number."""

    side: str  # above or below
    value: float
    where: Where

    def fits(self, other: Level) -> bool:
        """Whether `other` may clear an alert of this level: the opposite side, at this level or farther back."""
        if self.side == "above":
            return other.side == "below" and other.value <= self.value
        return other.side == "above" and other.value >= self.value


def level(
    above: Scalar | None, below: Scalar | None, at: Places, *, unit: Unit, measure: str, label: str, problems: Problems
) -> Level | None:
    """Return the level that stands there, or None after noting what is wrong with it."""
    if (above is None) == (below is None):
        both = "both above and below" if above is not None else "neither above nor below"
        problems.add(at.whole, f"{label} has {both}; write exactly one")
        return None
    side = "above" if above is not None else "below"
    written: Any = above if above is not None else below
    try:
        return Level(side, value(written.text, unit), written.where)
    except ValueError:
        way = WAYS[unit]
        problems.add(
            written.where,
            f"'{side}' of {label} is held against '{measure}' (unit: {unit}): "
            f"write {way.noun} such as {way.example}, not '{clip(written.text)}'",
        )
        return None
