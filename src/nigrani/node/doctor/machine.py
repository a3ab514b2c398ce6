"""The machine and what runs on it: version, disk, permissions, processes."""

from __future__ import annotations

import os
import platform
import shutil
import stat
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path

from nigrani import __version__
from nigrani.lib.home import Home
from nigrani.lib.units import show_duration
from nigrani.node import pids, standing

from .told import Check, Verdict, megabytes

PROMISED_BYTES = 512 * 2**20
_LOW_BYTES, _TOO_LOW_BYTES = 2 * 2**30, 200 * 2**20
_SHOWN = 5


def version(home: Home, now: datetime) -> Iterator[Check]:
    """Say what runs on what."""
    who = "root" if os.geteuid() == 0 else f"user {os.geteuid()}"
    yield Check(
        "version", "ok", f"Nigrani {__version__}, Python {platform.python_version()}, {platform.platform()}, as {who}."
    )


def home(home: Home, now: datetime) -> Iterator[Check]:
    """Say where the home is, and whether it is there."""
    if not home.path.is_dir():
        yield Check("home", "bad", f"There is no home at {home.path}.", "Start Nigrani once: nigrani up")
    elif not os.access(home.path / "run", os.W_OK | os.X_OK):
        yield Check("home", "bad", f"{home.path} is not ours to write to.", "Run this as the user who runs Nigrani.")
    else:
        yield Check("home", "ok", f"{home.path}.")


def disk(home: Home, now: datetime) -> Iterator[Check]:
    """Compare the free space with what a busy day needs."""
    place = next(path for path in (home.path, *home.path.parents) if path.is_dir())
    usage = shutil.disk_usage(place)
    verdict: Verdict = "bad" if usage.free < _TOO_LOW_BYTES else "warn" if usage.free < _LOW_BYTES else "ok"
    what = f"{usage.free / 2**30:.1f} GB of {usage.total / 2**30:.0f} GB are free."
    yield Check("disk", verdict, what, "Free some space: a full disk stops the database.")


def permissions(home: Home, now: datetime) -> Iterator[Check]:
    """Look for what other users of this machine could read."""
    if not home.path.is_dir():
        return
    open_files = list(islice(_readable_by_others(home.path, but=home.guide), _SHOWN))
    loose = [path for path in _files(home.secrets) if path.stat().st_mode & 0o077]
    for path in loose:
        yield Check("permissions", "bad", f"{path} can be read by other users.", f"Run: chmod 600 {path}")
    for path in open_files:
        if path not in loose:
            yield Check("permissions", "bad", f"{path} can be read by other users.", f"Run: chmod o-rwx {path}")
    if not loose and not open_files:
        yield Check("permissions", "ok", "Nobody else can read the home.")


def processes(home: Home, now: datetime) -> Iterator[Check]:
    """Say of each process whether it runs, since when, how often it was started again and what memory it costs."""
    told = standing.read(home)
    if told is None or not pids.is_running(told.supervisor.pid, told.supervisor.mark):
        yield Check("process.supervisor", "bad", "Nigrani does not run on this home.", "Start it with: nigrani up")
        return
    total = pids.pss_bytes(told.supervisor.pid)
    yield _process("supervisor", told.supervisor, total, now)
    for name, entry in told.children.items():
        if pids.is_running(entry.pid, entry.mark):
            size = pids.tree_pss_bytes(entry.pid)
            total = None if total is None or size is None else total + size
            yield _process(name, entry, size, now)
        else:
            what = f"The process does not run; it ended with {entry.last_exit}."
            yield Check(f"process.{name}", "bad", what, f"Look at {home.log / f'{name}.log'}")
    if total is not None:
        verdict: Verdict = "ok" if total <= PROMISED_BYTES else "warn"
        yield Check("memory", verdict, f"{megabytes(total)}; promised when idle: {megabytes(PROMISED_BYTES)} (PSS).")


def _process(name: str, entry: standing.Entry, size: int | None, now: datetime) -> Check:
    up = show_duration((now - datetime.fromisoformat(entry.started_at)).total_seconds())
    memory = megabytes(size) if size is not None else "memory unknown"
    again = f", started again {entry.restarts}× (last: {entry.last_exit})" if entry.restarts else ""
    verdict: Verdict = "ok" if entry.state in ("ready", "running") else "warn"
    return Check(f"process.{name}", verdict, f"{entry.state}, pid {entry.pid}, up {up}, {memory}{again}.")


def _files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_file()]
    except OSError:
        return []


def _readable_by_others(folder: Path, *, but: Path) -> Iterator[Path]:
    """Yield what others can read or list, not entering folders that they can't enter either."""
    try:
        mode = folder.stat().st_mode
        if mode & stat.S_IROTH:
            yield folder
        entries = list(os.scandir(folder)) if mode & stat.S_IXOTH else []
    except OSError:
        return
    for entry in entries:
        path = Path(entry.path)
        if path == but or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _readable_by_others(path, but=but)
        elif entry.stat().st_mode & stat.S_IROTH:
            yield path
