"""Plays of the demo's stories, a few at once, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

# A story mostly waits for clocks, but each has two databases, an engine and a school: more at once only wait longer.
AT_ONCE = 4
PATIENCE_S = 3600
_STOP_S = 60

Flags = tuple[str, ...]


@dataclass(frozen=True)
class Played:
    """How a play ended. said: what programs read, its last line an object. told: what people read meanwhile."""

    code: int
    said: str
    told: str


@contextmanager
def playing() -> Iterator[Callable[[str, Flags], Future[Played]]]:
    """Yield what begins a play of a story; at the end no more is begun, and those that run are stopped."""
    stage = ThreadPoolExecutor(AT_ONCE)
    running: set[subprocess.Popen[str]] = set()
    over = threading.Event()

    def play(name: str, flags: Flags) -> Played:
        with subprocess.Popen(
            words(name, flags),
            env={name: value for name, value in os.environ.items() if not name.startswith(("NIGRANI_", "DJANGO_"))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            running.add(process)
            if over.is_set():  # it began while the others were being stopped
                process.terminate()
            try:
                said, told = _wait(process)
            finally:
                running.discard(process)
        return Played(process.returncode, said, told)

    try:
        yield lambda name, flags: stage.submit(play, name, flags)
    finally:
        stage.shutdown(wait=False, cancel_futures=True)
        over.set()
        for process in tuple(running):
            process.terminate()
        stage.shutdown()


def words(name: str, flags: Flags) -> list[str]:
    """Return the command of a play."""
    return [sys.executable, "-m", "nigrani.cli", "demo", "--story", name, "--json", *flags]


def _wait(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for the end of a play, which is stopped when it takes too long."""
    try:
        return process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.terminate()
    try:
        said, told = process.communicate(timeout=_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        said, told = process.communicate()
    return said, f"{told}\nstopped after {PATIENCE_S} s"
