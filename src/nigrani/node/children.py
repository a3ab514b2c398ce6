"""The processes of an installation, in the order in which they start: postgres, telemetry, app."""

from __future__ import annotations

import errno
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from nigrani.lib.errors import NigraniError
from nigrani.lib.home import Home

from . import leftovers, pulse
from .child import Child, Command

DEFAULT_LISTEN = "127.0.0.1:8200"
_NOT_THEIRS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")  # systemd's words to the supervisor
_PREPARE_WITHIN_S = 180
_ROLE = "nigrani"


def of(home: Home, environ: Mapping[str, str]) -> list[Child]:
    """Return what must run on this home; what an address elsewhere stands in for is left out."""
    env = {key: value for key, value in environ.items() if key not in _NOT_THEIRS}
    env["NIGRANI_HOME"] = str(home.path)
    # Few threads of ours allocate much; glibc's default of 8 arenas a core only keeps freed memory from the system.
    env.setdefault("MALLOC_ARENA_MAX", "2")
    children = []
    if not environ.get("NIGRANI_DATABASE_URL"):
        children.append(_postgres(home, env))
    if not environ.get("NIGRANI_CLICKHOUSE_URL"):
        children.append(_telemetry(home, env))
    return [*children, _app(home, env)]


def listen_address(home: Home, environ: Mapping[str, str]) -> tuple[str, int] | None:
    """Return where the console answers on this machine: the port it wrote down, else the one it was given."""
    host, _, port_text = environ.get("NIGRANI_LISTEN", DEFAULT_LISTEN).rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "localhost": "127.0.0.1"}.get(host, host)  # noqa: S104 - a key
    port = pulse.port_from(home.run / "app.port") or (int(port_text) if port_text.isdigit() else 0)
    return (host, port) if port else None


def check_free(environ: Mapping[str, str]) -> None:
    """Raise NigraniError when the console can't listen where it is told to.

    Asked before the app's first start: a foreign server on that port would answer in its place.
    """
    listen = environ.get("NIGRANI_LISTEN", DEFAULT_LISTEN)
    host, _, port = listen.rpartition(":")
    try:
        place = (host.strip("[]") or "127.0.0.1", int(port))
        with socket.socket(socket.AF_INET6 if ":" in place[0] else socket.AF_INET) as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port just left is free
            line.bind(place)
            line.listen(1)
    except (ValueError, OverflowError):
        raise NigraniError(f"NIGRANI_LISTEN is no address: {listen!r}.", "Write for example 127.0.0.1:8200") from None
    except OSError as error:
        why = "something else listens there" if error.errno == errno.EADDRINUSE else error.strerror
        raise NigraniError(
            f"The console can't listen on {listen}: {why}.", "Choose another: nigrani up --listen HOST:PORT"
        ) from error


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    # -P: the folder we stand in is no place to import from.
    return (sys.executable, "-P", "-m", module, *arguments)


def _postgres(home: Home, env: Mapping[str, str]) -> Child:
    def command() -> Command:
        told = json.loads(_step(home, env, "command") or "null")
        return Command(tuple(told["argv"]), Path(told["cwd"]), told["env"], told["user"], told["group"])

    def settle() -> bool:
        return _step(home, env, "database") is not None

    return Child(
        name="postgres",
        command=command,
        target=lambda: pulse.postgres(home.socket, role=_ROLE),
        settle=settle,
        stop=signal.SIGINT,  # fast: ends sessions, writes a checkpoint
        rude=signal.SIGQUIT,  # immediate: recovers at its next start
        stop_within_s=4,
        hung_after_s=None,  # a busy server may be long in answering, and killing it costs a recovery
        start_within_s=None,
        setbacks=frozenset({1}),
    )


def _step(home: Home, env: Mapping[str, str], step: str) -> str | None:
    """Run a step of prepare.py. Returns what it printed, None for "not yet"; raises NigraniError with its reason."""
    with (
        subprocess.Popen(
            _python("nigrani.node.prepare", step),
            env=dict(env),
            cwd=home.path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as taken,
        leftovers.noted(home, taken.pid),
    ):
        try:
            told, said = taken.communicate(timeout=_PREPARE_WITHIN_S)
        except subprocess.TimeoutExpired:
            taken.kill()
            raise NigraniError(f"PostgreSQL could not be prepared within {_PREPARE_WITHIN_S} s.") from None
    if taken.returncode == 0:
        return told
    if taken.returncode == 1 and step == "database":
        return None
    raise NigraniError(said.strip() or f"PostgreSQL could not be prepared: exit code {taken.returncode}.")


def _telemetry(home: Home, env: Mapping[str, str]) -> Child:
    def target() -> pulse.Target | None:
        port = pulse.port_from(home.run / "telemetry.port")
        return pulse.http("127.0.0.1", port, "/ping") if port else None

    return Child(
        name="telemetry",
        command=lambda: Command(_python("nigrani.telemetry.server", "--home", str(home.path)), cwd=home.path, env=env),
        target=target,
        stop_within_s=6,  # it gives running statements 5
        setbacks=frozenset({1, 2, 3}),
    )


def _app(home: Home, env: Mapping[str, str]) -> Child:
    def target() -> pulse.Target | None:
        address = listen_address(home, env)
        return pulse.http(*address, "/healthz") if address else None

    def command() -> Command:
        check_free(env)
        return Command(_python("nigrani.node.app"), cwd=home.path, env=env)

    return Child(
        name="app",
        command=command,
        target=target,
        stop_within_s=6,
        mistakes=frozenset({2}),  # an invalid guide or setting: it said which
        setbacks=frozenset({1, 3}),
        forget=(home.run / "app.port",),
    )
