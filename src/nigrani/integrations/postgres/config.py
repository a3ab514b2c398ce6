"""What an operator says about a PostgreSQL and about each question asked of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from nigrani.lib import postgres
from nigrani.lib.secret import Secret

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_-]*)(?:\.([a-z][a-z0-9_]*))?(!?)\}")


@dataclass(frozen=True)
class SourceConfig:
    """A PostgreSQL database."""

    dsn: Secret = field(
        metadata={
            "help": "The address of the database with the role nigrani_monitor.",
            "example": "${ERP_MONITOR_DSN}",
        }
    )
    allow_superuser: bool = field(
        default=False,
        metadata={
            "help": "Accept a superuser as monitor. A role that may only read is safer.",
            "example": "true",
        },
    )

    def check(self) -> Iterator[str]:
        """Yield what is wrong with the address, never quoting it."""
        yield from postgres.address_problems(self.dsn)


@dataclass(frozen=True)
class ProbeConfig:
    """One question asked of the database."""

    ask: Literal["responsive", "connections"] = field(
        metadata={
            "help": "responsive: log in and read one row. connections: count them against the capacity.",
            "example": "responsive",
        }
    )


@dataclass(frozen=True)
class QuestionConfig:
    """One question of a survey: what to read, or what must be able to run."""

    sql: str = field(
        default="",
        metadata={
            "help": "A SELECT of one row: `found` (true, false, or null for can't tell), and counts as evidence. "
            "`{table}` and `{table.column}` stand for what the database calls them, `{table!}` and `{table.column!}` "
            "for the same as texts.",
            "example": "SELECT count(*) = 0 AS found, count(*) AS rows FROM {audit}",
        },
    )
    must_run: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "Statements that somebody relies on, as they are written. It is a finding when one can't run. "
            "They are explained, not run.",
            "example": "[SELECT count(*) FROM schools]",
        },
    )

    def check(self) -> Iterator[str]:
        """Yield what contradicts itself."""
        if bool(self.sql.strip()) == bool(self.must_run):
            yield "give sql or must_run"
        for each in (self.sql, *self.must_run):
            if each.strip() and not each.strip().lower().startswith(("select", "with")):
                yield "only a SELECT may be asked"

    def names(self) -> Iterator[tuple[str, str]]:
        """Yield what its placeholders name: a table, and one of its columns or ""."""
        for found in PLACEHOLDER.finditer(self.sql):
            yield found[1], found[2] or ""
