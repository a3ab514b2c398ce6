"""The embedded engine's process: `python -m nigrani.telemetry.server --home DIR`.

It alone opens `<home>/telemetry` (a lock file says so), listens on loopback at the port it writes to
`<home>/run/telemetry.port`, and ends on SIGTERM after the statements that run, at most 5 seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nigrani.lib import clock
from nigrani.lib import log as lib_log
from nigrani.lib.errors import Conflict, NigraniError
from nigrani.lib.home import Home
from nigrani.lib.secret import Secret

from . import fence

if TYPE_CHECKING:
    from .engine import Engine
    from .interface import Server

log = logging.getLogger("nigrani.telemetry.server")

USER = "nigrani"
_MEMORY_MAX = 400 * 2**20
_STOP_S = 5.0
_START_S = 60.0
_CONFIG = Path(__file__).with_name("engine.xml")


def main(arguments: list[str] | None = None) -> int:
    """Run the process until SIGTERM or SIGINT. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m nigrani.telemetry.server")
    parser.add_argument("--home", type=Path, help="default: NIGRANI_HOME")
    chosen = parser.parse_args(arguments)
    lib_log.set_up()
    home = Home(chosen.home.absolute()) if chosen.home else Home.from_environment()
    try:
        home.ensure()
        with lock(home.telemetry):
            serve(home)
    except NigraniError as error:
        log.error("%s", error, extra={"action": "telemetry.not_started"})
        return 3
    return 0


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold the data folder alone. Raises Conflict naming the process that has it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(folder / "nigrani.lock", "a+b") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            held.seek(0)
            owner = held.read(32).decode(errors="replace").strip() or "unknown"
            raise Conflict(
                f"The telemetry folder {folder} is in use by process {owner}.", "Stop it first, or choose another home."
            ) from None
        held.truncate(0)
        held.write(str(os.getpid()).encode())
        held.flush()
        yield


def serve(home: Home) -> None:
    """Open the engine, listen, and return when told to stop."""
    os.environ["TZ"] = "UTC"
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    password = home.own_secret("TELEMETRY_PASSWORD")
    scratch = home.telemetry / "tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    os.environ["TMPDIR"] = str(scratch)  # the engine makes folders there
    is_fenced = fence.put_up([home.telemetry, home.run])
    from .engine import Engine  # loading it takes a second and starts threads: not before the folder is ours and fenced
    from .interface import DATABASE

    engine = Engine(home.telemetry / "data", {"config-file": str(_CONFIG), "max_server_memory_usage": str(_MEMORY_MAX)})
    engine.query(f"CREATE DATABASE IF NOT EXISTS {DATABASE}", "TSV", params={}, settings={}, database="")
    server = _listen(home, engine, password)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 3600}, daemon=True)
    thread.start()
    _write(home.run / "telemetry.port", str(server.port))
    log.info("Telemetry is ready.", extra={"action": "telemetry.started", "port": server.port, "is_fenced": is_fenced})
    stop.wait()
    server.socket.close()
    ended = engine.close(timeout_s=_STOP_S)
    log.info("Telemetry stopped.", extra={"action": "telemetry.stopped", "all_ended": ended})
    if not ended:
        os._exit(0)  # a statement still runs in the engine's threads: what was acknowledged is on disk


def start(home: Home, *, before: Callable[[], None] | None = None) -> subprocess.Popen[bytes]:
    """Start the process and return it once it answers. Raises NigraniError with the end of its log if it does not.

    before: called in the new process before it becomes the engine's.
    """
    from .store import Store

    home.ensure()
    path = home.log / "telemetry.log"
    with open(path, "ab") as out:
        begin = out.tell()
        command = [sys.executable, "-m", "nigrani.telemetry.server", "--home", str(home.path)]
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, preexec_fn=before)
    until = clock.monotonic() + _START_S
    pause = threading.Event()
    while process.poll() is None and clock.monotonic() < until:
        said = path.read_bytes()[begin:]
        if b'"telemetry.started"' in said:
            Store.of(home).ping()
            return process
        pause.wait(0.02)
    process.kill()
    process.wait()
    tail = path.read_bytes()[begin:][-2000:].decode(errors="replace").strip()
    raise NigraniError("The telemetry process did not start.", f"It said: {tail or 'nothing'}")


def _listen(home: Home, engine: Engine, password: Secret) -> Server:
    from .interface import Server

    with contextlib.suppress(OSError, ValueError):
        return Server(int((home.run / "telemetry.port").read_text()), engine, user=USER, password=password)
    return Server(0, engine, user=USER, password=password)


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(main())
