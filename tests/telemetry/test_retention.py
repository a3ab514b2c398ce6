"""Retention drops whole days and months by our clock, and nothing that is promised still."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.telemetry.rows import names, probe

from nigrani.telemetry import retention, store, tables

NOW = datetime(2026, 5, 10, 12, tzinfo=UTC)


def test_every_table_has_a_term() -> None:
    assert set(retention.KEEP) == set(tables.TABLES)


def test_a_day_goes_when_its_last_moment_is_too_old(telemetry: str) -> None:
    ages = {"kept": timedelta(days=9), "kept_at_the_edge": timedelta(days=10, hours=12), "gone": timedelta(days=11)}
    for name, age in ages.items():
        store.insert("probes", [probe(name, NOW - age)])
    keep = {"probes": timedelta(days=10)}
    assert retention.drop_old(NOW, keep) == 1
    assert names() == ["kept", "kept_at_the_edge"]
    assert retention.drop_old(NOW, keep) == 0


def test_readings_go_by_months(telemetry: str) -> None:
    for minute in (datetime(2026, 1, 31, 23, 59, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)):
        store.insert("readings", [{"measure": "m", "sql_hash": "h", "minute": minute, "n": 1, "computed_at": NOW}])
    keep = {"readings": timedelta(days=28)}
    assert retention.drop_old(datetime(2026, 2, 28, tzinfo=UTC), keep) == 0
    assert retention.drop_old(datetime(2026, 3, 1, tzinfo=UTC), keep) == 1
    assert [row["minute"].month for row in store.query("SELECT minute FROM readings")] == [2]


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_partition_ends_after_all_that_is_in_it(at: datetime) -> None:
    day, month = retention._end(f"{at:%Y%m%d}"), retention._end(f"{at:%Y%m}")
    assert at < day <= at + timedelta(days=1)
    assert day <= month <= at + timedelta(days=31)
    assert month.day == 1


def test_a_partition_of_unknown_name_never_ends() -> None:
    assert retention._end("tuple()") == datetime.max.replace(tzinfo=UTC)
