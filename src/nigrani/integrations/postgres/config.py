"""What an operator says about a PostgreSQL and about each question asked of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, get_args

from nigrani.guide.fields import Period, Ratio, Size
from nigrani.lib import postgres
from nigrani.lib.secret import Secret

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_-]*)(?:\.([a-z][a-z0-9_]*))?(!?)\}")
Word = Literal[
    "responsive", "connections", "activity", "locks", "statements", "cache", "archiving", "wraparound", "size",
    "storage", "tables", "replication", "server",
]  # fmt: skip
WORDS: tuple[Word, ...] = get_args(Word)
_ALWAYS = ("responsive", "connections")  # what tells whether people can work; never asked less often


@dataclass(frozen=True)
class Capacity:
    """What the server can bear, where SQL can't tell or somebody knows better."""

    connections: int | None = field(
        default=None,
        metadata={
            "help": "Connections that applications may have; what the server itself allows when left out.",
            "example": 100,
        },
    )
    storage: Size | None = field(
        default=None,
        metadata={
            "help": "Size of its storage; without it, how full that is has no source.",
            "example": "50GB",
        },
    )

    def check(self) -> Iterator[str]:
        """Yield what can't be."""
        if self.connections is not None and self.connections < 1:
            yield "connections is less than 1"
        if self.storage is not None and self.storage < 1:
            yield "storage is nothing at all"


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
    capacity: Capacity | None = field(
        default=None,
        metadata={
            "help": "What the server can bear, where SQL can't tell.",
            "example": "{connections: 100, storage: 50GB}",
        },
    )
    budget: Ratio = field(
        default=0.05,
        metadata={
            "help": "What the optional questions may cost the server, as a share of one core by our clock; beyond it, "
            "they are asked less often.",
            "example": "1%",
        },
    )
    schemas: tuple[str, ...] = field(
        default=("public",),
        metadata={"help": "Schemas that measures with `from:` may read.", "example": '["public"]'},
    )

    reads: dict[str, tuple[str, ...]] = field(
        default_factory=dict,
        metadata={
            "help": "Which columns of which tables the role is granted to read, for feeds: nigrani init --sql grants "
            "just these.",
            "example": '{audit_logs: [id, "createdAt"]}',
        },
    )

    def check(self) -> Iterator[str]:
        """Yield what is wrong with the address, never quoting it."""
        yield from postgres.address_problems(self.dsn)
        if not 0 < self.budget <= 1:
            yield "budget is no share of a core between 0 and 100%"


@dataclass(frozen=True)
class ProbeConfig:
    """One question asked of the database."""

    ask: Word = field(
        metadata={
            "help": "responsive: log in and read one row. connections: count them against the capacity. activity: "
            "long queries and transactions. locks: who blocks whom. statements: means from pg_stat_statements. cache, "
            "archiving, wraparound, size, storage, tables, replication: as they are called. server: what it is.",
            "example": "responsive",
        }
    )
    long: Period = field(
        default=timedelta(minutes=1),
        metadata={"help": "activity: from when on a query counts as long.", "example": "1m"},
    )
    top: int = field(
        default=20,
        metadata={"help": "statements, tables: how many of the largest are told one by one.", "example": 20},
    )

    def check(self) -> Iterator[str]:
        """Yield what can't be."""
        if not 1 <= self.top <= 100:
            yield "top is not between 1 and 100"

    @property
    def is_optional(self) -> bool:
        """Whether it may be asked less often when the source's budget is spent."""
        return self.ask not in _ALWAYS


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

    def reads(self) -> Iterator[tuple[str, str]]:
        """Yield the tables and columns whose rows it reads: those that stand as names, not as texts."""
        for found in PLACEHOLDER.finditer(self.sql):
            if not found[3]:
                yield found[1], found[2] or ""
