"""Servers that do not stand alone: behind a pooler, and before a replica. All real."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from tests.eventually import eventually
from tests.integrations import databases
from tests.integrations.databases import Server
from tests.integrations.postgres.test_asks import answer, values
from tests.integrations.postgres.test_select import asked

from nigrani.integrations import Answer, ProbeJob
from nigrani.integrations.postgres import probe, roles
from nigrani.integrations.postgres.config import ProbeConfig, SourceConfig, Word
from nigrani.lib.secret import Secret


@pytest.fixture
def pooled(server: Server, monitor: Secret) -> Iterator[Secret]:
    with databases.pooled(server, roles.MONITOR) as address:
        yield address


def test_a_real_pooler_is_recognised_and_what_it_hides_has_no_source(pooled: Secret) -> None:
    assert answer(pooled, "server").memory["is_pooled"]
    for hidden in ("activity", "locks"):
        found = answer(pooled, hidden)
        assert (found.ok, found.failure, found.gauges) == (False, "absent", ())
        assert found.detail.endswith("Use the direct address of the server, not the pooler's.")
    counted = answer(pooled, "connections")
    assert counted.detail.startswith("Seen through a pooler")
    for asks in ("size", "tables", "wraparound", "replication"):
        assert values(answer(pooled, asks)), asks


def test_questions_at_once_share_the_poolers_one_connection_and_leave_nothing_in_it(
    server: Server, pooled: Secret
) -> None:
    words: tuple[Word, ...] = ("responsive", "cache", "size", "tables", "wraparound", "server")
    jobs = [
        ProbeJob("database", word, SourceConfig(dsn=pooled), ProbeConfig(word), timedelta(seconds=20)) for word in words
    ]
    assert all(isinstance(found, Answer) and found.ok for _, found in probe.probe(jobs))
    server.run(f"GRANT SELECT ON fees TO {roles.MONITOR}")
    assert [each.value for each in asked(pooled, "SELECT count(*) AS num FROM fees").gauges] == [0]
    with psycopg.connect(pooled.reveal(), autocommit=True, prepare_threshold=None) as next_client:
        for setting in ("statement_timeout", "search_path", "default_transaction_read_only"):
            [(inherited,)] = next_client.execute(
                "SELECT setting = reset_val FROM pg_settings WHERE name = %s", [setting]
            ).fetchall()
            assert inherited, setting


def test_a_replica_is_seen_and_once_it_is_cut_off_it_is_told_and_not_forgotten(
    server: Server, monitor: Secret, request: pytest.FixtureRequest
) -> None:
    binaries: Path = request.node.callspec.params["server"]
    try:
        with databases.replica(binaries, server, name="standby_b") as standby:

            def follows() -> bool:
                return values(answer(monitor, "replication")).get("postgres.replication.replicas") == 1

            eventually(follows, timeout_s=20)
            here = answer(monitor, "replication")
            [name] = {each.labels["replica"] for each in here.gauges if "replica" in each.labels}
            assert name == "standby_b 127.0.0.1"
            seen = values(here, replica=name)
            assert seen["postgres.replica.is_cut_off"] == 0
            assert seen["postgres.replica.lag_bytes"] >= 0
            assert values(here, slot="standby_b")["postgres.slot.is_unread"] == 0
            standby.send_signal(signal.SIGQUIT)  # it dies without a word
            standby.wait(20)

            def is_cut_off() -> bool:
                found = values(answer(monitor, "replication", here.memory), replica=name)
                return found["postgres.replica.is_cut_off"] == 1

            eventually(is_cut_off)
        gone = answer(monitor, "replication", here.memory)
        assert values(gone, replica=name)["postgres.replica.cut_off_s"] >= 0
        assert values(gone, slot="standby_b")["postgres.slot.is_unread"] == 1
        assert "postgres.replica.lag_bytes" not in values(gone, replica=name), "no lag is never a lag of nothing"
    finally:
        server.run("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'standby_b'")
