"""What an earlier supervisor left running because it was killed a moment ago: wait for it, then end it."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from nigrani.lib import clock
from nigrani.lib.errors import Conflict
from nigrani.lib.home import Home

from . import pids, standing

log = logging.getLogger(__name__)

_PREPARING = "preparing"


def clear(home: Home, *, patience_s: float = 15.0, stopping: Callable[[], bool] = lambda: False) -> None:
    """Return when nothing of this home runs any more.

    Our children end by themselves when their supervisor dies, so first they are given `patience_s`; then PostgreSQL
    gets SIGINT and SIGQUIT, the others SIGTERM and SIGKILL. Raises Conflict if something still runs after that.
    """
    left = _found(home)
    if not left:
        return
    log.info(
        "Waiting for what an earlier supervisor left: %s.",
        ", ".join(sorted(left)),
        extra={"action": "node.leftovers_found"},
    )
    steps = (
        (patience_s, None, None),
        (5.0, signal.SIGTERM, signal.SIGINT),
        (5.0, signal.SIGKILL, signal.SIGQUIT),
        (5.0, signal.SIGKILL, signal.SIGKILL),
    )
    for wait_s, word, postgres_word in steps:
        for name, (pid, _) in left.items():
            chosen = postgres_word if name == "postgres" else word
            if chosen is not None:
                _send(pid, chosen, whole_group=name == _PREPARING)
        left = _wait(left, wait_s, stopping)
        if not left or stopping():
            return
    names = ", ".join(f"{name} (pid {pid})" for name, (pid, _) in sorted(left.items()))
    raise Conflict(f"Processes of an earlier start still run on {home.path}: {names}.", "End them, then try again.")


@contextlib.contextmanager
def noted(home: Home, pid: int) -> Iterator[None]:
    """Keep on disk, while the block runs, that this process prepares the home: it would outlive us for a moment."""
    path = home.run / _PREPARING
    path.write_text(f"{pid} {pids.mark(pid)}")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _found(home: Home) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    earlier = standing.read(home)
    entries: Mapping[str, standing.Entry] = earlier.children if earlier else {}
    for name, entry in entries.items():
        if pids.is_running(entry.pid, entry.mark):
            found[name] = (entry.pid, entry.mark)
    if (pid := _postmaster(home.postgres / "data" / "postmaster.pid")) and (mark := pids.mark(pid)):
        found["postgres"] = (pid, mark)
    with contextlib.suppress(OSError, ValueError):
        pid_text, _, mark = (home.run / _PREPARING).read_text().partition(" ")
        if pids.is_running(int(pid_text), mark):
            found[_PREPARING] = (int(pid_text), mark)
    return found


def _postmaster(path: Path) -> int | None:
    # The first line is the pid, the second the data folder; a pid that now belongs to another program is nobody's.
    try:
        pid = int(path.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    if not pids.HAS_PROC:
        return pid if pids.mark(pid) else None
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    return pid if os.fsencode(path.parent) in words else None


def _send(pid: int, word: signal.Signals, *, whole_group: bool) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if whole_group:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, word)


def _wait(left: dict[str, tuple[int, str]], wait_s: float, stopping: Callable[[], bool]) -> dict[str, tuple[int, str]]:
    until, pause = clock.monotonic() + wait_s, threading.Event()
    while left and clock.monotonic() < until and not stopping():
        pause.wait(0.05)
        left = {name: (pid, mark) for name, (pid, mark) in left.items() if pids.is_running(pid, mark)}
    return left
