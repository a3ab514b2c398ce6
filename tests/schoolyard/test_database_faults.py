"""The database taken away in five ways, seen through HTTP and through an operator's own connection."""

import time
from typing import Any

import httpx
import psycopg
import pytest
from tests.eventually import eventually
from tests.schoolyard.client import Yard


def connect(yard: Yard, dsn: str | None = None, **options: Any) -> None:
    with psycopg.connect(dsn or yard.document["database"]["dsn"], connect_timeout=5, **options) as connection:
        connection.execute("SELECT 1")


def test_the_tables_are_the_erps(yard: Yard) -> None:
    columns = yard.rows(
        "SELECT column_name, data_type, column_default FROM information_schema.columns WHERE table_name = 'User'"
    )
    found = {column["column_name"]: column for column in columns}
    assert found["isActive"]["column_default"] == "true"
    assert found["updatedAt"]["column_default"] is None
    assert found["createdAt"]["data_type"] == "timestamp without time zone"
    [unique] = yard.rows(
        "SELECT count(*) AS n FROM pg_indexes WHERE tablename = 'FeePayment' AND "
        "indexdef LIKE '%%UNIQUE%%transactionId%%'"
    )
    assert unique["n"] == 0, "the ERP's flaw is kept"
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        yard.rows("SELECT 1 FROM audit_logs WHERE action = 'LOGIN_FAILED'")


def test_the_seed_fills_every_school(yard: Yard) -> None:
    pupils = yard.rows('SELECT count(*) AS n FROM "Student" GROUP BY "schoolId"')
    assert [row["n"] for row in pupils] == [20, 20, 20]
    assert yard.rows("SELECT count(*) AS n FROM pg_stat_statements")[0]["n"] > 0


@pytest.mark.parametrize("how", ["stop", "crash"])
def test_database_down(yard: Yard, how: str) -> None:
    yard.fault("database_down", how=how)
    assert yard.get("/login").status_code == 200, "the login page reads no database"
    assert yard.get("/").headers["location"] == "/setup"
    assert yard.validate().status_code == 500
    assert "P1001" in yard.log()
    yard.fault("health_route")
    assert yard.get("/api/health").status_code == 503
    with pytest.raises(psycopg.OperationalError, match="refused"):
        connect(yard)
    account = yard.document["accounts"]["ADMIN"]
    answer, _ = yard.log_in(account["email"], account["password"])
    assert answer.headers["location"].endswith("/login?error=Configuration")
    yard.reset()
    eventually(lambda: yard.validate().status_code == 200)
    connect(yard)


def test_database_slow_is_felt_by_every_round_trip(yard: Yard) -> None:
    yard.fault("database_slow", ms=150)
    began = time.monotonic()
    assert yard.validate().status_code == 200
    assert time.monotonic() - began > 0.15


def test_slow_queries_show_in_pg_stat_statements(yard: Yard) -> None:
    yard.fault("slow_queries", ms=60)
    assert yard.validate().status_code == 200
    assert yard.rows("SELECT 1 FROM pg_stat_statements WHERE query LIKE '%%pg_sleep%%' AND max_exec_time > 55")


def test_a_hanging_database_accepts_and_says_nothing(yard: Yard) -> None:
    yard.fault("database_hang")
    with pytest.raises(psycopg.OperationalError, match="timeout"):
        psycopg.connect(yard.document["database"]["dsn"], connect_timeout=2)
    with pytest.raises(httpx.ReadTimeout):
        yard.post("/api/schools/validate", json={"schoolCode": "X"}, timeout=0.3)
    refused = yard.http.post(f"{yard.control}/faults/monitor_revoked", json={"on": True})
    assert refused.status_code == 409
    assert "monitor_revoked" not in yard.state()["faults"]
    yard.reset()
    eventually(lambda: yard.validate().status_code == 200)


def test_an_exhausted_pool_is_p2024_for_the_erp_and_too_many_for_others(yard: Yard) -> None:
    yard.fault("pool_exhausted")
    eventually(lambda: yard.validate().status_code == 500)
    assert "code: 'P2024'" in yard.log()
    assert "Timed out fetching a new connection from the connection pool" in yard.log()
    with pytest.raises(psycopg.OperationalError, match=r"remaining connection slots|too many clients"):
        connect(yard)
    yard.reset()
    eventually(lambda: yard.validate().status_code == 200)
    connect(yard)


def test_a_revoked_monitor_is_refused_and_comes_back(yard: Yard) -> None:
    yard.change("DROP ROLE IF EXISTS monitor")
    yard.change("CREATE ROLE monitor LOGIN PASSWORD 'm'")
    yard.change("GRANT pg_monitor TO monitor")
    dsn = psycopg.conninfo.make_conninfo(yard.document["database"]["dsn"], user="monitor", password="m")
    with psycopg.connect(dsn) as held:
        yard.fault("monitor_revoked")
        with pytest.raises(psycopg.OperationalError):
            held.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
            connect(yard, dsn)
        assert yard.validate().status_code == 200, "the owner stays"
    yard.reset()
    connect(yard, dsn)


def test_a_cut_network_takes_all_that_is_outside(yard: Yard) -> None:
    yard.fault("network_cut")
    for url in (yard.url, yard.document["elsewhere"]["url"]):
        with pytest.raises(httpx.ConnectError):
            yard.http.get(url)
    with pytest.raises(psycopg.OperationalError, match="refused"):
        connect(yard)
    yard.reset()
    eventually(lambda: yard.validate().status_code == 200)
    connect(yard)
