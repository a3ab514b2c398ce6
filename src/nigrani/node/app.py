"""The app process: console, doors and loops in one, or the console and the loops apart.

`python -m nigrani.node.app [all|web|worker]`. Exit codes: 0 stopped, 2 the guide or the settings want mending,
3 a store does not answer.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import Literal

from nigrani.lib import log as logs
from nigrani.lib.errors import GuideError, NigraniError, SourceError
from nigrani.lib.home import Home

from . import standing

log = logging.getLogger(__name__)

Role = Literal["all", "web", "worker"]


def set_up(home: Home) -> None:
    """Make Django ready in this process. The home's own keys are made first, since settings read them."""
    os.environ.setdefault("NIGRANI_HOME", str(home.path))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nigrani.settings")
    home.ensure()
    for own in ("SIGNING_KEY", "LEDGER_KEY", "POSTGRES_PASSWORD", "TELEMETRY_PASSWORD"):
        home.own_secret(own)
    import django

    django.setup()


def migrate_state() -> None:
    """Make this version's schema in an empty PostgreSQL. Raises NigraniError where an upgrade is due first."""
    from .upgrade import start

    start.make_state()


def migrate(role: Role = "all") -> None:
    """Have PostgreSQL and telemetry at this version's schema. Raises NigraniError where that takes a person."""
    from .upgrade import start

    start.make_ready(Home.from_environment(), may_upgrade=role == "all")


def run(home: Home, role: Role) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit code."""
    logs.set_up(os.environ.get("NIGRANI_LOG_LEVEL", "INFO"))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold secrets
    try:
        set_up(home)
        with nullcontext() if role == "all" else standing.apart(home), _migrated(role), _loops(home, role):
            if role == "worker":
                _wait_for_a_signal()
            else:
                asyncio.run(_serve(home))
    except GuideError as error:
        print(error.message, error.hint, sep="\n", file=sys.stderr)  # noqa: T201 - for the person at the terminal
        return 2
    except SourceError as error:
        log.error("%s", error, extra={"action": "app.store_missing"})
        return 3
    except NigraniError as error:
        log.error("%s", error, extra={"action": "app.refused"})
        return 2
    return 0


@contextmanager
def _migrated(role: Role) -> Iterator[None]:
    migrate(role)
    yield


@contextmanager
def _loops(home: Home, role: Role) -> Iterator[None]:
    from django.db import close_old_connections

    from nigrani import schedule
    from nigrani.lib import clock
    from nigrani.lib.loops import Runner
    from nigrani.outbox import actions as outbox
    from nigrani.sources import actions as sources

    kept = schedule.keeper(home, syncs=role != "web")
    kept[0].begin(now=clock.now())
    # The loops ask the runner that runs them how late each is, hence the lambdas.
    turns = (
        [schedule.guide_loop(kept[0])]
        if role == "web"
        else schedule.loops(home, kept, late=lambda: runner.late(), lags=lambda: runner.lags())
    )
    runner = Runner(turns, after_turn=close_old_connections)
    runner.start()
    log.info("The loops run.", extra={"action": "app.started", "role": role})
    try:
        yield
    finally:
        runner.stop(timeout_s=3)  # the supervisor gives us six seconds in all
        sources.stop()
        outbox.finish(timeout=timedelta(seconds=2))  # what is being sent now gets its outcome written
        log.info("The loops have stopped.", extra={"action": "app.stopped", "role": role})


def _wait_for_a_signal() -> None:
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    asked.wait()


async def _serve(home: Home) -> None:
    from granian.constants import Interfaces
    from granian.server.embed import Server

    from nigrani.asgi import application

    host, _, port = os.environ.get("NIGRANI_LISTEN", "127.0.0.1:8200").rpartition(":")
    server = Server(
        application,
        address=host or "127.0.0.1",
        port=int(port),
        interface=Interfaces.ASGI,
        websockets=False,
        log_access=False,
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    place = home.run / "app.port"
    place.write_text(f"{port}\n")
    place.chmod(0o600)
    await server.serve()


if __name__ == "__main__":
    chosen = sys.argv[1] if len(sys.argv) > 1 else "all"
    assert chosen in ("all", "web", "worker"), chosen
    sys.exit(run(Home.from_environment(), chosen))  # type: ignore[arg-type]
