"""Fault to message: from the moment a site stops answering to the moment the channel has the message.

Goal: at most one and a half probe intervals. Each round breaks the stand-in school's website at another phase of the
interval, so that the mean is not one lucky phase.
"""

from __future__ import annotations

import os
import statistics
import sys
import threading

from nigrani.demo import stage as stages
from nigrani.demo.eyes import Open
from nigrani.demo.run import wait_until_up
from nigrani.demo.stage import Stage
from nigrani.lib import clock

ROUNDS = int(os.environ.get("ROUNDS", "3"))


def _messages(stage: Stage, word: str) -> int:
    return sum("System Down" in title and (word in title.lower()) for title in stage.messages())


def _count(stage: Stage) -> int:
    return sum("System Down" in title for title in stage.messages())


def measure(stage: Stage, interval_s: float, phase: float) -> float | None:
    """Break the site after `phase` of an interval and return the seconds until the message; mend and let it clear."""
    threading.Event().wait(phase * interval_s)
    before = _count(stage)
    began = clock.monotonic()
    stage.yard.fault("web_down", on=True)
    told = stage.wait(lambda: _count(stage) > before, timeout_s=120)
    took = clock.monotonic() - began
    stage.yard.fault("web_down", on=False)
    stage.wait(lambda: _messages(stage, "resolved") > 0 and _count(stage) >= before + 2, timeout_s=420)
    return took if told else None


def main() -> int:
    """Print each round and the mean against the goal."""
    with stages.set_up() as stage:
        wait_until_up(stage)
        from nigrani import schedule

        guide = schedule.load_guide(stage.home)
        eyes = Open(stage.home, guide)
        stage.wait(eyes.settled, timeout_s=150)
        interval_s = min(probe.every.total_seconds() for probe in guide.sources["website"].probes.values())
        took = []
        for number in range(ROUNDS):
            seconds = measure(stage, interval_s, phase=number / ROUNDS)
            print(f"round {number + 1}: {'never told' if seconds is None else f'{seconds:.1f} s'}", flush=True)
            took.append(seconds)
        if None in took:
            return 1
        mean = statistics.fmean(each for each in took if each is not None)
        print(f"mean {mean:.1f} s = {mean / interval_s:.2f} intervals of {interval_s:.0f} s (goal: at most 1.5)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
