"""What can't be looked at is never fine; what is looked at is never harmed."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from tests.integrations import sites
from tests.survey.yards import Surveyed, elsewhere, with_source

from nigrani.guide import Guide
from nigrani.lib.secret import Secret
from nigrani.survey import asking
from nigrani.survey.report import FindingResult

NOBODY_ASKED = ("waits for a try", "no source")


def only(guide: Guide, *names: str, **changes: object) -> Guide:
    """Return the guide with some of its findings, each changed."""
    chosen = {name: replace(guide.findings[name], **changes) for name in names}  # type: ignore[arg-type]
    return replace(guide, findings=chosen)


def with_sql(guide: Guide, sql: str) -> Guide:
    """Return the guide with one question of our own."""
    config = replace(guide.findings["codes-kept"].config, sql=sql)
    return only(guide, "codes-kept", config=config)


def test_with_both_systems_away_every_row_says_that_it_could_not_look(planted: Surveyed) -> None:
    results = planted.ask(guide=elsewhere(planted.guide))
    assert {each.state for each in results.values()} == {"could not look"}
    assert {each.because for each in results.values()} <= {
        "The database's port is closed.", "127.0.0.1 takes no connection.",
    }  # fmt: skip


def test_a_silent_system_is_asked_twice_and_no_more(planted: Surveyed) -> None:
    asked = threading.Semaphore(0)

    def behave(_: object) -> None:
        asked.release()

    with sites.raw(behave) as port:
        moved = with_source(planted.guide, "website", base=f"http://127.0.0.1:{port}")
        asked_here = only(moved, *(name for name, each in moved.findings.items() if each.source == "website"))
        web = asking.Asking(asked_here, tries=True, pace=timedelta(), timeout=timedelta(seconds=2)).ask_all()
    assert {each.state for each in web} == {"could not look"}
    assert sum(asked.acquire(blocking=False) for _ in web) == 2


def test_without_try_nothing_but_reading_goes_out(planted: Surveyed) -> None:
    planted.plant(())
    before = planted.yard.log()
    results = planted.ask(tries=False)
    said = planted.yard.log()[len(before) :]
    waiting = {name for name, each in results.items() if each.state == "waits for a try"}
    assert waiting == {name for name, each in planted.guide.findings.items() if each.tries}
    assert "Webhook signature missing" not in said
    assert "CSRF" not in said


def test_a_survey_changes_no_row(planted: Surveyed) -> None:
    def counted() -> list[tuple[object, ...]]:
        with planted.superuser() as connection:
            sql = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_xact_user_tables UNION ALL "
            sql += "SELECT count(*) FROM school_events UNION ALL SELECT count(*) FROM codes"
            return connection.execute(sql).fetchall()

    before = counted()
    planted.ask()
    assert counted() == before


def test_what_our_role_may_not_read_is_told_with_the_grant(planted: Surveyed) -> None:
    planted.plant(())
    with planted.superuser() as connection:
        connection.execute("REVOKE SELECT (status) ON fee_entries FROM nigrani_monitor")
        try:
            asked = asking.Asking(planted.guide, tries=False, pace=timedelta())
            results = {each.name: each for each in asked.ask_all()}
        finally:
            connection.execute("GRANT SELECT (status) ON fee_entries TO nigrani_monitor")
    lost = results["failed-payments-lost"]
    assert lost.state == "could not look"
    assert "permission denied for table fee_entries" in lost.because
    assert 'GRANT SELECT ("created_at", "paymentMethod", "status")' not in asked.grants()
    assert 'ON TABLE "public"."fee_entries" TO "nigrani_monitor"' in asked.grants()
    assert results["codes-kept"].state == "clear", "one that fails does not take the others along"


@pytest.mark.parametrize(
    ("sql", "because"),
    [
        ("SELECT count(*) FROM {otps}", "did not return one row with a column `found`"),
        ("SELECT true AS found UNION ALL SELECT false", "did not return one row with a column `found`"),
        ("SELECT 'yes' AS found", "neither true, false nor null"),
        ("SELECT null::boolean AS found", "What came back says neither."),
        ("SELECT 1/0 = 1 AS found", "division by zero"),
        ("SELECT true AS found FROM nowhere", 'relation "nowhere" does not exist'),
        ("SELECT 'passwordHash' IS NULL AS found, \"passwordHash\" AS x FROM users LIMIT 1", "permission denied"),
        ("SELECT true AS found; DROP TABLE codes", "cannot insert multiple commands"),
        ("WITH gone AS (DELETE FROM codes RETURNING 1) SELECT true AS found", "read-only transaction"),
    ],
)
def test_a_question_that_goes_wrong_is_no_answer(planted: Surveyed, sql: str, because: str) -> None:
    [result] = planted.ask(guide=with_sql(planted.guide, sql)).values()
    assert result.state == "could not look"
    assert because in result.because


def test_a_question_that_would_run_for_ever_ends(planted: Surveyed) -> None:
    guide = with_sql(planted.guide, "SELECT true AS found, count(*) AS n FROM generate_series(1, 1000000000000)")
    asked = asking.Asking(guide, tries=False, pace=timedelta(), timeout=timedelta(seconds=1))
    [result] = asked.ask_all()
    assert (result.state, "did not answer in time" in result.because) == ("could not look", True)


def test_hostile_text_and_persons_stay_in_the_database(planted: Surveyed) -> None:
    hostile = "E'<b>\\x1b[31m\\u202e Asha asha@school.example +91 98765 43210 ' || repeat('x', 10000)"
    [result] = planted.ask(guide=with_sql(planted.guide, f"SELECT true AS found, {hostile} AS said")).values()
    assert result.state == "found"
    assert len(result.came) < 80
    assert "asha@school.example" not in result.came
    assert "98765" not in result.came
    assert not any(sign in result.came for sign in "\x1b‮")


def test_a_superuser_is_not_used(planted: Surveyed) -> None:
    dsn = psycopg.conninfo.make_conninfo(planted.yard.document["database"]["superuser_dsn"], dbname="erp")
    results = planted.ask(guide=with_source(planted.guide, "database", dsn=Secret(dsn)))
    asked: list[FindingResult] = [each for each in results.values() if each.source == "database"]
    assert {each.state for each in asked} == {"could not look"}


def test_an_answer_in_between_says_neither(planted: Surveyed) -> None:
    planted.plant(())
    planted.yard.fault("web_errors", share=1.0, status=502)
    try:
        results = planted.ask(guide=only(planted.guide, "no-health-route", "middleware-missing"))
    finally:
        planted.yard.reset()
    assert {(each.state, each.because) for each in results.values()} == {
        ("could not look", "What came back says neither.")
    }


def test_a_busy_database_proves_nothing_about_the_login_page(planted: Surveyed) -> None:
    planted.plant({"login-no-proof"})
    works, stop = threading.Event(), threading.Event()

    def work() -> None:
        with psycopg.connect(planted.yard.document["database"]["direct_dsn"], autocommit=True) as connection:
            while not stop.is_set():
                connection.execute("SELECT 1")
                works.set()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        assert works.wait(60)
        [result] = planted.ask(guide=only(planted.guide, "login-no-proof")).values()
    finally:
        stop.set()
        worker.join()
    assert result.state == "could not look"
    assert "too busy to tell" in result.came
