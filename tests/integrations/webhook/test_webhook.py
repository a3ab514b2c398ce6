"""The webhook: what is posted, how it is signed, and that what the far end says is never repeated."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest
from tests.outbox.far_end import RESET, FarEnd, Says

from nigrani.integrations import Notice
from nigrani.integrations.webhook.config import ReceiverConfig
from nigrani.integrations.webhook.send import payload, send, signature
from nigrani.lib import clock
from nigrani.lib.errors import Refused, SourceError, Throttled, Unreachable
from nigrani.lib.secret import Secret

LONG = timedelta(seconds=5)
NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
CANARY = "canary7f3a9"
NOTICE = Notice(
    kind="firing",
    title="Error rate above 5 %",
    lines=("12 % of requests fail.", "Check the last release."),
    facts=(("Measure", "error_ratio"),),
    link="https://nigrani.example/alerts/7",
    urgency="critical",
    at=NOW,
)


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    with FarEnd().serving() as far_end:
        yield far_end


def config(far_end: FarEnd) -> ReceiverConfig:
    return ReceiverConfig(
        url=Secret(f"{far_end.url}/in?token={CANARY}"),
        signing_key=Secret(f"key-{CANARY}"),
        authorization=Secret(f"Bearer {CANARY}"),
    )


def test_a_notice_is_posted_as_documented(far_end: FarEnd) -> None:
    far_end.script.append(Says(202, '{"id": "n-17", "more": true}'))
    receipt = send(config(far_end), NOTICE, key="alert:7:firing", timeout=LONG)
    assert (receipt.id, receipt.answer) == ("n-17", "202")
    [got] = far_end.got
    documented = files("nigrani.integrations.webhook").joinpath("captured", "firing.json").read_text("utf-8")
    assert got.json == json.loads(documented)
    assert got.headers["idempotency-key"] == "alert:7:firing"
    assert got.headers["authorization"] == f"Bearer {CANARY}"
    assert got.headers["content-type"] == "application/json"


def test_the_signature_covers_the_instant_and_every_byte(far_end: FarEnd) -> None:
    with clock.standing_at(NOW):
        send(config(far_end), NOTICE, key="k", timeout=LONG)
    [got] = far_end.got
    parts = dict(part.split("=", 1) for part in got.headers["x-nigrani-signature"].split(","))
    assert parts["t"] == str(int(NOW.timestamp()))
    expected = hmac.new(f"key-{CANARY}".encode(), f"{parts['t']}.".encode() + got.body, "sha256").hexdigest()
    assert parts["v1"] == expected


def test_a_known_signature() -> None:
    signed = signature(b'{"a":1}', Secret("secret"), at=datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC))
    expected = hmac.new(b"secret", b'1700000000.{"a":1}', "sha256").hexdigest()
    assert signed == f"t=1700000000,v1={expected}"


def test_without_a_key_nothing_is_signed(far_end: FarEnd) -> None:
    send(ReceiverConfig(url=Secret(far_end.url)), NOTICE, key="k", timeout=LONG)
    assert "x-nigrani-signature" not in far_end.got[0].headers
    assert "authorization" not in far_end.got[0].headers


@pytest.mark.parametrize(
    ("key", "header"), [("a b%", "a%20b%25"), ("ü\r\nX: 1", "%C3%BC%0D%0AX:%201"), ('x{l="v"}', 'x{l="v"}')]
)
def test_any_key_is_one_safe_header(far_end: FarEnd, key: str, header: str) -> None:
    send(config(far_end), NOTICE, key=key, timeout=LONG)
    assert far_end.got[0].headers["idempotency-key"] == header
    assert far_end.got[0].json["key"] == key


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Says(401, CANARY), Refused),
        (Says(307, "", (("Location", f"/{CANARY}"),)), Refused),
        (Says(500, CANARY), Unreachable),
        (Says(503, "", (("Retry-After", "60"),)), Throttled),
        (RESET, Unreachable),
    ],
)
def test_a_failure_is_told_without_what_the_far_end_said(
    far_end: FarEnd, answer: object, kind: type[SourceError]
) -> None:
    far_end.script.append(answer)
    with pytest.raises(kind, match=r"127\.0\.0\.1") as caught:
        send(config(far_end), NOTICE, key="k", timeout=LONG)
    assert CANARY not in f"{caught.value}{caught.value!r}{config(far_end)!r}"
    assert caught.value.__context__ is None


@pytest.mark.parametrize("body", ["", "ok", "[]", '{"id": null}', "\x00"])
def test_any_2xx_is_taken_whatever_its_body(far_end: FarEnd, body: str) -> None:
    far_end.script.append(Says(200, body))
    assert send(config(far_end), NOTICE, key="k", timeout=LONG).id == ""


def test_a_repeat_says_so() -> None:
    assert payload(replace(NOTICE, repeat=True), key="k")["repeat"] is True
