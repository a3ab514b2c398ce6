"""Mail, webhooks and the dead-man receiver."""

import smtplib
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from tests.eventually import eventually
from tests.schoolyard.client import Yard


def send(yard: Yard, subject: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "alerts@ops.example", "lead@school.example", subject
    message.set_content("The database is down.\n")
    message.add_alternative("<p>The database is down.</p>", subtype="html")
    smtp = yard.document["receivers"]["smtp"]
    with smtplib.SMTP(smtp["host"], smtp["port"], timeout=5) as connection:
        connection.send_message(message)


def test_mail_is_kept_with_its_text(yard: Yard) -> None:
    send(yard, "डेटाबेस बंद")
    last = yard.journal("smtp")[-1]
    assert (last["from"], last["to"]) == ("alerts@ops.example", ["lead@school.example"])
    assert last["subject"] == "डेटाबेस बंद"
    assert last["text"].strip() == "The database is down."
    assert last["accepted"]


def test_mail_refused_for_now_and_for_good(yard: Yard) -> None:
    yard.fault("smtp_trouble", kind="4xx", count=1)
    with pytest.raises(smtplib.SMTPDataError) as soft:
        send(yard, "a")
    assert soft.value.smtp_code == 451
    yard.fault("smtp_trouble", kind="5xx", count=1)
    with pytest.raises(smtplib.SMTPDataError) as hard:
        send(yard, "a")
    assert hard.value.smtp_code == 550
    assert not yard.journal("smtp")[-1]["accepted"]
    send(yard, "again")


def test_mail_server_away(yard: Yard) -> None:
    yard.fault("smtp_trouble", kind="refuse")
    with pytest.raises(ConnectionRefusedError):
        send(yard, "a")
    yard.reset()
    send(yard, "back")


def test_a_webhook_keeps_the_raw_body_and_its_signature(yard: Yard) -> None:
    url = yard.document["receivers"]["hook"]["url"] + "statuspage"
    answer = yard.http.post(url, content=b'{"a":  1}', headers={"x-signature": "abc", "accept": "x"})
    assert answer.status_code == 200
    last = yard.journal("hook")[-1]
    assert (last["name"], last["body"], last["headers"]["x-signature"]) == ("statuspage", '{"a":  1}', "abc")
    assert "accept" not in last["headers"]


def test_webhook_trouble(yard: Yard) -> None:
    url = yard.document["receivers"]["hook"]["url"] + "a"
    yard.fault("hook_trouble", kind="410", count=1)
    assert yard.http.post(url).status_code == 410
    assert yard.http.post(url).status_code == 200


def schedule(yard: Yard, period_s: float, grace_s: float) -> dict[str, Any]:
    answer = yard.http.post(f"{yard.control}/deadman", json={"period_s": period_s, "grace_s": grace_s})
    shown: dict[str, Any] = answer.json()
    return shown


def test_the_deadman_notices_silence_by_itself(yard: Yard) -> None:
    ping = yard.document["receivers"]["deadman"]["ping_url"]
    schedule(yard, 0.15, 0.1)
    answer = yard.http.get(ping)
    assert (answer.status_code, answer.text) == (200, "OK")
    assert answer.headers["ping-body-limit"] == "10000"
    statuses = eventually(lambda: [i["status"] for i in yard.journal("deadman") if i["event"] == "status"][1:])
    assert statuses[-1] == "down"
    schedule(yard, 60, 60)
    yard.http.post(ping + "/0", content=b"fine")
    assert yard.state()["deadman"]["state"] == "up"
    assert [i["status"] for i in yard.journal("deadman") if i["event"] == "status"][-1] == "up"
    assert yard.http.post(ping + "/fail").text == "OK"
    assert yard.state()["deadman"]["state"] == "down"


@pytest.mark.parametrize(
    ("suffix", "status", "text"), [("/300", 400, "invalid url format"), ("/oops", 404, "not found")]
)
def test_the_deadman_refuses_wrong_pings(yard: Yard, suffix: str, status: int, text: str) -> None:
    answer = yard.http.get(yard.document["receivers"]["deadman"]["ping_url"] + suffix)
    assert (answer.status_code, answer.text) == (status, text)


def test_the_deadman_knows_one_uuid_only(yard: Yard) -> None:
    url = yard.document["receivers"]["deadman"]["ping_url"]
    other = url.rsplit("/", 1)[0] + "/00000000-0000-4000-8000-000000000000"
    assert yard.http.get(other).status_code == 404
    yard.fault("deadman_trouble", kind="refuse")
    with pytest.raises(httpx.ConnectError):
        yard.http.get(url)
