"""Judge an alert's thresholds: its one level, or several that lie one behind the other, and what clears each."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from .levels import Level, level
from .model import Unit
from .parser import is_read
from .reader import Problems, capital, clip
from .shapes import AlertShape
from .thresholds import ClearShape

_ELSEWHERE = ("urgency", "hold", "clear")  # keys that stand in each of the levels instead


def urgencies(alert: AlertShape) -> tuple[str, ...]:
    """Return the urgencies an alert may have, the mildest first; empty when they could not be read."""
    if not is_read(alert.levels, alert.urgency):
        return ()
    if alert.levels is None:
        return () if alert.urgency is None else (alert.urgency,)
    return tuple(urgency for urgency, _ in alert.levels.written())


def judge(alert: AlertShape, unit: Unit | None, label: str, problems: Problems) -> None:
    """Note what is wrong with an alert's thresholds. unit: of its measure, None when that could not be read."""
    if not is_read(alert.levels):
        return
    if alert.levels is None:
        if alert.urgency is None:
            problems.add(alert.where, f"{capital(label)} lacks 'urgency'")
        held = _level(alert.when, alert, unit, f"'when' of {label}", problems)
        _clear(alert.clear, held, alert, unit, label, problems)
        return
    _twice(alert, label, problems)
    found: list[tuple[str, Level, Level | None]] = []
    for urgency, each in alert.levels.written():
        if not is_read(each):
            continue
        inner = f"the level '{urgency}' of {label}"
        held = _level(each, alert, unit, inner, problems)
        back = _clear(each.clear, held, alert, unit, inner, problems)
        if held is not None:
            found.append((urgency, held, back))
    _order(found, label, problems)


def _twice(alert: AlertShape, label: str, problems: Problems) -> None:
    """Note what stands beside the levels although each level has its own."""
    for key in _ELSEWHERE:
        if key in alert.at.at:
            problems.add(alert.at[key], f"{capital(label)} has levels, and each has its own '{key}': leave it out here")
    for key in ("above", "below"):
        if key in alert.when.at.at:
            problems.add(alert.when.at[key], f"{capital(label)} has levels: leave '{key}' out of 'when'")


def _order(found: list[tuple[str, Level, Level | None]], label: str, problems: Problems) -> None:
    """Note levels of which the more urgent one does not lie behind the milder one."""
    for (milder, held, back), (worse, higher, above) in pairwise(found):
        names = f"'{worse}' of {label}", f"'{milder}'"
        if higher.side != held.side:
            sides = f"The level {names[0]} is about values {higher.side} it, and {names[1]} {held.side}"
            problems.add(higher.where, f"{sides}: write all levels with the same of the two")
        elif not _is_farther(higher, held, held.side):
            problems.add(higher.where, f"The level {names[0]} is not farther {held.side} than {names[1]}")
        elif _is_farther(back or held, above or higher, held.side):
            place = above or higher
            problems.add(place.where, f"The level {names[0]} is over later than {names[1]}: let it clear first")


def _is_farther(one: Level, other: Level, side: str) -> bool:
    return one.value > other.value if side == "above" else one.value < other.value


def _level(body: Any, alert: AlertShape, unit: Unit | None, label: str, problems: Problems) -> Level | None:
    if unit is None or not is_read(body.above, body.below):
        return None
    name = clip(alert.when.measure)
    return level(body.above, body.below, body.at, unit=unit, measure=name, label=label, problems=problems)


def _clear(
    clear: ClearShape | None, held: Level | None, alert: AlertShape, unit: Unit | None, label: str, problems: Problems
) -> Level | None:
    if not is_read(clear) or clear is None or held is None or (clear.above is None and clear.below is None):
        return None
    back = _level(clear, alert, unit, f"'clear' of {label}", problems)
    if back is not None and not held.fits(back):
        side = "below, at most" if held.side == "above" else "above, at least"
        problems.add(back.where, f"'clear' of {label} lies on the wrong side of its level: write {side} that level")
    return back
