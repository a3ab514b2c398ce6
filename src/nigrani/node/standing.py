"""Who runs on a home, and what it started: run/lock and run/node.json."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from nigrani.lib import clock
from nigrani.lib.errors import Conflict
from nigrani.lib.home import Home

from . import pids


@dataclass(frozen=True)
class Entry:
    """A process as last written down. `mark` tells it from a later process with the same pid."""

    pid: int
    mark: str
    state: str
    started_at: str
    restarts: int = 0
    last_exit: str = ""


@dataclass(frozen=True)
class Standing:
    """The supervisor and its children as last written down."""

    supervisor: Entry
    children: Mapping[str, Entry]


@contextmanager
def held(home: Home) -> Iterator[None]:
    """Be the only supervisor of a home. Raises Conflict, naming the other, if there is one."""
    path = home.run / "lock"
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid, _, since = lock.read().strip().partition(" ")
            raise Conflict(
                f"Another Nigrani (pid {pid or 'unknown'}, since {since or 'a moment ago'}) runs on {home.path}.",
                "Stop it first, or choose another NIGRANI_HOME.",
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()} {clock.now().isoformat(timespec='seconds')}")
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)


@contextmanager
def apart(home: Home, *, alone: bool = False) -> Iterator[None]:
    """Be a console or worker of a home, of which there may be many; `alone`: be sure that there is none.

    Raises Conflict: an upgrade runs, or (alone) naming the processes that do.
    """
    home.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(home.run / "apart.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+") as lock:
        try:
            fcntl.flock(lock, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            if not alone:
                raise Conflict(f"An upgrade of {home.path} runs.", "Start again when it has ended.") from None
            names = ", ".join(_apart(home)) or "a process that is just starting"
            raise Conflict(f"nigrani web or worker runs on {home.path}: {names}.", "Stop it first.") from None
        note = home.run / f"apart-{os.getpid()}"
        note.write_text(pids.mark(os.getpid()))
        try:
            yield
        finally:
            note.unlink(missing_ok=True)


def _apart(home: Home) -> Iterator[str]:
    for path in sorted(home.run.glob("apart-*")):
        number = path.name.removeprefix("apart-")
        if number.isdigit() and pids.is_running(int(number), path.read_text()):
            yield f"pid {number}"
        else:
            path.unlink(missing_ok=True)  # it was killed


def is_held(home: Home) -> bool:
    """Whether a supervisor runs on this home."""
    try:
        with (home.run / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def write(home: Home, standing: Standing) -> None:
    """Write run/node.json in one step, 0600."""
    path = home.run / "node.json"
    draft = path.with_name(".node.json")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(asdict(standing), out, indent=1)
    draft.replace(path)


def read(home: Home) -> Standing | None:
    """Return what run/node.json says, or None when there is none that can be read."""
    return read_file(home.run / "node.json")


def read_file(path: Path) -> Standing | None:
    """Return what a file in the shape of run/node.json says, or None."""
    try:
        told = json.loads(path.read_text())
        return Standing(
            supervisor=Entry(**told["supervisor"]),
            children={name: Entry(**entry) for name, entry in told["children"].items()},
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
