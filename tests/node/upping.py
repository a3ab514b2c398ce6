"""Start a supervisor in a process of its own, look at it, and be sure that nothing of it outlives the test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nigrani.lib.home import Home
from nigrani.node import pids, standing

FAKES = str(Path(__file__).with_name("fakes.py"))
NOBODY = 65534
# A test session points at stores of its own; an installation has its home's.
OWN_STORES = {"NIGRANI_CLICKHOUSE_URL": "", "NIGRANI_DATABASE_URL": ""}


def _hear() -> None:
    """Take the signals of a terminal, which a suite run in the background was started to ignore."""
    for each in (signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_DFL)


class Up:
    """A running supervisor of `home`. `argv` after the interpreter; `user`: not as ourselves."""

    def __init__(self, home: Home, *argv: str, user: int | None = None, env: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.said = home.run / "said"
        with self.said.open("ab") as out:
            self.process = subprocess.Popen(
                [*as_user(user), sys.executable, *argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **OWN_STORES, "NIGRANI_HOME": str(home.path), **(env or {})},
                preexec_fn=_hear,
            )

    def told(self) -> standing.Standing:
        told = standing.read(self.home)
        assert told is not None
        return told

    def entry(self, name: str) -> standing.Entry:
        return self.told().children[name]

    def all_ready(self) -> bool:
        """Whether three children are ready, and it is this supervisor that says so."""
        if (code := self.process.poll()) is not None:
            raise AssertionError(f"ended with {code}: {self.said.read_text()[-2000:]}")
        told = standing.read(self.home)
        return (
            told is not None
            and told.supervisor.pid == self.process.pid
            and [entry.state for entry in told.children.values()] == ["ready"] * 3
            and all(pids.is_running(entry.pid, entry.mark) for entry in told.children.values())
        )

    def everyone(self) -> list[int]:
        """Return the pids of all children and of whatever they started."""
        return [pid for entry in self.told().children.values() for pid in pids.tree(entry.pid)]

    def lines(self, action: str) -> list[dict[str, Any]]:
        """Return what the supervisor logged with this action."""
        lines = [line for line in self.said.read_text().splitlines() if line.startswith("{")]
        return [told for told in map(json.loads, lines) if told.get("action") == action]

    def end(self) -> None:
        """Leave nothing behind."""
        self.process.kill()
        self.process.wait()
        told = standing.read(self.home)
        for entry in told.children.values() if told is not None else ():
            if pids.is_running(entry.pid, entry.mark):
                os.kill(entry.pid, signal.SIGKILL)
        for place in self.home.run.glob("*.grandchild"):
            with suppress(ProcessLookupError):
                os.kill(int(place.read_text()), signal.SIGKILL)


def gone(left: list[int]) -> bool:
    """Whether none of these processes runs any more."""
    return not any(pids.mark(pid) for pid in left)


def as_user(user: int | None) -> list[str]:
    """Return the words that make a command run as another user.

    Where our own files stand in a folder that user may not enter (a check-out of root's), it is given the capability
    to pass, and nothing else of root's.
    """
    if user is None:
        return []
    words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    try:
        subprocess.run(
            [sys.executable, "-c", "import nigrani.node.postgres"], check=True, capture_output=True,
            user=user, group=user, extra_groups=[],
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        words += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return words
