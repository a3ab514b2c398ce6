"""What goes on firing is told again, at its pace and to more people; what was muted is told when its mute is over."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from tests.alerts.crowd import Crowd, fates
from tests.alerts.telling import change, fires, made, tell
from tests.alerts.test_silences import silence
from tests.measures.making import HERE, MINUTE, T0

from nigrani.alerts import silencing
from nigrani.alerts.matching import Matchers
from nigrani.alerts.models import Alert, Fate, Reminder, Rule, Silence
from nigrani.alerts.silencing import Plan
from nigrani.guide import Guide, Person, Receiver, Repeat
from nigrani.guide.model import REPEATS
from nigrani.outbox.models import Message

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
MAIL = Receiver("mail", "email", "Mail to the lead", None, (), HERE)
CTO = Receiver("cto-mail", "email", "Mail to the CTO", None, (), HERE)


def widening(**changes: Any) -> Guide:
    people = {"lead": Person("lead", "The lead", ("mail",), HERE), "cto": Person("cto", "The CTO", ("cto-mail",), HERE)}
    repeats = {**REPEATS, "critical": Repeat((15 * MINUTE, 15 * MINUTE, HOUR), ("lead", "cto"))}
    return made(receivers=[MAIL, CTO], people=people, repeats=repeats, **changes)


def told(of: Guide, after: timedelta) -> list[tuple[str, str, str]]:
    """Dispatch, and return what was decided then: kind, receiver and fate."""
    before = set(Fate.objects.values_list("pk", flat=True))
    tell(of, after)
    fresh = Fate.objects.exclude(pk__in=before).order_by("id")
    return [(each.kind, each.receiver, each.fate) for each in fresh]


def over(after: timedelta) -> None:
    change("firing", "ok", after=after)
    Alert.objects.update(state="ok")


def test_it_is_told_again_at_its_pace_and_to_more_people() -> None:
    of = widening()
    fires()
    assert told(of, timedelta()) == [("change", "mail", "queued")]
    assert told(of, 15 * MINUTE - timedelta(seconds=1)) == []
    assert told(of, 15 * MINUTE) == [("reminder", "mail", "queued"), ("wider", "cto-mail", "queued")]
    assert told(of, 16 * MINUTE) == []
    both = [("reminder", "mail", "queued"), ("reminder", "cto-mail", "queued")]
    assert told(of, 30 * MINUTE) == both
    assert told(of, 89 * MINUTE) == []
    assert told(of, 90 * MINUTE) == both
    assert told(of, 150 * MINUTE) == both
    notice = Message.objects.get(key__contains=":wider:").notice
    assert notice["title"] == "[critical] System Down — login, for 15 min"
    assert "You are told because it goes on: The lead was told before." in notice["lines"]
    assert "Told: The lead, The CTO." in notice["lines"]


def test_whoever_was_told_by_widening_hears_that_it_is_over_and_nobody_else_does() -> None:
    of = widening()
    fires()
    told(of, timedelta())
    told(of, 15 * MINUTE)
    over(20 * MINUTE)
    assert told(of, 20 * MINUTE) == [("change", "mail", "queued"), ("change", "cto-mail", "queued")]
    assert not Reminder.objects.exists()
    assert told(of, HOUR) == []
    fires(after=2 * HOUR)
    told(of, 2 * HOUR)
    over(2 * HOUR + MINUTE)
    assert told(of, 2 * HOUR + MINUTE) == [("change", "mail", "queued")]


def test_an_end_and_a_new_beginning_between_two_passes_begin_the_pace_anew() -> None:
    of = widening()
    fires()
    told(of, timedelta())
    over(14 * MINUTE)
    fires(after=14 * MINUTE)
    assert [kind for kind, _, _ in told(of, 15 * MINUTE)] == ["change", "change"]
    assert told(of, 28 * MINUTE) == []
    assert [kind for kind, _, _ in told(of, 29 * MINUTE)] == ["reminder", "wider"]


def test_a_rule_can_have_its_own_pace_or_none() -> None:
    of = widening()
    own = of.alerts["down"]
    quiet = dataclasses.replace(of, alerts={"down": dataclasses.replace(own, every=(), then=())})
    fires()
    told(quiet, timedelta())
    assert told(quiet, 5 * HOUR) == []
    alone = dataclasses.replace(of, alerts={"down": dataclasses.replace(own, then=())})
    Reminder.objects.all().delete()
    told(alone, 5 * HOUR)
    assert told(alone, 6 * HOUR) == [("reminder", "mail", "queued")]


def test_in_shadow_nothing_is_repeated_nor_after_a_promotion_what_fired_before() -> None:
    of = widening()
    Rule.objects.create(name="down", phase="shadow", since=T0)
    fires()
    told(of, timedelta())
    assert told(of, HOUR) == []
    Rule.objects.update(phase="live", since=T0 + HOUR)
    assert told(of, 2 * HOUR) == []


def test_a_clock_set_back_keeps_the_pace() -> None:
    of = widening()
    fires()
    told(of, timedelta())
    assert told(of, -3 * HOUR) == []
    assert [kind for kind, _, _ in told(of, -3 * HOUR + 15 * MINUTE)] == ["reminder", "wider"]


def test_what_was_muted_and_fires_still_is_told_when_the_silence_is_over() -> None:
    of = widening()
    silence(lasts=40 * MINUTE)
    fires()
    assert told(of, timedelta()) == [("change", "mail", "not_sent")]
    assert told(of, 15 * MINUTE) == told(of, 39 * MINUTE) == []
    assert told(of, 40 * MINUTE) == [("released", "mail", "queued")]
    lines = Message.objects.get().notice["lines"]
    assert "It was muted until now: the silence by asha@example.in is over." in lines
    assert told(of, 55 * MINUTE) == [("reminder", "mail", "queued"), ("wider", "cto-mail", "queued")]
    over(56 * MINUTE)
    assert len(told(of, 56 * MINUTE)) == 2


def test_what_is_over_when_the_silence_ends_is_never_told() -> None:
    of = widening()
    silence(lasts=40 * MINUTE)
    fires()
    told(of, timedelta())
    over(10 * MINUTE)
    assert told(of, 10 * MINUTE) == [("change", "mail", "not_sent")]
    assert told(of, HOUR) == []
    assert not Message.objects.exists()


def test_a_silence_mutes_reminders_and_ending_it_early_tells_at_once() -> None:
    of = widening()
    fires()
    told(of, timedelta())
    row = silence(at=T0 + MINUTE, lasts=5 * HOUR)
    assert told(of, 15 * MINUTE) == [("reminder", "mail", "not_sent")]
    assert told(of, HOUR) == []
    silencing.end(row.pk, by="ravi@example.in", now=T0 + HOUR)
    assert told(of, HOUR + timedelta(seconds=2)) == [("released", "mail", "queued")]
    assert "ended by ravi@example.in" in Fate.objects.latest("id").because


def test_two_silences_release_only_with_the_end_of_the_last() -> None:
    of = widening()
    silence(lasts=10 * MINUTE)
    silence(lasts=20 * MINUTE)
    fires()
    told(of, timedelta())
    assert told(of, 10 * MINUTE) == told(of, 19 * MINUTE) == []
    assert told(of, 20 * MINUTE) == [("released", "mail", "queued")]
    assert not Silence.objects.filter(over_at=None).exists()


def test_a_clock_set_back_wakes_no_silence_that_was_over() -> None:
    of = widening()
    silence(lasts=10 * MINUTE)
    told(of, 10 * MINUTE)
    fires(after=5 * MINUTE)
    assert told(of, 5 * MINUTE) == [("change", "mail", "queued")]


def test_many_of_one_rule_are_one_reminder_a_receiver() -> None:
    of = widening()
    fires()
    rule = Rule.objects.get()
    from nigrani.alerts.models import Transition

    for n in range(30):
        row = Alert.objects.create(
            rule=rule, key=f"down{{probe={n}}}", labels={"probe": f"p{n}"}, since=T0, read_at=T0, state="firing"
        )
        Transition.objects.create(alert=row, old="ok", new="firing", at=T0, because="x", known="known", awaits=True)
    told(of, timedelta())
    before = Message.objects.count()
    assert len(told(of, 15 * MINUTE)) == 62
    assert Message.objects.count() == before + 2
    notice = Message.objects.latest("id").notice
    assert notice["title"] == "[critical] System Down — 31 of them, for 15 min"


def test_two_passes_at_once_remind_once() -> None:
    of = widening()
    fires()
    told(of, timedelta())
    Reminder.objects.update(leased_until=T0 + timedelta(days=36500))  # another worker holds it
    assert told(of, 15 * MINUTE) == []


def test_a_critical_alert_that_flaps_is_repeated_and_a_milder_one_is_not() -> None:
    of = widening()
    fires()
    told(of, timedelta())
    Alert.objects.update(flapping_since=T0)
    over(14 * MINUTE)
    Alert.objects.update(state="firing")  # and at once anew, as what flaps does
    change("ok", "firing", after=14 * MINUTE)
    told(of, 14 * MINUTE)
    assert ("reminder", "mail", "queued") in told(of, 15 * MINUTE)
    milder = dataclasses.replace(of, alerts={"down": dataclasses.replace(of.alerts["down"], urgency="high")})
    Alert.objects.update(level="high")
    assert told(milder, 31 * MINUTE) == []  # it is due, and settles only later
    assert Reminder.objects.get().next_at == T0 + 32 * MINUTE


def test_hostile_labels_and_reasons_reach_a_message_bounded_and_plain() -> None:
    of = widening()
    fires()
    told(of, timedelta())
    Alert.objects.update(labels={"probe": "<!channel> \x1b[31m\u202e" + "x" * 10_000}, says="<b>" * 4000)
    told(of, 15 * MINUTE)
    notice = Message.objects.latest("id").notice
    text = " ".join([notice["title"], *notice["lines"]])
    assert len(text) < 5000
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_an_effect_is_not_repeated_while_its_cause_is_told_instead() -> None:
    crowd = Crowd({"down": (), "slow": ("down",)})
    crowd.change("slow", "firing")
    crowd.tell()
    crowd.tell(after=HOUR)
    crowd.change("down", "firing")
    crowd.tell()
    assert crowd.tell(after=3 * HOUR) == []
    assert fates("slow")[-1] == ("reminder", "not_sent", "Muted by its cause down, which fires and was told.")
    assert [each["title"] for each in crowd.tell(after=HOUR)] == ["[high] Down, for 4 h"]
    crowd.change("down", "ok")
    crowd.tell(after=HOUR)
    assert [each["title"] for each in crowd.tell(after=2 * HOUR)] == ["[high] Slow, for 8 h"]


def test_an_effect_that_was_silenced_is_not_released_while_its_cause_fires() -> None:
    crowd = Crowd({"down": (), "slow": ("down",)})
    plan = Plan("silence", Matchers(rules=("slow",)), "a deploy", HOUR)
    silencing.add(plan, crowd.guide, by="asha@example.in", now=crowd.at)
    crowd.change("slow", "firing")
    assert crowd.tell() == []
    crowd.change("down", "firing")
    crowd.tell(after=MINUTE)
    assert crowd.tell(after=HOUR) == []
    crowd.change("down", "ok")
    crowd.tell(after=MINUTE)
    assert [each["title"] for each in crowd.tell(after=10 * MINUTE)] == ["[high] Slow, for 1 h 12 min"]


def test_what_is_silenced_while_it_waits_for_its_thread_is_muted() -> None:
    crowd = Crowd({"down": ()})
    crowd.change("down", "firing", "a")
    crowd.tell()
    crowd.change("down", "firing", "b")
    assert crowd.tell(after=MINUTE) == []
    plan = Plan("silence", Matchers(labels={"probe": ("b",)}), "a deploy", HOUR)
    silencing.add(plan, crowd.guide, by="asha@example.in", now=crowd.at)
    assert crowd.tell(after=5 * MINUTE) == []
    assert fates("down")[-1][2].startswith("Silenced until")
    assert [each["title"] for each in crowd.tell(after=HOUR)] == ["[high] Down — b, for 1 h 6 min"]
