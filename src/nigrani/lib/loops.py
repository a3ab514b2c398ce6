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
    """A named turn and its period. `turn` returns how many things it did, which only tests look at."""

    name: str
    period: timedelta
    turn: Callable[[], int]


class Runner:
    """Runs each loop in a thread of its own and remembers when each last finished a turn without error."""

    def __init__(self, loops: Iterable[Loop], *, after_turn: Callable[[], None] = lambda: None) -> None:
        self.loops = tuple(loops)
        self._after_turn = after_turn
        self._stop = threading.Event()
        self._beats = {loop.name: clock.monotonic() for loop in self.loops}
        self._failing: dict[str, type[Exception]] = {}
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
            try:
                loop.turn()
            except Exception as error:
                # The loop must outlive any error; the beat stays behind, so the dead-man hears of it.
                self._told_failure(loop, error)
            else:
                self._told_success(loop)
            finally:
                self._after_turn()
            self._stop.wait(loop.period.total_seconds())

    def _told_failure(self, loop: Loop, error: Exception) -> None:
        # Once for each cause: behind the first (a store that restarts) there may be another that stays.
        if self._failing.get(loop.name) is not type(error):
            self._failing[loop.name] = type(error)
            log.error(
                "The loop %s fails.", loop.name, exc_info=error, extra={"action": "loop.failing", "loop": loop.name}
            )

    def _told_success(self, loop: Loop) -> None:
        self._beats[loop.name] = clock.monotonic()
        if self._failing.pop(loop.name, None):
            log.info("The loop %s works again.", loop.name, extra={"action": "loop.recovered", "loop": loop.name})


_running: Runner | None = None


def running() -> Runner | None:
    """Return the runner of this process, or None where no loops run (a console apart, a command)."""
    return _running
