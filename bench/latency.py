"""Fault to message: from the moment something breaks to the moment the channel has the message.

Goal: at most one and a half probe intervals. Each round breaks the stand-in school's website and then its database,
each at a random phase of the interval: a fault just after a probe waits a whole interval to be met and half a one to be
believed, a fault just before it only the half. `ROUNDS=1` makes it quicker.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import threading

from nigrani.demo import stage as stages
from nigrani.demo.eyes import Open
from nigrani.demo.run import wait_until_up
from nigrani.demo.stage import Stage
from nigrani.lib import clock

ROUNDS = int(os.environ.get("ROUNDS", "2"))
FAULTS = {"web_down": "System Down", "database_down": "Database Down"}
CLEAR_S = 420.0


def _count(stage: Stage, word: str, title: str) -> int:
    return sum(f"{word}:" in said[:20] and title in said for said in stage.messages())


def measure(stage: Stage, fault: str, *, wait_s: float) -> float | None:
    """Break one thing after `wait_s` seconds, mend it once it was told, and return the seconds until the message."""
    title = FAULTS[fault]
    threading.Event().wait(wait_s)
    before = _count(stage, "Firing", title)
    began = clock.monotonic()
    stage.yard.fault(fault, on=True)
    told = stage.wait(lambda: _count(stage, "Firing", title) > before, timeout_s=120)
    took = clock.monotonic() - began
    stage.yard.fault(fault, on=False)
    return took if told else None


def _all_clear(stage: Stage) -> bool:
    return all(_count(stage, "Firing", title) == _count(stage, "Resolved", title) for title in FAULTS.values())


def main() -> int:
    """Print each fault's time and the mean against the goal."""
    with stages.set_up() as stage:
        wait_until_up(stage)
        from nigrani import schedule

        guide = schedule.load_guide(stage.home)
        stage.wait(Open(stage.home, guide).settled, timeout_s=150)
        interval_s = min(probe.every.total_seconds() for probe in guide.sources["website"].probes.values())
        took: list[float] = []
        for number in range(ROUNDS):
            if not stage.wait(lambda: _all_clear(stage), timeout_s=CLEAR_S):
                print("an alert did not clear", flush=True)
                return 1
            for fault in FAULTS:
                seconds = measure(stage, fault, wait_s=random.uniform(0, interval_s))
                print(
                    f"round {number + 1}, {fault}: {'never told' if seconds is None else f'{seconds:.1f} s'}",
                    flush=True,
                )
                if seconds is None:
                    return 1
                took.append(seconds)
        mean = statistics.fmean(took)
        print(f"mean {mean:.1f} s = {mean / interval_s:.2f} intervals of {interval_s:.0f} s (goal: at most 1.5)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
