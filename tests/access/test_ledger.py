"""The ledger grows only at its end, and any change to a line is found and named."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from django.db.utils import IntegrityError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nigrani.access import ledger
from nigrani.access.models import LedgerLine

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def write(what: str, **detail: object) -> LedgerLine:
    return ledger.record(by="asha@example.org", action="alerts.promoted", what=what, detail=detail, now=NOW)


def tamper(sql: str, *values: str | int) -> None:
    """Do what only the database's owner can: switch the triggers off and change the table."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(sql, values)
        cursor.execute("SET LOCAL session_replication_role = origin")


@pytest.mark.django_db
def test_an_untouched_ledger_is_whole() -> None:
    first, second = write("system-down", level=0.95), write("slow-pages", note="ज़रूरी \U0001f514 <script>")
    assert second.seq == first.seq + 1
    assert ledger.verify() is None
    assert LedgerLine.objects.get(pk=second.pk).detail == {"note": "ज़रूरी \U0001f514 <script>"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE access_ledgerline SET what = 'another' WHERE seq > 0",
        "DELETE FROM access_ledgerline WHERE seq > 0",
        "TRUNCATE access_ledgerline",
    ],
)
def test_the_database_refuses_any_change(sql: str) -> None:
    write("system-down")
    append_only = pytest.raises(IntegrityError, match="The ledger is append-only")
    with append_only, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert ledger.verify() is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("what", "another"),
        ("by", "bob@example.org"),
        ("action", "alerts.demoted"),
        ("detail_json", '{"level": 0.96}'),
        ("at", "2026-11-23 09:30:01+00"),
        ("mac", "f" * 64),
    ],
)
def test_any_changed_field_is_found_and_its_line_named(column: str, value: str) -> None:
    write("before")
    line = write("system-down", level=0.95)
    write("after")
    tamper(f"UPDATE access_ledgerline SET {column} = %s WHERE seq = %s", value, line.seq)
    problem = ledger.verify()
    assert problem
    assert problem.seq == line.seq
    assert problem.because == f"Line {line.seq} is not as it was written, or stood after another line."


@pytest.mark.django_db
def test_a_line_taken_out_is_missed() -> None:
    write("before")
    line = write("system-down")
    write("after")
    tamper("DELETE FROM access_ledgerline WHERE seq = %s", line.seq)
    problem = ledger.verify()
    assert problem
    assert problem.because == f"Line {line.seq} is missing; the next one is line {line.seq + 1}."


@pytest.mark.django_db
def test_a_cut_end_is_seen_with_a_head_kept_elsewhere() -> None:
    write("before")
    line = write("system-down")
    kept = ledger.head()
    assert ledger.verify(known=kept) is None
    tamper("DELETE FROM access_ledgerline WHERE seq = %s", line.seq)
    assert ledger.verify() is None
    problem = ledger.verify(known=kept)
    assert problem
    assert problem.because == f"Lines {line.seq} to {line.seq} were cut off."


@pytest.mark.django_db
def test_a_rewritten_end_is_seen_with_a_head_kept_elsewhere() -> None:
    line = write("system-down")
    kept = ledger.head()
    tamper("DELETE FROM access_ledgerline WHERE seq = %s", line.seq)
    write("something else")
    problem = ledger.verify(known=kept)
    assert problem
    assert problem.because == f"Line {line.seq} is another than the one kept elsewhere."


@pytest.mark.django_db
def test_two_lines_that_changed_places_are_found() -> None:
    first, second = write("one"), write("two")
    tamper("UPDATE access_ledgerline SET seq = 1000000 WHERE seq = %s", first.seq)
    tamper("UPDATE access_ledgerline SET seq = %s WHERE seq = %s", first.seq, second.seq)
    tamper("UPDATE access_ledgerline SET seq = %s WHERE seq = 1000000", second.seq)
    problem = ledger.verify()
    assert problem
    assert problem.seq == first.seq


@pytest.mark.django_db
def test_a_line_goes_with_the_transaction_it_stands_in() -> None:
    before = ledger.head()
    with transaction.atomic():
        write("system-down")
        transaction.set_rollback(True)
    assert ledger.head() == before


@pytest.mark.django_db(transaction=True)
def test_many_at_once_write_one_chain() -> None:
    before = ledger.head().seq

    def work(number: int) -> None:
        try:
            for turn in range(5):
                write(f"rule-{number}", turn=turn)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert ledger.head().seq == before + 30
    assert ledger.verify() is None


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8),
        st.one_of(
            st.integers(), st.floats(allow_nan=False), st.booleans(), st.none(), st.lists(st.integers(), max_size=3)
        ),
        max_size=4,
    )
)
def test_whatever_is_written_comes_back_and_verifies(detail: dict[str, object]) -> None:
    with transaction.atomic():
        line = ledger.record(by="b", action="a.b", what="w", detail=detail, now=NOW)
        assert LedgerLine.objects.get(pk=line.pk).detail == detail
        assert ledger.verify() is None
        transaction.set_rollback(True)
