"""The state machine: cases at the boundary, and the laws it keeps whatever comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nigrani.alerts.state import LOUD, Found, Holds, Known, Next, Seen, State, step

T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
BAD = Found("known", True, False, "6 % over 5 min is above 5 %")
GOOD = Found("known", False, True, "1 % over 5 min is not above 5 %")
BETWEEN = Found("known", False, False, "4 % over 5 min is above 2 %")
DARK = Found("unknown", False, False, "website has not answered for 3 min")
QUIET = Found("too_little", False, False, "3 observations over 5 min, and it takes 40 to judge")
ABSENT = Found("no_source", False, False, "website is not set up: ERP_URL is missing")


def keep(after: Next, *, at: datetime) -> Seen:
    return Seen(after.state, after.since, after.pending_since, at)


def play(findings: list[Found], holds: Holds, *, each: timedelta = timedelta(seconds=10)) -> list[Next]:
    seen, told, now = Seen("ok", T0), [], T0
    for found in findings:
        told.append(step(seen, found, holds, now=now))
        seen = keep(told[-1], at=now)
        now += each
    return told


def test_it_fires_exactly_when_the_hold_is_over() -> None:
    holds = Holds(fire=timedelta(minutes=5))
    pending = step(Seen("ok", T0), BAD, holds, now=T0)
    assert (pending.state, pending.because) == ("pending", "6 % over 5 min is above 5 %; it fires after 5 min.")
    early = step(keep(pending, at=T0), BAD, holds, now=T0 + timedelta(minutes=5, seconds=-1))
    assert (early.state, early.because) == ("pending", "")
    fired = step(keep(pending, at=T0), BAD, holds, now=T0 + timedelta(minutes=5))
    assert (fired.state, fired.because) == ("firing", "6 % over 5 min is above 5 %, for 5 min.")


def test_without_a_hold_it_fires_at_once() -> None:
    fired = step(Seen("ok", T0), BAD, Holds(), now=T0)
    assert (fired.state, fired.since, fired.because) == ("firing", T0, "6 % over 5 min is above 5 %.")


def test_one_good_value_ends_a_hold() -> None:
    states = [after.state for after in play([BAD, BAD, GOOD, BAD, BAD], Holds(fire=timedelta(seconds=20)))]
    assert states == ["pending", "pending", "ok", "pending", "pending"]


def test_between_the_levels_a_firing_alert_keeps_firing_and_a_pending_one_is_dropped() -> None:
    assert step(Seen("firing", T0), BETWEEN, Holds(), now=T0).state == "firing"
    assert step(Seen("pending", T0, T0), BETWEEN, Holds(), now=T0).state == "ok"
    back = step(Seen("recovering", T0, T0), BETWEEN, Holds(clear=timedelta(minutes=1)), now=T0)
    assert (back.state, back.because) == ("firing", "4 % over 5 min is above 2 %, and not clear yet.")


def test_it_is_over_when_it_was_clear_for_its_hold() -> None:
    states = [after.state for after in play([BAD, GOOD, GOOD, GOOD], Holds(clear=timedelta(seconds=20)))]
    assert states == ["firing", "recovering", "recovering", "ok"]


def test_a_firing_alert_stays_firing_while_its_source_is_dark() -> None:
    states = [after.state for after in play([BAD, DARK, ABSENT, QUIET, GOOD], Holds())]
    assert states == ["firing", "firing", "firing", "firing", "ok"]


def test_time_in_the_dark_does_not_count_as_clear() -> None:
    holds = Holds(clear=timedelta(seconds=20))
    states = [after.state for after in play([BAD, GOOD, DARK, DARK, GOOD, GOOD, GOOD], holds)]
    assert states == ["firing", *["recovering"] * 5, "ok"]


def test_what_is_not_loud_becomes_unknown_in_the_dark_and_says_why() -> None:
    for state in ("ok", "pending"):
        after = step(Seen(state, T0, T0), DARK, Holds(), now=T0)
        assert (after.state, after.because) == ("unknown", "Website has not answered for 3 min.")


def test_too_little_traffic_leaves_ok_alone_and_drops_a_hold() -> None:
    assert step(Seen("ok", T0), QUIET, Holds(), now=T0) == Next("ok", T0, None)
    assert step(Seen("pending", T0, T0), QUIET, Holds(), now=T0).state == "unknown"
    assert step(Seen("unknown", T0), QUIET, Holds(), now=T0) == Next("unknown", T0, None)


def test_unknown_goes_where_the_next_value_says() -> None:
    assert step(Seen("unknown", T0), GOOD, Holds(), now=T0).state == "ok"
    assert step(Seen("unknown", T0), BAD, Holds(fire=timedelta(seconds=1)), now=T0).state == "pending"
    assert step(Seen("unknown", T0), BAD, Holds(), now=T0).state == "firing"


@pytest.mark.parametrize("found", [BAD, GOOD, BETWEEN, DARK, QUIET])
def test_a_pass_whose_clock_went_back_decides_nothing(found: Found) -> None:
    for state in get_args(State):
        seen = Seen(state, T0, T0 - timedelta(hours=1), at=T0)
        assert step(seen, found, Holds(), now=T0 - timedelta(seconds=1)) == Next(state, T0, None)


def test_a_hold_that_began_in_the_future_begins_anew() -> None:
    now = T0 - timedelta(hours=1)
    after = step(Seen("pending", T0, T0, at=now), BAD, Holds(fire=timedelta(minutes=1)), now=now)
    assert (after.state, after.pending_since) == ("pending", now)


found = st.builds(
    lambda known, level: Found(known, level == "bad", level == "good", "1 is above 0"),
    st.sampled_from(get_args(Known)) | st.just("known"),
    st.sampled_from(["bad", "good", "between"]),
)
holds_s = st.integers(0, 60)
course = st.lists(st.tuples(found, st.integers(-30, 30)), max_size=60)


@given(course, holds_s, holds_s)
def test_the_laws_hold_on_any_course(passes: list[tuple[Found, int]], fire_s: int, clear_s: int) -> None:
    holds = Holds(timedelta(seconds=fire_s), timedelta(seconds=clear_s))
    seen, now, bad_since, clear_since = Seen("ok", T0), T0, None, None
    for each, passed_s in passes:
        now += timedelta(seconds=passed_s)
        went_back = seen.at is not None and now < seen.at
        judged = each.known == "known" and not went_back
        bad_since = (bad_since or now) if judged and each.holds else None
        clear_since = (clear_since or now) if judged and each.clears and seen.state in LOUD else None
        after = step(seen, each, holds, now=now)
        assert bool(after.because) == (after.state != seen.state)
        if after.state == "firing" and seen.state not in LOUD:
            assert bad_since is not None, "fired on a pass that could not be judged"
            assert now - bad_since >= holds.fire, "fired before its hold"
        if seen.state in LOUD and after.state not in LOUD:
            assert after.state == "ok"
            assert clear_since is not None, "resolved on a pass that could not be judged"
            assert now - clear_since >= holds.clear, "resolved before its hold"
        seen = keep(after, at=now)
        again = step(seen, each, holds, now=now)
        if not went_back:
            assert again == Next(after.state, after.since, after.pending_since), "a replay changed it"


@given(course, holds_s, holds_s)
def test_a_clean_run_ends_in_ok(passes: list[tuple[Found, int]], fire_s: int, clear_s: int) -> None:
    holds = Holds(timedelta(seconds=fire_s), timedelta(seconds=clear_s))
    seen, now = Seen("ok", T0), T0
    for each, passed_s in passes:
        now += timedelta(seconds=passed_s)
        seen = keep(step(seen, each, holds, now=now), at=now)
    for _ in range(clear_s + 2):
        now += timedelta(seconds=1)
        seen = keep(step(seen, GOOD, holds, now=now), at=now)
    assert seen.state == "ok"
