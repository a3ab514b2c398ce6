"""What a measure says over a window: a number, or one of three ways of not being one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from nigrani.guide.model import Measure
from nigrani.lib.units import show_duration, show_value

Known = Literal["known", "unknown", "too_little", "no_source"]


@dataclass(frozen=True)
class Window:
    """A half-open span of whole minutes, rounded outwards: an `over` of 5 min holds 5 to 6 minutes of readings."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Value:
    """What one series of a measure says over one window. `value` is None unless known.

    n: observations in the window. first: the oldest minute in it that has a reading. says: in words, no full stop.
    """

    known: Known
    value: float | None
    n: float
    says: str
    window: Window
    labels: Mapping[str, str] = field(default_factory=dict)
    first: datetime | None = None


def window(over: timedelta, *, at: datetime) -> Window:
    """Return the window that ends with the minute of `at`, which is not over yet."""
    return Window(minute(at - over), minute(at) + timedelta(minutes=1))


def minute(at: datetime) -> datetime:
    """Return the minute in which an instant lies."""
    return at.replace(second=0, microsecond=0)


def settle(
    measure: Measure,
    number: float | None,
    n: float,
    *,
    over: timedelta,
    min_n: int,
    window: Window,
    labels: Mapping[str, str] | None = None,
    first: datetime | None = None,
) -> Value:
    """Return what merged readings say when the measure's sources are fresh.

    Nothing counted is a true zero for sums and distinct values; for every other combination it is no value.
    """
    labels = labels or {}
    if number is None and measure.combine in ("sum", "uniq"):
        number = 0.0
    if n < min_n:
        says = f"{n:,.0f} of the {min_n:,} observations it takes to judge were made over {show_duration(over)}"
        return Value("too_little", None, n, says, window, labels, first)
    if number is None:
        return Value("too_little", None, n, f"no reading over {show_duration(over)}", window, labels, first)
    says = f"{show_value(number, measure.unit)} over {show_duration(over)}"
    return Value("known", number, n, says, window, labels, first)
