"""Many alerts of one rule are one message, its thread goes on at a bounded pace, and its end is told once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.alerts.crowd import MAIL, TELLING, Crowd, fates, titles
from tests.measures.making import HERE, MINUTE

from nigrani.alerts.models import Alert, Fate, Rule, Thread, Transition
from nigrani.guide import Receiver
from nigrani.integrations.email import message as mail
from nigrani.integrations.email.config import ReceiverConfig
from nigrani.integrations.slack import send
from nigrani.outbox import notices
from nigrani.outbox.models import Attempt, Message

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
SCHOOLS = tuple(f"S{number:03}" for number in range(142))


def test_a_hundred_and_forty_two_schools_are_one_message() -> None:
    crowd = Crowd({"cut": ()})
    crowd.change("cut", "firing", *SCHOOLS)
    [notice] = crowd.tell()
    assert notice["title"] == "[high] Cut — 142: S000, S001, S002 and 139 more"
    assert notice["lines"][1:3] == ["S000: S000 is so.", "S001: S001 is so."]
    assert "… and 132 more." in notice["lines"]
    assert notice["link"].endswith("/alerts?rule=cut")
    assert Fate.objects.filter(fate="queued", message__isnull=False).count() == 142
    assert {because for _, _, because in fates("cut")} == {"It fires; Mail is told in one message with 141 more."}


def test_later_arrivals_join_the_thread_at_its_pace_and_parts_that_ended_are_said() -> None:
    crowd = Crowd({"cut": ()})
    crowd.change("cut", "firing", "a", "b")
    crowd.tell()
    crowd.change("cut", "firing", "c")
    crowd.change("cut", "ok", "a")
    assert crowd.tell(after=MINUTE) == []
    crowd.change("cut", "firing", "d")
    assert crowd.tell(after=MINUTE) == []
    assert crowd.tell(after=3 * MINUTE - SECOND) == []
    [notice] = crowd.tell(after=SECOND)
    assert notice["title"] == "[high] Cut — 2 more, 3 in all: c, d"
    assert "Over meanwhile: a." in notice["lines"]
    assert len({message.thread for message in Message.objects.all()}) == 1
    crowd.change("cut", "ok", "b", "c", "d")
    [notice] = crowd.tell(after=SECOND)
    assert titles([notice]) == ["resolved: Cut — 3 over, none fires any more: b, c, d"]
    assert Thread.objects.get().over_at == crowd.at
    assert not Fate.objects.filter(waits=True).exists()
    assert Transition.objects.filter(awaits=True).count() == 0


def test_one_that_ends_while_others_fire_is_said_when_the_thread_may_speak() -> None:
    crowd = Crowd({"cut": ()})
    crowd.change("cut", "firing", "a", "b")
    crowd.tell()
    crowd.change("cut", "ok", "a")
    assert crowd.tell(after=MINUTE) == []
    assert titles(crowd.tell(after=4 * MINUTE)) == ["note: Cut — 1 over, 1 still fire"]
    crowd.change("cut", "ok", "b")
    assert titles(crowd.tell(after=MINUTE)) == ["resolved: Cut — b"]


def test_what_waits_and_is_over_meanwhile_is_never_told() -> None:
    crowd = Crowd({"cut": ()})
    crowd.change("cut", "firing", "a")
    crowd.tell()
    crowd.change("cut", "firing", "b")
    assert crowd.tell(after=MINUTE) == []
    crowd.change("cut", "ok", "b")
    assert crowd.tell(after=MINUTE) == []
    assert fates("cut")[-1] == ("change", "not_sent", "It was over before Mail was told of it.")
    assert crowd.tell(after=10 * MINUTE) == []


def test_who_joins_late_hears_of_no_end_without_a_beginning() -> None:
    crowd = Crowd({"cut": ()})
    crowd.change("cut", "firing", "a")
    crowd.tell()
    crowd = _with(crowd, Receiver("late", "email", "Late", None, (), HERE))
    crowd.change("cut", "firing", "b")
    notices_ = crowd.tell(after=MINUTE)
    assert (titles(notices_), Message.objects.latest("id").receiver) == (["firing: [high] Cut — b"], "late")
    crowd.change("cut", "ok", "a", "b")
    crowd.tell(after=MINUTE)
    said = {message.receiver: message.notice["title"] for message in Message.objects.filter(kind="resolved")}
    assert said == {"mail": "Cut — a", "late": "Cut — b"}


def _with(crowd: Crowd, *more: Receiver) -> Crowd:
    Rule.objects.filter(name__in=crowd.rules).delete() if not Alert.objects.exists() else None
    from tests.measures.making import guide

    of = crowd.guide
    crowd.guide = guide(
        measures=[*of.measures.values()], alerts=[*of.alerts.values()], receivers=[MAIL, *more], telling=TELLING
    )
    return crowd


def test_a_thread_whose_message_was_lost_does_not_wait_to_be_heard() -> None:
    crowd = Crowd({"cut": ()})
    crowd.change("cut", "firing", "a")
    crowd.tell()
    message = Message.objects.get()
    Attempt.objects.create(message=message, receiver="mail", at=crowd.at, ended_at=crowd.at, outcome="refused")
    Message.objects.update(state="failed", next_at=None)
    crowd.change("cut", "firing", "b")
    assert titles(crowd.tell(after=SECOND)) == ["firing: [high] Cut — b"]


def test_many_that_reached_nobody_are_told_in_one_message_when_their_receiver_works() -> None:
    unset = Receiver("mail", "email", "Mail", None, ("SMTP_HOST",), HERE)
    crowd = Crowd({"cut": ()}, receivers=(unset,))
    crowd.change("cut", "firing", *SCHOOLS)
    assert crowd.tell() == []
    crowd = _with(crowd)
    assert titles(crowd.tell(after=MINUTE)) == ["firing: [high] Cut — 142: S000, S001, S002 and 139 more"]
    assert crowd.tell(after=MINUTE) == []
    crowd.change("cut", "ok", *SCHOOLS)
    assert titles(crowd.tell(after=MINUTE)) == [
        "resolved: Cut — 142 over, none fires any more: S000, S001, S002 and 139 more"
    ]


def test_a_clock_set_back_keeps_no_thread_waiting() -> None:
    crowd = Crowd({"cut": ()})
    crowd.change("cut", "firing", "a")
    crowd.tell()
    crowd.change("cut", "firing", "b")
    assert titles(crowd.tell(after=-timedelta(hours=2))) == ["firing: [high] Cut — 1 more, 2 in all: b"]


@pytest.mark.parametrize("size", [10, 300])
def test_no_query_is_made_for_each_alert(size: int) -> None:
    crowd = Crowd({"cut": (), "slow": ("cut",)})
    names = tuple(f"S{number}" for number in range(size))
    crowd.change("cut", "firing", *names)
    crowd.change("slow", "firing", *names)
    with CaptureQueriesContext(connection) as asked:
        assert len(crowd.tell()) == 1
    assert len(asked) <= 48, [each["sql"][:80] for each in asked]
    assert Fate.objects.count() == 2 * size
    crowd.change("cut", "ok", *names)
    crowd.change("slow", "ok", *names)
    with CaptureQueriesContext(connection) as asked:
        assert len(crowd.tell(after=MINUTE)) == 1
    assert len(asked) <= 48, [each["sql"][:80] for each in asked]


HOSTILE = (
    "<!channel> <https://evil.example|Click> *bold* `code`",
    "</h2><script>alert(1)</script>",
    "x\r\nBcc: everybody@example.in",
    "\u202egnp.exe \x1b[31mred\x1b[0m",
    "y" * 10_000,
)


def test_hostile_labels_stay_text_in_every_kind_of_message() -> None:
    crowd = Crowd({"cut": (), "slow": ("cut",)})
    crowd.change("cut", "firing", *HOSTILE)
    crowd.change("slow", "firing", *HOSTILE)
    sent = crowd.tell()
    crowd.change("cut", "firing", *(f"{each} two" for each in HOSTILE))
    sent += crowd.tell(after=6 * MINUTE)
    crowd.change("cut", "ok", *HOSTILE[:2])
    sent += crowd.tell(after=6 * MINUTE)
    crowd.change("cut", "ok", *HOSTILE[2:], *(f"{each} two" for each in HOSTILE))
    sent += crowd.tell(after=MINUTE)
    for number in range(6):
        crowd.change("cut", "firing" if number % 2 == 0 else "ok", *HOSTILE)
        sent += crowd.tell(after=SECOND)
    sent += crowd.tell(after=timedelta(hours=1))
    kinds = {each["kind"] for each in sent}
    assert kinds == {"firing", "note", "resolved"}
    assert len(sent) >= 6
    for kept in sent:
        notice = notices.loaded(kept, repeat=False)
        said = send.message(notice)
        texts = [said["text"], *(block["text"]["text"] for block in said["blocks"] if block["type"] == "section")]
        assert all("<!channel>" not in text and "<https://evil" not in text for text in texts)
        config = ReceiverConfig(host="127.0.0.1", to=("a@example.in",), sender="b@example.in")
        letter = mail.message(config, notice, key="k")
        assert letter["Bcc"] is None
        assert "<script>" not in mail.as_html(notice)
        assert "\x1b" not in str(kept)
        assert "\u202e" not in str(kept)
        assert len(str(kept)) < 20_000
