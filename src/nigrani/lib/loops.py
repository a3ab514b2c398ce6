"""Loops: the few things an app process does again and again, and whether each still does them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from . import clock

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loop:
    """A named turn and its period. `turn` returns how many things it did; it is called again at once if `hungry`
    says that it filled its batch."""

    name: str
    period: timedelta
    turn: Callable[[], int]
    batch: int = 0

    def hungry(self, done: int) -> bool:
        """Whether the turn filled its batch, so that more is likely waiting."""
        return bool(self.batch) and done >= self.batch


class Runner:
    """Runs each loop in a thread of its own and remembers when each last finished a turn without error."""

    def __init__(self, loops: Iterable[Loop], *, after_turn: Callable[[], None] = lambda: None) -> None:
        self.loops = tuple(loops)
        self._after_turn = after_turn
        self._stop = threading.Event()
        self._beats = {loop.name: clock.monotonic() for loop in self.loops}
        self._failing: set[str] = set()
        self._threads = [
            threading.Thread(target=self._run, args=(loop,), name=loop.name, daemon=True) for loop in self.loops
        ]

    def start(self) -> None:
        """Start every loop, and be the runner that `running()` returns."""
        global _running
        _running = self
        for thread in self._threads:
            thread.start()

    def stop(self, *, timeout_s: float = 10) -> None:
        """Ask every loop to end after its present turn, and wait for them at most `timeout_s` seconds in all."""
        self._stop.set()
        until = clock.monotonic() + timeout_s
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, until - clock.monotonic()))

    def lags(self) -> dict[str, float]:
        """Seconds since each loop last finished a turn without error."""
        now = clock.monotonic()
        return {name: now - beat for name, beat in self._beats.items()}

    def late(self) -> list[str]:
        """Names of the loops that did not finish a turn within two periods (and no less than 5 seconds)."""
        lags = self.lags()
        return [loop.name for loop in self.loops if lags[loop.name] > max(5.0, 2 * loop.period.total_seconds())]

    def _run(self, loop: Loop) -> None:
        while not self._stop.is_set():
            done = 0
            try:
                done = loop.turn()
            except Exception as error:
                # The loop must outlive any error; the beat stays behind, so the dead-man hears of it.
                self._told_failure(loop, error)
            else:
                self._told_success(loop)
            finally:
                self._after_turn()
            if not loop.hungry(done):
                self._stop.wait(loop.period.total_seconds())

    def _told_failure(self, loop: Loop, error: Exception) -> None:
        if loop.name not in self._failing:
            self._failing.add(loop.name)
            log.error(
                "The loop %s fails.", loop.name, exc_info=error, extra={"action": "loop.failing", "loop": loop.name}
            )

    def _told_success(self, loop: Loop) -> None:
        self._beats[loop.name] = clock.monotonic()
        if loop.name in self._failing:
            self._failing.discard(loop.name)
            log.info("The loop %s works again.", loop.name, extra={"action": "loop.recovered", "loop": loop.name})


_running: Runner | None = None


def running() -> Runner | None:
    """Return the runner of this process, or None where no loops run (a console apart, a command)."""
    return _running
