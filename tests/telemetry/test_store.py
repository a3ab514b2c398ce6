"""The client: values go in and come out as they are, limits hold, and each failure has its kind."""

from __future__ import annotations

import os
import signal
from datetime import timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.telemetry.rows import AT, names, only, probe

from nigrani.lib.errors import NigraniError, Refused, Unreachable, Unreadable
from nigrani.lib.home import Home
from nigrani.telemetry import migrate, server, store
from nigrani.telemetry.store import Address, Store

INDIA = timezone(timedelta(hours=5, minutes=30))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_is_bound_as_it_is(telemetry: str, value: str) -> None:
    assert store.query("SELECT {v:String} AS v", {"v": value}) == [{"v": value}]


def test_times_are_bound_in_any_zone_and_come_back_utc(telemetry: str) -> None:
    sql = "SELECT toDateTime64({t:DateTime64(3)}, 3, 'UTC') AS a, toDateTime({u:DateTime}, 'UTC') AS b"
    row = only(store.query(sql, {"t": AT.astimezone(INDIA), "u": AT.astimezone(INDIA)}))
    assert row == {"a": AT, "b": AT.replace(microsecond=0)}
    assert row["a"].utcoffset() == timedelta()


def test_numbers_lists_and_percent_signs_are_bound(telemetry: str) -> None:
    sql = "SELECT {n:UInt64} AS n, {f:Float64} AS f, {l:Array(String)} AS l, 'a%sb%%' AS p"
    given_ = {"n": 2**63, "f": 0.1, "l": ["x'y", "\t\\"]}
    assert store.query(sql, given_) == [{**given_, "p": "a%sb%%"}]
    assert store.query("SELECT 'a%sb' AS p") == [{"p": "a%sb"}]


def test_a_parameter_that_is_missing_or_has_no_zone_is_refused(telemetry: str) -> None:
    with pytest.raises(Refused, match=r"The SQL asks for {start:DateTime64\(3\)}, which is not given. Given: end"):
        store.query("SELECT {start:DateTime64(3)} AS a", {"end": AT})
    with pytest.raises(Refused, match="The time start has no zone"):
        store.query("SELECT {start:DateTime64(3)} AS a", {"start": AT.replace(tzinfo=None)})
    with pytest.raises(Refused, match=r"asks for {start} as DateTime64\(3\) and as DateTime\."):
        store.query("SELECT {start:DateTime64(3)} AS a, {start:DateTime} AS b", {"start": AT})


def test_the_same_token_stores_once_and_rows_without_token_collapse_by_id(telemetry: str) -> None:
    for _ in range(3):
        store.insert("probes", [probe("token")], token="t-1")
        store.insert("probes", [probe("id", id="same")])
    assert only(store.query("SELECT countIf(probe = 'token') AS t, countIf(probe = 'id') AS i FROM probes FINAL")) == {
        "t": 1,
        "i": 1,
    }


def test_facts_of_many_days_go_in_at_once(telemetry: str) -> None:
    store.insert("probes", [probe(f"{day:03d}", AT + timedelta(days=day)) for day in range(200)])
    assert len(names()) == 200


def test_guarded_sql_gets_rows_within_its_limits(telemetry: str) -> None:
    store.insert("probes", [probe("a"), probe("b")])
    sql = "SELECT probe, count() AS n FROM probes WHERE at >= {start:DateTime64(3)} GROUP BY probe ORDER BY probe"
    rows = store.guarded(sql, {"start": AT}, max_seconds=2, max_rows=2)
    assert rows == [{"probe": "a", "n": 1}, {"probe": "b", "n": 1}]
    with pytest.raises(Refused, match="Limit for result exceeded, max rows: 1"):
        store.guarded(sql, {"start": AT}, max_seconds=2, max_rows=1)


@pytest.mark.parametrize(
    ("sql", "error", "said"),
    [
        ("SELECT max(number) AS n FROM numbers(100000000000)", Unreachable, "Timeout exceeded"),
        ("SELECT length(groupArray(number)) AS n FROM numbers(100000000)", Unreachable, "memory limit exceeded"),
        ("SELECT nonsense AS n FROM probes", Refused, "nonsense"),
        ("SELECT 1 AS n; SELECT 2 AS n", NigraniError, "One SELECT is wanted"),
    ],
)
def test_a_guarded_query_over_its_limits_ends_and_the_store_lives(
    telemetry: str, sql: str, error: type[NigraniError], said: str
) -> None:
    with pytest.raises(error, match=said):
        store.guarded(sql, {}, max_seconds=0.5, max_rows=10)
    assert store.ping()


def test_a_row_or_a_batch_that_cannot_be_read_is_unreadable(telemetry: str) -> None:
    with pytest.raises(Unreadable, match="Row 0 does not fit the table probes"):
        store.insert("probes", [{"at": AT}])
    with pytest.raises(Unreadable, match="can't read the rows"):
        store.insert_lines("probes", b'{"at":"yesterday"}\n')
    with pytest.raises(Unreadable, match="colour"):
        store.insert_lines("probes", b'{"at":"2026-01-01T00:00:00Z","colour":"red"}\n')
    with pytest.raises(Unreachable, match="could not do it now"):
        store.insert_lines("not_made_yet", b'{"at":"2026-01-01T00:00:00Z"}\n')
    assert names() == []


def test_wrong_credentials_are_refused(telemetry: str) -> None:
    wrong = Address.parse(telemetry.replace("http://nigrani:", "http://nigrani:wrong"))
    with pytest.raises(Refused, match="The telemetry store refused us: Authentication failed") as caught:
        Store(lambda: wrong).ping()
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize("url", ["clickhouse://x:secret@host", "http://x:secret/1@host:8123/facts", "http://[secret"])
def test_an_address_that_is_none_is_told_without_its_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGRANI_CLICKHOUSE_URL", url)
    with pytest.raises(NigraniError, match="NIGRANI_CLICKHOUSE_URL is no ClickHouse address") as caught:
        store.ping()
    assert "secret" not in str(caught.value)


def test_addresses_are_read() -> None:
    address = Address.parse("https://us%40er:p%3Aw@db.example/facts")
    assert (address.host, address.port, address.database, address.user) == ("db.example", 8443, "facts", "us@er")
    assert address.password.reveal() == "p:w"
    assert address.is_tls
    assert Address.parse("http://localhost").port == 8123


def test_nobody_there_is_unreachable_and_says_what_to_do(home: Home) -> None:
    with pytest.raises(Unreachable, match=r"The telemetry process is not running\. Start it with: nigrani up"):
        Store.of(home).ping()
    (home.run / "telemetry.port").write_text("1")
    with pytest.raises(Unreachable, match="The telemetry store does not answer"):
        Store.of(home).ping()


@pytest.mark.slow("starts two engines of its own, one after the other")
def test_a_killed_engine_keeps_what_it_answered_and_is_found_again(home: Home) -> None:
    engine, own = server.start(home), Store.of(home)
    own.create_database()
    migrate.apply(own)
    own.insert("probes", [probe("before")])
    os.kill(engine.pid, signal.SIGKILL)
    engine.wait()
    with pytest.raises(Unreachable, match="does not answer") as caught:
        own.insert("probes", [probe("while away")])
    assert caught.value.uncertain
    engine = server.start(home)
    assert own.query("SELECT probe FROM probes") == [{"probe": "before"}]
    engine.terminate()
    assert engine.wait(10) == 0


def test_the_engine_runs_in_utc_whatever_the_machine(telemetry: str) -> None:
    now = only(store.query("SELECT timezone() AS zone, toString(toDateTime(0)) AS begin"))
    assert now == {"zone": "UTC", "begin": "1970-01-01 00:00:00"}
