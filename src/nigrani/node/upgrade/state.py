"""The state database: what it has seen, how it is saved, brought forward, and put back."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import IO, Any

import psycopg
from django.apps import apps
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from nigrani.lib.errors import NigraniError

from . import clients
from .clients import Clients

Tell = Callable[[str, int, int], None]
"""What is done now, how much of it, of how much."""

LOCK = 0x6E696772  # "nigr": the advisory lock under which one process at a time changes the schema
_PREAMBLE_LINES = 30
_WORDS_TO_ALTER = ("ALTER", "DROP", "CREATE", "TRUNCATE")

# Everything of ours in the database, so that a restore begins with nothing; what an extension brought stays.
_EMPTY = """
DO $$ DECLARE each record; BEGIN
  FOR each IN SELECT c.oid::regclass AS name, CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
      WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END AS kind
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('e', 'i', 'a'))
  LOOP EXECUTE format('DROP %s IF EXISTS %s CASCADE', each.kind, each.name); END LOOP;
  FOR each IN SELECT p.oid::regprocedure AS name FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
  LOOP EXECUTE format('DROP ROUTINE IF EXISTS %s CASCADE', each.name); END LOOP;
END $$;
"""


@dataclass(frozen=True)
class Look:
    """What the database has seen, what it lacks, and what this version has never heard of: `app.name`, in order."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    unknown: tuple[str, ...]
    tables: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever made in it."""
        return not self.tables


def look() -> Look:
    """Compare the database with this version. Changes nothing."""
    executor = MigrationExecutor(connection)
    seen = MigrationRecorder(connection).applied_migrations()
    ours = {config.label for config in apps.get_app_configs()}
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")
        tables = int(cursor.fetchone()[0])
    unknown = sorted(
        f"{app}.{name}" for app, name in seen if app in ours and (app, name) not in executor.loader.graph.nodes
    )
    return Look(
        applied=tuple(sorted(f"{app}.{name}" for app, name in seen)),
        pending=tuple(f"{each.app_label}.{each.name}" for each, _ in plan),
        unknown=tuple(unknown),
        tables=tables,
    )


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Be the only one that changes the schema, on any machine. The lock's session is its own: ours may be renewed."""
    address, environ = clients.address()
    with psycopg.connect(
        address, password=environ["PGPASSWORD"], autocommit=True, application_name="nigrani-upgrade"
    ) as session:
        session.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        yield


def others() -> list[str]:
    """Return who else of Nigrani uses the database now, by address and pid."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(host(client_addr), 'this machine'), pid FROM pg_stat_activity WHERE datname ="
            " current_database() AND application_name = 'nigrani' AND pid <> pg_backend_pid() ORDER BY 1, 2"
        )
        return [f"{where} (session {pid})" for where, pid in cursor.fetchall()]


def size_bytes() -> int:
    """Return how much the database takes on its server's disk: more than a dump of it does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def counts() -> dict[str, int]:
    """Return how many rows each table has."""
    with connection.cursor() as cursor:
        names = sorted(connection.introspection.table_names(cursor))
        found = {}
        for name in names:
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(name)}")  # noqa: S608 - quoted
            found[name] = int(cursor.fetchone()[0])
        return found


def migrate(pending: tuple[str, ...], tell: Tell) -> None:
    """Bring the database forward, one migration a transaction. Raises what a migration raises."""
    begun = count()

    def follow(action: str, migration: Migration | None = None, fake: bool | None = None) -> None:
        if action == "apply_start" and migration is not None:
            tell(f"Migrating {migration.app_label}.{migration.name}", next(begun), len(pending))

    executor = MigrationExecutor(connection, follow)
    with connection.execute_wrapper(_settled):
        executor.migrate(executor.loader.graph.leaf_nodes())
    emit_post_migrate_signal(verbosity=0, interactive=False, db=connection.alias)


def _settled(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    """Check what is deferred before a table is altered: a migration that changed rows has foreign keys yet to check,
    and PostgreSQL refuses to alter a table with such."""
    if connection.in_atomic_block and str(sql).lstrip().upper().startswith(_WORDS_TO_ALTER):
        execute("SET CONSTRAINTS ALL IMMEDIATE", None, False, context)
        execute("SET CONSTRAINTS ALL DEFERRED", None, False, context)
    return execute(sql, params, many, context)


def save(programs: Clients, path: Path, tables: int, tell: Tell) -> None:
    """Write a dump, 0600 and on disk when this returns. Raises NigraniError in pg_dump's words."""
    command = programs.command("pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--verbose")
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        _watch(command, programs, out=out, tell=tell, what="Saving the state", word="dumping contents", total=tables)
        out.flush()
        os.fsync(out.fileno())


def restore(programs: Clients, path: Path, tables: int, tell: Tell) -> None:
    """Put a dump back, in one transaction: it is all back, or all as it was. Raises NigraniError in psql's words."""
    kept = path.with_name("restore.list")
    listed = subprocess.run(
        [str(programs.folder / "pg_restore"), "--list", str(path)], capture_output=True, text=True, check=False
    )
    if listed.returncode:
        raise NigraniError(f"The saved state {path} can't be read: {listed.stderr.strip()[-400:]}")
    # The schema itself stays; what its dump says of it would be made twice.
    kept.write_text("".join(f"{line}\n" for line in listed.stdout.splitlines() if " SCHEMA - public " not in line))
    script = path.with_name("restore.sql")
    try:
        with os.fdopen(os.open(script, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(_EMPTY.encode())
            out.flush()
            _write_script(programs, path, kept, out)
        command = programs.command(
            "psql", "--no-psqlrc", "--single-transaction", "--set=ON_ERROR_STOP=1", "--file", str(script)
        )
        connection.close()
        with open(os.devnull, "wb") as nowhere:
            _watch(command, programs, out=nowhere, tell=tell, what="Going back", word="COPY", total=tables)
    finally:
        script.unlink(missing_ok=True)
        kept.unlink(missing_ok=True)


def _write_script(programs: Clients, path: Path, kept: Path, out: IO[bytes]) -> None:
    """Write the dump as SQL. A server older than the programs does not know each setting that they begin with."""
    words = ("--no-owner", "--no-privileges", "-L", str(kept), "-f", "-", str(path))
    with subprocess.Popen(
        [str(programs.folder / "pg_restore"), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as reading:
        assert reading.stdout is not None
        assert reading.stderr is not None
        for line in islice(reading.stdout, _PREAMBLE_LINES):
            if not line.startswith(b"SET transaction_timeout"):
                out.write(line)
        shutil.copyfileobj(reading.stdout, out)
        said = reading.stderr.read().decode(errors="replace").strip()
    if reading.returncode:
        raise NigraniError(f"The saved state {path} can't be read: {said[-400:]}")


def _watch(command: list[str], programs: Clients, *, out: Any, tell: Tell, what: str, word: str, total: int) -> None:
    """Run a program to its end; each of its lines that holds `word` is a step forward."""
    said: list[str] = []
    done = 0
    is_dump = command[0].endswith("pg_dump")
    with subprocess.Popen(
        command, env=dict(programs.environ), stdin=subprocess.DEVNULL,
        stdout=out if is_dump else subprocess.PIPE, stderr=subprocess.PIPE if is_dump else subprocess.STDOUT,
    ) as running:  # fmt: skip
        lines = running.stderr if is_dump else running.stdout
        assert lines is not None
        for raw in lines:
            line = raw.decode(errors="replace").strip()
            if word in line:
                done += 1
                tell(what, min(done, total), total)
            said = [*said[-30:], line]
    if running.returncode:
        wrong = [line for line in said if "rror" in line or "FATAL" in line] or said
        raise NigraniError(f"{what} failed: {' '.join(wrong)[-600:]}")
