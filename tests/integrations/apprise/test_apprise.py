"""Apprise: the long tail, over a real socket, with no more known than it tells."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files

import pytest
from tests.eventually import ends_within
from tests.outbox.far_end import HANG, RESET, FarEnd, Says

from nigrani.integrations import REPEAT_NOTE, Notice
from nigrani.integrations.apprise.config import ReceiverConfig
from nigrani.integrations.apprise.send import body, send
from nigrani.lib.errors import Refused, Unreachable
from nigrani.lib.secret import Secret

# The library asks for a module that Python 3.13 drops; it has its own way without it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
LONG = timedelta(seconds=5)
CANARY = "canary7f3a9"
NOTICE = Notice("firing", "It is down", ("Look <at> it.",), (("Since", "14:30"),), "https://n.example/1", "critical")


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    with FarEnd().serving() as far_end:
        yield far_end


def config(far_end: FarEnd) -> ReceiverConfig:
    return ReceiverConfig(url=Secret(f"json://user:{CANARY}@{far_end.url.removeprefix('http://')}/{CANARY}"))


def test_a_notice_goes_out(far_end: FarEnd) -> None:
    assert send(config(far_end), NOTICE, key="k", timeout=LONG).answer == "true"
    [got] = far_end.got
    recorded = json.loads(files("nigrani.integrations.apprise").joinpath("captured", "firing.json").read_text("utf-8"))
    assert {name: got.json[name] for name in recorded} == recorded


@pytest.mark.parametrize("answer", [Says(500, CANARY), Says(403, CANARY), RESET])
def test_a_failure_is_uncertain_and_without_a_reason(
    far_end: FarEnd, answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    far_end.script += [answer] * 3
    with pytest.raises(Unreachable, match=r"did not go out.* tells no reason") as caught:
        send(config(far_end), NOTICE, key="k", timeout=LONG)
    assert caught.value.uncertain
    assert CANARY not in f"{caught.value}{caught.value!r}{caplog.text}"


def test_a_hang_ends_in_time(far_end: FarEnd) -> None:
    far_end.script += [HANG] * 3
    with ends_within(2), pytest.raises(Unreachable) as caught:
        send(config(far_end), NOTICE, key="k", timeout=timedelta(milliseconds=400))
    assert caught.value.uncertain


@pytest.mark.parametrize("url", [f"nosuch://{CANARY}", "", CANARY, "slack://"])
def test_a_bad_address_is_refused_and_never_quoted(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Refused, match="none that Apprise knows") as caught:
        send(ReceiverConfig(url=Secret(url)), NOTICE, key="k", timeout=LONG)
    assert CANARY not in f"{caught.value}{caught.value!r}{caplog.text}"


def test_a_repeat_says_so() -> None:
    assert body(replace(NOTICE, repeat=True)).endswith(REPEAT_NOTE)
