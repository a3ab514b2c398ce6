"""Where state and facts are kept: PostgreSQL, telemetry, the journal before it, the outbox behind it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg

from nigrani.lib import clock
from nigrani.lib.errors import NigraniError, Unreachable
from nigrani.lib.home import Home
from nigrani.lib.units import show_duration
from nigrani.telemetry import frames
from nigrani.telemetry.journal import limit_bytes
from nigrani.telemetry.store import Address, Store

from .told import Check, Verdict, megabytes

_SKEW_WARN_S, _SKEW_BAD_S = 1.0, 10.0
_WAITS_TOO_LONG = timedelta(minutes=2)
_NEARLY_FULL = 0.8


@contextmanager
def _state(home: Home) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """Connect to the state database for a look. Raises Unreachable; the driver's words may quote the address."""
    from nigrani.settings import embedded_database_url

    url = os.environ.get("NIGRANI_DATABASE_URL") or embedded_database_url(home)
    try:
        with psycopg.connect(
            url,
            connect_timeout=2,
            autocommit=True,
            row_factory=psycopg.rows.dict_row,
            options="-c statement_timeout=1500",
        ) as connection:
            yield connection
    except psycopg.Error as error:
        raise Unreachable(f"PostgreSQL does not answer ({type(error).__name__}).", "Is Nigrani up?") from None


def postgres(home: Home, now: datetime) -> Iterator[Check]:
    """Ask the state database who it is, how large and how busy, and what time it thinks it is."""
    with _state(home) as connection:
        before = clock.now()
        row = connection.execute(
            "SELECT clock_timestamp() AS at, current_setting('server_version') AS version,"
            " pg_database_size(current_database()) AS size, current_setting('max_connections')::int AS most,"
            " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used"
        ).fetchone()
        after = clock.now()
    assert row is not None
    verdict: Verdict = "warn" if row["used"] > 0.8 * row["most"] else "ok"
    what = f"Version {row['version']}, {megabytes(row['size'])}, {row['used']} of {row['most']} connections in use."
    yield Check("postgres", verdict, what)
    skew_s = (row["at"] - (before + (after - before) / 2)).total_seconds()
    clock_verdict: Verdict = "ok"
    if abs(skew_s) > _SKEW_WARN_S:
        clock_verdict = "bad" if abs(skew_s) > _SKEW_BAD_S else "warn"
    what = f"UTC {now.isoformat(timespec='seconds')}; the database's clock differs by {show_duration(abs(skew_s))}."
    yield Check("clock", clock_verdict, what, "Let both machines keep time by NTP.")


def migrations(home: Home, now: datetime) -> Iterator[Check]:
    """Compare the migrations this version brings with those the database has seen."""
    from django.db.migrations.loader import MigrationLoader

    brought = set(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)
    with _state(home) as connection:
        seen = {(row["app"], row["name"]) for row in connection.execute("SELECT app, name FROM django_migrations")}
    pending = sorted(f"{app}.{name}" for app, name in brought - seen)
    if pending:
        yield Check("migrations", "bad", f"Pending: {', '.join(pending)}.", "Start Nigrani again: nigrani up")
    else:
        yield Check("migrations", "ok", f"All {len(brought)} are applied.")


def store(home: Home) -> Store:
    """Return the telemetry store of this home."""
    url = os.environ.get("NIGRANI_CLICKHOUSE_URL")
    return Store(lambda: Address.parse(url)) if url else Store.of(home)


def telemetry(home: Home, now: datetime) -> Iterator[Check]:
    """Ask the telemetry store for its version and what each table holds."""
    place = store(home)
    version = place.ping()
    rows = place.query(
        "SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS size, min(partition) AS oldest FROM system.parts"
        " WHERE active AND database = currentDatabase() GROUP BY table ORDER BY table"
    )
    yield Check("telemetry", "ok", f"Version {version}, {megabytes(sum(row['size'] for row in rows))}.")
    for row in rows:
        what = f"{row['rows']:,} rows, {megabytes(row['size'])}, oldest partition {row['oldest']}."
        yield Check(f"telemetry.{row['table']}", "ok", what)


def journal(home: Home, now: datetime) -> Iterator[Check]:
    """Look at what was acknowledged and is not in telemetry, and at what telemetry could not read."""
    segments = list(home.journal.glob("[!.]*/*.seg"))
    size, oldest = 0, None
    for path in segments:
        try:
            size += path.stat().st_size
            first = frames.first_received(path)
        except OSError:  # shipped and removed while we looked
            continue
        oldest = min((at for at in (oldest, first) if at is not None), default=None)
    age = now - oldest if oldest is not None else timedelta()
    is_nearly_full = size > _NEARLY_FULL * limit_bytes()
    verdict: Verdict = "bad" if is_nearly_full or age > _WAITS_TOO_LONG else "ok"
    what = f"{megabytes(size)} wait, the oldest for {show_duration(age)}." if oldest else "Nothing waits."
    if is_nearly_full:
        what += " It has room for little more; then facts are refused."
    yield Check("journal", verdict, what, "Facts are kept, but telemetry does not take them: look at telemetry.")
    rejected = sum(1 for _ in (home.journal / "rejected").glob("*.reason"))
    if rejected:
        yield Check(
            "journal.rejected",
            "warn",
            f"{rejected} batches could not be read.",
            f"Read the .reason files in {home.journal / 'rejected'}.",
        )


def outbox(home: Home, now: datetime) -> Iterator[Check]:
    """Say how many messages wait, and for how long."""
    from django.db import Error, connection

    from nigrani.outbox import queries

    try:
        queue = queries.waiting(now)
    except Error as error:
        raise NigraniError(f"PostgreSQL does not answer ({type(error).__name__}).") from None
    finally:
        connection.close()
    age_s = queue.oldest_age_s or 0.0
    verdict: Verdict = "bad" if age_s > _WAITS_TOO_LONG.total_seconds() else "ok"
    what = f"{queue.count} messages wait, the oldest for {show_duration(age_s)}." if queue.count else "Nothing waits."
    yield Check("outbox", verdict, what, "See why: nigrani delivery")


def versions(home: Home, now: datetime) -> Iterator[Check]:
    """Say which version of the guide stands, and what waits or was refused."""
    from django.db import Error, connection

    from nigrani.versions import queries

    try:
        stands, pending = queries.standing(), queries.pending(now=now)
    except Error as error:
        raise NigraniError(f"PostgreSQL does not answer ({type(error).__name__}).") from None
    finally:
        connection.close()
    if pending.refused:
        what = f"The folder's text was refused as version {pending.refused.number}: {pending.refused.mistakes[0]}"
        yield Check("versions", "bad", what, "See all: nigrani guide check")
    if pending.waiting:
        what = f"Version {pending.waiting.number} waits for confirmation."
        yield Check("versions", "warn", what, f"See why: nigrani guide show {pending.waiting.number}")
    if stands is not None and not pending.refused and not pending.waiting:
        yield Check("versions", "ok", f"Version {stands.number} of the guide stands.")
