"""The console and the loops apart, on a PostgreSQL and a telemetry engine that others run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from tests.eventually import eventually
from tests.integrations import databases
from tests.journeys import house
from tests.journeys.browser import Browser
from tests.journeys.house import HEALTH, House

from nigrani.lib import http
from nigrani.lib.home import Home
from nigrani.telemetry import server
from nigrani.telemetry.store import Address, Store

pytestmark = [
    pytest.mark.slow("runs a PostgreSQL, a telemetry engine, a console and a worker"),
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("apart"),
]


@contextmanager
def _telemetry(home: Home) -> Iterator[str]:
    """Run a telemetry engine on a home that nobody else of the test uses; yield its address."""
    engine = server.start(home)
    password = home.own_secret("TELEMETRY_PASSWORD").reveal()
    port = (home.run / "telemetry.port").read_text().strip()
    try:
        yield f"http://nigrani:{password}@127.0.0.1:{port}/nigrani"
    finally:
        engine.send_signal(signal.SIGTERM)
        engine.wait(15)


@contextmanager
def _process(place: House, role: str, environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with (place.home.log / f"{role}.log").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "nigrani.cli", role],
            env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        finally:
            process.kill()


def _log(place: House, role: str) -> str:
    return Path(place.home.log / f"{role}.log").read_text()


def test_a_console_and_a_worker_apart_tell_a_fault_from_the_stores_of_others(home: Home) -> None:
    with ExitStack() as stack:
        place = stack.enter_context(house.opened(start=False))
        state = stack.enter_context(databases.server(databases.shipped(), settings={}))
        telemetry = stack.enter_context(_telemetry(home))
        address = state.dsn().reveal()
        environ = {
            **os.environ, **place.environ(), "NIGRANI_DATABASE_URL": address, "NIGRANI_CLICKHOUSE_URL": telemetry
        }  # fmt: skip
        processes = {role: stack.enter_context(_process(place, role, environ)) for role in ("web", "worker")}

        def answers() -> bool:
            assert processes["web"].poll() is None, _log(place, "web")
            return http.ping(f"{place.console}/healthz", timedelta(seconds=2)).status == 200

        eventually(answers, timeout_s=40)
        assert Browser(place.console).get("/login")[0] == 200

        facts = Store(lambda: Address.parse(telemetry))
        asked = "SELECT uniqExact(probe) AS n FROM probes WHERE outcome = 'ok'"
        eventually(lambda: facts.query(asked)[0]["n"] >= 5, timeout_s=30)
        place.yard.fault("web_down", on=True)
        eventually(lambda: place.told("firing", HEALTH), timeout_s=40)
        with psycopg.connect(address) as connection:
            found = connection.execute("SELECT state FROM alerts_alert WHERE key = %s", [HEALTH]).fetchall()
        assert found == [("firing",)]

        for role, process in processes.items():
            process.terminate()
            assert process.wait(15) == 0, _log(place, role)
        # Its own stores were never made: those of others were enough.
        assert not place.home.postgres.exists()
        assert not place.home.telemetry.exists()
