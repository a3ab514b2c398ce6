"""What is read of a database's health, on real servers of both versions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from tests.eventually import eventually
from tests.integrations import databases
from tests.integrations.databases import Server

from nigrani.integrations import Answer, ProbeJob
from nigrani.integrations.postgres import probe, roles
from nigrani.integrations.postgres.config import Capacity, ProbeConfig, SourceConfig, Word
from nigrani.lib.errors import SourceError
from nigrani.lib.secret import Secret


def asked(dsn: Secret, ask: Word, memory: Any = None, *, long_s: float = 60, **source: Any) -> Answer | SourceError:
    config = ProbeConfig(ask, long=timedelta(seconds=long_s))
    [(_, answer)] = probe.probe(
        [ProbeJob("database", ask, SourceConfig(dsn=dsn, **source), config, timedelta(seconds=20), memory)]
    )
    return answer


def answer(dsn: Secret, ask: Word, memory: Any = None, **rest: Any) -> Answer:
    found = asked(dsn, ask, memory, **rest)
    assert isinstance(found, Answer), found
    return found


def values(found: Answer, **labels: str) -> dict[str, float]:
    assert found.ok, found.detail
    return {each.name: each.value for each in found.gauges if labels.items() <= each.labels.items()}


@contextmanager
def statistics(server: Server, schema: str = "public") -> Iterator[None]:
    server.run(f"CREATE SCHEMA IF NOT EXISTS {schema}; CREATE EXTENSION pg_stat_statements SCHEMA {schema}")
    if schema != "public":
        server.run(f"GRANT USAGE ON SCHEMA {schema} TO {roles.MONITOR}")
    try:
        yield
    finally:
        server.run("DROP EXTENSION pg_stat_statements")
        if schema != "public":
            server.run(f"DROP SCHEMA {schema}")


@pytest.mark.parametrize("ask", ["activity", "locks", "cache", "wraparound", "size", "tables", "replication", "server"])
def test_every_ask_answers_a_role_that_may_only_look(monitor: Secret, ask: Word) -> None:
    found = answer(monitor, ask)
    assert found.ok, found.detail
    assert 0 < found.cost_ms <= found.ms["total"]
    second = answer(monitor, ask, found.memory)
    assert second.gauges
    assert all(each.value >= 0 for each in second.gauges)


@pytest.mark.parametrize("schema", ["public", "extensions"])
def test_statements_are_differences_and_say_the_normalised_text(server: Server, monitor: Secret, schema: str) -> None:
    with statistics(server, schema), server.connect("app") as app:
        app.execute("SELECT 'before'")
        first = answer(monitor, "statements")
        assert (first.gauges, first.detail) == ((), "The first look; means come with the next.")
        for secret in ("'geheim'", "'hush'", "'x'"):
            app.execute(f"SELECT pg_sleep(0.05), {secret} AS token".encode())
        second = answer(monitor, "statements", first.memory)
        [label] = {each.labels["query"] for each in second.gauges if "pg_sleep" in each.labels.get("query", "")}
        assert label.startswith("SELECT pg_sleep($1), $2 AS token (id ")
        seen = values(second, query=label)
        assert seen["postgres.statement.calls"] == 3
        assert seen["postgres.statement.total_ms"] >= 150
        assert "postgres.statements.mean_ms" in values(second)
        assert not any("geheim" in str(each) or "before" in str(each) for each in second.gauges)
        third = answer(monitor, "statements", second.memory)
        assert not any("pg_sleep" in each.labels.get("query", "") for each in third.gauges)


def test_a_reset_of_the_statistics_is_no_negative_number(server: Server, monitor: Secret) -> None:
    with statistics(server), server.connect("app") as app:
        for _ in range(5):
            app.execute("SELECT pg_sleep(0.02)")
        first = answer(monitor, "statements")
        server.run("SELECT pg_stat_statements_reset()")
        app.execute("SELECT pg_sleep(0.02)")
        second = answer(monitor, "statements", first.memory)
        calls = [each.value for each in second.gauges if each.name == "postgres.statement.calls"]
        assert calls
        assert min(calls) >= 1
        assert max(calls) < 5
        assert values(second).get("postgres.own.exec_ms", 0) >= 0


def test_without_the_extension_the_ask_has_no_source_and_says_what_mends_it(monitor: Secret) -> None:
    found = answer(monitor, "statements")
    assert (found.ok, found.failure, found.gauges) == (False, "absent", ())
    assert found.detail.endswith("run as a superuser: CREATE EXTENSION pg_stat_statements.")


@pytest.mark.parametrize("ask", ["activity", "locks", "statements", "size", "replication", "connections"])
def test_without_pg_monitor_the_ask_has_no_source_and_never_a_zero(server: Server, monitor: Secret, ask: Word) -> None:
    server.run(f"REVOKE pg_monitor FROM {roles.MONITOR}")
    with statistics(server):
        found = answer(monitor, ask)
    assert (found.failure, found.gauges) == ("absent", ())
    assert "GRANT pg_monitor TO" in found.detail


def test_who_blocks_whom_is_told_with_the_root_of_the_queue(server: Server, monitor: Secret) -> None:
    with server.connect("owner") as holder:
        holder.execute("SET application_name = 'nightly'")
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE fees IN ACCESS EXCLUSIVE MODE")
        pid = holder.info.backend_pid
        waiters = [threading.Thread(target=server.run, args=("SELECT count(*) FROM fees",)) for _ in range(2)]
        for each in waiters:
            each.start()
        try:
            eventually(lambda: values(answer(monitor, "locks"))["postgres.locks.blocked"] == 2)
            found = answer(monitor, "locks")
        finally:
            holder.execute("ROLLBACK")
            for each in waiters:
                each.join(10)
    labels = {"blocker": f"pid {pid} nightly, idle in transaction"}
    assert values(found, **labels)["postgres.blocker.blocked"] == 2
    assert values(found)["postgres.locks.longest_s"] >= 0
    assert values(answer(monitor, "locks"))["postgres.locks.blocked"] == 0


def test_long_queries_and_idle_transactions_are_told_by_application(server: Server, monitor: Secret) -> None:
    with server.connect("app") as idle, server.connect("app") as busy:
        idle.execute("SET application_name = 'forgotten'")
        idle.execute("BEGIN")
        idle.execute("SELECT 1")

        def sleep() -> None:
            with suppress(psycopg.errors.AdminShutdown):
                busy.execute("SELECT pg_sleep(60)")

        thread = threading.Thread(target=sleep, daemon=True)
        thread.start()
        try:
            eventually(lambda: values(answer(monitor, "activity", long_s=0.01))["postgres.activity.long_queries"] >= 1)
            found = answer(monitor, "activity", long_s=0.01)
            assert values(answer(monitor, "activity"))["postgres.activity.long_queries"] == 0
        finally:
            server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%'")
            thread.join(10)
    seen = values(found)
    assert seen["postgres.activity.idle_in_transaction_s"] > 0
    assert seen["postgres.activity.oldest_transaction_s"] >= seen["postgres.activity.idle_in_transaction_s"]
    assert values(found, application="forgotten")["postgres.application.idle_in_transaction_s"] > 0


def test_dead_rows_are_told_and_the_bloat_is_an_estimate(server: Server, monitor: Secret) -> None:
    server.run(
        "CREATE TABLE churned AS SELECT generate_series(1, 4000) AS n; UPDATE churned SET n = n + 1 WHERE n <= 2000"
    )
    try:

        def churned() -> dict[str, float]:
            return values(answer(monitor, "tables"), table="public.churned")

        eventually(lambda: churned().get("postgres.table.dead_share", 0) > 0.3)
        seen = churned()
    finally:
        server.run("DROP TABLE churned")
    assert seen["postgres.table.dead_rows"] == 2000
    assert 0 < seen["postgres.table.bloat_estimate_bytes"] < seen["postgres.table.bytes"]
    assert "postgres.table.grown_bytes" not in seen
    assert "postgres.table.since_vacuum_s" not in seen


def test_a_slot_that_nobody_reads_keeps_wal_and_one_that_left_is_lost(server: Server, monitor: Secret) -> None:
    server.run("SELECT pg_create_physical_replication_slot('standby_a', true)")
    server.run("INSERT INTO fees SELECT 'x' || n, n FROM generate_series(1, 500) n; DELETE FROM fees")
    first = answer(monitor, "replication")
    slot = values(first, slot="standby_a")
    assert (slot["postgres.slot.is_lost"], slot["postgres.slot.is_unread"]) == (0, 1)
    assert slot["postgres.slot.retained_bytes"] > 0
    server.run("SELECT pg_drop_replication_slot('standby_a')")
    second = answer(monitor, "replication", first.memory)
    assert values(second, slot="standby_a") == {"postgres.slot.is_lost": 1}


def test_storage_without_a_declared_capacity_has_no_source(monitor: Secret) -> None:
    bare = answer(monitor, "storage")
    assert bare.failure == "absent"
    assert "capacity: {storage: 50GB}" in bare.detail
    found = values(answer(monitor, "storage", capacity=Capacity(storage=10**9)))
    assert found["postgres.storage.share"] == found["postgres.storage.bytes"] / 10**9
    assert (
        values(answer(monitor, "connections", capacity=Capacity(connections=50)))["postgres.connections.capacity"] == 50
    )


def test_a_server_that_archives_nothing_has_no_source_for_it(monitor: Secret) -> None:
    assert answer(monitor, "archiving").detail.startswith("archive_mode is off")


def test_a_superuser_is_turned_away_before_anything_is_asked(server: Server) -> None:
    with statistics(server):
        server.run("SELECT pg_stat_statements_reset()")
        assert not isinstance(asked(server.dsn(), "tables"), Answer)
        with server.connect() as owner:
            [(count,)] = owner.execute(
                "SELECT count(*) FROM pg_stat_statements"
                " WHERE query LIKE '%pg_stat_user_tables%' AND query NOT LIKE '%count%'"
            ).fetchall()
    assert count == 0


def test_the_server_says_what_it_is(monitor: Secret) -> None:
    found = answer(monitor, "server")
    assert found.detail.startswith("PostgreSQL 1")
    assert "pg_stat_statements is not installed" in found.detail
    assert found.memory["host"] == ""
    assert not found.memory["is_pooled"]


def test_several_optional_questions_take_turns_on_one_connection(server: Server, monitor: Secret) -> None:
    words: tuple[Word, ...] = ("activity", "locks", "cache", "size", "tables", "replication", "server", "responsive")
    jobs = [
        ProbeJob("database", word, SourceConfig(dsn=monitor), ProbeConfig(word), timedelta(seconds=20))
        for word in words
    ]
    with server.connect() as owner:  # an earlier test's session may still be ending
        here = "SELECT 1 FROM pg_stat_activity WHERE usename = %s"
        eventually(lambda: not owner.execute(here, [roles.MONITOR]).fetchall())
    server.run(f"ALTER ROLE {roles.MONITOR} CONNECTION LIMIT 2")
    assert all(isinstance(found, Answer) and found.ok for _, found in probe.probe(jobs))
    assert databases.PASSWORD not in repr(jobs)
