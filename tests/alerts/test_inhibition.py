"""A cause that somebody hears of mutes its effects; they are told on their own when they outlive it, and only then."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.alerts.crowd import Crowd, fates, titles
from tests.measures.making import MINUTE

from nigrani.alerts.models import Alert, Fate, Rule, Silence
from nigrani.outbox.models import Attempt, Message

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
MUTED = "Muted by its cause down, which fires and was told."


def test_a_thousand_alerts_with_one_cause_are_one_page_that_names_it_and_lists_them() -> None:
    crowd = Crowd({"slow": ("down",), "cut": ("slow",), "down": ()})
    crowd.change("slow", "firing", *(f"p{number}" for number in range(500)))
    crowd.change("cut", "firing", *(f"s{number}" for number in range(500)))
    crowd.change("down", "firing")
    [notice] = crowd.tell()
    assert notice["title"] == "[high] Down"
    assert notice["lines"][-1] == "Muted as its effects: Slow (500), Cut (500)."
    assert {because for _, _, because in fates("slow") + fates("cut")} == {MUTED}
    assert crowd.tell(after=MINUTE) == []


def test_effects_that_come_later_are_listed_in_the_thread_of_the_cause_and_end_with_it_untold() -> None:
    crowd = Crowd({"down": (), "slow": ("down",)})
    crowd.change("down", "firing")
    crowd.tell()
    crowd.change("slow", "firing", "a", "b")
    assert crowd.tell(after=MINUTE) == []
    [note] = crowd.tell(after=4 * MINUTE)
    assert (note["kind"], note["title"]) == ("note", "Down — 2 muted as its effects")
    assert note["lines"] == ["Muted as its effects: Slow (2)."]
    assert crowd.tell(after=10 * MINUTE) == [], "what was listed is not listed again"
    crowd.change("down", "ok")
    assert titles(crowd.tell(after=MINUTE)) == ["resolved: Down"]
    crowd.change("slow", "ok", "a", "b")
    assert crowd.tell(after=MINUTE) == []
    assert fates("slow")[-1][2] == "It ended with its cause; Mail was never told of it."
    assert not Fate.objects.filter(waits=True).exists()
    assert crowd.tell(after=timedelta(hours=1)) == []


def test_an_effect_that_outlives_its_cause_is_told_on_its_own() -> None:
    crowd = Crowd({"down": (), "slow": ("down",)})
    crowd.change("down", "firing")
    crowd.change("slow", "firing", "a", "b")
    crowd.tell()
    crowd.change("down", "ok")
    crowd.tell(after=MINUTE)
    assert crowd.tell(after=3 * MINUTE - SECOND) == [], "its window, a minute and its clear hold are not over"
    assert titles(crowd.tell(after=SECOND)) == ["firing: [high] Slow — 2: a, b"]
    assert [kind for kind, fate, _ in fates("slow") if fate == "queued"] == ["freed", "freed"]
    crowd.change("slow", "ok", "a", "b")
    assert titles(crowd.tell(after=MINUTE)) == ["resolved: Slow — 2 over, none fires any more: a, b"]


@pytest.mark.parametrize("why", ["shadow", "silenced", "refused", "nowhere"])
def test_a_cause_that_nobody_hears_of_mutes_nothing(why: str) -> None:
    crowd = Crowd({"down": (), "slow": ("down",)})
    if why == "shadow":
        Rule.objects.filter(name="down").update(phase="shadow")
    if why == "silenced":
        Silence.objects.create(
            kind="silence", by="asha", why="so", rules=["down"], made_at=crowd.at, starts_at=crowd.at,
            until=crowd.at + timedelta(hours=1),
        )  # fmt: skip
    if why == "nowhere":
        from dataclasses import replace

        deaf = replace(crowd.guide.alerts["down"], owner="nobody")
        crowd.guide = replace(crowd.guide, alerts={**crowd.guide.alerts, "down": deaf})
    crowd.change("down", "firing")
    if why == "refused":
        crowd.tell()
        message = Message.objects.get()
        Attempt.objects.create(message=message, receiver="mail", at=crowd.at, ended_at=crowd.at, outcome="refused")
        Message.objects.update(state="failed", next_at=None)
    crowd.change("slow", "firing")
    assert titles(crowd.tell(after=SECOND)) == ["firing: [high] Slow"]


def test_when_the_message_of_the_cause_is_lost_its_effects_are_told() -> None:
    crowd = Crowd({"down": (), "slow": ("down",)})
    crowd.change("down", "firing")
    crowd.change("slow", "firing")
    crowd.tell()
    Message.objects.update(state="given_up", next_at=None)
    assert titles(crowd.tell(after=SECOND)) == ["firing: [high] Slow"]


def test_an_effect_waits_a_moment_for_a_pending_cause() -> None:
    crowd = Crowd({"down": (), "slow": ("down",)})
    crowd.change("down", "pending")
    crowd.change("slow", "firing")
    assert crowd.tell() == []
    crowd.change("down", "firing")
    [notice] = crowd.tell(after=20 * SECOND)
    assert (notice["title"], notice["lines"][-1]) == ("[high] Down", "Muted as its effects: Slow (1).")
    assert [because for _, _, because in fates("slow")][1:] == [MUTED]


def test_an_effect_waits_no_longer_than_a_moment() -> None:
    crowd = Crowd({"down": (), "slow": ("down",)})
    crowd.change("down", "pending")
    crowd.change("slow", "firing")
    assert crowd.tell(after=29 * SECOND) == []
    assert titles(crowd.tell(after=SECOND)) == ["firing: [high] Slow"]
    crowd.change("down", "firing")
    assert titles(crowd.tell(after=SECOND)) == ["firing: [high] Down"]


def test_an_effect_does_not_wait_for_a_pending_cause_that_is_over() -> None:
    crowd = Crowd({"down": (), "slow": ("down",)})
    crowd.change("down", "pending")
    crowd.change("slow", "firing")
    assert crowd.tell() == []
    Alert.objects.filter(rule__name="down").update(state="ok")
    assert titles(crowd.tell(after=SECOND)) == ["firing: [high] Slow"]


def test_a_cause_explains_only_what_agrees_with_it_in_the_labels_that_both_have() -> None:
    crowd = Crowd({"down": (), "slow": ("down",)})
    crowd.change("down", "firing", "login")
    crowd.change("slow", "firing", "login", "home")
    assert titles(crowd.tell()) == ["firing: [high] Down — login", "firing: [high] Slow — home"]


def test_who_hears_of_the_effect_alone_is_muted_too_since_somebody_hears_of_the_cause() -> None:
    crowd = Crowd({"down": (), "slow": ("down",)})
    crowd.change("down", "firing")
    crowd.tell()
    crowd.change("slow", "firing")
    crowd.tell(after=SECOND)
    assert fates("slow") == [("change", "not_sent", MUTED)]


def test_a_restart_forgets_nothing_of_what_was_put_off() -> None:
    crowd = Crowd({"down": (), "slow": ("down",)})
    crowd.change("down", "firing")
    crowd.change("slow", "firing")
    crowd.tell()
    assert set(Fate.objects.filter(waits=True).values_list("muted_by", flat=True)) == {
        f"cause:{Alert.objects.get(key='down').pk}"
    }
