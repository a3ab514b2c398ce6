"""What the supervisor must know of a child; its life is told in life.py."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nigrani.lib.errors import NigraniError

from .pulse import Target

MOST_SETBACKS = 5


@dataclass(frozen=True)
class Command:
    """A process to start. user and group None: stay who we are. env: the whole environment."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    user: int | None = None
    group: int | None = None


@dataclass(frozen=True)
class Child:
    """What the supervisor must know of a child.

    command: asked before the first start; may prepare what the child needs; raises NigraniError.
    target: where to ask whether it is ready, None while that is not known.
    settle: called once at its first answer, before it counts as ready; False: not yet.
    stop, rude: the signal for a clean stop, and the one when that takes longer than `stop_within_s`.
    hung_after_s: alive but without an answer for so long is hung; None: never. start_within_s: before its first.
    mistakes: exit codes before it was ever ready that a person must mend: all stops, with what it said.
    setbacks: exit codes that count as a mistake once they came `MOST_SETBACKS` times before it was ever ready.
    forget: files of its earlier life (its port) to remove before a start.
    """

    name: str
    command: Callable[[], Command]
    target: Callable[[], Target | None]
    settle: Callable[[], bool] = lambda: True
    stop: signal.Signals = signal.SIGTERM
    rude: signal.Signals = signal.SIGKILL
    stop_within_s: float = 5.0
    hung_after_s: float | None = 120.0
    start_within_s: float | None = 600.0
    mistakes: frozenset[int] = frozenset()
    setbacks: frozenset[int] = frozenset()
    forget: tuple[Path, ...] = ()


class Mistake(NigraniError):
    """A child stopped for a reason that only a person can mend. `code` is its exit code."""

    def __init__(self, name: str, code: int, said: str) -> None:
        super().__init__(f"{name} does not start:", said or f"it ended with exit code {code} and said nothing.")
        self.code = code
