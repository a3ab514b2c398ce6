"""What a turn of the audit feed costs at 100,000 and at many rows, and how fast it catches up beside a bare SELECT.

    python -m bench.feed --rows 10000000

A PostgreSQL of its own (the one we ship), a table with the columns and indexes of the ERP's audit log, filled by
generate_series. A turn reads what is new: its cost must not grow with the table. The floor for catching up is psycopg
fetching the same columns of the same rows; we map, scrub, and put them into the journal with an fsync each page.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg

from nigrani.guide import Feed, Where
from nigrani.integrations import PollJob
from nigrani.integrations.postgres import poll
from nigrani.integrations.postgres.config import SourceConfig
from nigrani.lib import clock
from nigrani.lib.home import Home
from nigrani.lib.secret import Secret
from nigrani.node import postgres
from nigrani.sources import feed_facts
from nigrani.sources.feed_state import following
from nigrani.telemetry import journal, pseudonyms

TABLE = """
CREATE TABLE audit_logs (id text PRIMARY KEY, "userId" text, "schoolId" text, action text NOT NULL, resource text,
  "resourceId" text, changes jsonb, details jsonb, "ipAddress" text, "userAgent" text,
  "createdAt" timestamp(3) NOT NULL, checksum text);
CREATE INDEX ON audit_logs ("userId", "createdAt");
CREATE INDEX ON audit_logs (action, "createdAt");
CREATE INDEX ON audit_logs ("createdAt");
"""
FILL = """
INSERT INTO audit_logs (id, "userId", action, resource, changes, "ipAddress", "createdAt", checksum)
SELECT 'c' || lpad(to_hex(n), 24, '0'), 'c' || lpad((n %% 30000)::text, 24, 'u'),
       CASE WHEN n %% 10 = 0 THEN 'LOGIN' ELSE 'READ' END,
       CASE WHEN n %% 10 = 0 THEN 'nextauth_login' ELSE 'PERMISSION_CHECK' END,
       jsonb_build_object('identifier', 'teacher' || n %% 30000 || '@school.example', 'severity', 'MEDIUM',
                          'reason', CASE WHEN n %% 100 = 0 THEN 'INVALID_PASSWORD' END),
       '103.16.' || n %% 250 || '.' || n %% 199, %s::timestamp - (%s - n) * interval '40 milliseconds', repeat('a', 64)
  FROM generate_series(%s::bigint, %s::bigint) n
"""
SQL = """SELECT id, "createdAt", "userId" AS actor, action, resource, changes ->> 'reason' AS reason,
  changes ->> 'identifier' AS identifier, changes ->> 'severity' AS severity, "ipAddress" AS address FROM audit_logs"""
FEED = Feed(
    name="audit", sql=SQL, watermark="createdAt", id="id", where=Where("bench", 1, 1), zone=ZoneInfo("UTC"),
    map={"actor": "actor", "action": "action", "resource": "resource", "reason": "reason", "ip_key": "address"},
    attrs=("identifier", "severity"), hide=("identifier",),
)  # fmt: skip
NEWEST = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
OVERLAP = timedelta(minutes=2)  # at 25 rows a second: 3,000 rows
TURNS = 15
CAUGHT = 50_000


def main() -> None:
    """Fill, measure at both sizes, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the large table (default 1,000,000)")
    arguments = parser.parse_args()
    with _server() as dsn:
        small = _measured(dsn, 1, 100_000)
        large = _measured(dsn, 100_001, arguments.rows) if arguments.rows > 100_000 else small
        print(f"a turn at    100,000 rows: {small:6.1f} ms (median of {TURNS}; {_overlapping(dsn):,} rows of overlap)")
        print(f"a turn at {arguments.rows:10,} rows: {large:6.1f} ms, ratio {large / small:.2f}")
        floor, ours = _bare(dsn, arguments.rows), _caught_up(dsn, arguments.rows)
        print(
            f"catching up: {ours:,.0f} rows/s; a bare SELECT of the same rows {floor:,.0f} rows/s ({ours / floor:.2f})"
        )


@contextmanager
def _server() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="nigrani-bench-"))
    folder.chmod(0o711)
    os.environ["NIGRANI_HOME"] = str(folder)
    home = Home(folder)
    home.ensure()
    process = postgres.start(home)
    try:
        dsn = postgres.url(home)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(TABLE.encode())
        yield dsn
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _measured(dsn: str, first: int, last: int) -> float:
    """Fill up to `last` rows; return the median ms of a turn that finds nothing but the overlap and ten new rows."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for start in range(first, last + 1, 1_000_000):
            end = min(start + 999_999, last)
            connection.execute(FILL.encode(), (NEWEST.replace(tzinfo=None), last, start, end))
        connection.execute(
            """UPDATE audit_logs SET "createdAt" = "createdAt" - (%s::bigint - 100000) * interval '40 milliseconds'
               WHERE id <= 'c' || lpad(to_hex(%s::bigint), 24, '0') AND %s::bigint > 100000""",
            (last, first - 1, last),
        )
        connection.execute(b"VACUUM ANALYZE audit_logs")
    return statistics.median(_turn(dsn) for _ in range(TURNS))


def _job(dsn: str, after: datetime, *, limit: int = 2000) -> PollJob:
    return PollJob(
        "database", "audit", SourceConfig(Secret(dsn), allow_superuser=True), SQL, "createdAt", "id", ZoneInfo("UTC"),
        timedelta(seconds=60), after, NEWEST + timedelta(hours=1), None, limit,
    )  # fmt: skip


def _turn(dsn: str) -> float:
    began = clock.monotonic()
    job = _job(dsn, NEWEST - OVERLAP)
    while True:
        page = poll.poll(job)
        feed_facts.take("database", FEED, page.rows[-10:], scrubber=pseudonyms.current())
        if page.is_last:
            return (clock.monotonic() - began) * 1000
        job = following(job, page.rows)


def _overlapping(dsn: str) -> int:
    return poll.count(_job(dsn, NEWEST - OVERLAP))


def _from(rows: int) -> datetime:
    return NEWEST - min(rows, CAUGHT) * timedelta(milliseconds=40)


def _bare(dsn: str, rows: int) -> float:
    sql = SQL + ' WHERE "createdAt" >= %s ORDER BY "createdAt", id'
    with psycopg.connect(dsn) as connection, connection.cursor(name="floor") as cursor:
        cursor.itersize = 2000
        began = clock.monotonic()
        cursor.execute(sql.encode(), (_from(rows).replace(tzinfo=None),))
        read = sum(1 for _ in cursor)
        return read / (clock.monotonic() - began)


def _caught_up(dsn: str, rows: int) -> float:
    job, kept, began = _job(dsn, _from(rows)), 0, clock.monotonic()
    while True:
        page = poll.poll(job)
        taken = feed_facts.take("database", FEED, page.rows, scrubber=pseudonyms.current())
        journal.append("audit", taken.facts)
        kept += len(taken.facts)
        if page.is_last:
            return kept / (clock.monotonic() - began)
        job = following(job, page.rows)


if __name__ == "__main__":
    main()
