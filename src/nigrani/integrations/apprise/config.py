"""What an operator says about a receiver that only Apprise knows."""

from __future__ import annotations

from dataclasses import dataclass, field

from nigrani.lib.secret import Secret


@dataclass(frozen=True, kw_only=True)
class ReceiverConfig:
    """One of the hundred-odd services that the Apprise library can tell."""

    url: Secret = field(
        metadata={
            "help": "An Apprise address, such as tgram://bot_token/chat_id or ntfy://topic.",
            "example": "${APPRISE_URL}",
        }
    )
