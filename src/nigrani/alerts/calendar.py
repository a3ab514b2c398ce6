"""When a guide's maintenance window stands, by the clock of its zone. Pure: instants are handed in and are UTC.

A beginning that the clock skips is as much later as the clock was put forward; one that comes twice is the first.
A window lasts as long as it says, whatever the clock does meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from nigrani.guide import Window

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """A half-open span of time, [start, end)."""

    start: datetime
    end: datetime


def standing(window: Window, at: datetime) -> Span | None:
    """Return the occurrence that `at` lies in; the one that began last, should two overlap where a day is short."""
    reach = window.lasts + 2 * _DAY
    days = _days(window, at - reach, at + 2 * _DAY)
    found = [span for span in (_span(window, day) for day in days) if span.start <= at < span.end]
    return max(found, key=lambda span: span.start, default=None)


def coming(window: Window, after: datetime) -> Span | None:
    """Return the next occurrence that begins later than `after`; None when none comes."""
    if window.date is not None:
        only = _span(window, window.date)
        return only if only.start > after else None
    days = _days(window, after - 2 * _DAY, after + 10 * _DAY)
    return next((span for span in (_span(window, day) for day in days) if span.start > after), None)


def _days(window: Window, first: datetime, last: datetime) -> Iterator[date]:
    """Yield the days on which an occurrence begins, of those between two instants."""
    day, end = first.astimezone(window.zone).date(), last.astimezone(window.zone).date()
    while day <= end:
        if window.repeats == "daily" or (day == window.date if window.date else day.weekday() in window.days):
            yield day
        day += _DAY


def _span(window: Window, day: date) -> Span:
    start = datetime.combine(day, window.starts, tzinfo=window.zone).astimezone(UTC)
    return Span(start, start + window.lasts)
