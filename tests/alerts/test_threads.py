"""What a thread says and when: pure, whatever comes together in one dispatch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from nigrani.alerts.batch import Change
from nigrani.alerts.flapping import Limits, flaps, has_settled
from nigrani.alerts.threads import Item, News, Plan, plan

T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
_ids = count(1)


def item(alert: int, new: str = "firing", *, number: int | None = None, rises: bool = False) -> Item:
    levels = ("critical", "high") if rises else ("", "")
    return Item(
        Change(
            number or next(_ids), alert, f"a{alert}", {}, "down", 1, "live", False, "ok", new, T0, "So.", 1.0, 1.0,
            *levels, None,
        )
    )  # fmt: skip


def said(made: Plan) -> list[tuple[str, int, int, int]]:
    return [(each.how, len(each.began), len(each.over), each.fire) for each in made.says]


def test_the_first_message_leaves_at_once_whatever_the_pace() -> None:
    made = plan(News(began=[item(1), item(2)]), is_open=False, is_due=False, still=0)
    assert said(made) == [("first", 2, 0, 2)]
    assert not made.is_over


def test_later_arrivals_wait_for_the_next_message_and_then_come_together() -> None:
    news = News(began=[item(3)], over=[item(1, "ok")])
    made = plan(news, is_open=True, is_due=False, still=1)
    assert (said(made), len(made.later)) == ([], 2)
    made = plan(news, is_open=True, is_due=True, still=1)
    assert said(made) == [("more", 1, 1, 2)]


def test_one_that_rises_to_a_worse_level_waits_for_nobody() -> None:
    made = plan(News(began=[item(1, rises=True)]), is_open=True, is_due=False, still=1)
    assert said(made) == [("more", 1, 0, 2)]


def test_the_end_of_the_last_is_told_at_once() -> None:
    made = plan(News(over=[item(1, "ok"), item(2, "ok")]), is_open=True, is_due=False, still=0)
    assert said(made) == [("over", 0, 2, 0)]
    assert made.is_over


def test_when_all_that_was_told_is_over_what_waits_is_told_with_it() -> None:
    made = plan(News(began=[item(3)], over=[item(1, "ok")]), is_open=True, is_due=False, still=0)
    assert said(made) == [("more", 1, 1, 1)]


def test_what_came_and_went_within_one_dispatch_is_told_as_both_or_not_at_all() -> None:
    news = News(began=[item(1, number=7)], over=[item(1, "ok", number=8)])
    made = plan(news, is_open=False, is_due=True, still=0)
    assert said(made) == [("first", 1, 0, 1), ("over", 0, 1, 0)]
    held = plan(news, is_open=True, is_due=False, still=1)
    assert (said(held), len(held.brief), held.later) == ([], 2, [])


def test_what_ended_and_began_again_within_one_dispatch_never_stopped() -> None:
    made = plan(News(over=[item(1, "ok", number=7)], began=[item(1, number=8)]), is_open=True, is_due=True, still=0)
    assert (said(made), len(made.again), made.is_over) == ([], 2, False)


def test_new_effects_are_listed_at_the_pace_of_the_thread() -> None:
    assert said(plan(News(), is_open=True, is_due=True, still=1, has_effects=True)) == [("partly", 0, 0, 1)]
    assert said(plan(News(), is_open=True, is_due=False, still=1, has_effects=True)) == []
    assert said(plan(News(), is_open=True, is_due=True, still=0, has_effects=True)) == []


def test_flapping_is_told_at_once() -> None:
    made = plan(News(flaps=[item(1)], over=[item(2, "ok")]), is_open=True, is_due=False, still=0)
    assert said(made)[0] == ("flaps", 1, 0, 1)
    assert not made.is_over


alerts = st.lists(st.integers(1, 6), max_size=6, unique=True)


@given(alerts, alerts, st.integers(0, 3), st.booleans(), st.booleans())
def test_every_change_finds_exactly_one_place(
    began: list[int], over: list[int], still: int, is_open: bool, is_due: bool
) -> None:
    news = News(began=[item(each) for each in began], over=[item(each, "ok") for each in over])
    made = plan(news, is_open=is_open, is_due=is_due, still=still)
    told = [each.change.id for say in made.says for each in (*say.began, *say.over)]
    kept = [each.change.id for each in (*made.later, *made.brief, *made.again)]
    assert sorted(told + kept) == sorted(each.change.id for each in (*news.began, *news.over))
    assert made.is_over == (not made.later and not (made.says[-1].fire if made.says else still))
    if any(say.how == "over" for say in made.says):
        assert made.is_over, "it said that none fires any more, and one does"


LIMITS = Limits(4, timedelta(minutes=30))
minutes = st.lists(st.integers(-60, 60), max_size=20)


def test_the_changes_of_the_window_alone_count() -> None:
    changes = [T0 - timedelta(minutes=each) for each in (29, 20, 10, 5, 0)]
    assert flaps(changes, LIMITS, now=T0)
    assert not flaps(changes, LIMITS, now=T0 + timedelta(minutes=1))
    assert not flaps(changes[1:], LIMITS, now=T0)


@given(minutes)
def test_what_flaps_has_not_settled_and_settles_when_nothing_changes(offsets: list[int]) -> None:
    changes = [T0 + timedelta(minutes=each) for each in sorted(offsets)]
    past = [each for each in changes if each <= T0]
    if flaps(changes, LIMITS, now=T0):
        assert len(past) > LIMITS.changes
        assert not has_settled(past[-1], LIMITS, now=T0)
    if past:
        assert has_settled(past[-1], LIMITS, now=past[-1] + LIMITS.within)
        assert not flaps(past, LIMITS, now=past[-1] + LIMITS.within)
        assert not has_settled(past[-1], LIMITS, now=past[-1] - timedelta(hours=1)), "a clock set back settles nothing"
