"""What follows a try: a message is never lost, never un-sent and never given up early."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nigrani.lib.errors import Refused, SourceError, Throttled, Unreachable, Unreadable
from nigrani.outbox import state

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
OUTCOMES = ("sent", "throttled", "refused", "unreachable", "uncertain", "unreadable")


@pytest.mark.parametrize(("tries", "wait_s"), [(1, 1), (2, 5), (3, 30), (4, 120), (5, 600), (6, 600), (99, 600)])
def test_the_wait_grows_and_stays_at_ten_minutes(tries: int, wait_s: int) -> None:
    after = state.follow("unreachable", tries=tries, created_at=NOW, now=NOW)
    assert (after.state, after.at) == ("queued", NOW + timedelta(seconds=wait_s))


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        (timedelta(seconds=30), timedelta(seconds=30)),
        (timedelta(seconds=-30), timedelta(seconds=1)),
        (timedelta(days=400), timedelta(hours=1)),
        (None, timedelta(seconds=5)),
    ],
)
def test_a_far_end_that_asks_us_to_wait_is_heard_within_reason(asked: timedelta | None, wait: timedelta) -> None:
    retry_at = None if asked is None else NOW + asked
    after = state.follow("throttled", tries=2, created_at=NOW, now=NOW, retry_at=retry_at)
    assert (after.state, after.at) == ("queued", NOW + wait)


def test_a_refusal_is_final_at_once() -> None:
    assert state.follow("refused", tries=1, created_at=NOW, now=NOW).state == "failed"


def test_the_last_try_is_made_when_the_day_is_over_and_no_sooner() -> None:
    end = NOW + timedelta(hours=24)
    before = state.follow("unreachable", tries=50, created_at=NOW, now=end - timedelta(seconds=1))
    assert (before.state, before.at) == ("queued", end)
    over = state.follow("unreachable", tries=51, created_at=NOW, now=end)
    assert (over.state, over.at, over.because) == ("given_up", None, "no try succeeded in 24 h")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Throttled("x"), "throttled"),
        (Refused("x"), "refused"),
        (Unreachable("x"), "unreachable"),
        (Unreachable("x", uncertain=True), "uncertain"),
        (Unreadable("x"), "unreadable"),
        (SourceError("x"), "unreadable"),
    ],
)
def test_every_error_is_one_outcome(error: SourceError, outcome: str) -> None:
    assert state.outcome_of(error) == outcome


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(OUTCOMES),
            st.timedeltas(timedelta(), timedelta(hours=2)),
            st.none() | st.timedeltas(timedelta(days=-1), timedelta(days=3)),
        ),
        min_size=200,
        max_size=200,
    )
)
def test_whatever_happens_a_message_finds_its_end(
    story: list[tuple[state.Outcome, timedelta, timedelta | None]],
) -> None:
    """Each step: how the try ended, how late it was made, what a throttling far end asked for."""
    now, tries, current = NOW, 0, state.Next("queued", NOW, "")
    for outcome, late, asked in story:
        assert current.state == "queued"
        assert current.at is not None
        now, tries = max(now, current.at) + late, tries + 1
        retry_at = None if asked is None else now + asked
        current = state.follow(outcome, tries=tries, created_at=NOW, now=now, retry_at=retry_at)
        if current.state != "queued":
            break
        assert current.at is not None
        assert current.at > now, "no try follows at once: that would be a busy loop"
        assert current.at <= now + state.WAIT_MAX, "no wait is without bounds"
    assert current.at is None
    assert (current.state == "sent") == (outcome == "sent")
    assert (current.state == "failed") == (outcome == "refused")
    if current.state == "given_up":
        assert now >= NOW + state.GIVE_UP_AFTER
