"""From a measure's value to what the state machine is told: is it beyond the level, is it clear, in words. Pure."""

from __future__ import annotations

from functools import lru_cache

from nigrani.guide.model import Alert, AlertLevel, Clear, Measure
from nigrani.lib.units import show_value
from nigrani.measures.values import Value

from .state import Found, Holds


def judge(alert: Alert, measure: Measure, value: Value) -> tuple[Found, ...]:
    """Hold a value against each of the alert's levels and its clear level, the mildest first."""
    return tuple(_judge(each, measure, value) for each in alert.levels)


def telling(found: tuple[Found, ...]) -> Found:
    """Return the finding that says most: about the worst level that holds, else about the mildest."""
    return next((each for each in reversed(found) if each.holds), found[0])


def level(alert: Alert, measure: Measure, urgency: str = "") -> str:
    """Write a level: "above 5 %"; without an urgency of it, all of them: "above 5 % (high), above 10 % (critical)"."""
    chosen = [each for each in alert.levels if each.urgency == urgency] or alert.levels
    said = [_beyond(each.above, each.below, measure.unit) for each in chosen]
    if len(said) == 1:
        return said[0]
    return ", ".join(f"{words} ({each.urgency})" for words, each in zip(said, chosen, strict=True))


def holds_of(alert: Alert) -> tuple[Holds, ...]:
    """Return the two holds of each of a rule's levels, the mildest first."""
    return tuple(Holds(each.hold, each.clear.hold) for each in alert.levels)


def _judge(held: AlertLevel, measure: Measure, value: Value) -> Found:
    if value.known != "known" or value.value is None:
        return Found(value.known, holds=False, clears=False, says=value.says)
    holds = held.holds(value.value)
    clears = not holds and _is_clear(held.clear, value.value)
    return Found("known", holds, clears, f"{value.says} {_against(held, measure, holds=holds, clears=clears)}")


def _is_clear(clear: Clear, value: float) -> bool:
    if clear.above is not None:
        return value > clear.above
    if clear.below is not None:
        return value < clear.below
    return True


def _against(held: AlertLevel, measure: Measure, *, holds: bool, clears: bool) -> str:
    beyond = _beyond(held.above, held.below, measure.unit)
    if holds or clears:
        return f"is {'' if holds else 'not '}{beyond}"
    return f"is not {beyond}, but not {_beyond(held.clear.above, held.clear.below, measure.unit)} either"


@lru_cache(4096)  # thousands of alerts are held against the same few levels
def _beyond(above: float | None, below: float | None, unit: str) -> str:
    if above is not None:
        return f"above {show_value(above, unit)}"
    return f"below {show_value(below, unit)}"
