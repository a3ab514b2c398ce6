"""Have both stores of a home for the length of an upgrade, and nobody else on them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from nigrani.lib.errors import Conflict, NigraniError
from nigrani.lib.home import Home
from nigrani.node import leftovers, parent, postgres, standing

_STOP_WITHIN_S = 30


@contextlib.contextmanager
def alone(home: Home) -> Iterator[None]:
    """Hold both locks of a home: no `nigrani up`, `web` or `worker` runs on it. Raises Conflict naming who does."""
    with standing.held(home), standing.apart(home, alone=True):
        yield


def check_home(home: Home) -> None:
    """Raise NigraniError when there is nothing here that could be brought forward."""
    if not home.path.is_dir():
        raise NigraniError(f"There is no home at {home.path}.", "Set NIGRANI_HOME, or make one: nigrani init")
    if os.environ.get("NIGRANI_DATABASE_URL"):
        return
    made = home.postgres / "data" / "PG_VERSION"
    if not made.exists() or (home.postgres / "unfinished").exists():
        raise NigraniError(
            f"{home.path} holds no database yet.", "There is nothing to upgrade: start it with nigrani up"
        )
    kept, brought = made.read_text().strip(), postgres.major()
    if kept != str(brought):
        raise NigraniError(
            f"The database in {home.path} is of PostgreSQL {kept}; this version brings PostgreSQL {brought}.",
            "Dump it with the version that made it, and restore it into a new home.",
        )


@contextlib.contextmanager
def running(home: Home) -> Iterator[None]:
    """Start what of the home's own stores does not run, and stop it afterwards. They end with this process."""
    from nigrani.telemetry import server

    started: list[tuple[subprocess.Popen[bytes], signal.Signals]] = []
    leftovers.clear(home)
    try:
        if not os.environ.get("NIGRANI_DATABASE_URL"):
            tie = parent.dying_with(os.getpid(), signal.SIGINT)
            started.append((postgres.start(home, before=tie), signal.SIGINT))
        if not os.environ.get("NIGRANI_CLICKHOUSE_URL"):
            tie = parent.dying_with(os.getpid(), signal.SIGTERM)
            started.append((server.start(home, before=tie), signal.SIGTERM))
        yield
    finally:
        _close()
        for process, word in reversed(started):
            process.send_signal(word)
            try:
                process.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _close() -> None:
    from django.db import connection

    connection.close()


def free_bytes(folder: Path) -> int:
    """Return how much may still be written beside the home."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def refuse_company(names: list[str]) -> None:
    """Raise Conflict when processes elsewhere use the same state database."""
    if names:
        raise Conflict(
            f"{len(names)} other session{'s' if len(names) != 1 else ''} of Nigrani use the state database: "
            f"{', '.join(names[:5])}.",
            "Stop nigrani up, web and worker on every machine first.",
        )
