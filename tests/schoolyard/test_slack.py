"""Slack: exact answers, limits, and trouble on demand."""

from typing import Any

import httpx
import pytest
from tests.schoolyard.client import Yard

LONG_SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}
LONG_HEADER = {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}


def hook(yard: Yard, **options: Any) -> httpx.Response:
    return yard.http.post(yard.document["receivers"]["slack"]["webhook_url"], **options)


def call(yard: Yard, method: str, payload: dict[str, Any], token: str | None = None) -> httpx.Response:
    slack = yard.document["receivers"]["slack"]
    headers = {"authorization": f"Bearer {token or slack['token']}"}
    return yard.http.post(f"{slack['api_url']}/{method}", json=payload, headers=headers)


def channel(yard: Yard, name: str) -> str:
    return str(yard.document["receivers"]["slack"]["channels"][name])


def test_the_webhook_says_ok_and_keeps_the_message(yard: Yard) -> None:
    answer = hook(yard, json={"text": "database down"})
    assert (answer.status_code, answer.text) == (200, "ok")
    last = yard.journal("slack")[-1]
    assert (last["method"], last["text"], last["accepted"]) == ("webhook", "database down", True)
    assert last["at"].endswith("Z")


@pytest.mark.parametrize(
    ("payload", "word"),
    [
        ({}, "no_text"),
        ({"text": "a", "blocks": [LONG_SECTION]}, "invalid_blocks"),
        ({"text": "a", "blocks": [LONG_HEADER]}, "invalid_blocks"),
        ({"text": "a", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"text": "a", "blocks": {}}, "invalid_blocks_format"),
        ({"text": "a", "blocks": [{"type": "wish"}]}, "invalid_blocks"),
    ],
)
def test_the_webhook_refuses_what_slack_refuses(yard: Yard, payload: dict[str, Any], word: str) -> None:
    answer = hook(yard, json=payload)
    assert (answer.status_code, answer.text) == (400, word)


def test_the_webhook_refuses_what_is_no_json(yard: Yard) -> None:
    answer = hook(yard, content=b"{text: no}", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.text) == (400, "invalid_payload")


def test_an_unknown_webhook(yard: Yard) -> None:
    url = yard.document["receivers"]["slack"]["webhook_url"]
    assert yard.http.post(url[:-4] + "XXXX", json={"text": "a"}).text == "invalid_token"
    unknown = yard.http.post(url.split("/services/")[0] + "/services/T0/B0/x", json={"text": "a"})
    assert (unknown.status_code, unknown.text) == (404, "no_service")


def test_a_message_is_posted_threaded_and_updated(yard: Yard) -> None:
    first = call(yard, "chat.postMessage", {"channel": "#alerts", "text": "down"}).json()
    assert first["ok"]
    assert first["channel"] == channel(yard, "alerts")
    reply = {"channel": first["channel"], "text": "diagnosis", "thread_ts": first["ts"]}
    assert call(yard, "chat.postMessage", reply).json()["ok"]
    update = {"channel": first["channel"], "ts": first["ts"], "text": "resolved"}
    assert call(yard, "chat.update", update).json()["ts"] == first["ts"]
    item = yard.journal("slack")[-1]
    assert (item["method"], item["text"]) == ("chat.update", "resolved")


@pytest.mark.parametrize(
    ("name", "payload", "error"),
    [
        ("nowhere", {"text": "a"}, "channel_not_found"),
        ("random", {"text": "a"}, "not_in_channel"),
        ("old-alerts", {"text": "a"}, "is_archived"),
        ("alerts", {}, "no_text"),
        ("alerts", {"text": "x" * 40_001}, "msg_too_long"),
        ("alerts", {"text": "a", "blocks": [LONG_SECTION]}, "invalid_blocks"),
        ("alerts", {"text": "a", "thread_ts": "0"}, "invalid_thread_ts"),
        ("alerts", {"text": "a", "thread_ts": "1700000000.000001"}, "thread_not_found"),
    ],
)
def test_the_api_says_no_with_http_200(yard: Yard, name: str, payload: dict[str, Any], error: str) -> None:
    answer = call(yard, "chat.postMessage", {"channel": name, **payload})
    assert (answer.status_code, answer.json()) == (200, {"ok": False, "error": error})


def test_update_wants_the_channels_id(yard: Yard) -> None:
    assert (
        call(yard, "chat.update", {"channel": "alerts", "ts": "1", "text": "a"}).json()["error"] == "channel_not_found"
    )
    unknown = {"channel": channel(yard, "alerts"), "ts": "1700000000.000001", "text": "a"}
    assert call(yard, "chat.update", unknown).json()["error"] == "message_not_found"


def test_a_wrong_token(yard: Yard) -> None:
    assert call(yard, "auth.test", {}, token="xoxb-no").json()["error"] == "invalid_auth"


def test_a_flood_is_limited(yard: Yard) -> None:
    answers = [call(yard, "chat.postMessage", {"channel": "leads", "text": "a"}) for _ in range(25)]
    assert answers[0].status_code == 200
    assert (answers[-1].status_code, answers[-1].json()["error"]) == (429, "ratelimited")
    assert "retry-after" in answers[-1].headers


def test_trouble_for_the_next_so_many_requests(yard: Yard) -> None:
    yard.fault("slack_trouble", kind="429", count=1, retry_after_s=7)
    limited = hook(yard, json={"text": "a"})
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
    assert "slack_trouble" not in yard.state()["faults"]
    yard.fault("slack_trouble", kind="500", count=1)
    assert hook(yard, json={"text": "a"}).status_code == 500
    yard.fault("slack_trouble", kind="archived", count=1)
    gone = hook(yard, json={"text": "a"})
    assert (gone.status_code, gone.text) == (410, "channel_is_archived")


def test_an_accepted_message_whose_answer_is_lost(yard: Yard) -> None:
    yard.fault("slack_trouble", kind="lost_answer", count=1)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        hook(yard, json={"text": "did it arrive?"})
    last = yard.journal("slack")[-1]
    assert (last["text"], last["accepted"]) == ("did it arrive?", True)


def test_trouble_on_the_wire(yard: Yard) -> None:
    yard.fault("slack_trouble", kind="reset", count=1)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        hook(yard, json={"text": "a"})
    yard.fault("slack_trouble", kind="hang", count=1)
    with pytest.raises(httpx.ReadTimeout):
        hook(yard, json={"text": "a"}, timeout=0.3)
    assert [item["trouble"] for item in yard.journal("slack")[-2:]] == ["reset", "hang"]
    yard.fault("slack_trouble", kind="refuse")
    with pytest.raises(httpx.ConnectError):
        hook(yard, json={"text": "a"})
