"""Lanes: side by side, one a name, and no error lost."""

from __future__ import annotations

import threading

import pytest
from tests.eventually import eventually

from nigrani.outbox.lanes import LANES_MAX, Lanes


def test_a_turn_waits_for_its_lanes_and_adds_up_what_they_did() -> None:
    assert Lanes().run(["a", "b", "c"], lambda name: ord(name) - ord("a"), patience_s=None) == 3


def test_a_slow_lane_is_left_running_and_not_opened_twice() -> None:
    lanes, free, calls = Lanes(), threading.Event(), []

    def work(name: str) -> int:
        calls.append(name)
        if name == "slow":
            free.wait(10)
        return 1

    assert lanes.run(["slow", "quick"], work, patience_s=0.05) == 1
    assert lanes.run(["slow", "quick"], work, patience_s=0.05) == 1
    assert calls.count("slow") == 1
    assert not lanes.wait(timeout_s=0.01)
    free.set()
    assert lanes.wait(timeout_s=10)
    assert lanes.run(["slow"], work, patience_s=None) == 1


def test_an_error_is_raised_by_its_turn_or_else_by_the_next() -> None:
    lanes, free = Lanes(), threading.Event()

    def work(name: str) -> int:
        if name == "late":
            free.wait(10)
        raise ValueError(name)

    with pytest.raises(ValueError, match="now"):
        lanes.run(["now"], work, patience_s=None)
    assert lanes.run(["late"], work, patience_s=0.0) == 0
    free.set()
    eventually(lambda: lanes.wait(timeout_s=0))
    with pytest.raises(ValueError, match="late"):
        lanes.run([], work, patience_s=None)


def test_there_are_never_more_lanes_than_connections_allow() -> None:
    lanes, free = Lanes(), threading.Event()
    names = [str(number) for number in range(LANES_MAX + 5)]
    lanes.run(names, lambda _: int(free.wait(10)), patience_s=0.0)
    busy = [thread for thread in threading.enumerate() if thread.name.startswith("lane ")]
    assert len(busy) == LANES_MAX
    free.set()
    assert lanes.wait(timeout_s=10)
