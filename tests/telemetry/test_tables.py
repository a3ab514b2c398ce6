"""The tables in code are the tables in the store, and rows arrive as they were given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.telemetry.rows import only

from nigrani.lib.errors import Conflict
from nigrani.telemetry import migrate, store, tables

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values: dict[str, st.SearchStrategy[Any]] = {
    "DateTime64(3, 'UTC')": st.integers(946_684_800_000, 4_102_444_799_999).map(
        lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    ),
    "DateTime('UTC')": st.integers(946_684_800, 4_102_444_799).map(lambda s: datetime.fromtimestamp(s, UTC)),
    "String": text,
    "LowCardinality(String)": text,
    "Map(LowCardinality(String), String)": st.dictionaries(text, text, max_size=3),
    "UInt8": st.integers(0, 255),
    "UInt16": st.integers(0, 65535),
    "UInt64": st.integers(0, 2**63 - 1),
    "Float64": st.floats(-1.7e308, 1.7e308),
    "Nullable(Float64)": st.none() | st.floats(-1.7e308, 1.7e308),
    "Nullable(UInt8)": st.none() | st.integers(0, 255),
}


def test_the_store_has_the_tables_the_code_knows(telemetry: str) -> None:
    found = store.query("SELECT table, name, type FROM system.columns WHERE database = currentDatabase()")
    in_store = {(row["table"], row["name"], row["type"]) for row in found if row["table"] != "migrations"}
    assert in_store == {(t.name, name, kind) for t in tables.TABLES.values() for name, kind in t.columns.items()}


def test_every_table_deduplicates_and_none_forgets_by_itself(telemetry: str) -> None:
    for table in tables.TABLES:
        made = only(store.query("SELECT engine_full AS made FROM system.tables WHERE name = {t:String}", {"t": table}))
        assert "ReplacingMergeTree" in made["made"]
        assert "non_replicated_deduplication_window = 10000" in made["made"]
        assert "TTL" not in made["made"]


def test_migrations_are_applied_once_and_never_changed(telemetry: str, tmp_path: Any, monkeypatch: Any) -> None:
    assert migrate.run() == []
    (tmp_path / "0001_facts.sql").write_text("SELECT 1;\n")
    monkeypatch.setattr(migrate, "FOLDER", tmp_path)
    with pytest.raises(
        Conflict, match=r"The migration 0001_facts.sql was changed after it was applied. Add a new file"
    ):
        migrate.run()


def test_a_migration_is_split_at_semicolons_that_end_a_line() -> None:
    assert migrate.statements("-- a; b\nSELECT ';';\nSELECT 2 ;  \n\n") == ["-- a; b\nSELECT ';'", "SELECT 2"]


@pytest.mark.parametrize("table", tables.TABLES.values(), ids=lambda table: table.name)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_row_arrives_as_it_was_given(telemetry: str, table: tables.Table, data: st.DataObject) -> None:
    row = {name: data.draw(values[kind]) for name, kind in table.columns.items()}
    store.command(f"TRUNCATE TABLE {table.name}")
    store.insert(table.name, [row])
    stored = only(store.query(f"SELECT * FROM {table.name}"))
    assert stored == {name: pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
                      for name, value in row.items()}  # fmt: skip
