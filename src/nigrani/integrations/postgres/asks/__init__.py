"""The questions asked of a PostgreSQL, one statement each, by the word that the guide writes after `ask:`."""

from __future__ import annotations

from collections.abc import Mapping

from . import health, replication, sessions, space, statements, tables, what
from .shape import Ask

ASKS: Mapping[str, Ask] = {
    "responsive": sessions.RESPONSIVE,
    "connections": sessions.CONNECTIONS,
    "activity": sessions.ACTIVITY,
    "locks": sessions.LOCKS,
    "statements": statements.STATEMENTS,
    "cache": health.CACHE,
    "archiving": health.ARCHIVING,
    "wraparound": health.WRAPAROUND,
    "size": space.SIZE,
    "storage": space.STORAGE,
    "tables": tables.TABLES,
    "replication": replication.REPLICATION,
    "server": what.SERVER,
}
"""Every ask by its word."""
