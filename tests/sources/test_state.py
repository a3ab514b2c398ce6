"""The machine that believes only the second answer, and the beat of the questions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nigrani.sources import state
from nigrani.sources.state import Belief, Outcome, Seen

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
EVERY = timedelta(seconds=30)
OUTCOMES = st.lists(st.sampled_from(state.OUTCOMES), max_size=30)


def play(outcomes: list[Outcome], *, start: Belief = "new") -> list[state.Next]:
    seen, told = Seen(start, False, NOW), []
    for at, outcome in enumerate(outcomes, 1):
        found = state.step(seen, outcome, now=NOW + at * EVERY)
        told.append(found)
        seen = state.after(seen, found)
    return told


@pytest.mark.parametrize(
    ("start", "outcomes", "states", "ups"),
    [
        ("new", ["ok"], ["up"], [True]),
        ("new", ["fail", "fail"], ["new", "down"], [None, False]),
        ("new", ["fail", "ok"], ["new", "up"], [None, True]),
        ("up", ["fail", "ok", "fail", "ok"], ["up"] * 4, [True] * 4),
        ("up", ["fail", "fail"], ["up", "down"], [True, False]),
        ("up", ["fail", "blind", "fail"], ["up", "up", "down"], [True, None, False]),
        ("down", ["ok", "fail", "ok"], ["down"] * 3, [False] * 3),
        ("down", ["ok", "ok"], ["down", "up"], [False, True]),
        ("down", ["blind", "blind"], ["down", "down"], [None, None]),
    ],
)
def test_only_the_second_contradicting_answer_is_believed(
    start: Belief, outcomes: list[Outcome], states: list[Belief], ups: list[bool | None]
) -> None:
    told = play(outcomes, start=start)
    assert [each.state for each in told] == states
    assert [each.up for each in told] == ups


@given(OUTCOMES, st.sampled_from(state.BELIEFS))
def test_a_belief_changes_only_after_two_answers_in_a_row_that_say_so(outcomes: list[Outcome], start: Belief) -> None:
    usable: list[Outcome] = []
    before: Belief = start
    for outcome, told in zip(outcomes, play(outcomes, start=start), strict=True):
        usable += [outcome] if outcome not in ("blind", "absent") else []
        if told.state != before:
            assert told.changed
            assert told.since != NOW
            says = "ok" if told.state == "up" else "fail"
            first_answer_was_right = before == "new" and outcome == "ok"
            assert usable[-2:] == [says, says] or first_answer_was_right
        else:
            assert not told.changed
        before = told.state


@given(OUTCOMES, st.sampled_from(state.BELIEFS))
def test_blindness_changes_nothing_and_is_never_a_value(outcomes: list[Outcome], start: Belief) -> None:
    told = play(outcomes, start=start)
    for outcome, each in zip(outcomes, told, strict=True):
        assert (outcome == "blind") <= (each.up is None)
    seeing = [each for outcome, each in zip(outcomes, told, strict=True) if outcome != "blind"]
    alone = play([outcome for outcome in outcomes if outcome != "blind"], start=start)
    assert [(each.state, each.suspect, each.up) for each in seeing] == [
        (each.state, each.suspect, each.up) for each in alone
    ]


@given(OUTCOMES, st.sampled_from(state.BELIEFS))
def test_two_right_answers_always_end_in_up_and_two_failures_in_down(outcomes: list[Outcome], start: Belief) -> None:
    assert play([*outcomes, "ok", "ok"], start=start)[-1].state == "up"
    assert play([*outcomes, "fail", "fail"], start=start)[-1].state == "down"


def test_a_suspect_is_asked_again_at_half_the_interval() -> None:
    assert state.sooner(NOW, EVERY, now=NOW) == NOW + EVERY / 2
    assert state.sooner(NOW, EVERY, now=NOW + timedelta(seconds=10)) == NOW + EVERY / 2
    assert state.sooner(NOW, EVERY, now=NOW + timedelta(seconds=20)) == NOW + timedelta(seconds=21)
    assert state.sooner(NOW + timedelta(hours=1), EVERY, now=NOW) == NOW + EVERY / 2


@given(
    st.timedeltas(min_value=timedelta(days=-400), max_value=timedelta(days=400)),
    st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(hours=6)),
)
def test_the_next_question_is_ahead_by_at_most_one_interval(late: timedelta, every: timedelta) -> None:
    due = state.next_at(NOW, every, now=NOW + late)
    assert NOW + late < due <= NOW + late + every


def test_the_beat_is_kept_after_a_pause() -> None:
    assert state.next_at(NOW, EVERY, now=NOW + timedelta(seconds=2)) == NOW + EVERY
    assert state.next_at(NOW, EVERY, now=NOW + timedelta(seconds=95)) == NOW + 4 * EVERY


def test_being_asked_to_wait_is_obeyed_for_an_hour_at_most() -> None:
    def due(wait: timedelta) -> datetime:
        return state.next_at(NOW, EVERY, now=NOW, not_before=NOW + wait)

    assert due(timedelta(minutes=15)) == NOW + timedelta(minutes=15)
    assert due(timedelta(days=3)) == NOW + timedelta(hours=1)
    assert due(-timedelta(days=3)) == NOW + EVERY
