"""A guide with receivers that stand for real ones, and far ends for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.outbox.far_end import FarEnd, SlackEnd

from nigrani.guide.model import Guide, Receiver, Where
from nigrani.integrations.slack.config import ReceiverConfig as Slack
from nigrani.lib.secret import Secret

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
CANARY = "T0CANARY/B0CANARY/canary7f3a9"
_HERE = Where("people.yaml", 1, 1)


def receiver(name: str, url: str, *, missing: tuple[str, ...] = ()) -> Receiver:
    """A Slack channel behind an incoming webhook at `url`."""
    config = None if missing else Slack(webhook_url=Secret(f"{url}/services/{CANARY}"))
    return Receiver(name, "slack", f"#{name}", config, missing, _HERE)


def guide_of(*receivers: Receiver) -> Guide:
    """A guide with nothing but receivers."""
    parts: dict[str, Any] = {
        part: {} for part in ("sources", "measures", "alerts", "promises", "people", "rows", "text")
    }
    return Guide(
        name="Test",
        zone=ZoneInfo("Asia/Kolkata"),
        folder="",
        digest="",
        reference=(),
        dead_man=None,
        dead_man_every=timedelta(seconds=30),
        receivers={each.name: each for each in receivers},
        **parts,
    )


@pytest.fixture
def slack() -> Iterator[SlackEnd]:
    """A Slack that answers as Slack does."""
    with SlackEnd().serving() as far_end:
        assert isinstance(far_end, SlackEnd)
        yield far_end


@pytest.fixture
def slacks() -> Iterator[Callable[[], FarEnd]]:
    """Make as many Slacks as a test wants."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(SlackEnd().serving())
