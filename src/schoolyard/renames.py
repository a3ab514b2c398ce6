"""Another school's names: tables and columns are called differently, and the ERP itself never notices.

The ERP reads the names it knows as views in a schema of its own that only it looks into first; everybody else sees the
tables under their new names.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from psycopg import sql

SCHEMA = "erp_names"
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)(?:\.([A-Za-z_]+))?\}")


@dataclass(frozen=True)
class Renames:
    """old name -> new name; a column is written `table.column`, with its table's old name."""

    names: Mapping[str, str] = field(default_factory=dict)

    def fill(self, statement: str) -> str:
        """Put this yard's names, quoted, where a statement has `{table}` and `{table.column}`."""

        def name(found: re.Match[str]) -> str:
            table, column = found[1], found[2]
            if column:
                return _quoted(self.names.get(f"{table}.{column}", column))
            return f"public.{_quoted(self.names.get(table, table))}"

        return _PLACEHOLDER.sub(name, statement)

    def statements(self, owner: str, database: str) -> Iterator[sql.Composed]:
        """Yield what makes it so, for the superuser. Views first: they follow their tables' new names by themselves."""
        tables = sorted({name.partition(".")[0] for name in self.names})
        if not tables:
            return
        who, schema = sql.Identifier(owner), sql.Identifier(SCHEMA)
        yield sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(schema, who)
        for table in tables:
            view = sql.Identifier(SCHEMA, table)
            yield sql.SQL("CREATE VIEW {} AS SELECT * FROM {}").format(view, sql.Identifier("public", table))
            yield sql.SQL("ALTER VIEW {} OWNER TO {}").format(view, who)
        for old, new in self.names.items():
            table, _, column = old.partition(".")
            if column:
                yield sql.SQL("ALTER TABLE {} RENAME COLUMN {} TO {}").format(
                    sql.Identifier("public", table), sql.Identifier(column), sql.Identifier(new)
                )
        for old, new in self.names.items():
            if "." not in old:
                yield sql.SQL("ALTER TABLE {} RENAME TO {}").format(sql.Identifier("public", old), sql.Identifier(new))
        yield sql.SQL("ALTER ROLE {} IN DATABASE {} SET search_path TO {}, public").format(
            who, sql.Identifier(database), schema
        )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
