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
