"""Mail over a real conversation: what is written, what is refused, and what is known when it breaks off."""

from __future__ import annotations

import re
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.eventually import ends_within
from tests.integrations.email.mail_end import CERTIFICATE, PASSWORD, scripted, serving

from nigrani.integrations import REPEAT_NOTE, Notice
from nigrani.integrations.email.config import ReceiverConfig
from nigrani.integrations.email.message import SUBJECT_MAX, message
from nigrani.integrations.email.send import send
from nigrani.lib.errors import Refused, SourceError, Unreachable, Unreadable
from nigrani.lib.secret import Secret

NOTICE = Notice(
    kind="firing",
    title="The system is down",
    lines=("Login fails since 14:30.", "Check the database first."),
    facts=(("Measure", "login_failed_ratio"), ("Value", "12 %")),
    link="https://nigrani.example/alerts/7",
    urgency="critical",
    at=datetime(2026, 11, 3, 9, 0, tzinfo=UTC),
)
SOON, LONG = timedelta(milliseconds=400), timedelta(seconds=5)


def config(port: int, **changes: Any) -> ReceiverConfig:
    base: dict[str, Any] = {
        "host": "localhost", "port": port, "security": "none", "to": ("on-call@example.com",),
        "sender": "nigrani@example.com",
    }  # fmt: skip
    return ReceiverConfig(**(base | changes))


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def test_a_mail_arrives_whole() -> None:
    with serving() as end:
        receipt = send(config(end.port), NOTICE, key="k1", timeout=LONG)
    [mail] = end.mails
    assert mail["Subject"] == "▲ Firing: The system is down"
    assert (mail["From"], mail["To"], mail["Importance"]) == ("nigrani@example.com", "on-call@example.com", "high")
    assert mail["Date"].datetime == NOTICE.at
    assert mail["Auto-Submitted"] == "auto-generated"
    assert (receipt.id, receipt.answer) == (mail["Message-ID"], "250: 2.0.0 Taken as 4ABC")
    assert part(mail, "plain") == (
        "Login fails since 14:30.\nCheck the database first.\n\nUrgency: critical\nMeasure: login_failed_ratio\n"
        "Value: 12 %\n\nhttps://nigrani.example/alerts/7\n"
    )
    assert '<a href="https://nigrani.example/alerts/7">' in part(mail, "html")
    assert all(len(line) <= 998 for line in end.raw[0].split(b"\r\n"))


def test_a_notice_is_laid_out_as_captured() -> None:
    mail = message(config(25), NOTICE, key="k1")
    mail.set_boundary("boundary")
    assert bytes(mail) == files("nigrani.integrations.email").joinpath("captured", "firing.eml").read_bytes()


def test_a_repeat_has_the_same_message_id_and_says_so() -> None:
    with serving() as end:
        first = send(config(end.port), NOTICE, key="k1", timeout=LONG)
        again = send(config(end.port), replace(NOTICE, repeat=True), key="k1", timeout=LONG)
        other = send(config(end.port), NOTICE, key="k2", timeout=LONG)
    assert first.id == again.id != other.id
    assert REPEAT_NOTE in part(end.mails[1], "plain")


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_goes_protected_and_logged_in(security: str) -> None:
    with serving(security=security, login=True) as end:
        mine = config(
            end.port, security=security, username="nigrani", password=Secret(PASSWORD), ca_file=str(CERTIFICATE)
        )
        send(mine, NOTICE, key="k", timeout=LONG)
        assert len(end.mails) == 1
        with pytest.raises(Refused, match=r"535 \(logging in\).* Check username and password"):
            send(replace(mine, password=Secret("wrong")), NOTICE, key="k", timeout=LONG)
        with pytest.raises(Unreachable, match="certificate of localhost is not valid") as caught:
            send(replace(mine, ca_file=""), NOTICE, key="k", timeout=LONG)
    assert not caught.value.uncertain
    assert len(end.mails) == 1


def test_a_server_without_starttls_gets_nothing() -> None:
    with serving() as end, pytest.raises(Refused, match="it offers no STARTTLS"):
        send(config(end.port, security="starttls"), NOTICE, key="k", timeout=LONG)
    assert end.mails == []


@pytest.mark.parametrize(
    ("answers", "kind", "words"),
    [
        ({"MAIL": "451 4.3.0 Later"}, Unreachable, r"451 \(naming the sender\): 4\.3\.0 Later"),
        ({"MAIL": "550 5.7.1 Not you"}, Refused, r"550 \(naming the sender\): 5\.7\.1 Not you"),
        ({"a@x.com": "550 5.1.1 Nobody", "b@x.com": "550 No"}, Refused, r"550 \(naming the recipients\)"),
        ({"a@x.com": "550 5.1.1 Nobody", "b@x.com": "450 Busy"}, Unreachable, r"450 \(naming the recipients\): Busy"),
        ({"DATA": "452 4.2.2 Full"}, Unreachable, r"452 \(handing over the mail\)"),
        ({"DATA": "554 5.7.1 Spam"}, Refused, r"554 \(handing over the mail\): 5\.7\.1 Spam"),
    ],
)
def test_a_reply_code_means_later_or_never(answers: dict[str, str], kind: type[SourceError], words: str) -> None:
    with serving() as end:
        end.answers = answers
        with pytest.raises(kind, match=words) as caught:
            send(config(end.port, to=("a@x.com", "b@x.com")), NOTICE, key="k", timeout=LONG)
    assert not getattr(caught.value, "uncertain", False), "it answered: it did not take the mail"
    assert end.mails == []


def test_a_mailbox_refused_for_good_is_told_in_the_receipt() -> None:
    with serving() as end:
        end.answers = {"b@x.com": "550 5.1.1 Nobody"}
        receipt = send(config(end.port, to=("a@x.com", "b@x.com")), NOTICE, key="k", timeout=LONG)
    assert receipt.answer.endswith("not taken for b@x.com: 550: 5.1.1 Nobody")


def test_a_mailbox_that_is_put_off_is_tried_again_with_all() -> None:
    with serving() as end:
        end.answers = {"b@x.com": "450 4.7.1 Greylisted"}
        with pytest.raises(Unreachable, match=r"put off some mailboxes: b@x\.com: 450: 4\.7\.1 Greylisted") as caught:
            send(config(end.port, to=("a@x.com", "b@x.com")), NOTICE, key="k", timeout=LONG)
    assert caught.value.uncertain, "one of them has it"


_UP_TO_DATA: list[bytes | None] = [b"220 x\r\n", b"250 x\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"]


@pytest.mark.parametrize(
    ("said", "phase", "uncertain"),
    [
        ([], "greeting", False),
        ([None], "greeting", False),
        ([b"220-x\r\n", None], "greeting", False),
        ([b"220 x\r\n", b"250 x\r\n", None], "naming the sender", False),
        ([*_UP_TO_DATA[:4], None], "announcing the mail", False),
        (_UP_TO_DATA, "handing over the mail", True),
        ([*_UP_TO_DATA, None], "handing over the mail", True),
    ],
)
def test_silence_is_uncertain_only_once_the_mail_has_left(
    said: list[bytes | None], phase: str, uncertain: bool
) -> None:
    with scripted(said) as port, ends_within(2), pytest.raises(Unreachable, match=re.escape(f"({phase})")) as caught:
        send(config(port), NOTICE, key="k", timeout=SOON)
    assert caught.value.uncertain is uncertain


def test_no_connection_is_certain() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match=r"connecting") as caught:
            send(config(taken.getsockname()[1]), NOTICE, key="k", timeout=LONG)
    assert not caught.value.uncertain


def test_a_server_that_talks_something_else_is_unreadable() -> None:
    with scripted([b"SSH-2.0-OpenSSH_9.6\r\n"]) as port, pytest.raises(Unreadable, match="does not talk SMTP"):
        send(config(port), NOTICE, key="k", timeout=LONG)


def test_a_password_echoed_by_the_server_is_not_told() -> None:
    with serving(security="starttls", login=True) as end:
        end.answers = {"MAIL": f"550 You said {PASSWORD}"}
        mine = config(
            end.port, security="starttls", username="nigrani", password=Secret(PASSWORD), ca_file=str(CERTIFICATE)
        )
        with pytest.raises(Refused) as caught:
            send(mine, NOTICE, key="k", timeout=LONG)
    assert "You said" in str(caught.value)
    assert PASSWORD not in f"{caught.value}{caught.value!r}{mine!r}"
    assert caught.value.__context__ is None


def test_a_password_that_smtp_cannot_carry_is_refused_without_quoting_it() -> None:
    with serving(security="starttls", login=True) as end:
        mine = config(
            end.port, security="starttls", username="nigrani", password=Secret("canary-ü"), ca_file=str(CERTIFICATE)
        )
        with pytest.raises(Refused, match="signs that SMTP does not carry") as caught:
            send(mine, NOTICE, key="k", timeout=LONG)
    assert caught.value.__context__ is None


_hostile = st.text(alphabet=st.sampled_from("ab\r\n\t:<>&\"' .é₹\u2028Bc"), max_size=60)


@settings(max_examples=100)
@given(_hostile, _hostile, _hostile, _hostile)
def test_no_text_breaks_out_of_its_place(title: str, line: str, label: str, value: str) -> None:
    notice = Notice("firing", title, (line,), ((label, value),), link="javascript:alert(1)", urgency="critical")
    plain = message(config(25), NOTICE, key="k")
    mail = message(config(25), notice, key="k\r\nBcc: all@example.com")
    head = bytes(mail).split(b"\r\n\r\n")[0]
    assert sorted(mail.keys()) == sorted(plain.keys())
    assert not re.search(rb"^bcc", head, re.I | re.M)
    assert set(re.findall(r"<(\w+)", part(mail, "html"))) <= {"html", "body", "h2", "p", "table", "tr", "th", "td"}


def test_a_long_subject_is_cut() -> None:
    subject = message(config(25), replace(NOTICE, title="x" * 999), key="k")["Subject"]
    assert (len(subject), subject[-1]) == (SUBJECT_MAX, "…")


def test_a_line_that_is_a_dot_does_not_end_the_mail() -> None:
    with serving() as end:
        send(config(end.port), replace(NOTICE, lines=("a", ".", "..b", "c")), key="k", timeout=LONG)
    assert part(end.mails[0], "plain").startswith("a\n.\n..b\nc\n")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"to": ()}, "to names nobody"),
        ({"to": ("a@x.com\r\nBcc: b",)}, "is no mail address"),
        ({"to": ("A <a@x.com>",)}, "write only name@example.com"),
        ({"sender": "nobody"}, "is no mail address"),
        ({"username": "me"}, "go together"),
        ({"username": "me", "password": Secret("p")}, "unprotected connection"),
        ({"port": 0}, "0 is no port"),
    ],
)
def test_a_wrong_configuration_is_told(changes: dict[str, Any], problem: str) -> None:
    assert any(problem in told for told in replace(config(25), **changes).check())


def test_a_right_configuration_has_no_problem() -> None:
    assert list(config(25).check()) == []
