"""Several levels of one alert: each by its own hold, a worse one carrying the milder ones, whatever comes."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.alerts.test_state import T0
from tests.measures.making import HERE, MINUTE, alert, failed

from nigrani.alerts import examples
from nigrani.alerts.judge import holds_of, judge, level, telling
from nigrani.alerts.ladder import climb, height
from nigrani.alerts.state import LOUD, Found, Holds, Known, Seen
from nigrani.guide import Alert, Clear, Condition, Example
from nigrani.guide.model import AlertLevel
from nigrani.measures.values import settle, window

SLOW = alert(
    "slow",
    urgency="medium",
    when=Condition("failed", MINUTE, above=2),
    hold=5 * MINUTE,
    clear=Clear(below=1, hold=10 * MINUTE),
    higher=(
        AlertLevel("high", above=4, hold=3 * MINUTE, clear=Clear(below=3, hold=2 * MINUTE)),
        AlertLevel("critical", above=8, hold=MINUTE),
    ),
)


def rule(*shown: tuple[str, str]) -> Alert:
    return dataclasses.replace(SLOW, examples=tuple(Example(*each, n=None, where=HERE) for each in map(_each, shown)))


def _each(shown: tuple[str, str]) -> tuple[str, timedelta, str]:
    return shown[0], MINUTE, shown[1]


@pytest.mark.parametrize(
    ("readings", "expect"),
    [
        ("0*5 3*10", "pending at 5m, medium at 10m"),
        ("0*5 5*10", "pending at 5m, high at 8m, firing at 8m"),
        ("0*5 9*3", "pending at 5m, critical at 6m"),
        ("9*3 7*3 3*3 0*12", "critical at 1m, high at 3m, recovering at 9m, medium at 11m, ok at 19m"),
        ("9*3 0*20", "critical at 1m, high at 3m, medium at 5m, ok at 13m"),
        ("9*3 ?*30 0*20", "critical at 1m, high at 33m, medium at 35m, ok at 43m"),
    ],
)
def test_each_level_comes_and_goes_by_its_own_hold(readings: str, expect: str) -> None:
    assert examples.run(rule((readings, expect)), failed()) == []


def test_a_level_that_comes_earlier_or_not_says_so() -> None:
    early, never = examples.run(rule(("0*5 9*9", "critical at 8m"), ("0*5 3*9", "critical at 12m")), failed())
    assert early.endswith("expects critical at 8 min, but it is critical earlier, at 6 min.")
    assert never.endswith("expects critical at 12 min, but it is medium, firing then.")


def test_levels_are_written_with_their_urgency() -> None:
    assert level(SLOW, failed()) == "above 2 (medium), above 4 (high), above 8 (critical)"
    assert level(SLOW, failed(), "high") == "above 4"
    assert level(alert(when=Condition("failed", MINUTE, above=3)), failed()) == "above 3"
    value = settle(failed(), 5.0, 60, over=MINUTE, min_n=0, window=window(MINUTE, at=T0))
    assert telling(judge(SLOW, failed(), value)).says == "5 over 1 min is above 4"


known = st.sampled_from(get_args(Known)) | st.just("known")
courses = st.lists(st.tuples(known, st.integers(0, 10), st.integers(-20, 240)), max_size=50)


@given(courses)
def test_the_laws_hold_on_any_course(course: list[tuple[Known, int, int]]) -> None:
    levels, holds = SLOW.levels, holds_of(SLOW)
    seen, now = (Seen("ok", T0),) * len(levels), T0
    beyond = [None] * len(levels)
    for each, value, passed_s in course:
        now += timedelta(seconds=passed_s)
        found = _found(each, value)
        is_judged = each == "known" and not (seen[0].at is not None and now < seen[0].at)
        beyond = [
            (since or now) if is_judged and one.holds else None  # type: ignore[misc]
            for since, one in zip(beyond, found, strict=True)
        ]
        after = climb(seen, found, holds, now=now)
        before = height(seen)
        assert bool(after.because) == (after.state.state != seen[0].state or after.height != before)
        loud = [one.state in LOUD for one in after.levels]
        assert loud == sorted(loud, reverse=True), "a milder level was left out"
        if after.height > before:
            since = beyond[after.height - 1]
            assert since is not None, "it rose to a level that does not hold"
            assert now - since >= holds[after.height - 1].fire, "it rose before the hold of that level"
        if after.height < before:
            assert is_judged, "it fell on a pass that could not be judged"
        seen = tuple(Seen(one.state, one.since, one.pending_since, now) for one in after.levels)
        again = climb(seen, found, holds, now=now)
        if is_judged:
            kept = tuple(dataclasses.replace(one, because="") for one in after.levels)
            assert (again.levels, again.height) == (kept, after.height), "a replay changed it"


@given(courses)
def test_a_clean_run_ends_in_ok(course: list[tuple[Known, int, int]]) -> None:
    holds = holds_of(SLOW)
    seen, now = (Seen("ok", T0),) * len(SLOW.levels), T0
    clean = [("known", 0, 60)] * 14
    for each, value, passed_s in [*course, *clean]:
        now += timedelta(seconds=passed_s)
        after = climb(seen, _found(each, value), holds, now=now)
        seen = tuple(Seen(one.state, one.since, one.pending_since, now) for one in after.levels)
    assert [one.state for one in seen] == ["ok"] * 3


@given(courses)
def test_one_level_is_what_it_was_before_there_were_several(course: list[tuple[Known, int, int]]) -> None:
    from nigrani.alerts.state import step

    seen, now = Seen("ok", T0), T0
    for each, value, passed_s in course:
        now += timedelta(seconds=passed_s)
        found = _found(each, value)[0]
        alone = step(seen, found, Holds(MINUTE, MINUTE), now=now)
        climbed = climb((seen,), (found,), (Holds(MINUTE, MINUTE),), now=now)
        assert (climbed.levels, climbed.because) == ((alone,), alone.because)
        seen = Seen(alone.state, alone.since, alone.pending_since, now)


def _found(known: str, value: int) -> tuple[Found, ...]:
    if known != "known":
        return (Found(known, False, False, "it is dark"),) * len(SLOW.levels)  # type: ignore[arg-type]
    read = settle(failed(), float(value), 60, over=MINUTE, min_n=0, window=window(MINUTE, at=T0))
    return judge(SLOW, failed(), read)
