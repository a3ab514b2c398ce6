"""Readings follow the facts: whenever they come, however late, whatever the clock does meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nigrani.guide import Condition, load, shipped
from nigrani.lib import clock
from nigrani.lib.errors import Refused, Unreachable
from nigrani.lib.secret import Secret, Vault
from nigrani.measures import history, readings, windows
from nigrani.measures.models import Watermark
from nigrani.measures.rows import Reading
from nigrani.schedule import vocabulary
from nigrani.telemetry import journal, store

from .making import MINUTE, SHARE, T0, answered, failed, guide, measure, probe, put, share, source

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("telemetry")]

SPAN = "FROM probes WHERE at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)}"


def kept(name: str = "failed") -> dict[tuple[str, str], tuple[float, int]]:
    rows = store.query(
        "SELECT labels_key, minute, num, n FROM readings FINAL WHERE measure = {name:String} AND n > 0", {"name": name}
    )
    return {(row["labels_key"], f"{row['minute']:%H:%M}"): (row["num"], row["n"]) for row in rows}


def run(*measures: Any, at: datetime, **changes: Any) -> int:
    return readings.compute(guide(measures=measures, **changes), now=at)


def test_minutes_are_computed_by_label_set() -> None:
    put(probe(T0), probe(T0, "fail"), probe(T0, name="home"), probe(T0 - MINUTE))
    assert run(share(), at=T0 + timedelta(seconds=5)) == 3
    assert kept("share") == {
        ("probe=login", "10:00"): (1, 2), ("probe=home", "10:00"): (1, 1), ("probe=login", "09:59"): (1, 1),
    }  # fmt: skip


def test_a_late_fact_renews_the_minute_it_belongs_to() -> None:
    put(probe(T0))
    run(failed(), at=T0 + MINUTE)
    put(probe(T0, "fail", received=T0 + 30 * MINUTE))
    run(failed(), at=T0 + 30 * MINUTE)
    assert kept()["", "10:00"] == (1, 2)


def test_a_fact_stored_long_after_it_was_received_is_found_within_the_overlap() -> None:
    run(failed(), at=T0)
    run(failed(), at=T0 + timedelta(seconds=60))
    put(probe(T0 - 5 * MINUTE, "fail", received=T0 - timedelta(seconds=20)))
    run(failed(), at=T0 + timedelta(seconds=62))
    assert kept() == {("", "09:55"): (1, 1)}


def test_an_idle_pass_runs_no_measure_and_writes_no_reading() -> None:
    put(probe(T0))
    run(failed(), at=T0)
    run(failed(), at=T0 + timedelta(seconds=2))
    assert run(failed(), at=T0 + timedelta(seconds=4)) == 0


def test_facts_of_other_sources_wait_but_are_not_forgotten() -> None:
    one = measure("all", SHARE.replace("WHERE source = 'website' AND", "WHERE"), by=("probe",))
    run(one, at=T0)
    run(one, at=T0 + timedelta(seconds=2))
    put(probe(T0) | {"source": "elsewhere"})
    assert run(one, at=T0 + timedelta(seconds=4)) == 0
    put(probe(T0))
    run(one, at=T0 + timedelta(seconds=6))
    assert kept("all") == {("probe=login", "10:00"): (2, 2)}


def gauge(name: str, value: float, at: datetime) -> None:
    row = {"at": at, "received_at": at, "id": "", "source": "website", "name": name, "value": value, "labels": {}}
    put(row, table="gauges")


GAUGE = """SELECT toStartOfMinute(at) AS minute, max(value) AS num, count() AS n FROM gauges
WHERE name {} AND at >= {{start:DateTime64(3)}} AND at < {{end:DateTime64(3)}} GROUP BY minute"""


def test_gauges_that_a_measure_does_not_name_wait_and_those_it_names_do_not() -> None:
    named = measure("named", GAUGE.format("= 'db.cache.hits'"))
    chosen = measure("chosen", GAUGE.format("LIKE 'db.%'"))
    gauge("db.cache.hits", 1, T0)
    run(named, chosen, at=T0 + timedelta(seconds=1))
    gauge("db.locks.blocked", 5, T0 + timedelta(seconds=10))
    run(named, chosen, at=T0 + timedelta(seconds=11))
    assert (kept("named"), kept("chosen")) == ({("", "10:00"): (1, 1)}, {("", "10:00"): (5, 2)})
    before = Watermark.objects.get(measure="named", read_at__isnull=False).read_at
    gauge("db.cache.misses", 9, T0 + timedelta(seconds=20))  # of a topic that it names: it looks
    run(named, chosen, at=T0 + timedelta(seconds=21))
    assert Watermark.objects.get(measure="named").read_at not in (None, before)
    gauge("db.cache.hits", 2, T0 + timedelta(seconds=30))
    run(named, chosen, at=T0 + timedelta(seconds=31))
    assert kept("named") == {("", "10:00"): (2, 2)}


def test_a_label_set_that_a_changed_fact_left_counts_no_more() -> None:
    first = probe(T0)
    put(first)
    run(share(), at=T0)
    store.command("TRUNCATE TABLE probes")
    put(first | {"probe": "home", "received_at": T0 + timedelta(seconds=5)})
    run(share(), at=T0 + timedelta(seconds=6))
    assert kept("share") == {("probe=home", "10:00"): (1, 1)}


def test_a_clock_set_back_loses_nothing() -> None:
    put(probe(T0))
    run(failed(), at=T0)
    back = T0 - timedelta(hours=1)
    for second in range(0, 8, 2):
        put(probe(back + timedelta(seconds=second), "fail"))
        run(failed(), at=back + timedelta(seconds=second))
    assert kept()["", "09:00"] == (4, 4)


def test_after_a_clock_set_back_a_minute_computed_before_is_renewed() -> None:
    put(probe(T0 + timedelta(seconds=50)))
    run(failed(), at=T0 + timedelta(seconds=59))
    put(probe(T0 + timedelta(seconds=10), "fail"))
    run(failed(), at=T0 + timedelta(seconds=11))
    assert kept() == {("", "10:00"): (1, 2)}


def test_a_clock_set_forward_loses_nothing() -> None:
    run(failed(), at=T0)
    put(probe(T0 + timedelta(seconds=1), "fail"))
    run(failed(), at=T0 + timedelta(hours=3))
    assert kept() == {("", "10:00"): (1, 1)}


def test_after_a_long_stop_everything_received_meanwhile_is_computed() -> None:
    put(probe(T0))
    run(failed(), at=T0)
    put(*(probe(T0 + index * 10 * MINUTE, "fail") for index in range(1, 60)))
    run(failed(), at=T0 + timedelta(hours=10))
    assert len(kept()) == 60


def test_a_failing_measure_says_why_stops_no_other_and_catches_up() -> None:
    broken = measure("broken", SHARE.replace("probe,", "badly AS probe,"))
    put(probe(T0, "fail"))
    run(broken, failed(), at=T0)
    mark = Watermark.objects.get(measure="broken")
    assert "badly" in mark.error
    assert mark.failing_since == T0
    assert kept() == {("", "10:00"): (1, 1)}
    mended = measure("broken", SHARE, by=("probe",))
    run(mended, failed(), at=T0 + timedelta(seconds=2))
    assert Watermark.objects.get(measure="broken").error == ""
    assert kept("broken") == {("probe=login", "10:00"): (0, 1)}


def test_a_measure_that_fails_for_a_while_misses_no_minute() -> None:
    sql = f"SELECT toStartOfMinute(at) AS minute, throwIf(max(detail) = 'x') + 1 AS num, count() AS n {SPAN}"
    one = measure("sums", f"{sql} GROUP BY minute")
    put(probe(T0))
    run(one, at=T0)
    bad = probe(T0 + MINUTE) | {"detail": "x"}
    put(bad)
    run(one, at=T0 + MINUTE)
    assert "throwIf" in Watermark.objects.get(measure="sums").error
    store.command("TRUNCATE TABLE probes")
    put(probe(T0 + MINUTE), probe(T0 + MINUTE))
    run(one, at=T0 + MINUTE + timedelta(seconds=10))
    assert kept("sums") == {("", "10:00"): (1, 1)}, "it waits before it tries again"
    run(one, at=T0 + 2 * MINUTE)
    assert kept("sums") == {("", "10:00"): (1, 1), ("", "10:01"): (1, 2)}


def test_too_many_label_values_make_the_measure_fail() -> None:
    put(*(probe(T0, name=f"p{index}") for index in range(1001)))
    run(share(), at=T0)
    assert "too many label values: more than 1,000 series" in Watermark.objects.get(measure="share").error


def test_a_changed_text_begins_anew_with_the_last_hour_and_then_fills_the_past() -> None:
    put(*(probe(T0 - index * timedelta(hours=1), "fail") for index in range(12)))
    run(failed(), at=T0)
    other = measure("failed", failed().sql.replace("countIf(outcome = 'fail')", "10 * countIf(outcome = 'fail')"))
    run(other, at=T0 + timedelta(seconds=2))
    mark, second = Watermark.objects.get(measure="failed"), 4
    while mark.filled_from > T0 - timedelta(days=89) and second < 1000:  # how much in a pass depends on the machine
        run(other, at=T0 + timedelta(seconds=second))
        mark, second = Watermark.objects.get(measure="failed"), second + 2
    rows = store.query("SELECT num FROM readings FINAL WHERE sql_hash = {mark:String}", {"mark": mark.sql_hash})
    assert [row["num"] for row in rows] == [10] * 12
    assert mark.filled_from < T0 - timedelta(days=89)


@pytest.fixture
def spent(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands but for what a test adds, and a past that goes back for ever."""
    at = [0.0]
    monkeypatch.setattr(clock, "monotonic", lambda: at[0])
    monkeypatch.setattr(history, "_chunks", {})
    monkeypatch.setattr(history, "_oldest_facts", lambda tables, since: dict.fromkeys(tables, since))
    return at


def past_of() -> readings.Work:
    return readings.Work(failed(), Watermark(measure="failed", sql_hash="x", received_to=T0, filled_from=T0))


def test_the_past_is_filled_in_chunks_that_hold_no_pass_up(spent: list[float]) -> None:
    costs, asked, work = iter([0.5, 0.5, 0.05, 0.6]), [], past_of()

    def ask(_: object, start: datetime, end: datetime) -> list[Reading]:
        asked.append((end - start) / MINUTE)
        spent[0] += next(costs)
        return []

    for _ in range(3):
        history.fill([work], ask, now=T0, stamp=T0)
    assert asked == [60, 30, 15, 30], "half as much after a slow one, twice as much after a quick one"


def test_a_past_that_fails_is_tried_in_smaller_parts_before_it_is_left_out(spent: list[float]) -> None:
    work = past_of()

    def ask(_: object, start: datetime, end: datetime) -> list[Reading]:
        spent[0] += 1.0
        raise Refused("Too much memory.")

    for wanted in (T0, T0, T0 - 10 * MINUTE, T0 - 20 * MINUTE):
        history.fill([work], ask, now=T0, stamp=T0)
        assert work.mark.filled_from == wanted


def test_a_measure_whose_source_is_not_set_up_is_not_computed() -> None:
    assert run(failed(), at=T0, sources=(source(missing=("ERP_URL",)),)) == 0
    assert not Watermark.objects.exists()


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT at AS minute, 1 AS num, 1 AS n {span}", "no whole minute"),
        (
            "SELECT toStartOfMinute(at) AS minute, 1 AS num, 1 AS n {span}",
            "two rows for minute 10:00",
        ),
        ("SELECT toStartOfMinute(at) - 864000 AS minute, 1 AS num, 1 AS n {span} LIMIT 1", "outside"),
        ("SELECT toStartOfMinute(at) AS minute, 'x' AS num, 1 AS n {span} LIMIT 1", "no number"),
        ("SELECT toStartOfMinute(at) AS minute, 1 AS n {span} LIMIT 1", "no column 'num'"),
    ],
)
def test_an_answer_that_is_no_reading_is_told_apart(sql: str, says: str) -> None:
    put(probe(T0 + timedelta(seconds=1)), probe(T0 + timedelta(seconds=2)))
    run(measure("odd", sql.replace("{span}", SPAN)), at=T0 + timedelta(seconds=3))
    assert says in Watermark.objects.get(measure="odd").error


def test_a_minute_without_a_number_is_left_out() -> None:
    sql = f"SELECT toStartOfMinute(at) AS minute, max(total_ms) AS num, count() AS n {SPAN} GROUP BY minute"
    one = measure("top", sql, combine="max")
    put(probe(T0), probe(T0 + MINUTE) | {"total_ms": 5.0})
    run(one, at=T0 + MINUTE)
    assert kept("top") == {("", "10:01"): (5, 1)}


def test_the_shipped_guide_is_computed_without_a_fault(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    vault.put("ERP_URL", Secret("https://erp.example"))
    vault.put("ERP_DATABASE_URL", Secret("postgresql://monitor:secret@db.example/erp"))
    real = load(shipped(), vocabulary=vocabulary(), vault=vault)
    for of in real.sources.values():
        put(*(probe(T0, name=name) | {"source": of.name, "up": 1, "total_ms": 5.0} for name in of.probes))
    readings.compute(real, now=T0 + timedelta(seconds=1))
    marks = Watermark.objects.values_list("measure", "error")
    assert sorted(marks) == [(name, "") for name in sorted(real.measures)]
    assert kept("system_up") == {("", "10:00"): (1, 2)}


def test_facts_that_wait_in_the_journal_hold_the_watermark_back() -> None:
    with clock.standing_at(T0):
        journal.append("probes", [{"at": T0, "source": "website", "probe": "login", "outcome": "fail"}])
    try:
        for minutes in range(3):
            run(failed(), at=T0 + minutes * MINUTE)
            answered(T0 + minutes * MINUTE)
        assert Watermark.objects.get().received_to == T0
        [seen] = windows.read(guide(measures=[failed()]), [Condition("failed", MINUTE, above=0)], now=T0 + 2 * MINUTE)
        assert seen.values[""].says == "its readings are 2 min behind"
    finally:
        journal.ship(store)
    run(failed(), at=T0 + 3 * MINUTE)
    assert kept() == {("", "10:00"): (1, 1)}


def test_a_store_that_is_away_leaves_the_watermark_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    run(failed(), at=T0)
    put(probe(T0 + MINUTE, "fail"))
    with monkeypatch.context() as patch:
        patch.setenv("NIGRANI_CLICKHOUSE_URL", "http://nigrani:x@127.0.0.1:9/nigrani")
        with pytest.raises(Unreachable, match="does not answer"):
            run(failed(), at=T0 + 2 * MINUTE)
    assert Watermark.objects.get().received_to == T0
    run(failed(), at=T0 + 60 * MINUTE)
    assert kept() == {("", "10:01"): (1, 1)}


def test_a_measure_of_many_series_rests_between_computations() -> None:
    run(share(), at=T0)
    put(*(probe(T0, name=f"p{index}") for index in range(500)))
    assert run(share(), at=T0 + timedelta(seconds=1)) == 500
    put(probe(T0 + timedelta(seconds=2), "fail", name="p1"))
    assert run(share(), at=T0 + timedelta(seconds=3)) == 0
    run(share(), at=T0 + timedelta(seconds=6))
    assert kept("share")["probe=p1", "10:00"] == (1, 2)
