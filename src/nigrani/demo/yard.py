"""The stand-in school as the demo sees it: a process, and a control port that speaks JSON."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from nigrani.lib import clock, http
from nigrani.lib.errors import NigraniError
from nigrani.node.parent import dying_with

_CALL = timedelta(seconds=30)


@dataclass(frozen=True)
class Yard:
    """A running stand-in school. `state` is what it said when it was ready: addresses and passwords."""

    process: subprocess.Popen[str]
    state: Mapping[str, Any]

    def fault(self, name: str, *, on: bool, **params: object) -> None:
        """Break one thing, or mend it."""
        self._call("POST", f"/faults/{name}", {"on": on, **params})

    def post(self, path: str, body: Mapping[str, object]) -> None:
        """Tell the control port something else."""
        self._call("POST", path, body)

    def journal(self, receiver: str) -> list[dict[str, Any]]:
        """Return what a receiver has taken so far, oldest first."""
        items: list[dict[str, Any]] = self._call("GET", f"/journal/{receiver}")["items"]
        return items

    def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        reply = http.request(
            method,
            self.state["control"]["url"].rstrip("/") + path,
            timeout=_CALL,
            headers={"Content-Type": "application/json"},
            content=json.dumps(body).encode() if body is not None else b"",
            body_max=16 * 1024 * 1024,
        )
        if reply.status >= 400:
            raise NigraniError(f"The stand-in school answered {reply.status} to {path}: {reply.text[:300]}")
        return json.loads(reply.body) if reply.body else None


@contextmanager
def opened(home: Path, *, mode: str, hour: float = 9.25) -> Iterator[Yard]:
    """Start a stand-in school and stop it afterwards. Raises NigraniError with what it said if it does not start."""
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    said = (home / "yard.log").open("w+")
    argv = [sys.executable, "-m", "schoolyard", "up", "--home", str(home), "--mode", mode, "--scale", "small"]
    process = subprocess.Popen(
        [*argv, "--traffic-rate", "2", "--hour", str(hour), "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=said,
        text=True,
        start_new_session=True,
        preexec_fn=dying_with(os.getpid(), signal.SIGTERM),
    )
    try:
        yield Yard(process, _first_line(process, home))
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()
        said.close()


def _first_line(process: subprocess.Popen[str], home: Path) -> Mapping[str, Any]:
    assert process.stdout is not None
    until = clock.monotonic() + 90
    while clock.monotonic() < until and process.poll() is None:
        if not select.select([process.stdout], [], [], 0.2)[0]:
            continue
        line = process.stdout.readline()
        if line.startswith("{"):
            state: Mapping[str, Any] = json.loads(line)
            return state
    raise NigraniError(f"The stand-in school did not start: {(home / 'yard.log').read_text()[-600:].strip()}")
