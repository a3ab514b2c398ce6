"""Every change that matters gets a fate for every receiver, with its reason; nothing is silent, nothing told twice."""

from __future__ import annotations

import dataclasses
import logging

import pytest
from tests.alerts.telling import MAIL, SLACK, change, fires, made, tell
from tests.measures.making import HERE, MINUTE, T0, alert, guide, share

from nigrani.access import ledger
from nigrani.access.models import LedgerLine
from nigrani.alerts import actions, queries
from nigrani.alerts.models import Alert, Fate, Rule, Thread, Transition
from nigrani.guide import Condition, Receiver
from nigrani.guide.model import AlertLevel
from nigrani.lib.errors import NigraniError
from nigrani.outbox.models import Attempt, Message

pytestmark = pytest.mark.django_db


def test_a_live_rule_queues_a_message_that_says_what_to_do() -> None:
    change("ok", "firing")
    assert tell(made()) == [("mail", "queued", "It fires; Mail to the lead is told.")]
    message = Message.objects.get()
    assert message.key == f"thread:{Thread.objects.get().pk}:1"
    assert message.notice["title"] == "[critical] System Down — login"
    assert message.notice["lines"] == [
        "Nobody can log in. 0 % over 1 min is below 95 %.",
        "Since 15:30:00 IST on 1 Mar 2026.",
        "To do: Investigate immediately.",
        "Owner: The lead.",
        "Runbook “The system is down”, step 1: Open the login page.",
    ]
    assert message.notice["link"].endswith(f"/alerts/{Alert.objects.get().pk}")


def test_deciding_again_changes_nothing() -> None:
    change("ok", "firing")
    tell(made())
    assert actions.dispatch(made(), now=T0 + MINUTE) == 0
    assert (Fate.objects.count(), Message.objects.count()) == (1, 1)


def test_the_end_is_told_to_whoever_was_told_of_the_beginning() -> None:
    change("ok", "firing")
    tell(made())
    change("recovering", "ok", after=5 * MINUTE, because="100 % over 1 min is not below 95 %.")
    elsewhere = made(receivers=[MAIL, Receiver("new", "email", "New", None, (), HERE)])
    assert sorted(tell(elsewhere, 5 * MINUTE)[1:]) == [
        ("mail", "queued", "Mail to the lead was told that it fires."),
        ("new", "not_sent", "The firing message was not sent, so there is nothing to take back."),
    ]
    notice = Message.objects.latest("id").notice
    assert notice["title"] == "System Down — login"
    assert notice["lines"] == [
        "100 % over 1 min is not below 95 %.", "It fired from 15:30:00 IST on 1 Mar 2026 for 5 min.",
    ]  # fmt: skip
    assert len(set(Message.objects.values_list("thread", flat=True))) == 1


def test_in_shadow_it_records_what_it_would_have_sent() -> None:
    change("ok", "firing")
    Rule.objects.update(phase="shadow")
    assert tell(made()) == [("mail", "not_sent", "In shadow: would have sent to Mail to the lead.")]
    change("firing", "ok")
    assert tell(made())[1][1:] == ("not_sent", "In shadow: would have sent to Mail to the lead.")
    assert not Message.objects.exists()


def test_a_receiver_that_is_not_set_up_says_what_is_missing() -> None:
    change("ok", "firing")
    of = made(receivers=[SLACK, MAIL])
    assert tell(of) == [
        ("slack", "not_sent", "The receiver #alerts is not set up: SLACK_WEBHOOK_URL is missing."),
        ("mail", "queued", "It fires; Mail to the lead is told."),
    ]
    change("firing", "ok")
    assert [fate for _, fate, _ in tell(of)[2:]] == ["not_sent", "queued"]


def _tried(outcome: str, receiver: str = "mail", *, state: str = "failed") -> None:
    message = Message.objects.filter(receiver=receiver).latest("id")
    Attempt.objects.create(message=message, receiver=receiver, at=T0, ended_at=T0, outcome=outcome)
    sent_at = T0 if state == "sent" else None
    Message.objects.filter(pk=message.pk).update(state=state, next_at=None, sent_at=sent_at)


def test_a_receiver_that_is_set_up_while_it_fires_hears_of_it() -> None:
    fires()
    tell(made(receivers=[SLACK]))
    ready = made(receivers=[dataclasses.replace(SLACK, missing=(), config=object())])
    assert tell(ready, MINUTE)[1:] == [("slack", "queued", "It fires still, and #alerts works now.")]
    assert tell(ready, 2 * MINUTE) == tell(ready, 3 * MINUTE)
    assert [message.notice["kind"] for message in Message.objects.all()] == ["firing"]


def test_what_was_refused_and_fires_still_is_told_once_more_when_its_receiver_works() -> None:
    fires()
    tell(made())
    _tried("refused")
    tell(made(), MINUTE)
    assert Message.objects.count() == 1, "it is still broken"
    works = Message.objects.create(key="test", receiver="mail", kind="test", notice={}, created_at=T0, next_at=T0)
    _tried("sent", state="sent")
    assert tell(made(), MINUTE)[1:] == [("mail", "queued", "It fires still, and Mail to the lead works now.")]
    assert Message.objects.filter(kind="firing").count() == 2
    _tried("refused")
    Attempt.objects.create(message=works, receiver="mail", at=T0, ended_at=T0, outcome="sent")
    tell(made(), 2 * MINUTE)
    assert Message.objects.filter(kind="firing").count() == 2, "this one is to blame itself"


def test_what_is_over_or_was_decided_in_shadow_is_not_told_anew() -> None:
    fires()
    Rule.objects.update(phase="shadow")
    tell(made())
    Rule.objects.update(phase="live", since=T0 + MINUTE)
    tell(made(), MINUTE)
    assert not Message.objects.exists()
    Rule.objects.update(since=T0)
    Alert.objects.update(state="ok")
    tell(made(), MINUTE)
    assert not Message.objects.exists()


def test_an_owner_without_a_receiver_leaves_a_fate_nonetheless() -> None:
    change("ok", "firing")
    assert tell(made(receivers=[])) == [("", "not_sent", "The owner lead has no receiver.")]


def test_an_alert_that_comes_back_before_it_was_over_is_not_told_twice() -> None:
    change("ok", "firing")
    tell(made())
    change("recovering", "firing", after=MINUTE)
    [_, again] = tell(made(), MINUTE)
    assert again == (
        "mail", "not_sent", "It never stopped firing for Mail to the lead: the message of 10:00 UTC stands.",
    )  # fmt: skip
    change("firing", "ok", after=2 * MINUTE)
    change("ok", "firing", after=3 * MINUTE)
    assert [(fate, because) for _, fate, because in tell(made(), 3 * MINUTE)[2:]] == [
        ("not_sent", "It began again before Mail to the lead was told of its end: the earlier message stands.")
    ] * 2


def test_one_that_comes_back_after_a_promotion_is_told() -> None:
    change("ok", "firing")
    Rule.objects.update(phase="shadow")
    tell(made())
    actions.promote("down", by="asha@example.in", now=T0)
    change("recovering", "firing")
    assert tell(made())[1][1] == "queued"


def test_a_message_that_never_arrived_is_not_taken_back() -> None:
    change("ok", "firing")
    tell(made())
    Message.objects.update(state="given_up", next_at=None)
    change("firing", "ok")
    assert tell(made())[1][2] == "The firing message was never delivered, so there is nothing to take back."


def test_a_rule_that_left_the_guide_tells_whom_it_had_told() -> None:
    change("ok", "firing")
    tell(made())
    Rule.objects.update(gone_at=T0)
    change("firing", "ok", because="The rule left the guide.")
    gone = guide()
    assert tell(gone)[1][:2] == ("mail", "queued")
    assert Message.objects.latest("id").notice["title"] == "down{probe=login}"


def test_a_message_that_can_not_be_worded_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    odd = change("ok", "firing")
    Alert.objects.filter(pk=odd.alert_id).update(labels={"probe": 5}, key="odd")
    rule = Rule.objects.create(name="other", phase="live", since=T0)
    fine = Alert.objects.create(key="other", rule=rule, since=T0, read_at=T0, state="firing")
    Transition.objects.create(alert=fine, old="ok", new="firing", at=T0, because="So.", known="known", awaits=True)
    of = made()
    of = dataclasses.replace(of, alerts={**of.alerts, "other": alert("other", title="Other")})
    with caplog.at_level(logging.ERROR):
        assert [fate for _, fate, _ in tell(of)] == ["queued", "queued"]
    assert "can't be worded" in caplog.text
    plain, other = Message.objects.order_by("id")
    assert plain.notice["title"] == "down"
    assert plain.notice["lines"] == ["odd.", "The message could not be worded; see the log."]
    assert other.notice["title"] == "[critical] Other"


def test_promoting_and_demoting_leave_lines_in_the_ledger() -> None:
    before = ledger.head().seq  # other tests' lines stay: nothing removes a line
    Rule.objects.create(name="down", phase="shadow", since=T0)
    actions.promote("down", by="asha@example.in", now=T0 + MINUTE)
    actions.promote("down", by="asha@example.in", now=T0 + 2 * MINUTE)
    rule = Rule.objects.get()
    assert (rule.phase, rule.since, rule.promoted_by) == ("live", T0 + MINUTE, "asha@example.in")
    actions.demote("down", by="asha@example.in", now=T0 + 3 * MINUTE)
    lines = LedgerLine.objects.filter(seq__gt=before).order_by("seq").values_list("action", "what", "by")
    assert list(lines) == [
        ("alert.promoted", "rule down", "asha@example.in"), ("alert.demoted", "rule down", "asha@example.in"),
    ]  # fmt: skip
    with pytest.raises(NigraniError, match="There is no rule 'up'"):
        actions.promote("up", by="asha@example.in", now=T0)


def test_pages_show_each_decision_with_its_reason() -> None:
    first = change("ok", "firing")
    of = made(receivers=[SLACK, MAIL])
    tell(of)
    [shown] = queries.transitions(alert_id=first.alert_id)
    assert [(each.receiver, each.word) for each in shown.fates] == [("slack", "not sent"), ("mail", "waiting")]
    assert [each.reason for each in queries.decisions(receiver="mail")] == ["It was not tried yet."]
    [view] = queries.rules(of)
    assert (view.name, view.phase, view.level, view.counts) == ("down", "live", "below 95 %", {"ok": 1})


def test_alerts_come_worst_first() -> None:
    rule = Rule.objects.create(name="down", phase="live", since=T0)
    for number, state in enumerate(["ok", "unknown", "firing", "pending", "recovering"]):
        Alert.objects.create(rule=rule, key=f"a{number}", state=state, since=T0, read_at=T0)
    of = made()
    assert [view.state for view in queries.alerts(of)] == ["firing", "recovering", "pending", "unknown", "ok"]
    assert len(queries.alerts(of, open_only=True)) == 3
    assert queries.firing_count() == 2


def test_a_rise_is_told_by_its_level_and_a_fall_says_that_it_is_not_over() -> None:
    rule = alert(
        urgency="high", runbook="down", when=Condition("share", MINUTE, below=0.95),
        higher=(AlertLevel("critical", below=0.5),),
    )  # fmt: skip
    of = guide(measures=[share()], alerts=[rule])
    for number, (old, new, before, level) in enumerate(
        [
            ("ok", "firing", "", "high"),
            ("firing", "firing", "high", "critical"),
            ("recovering", "firing", "critical", "critical"),
            ("firing", "firing", "critical", "high"),
            ("firing", "ok", "high", ""),
        ]
    ):
        Transition.objects.filter(pk=change(old, new, after=number * MINUTE).pk).update(level=level, old_level=before)
        tell(of, number * MINUTE)
    notices = [each.notice for each in Message.objects.order_by("id")]
    assert [(each["kind"], each["title"], each["urgency"]) for each in notices] == [
        ("firing", "[high] System Down — login", "high"),
        ("firing", "[critical] System Down — login", "critical"),
        ("firing", "[high] System Down — login", "high"),
        ("resolved", "System Down — login", "high"),
    ]
    assert "It is critical now; it was high before." in notices[1]["lines"]
    assert "It is high now, no longer critical. It is not over." in notices[2]["lines"]
    assert dict(notices[1]["facts"])["Level"] == "below 50 % over 1 min"
    assert "It fired from 15:30:00 IST on 1 Mar 2026 for 4 min." in notices[3]["lines"]
    assert Fate.objects.get(fate="not_sent").because.startswith("It never stopped firing for Mail to the lead")
