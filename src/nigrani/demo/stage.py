"""The stage of a demo: a stand-in school and a Nigrani that watches it, both on folders of their own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psycopg
from psycopg import conninfo, sql

from nigrani.guide import grants, shipped
from nigrani.integrations.postgres import roles
from nigrani.lib import clock
from nigrani.lib.errors import NigraniError
from nigrani.lib.home import Home
from nigrani.lib.secret import Secret
from nigrani.node.parent import dying_with

from . import yard as yards

Seen = TypeVar("Seen")


@dataclass
class Stage:
    """What a story plays on. `node` is None where Nigrani was deliberately not started."""

    yard: yards.Yard
    home: Home
    console: str
    node: subprocess.Popen[bytes] | None
    events: list[dict[str, str]] = field(default_factory=list)
    tell: Callable[[str, str], None] = lambda _what, _detail: None

    def happened(self, what: str, detail: str = "") -> None:
        """Note an event, and tell whoever watches."""
        self.events.append({"at": clock.now().isoformat(), "what": what, "detail": detail})
        self.tell(what, detail)

    def wait(self, check: Callable[[], Seen], *, timeout_s: float) -> Seen | None:
        """Return what `check` returns as soon as that is true, or None when the time is over."""
        until, pause = clock.monotonic() + timeout_s, threading.Event()
        while clock.monotonic() < until:
            if self.yard.process.poll() is not None:
                raise NigraniError("The stand-in school has stopped.")
            if seen := check():
                return seen
            pause.wait(0.5)
        return None

    def messages(self) -> list[str]:
        """Return what the Slack channel has taken so far, oldest first: the line a phone would show."""
        return [str(item["text"]) for item in self.yard.journal("slack") if item["accepted"]]


@contextmanager
def set_up(
    *, mode: str = "real", watched: bool = True, folder: Path | None = None, guide: Mapping[str, str] | None = None
) -> Iterator[Stage]:
    """Start the school, give Nigrani its least-privilege role, its addresses and its start. Stops all at the end.

    folder: where both homes go; a temporary one, removed at the end, if None. guide: files that are added to the
    shipped guide; without any it runs as it ships.
    """
    with ExitStack() as stack:
        root = folder or Path(stack.enter_context(_temporary()))
        yard = stack.enter_context(yards.opened(root / "school", mode=mode))
        home = Home(root / "nigrani")
        home.ensure()
        if guide:
            shutil.copytree(shipped(), home.guide, dirs_exist_ok=True)
            for name, text in guide.items():
                (home.guide / name).write_text(text, encoding="utf-8")
        port = _free_port()
        _hand_over(home, yard, monitor_dsn=_make_role(yard))
        node = stack.enter_context(_running(home, port)) if watched else None
        yield Stage(yard=yard, home=home, console=f"http://127.0.0.1:{port}", node=node)


@contextmanager
def _temporary() -> Iterator[str]:
    path = tempfile.mkdtemp(prefix="nigrani-demo-")
    Path(path).chmod(0o711)  # for root, both PostgreSQL servers run as users who must pass
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _make_role(yard: yards.Yard) -> str:
    """Make the monitor's role with the very SQL that `nigrani init` prints, and return its address."""
    password = "demo-" + os.urandom(12).hex()
    database = yard.state["database"]
    app = conninfo.conninfo_to_dict(database["dsn"])
    with psycopg.connect(database["superuser_dsn"], dbname=str(app["dbname"]), autocommit=True) as connection:
        at = connection.info
        connection.execute(roles.monitor(at.server_version, at.dbname, grants.reads(shipped())).encode())
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(roles.MONITOR), sql.Literal(password))
        )
    return f"postgresql://{roles.MONITOR}:{password}@{app['host']}:{app['port']}/{app['dbname']}"


def _hand_over(home: Home, yard: yards.Yard, *, monitor_dsn: str) -> None:
    for name, value in {
        "ERP_URL": yard.state["website"]["url"],
        "ERP_DATABASE_URL": monitor_dsn,
        "SLACK_WEBHOOK_URL": yard.state["receivers"]["slack"]["webhook_url"],
        "NIGRANI_DEAD_MAN_URL": yard.state["receivers"]["deadman"]["ping_url"],
        "NIGRANI_REFERENCE_URL": yard.state["elsewhere"]["url"],
    }.items():
        home.vault.put(name, Secret(value))


@contextmanager
def _running(home: Home, port: int) -> Iterator[subprocess.Popen[bytes]]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NIGRANI_")}
    environ |= {"NIGRANI_HOME": str(home.path), "NIGRANI_LISTEN": f"127.0.0.1:{port}"}
    with (home.log / "up.log").open("wb") as out:
        node = subprocess.Popen(
            [sys.executable, "-m", "nigrani.cli", "up"],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=dying_with(os.getpid(), signal.SIGTERM),
        )
    try:
        yield node
    finally:
        node.send_signal(signal.SIGTERM)
        try:
            node.wait(30)
        except subprocess.TimeoutExpired:
            node.kill()
            node.wait()
