"""What a person may answer to "where shall we tell you?"."""

from __future__ import annotations

import pytest

from nigrani.first_hour import parse_channel
from nigrani.lib.errors import NigraniError


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("https://hooks.slack.com/services/T0/B0/x", "slack"),
        ("https://ops.example.in/alerts?token=1", "webhook"),
        ("tgram://bot/chat", "apprise"),
        ("ntfy://topic", "apprise"),
    ],
)
def test_an_address_tells_its_kind(address: str, kind: str) -> None:
    channel = parse_channel(address, None)
    assert channel.kind == kind
    assert address in dict(channel.secrets).values()


def test_a_mailbox_comes_with_its_server() -> None:
    channel = parse_channel("ops@example.in", "ops%40example.in:p%3Ass@mail.example.in:465")
    assert dict(channel.secrets) == {
        "ALERT_MAIL_TO": "ops@example.in",
        "ALERT_MAIL_FROM": "ops@example.in",
        "SMTP_HOST": "mail.example.in",
        "SMTP_PORT": "465",
        "SMTP_SECURITY": "tls",
        "SMTP_USERNAME": "ops@example.in",
        "SMTP_PASSWORD": "p:ss",
    }


def test_a_server_on_this_machine_without_password_is_taken_plain() -> None:
    assert dict(parse_channel("ops@example.in", "127.0.0.1:2525").secrets)["SMTP_SECURITY"] == "none"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ops@example.in", "needs a server to send through. Add --smtp"),
        ("nowhere", "is no channel. Give https://hooks"),
    ],
)
def test_what_is_no_channel_is_refused_with_what_to_give(address: str, words: str) -> None:
    with pytest.raises(NigraniError, match=words):
        parse_channel(address, None)
