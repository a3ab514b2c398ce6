"""The roles we ask for really do what they must on a real server, and really can't do more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from tests.integrations import databases
from tests.integrations.databases import Server

from nigrani.integrations.postgres import roles
from nigrani.integrations.postgres.privileges import privileges

READS = {"User": ("id", "email")}


@pytest.fixture
def version(server: Server) -> int:
    with server.connect() as connection:
        return connection.info.server_version


@pytest.fixture
def made(server: Server, version: int) -> Iterator[Server]:
    for text in (
        roles.monitor(version, "erp", READS),
        roles.backup(version, "erp", {"User": ()}),
        roles.act(version, "erp", {"User": ("isLocked",)}, finds_by={"User": ("id",)}),
    ):
        server.run(text)
        server.run(text)  # twice changes nothing
    for role in (roles.MONITOR, roles.BACKUP, roles.ACT):
        server.run(f"ALTER ROLE {role} PASSWORD '{databases.PASSWORD}'")
    yield server
    for role in (roles.MONITOR, roles.BACKUP, roles.ACT):
        server.run(f"DROP OWNED BY {role}; DROP ROLE {role}")


def as_role(server: Server, role: str, sql: str) -> Any:
    with server.connect(role) as connection:
        connection.execute("SET default_transaction_read_only = off")  # a role may lift its own setting: rights count
        done = connection.execute(sql.encode())
        return done.fetchall() if done.description else done.rowcount


def denied(server: Server, role: str, sql: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role(server, role, sql)


def test_the_monitor_sees_the_named_columns_and_no_more(made: Server) -> None:
    assert as_role(made, roles.MONITOR, 'SELECT id, email FROM "User"') == [("u1", "a@example.in")]
    for sql in (
        'SELECT "passwordHash" FROM "User"',
        'SELECT * FROM "User"',
        "SELECT amount FROM fees",
        'UPDATE "User" SET email = email',
        "DELETE FROM fees",
        "CREATE TABLE mine (id int)",
        "CREATE ROLE mine",
        "ALTER ROLE nigrani_monitor SUPERUSER",
        "SELECT pg_read_file('PG_VERSION')",
        "COPY fees TO PROGRAM 'true'",
        "SELECT pg_reload_conf()",
    ):
        denied(made, roles.MONITOR, sql)


def test_the_monitor_has_its_limits_set(made: Server) -> None:
    with made.connect(roles.MONITOR) as connection:
        for name, value in (
            ("statement_timeout", "5s"),
            ("lock_timeout", "1s"),
            ("default_transaction_read_only", "on"),
        ):
            assert connection.execute(f"SHOW {name}".encode()).fetchone() == (value,)
        held = [made.connect(roles.MONITOR) for _ in range(4)]
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            made.connect(roles.MONITOR)
        for each in held:
            each.close()


def test_the_backup_reads_everything_and_writes_nothing(made: Server) -> None:
    assert as_role(made, roles.BACKUP, 'SELECT "passwordHash" FROM "User"') == [("hash",)]
    assert as_role(made, roles.BACKUP, "SELECT * FROM fees") == []
    denied(made, roles.BACKUP, 'UPDATE "User" SET email = email')
    denied(made, roles.BACKUP, "CREATE TABLE mine (id int)")


def test_the_actor_changes_the_named_column_and_no_other(made: Server) -> None:
    assert as_role(made, roles.ACT, """UPDATE "User" SET "isLocked" = true WHERE id = 'u1'""") == 1
    for sql in (
        """UPDATE "User" SET email = 'x' WHERE id = 'u1'""",
        """DELETE FROM "User" WHERE id = 'u1'""",
        """INSERT INTO "User" (id) VALUES ('u2')""",
        'SELECT "passwordHash" FROM "User"',
    ):
        denied(made, roles.ACT, sql)


def test_findings_say_what_a_role_may_do(made: Server, version: int) -> None:
    monitor = privileges(made.dsn(roles.MONITOR))
    assert (monitor.role, monitor.database, monitor.server_version) == (roles.MONITOR, "erp", version)
    assert (monitor.sees_all, monitor.connection_limit, monitor.reads) == (True, 5, ('public."User"',))
    assert monitor.uses_reserved == (version >= 160000)
    assert (monitor.too_much(), monitor.too_little()) == ([], [])

    owner = privileges(made.dsn())
    assert owner.too_much() == ["owner is a superuser and may do anything."]

    actor = privileges(made.dsn(roles.ACT))
    assert actor.too_much() == ['nigrani_act may change rows, among others in public."User".']
    assert len(actor.too_little()) == (2 if version >= 160000 else 1)


def test_the_owner_of_the_tables_is_found_out(server: Server) -> None:
    server.run(
        f"""
        CREATE ROLE owning LOGIN CREATEDB PASSWORD '{databases.PASSWORD}';
        GRANT CREATE ON SCHEMA public TO owning; CREATE TABLE owned (id int); ALTER TABLE owned OWNER TO owning
        """
    )
    try:
        assert privileges(server.dsn("owning")).too_much() == [
            "owning may create databases.",
            "owning owns tables, among them public.owned.",
        ]
    finally:
        server.run("DROP OWNED BY owning; DROP ROLE owning")


def test_names_are_quoted() -> None:
    text = roles.monitor(180000, 'er"p', {'sch ema.ta"ble': ('co"l',)})
    assert 'GRANT CONNECT ON DATABASE "er""p" TO nigrani_monitor;' in text
    assert 'GRANT SELECT ("co""l") ON TABLE "sch ema"."ta""ble" TO nigrani_monitor;' in text
    with pytest.raises(ValueError, match="can't be a name in PostgreSQL"):
        roles.monitor(180000, "", {})


def test_an_old_server_is_not_given_roles_it_does_not_know() -> None:
    assert "pg_use_reserved_connections" not in roles.monitor(150000, "erp", {})
    assert "pg_read_all_data" not in roles.backup(130000, "erp", {"audit.log": ()})
    assert 'GRANT SELECT ON ALL TABLES IN SCHEMA "audit" TO nigrani_backup;' in roles.backup(
        130000, "erp", {"audit.log": ()}
    )
