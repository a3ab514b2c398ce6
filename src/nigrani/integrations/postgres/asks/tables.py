"""Tables: dead rows, an estimate of bloat, the last vacuum, size and growth; the largest ones."""

from __future__ import annotations

from .shape import Ask, Reading, Told, gauges, growth

_LEAST_ROWS = 1000  # the dead share of fewer rows says nothing


def _tables(told: Told) -> Reading:
    row = told.row
    sizes = {each["name"]: each["bytes"] for each in row["tables"]}
    grown, kept = growth(told.memory, row["now_s"], sizes)
    found = []
    for each in row["tables"][: told.probe.top]:
        rows = each["live"] + each["dead"]
        share = each["dead"] / rows if rows >= _LEAST_ROWS else None
        values = {
            "bytes": each["bytes"],
            "grown_bytes": grown.get(each["name"]),
            "dead_rows": each["dead"],
            "dead_share": share,
            "bloat_estimate_bytes": None if share is None else share * each["heap_bytes"],
            "since_vacuum_s": each["since_vacuum_s"],
        }
        found += gauges("postgres.table", values, {"table": each["name"]})
    return Reading(tuple(found), kept)


# The largest by pages come first, so that only few files are looked at in a schema of thousands.
TABLES = Ask(
    """
SELECT extract(epoch FROM clock_timestamp())::float8 AS now_s,
       coalesce((SELECT json_agg(largest) FROM (
           SELECT left(s.schemaname || '.' || s.relname, 120) AS name,
                  s.n_live_tup::float8 AS live, s.n_dead_tup::float8 AS dead,
                  pg_total_relation_size(s.relid)::float8 AS bytes, pg_relation_size(s.relid)::float8 AS heap_bytes,
                  extract(epoch FROM clock_timestamp() - greatest(s.last_vacuum, s.last_autovacuum))::float8
                      AS since_vacuum_s
             FROM pg_catalog.pg_stat_user_tables s
            WHERE s.relid IN (SELECT oid FROM pg_catalog.pg_class WHERE relkind IN ('r', 'm')
                                 AND relpersistence <> 't' ORDER BY relpages DESC LIMIT 300)
            ORDER BY bytes DESC LIMIT 100) AS largest), '[]') AS tables
""",
    _tables,
)
