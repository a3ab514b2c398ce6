"""The supervisor over the real PostgreSQL and the real telemetry engine, as root and as an ordinary user."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from functools import partial

import psycopg
import pytest
from tests.eventually import eventually
from tests.node.upping import FAKES, NOBODY, Up, gone

from nigrani.lib import clock
from nigrani.lib.home import Home
from nigrani.node import pids, postgres
from nigrani.telemetry.store import Store

Start = Callable[..., Up]
pytestmark = pytest.mark.slow("makes and starts a whole PostgreSQL and a telemetry engine")


@pytest.fixture
def start(home: Home) -> Iterator[Start]:
    """Yield what starts the real stores under a supervisor on the test's home."""
    started: list[Up] = []

    def make(*, user: int | None = None) -> Up:
        up = Up(home, FAKES, str(home.path), "stores", user=user)
        started.append(up)
        eventually(up.all_ready, timeout_s=40)
        return up

    yield make
    for up in started:
        up.end()


def _connect(home: Home) -> psycopg.Connection[tuple[int]]:
    return psycopg.connect(postgres.url(home), autocommit=True)


def _count(home: Home) -> int:
    with _connect(home) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return row[0]


def _is_renewed(up: Up, name: str, old: int) -> bool:
    return up.all_ready() and up.entry(name).pid != old


def test_each_store_killed_comes_back_with_what_it_acknowledged(start: Start, home: Home) -> None:
    up = start()
    with _connect(home) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000)")
    store = Store.of(home)  # not the session's
    store.command("CREATE TABLE kept (n UInt32) ENGINE = MergeTree ORDER BY n")
    store.command("INSERT INTO kept SELECT number FROM numbers(1000)")
    for name in ("postgres", "telemetry"):
        before = {each: up.entry(each).pid for each in ("postgres", "telemetry", "third")}
        left = pids.tree(before[name])
        os.kill(before[name], signal.SIGKILL)
        eventually(partial(_is_renewed, up, name, before[name]), timeout_s=30)
        assert gone(left)
        assert [up.entry(each).pid == before[each] for each in before] == [each != name for each in before]
    assert _count(home) == 1000
    assert store.query("SELECT count() AS n FROM kept") == [{"n": 1000}]


def test_a_killed_supervisor_leaves_no_orphan_and_the_next_start_takes_over(start: Start, home: Home) -> None:
    up = start()
    with _connect(home) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000)")
        left = up.everyone()
        up.process.kill()
        up.process.wait()
        start()  # at once, while the old ones are still ending
    assert gone(left)
    assert _count(home) == 1000


def test_stopping_is_clean_and_quick(start: Start, home: Home) -> None:
    up = start()
    left = up.everyone()
    with _connect(home):  # an idle session does not hold it up
        up.process.terminate()
        assert up.process.wait(15) == 0
    assert gone(left)
    assert not (home.postgres / "data" / "postmaster.pid").exists()
    assert "database system is shut down" in (home.log / "postgres.log").read_text()


def test_nothing_in_a_home_can_be_read_by_others(start: Start, home: Home) -> None:
    from nigrani.node.doctor import machine

    start()
    assert [check.verdict for check in machine.permissions(home, clock.now())] == ["ok"]
    for folder in (home.run, home.log, home.secrets, home.postgres, home.telemetry):
        assert folder.stat().st_mode & 0o077 == 0, folder


def test_an_ordinary_user_runs_it_too(start: Start, home: Home) -> None:
    user = NOBODY if os.geteuid() == 0 else os.geteuid()
    for path in (home.path, *home.path.rglob("*")):
        os.chown(path, user, -1)
    up = start(user=user if os.geteuid() == 0 else None)
    assert {os.stat(f"/proc/{pid}").st_uid for pid in up.everyone()} == {user}
    left = up.everyone()
    up.process.kill()
    up.process.wait()
    eventually(lambda: gone(left), timeout_s=15)


def test_a_supervisor_killed_while_it_makes_the_database_leaves_nothing_half_made(home: Home) -> None:
    first = Up(home, FAKES, str(home.path), "stores")
    try:
        eventually(lambda: (home.postgres / "unfinished").exists(), timeout_s=20)
        first.process.kill()
        first.process.wait()
        again = Up(home, FAKES, str(home.path), "stores")
        try:
            eventually(again.all_ready, timeout_s=40)
            assert again.lines("node.leftovers_found")
            assert not (home.postgres / "unfinished").exists()
        finally:
            again.end()
    finally:
        first.end()
