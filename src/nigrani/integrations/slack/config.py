"""What an operator says about a Slack channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from nigrani.guide.fields import Url
from nigrani.lib.secret import Secret


@dataclass(frozen=True, kw_only=True)
class ReceiverConfig:
    """A Slack channel: through an incoming webhook, or as a bot that posts into a named channel."""

    webhook_url: Secret | None = field(
        default=None,
        metadata={
            "help": "The address of an incoming webhook. It is a secret: whoever has it can post.",
            "example": "${SLACK_WEBHOOK_URL}",
        },
    )
    bot_token: Secret | None = field(
        default=None,
        metadata={
            "help": "Instead of a webhook: a bot's token (xoxb-…) with the right chat:write.",
            "example": "${SLACK_BOT_TOKEN}",
        },
    )
    channel: str = field(
        default="",
        metadata={"help": "With bot_token: the channel's id. The bot must be a member.", "example": "C0123456789"},
    )
    api_url: Url = field(
        default="https://slack.com/api",
        metadata={"help": "With bot_token: where Slack's Web API answers.", "example": "https://slack.com/api"},
    )

    def check(self) -> Iterator[str]:
        """Yield what contradicts itself."""
        if (self.webhook_url is None) == (self.bot_token is None):
            yield "give exactly one of webhook_url and bot_token"
        if self.bot_token is not None and not self.channel:
            yield "bot_token needs a channel"
        if self.webhook_url is not None and self.channel:
            yield "a webhook always posts into its own channel: drop channel, or use bot_token"
