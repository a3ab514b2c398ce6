"""A guide's own SELECT: what is let through, what is refused, and that a real database runs it with our means only."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.integrations.databases import Server

from nigrani.guide import ReadQuestion
from nigrani.integrations import Answer, ProbeJob
from nigrani.integrations.postgres import measured, probe, roles, select
from nigrani.integrations.postgres.config import SourceConfig
from nigrani.lib.errors import NigraniError, SourceError
from nigrani.lib.secret import Secret


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) AS num FROM fees",
        'select count(*) as num from public."User" u where u."isLocked" and u.note <> \'insert; into x.y\'',
        "WITH late AS (SELECT 1 FROM fees f, public.fees g WHERE f.id = g.id) SELECT count(*) AS num FROM late",
        "SELECT extract(epoch FROM f.created) AS num FROM fees f -- from secret.t",
        "SELECT count(*) FILTER (WHERE a IS DISTINCT FROM f.b) AS num FROM fees AS f",
        "SELECT $tag$ from a.b; $tag$ AS label, sum(f.amount) AS num FROM (SELECT * FROM fees) f GROUP BY 1",
        'SELECT "update" AS num FROM fees',
    ],
)
def test_what_only_reads_is_let_through(sql: str) -> None:
    select.judge(sql, ("public",))


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("DELETE FROM fees", "no SELECT"),
        ("SELECT 1; SELECT 2", "more than one statement"),
        ("WITH gone AS (DELETE FROM fees RETURNING 1) SELECT count(*) AS num FROM gone", "DELETE"),
        ("SELECT 1 AS num INTO copied FROM fees", "INTO"),
        ("SELECT amount AS num FROM fees FOR UPDATE", "locks rows"),
        ("SELECT count(*) AS num FROM secret.salaries", "secret"),
        ('SELECT count(*) AS num FROM fees, "secret" . "salaries"', "secret"),
        ("SELECT count(*) AS num FROM fees JOIN secret.salaries USING (id)", "secret"),
        ("SELECT (SELECT max(pay) FROM secret.salaries) AS num FROM fees", "secret"),
        ("SELECT secret.leak() AS num", "secret"),
        ("SELECT secret.salaries.pay AS num FROM fees", "secret"),
        ("SELECT count(*) AS num FROM (fees CROSS JOIN secret.salaries)", "secret"),
        ("SELECT count(*) AS num FROM pg_authid", "pg_catalog"),
        ("SELECT pg_sleep(1000) AS num", "pg_sleep"),
        ("SELECT query_to_xml('select 1', true, true, '') AS num", "query_to_xml"),
        ("SELECT 'open AS num", "does not end"),
        ("SELECT 1 AS num /* open", "comment"),
        ("", "no SELECT"),
    ],
)
def test_what_does_more_is_refused_with_the_reason(sql: str, says: str) -> None:
    with pytest.raises(NigraniError, match=says):
        select.judge(sql, ("public",))


@given(st.text(max_size=80))
def test_any_text_is_judged_and_never_breaks_the_judge(text: str) -> None:
    with suppress(NigraniError):
        select.judge(f"SELECT {text}", ("public",))


def asked(dsn: Secret, sql: str, *, by: tuple[str, ...] = (), combine: str = "last", timeout_s: float = 10) -> Answer:
    config = measured.question(ReadQuestion("measure.x.1", sql, by, combine, ("public",)))
    job = ProbeJob("database", "measure:x", SourceConfig(dsn=dsn), config, timedelta(seconds=timeout_s))
    [(_, answer)] = probe.probe([job])
    assert isinstance(answer, Answer), answer
    return answer


def test_a_database_answers_a_measures_own_sql(server: Server, monitor: Secret) -> None:
    server.run(f"GRANT SELECT (id, amount) ON fees TO {roles.MONITOR}")
    server.run("INSERT INTO fees VALUES ('a', 5), ('b', 7), ('c', NULL)")
    try:
        one = asked(monitor, "SELECT count(*) AS num FROM fees")
        by = asked(monitor, "SELECT id, amount AS num, 10 AS den FROM fees", by=("id",), combine="ratio")
    finally:
        server.run("DELETE FROM fees")
    assert [(each.name, each.value) for each in one.gauges] == [("measure.x.1.num", 3)]
    assert {(each.labels["id"], each.name[-3:], each.value) for each in by.gauges} == {
        ("a", "num", 5), ("a", "den", 10), ("b", "num", 7), ("b", "den", 10)
    }  # fmt: skip
    assert one.cost_ms > 0


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ('SELECT count("passwordHash") AS num FROM "User"', "GRANT SELECT"),
        ("SELECT count(*) AS wrong FROM generate_series(1, 2)", "num"),
        ("SELECT 'text' AS num", "invalid input syntax"),
        ("SELECT num FROM (VALUES (1), (2)) AS v(num)", "two rows for the same labels"),
        ("SELECT sum(a * b) AS num FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b", "cut off"),
    ],
)
def test_what_a_database_does_not_run_has_no_source_and_says_why(monitor: Secret, sql: str, says: str) -> None:
    found = asked(monitor, sql, timeout_s=1.5)
    assert (found.ok, found.failure, found.gauges) == (False, "absent", ())
    assert says in found.detail


def test_a_giant_value_is_cut_by_the_server_and_too_many_rows_are_refused(monitor: Secret) -> None:
    found = asked(monitor, "SELECT repeat('x', 50000000) AS label, 1 AS num", by=("label",))
    assert len(found.gauges[0].labels["label"]) == 200
    many = asked(monitor, "SELECT n AS label, 1 AS num FROM generate_series(1, 5000) n", by=("label",))
    assert "more than 1,000 rows" in many.detail


def test_sums_of_snapshots_are_refused() -> None:
    with pytest.raises(NigraniError, match="can't be combined by sum"):
        measured.question(ReadQuestion("g", "SELECT 1 AS num", (), "sum", None))


def test_an_unreachable_database_is_no_word_about_the_statement() -> None:
    config = measured.question(ReadQuestion("g", "SELECT 1 AS num", (), "last", None))
    dsn = Secret("postgresql://me:pw@127.0.0.1:1/erp")
    [(_, answer)] = probe.probe([ProbeJob("d", "measure:x", SourceConfig(dsn=dsn), config, timedelta(seconds=2))])
    assert isinstance(answer, SourceError) or answer.failure == "refused"
