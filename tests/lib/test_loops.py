"""Loops outlive their errors, and whoever asks learns who is late."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

import pytest
from tests.eventually import eventually

from nigrani.lib.loops import Loop, Runner, running


def test_a_loop_that_fails_once_goes_on_and_is_told_once_each_way(caplog: pytest.LogCaptureFixture) -> None:
    turns: list[int] = []

    def turn() -> int:
        turns.append(1)
        if len(turns) in (2, 3):
            raise ValueError("the far end is gone")
        return 0

    runner = Runner([Loop("test", timedelta(milliseconds=1), turn)])
    with caplog.at_level(logging.INFO):
        runner.start()
        eventually(lambda: len(turns) > 5)
        runner.stop()
    assert [getattr(record, "action", "") for record in caplog.records] == ["loop.failing", "loop.recovered"]
    assert running() is runner


def test_a_loop_that_hangs_is_late_and_its_neighbour_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    hang, present = threading.Event(), [0.0]
    monkeypatch.setattr("nigrani.lib.clock.monotonic", lambda: present[0])
    turned = threading.Event()

    def well() -> int:
        turned.set()
        return 0

    runner = Runner(
        [
            Loop("stuck", timedelta(seconds=1), lambda: int(hang.wait(30))),
            Loop("well", timedelta(milliseconds=1), well),
        ]
    )
    runner.start()
    assert turned.wait(5)
    present[0] = 60.0
    turned.clear()
    assert turned.wait(5)
    eventually(lambda: runner.late() == ["stuck"])
    assert runner.lags()["stuck"] == 60.0
    hang.set()
    runner.stop()


def test_another_cause_behind_the_first_is_told_too(caplog: pytest.LogCaptureFixture) -> None:
    turns: list[int] = []

    def turn() -> int:
        turns.append(1)
        if len(turns) < 5:
            raise KeyError if len(turns) < 3 else ValueError
        return 0

    runner = Runner([Loop("test", timedelta(milliseconds=1), turn)])
    with caplog.at_level(logging.INFO):
        runner.start()
        eventually(lambda: len(turns) > 5)
        runner.stop()
    causes = [record.exc_info[0].__name__ for record in caplog.records if record.exc_info and record.exc_info[0]]
    assert causes == ["KeyError", "ValueError"]
