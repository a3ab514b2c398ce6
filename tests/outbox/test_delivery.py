"""Messages on their way: over real sockets, from real PostgreSQL rows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from tests.eventually import eventually
from tests.outbox.conftest import CANARY, NOW, guide_of, receiver
from tests.outbox.far_end import HANG, RESET, FarEnd, Got, Says, SlackEnd

from nigrani.integrations import REPEAT_NOTE, Notice
from nigrani.lib.errors import NigraniError, Refused
from nigrani.outbox import actions, queries, tries
from nigrani.outbox.models import Attempt, Message

pytestmark = pytest.mark.django_db(transaction=True)


def enqueue(key: str, *, to: str = "alerts", kind: str = "firing", thread: str = "", title: str = "") -> Message:
    notice = Notice(kind, title or key, ("Look at it.",), link="http://console/alerts/1", urgency="critical", at=NOW)  # type: ignore[arg-type]
    return actions.enqueue(receiver=to, notice=notice, key=key, now=NOW, thread=thread)


def titles(far_end: FarEnd) -> list[str]:
    return [got.json["blocks"][0]["text"]["text"].partition(": ")[2] for got in far_end.got]


def outcomes(message: Message) -> list[str]:
    return list(Attempt.objects.filter(message=message).order_by("id").values_list("outcome", flat=True))


def says_repeat(got: Got) -> bool:
    return REPEAT_NOTE in str(got.json)


def test_a_message_is_sent_once_and_leaves_its_receipt(slack: SlackEnd) -> None:
    guide, message = guide_of(receiver("alerts", slack.url)), enqueue("a")
    assert actions.deliver_due(guide, now=NOW, patience=None) == 1
    assert actions.deliver_due(guide, now=NOW, patience=None) == 0
    message.refresh_from_db()
    assert (message.state, message.receipt, message.next_at, message.leased_until) == ("sent", "ok", None, None)
    assert queries.fate(message) == ("sent", "Accepted on try 1.")
    assert titles(slack) == ["a"]
    assert outcomes(message) == ["sent"]


def test_the_same_key_is_the_same_message(slack: SlackEnd) -> None:
    assert enqueue("a").pk == enqueue("a", title="other").pk
    actions.deliver_due(guide_of(receiver("alerts", slack.url)), now=NOW, patience=None)
    assert titles(slack) == ["a"]


def test_a_clock_set_back_keeps_no_message_waiting(slack: SlackEnd) -> None:
    guide = guide_of(receiver("alerts", slack.url))
    enqueue("a")
    slack.script.append(RESET)
    enqueue("b", thread="other")
    day = timedelta(days=1)
    actions.deliver_due(guide, now=NOW - day, patience=None)
    actions.deliver_due(guide, now=NOW - day + timedelta(seconds=2), patience=None)
    assert not Message.objects.exclude(state="sent").exists()


def test_a_pause_asked_for_before_the_clock_was_set_back_is_over(slack: SlackEnd) -> None:
    message = enqueue("a")
    Attempt.objects.create(
        message=message, receiver="alerts", at=NOW, ended_at=NOW, outcome="throttled", retry_at=NOW + timedelta(hours=1)
    )
    assert queries.paused(["alerts"], now=NOW) == {"alerts"}
    assert queries.paused(["alerts"], now=NOW - timedelta(days=1)) == set()


def test_the_intention_stands_before_the_call(slack: SlackEnd) -> None:
    slack.script.append(HANG)
    message = enqueue("a")
    actions.deliver_due(guide_of(receiver("alerts", slack.url)), now=NOW, patience=timedelta())
    eventually(lambda: slack.got)
    message.refresh_from_db()
    assert (message.state, message.tries) == ("sending", 1)
    assert queries.fate(message) == ("being sent", "Try 1 is under way.")
    [view] = queries.deliveries(10)
    assert [each.outcome for each in view.tries] == ["under way"]
    slack.released.set()
    assert actions.finish(timeout=timedelta(seconds=10))


def test_throttling_is_obeyed_for_every_message_to_that_receiver(slack: SlackEnd) -> None:
    slack.script.append(Says(429, "", (("Retry-After", "30"),)))
    guide = guide_of(receiver("alerts", slack.url))
    first, _ = enqueue("a", thread="1"), enqueue("b", thread="2")
    actions.deliver_due(guide, now=NOW, patience=None)
    assert outcomes(first) == ["throttled"]
    [view] = queries.receivers(guide, now=NOW + timedelta(seconds=1))
    assert (view.state, view.waiting) == ("paused", 2)
    for wait_s in (1, 20, 29):
        enqueue(f"late-{wait_s}", thread=str(wait_s))
        actions.deliver_due(guide, now=NOW + timedelta(seconds=wait_s), patience=None)
    assert len(slack.got) == 1, "nothing is sent while it asked us to wait"
    actions.deliver_due(guide, now=NOW + timedelta(seconds=90), patience=None)
    assert sorted(titles(slack)[1:]) == ["a", "b", "late-1", "late-20", "late-29"]
    assert not any(map(says_repeat, slack.got)), "a throttled message was not taken"


def test_a_server_error_is_tried_again_after_a_wait(slack: SlackEnd) -> None:
    slack.script += [Says(500, "rollup_error"), Says(500, "rollup_error")]
    guide, message = guide_of(receiver("alerts", slack.url)), enqueue("a")
    actions.deliver_due(guide, now=NOW, patience=None)
    message.refresh_from_db()
    assert message.error == "Slack is in trouble (500: rollup_error)."
    assert queries.fate(message)[0] == "waiting"
    actions.deliver_due(guide, now=NOW + timedelta(milliseconds=500), patience=None)
    assert len(slack.got) == 1
    actions.deliver_due(guide, now=NOW + timedelta(seconds=3), patience=None)
    actions.deliver_due(guide, now=NOW + timedelta(seconds=20), patience=None)
    assert outcomes(message) == ["unreachable", "unreachable", "sent"]
    assert not says_repeat(slack.got[-1])


@pytest.mark.parametrize("fault", [RESET, Says(502, "")], ids=["reset", "502"])
def test_what_may_have_arrived_is_sent_again_and_says_so(slack: SlackEnd, fault: object) -> None:
    slack.script.append(fault)
    guide, message = guide_of(receiver("alerts", slack.url)), enqueue("a")
    actions.deliver_due(guide, now=NOW, patience=None)
    actions.deliver_due(guide, now=NOW + timedelta(seconds=5), patience=None)
    message.refresh_from_db()
    assert (outcomes(message), message.possible_repeat) == (["uncertain", "sent"], True)
    assert [says_repeat(got) for got in slack.got] == [False, True]
    assert queries.fate(message) == ("sent", "Accepted on try 2. An earlier try may have arrived as well.")


def test_a_hanging_far_end_is_uncertain(slack: SlackEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "TIMEOUT", timedelta(milliseconds=300))
    slack.script.append(HANG)
    guide, message = guide_of(receiver("alerts", slack.url)), enqueue("a")
    actions.deliver_due(guide, now=NOW, patience=None)
    assert outcomes(message) == ["uncertain"]


def test_a_refusal_is_final_shows_the_receiver_broken_and_later_messages_still_try(slack: SlackEnd) -> None:
    slack.script += [Says(410, "channel_is_archived"), Says(410, "channel_is_archived")]
    guide, first = guide_of(receiver("alerts", slack.url)), enqueue("a")
    enqueue("b")
    actions.deliver_due(guide, now=NOW, patience=None)
    first.refresh_from_db()
    assert first.state == "failed"
    assert queries.fate(first) == ("failed", "Not sent: Slack refused the message (410: channel_is_archived).")
    [view] = queries.receivers(guide, now=NOW)
    assert (view.state, view.reason) == ("broken", "Slack refused the message (410: channel_is_archived).")
    enqueue("c")
    actions.deliver_due(guide, now=NOW, patience=None)
    assert titles(slack) == ["a", "b", "c"]
    assert queries.receivers(guide, now=NOW)[0].state == "ok"


def test_a_message_is_given_up_after_a_day(slack: SlackEnd) -> None:
    slack.usual = Says(500, "")
    slack.judge = lambda got: slack.usual  # type: ignore[method-assign]
    guide, message = guide_of(receiver("alerts", slack.url)), enqueue("a")
    now = NOW
    while now <= NOW + timedelta(hours=25):
        actions.deliver_due(guide, now=now, patience=None)
        now += timedelta(hours=1)
    message.refresh_from_db()
    assert (message.state, message.next_at) == ("given_up", None)
    assert len(slack.got) == 25
    assert queries.fate(message) == ("given up", "Tried 25 times and given up: Slack is in trouble (500).")


def test_resolved_never_overtakes_firing_but_another_alert_does(slack: SlackEnd) -> None:
    slack.script.append(Says(500, ""))
    guide = guide_of(receiver("alerts", slack.url))
    enqueue("down", thread="down")
    actions.deliver_due(guide, now=NOW, patience=None)
    enqueue("up again", kind="resolved", thread="down")
    enqueue("other", thread="other")
    actions.deliver_due(guide, now=NOW, patience=None)
    # The other alert's message arrived, so the receiver is back, and what waited for it follows at once, in order.
    assert titles(slack) == ["down", "other", "down", "up again"]


def test_a_message_that_fails_while_others_arrive_keeps_its_own_pace(slack: SlackEnd) -> None:
    poison = Says(504, "")
    slack.judge = lambda got: poison if "poison" in got.body.decode() else Says()  # type: ignore[method-assign]
    guide = guide_of(receiver("alerts", slack.url))
    for key in ("first", "poison"):
        enqueue(key, thread=key)
        actions.deliver_due(guide, now=NOW, patience=None)
    for number in range(5):
        enqueue(f"m{number}", thread=str(number))
        actions.deliver_due(guide, now=NOW, patience=None)
    assert titles(slack) == ["first", "poison", "m0", "poison", "m1", "m2", "m3", "m4"]


def test_without_a_thread_a_receiver_gets_its_messages_in_order(slack: SlackEnd) -> None:
    slack.script.append(Says(500, ""))
    guide = guide_of(receiver("alerts", slack.url))
    for key in "abc":
        enqueue(key)
    actions.deliver_due(guide, now=NOW, patience=None)
    actions.deliver_due(guide, now=NOW, patience=None)
    assert titles(slack) == ["a"]
    actions.deliver_due(guide, now=NOW + timedelta(seconds=5), patience=None)
    assert titles(slack) == ["a", "a", "b", "c"]


def test_a_hanging_receiver_delays_nobody_else(slacks: Callable[[], FarEnd]) -> None:
    slow, quick = slacks(), slacks()
    slow.script.append(HANG)
    guide = guide_of(receiver("slow", slow.url), receiver("quick", quick.url))
    enqueue("s", to="slow")
    enqueue("q1", to="quick")
    actions.deliver_due(guide, now=NOW, patience=timedelta(milliseconds=200))
    enqueue("q2", to="quick")
    enqueue("s2", to="slow")
    actions.deliver_due(guide, now=NOW, patience=timedelta(milliseconds=200))
    eventually(lambda: titles(quick) == ["q1", "q2"])
    assert titles(slow) == ["s"], "the slow one gets one message at a time"
    slow.released.set()
    assert actions.finish(timeout=timedelta(seconds=10))


def test_two_workers_send_each_message_once_and_in_order(slack: SlackEnd) -> None:
    guide = guide_of(receiver("alerts", slack.url))
    for number in range(12):
        enqueue(f"m{number:02}", thread=str(number % 3))

    def worker() -> None:
        # As another process does it: past this process's lanes, straight to the rows.
        actions._work(guide, "alerts", now=NOW)

    workers = [threading.Thread(target=worker) for _ in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    arrived = titles(slack)
    assert sorted(arrived) == [f"m{number:02}" for number in range(12)]
    for thread in range(3):
        mine = [title for title in arrived if int(title[1:]) % 3 == thread]
        assert mine == sorted(mine)
    assert not any(map(says_repeat, slack.got))
    assert Message.objects.filter(state="sent").count() == 12


def test_a_late_answer_of_a_worker_that_lost_its_lease_still_counts(slack: SlackEnd) -> None:
    guide, message = guide_of(receiver("alerts", slack.url)), enqueue("a")
    made = tries.begin(message, now=NOW)
    again = tries.begin(message, now=NOW + timedelta(minutes=2))
    assert outcomes(message) == ["uncertain", ""]
    came = tries.call(guide.receivers["alerts"], made.message)
    tries.record(made, came, guide.receivers["alerts"], now=NOW + timedelta(minutes=3))
    tries.record(again, Refused("Too late."), guide.receivers["alerts"], now=NOW + timedelta(minutes=4))
    message.refresh_from_db()
    assert (message.state, outcomes(message)) == ("sent", ["sent", "refused"])


def test_a_receiver_that_is_not_set_up_keeps_its_messages(slack: SlackEnd) -> None:
    message = enqueue("a")
    bare = guide_of(receiver("alerts", slack.url, missing=("SLACK_WEBHOOK_URL",)))
    actions.deliver_due(bare, now=NOW, patience=None)
    message.refresh_from_db()
    assert (message.state, message.tries) == ("queued", 0)
    assert queries.fate(message) == (
        "waiting", "The receiver alerts is not set up: SLACK_WEBHOOK_URL is missing. It is tried again.",
    )  # fmt: skip
    assert queries.receivers(bare, now=NOW)[0].state == "not set up"
    actions.deliver_due(guide_of(receiver("alerts", slack.url)), now=NOW + timedelta(minutes=2), patience=None)
    assert titles(slack) == ["a"]


def test_the_queue_shows_how_much_waits_and_how_long(slack: SlackEnd) -> None:
    assert queries.waiting(NOW) == queries.QueueView(0, None)
    enqueue("a")
    assert queries.waiting(NOW + timedelta(seconds=90)) == queries.QueueView(1, 90.0)


def test_no_secret_is_kept_logged_or_raised(
    slack: SlackEnd, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(tries, "TIMEOUT", timedelta(milliseconds=300))
    echo = f"{slack.url}/services/{CANARY}"
    slack.script += [
        Says(200, echo),
        Says(500, echo),
        Says(302, "", (("Location", echo),)),
        Says(404, echo),
        RESET,
        HANG,
    ]
    guide = guide_of(receiver("alerts", slack.url), receiver("closed", "http://127.0.0.1:1"))
    for number in range(7):
        enqueue(f"m{number}", thread=str(number), to="closed" if number == 6 else "alerts")
    for turn in range(8):
        actions.deliver_due(guide, now=NOW + timedelta(milliseconds=turn), patience=None)
    kept = [
        *Attempt.objects.values_list("detail", "outcome"),
        *Message.objects.values_list("error", "receipt", "notice"),
    ]
    assert set(Attempt.objects.values_list("outcome", flat=True)) >= {
        "unreadable", "unreachable", "refused", "uncertain",
    }  # fmt: skip
    for text in (*map(str, kept), *(f"{record.__dict__}" for record in caplog.records), repr(guide)):
        assert "CANARY" not in text
        assert "canary7f3a9" not in text


def test_a_sender_with_a_mistake_stops_neither_others_nor_tells_secrets(
    slack: SlackEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nigrani.integrations.slack import send

    def broken(*_: object, **__: object) -> None:
        raise KeyError(CANARY)

    monkeypatch.setattr(send, "message", broken)
    message = enqueue("a")
    actions.deliver_due(guide_of(receiver("alerts", slack.url)), now=NOW, patience=None)
    [(outcome, detail)] = Attempt.objects.filter(message=message).values_list("outcome", "detail")
    assert (outcome, detail) == ("unreadable", "Sending by slack failed inside us: KeyError.")


def test_a_test_message_is_sent_at_once_and_listed(slack: SlackEnd) -> None:
    guide = guide_of(receiver("alerts", slack.url))
    receipt = actions.send_test(guide, "alerts", now=NOW)
    assert receipt.answer == "ok"
    [view] = queries.deliveries(10)
    assert (view.kind, view.word, view.title) == ("test", "sent", "Nigrani can reach you")


def test_a_failed_test_message_is_raised_and_not_tried_again(slack: SlackEnd) -> None:
    slack.script.append(Says(500, "rollup_error"))
    guide = guide_of(receiver("alerts", slack.url), receiver("bare", "", missing=("SLACK_WEBHOOK_URL",)))
    with pytest.raises(NigraniError, match="in trouble"):
        actions.send_test(guide, "alerts", now=NOW)
    actions.deliver_due(guide, now=NOW + timedelta(minutes=5), patience=None)
    assert (len(slack.got), Message.objects.get().state) == (1, "failed")
    with pytest.raises(NigraniError, match="bare is not set up: SLACK_WEBHOOK_URL is missing"):
        actions.send_test(guide, "bare", now=NOW)
    with pytest.raises(NigraniError, match=r"no receiver nobody\. It has: alerts, bare"):
        actions.send_test(guide, "nobody", now=NOW)


def test_losing_a_receiver_and_getting_it_back_is_logged_once_each(
    slack: SlackEnd, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    slack.script += [Says(500, "")] * 3
    guide = guide_of(receiver("alerts", slack.url))
    enqueue("a")
    for minutes in (0, 1, 2, 20):
        actions.deliver_due(guide, now=NOW + timedelta(minutes=minutes), patience=None)
    said = [action for record in caplog.records if (action := getattr(record, "action", "")).startswith("outbox.")]
    assert said == ["outbox.receiver_lost", "outbox.receiver_back"]


def test_lists_cost_two_queries(slack: SlackEnd, django_assert_num_queries: Callable[[int], object]) -> None:
    for number in range(5):
        enqueue(f"m{number}")
    actions.deliver_due(guide_of(receiver("alerts", slack.url)), now=NOW, patience=None)
    with django_assert_num_queries(2):  # type: ignore[attr-defined]
        assert len(queries.deliveries(50)) == 5
    assert connection.vendor == "postgresql"
