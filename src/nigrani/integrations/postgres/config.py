"""What an operator says about a PostgreSQL and about each question asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from nigrani.lib import postgres
from nigrani.lib.secret import Secret


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
