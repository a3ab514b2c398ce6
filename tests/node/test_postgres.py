"""The embedded PostgreSQL, started for real on homes of its own."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import psycopg
import pytest

from nigrani.lib.errors import NigraniError
from nigrani.lib.home import Home
from nigrani.node import postgres


def test_it_keeps_rows_over_a_kill_and_a_clean_stop(home: Home) -> None:
    server = postgres.start(home)
    with psycopg.connect(postgres.url(home), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    assert postgres.postmaster_pid(home) == server.pid
    server.kill()
    server.wait()
    assert postgres.postmaster_pid(home) is None
    server = postgres.start(home)
    with psycopg.connect(postgres.url(home)) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(7,)]
    server.send_signal(signal.SIGINT)
    assert server.wait(10) == 0


def test_nothing_of_it_is_open_to_other_users_and_it_listens_on_no_network(home: Home) -> None:
    server = postgres.start(home)
    try:
        for folder in (home.postgres, home.postgres / "data", home.socket):
            assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0, folder
        with psycopg.connect(postgres.url(home)) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
            assert connection.execute("SHOW password_encryption").fetchone() == ("scram-sha-256",)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(host=str(home.socket), user="nigrani", password="wrong", dbname="nigrani")
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(10)


def test_a_half_made_cluster_is_made_anew(home: Home) -> None:
    postgres.ensure(home)
    (home.postgres / "unfinished").touch()
    (home.postgres / "data" / "base").rename(home.postgres / "data" / "lost")
    server = postgres.start(home)
    server.send_signal(signal.SIGINT)
    assert server.wait(10) == 0


def test_a_long_path_gets_a_short_socket_folder(tmp_path: Path) -> None:
    home = Home(tmp_path / ("x" * 120))
    assert len(os.fsencode(home.socket)) < 100
    assert Home(tmp_path / ("x" * 120)).socket == home.socket


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another user")
def test_a_home_the_servers_user_cannot_reach_is_refused_with_the_folder_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(NigraniError, match=r"may not enter .*closed"):
        postgres.ensure(Home(closed / "home"))
