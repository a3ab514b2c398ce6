"""Read the guide's SQL before it runs: one SELECT over our tables, and which of them it needs.

This is for clear messages and for knowing the tables. It is not a boundary: SQL can always be written that a parser
of ours reads differently from the engine. The boundary is what `store.guarded` sets on the querying connection
(readonly=1, time, rows, memory), and that the embedded server serves no files (statement.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp

from nigrani.lib.errors import NigraniError
from nigrani.lib.sql import parse_one

from .tables import TABLES

_TABLE_FUNCTIONS = frozenset({"numbers", "zeros", "values", "generateseries", "generate_series", "format"})
_NEVER = frozenset({"file", "python", "joinget", "catboostevaluate", "getserversetting", "sleep", "sleepeachrow"})


@dataclass(frozen=True)
class Inspected:
    """What a query reads and gives: tables in alphabetical order, output columns in their own."""

    tables: tuple[str, ...]
    columns: tuple[str, ...]


@lru_cache(maxsize=512)  # a guide's measures run every few seconds, and parsing one costs more than a small query
def inspect(sql: str) -> Inspected:
    """Return the tables and output columns of the guide's SQL.

    Raises NigraniError, saying what is not allowed, for anything but one SELECT over the known tables.
    """
    query = _parse(sql)
    if isinstance(query, exp.Subquery):
        query = query.unnest()
    if not isinstance(query, exp.Query):
        raise NigraniError("Only SELECT is allowed in a guide's SQL.", f"This is {query.key.upper()}.")
    _refuse_clauses(query)
    _refuse_functions(query)
    if query.is_star:
        raise NigraniError("A guide's SQL names its columns.", "Write them out instead of *.")
    columns = tuple(each.alias or (each.name if isinstance(each, exp.Column) else "") for each in query.selects)
    if "" in columns or not columns:
        raise NigraniError("Every output column needs a name.", "Write: count() AS n")
    if double := {name for name in columns if columns.count(name) > 1}:
        raise NigraniError(f"The output column {min(double)} is given twice.")
    return Inspected(tables=tuple(sorted(_tables(query))), columns=columns)


def _parse(sql: str) -> exp.Expression:
    try:
        return parse_one(sql, dialect="clickhouse")
    except NigraniError:
        first = re.match(r"\s*([A-Za-z]+)", sql)
        if first and first[1].upper() not in ("SELECT", "WITH"):
            raise NigraniError("Only SELECT is allowed in a guide's SQL.", f"This is {first[1].upper()}.") from None
        raise


def _refuse_clauses(query: exp.Query) -> None:
    for select in query.find_all(exp.Query):
        if select.args.get("settings"):
            raise NigraniError("SETTINGS is not allowed in a guide's SQL.", "Limits are set by Nigrani.")
        if select.args.get("format") or select.args.get("into"):
            raise NigraniError("FORMAT and INTO OUTFILE are not allowed in a guide's SQL.")
    for node in query.find_all(exp.Command, exp.DDL, exp.DML, exp.Set):
        if not isinstance(node, exp.Query):
            raise NigraniError(f"Only SELECT is allowed in a guide's SQL; this has {node.key.upper()}.")


def _refuse_functions(query: exp.Query) -> None:
    for node in query.find_all(exp.Func):
        name = (node.name if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc) else node.sql_name()).lower()
        if name in _NEVER or name.startswith(("dictget", "ai")):
            raise NigraniError(f"The function {name} is not allowed in a guide's SQL.")


def _tables(query: exp.Query) -> set[str]:
    """Return the known tables. Names of WITH queries count as tables only where nothing of that name is defined."""
    defined = {cte.alias for cte in query.find_all(exp.CTE)}
    found: set[str] = set()
    for membership in query.find_all(exp.In):
        field = membership.args.get("field")  # x IN name: a table, or a column that holds an array
        if field is not None and field.name in TABLES:
            found.add(field.name)
        elif isinstance(field, exp.Table) or (isinstance(field, exp.Column) and field.table):
            raise NigraniError(f"IN {field.name} reads a table.", "Write IN and a SELECT in brackets.")
    for table in query.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            name = table.this.name if isinstance(table.this, exp.Anonymous) else table.this.sql_name()
            if name.lower() not in _TABLE_FUNCTIONS:
                raise NigraniError(f"The table function {name} is not allowed in a guide's SQL.")
        elif table.db or table.catalog:
            raise NigraniError(f"A guide's SQL reads its own tables only, not {table.sql(dialect='clickhouse')}.")
        elif table.name in TABLES:
            found.add(table.name)
        elif table.name not in defined:
            raise NigraniError(f"There is no table {table.name}.", f"Tables: {', '.join(TABLES)}.")
    return found
