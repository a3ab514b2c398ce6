"""What a role may really do, read from the server's own catalogue, so that a monitor that may do more is seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from nigrani.lib import postgres
from nigrani.lib.secret import Secret

_LISTED = 20  # names of tables kept; more than these change no verdict

_SQL = """
WITH relation AS (
    SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, c.relowner
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
       AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
), granted AS (
    SELECT r.rolname FROM pg_catalog.pg_roles r
     WHERE r.rolname LIKE 'pg\\_%' AND pg_has_role(r.oid, 'USAGE')
)
SELECT current_user::text AS role, current_database()::text AS database,
       r.rolsuper AS is_superuser, r.rolbypassrls AS bypasses_row_security, r.rolreplication AS may_replicate,
       r.rolcreaterole AS may_create_roles, r.rolcreatedb AS may_create_databases, r.rolconnlimit AS connection_limit,
       coalesce((SELECT array_agg(rolname::text ORDER BY rolname) FROM granted), '{}') AS granted,
       coalesce((SELECT array_agg(name ORDER BY name) FROM relation
                  WHERE pg_has_role(relowner, 'USAGE')), '{}') AS owns,
       coalesce((SELECT array_agg(name ORDER BY name) FROM relation
                  WHERE has_table_privilege(oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
                     OR has_any_column_privilege(oid, 'INSERT, UPDATE')), '{}') AS writes,
       coalesce((SELECT array_agg(name ORDER BY name) FROM relation
                  WHERE has_any_column_privilege(oid, 'SELECT')), '{}') AS reads,
       coalesce((SELECT array_agg(nspname::text ORDER BY nspname) FROM pg_catalog.pg_namespace
                  WHERE nspname NOT LIKE 'pg\\_%' AND has_schema_privilege(oid, 'CREATE')), '{}') AS creates_in
  FROM pg_catalog.pg_roles r WHERE r.rolname = current_user
"""


@dataclass(frozen=True)
class Findings:
    """What a role may do. owns, writes, reads: qualified names of tables and views, at most twenty of each.

    creates_in: schemas it may create things in. granted: the predefined roles (pg_…) whose rights it has.
    connection_limit: -1 for none.
    """

    role: str
    database: str
    server_version: int
    is_superuser: bool
    bypasses_row_security: bool
    may_replicate: bool
    may_create_roles: bool
    may_create_databases: bool
    connection_limit: int
    granted: tuple[str, ...]
    owns: tuple[str, ...]
    writes: tuple[str, ...]
    reads: tuple[str, ...]
    creates_in: tuple[str, ...]

    @property
    def sees_all(self) -> bool:
        """Whether it sees what other roles' connections do."""
        return self.is_superuser or "pg_monitor" in self.granted

    @property
    def uses_reserved(self) -> bool:
        """Whether it still gets in when ordinary roles are locked out (16 and later)."""
        return self.is_superuser or "pg_use_reserved_connections" in self.granted

    def too_much(self) -> list[str]:
        """Say what a monitor should not be able to do: a reason each to choose another role."""
        found = []
        if self.is_superuser:
            return [f"{self.role} is a superuser and may do anything."]
        for holds, what in (
            (self.may_create_roles, "may create roles"),
            (self.may_create_databases, "may create databases"),
            (self.may_replicate, "may copy the whole server by replication"),
            (self.bypasses_row_security, "passes by row security"),
            (bool(_DANGEROUS & set(self.granted)), f"has {', '.join(sorted(_DANGEROUS & set(self.granted)))}"),
            (bool(self.owns), f"owns tables, among them {', '.join(self.owns[:3])}"),
            (bool(self.writes) and not self.owns, f"may change rows, among others in {', '.join(self.writes[:3])}"),
            (bool(self.creates_in) and not self.owns, f"may create tables in {', '.join(self.creates_in)}"),
        ):
            if holds:
                found.append(f"{self.role} {what}.")
        return found

    def too_little(self) -> list[str]:
        """Say what a monitor can't see, and what to run to mend it."""
        found = []
        if not self.sees_all:
            found.append(
                f"{self.role} can't see other roles' connections and queries. Run: GRANT pg_monitor TO {self.role}"
            )
        if not self.uses_reserved and self.server_version >= 160000:
            found.append(
                f"{self.role} is locked out together with everyone else when connections run out. "
                f"Run: GRANT pg_use_reserved_connections TO {self.role}, and set reserved_connections to 2 or more."
            )
        return found


_DANGEROUS = {
    "pg_write_all_data",
    "pg_execute_server_program",
    "pg_read_server_files",
    "pg_write_server_files",
    "pg_signal_backend",
    "pg_create_subscription",
}


def privileges(dsn: Secret, *, deadline: timedelta = timedelta(seconds=10)) -> Findings:
    """Return what the address's role may do in its database. Raises SourceError, as `lib.postgres.run` does."""
    found = postgres.run(dsn, _SQL, deadline=deadline, max_rows=1)
    row: dict[str, Any] = next(iter(found))
    row |= {name: tuple(row[name][:_LISTED]) for name in ("granted", "owns", "writes", "reads", "creates_in")}
    return Findings(server_version=found.server_version, **row)
