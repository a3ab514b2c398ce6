"""A watched PostgreSQL with an audit table of its own names, and a guide that reads it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from tests.integrations.databases import Server
from tests.sources import guides

from nigrani.guide import Feed, Guide, Source, Where
from nigrani.integrations.postgres.config import ProbeConfig, SourceConfig
from nigrani.lib import clock
from nigrani.sources import actions

HERE = Where("database.yaml", 1, 1)
SQL = 'SELECT e.key, e."writtenAt", e.who, e.verb AS action, e.said, e.name FROM events e'
FEED = Feed(
    name="audit",
    sql=SQL,
    watermark="writtenAt",
    id="key",
    map={"action": "action", "actor": "who", "reason": "said"},
    where=HERE,
    attrs=("name",),
    hide=("name",),
    zone=ZoneInfo("UTC"),
    page=50,
)
CREATE = """
DROP TABLE IF EXISTS events;
CREATE TABLE events (key text, "writtenAt" timestamp(3), who text, verb text, said text, name text);
CREATE INDEX ON events ("writtenAt");
GRANT SELECT ON events TO watcher;
"""


@dataclass
class World:
    """The server, and how its rows are made."""

    server: Server
    feed: Feed = FEED

    def run(self, sql: str, *params: Any) -> None:
        """Run a statement as the owner."""
        with self.server.connect() as connection:
            connection.execute(sql.encode(), params or None)

    def write(self, at: datetime, *keys: str | None, said: str = "", name: str | None = None) -> None:
        """Write a row for each key, at one instant."""
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO events VALUES (%s, %s, %s, %s, %s, %s)",
                [(key, at.replace(tzinfo=None), "u1", "LOGIN", said, name) for key in keys],
            )

    def source(self, **changes: Any) -> Source:
        """Return the source with its feed, changed as asked."""
        made = guides.source(
            "database",
            "postgres",
            SourceConfig(dsn=self.server.dsn("watcher")),
            {"responsive": ProbeConfig(ask="responsive")},
            timeout_s=10,
        )
        feed = replace(self.feed, timeout=timedelta(seconds=20), **changes)
        return replace(made, feeds={"audit": feed})

    def guide(self, **changes: Any) -> Guide:
        """Return a guide of that source alone."""
        return guides.guide(self.source(**changes))

    def create(self) -> None:
        """Make the table anew, empty."""
        with psycopg.connect(self.server.dsn().reveal(), autocommit=True) as connection:
            connection.execute(CREATE)


def turn(guide: Guide, at: datetime) -> int:
    """Read what is due at a moment, and wait until it is kept."""
    with clock.standing_at(at):
        begun = actions.read_due(guide, now=at)
        assert actions.settle(timeout_s=120)
    return begun
