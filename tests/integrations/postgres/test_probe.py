"""A watched database that answers, is full, is gone, or does not let us in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import pytest
from tests.eventually import ends_within
from tests.integrations import databases, sites
from tests.integrations.databases import Server

from nigrani.integrations import Answer, ProbeJob
from nigrani.integrations.postgres import probe, roles
from nigrani.integrations.postgres.config import ProbeConfig, SourceConfig
from nigrani.lib.errors import Refused, SourceError, Throttled, Unreadable
from nigrani.lib.secret import Secret

Ask = Literal["responsive", "connections"]


def job(dsn: Secret, ask: Ask = "responsive", *, timeout_s: float = 5, **source: Any) -> ProbeJob:
    return ProbeJob("database", ask, SourceConfig(dsn=dsn, **source), ProbeConfig(ask), timedelta(seconds=timeout_s))


def ask(one: ProbeJob) -> Answer | SourceError:
    [(asked, answer)] = probe.probe([one])
    assert asked is one
    return answer


def answer_of(one: ProbeJob) -> Answer:
    answer = ask(one)
    assert isinstance(answer, Answer), answer
    return answer


def test_a_database_that_answers_has_its_phases(monitor: Secret) -> None:
    answer = answer_of(job(monitor))
    assert (answer.ok, answer.failure, answer.detail) == (True, "", "")
    assert set(answer.ms) == {"dns", "connect", "first_byte", "total"}
    assert sum(answer.ms[each] for each in ("dns", "connect", "first_byte")) <= answer.ms["total"] + 0.01


def test_connections_are_counted_against_what_ordinary_roles_can_have(server: Server, monitor: Secret) -> None:
    held = [server.connect("app") for _ in range(3)]
    try:
        held[0].autocommit = False
        held[0].execute("SELECT 1")
        found = {each.name: each.value for each in answer_of(job(monitor, "connections")).gauges}
    finally:
        for each in held:
            each.close()
    with server.connect() as owner:
        capacity = 4 if owner.info.server_version >= 160000 else 6
    assert found["postgres.connections.capacity"] == capacity
    assert found["postgres.connections.used"] >= 3
    assert found["postgres.connections.ratio"] == found["postgres.connections.used"] / capacity
    assert found["postgres.connections.idle_in_transaction"] == 1
    assert found["postgres.transaction.oldest_s"] > 0


def test_a_full_database_is_an_answer(server: Server, monitor: Secret) -> None:
    held = server.fill("app")
    try:
        with server.connect() as owner:
            is_let_in = owner.info.server_version >= 160000
        answer = answer_of(job(monitor, "connections"))
        ratio = next(each.value for each in answer.gauges if each.name == "postgres.connections.ratio")
        assert ratio >= 1
        assert (answer.ok, answer.failure) == ((True, "") if is_let_in else (False, "full"))
        as_app = answer_of(job(server.dsn("app")))
        assert (as_app.ok, as_app.failure, as_app.gauges) == (False, "full", ())
        assert as_app.detail.startswith("The database has no free connection. It said: ")
    finally:
        for each in held:
            each.close()


@pytest.mark.parametrize("kind", ["responsive", "connections"])
def test_a_role_that_may_not_see_makes_us_blind_and_not_the_database_down(server: Server, kind: Ask) -> None:
    server.run(f"DROP ROLE IF EXISTS plain; CREATE ROLE plain LOGIN PASSWORD '{databases.PASSWORD}'")
    wrong = ask(job(server.dsn("plain", password="wrong"), kind))
    assert isinstance(wrong, Refused)
    assert wrong.message == 'The database refused us. It said: password authentication failed for user "plain"'
    plain = ask(job(server.dsn("plain"), kind))
    assert isinstance(plain, Answer)
    assert (plain.ok, plain.failure) == ((False, "absent") if kind == "connections" else (True, ""))
    assert kind == "responsive" or plain.detail.endswith("Run: GRANT pg_monitor TO <the role>.")
    server.run("DROP ROLE plain")


def test_a_superuser_is_refused_as_a_monitor_unless_insisted(server: Server) -> None:
    answer = ask(job(server.dsn()))
    assert isinstance(answer, Refused)
    assert str(answer) == (
        "The monitor's role is a superuser, which may do anything."
        " Create nigrani_monitor, or set allow_superuser: true."
    )
    assert answer_of(job(server.dsn(), allow_superuser=True)).ok


def test_our_own_role_being_used_up_is_not_the_database_being_full(server: Server, monitor: Secret) -> None:
    held = [server.connect(roles.MONITOR) for _ in range(5)]
    try:
        assert isinstance(ask(job(monitor)), Throttled)
    finally:
        for each in held:
            each.close()


def test_a_database_that_is_gone_is_an_answer() -> None:
    answer = answer_of(job(Secret(f"postgresql://me:pw@127.0.0.1:{sites.closed_port()}/erp")))
    assert (answer.ok, answer.failure, answer.detail) == (False, "refused", "The database's port is closed.")


def test_a_database_that_was_dropped_is_an_answer(server: Server) -> None:
    answer = answer_of(job(server.dsn(database="dropped")))
    assert (answer.failure, answer.detail) == (
        "refused", 'The server has no such database. It said: database "dropped" does not exist'
    )  # fmt: skip


def test_what_speaks_no_postgresql_is_not_understood() -> None:
    with sites.raw(sites.says(b"SSH-2.0-OpenSSH_9.2\r\n")) as port:
        answer = ask(job(Secret(f"postgresql://me:pw@127.0.0.1:{port}/erp")))
    assert isinstance(answer, Unreadable)
    assert answer.message == "What answered does not speak PostgreSQL."


def test_databases_are_asked_side_by_side(monitor: Secret) -> None:
    with sites.raw(sites.silent) as port:
        slow = [job(Secret(f"postgresql://me:pw@127.0.0.1:{port}/erp"), timeout_s=0.6) for _ in range(40)]
        quick = job(monitor)
        with ends_within(3):
            order = [asked for asked, _ in probe.probe([quick, *slow])]
    assert order[0] is quick
    assert len(order) == 41
