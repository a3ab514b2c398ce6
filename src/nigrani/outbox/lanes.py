"""Lanes: at most one thread a receiver, so that a slow receiver holds up nobody but itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from nigrani.lib import clock

LANES_MAX = 16  # each holds a connection to PostgreSQL while it runs


@dataclass
class Lane:
    """The work on one receiver's messages, in a thread of its own. `done` counts what it finished."""

    thread: threading.Thread
    over: threading.Event = field(default_factory=threading.Event)
    done: int = 0


class Lanes:
    """The lanes of this process. They outlive the turn that opened them, if their receiver is slow."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, Lane] = {}
        self._errors: list[Exception] = []

    def run(self, names: Iterable[str], work: Callable[[str], int], *, patience_s: float | None) -> int:
        """Open a lane for every name that has none, wait for the new ones at most `patience_s` seconds (None: until
        they end) and return how much those that ended have done. Raises the first error of a lane of this turn or an
        earlier one."""
        opened = [lane for name in names if (lane := self._begin(name, work)) is not None]
        until = None if patience_s is None else clock.monotonic() + patience_s
        for lane in opened:
            lane.over.wait(None if until is None else max(0.0, until - clock.monotonic()))
        with self._lock:
            errors, self._errors = self._errors, []
        if errors:
            raise errors[0]
        return sum(lane.done for lane in opened if lane.over.is_set())

    def wait(self, *, timeout_s: float) -> bool:
        """Wait for every open lane to end; whether all did."""
        until = clock.monotonic() + timeout_s
        with self._lock:
            waiting = list(self._open.values())
        return all(lane.over.wait(max(0.0, until - clock.monotonic())) for lane in waiting)

    def _begin(self, name: str, work: Callable[[str], int]) -> Lane | None:
        with self._lock:
            if name in self._open or len(self._open) >= LANES_MAX:
                return None
            lane = Lane(threading.Thread(target=lambda: self._go(name, work), name=f"lane {name}", daemon=True))
            self._open[name] = lane
        lane.thread.start()
        return lane

    def _go(self, name: str, work: Callable[[str], int]) -> None:
        lane = self._open[name]
        try:
            lane.done = work(name)
        except Exception as error:
            # Raised by this turn, or by the next if this one no longer waits.
            with self._lock:
                self._errors.append(error)
        finally:
            with self._lock:
                del self._open[name]
            lane.over.set()
