"""What a database calls its tables and columns, read from its own catalogue: no right on a table is needed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from nigrani.lib import postgres
from nigrani.lib.errors import Unreadable
from nigrani.lib.secret import Secret

_TABLES_MAX = 5000
_SQL = """
SELECT n.nspname::text AS schema, c.relname::text AS name,
       array_agg(a.attname::text ORDER BY a.attnum) AS columns
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
   AND has_schema_privilege(n.oid, 'USAGE')
 GROUP BY n.nspname, c.relname
 ORDER BY n.nspname, c.relname
"""

Catalog = Mapping[tuple[str, str], tuple[str, ...]]  # (schema, table) -> its columns, in order


def catalog(dsn: Secret, *, timeout: timedelta) -> Catalog:
    """Return every table and view in the schemas that our role may use. Raises SourceError."""
    found = postgres.run(dsn, _SQL, deadline=timeout, max_rows=_TABLES_MAX)
    if not found.is_complete:
        raise Unreadable(f"The database has more than {_TABLES_MAX} tables.", "Name a schema of its own to our role.")
    return {(row["schema"], row["name"]): tuple(row["columns"]) for row in found}
