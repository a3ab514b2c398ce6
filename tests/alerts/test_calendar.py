"""Maintenance windows by the clock of their zone: half-open, as long as they say, whatever the clock does."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.alerts.telling import change, fires, made, tell
from tests.measures.making import HERE, MINUTE, T0

from nigrani.alerts import calendar, silencing
from nigrani.alerts.models import Silence
from nigrani.guide import Guide, Window

HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
ZONES = ["Asia/Kolkata", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"]


def window(**changes: Any) -> Window:
    known: dict[str, Any] = {
        "why": "The backup runs.", "repeats": "daily", "starts": time(2, 30), "lasts": HOUR, "days": (), "date": None,
        "zone": ZoneInfo("Asia/Kolkata"), "rules": ("down",), "sources": (), "labels": {}, "where": HERE,
    } | changes  # fmt: skip
    return Window(name="nightly", **known)


def at(zone: str, *parts: int) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(zone)).astimezone(UTC)  # type: ignore[arg-type,misc]


def test_a_window_is_half_open_and_spans_midnight() -> None:
    late = window(starts=time(23, 30), lasts=90 * MINUTE)
    start = at("Asia/Kolkata", 2026, 3, 1, 23, 30)
    assert calendar.standing(late, start - SECOND) is None
    assert calendar.standing(late, start) == calendar.Span(start, start + 90 * MINUTE)
    assert calendar.standing(late, start + 90 * MINUTE - SECOND) is not None
    assert calendar.standing(late, start + 90 * MINUTE) is None
    assert calendar.coming(late, start) == calendar.Span(start + DAY, start + DAY + 90 * MINUTE)


def test_a_weekly_window_comes_on_its_days_and_one_that_comes_once_comes_once() -> None:
    weekly = window(repeats="weekly", days=(6,), lasts=3 * DAY)
    sunday = at("Asia/Kolkata", 2026, 3, 1, 2, 30)
    assert calendar.standing(weekly, sunday + 3 * DAY - SECOND) == calendar.Span(sunday, sunday + 3 * DAY)
    assert calendar.standing(weekly, sunday + 4 * DAY) is None
    once = window(repeats="once", date=date(2026, 3, 1), lasts=30 * DAY)
    assert calendar.standing(once, sunday + 29 * DAY) is not None
    assert calendar.coming(once, sunday) is None
    assert calendar.coming(once, sunday - 300 * DAY) is not None


def test_a_beginning_that_the_clock_skips_is_later_and_one_that_comes_twice_is_the_first() -> None:
    berlin = window(zone=ZoneInfo("Europe/Berlin"))
    spring = calendar.standing(berlin, datetime(2026, 3, 29, 1, 30, tzinfo=UTC))
    assert spring is not None
    assert spring.start == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30, an hour after the skipped 02:30
    autumn = calendar.standing(berlin, datetime(2026, 10, 25, 1, 0, tzinfo=UTC))
    assert autumn is not None
    assert autumn.start == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # the first 02:30
    assert calendar.standing(berlin, datetime(2026, 10, 25, 1, 45, tzinfo=UTC)) is None


_instants = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31)).map(lambda each: each.replace(tzinfo=UTC))  # noqa: DTZ001
_windows = st.builds(
    lambda zone, hour, minute, lasts, days: window(
        zone=ZoneInfo(zone), starts=time(hour, minute), lasts=timedelta(minutes=lasts),
        repeats="weekly" if days else "daily", days=tuple(sorted(days)),
    ),
    st.sampled_from(ZONES), st.integers(0, 23), st.integers(0, 59), st.integers(1, 1440), st.sets(st.integers(0, 6)),
)  # fmt: skip


@given(_windows, _instants)
def test_an_occurrence_holds_the_instants_that_say_so_and_no_other(each: Window, instant: datetime) -> None:
    found = calendar.standing(each, instant)
    if found is not None:
        assert found.start <= instant < found.end
        assert found.end - found.start == each.lasts
        assert calendar.standing(each, found.start) == found
    following = calendar.coming(each, instant)
    assert following is not None
    assert following.start > instant
    assert calendar.standing(each, following.start) == following
    assert calendar.coming(each, following.start - timedelta(microseconds=1)) == following


@given(st.sampled_from(ZONES), st.integers(0, 23), _instants)
def test_a_daily_window_begins_once_each_day(zone: str, hour: int, instant: datetime) -> None:
    each = window(zone=ZoneInfo(zone), starts=time(hour, 0))
    starts, moment = [], instant
    for _ in range(9):
        following = calendar.coming(each, moment)
        assert following is not None
        starts.append(following.start)
        moment = following.start
    days = [start.astimezone(each.zone).date() for start in starts]
    assert days == sorted(set(days))
    assert all(b - a in (timedelta(1), timedelta(2)) for a, b in pairwise(days))


def maintained(**changes: Any) -> Guide:
    # 15:30 to 16:30 IST, from T0 on.
    return dataclasses.replace(made(), windows={"nightly": window(starts=time(15, 30), **changes)})


@pytest.mark.django_db
def test_in_a_window_messages_are_muted_and_what_fires_still_at_its_end_is_told() -> None:
    of = maintained()
    fires()
    assert tell(of) == [("mail", "not_sent", "In maintenance until 16:30 IST on 1 Mar (nightly: The backup runs.).")]
    assert tell(of, HOUR)[1:] == [
        ("mail", "queued", "It fires still, and what muted it is over: maintenance by nightly is over.")
    ]


@pytest.mark.django_db
def test_a_window_that_leaves_the_guide_or_is_ended_by_a_person_ends() -> None:
    tell(maintained(), MINUTE)
    silencing.end(Silence.objects.get().pk, by="asha@example.in", now=T0 + 2 * MINUTE)
    tell(maintained(), 3 * MINUTE)
    assert Silence.objects.get().ended_by == "asha@example.in"
    change("ok", "firing", after=4 * MINUTE)
    assert tell(maintained(), 4 * MINUTE)[-1][1] == "queued"
    Silence.objects.all().delete()
    tell(maintained(), 5 * MINUTE)
    tell(maintained(lasts=2 * HOUR), 6 * MINUTE)
    assert Silence.objects.get().until == T0 + 2 * HOUR
    tell(made(), 7 * MINUTE)
    assert (Silence.objects.get().until, Silence.objects.get().ended_by) == (T0 + 7 * MINUTE, "the guide")
