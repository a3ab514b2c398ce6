"""A measure's own SELECT (`from:` in the guide), asked like any other question and kept as gauges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nigrani.guide import ReadQuestion
from nigrani.integrations import Answer, Gauge
from nigrani.lib.errors import NigraniError, SourceError, Unreadable
from nigrani.lib.postgres_errors import told

from . import select

MAX_ROWS = 1000
_LONGEST = 200


@dataclass(frozen=True)
class ReadConfig:
    """What such a question asks: the statement with its columns' types, and where its values go."""

    sql: str
    question: ReadQuestion
    is_optional: bool = True
    ask: str = "measure"


def question(asked: ReadQuestion) -> ReadConfig:
    """Judge a measure's SELECT and return the question. Raises NigraniError with what is wrong with it."""
    if asked.combine not in ("last", "max", "ratio"):
        raise NigraniError(
            f"What is so at one moment can't be combined by {asked.combine}.", "Write combine: last, max or ratio."
        )
    select.judge(asked.sql, asked.schemas)
    columns = [f"left((q.{_name(each)})::text, {_LONGEST}) AS {_name(each)}" for each in asked.by]
    numbers = ["num", "den"] if asked.combine == "ratio" else ["num"]
    columns += [f"(q.{each})::float8 AS {each}" for each in numbers]
    text = f"SELECT {', '.join(columns)} FROM (\n{asked.sql.strip()}\n) AS q LIMIT {MAX_ROWS + 1}"  # noqa: S608
    return ReadConfig(text, asked)


def gauges(config: ReadConfig, rows: list[Mapping[str, Any]]) -> tuple[Gauge, ...] | Unreadable:
    """Return what the rows say. A row whose number is null says nothing."""
    asked = config.question
    if len(rows) > MAX_ROWS:
        return Unreadable(f"It returns more than {MAX_ROWS:,} rows.", "Bound its `by`.")
    found, seen = [], set()
    for row in rows:
        labels = {each: str(row[each]) for each in asked.by}
        key = tuple(labels.values())
        if key in seen:
            return Unreadable("It returns two rows for the same labels.", "Group by the labels.")
        seen.add(key)
        values = {each: row[each] for each in ("num", "den") if each in row}
        if any(value is None or value != value or abs(value) == float("inf") for value in values.values()):
            continue
        found += [Gauge(f"{asked.gauge}.{each}", value, labels) for each, value in values.items()]
    return tuple(found)


def failure(error: SourceError) -> Answer | None:
    """Tell a statement that the database does not run from a database that does not answer; None for the latter."""
    behind = told(error)
    if behind.phase != "query" or behind.word not in ("denied", "setting", "sql", "timeout", "size"):
        return None
    why = "It was cut off: it takes too long." if behind.word == "timeout" else behind.text
    if behind.sqlstate == "42501":
        why += ". Let a superuser GRANT SELECT on these columns to the monitor's role"
    return Answer(False, "absent", f"The database does not run this measure's SQL. {why}".rstrip(".") + ".")


def _name(label: str) -> str:
    return '"' + label.replace('"', '""') + '"'
