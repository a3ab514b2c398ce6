"""One small watched server of each version at hand, for all of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integrations import databases
from tests.integrations.databases import Server

from nigrani.integrations.postgres import roles
from nigrani.lib.secret import Secret


@pytest.fixture(scope="session", params=databases.all_binaries(), ids=lambda path: f"pg-{path.parent.name}")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Yield a server with 8 connections, 2 of them for superusers and, where there are such, 2 for monitors."""
    binaries: Path = request.param
    settings = {
        "max_connections": "8",
        "superuser_reserved_connections": "2",
        "shared_preload_libraries": "pg_stat_statements",
        "autovacuum": "off",
        "wal_level": "logical",
    }
    if "/15/" not in str(binaries):
        settings["reserved_connections"] = "2"
    with databases.server(binaries, settings=settings) as found:
        found.run(
            """
            CREATE TABLE "User" (id text PRIMARY KEY, email text, "passwordHash" text, "isLocked" bool DEFAULT false);
            CREATE TABLE fees (id text PRIMARY KEY, amount int);
            INSERT INTO "User" VALUES ('u1', 'a@example.in', 'hash');
            """
        )
        yield found


@pytest.fixture
def monitor(server: Server) -> Iterator[Secret]:
    with server.connect() as connection:
        server.run(roles.monitor(connection.info.server_version, "erp", {}))
    server.run(f"ALTER ROLE {roles.MONITOR} PASSWORD '{databases.PASSWORD}'")
    server.run(f"CREATE ROLE app LOGIN PASSWORD '{databases.PASSWORD}'")
    yield server.dsn(roles.MONITOR)
    server.run(f"DROP OWNED BY {roles.MONITOR}, app; DROP ROLE {roles.MONITOR}, app")
