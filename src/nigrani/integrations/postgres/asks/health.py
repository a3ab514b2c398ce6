"""Cache hits, deadlocks, archiving, and how near the transaction ids' wraparound is."""

from __future__ import annotations

from typing import Any

from .shape import Ask, Reading, Told, gauges, since

NO_ARCHIVE = "archive_mode is off: this server archives no WAL. A managed server may back up otherwise"
_IDS = 2**31 - 3_000_000  # PostgreSQL stops taking writes three million ids before its counter is used up


def _cache(told: Told) -> Reading:
    row = told.row
    names = ("hits", "reads", "deadlocks", "temp_bytes", "commits", "rollbacks")
    kept = {"now_s": row["now_s"], "reset_s": row["reset_s"], **{name: row[name] for name in names}}
    if since(told.memory, row["now_s"]) is None or told.memory.get("reset_s") != row["reset_s"]:
        return Reading(memory=kept, detail="The first look; differences come with the next.")
    spent = {name: row[name] - told.memory[name] for name in names}
    if min(spent.values()) < 0:  # the counters were lost, by a crash for example
        return Reading(memory=kept, detail="The server's counters began anew.")
    return Reading(tuple(gauges("postgres.cache", spent)), kept)


CACHE = Ask(
    """
SELECT extract(epoch FROM clock_timestamp())::float8 AS now_s, extract(epoch FROM stats_reset)::float8 AS reset_s,
       blks_hit::float8 AS hits, blks_read::float8 AS reads, deadlocks::float8 AS deadlocks,
       temp_bytes::float8 AS temp_bytes, xact_commit::float8 AS commits, xact_rollback::float8 AS rollbacks
  FROM pg_catalog.pg_stat_database WHERE datname = current_database()
""",
    _cache,
)


def _archiving(told: Told) -> Reading:
    row = told.row
    if row["mode"] == "off":
        return Reading(absent=NO_ARCHIVE)
    kept = {"now_s": row["now_s"], "reset_s": row["reset_s"], "failed": row["failed"]}
    found: dict[str, Any] = {
        "is_failing": float(row["last_failed_s"] is not None
                            and (row["last_archived_s"] is None or row["last_failed_s"] > row["last_archived_s"])),
        "last_archived_s": None if row["last_archived_s"] is None else max(0.0, row["now_s"] - row["last_archived_s"]),
    }  # fmt: skip
    if since(told.memory, row["now_s"]) is not None and told.memory.get("reset_s") == row["reset_s"]:
        failures = row["failed"] - told.memory["failed"]
        found["failures"] = failures if failures >= 0 else None
    return Reading(tuple(gauges("postgres.archiving", found)), kept)


ARCHIVING = Ask(
    """
SELECT current_setting('archive_mode') AS mode, extract(epoch FROM clock_timestamp())::float8 AS now_s,
       extract(epoch FROM stats_reset)::float8 AS reset_s, failed_count::float8 AS failed,
       extract(epoch FROM last_failed_time)::float8 AS last_failed_s,
       extract(epoch FROM last_archived_time)::float8 AS last_archived_s
  FROM pg_catalog.pg_stat_archiver
""",
    _archiving,
)


def _wraparound(told: Told) -> Reading:
    found = []
    for each in told.row["databases"]:
        share = max(each["xid_age"], each["multixact_age"]) / _IDS
        found += gauges("postgres.wraparound", {"share": share}, {"database": each["name"]})
    return Reading(tuple(found))


WRAPAROUND = Ask(
    """
SELECT coalesce(json_agg(oldest), '[]') AS databases FROM (
    SELECT left(datname, 60) AS name, age(datfrozenxid)::float8 AS xid_age,
           mxid_age(datminmxid)::float8 AS multixact_age
      FROM pg_catalog.pg_database WHERE datallowconn
     ORDER BY greatest(age(datfrozenxid), mxid_age(datminmxid)) DESC LIMIT 20) AS oldest
""",
    _wraparound,
)
