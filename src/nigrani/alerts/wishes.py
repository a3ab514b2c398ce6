"""A rule as somebody wishes to try it: with another level, window or hold than the guide gives it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from nigrani.guide.levels import WAYS, value
from nigrani.guide.model import Alert, Clear, Measure
from nigrani.lib import units
from nigrani.lib.errors import NigraniError
from nigrani.lib.units import show_duration

LONGEST_WINDOW = timedelta(days=30)


def wished(
    declared: Alert, measure: Measure, *, above: str = "", below: str = "", over: str = "", hold: str = ""
) -> Alert:
    """Return the rule with what is given instead of its own; "" leaves a part as it is. Raises NigraniError.

    above, below: in the measure's unit (95%, 500ms); a rule with several levels then has this one alone. A clear level
    that no longer fits is left out, so that it is over when the new level no longer holds.
    """
    if above and below:
        raise NigraniError("A rule has one side: above or below.", "Leave one of them out.")
    if over:
        declared = replace(
            declared, when=replace(declared.when, over=_span(over, "over", shortest=timedelta(seconds=1)))
        )
    if above or below:
        declared = _moved(declared, _level(above or below, measure), is_above=bool(above))
    return replace(declared, hold=_span(hold, "hold", shortest=timedelta())) if hold else declared


def _moved(declared: Alert, level: float, *, is_above: bool) -> Alert:
    clear = declared.clear
    fits = (clear.below is None or (is_above and clear.below <= level)) and (
        clear.above is None or (not is_above and clear.above >= level)
    )
    when = replace(declared.when, above=level if is_above else None, below=None if is_above else level)
    return replace(declared, when=when, higher=(), clear=clear if fits else Clear(hold=clear.hold))


def _level(text: str, measure: Measure) -> float:
    try:
        return value(text.strip(), measure.unit)
    except ValueError:
        way = WAYS[measure.unit]
        raise NigraniError(
            f"{text[:40]!r} is no level of {measure.name} (unit: {measure.unit}).",
            f"Write {way.noun} such as {way.example}.",
        ) from None


def _span(text: str, name: str, *, shortest: timedelta) -> timedelta:
    try:
        span = units.duration(text.strip())
    except (ValueError, OverflowError):
        span = timedelta.max
    if not shortest <= span <= LONGEST_WINDOW:
        raise NigraniError(
            f"{name} is {text[:40]!r}, no duration of up to {show_duration(LONGEST_WINDOW)}.", "Write for example 10m."
        )
    return span
