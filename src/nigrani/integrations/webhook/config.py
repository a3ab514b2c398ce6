"""What an operator says about a system of theirs that takes our messages as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field

from nigrani.lib.secret import Secret


@dataclass(frozen=True, kw_only=True)
class ReceiverConfig:
    """An HTTP address that takes a notice as a JSON POST."""

    url: Secret = field(
        metadata={
            "help": "Where to post. Treated as a secret, since such addresses often carry a token.",
            "example": "${ALERT_WEBHOOK_URL}",
        }
    )
    signing_key: Secret | None = field(
        default=None,
        metadata={
            "help": "A key we sign each message with, so that your side can tell that it is ours.",
            "example": "${ALERT_WEBHOOK_KEY}",
        },
    )
    authorization: Secret | None = field(
        default=None,
        metadata={
            "help": "The value of the Authorization header, if your side wants one.",
            "example": "${ALERT_WEBHOOK_AUTHORIZATION}",
        },
    )
