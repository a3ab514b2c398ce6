"""Read SQL that others wrote, for clear messages before it runs. What holds a statement is its server, never this."""

from __future__ import annotations

import logging

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from .errors import NigraniError

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of statements that we refuse anyway


def parse_one(sql: str, *, dialect: str) -> exp.Expression:
    """Return the one statement that a text holds. Raises NigraniError with the place, or with how many there are."""
    try:
        statements = [each for each in sqlglot.parse(sql, dialect=dialect) if each is not None]
    except (SqlglotError, RecursionError) as error:
        place = getattr(error, "errors", None)
        where = f" (line {place[0]['line']}, column {place[0]['col']})" if place and place[0].get("line") else ""
        said = place[0]["description"] if place else "it is nested too deeply"
        raise NigraniError(f"The SQL can't be read{where}: {said}") from None
    if len(statements) != 1:
        raise NigraniError(f"One SELECT is wanted; this has {len(statements)} statements.")
    return statements[0]
