"""Read a guide's PostgreSQL SELECT before it runs: is it one, and which columns does it return.

This is for clear messages. What holds the statement is the server: a role that may only read, a read-only
transaction, one statement by the extended protocol, a deadline and a limit of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp

from nigrani.lib.errors import NigraniError
from nigrani.lib.sql import parse_one


@dataclass(frozen=True)
class Selected:
    """What a SELECT returns and reads: its columns in their order, the names of its tables as they are written."""

    columns: tuple[str, ...]
    tables: tuple[str, ...]


@lru_cache(maxsize=256)
def inspect(sql: str) -> Selected:
    """Return what a feed's SQL returns. Raises NigraniError for what is no plain SELECT of named columns."""
    query = parse_one(sql, dialect="postgres")
    if not isinstance(query, exp.Select | exp.SetOperation):
        raise NigraniError("Only SELECT is allowed in a feed's SQL.", f"This is {query.key.upper()}.")
    for node in query.find_all(exp.Command, exp.DDL, exp.DML, exp.Into, exp.Lock):
        if not isinstance(node, exp.Query):
            raise NigraniError(f"Only reading is allowed in a feed's SQL; this has {node.key.upper()}.")
    for key, what in (("order", "ORDER BY"), ("limit", "LIMIT"), ("offset", "OFFSET")):
        if query.args.get(key) is not None:
            raise NigraniError(f"A feed's SQL has no {what}.", "Nigrani adds order, range and limit itself.")
    if list(query.find_all(exp.Placeholder, exp.Parameter)):
        raise NigraniError("A feed's SQL has no parameters.", "Nigrani adds the range itself.")
    if query.is_star:
        raise NigraniError("A feed's SQL names its columns.", "Write them out instead of *.")
    columns = tuple(each.alias or (each.name if isinstance(each, exp.Column) else "") for each in query.selects)
    if "" in columns or not columns:
        raise NigraniError("Every output column needs a name.", "Write: changes->>'reason' AS reason")
    if double := sorted({name for name in columns if columns.count(name) > 1}):
        raise NigraniError(f"The output column {double[0]} is given twice.")
    defined = {cte.alias for cte in query.find_all(exp.CTE)}
    tables = {table.name for table in query.find_all(exp.Table) if table.name not in defined}
    return Selected(columns, tuple(sorted(tables)))
