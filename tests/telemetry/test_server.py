"""The embedded engine's process: ClickHouse's HTTP interface, one owner of the folder, an orderly end."""

from __future__ import annotations

import base64
import gzip
import http.client
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import clickhouse_connect
import pytest
from tests.eventually import eventually
from tests.telemetry.rows import only, probe

from nigrani.lib import clock
from nigrani.lib.errors import NigraniError
from nigrani.lib.home import Home
from nigrani.telemetry import migrate, server, store
from nigrani.telemetry.journal import Journal
from nigrani.telemetry.store import Store


class Http:
    """A plain connection to the engine, with its credentials."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        assert parts.port
        self.user, self.password = parts.username or "", parts.password or ""
        self.connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=30)

    def ask(
        self, body: bytes | str = b"", method: str = "POST", headers: dict[str, str] | None = None, **asked: Any
    ) -> tuple[int, bytes, dict[str, str]]:
        own = {"X-ClickHouse-User": self.user, "X-ClickHouse-Key": self.password} if headers is None else headers
        self.connection.request(method, "/?" + urlencode(asked), body, own)
        answer = self.connection.getresponse()
        return answer.status, answer.read(), dict(answer.headers)

    @property
    def own(self) -> dict[str, str]:
        return {"X-ClickHouse-User": self.user, "X-ClickHouse-Key": self.password}


@pytest.fixture
def engine(telemetry: str) -> Iterator[Http]:
    asking = Http(telemetry)
    with closing(asking.connection):
        yield asking


def test_a_ping_needs_no_credentials(engine: Http) -> None:
    engine.connection.request("GET", "/ping")
    answer = engine.connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"Ok.\n")


@pytest.mark.parametrize("headers", [{}, {"X-ClickHouse-User": "nigrani"}, {"Authorization": "Basic bmlncmFuaTp4"},
                                     {"Authorization": "Basic %%%"}])  # fmt: skip
def test_without_the_password_nothing_is_served(engine: Http, headers: dict[str, str]) -> None:
    status, body, told = engine.ask("SELECT 1", headers=headers)
    assert (status, told["X-ClickHouse-Exception-Code"]) == (403, "516")
    assert b"Authentication failed" in body


def test_the_password_is_taken_from_the_address_and_from_basic(engine: Http) -> None:
    word = base64.b64encode(f"{engine.user}:{engine.password}".encode()).decode()
    assert engine.ask("SELECT 1", headers={"Authorization": f"Basic {word}"})[:2] == (200, b"1\n")
    assert engine.ask("SELECT 1", headers={}, user=engine.user, password=engine.password)[:2] == (200, b"1\n")


@pytest.mark.parametrize(
    ("sql", "settings", "status", "code"),
    [
        ("SELEC", {}, 400, 62),
        ("SELECT * FROM nowhere", {}, 404, 60),
        ("SELECT 1", {"database": "nowhere"}, 404, 81),
        ("SELECT no_such_function()", {}, 404, 46),
        ("SELECT 1", {"no_such_setting": 1}, 400, 115),
        ("SELECT 1", {"bad name": 1}, 400, 115),
        ("SELECT {x:String}", {}, 400, 456),
        ("SELECT 1; SELECT 2", {}, 400, 62),
        ("SELECT sleep(3)", {"max_execution_time": 0.2}, 408, 159),
        ("SELECT groupArray(number) FROM numbers(100000000)", {}, 500, 241),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", {}, 403, 481),
        ("SELECT file('/etc/hostname')", {}, 403, 481),
        ("INSERT INTO gauges (value) VALUES (1)", {"readonly": 1}, 403, 164),
        ("SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')", {"readonly": 1}, 403, 164),
        ("SELECT 1 SETTINGS max_execution_time = 0", {"readonly": 1}, 403, 164),
        ("KILL QUERY WHERE 1", {"readonly": 1}, 403, 164),
    ],
)
def test_errors_are_told_as_clickhouse_tells_them(
    engine: Http, sql: str, settings: dict[str, Any], status: int, code: int
) -> None:
    got, body, told = engine.ask(sql, **settings)
    assert (got, told["X-ClickHouse-Exception-Code"]) == (status, str(code))
    assert body.startswith(f"Code: {code}. DB::Exception: ".encode())
    assert engine.ask("SELECT 1")[:2] == (200, b"1\n")


def test_a_get_reads_and_never_writes(engine: Http) -> None:
    assert engine.ask(method="GET", query="SELECT 1")[:2] == (200, b"1\n")
    assert engine.ask(method="GET", query="TRUNCATE TABLE gauges")[0] == 403


def test_settings_of_one_request_do_not_reach_the_next(engine: Http) -> None:
    assert engine.ask("SELECT getSetting('readonly')", readonly=1)[1] == b"1\n"
    assert engine.ask("SELECT getSetting('max_threads')", max_threads=1)[1] == b"1\n"
    assert engine.ask("SELECT getSetting('readonly'), getSetting('max_threads')")[1] == b"0\t2\n"


def test_data_comes_in_the_body_packed_or_in_chunks(engine: Http) -> None:
    sql = "INSERT INTO gauges (at, source, id, value) FORMAT CSV"
    line = b"2026-01-01 00:00:00,s,%d,%d\n"
    assert engine.ask(line % (1, 1), query=sql)[0] == 200
    assert engine.ask(sql.encode() + b"\n" + line % (2, 2))[0] == 200
    assert (
        engine.ask(gzip.compress(line % (4, 4)), query=sql, headers=engine.own | {"Content-Encoding": "gzip"})[0] == 200
    )
    chunks = iter([line % (8, 8), line % (16, 16)])
    engine.connection.request("POST", "/?" + urlencode({"query": sql}), chunks, engine.own, encode_chunked=True)
    answer = engine.connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    assert engine.ask("SELECT sum(value) FROM gauges")[1] == b"31\n"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Encoding": "br"}, 415),
        ({"Content-Encoding": "gzip"}, 400),
        ({"Content-Encoding": "zstd"}, 400),
        ({"Content-Encoding": "lz4"}, 400),
        ({"Content-Length": "many"}, 400),
        ({"Content-Length": "99999999999"}, 413),
        ({"Transfer-Encoding": "chunked"}, 400),
    ],
)
def test_a_body_that_makes_no_sense_is_refused(engine: Http, headers: dict[str, str], status: int) -> None:
    assert engine.ask("SELECT 1\n", headers=engine.own | headers)[0] == status


@pytest.mark.parametrize("packed", [False, "lz4", "zstd", "gzip"])
def test_clickhouse_connect_works_unchanged(telemetry: str, packed: bool | str) -> None:
    parts = urlsplit(telemetry)
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=parts.port, username=parts.username, password=parts.password, database="nigrani",
        compress=packed,
    )  # fmt: skip
    with closing(client):
        client.insert("gauges", [["disk", 1.5, {"of": "/"}]], column_names=["name", "value", "labels"])
        client.insert("gauges", [["disk", 2.5, {}]], column_names=["name", "value", "labels"])
        answer = client.query("SELECT name, value, labels FROM gauges WHERE name = %(n)s ORDER BY value", {"n": "disk"})
        assert answer.result_rows == [("disk", 1.5, {"of": "/"}), ("disk", 2.5, {})]
        assert client.command("SELECT 7") == 7


def test_a_second_process_on_the_folder_is_told_who_has_it(home: Home) -> None:
    first = server.start(home)
    with pytest.raises(NigraniError, match=rf"is in use by process {first.pid}\. Stop it first"):
        server.start(home)
    first.terminate()
    assert first.wait(10) == 0


def test_it_keeps_its_port_and_takes_another_when_that_is_taken(home: Home) -> None:
    first = server.start(home)
    port = (home.run / "telemetry.port").read_text()
    first.terminate()
    first.wait(10)
    again = server.start(home)
    assert (home.run / "telemetry.port").read_text() == port
    again.terminate()
    again.wait(10)
    with socket.create_server(("127.0.0.1", int(port))):
        other = server.start(home)
        assert (home.run / "telemetry.port").read_text() != port
        other.terminate()
        other.wait(10)


def test_its_files_are_its_owners_alone(home: Home) -> None:
    engine = server.start(home)
    for path in (home.run / "telemetry.port", home.secrets / "TELEMETRY_PASSWORD"):
        assert path.stat().st_mode & 0o77 == 0
    assert home.telemetry.stat().st_mode & 0o77 == 0
    engine.terminate()
    engine.wait(10)


def test_told_to_stop_it_ends_what_runs_and_takes_nothing_new(home: Home) -> None:
    engine, own, seen = server.start(home), Store.of(home), []
    asking = threading.Thread(target=lambda: seen.append(own.query("SELECT sleep(1.5) AS slept")))
    asking.start()
    eventually(lambda: only(own.query("SELECT count() AS n FROM system.processes"))["n"] > 1)
    engine.terminate()
    assert engine.wait(10) == 0
    asking.join()
    assert seen == [[{"slept": 0}]]


@pytest.mark.slow("kills the engine three times in the middle of inserts and starts it again")
def test_killed_while_it_takes_rows_nothing_acknowledged_is_lost_or_doubled(home: Home) -> None:
    engine, own, kept = server.start(home), Store.of(home), Journal(home.journal)
    own.create_database()
    migrate.apply(own)
    done, appended = threading.Event(), 0

    def ship() -> None:
        while not done.is_set():
            try:
                kept.ship(own)
            except NigraniError:
                done.wait(0.02)

    shipper = threading.Thread(target=ship)
    shipper.start()
    for _ in range(3):
        target = appended + 400
        while appended < target:
            kept.append("probes", [probe(f"{appended:06d}-{part}") for part in range(20)])
            appended += 1
        os.kill(engine.pid, signal.SIGKILL)
        engine.wait()
        engine = server.start(home)
    eventually(lambda: kept.backlog().rows == 0)
    done.set()
    shipper.join()
    assert only(own.query("SELECT count() AS n, uniqExact(probe) AS u FROM probes")) == {
        "n": appended * 20,
        "u": appended * 20,
    }
    engine.terminate()
    assert engine.wait(10) == 0


@pytest.mark.slow("starts an engine and measures it")
def test_a_small_query_is_quick_and_an_idle_engine_small(home: Home) -> None:
    engine, own = server.start(home), Store.of(home)
    own.ping()
    taken = []
    for _ in range(50):
        begin = clock.monotonic()
        own.query("SELECT 1 AS one")
        taken.append(clock.monotonic() - begin)
    assert sorted(taken)[25] < 0.02
    rollup = Path(f"/proc/{engine.pid}/smaps_rollup").read_text().splitlines()
    pss_kb = next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
    assert pss_kb < 250_000
    engine.terminate()
    engine.wait(10)


def test_the_version_is_told(telemetry: str) -> None:
    assert store.ping().startswith("26.")
