"""Slack: what is laid out, within its limits, and what each of its answers means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.outbox.far_end import HANG, RESET, Says, SlackEnd, wrong_with

from nigrani.integrations import REPEAT_NOTE, Notice
from nigrani.integrations.slack.config import ReceiverConfig
from nigrani.integrations.slack.send import HEADER_MAX, SECTION_MAX, cut, message, send
from nigrani.lib import clock
from nigrani.lib.errors import Refused, SourceError, Throttled, Unreachable, Unreadable
from nigrani.lib.secret import Secret
from schoolyard.receivers import blocks

LONG = timedelta(seconds=5)
NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
CANARY = "canary7f3a9"
NOTICE = Notice(
    kind="firing",
    title="Error rate above 5 %",
    lines=("12 % of requests fail.", "Check the last release."),
    facts=(("Measure", "error_ratio"), ("Since", "14:30")),
    link="https://nigrani.example/alerts/7",
    urgency="critical",
    at=NOW,
)


@pytest.fixture
def slack() -> Iterator[SlackEnd]:
    end = SlackEnd()
    with end.serving():
        yield end


def webhook(slack: SlackEnd) -> ReceiverConfig:
    return ReceiverConfig(webhook_url=Secret(f"{slack.url}/services/T0/B0/{CANARY}"))


def bot(slack: SlackEnd, *, token: str = SlackEnd.token, channel: str = "C1") -> ReceiverConfig:
    return ReceiverConfig(bot_token=Secret(token), channel=channel, api_url=f"{slack.url}/api")


def captured(name: str) -> Any:
    return json.loads(files("nigrani.integrations.slack").joinpath("captured", name).read_text("utf-8"))


def test_a_notice_is_laid_out_as_captured() -> None:
    assert message(NOTICE) == captured("firing.json")
    assert message(replace(NOTICE, kind="resolved", urgency="", facts=(), repeat=True)) == captured("resolved.json")


def test_a_webhook_takes_a_notice(slack: SlackEnd) -> None:
    receipt = send(webhook(slack), NOTICE, key="k", timeout=LONG)
    assert (receipt.id, receipt.answer) == ("", "ok")
    [got] = slack.got
    assert (got.method, got.path) == ("POST", f"/services/T0/B0/{CANARY}")
    assert got.json == message(NOTICE)


def test_a_bot_posts_and_keeps_channel_and_ts(slack: SlackEnd) -> None:
    receipt = send(bot(slack), NOTICE, key="k-1", timeout=LONG)
    assert receipt.id == "C1/1700000000.000001"
    [got] = slack.got
    assert got.headers["authorization"] == f"Bearer {SlackEnd.token}"
    assert got.json["metadata"]["event_payload"] == {"key": "k-1"}
    assert (got.json["parse"], got.json["link_names"]) == ("none", False)


@pytest.mark.parametrize(
    ("answer", "kind", "words", "uncertain"),
    [
        (Says(400, "invalid_payload"), Refused, "400: invalid_payload", None),
        (Says(403, "action_prohibited"), Refused, "403: action_prohibited", None),
        (Says(404, "no_service"), Refused, "404: no_service", None),
        (Says(410, "channel_is_archived"), Refused, "410: channel_is_archived", None),
        (Says(500, "rollup_error"), Unreachable, "500: rollup_error", False),
        (Says(503, ""), Unreachable, "503", False),
        (Says(504, "<html>"), Unreachable, r"504\)", True),
        (Says(302, "", (("Location", "/x"),)), Refused, "redirects", None),
        (Says(200, "<html>Welcome to the hotel</html>"), Unreadable, "not with its ok", None),
        (RESET, Unreachable, "broke", True),
    ],
)
def test_an_answer_of_the_webhook_means_one_thing(
    slack: SlackEnd, answer: object, kind: type[SourceError], words: str, uncertain: bool | None
) -> None:
    slack.script.append(answer)
    with pytest.raises(kind, match=words) as caught:
        send(webhook(slack), NOTICE, key="k", timeout=LONG)
    assert getattr(caught.value, "uncertain", None) is uncertain
    assert CANARY not in f"{caught.value}{caught.value!r}"


def test_throttling_says_until_when(slack: SlackEnd) -> None:
    slack.script.append(Says(429, "", (("Retry-After", "30"),)))
    with clock.standing_at(NOW), pytest.raises(Throttled) as caught:
        send(webhook(slack), NOTICE, key="k", timeout=LONG)
    assert caught.value.retry_at == NOW + timedelta(seconds=30)


def test_a_hang_is_uncertain(slack: SlackEnd) -> None:
    slack.script.append(HANG)
    with pytest.raises(Unreachable, match="in time") as caught:
        send(webhook(slack), NOTICE, key="k", timeout=timedelta(milliseconds=300))
    assert caught.value.uncertain


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ("not_in_channel", Refused, "Invite the bot into the channel"),
        ("token_revoked", Refused, "Put a valid bot token in place"),
        ("ratelimited", Throttled, "wait"),
        ("internal_error", Unreachable, "internal_error"),
        ("fatal_error", Unreachable, "half-way"),
        ("brand_new_error", Unreadable, "brand_new_error that we do not know"),
        (f"{CANARY} https://", Unreadable, "a word that we do not know"),
    ],
)
def test_an_error_word_of_the_api_means_one_thing(
    slack: SlackEnd, error: str, kind: type[SourceError], words: str
) -> None:
    slack.script.append(Says(200, json.dumps({"ok": False, "error": error}), (("Retry-After", "1"),)))
    with pytest.raises(kind, match=words) as caught:
        send(bot(slack), NOTICE, key="k", timeout=LONG)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("body", ["", "ok", "[]", "{}", '{"ok": "yes"}', "<html>", '{"ok": true, "ts": 1.5}'])
def test_what_is_not_the_api_is_unreadable(slack: SlackEnd, body: str) -> None:
    slack.script.append(Says(200, body))
    with pytest.raises(Unreadable, match="without its JSON"):
        send(bot(slack), NOTICE, key="k", timeout=LONG)


def test_a_wrong_token_and_a_wrong_channel_are_refused(slack: SlackEnd) -> None:
    with pytest.raises(Refused, match="invalid_auth"):
        send(bot(slack, token=f"xoxb-{CANARY}"), NOTICE, key="k", timeout=LONG)
    with pytest.raises(Refused, match="channel_not_found"):
        send(bot(slack, channel="C2"), NOTICE, key="k", timeout=LONG)


def test_nobody_can_be_mentioned_and_nothing_linked_by_what_others_wrote() -> None:
    hostile = "<!channel> <@U1> <https://evil.example|click> & `x`"
    shown = json.dumps(
        message(replace(NOTICE, title=hostile, lines=(hostile,), facts=((hostile, hostile),)))["blocks"][1:]
    )
    assert "<!channel>" not in shown
    assert "<@U1>" not in shown
    assert "<https://evil" not in shown
    assert "&lt;!channel&gt;" in shown
    assert "<!channel>" not in message(replace(NOTICE, title=hostile))["text"]


def test_a_link_can_not_break_out_of_its_brackets() -> None:
    text = message(replace(NOTICE, link="https://x/|a> <!channel>"))["blocks"][3]["text"]["text"]
    assert text == "<https://x/%7Ca&gt; &lt;!channel&gt;|Open in Nigrani>"


def test_a_repeat_says_so() -> None:
    assert REPEAT_NOTE in json.dumps(message(replace(NOTICE, repeat=True)))


_texts = st.text(alphabet=st.sampled_from("a&<>é₹😀 \n"), max_size=20).flatmap(
    lambda text: st.integers(1, 300).map(lambda times: text * times)
)


@settings(max_examples=60)
@given(_texts, st.lists(_texts, max_size=5), st.lists(st.tuples(_texts, _texts), max_size=5))
def test_any_notice_is_within_slacks_limits(title: str, lines: list[str], facts: list[tuple[str, str]]) -> None:
    made = message(replace(NOTICE, title=title, lines=tuple(lines), facts=tuple(facts)))
    # Two readings of Slack's limits, made apart from one another.
    assert wrong_with(json.loads(json.dumps(made))) == ""
    assert blocks.fault(json.loads(json.dumps(made))) is None
    for block in made["blocks"]:
        assert len(block["text"]["text"].encode("utf-16-le")) // 2 <= (
            HEADER_MAX if block["type"] == "header" else SECTION_MAX
        )
        if block["type"] == "section":
            assert block["text"]["text"].replace("&amp;", "").replace("&lt;", "").replace("&gt;", "").count("&") == 0


def test_cut_counts_what_slack_may_count() -> None:
    assert cut("😀" * 5, 10) == "😀" * 5
    assert cut("😀" * 6, 10) == "😀" * 4 + "…"


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (ReceiverConfig(), "exactly one of webhook_url and bot_token"),
        (ReceiverConfig(webhook_url=Secret("x"), bot_token=Secret("y"), channel="C"), "exactly one"),
        (ReceiverConfig(bot_token=Secret("y")), "bot_token needs a channel"),
        (ReceiverConfig(webhook_url=Secret("x"), channel="C"), "drop channel"),
    ],
)
def test_a_wrong_configuration_is_told(config: ReceiverConfig, problem: str) -> None:
    assert any(problem in told for told in config.check())
    assert list(ReceiverConfig(webhook_url=Secret("x")).check()) == []
