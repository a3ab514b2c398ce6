"""One statement within a deadline, on servers that answer and on things that do not."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.eventually import ends_within, eventually
from tests.integrations import certificates, databases, sites
from tests.integrations.databases import Server

from nigrani.integrations import postgres as captured
from nigrani.lib import clock, postgres, postgres_errors
from nigrani.lib.errors import Refused, SourceError, Throttled, Unreachable, Unreadable
from nigrani.lib.postgres_errors import told
from nigrani.lib.secret import Secret


def run(dsn: Secret, sql: str = "SELECT 1", *params: object, within_s: float = 5, **rest: Any) -> postgres.Rows:
    return postgres.run(
        dsn, sql, params, deadline=timedelta(seconds=within_s), max_rows=rest.pop("max_rows", 10), **rest
    )


def fails(dsn: Secret, sql: str = "SELECT 1", *params: object, within_s: float = 5, **rest: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        run(dsn, sql, *params, within_s=within_s, **rest)
    assert databases.PASSWORD not in f"{caught.value} {caught.value.__cause__} {dsn!r}"
    return caught.value


def test_rows_come_with_names_types_and_times(server: Server) -> None:
    found = run(server.dsn(), "SELECT $1::int + 1 AS n, $2::text AS t, now() AS at, ARRAY[1, 2] AS a", 4, "é\n")
    [row] = found
    assert (row["n"], row["t"], row["a"]) == (5, "é\n", [1, 2])
    assert isinstance(row["at"], datetime)
    assert row["at"].utcoffset() == timedelta()
    assert abs(row["at"] - clock.now()) < timedelta(seconds=10)
    assert set(found.ms) == {"dns", "connect", "login", "first_byte", "total"}
    assert found.server_version >= 150000
    assert found.is_superuser


def test_the_session_is_ours_and_gone_afterwards(server: Server) -> None:
    sql = """SELECT current_setting('TimeZone') AS zone, current_setting('application_name') AS name,
                    current_setting('statement_timeout') AS timeout, current_setting('transaction_read_only') AS ro"""
    [row] = run(server.dsn(), sql, within_s=4)
    assert (row["zone"], row["name"], row["ro"]) == ("UTC", "nigrani", "on")
    assert 2000 < int(row["timeout"].removesuffix("ms")) < 4000 or row["timeout"] == "3600ms"
    with server.connect() as other:

        def gone() -> bool:
            count = other.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nigrani'")
            return count.fetchone() == (0,)

        eventually(gone)


def test_more_rows_than_wanted_are_not_read(server: Server) -> None:
    found = run(server.dsn(), "SELECT generate_series(1, 10000000) AS n", max_rows=3)
    assert (found.rows, found.is_complete) == ([(1,), (2,), (3,)], False)
    assert run(server.dsn(), "SELECT generate_series(1, 3)", max_rows=3).is_complete
    nothing = run(server.dsn(), "SELECT 1 AS one WHERE false")
    assert (nothing.columns, list(nothing)) == (("one",), [])


@pytest.mark.parametrize(
    ("sql", "kind", "word", "sqlstate"),
    [
        ("SELECT 1; DROP TABLE fees", Refused, "setting", "42601"),
        ("DROP TABLE fees", Refused, "denied", "25006"),
        ("INSERT INTO fees VALUES ('x', 1)", Refused, "denied", "25006"),
        ("SELECT nothing_such", Refused, "setting", "42703"),
        ("SELECT 1 / 0", Unreadable, "sql", "22012"),
        ("SELECT pg_sleep(20)", Unreachable, "timeout", "57014"),
    ],
)
def test_a_statement_that_fails_says_which_way(
    server: Server, sql: str, kind: type[SourceError], word: str, sqlstate: str
) -> None:
    error = fails(server.dsn(), sql, within_s=0.6)
    assert isinstance(error, kind)
    assert (told(error).word, told(error).sqlstate, told(error).phase) == (word, sqlstate, "query")


def test_a_run_that_may_write_writes(server: Server) -> None:
    run(server.dsn(), "INSERT INTO fees VALUES ($1, $2)", "f1", 5, read_only=False)
    assert list(run(server.dsn(), "DELETE FROM fees RETURNING amount", read_only=False)) == [{"amount": 5}]


@pytest.mark.parametrize(
    ("user", "password", "database", "kind", "word", "sqlstate"),
    [
        ("owner", "wrong", "erp", Refused, "denied", "28P01"),
        ("nobody_such", "x", "erp", Refused, "denied", "28P01"),
        ("no_login", databases.PASSWORD, "erp", Refused, "denied", "28000"),
        ("owner", databases.PASSWORD, "none_such", Unreachable, "missing", "3D000"),
    ],
)
def test_a_login_that_fails_says_which_way(
    server: Server, user: str, password: str, database: str, kind: type[SourceError], word: str, sqlstate: str
) -> None:
    server.run(f"DROP ROLE IF EXISTS no_login; CREATE ROLE no_login NOLOGIN PASSWORD '{databases.PASSWORD}'")
    error = fails(server.dsn(user, password=password, database=database))
    assert isinstance(error, kind)
    assert (told(error).word, told(error).sqlstate) == (word, sqlstate)


CAPTURED = json.loads((Path(captured.__file__).parent / "captured" / "login-refusals.json").read_text(encoding="utf-8"))
WORDS = {
    "wrong password": "denied",
    "role may not log in": "denied",
    "no such role": "denied",
    "no such database": "missing",
    "no right to connect": "denied",
    "role's limit": "busy",
    "database's limit": "full",
    "no free connection": "full",
    "completely full": "full",
}


@pytest.mark.parametrize("seen", CAPTURED, ids=lambda seen: f"{seen['version']}-{seen['case']}")
def test_every_captured_refusal_is_sorted(seen: dict[str, str]) -> None:
    code = postgres_errors.code_of(seen["said"], lambda: pytest.fail("asked again for an English sentence"))
    error = postgres_errors.at_login(seen["said"], code, phase="login")
    assert (error.word, error.sqlstate) == (WORDS[seen["case"]], seen["sqlstate"])
    assert "127.0.0.1" not in error.text
    assert "DETAIL" not in error.text


def test_a_refusal_in_another_language_is_known_by_its_code(server: Server) -> None:
    talk = postgres._Talk(server.dsn(password="wrong"), timedelta(seconds=5))
    try:
        code = postgres_errors.code_of(
            'connection to server at "127.0.0.1", port 5432 failed: FATALE:  autenticazione fallita',
            lambda: talk._code_by_trace(talk._conninfo()),
        )
    finally:
        talk.close()
    assert code == "28P01"
    error = postgres_errors.at_login('failed: FATALE:  autenticazione fallita per "owner"', code, phase="login")
    assert (error.word, error.text) == (
        "denied",
        'The database refused us. It said: autenticazione fallita per "owner"',
    )


def test_a_full_server_is_told_from_a_refusal(server: Server) -> None:
    server.run(f"CREATE ROLE crowd LOGIN PASSWORD '{databases.PASSWORD}'")
    held = server.fill("crowd")
    try:
        error = fails(server.dsn("crowd"))
        assert isinstance(error, Throttled)
        assert (told(error).word, told(error).sqlstate) == ("full", "53300")
        assert run(server.dsn()).is_superuser  # reserved for such
    finally:
        for each in held:
            each.close()
        server.run("DROP ROLE crowd")


def test_our_own_limit_is_not_the_server_being_full(server: Server) -> None:
    server.run(f"DROP ROLE IF EXISTS few; CREATE ROLE few LOGIN CONNECTION LIMIT 1 PASSWORD '{databases.PASSWORD}'")
    with server.connect("few"):
        error = fails(server.dsn("few"))
    assert (told(error).word, told(error).sqlstate) == ("busy", "53300")


def test_a_backend_stopped_in_the_middle_of_a_query_costs_the_deadline(server: Server) -> None:
    outcome: list[SourceError] = []
    began = clock.monotonic()
    asked = threading.Thread(target=lambda: outcome.append(fails(server.dsn(), "SELECT pg_sleep(30)", within_s=1.5)))
    asked.start()
    with server.connect() as other:

        def backend() -> int | None:
            row = other.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'nigrani' AND query LIKE '%pg_sleep%'"
                " AND state = 'active' AND pid <> pg_backend_pid()"
            ).fetchone()
            return row[0] if row else None

        pid = eventually(backend, timeout_s=1.2)
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            with ends_within(2.5):
                asked.join(20)
            assert clock.monotonic() - began > 1.4
            assert (told(outcome[0]).word, told(outcome[0]).phase) == ("timeout", "query")
        finally:
            os.kill(pid, signal.SIGCONT)


def test_a_postmaster_that_is_stopped_costs_the_deadline(server: Server) -> None:
    server.process.send_signal(signal.SIGSTOP)
    try:
        with ends_within(1.5):
            error = fails(server.dsn(), within_s=0.5)
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert (told(error).word, told(error).phase) == ("timeout", "login")


_FIELDS = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
STARTING = b"E" + (len(_FIELDS) + 4).to_bytes(4, "big") + _FIELDS
ANY, PLAIN = ("prefer", "disable", "require"), ("disable",)
MISBEHAVING = [
    ("hangs", ANY, sites.silent, Unreachable, "timeout"),
    ("resets", ANY, sites.resets, Unreachable, "reset"),
    ("closes", ANY, sites.closes, Unreachable, "reset"),
    ("speaks http", ANY, sites.says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Unreadable, "protocol"),
    ("noise", ANY, sites.says(bytes(range(128, 256))), Unreadable, "protocol"),
    ("promises a huge message", ANY, sites.says(b"R\x7f\xff\xff\xff"), Unreadable, "protocol"),
    ("can not fork", ("require",), sites.says(STARTING), Unreachable, "reset"),
    ("is starting", PLAIN, sites.says(STARTING), Unreachable, "starting"),
    ("trickles", PLAIN, sites.trickles(b"R\x00\x00\x00\x64", every_s=0.05), Unreachable, "timeout"),
]
CASES = [pytest.param(mode, *rest, id=f"{name}-{mode}") for name, modes, *rest in MISBEHAVING for mode in modes]


@pytest.mark.parametrize(
    ("mode", "behave", "kind", "word"),
    CASES,
    ids=[f"{name}-{mode}" for name, modes, *_ in MISBEHAVING for mode in modes],
)
def test_what_is_no_postgresql_costs_the_deadline_at_most(
    mode: str, behave: Any, kind: type[SourceError], word: str
) -> None:
    with sites.raw(behave) as port, ends_within(1.5):
        error = fails(Secret(f"postgresql://me:{'p' * 9}@127.0.0.1:{port}/erp?sslmode={mode}"), within_s=0.4)
    assert (type(error), told(error).word) == (kind, word)


def test_a_closed_port_and_an_unknown_name() -> None:
    error = fails(Secret(f"postgresql://me:pw@127.0.0.1:{sites.closed_port()}/erp"))
    assert (type(error), told(error).word, error.message) == (Unreachable, "refused", "The database's port is closed.")
    error = fails(Secret("postgresql://me:pw@no-such-host.invalid/erp"))
    assert (type(error), told(error).word, told(error).phase) == (Unreachable, "dns", "dns")


def test_a_resolver_that_hangs_costs_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = threading.Event()
    real = socket.getaddrinfo

    def look_up(host: str, *rest: Any, **more: Any) -> Any:
        if more.get("flags"):
            return real(host, *rest, **more)
        hangs.wait(30)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with ends_within(1.5):
        error = fails(Secret("postgresql://me:pw@hangs.example/erp"), within_s=0.3)
    hangs.set()
    assert (told(error).word, told(error).phase) == ("timeout", "dns")


def test_an_encrypted_server_is_asked_and_its_certificate_is_checked(server: Server, tmp_path: Path) -> None:
    root = certificates.authority(tmp_path)
    day = timedelta(days=1)
    good = certificates.certificate(tmp_path, valid_from=-day, valid_to=day)
    expired = certificates.certificate(tmp_path, valid_from=-2 * day, valid_to=-day)

    def dsn(port: int, query: str) -> Secret:
        return Secret(server.dsn().reveal().replace(f":{server.port}/", f":{port}/") + f"?{query}")

    with databases.encrypted(server.port, good) as port:
        assert run(dsn(port, "sslmode=require")).rows == [(1,)]
        assert run(dsn(port, f"sslmode=verify-full&sslrootcert={root}"), "SELECT repeat('x', 300000)").is_complete
        assert told(fails(dsn(port, "sslmode=verify-full&sslrootcert=/nowhere.pem"))).word == "setting"
    with databases.encrypted(server.port, expired) as port:
        error = fails(dsn(port, f"sslmode=verify-full&sslrootcert={root}"))
        assert (type(error), told(error).word) == (Unreachable, "tls")
    error = fails(dsn(server.port, "sslmode=require"))
    assert (type(error), told(error).word) == (Unreachable, "tls")


def test_several_hosts_are_tried_in_turn(server: Server) -> None:
    dsn = server.dsn().reveal().replace("127.0.0.1:", f"127.0.0.1:{sites.closed_port()},localhost:")
    assert run(Secret(dsn)).rows == [(1,)]


def test_nothing_is_left_behind(server: Server) -> None:
    def held() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    run(server.dsn())
    before = held()
    for sql in ("SELECT 1", "SELECT pg_sleep(9)", "nonsense"):
        for _ in range(5):
            try:
                run(server.dsn(), sql, within_s=0.2)
            except SourceError:
                continue
    assert held() == before


@pytest.mark.parametrize(
    ("dsn", "words"),
    [
        ("postgresql://me:hunter2@db.example/erp", []),
        ("host=/run/postgresql user=me dbname=erp password=hunter2", []),
        ("postgresql://me:hunter2@db.example", ["database"]),
        ("hunter2 is no address", ["no PostgreSQL address"]),
        ("", ["no host", "no role", "no database"]),
    ],
)
def test_what_is_wrong_with_an_address_is_told_without_quoting_it(dsn: str, words: list[str]) -> None:
    problems = list(postgres.address_problems(Secret(dsn)))
    assert len(problems) == len(words)
    for problem, word in zip(problems, words, strict=True):
        assert word in problem
        assert "hunter2" not in problem
