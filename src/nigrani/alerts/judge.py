"""From a measure's value to what the state machine is told: is it beyond the level, is it clear, in words. Pure."""

from __future__ import annotations

from nigrani.guide.model import Alert, Measure
from nigrani.lib.units import show_value
from nigrani.measures.values import Value

from .state import Found, Holds


def judge(alert: Alert, measure: Measure, value: Value) -> Found:
    """Hold a value against the alert's level and its clear level."""
    if value.known != "known" or value.value is None:
        return Found(value.known, holds=False, clears=False, says=value.says)
    holds = alert.when.holds(value.value)
    clears = not holds and _is_clear(alert, value.value)
    return Found("known", holds, clears, f"{value.says} {_against(alert, measure, holds=holds, clears=clears)}")


def level(alert: Alert, measure: Measure) -> str:
    """Write the level: "above 5 %"."""
    return _beyond(alert.when.above, alert.when.below, measure)


def holds_of(alert: Alert) -> Holds:
    """Return the two holds of a rule."""
    return Holds(alert.hold, alert.clear.hold)


def _is_clear(alert: Alert, value: float) -> bool:
    clear = alert.clear
    if clear.above is not None:
        return value > clear.above
    if clear.below is not None:
        return value < clear.below
    return True


def _against(alert: Alert, measure: Measure, *, holds: bool, clears: bool) -> str:
    if holds or clears:
        return f"is {'' if holds else 'not '}{level(alert, measure)}"
    clear = _beyond(alert.clear.above, alert.clear.below, measure)
    return f"is not {level(alert, measure)}, but not {clear} either"


def _beyond(above: float | None, below: float | None, measure: Measure) -> str:
    if above is not None:
        return f"above {show_value(above, measure.unit)}"
    return f"below {show_value(below, measure.unit)}"
