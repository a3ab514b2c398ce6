"""Who runs a server, and does a pooler stand before it: from captured facts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nigrani.integrations import Answer, ProbeJob
from nigrani.integrations import postgres as integration
from nigrani.integrations.postgres import hosting, probe
from nigrani.integrations.postgres.asks import sessions, shape
from nigrani.integrations.postgres.config import ProbeConfig, SourceConfig, Word
from nigrani.lib import postgres
from nigrani.lib.secret import Secret

CAPTURED = json.loads((Path(next(iter(integration.__path__))) / "captured" / "server-facts.json").read_text())
DSN = Secret("postgresql://me:pw@db.example:6543/erp")


@pytest.mark.parametrize("facts", CAPTURED, ids=lambda facts: facts["about"])
def test_a_server_is_recognised_by_its_own_catalogue(facts: Mapping[str, Any]) -> None:
    found = hosting.recognise(facts)
    assert (found.host, found.is_pooled, found.advice) == (facts["host"], facts["is_pooled"], facts["advice"])


def test_a_pooler_greets_with_another_process_than_the_servers() -> None:
    assert hosting.is_pooled(greeted_by=11, pid=4711)
    assert not hosting.is_pooled(greeted_by=4711, pid=4711)
    assert not hosting.is_pooled(greeted_by=4711, pid=None)


@pytest.mark.parametrize("ask", ["activity", "locks"])
def test_sessions_through_a_pooler_have_no_source_and_name_the_address_to_use(
    monkeypatch: pytest.MonkeyPatch, ask: Word
) -> None:
    seen = postgres.Rows(("pid",), [(4711,)], ms={"total": 5.0}, greeted_by=11)
    monkeypatch.setattr(postgres, "run", lambda *_, **__: seen)
    job = ProbeJob("database", ask, SourceConfig(dsn=DSN), ProbeConfig(ask), timedelta(seconds=1))
    [(_, answer)] = probe.probe([job])
    assert isinstance(answer, Answer)
    assert (answer.ok, answer.failure, answer.gauges) == (False, "absent", ())
    assert answer.detail.endswith("Use the direct address of the server, not the pooler's.")


def test_connections_through_a_pooler_are_counted_and_called_the_pools() -> None:
    row = {
        "sees_all": True, "used": 4, "capacity": 8, "active": 1, "idle": 3, "idle_in_transaction": 0, "waiting": 0,
        "oldest_s": 0.0,
    }  # fmt: skip
    told = shape.Told(row, SourceConfig(dsn=DSN), ProbeConfig("connections"), is_pooled=True)
    reading = sessions.CONNECTIONS.read(told)
    assert reading.detail.startswith("Seen through a pooler")
    assert {each.name: each.value for each in reading.gauges}["postgres.connections.ratio"] == 0.5
