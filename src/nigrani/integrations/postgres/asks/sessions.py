"""Who is connected, what they do, since when, and who waits for whom."""

from __future__ import annotations

from .shape import GRANT, Ask, Reading, Told, gauges

# One row read from a table, so that storage answers too, not only the process.
RESPONSIVE = Ask(
    "SELECT datname FROM pg_catalog.pg_database WHERE datname = current_database()",
    lambda _: Reading(),
    is_optional=False,
)


def _connections(told: Told) -> Reading:
    row = told.row
    if not row["sees_all"]:
        return Reading(absent=GRANT)
    declared = told.source.capacity.connections if told.source.capacity else None
    capacity = declared or row["capacity"]
    counts = {name: row[name] for name in ("used", "active", "idle", "idle_in_transaction", "waiting")}
    counts |= {"capacity": capacity, "ratio": row["used"] / capacity if capacity > 0 else 1.0}
    found = gauges("postgres.connections", counts)
    found += gauges("postgres.transaction", {"oldest_s": row["oldest_s"]})
    said = "Seen through a pooler: these are the pool's connections, not the applications'." if told.is_pooled else ""
    return Reading(tuple(found), detail=said)


# Client backends other than our own, by what they do, and how many an ordinary role could have.
CONNECTIONS = Ask(
    """
SELECT pg_backend_pid() AS pid,
       current_setting('max_connections')::int
       - current_setting('superuser_reserved_connections')::int
       - coalesce(current_setting('reserved_connections', true), '0')::int AS capacity,
       pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all,
       count(*)::int AS used,
       count(*) FILTER (WHERE state = 'active')::int AS active,
       count(*) FILTER (WHERE state = 'idle')::int AS idle,
       count(*) FILTER (WHERE state LIKE 'idle in transaction%')::int AS idle_in_transaction,
       count(*) FILTER (WHERE wait_event_type = 'Lock')::int AS waiting,
       coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)::float8 AS oldest_s
  FROM pg_catalog.pg_stat_activity
 WHERE pid <> pg_backend_pid() AND (backend_type = 'client backend' OR backend_type IS NULL)
""",
    _connections,
    is_optional=False,
)


def _activity(told: Told) -> Reading:
    row = told.row
    if not row["sees_all"]:
        return Reading(absent=GRANT)
    found = gauges(
        "postgres.activity",
        {
            name: row[name]
            for name in ("long_queries", "longest_query_s", "idle_in_transaction_s", "oldest_transaction_s", "xmin_age")
        },
    )
    for each in row["by_application"]:
        labels = {"application": each["application"] or "(no name)"}
        values = {"idle_in_transaction_s": each["idle_s"], "query_s": each["query_s"]}
        found += gauges("postgres.application", values, labels)
    return Reading(tuple(found))


ACTIVITY = Ask(
    """
WITH session AS (
    SELECT left(application_name, 60) AS application, state,
           CASE WHEN state = 'active' THEN extract(epoch FROM clock_timestamp() - query_start)::float8 END AS query_s,
           CASE WHEN state LIKE 'idle in transaction%'
                THEN extract(epoch FROM clock_timestamp() - state_change)::float8 END AS idle_s,
           extract(epoch FROM clock_timestamp() - xact_start)::float8 AS transaction_s,
           age(backend_xmin) AS xmin_age
      FROM pg_catalog.pg_stat_activity
     WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
)
SELECT pg_backend_pid() AS pid, pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all,
       count(*) FILTER (WHERE query_s > $1)::int AS long_queries,
       greatest(coalesce(max(query_s), 0), 0) AS longest_query_s,
       greatest(coalesce(max(idle_s), 0), 0) AS idle_in_transaction_s,
       greatest(coalesce(max(transaction_s), 0), 0) AS oldest_transaction_s,
       coalesce(max(xmin_age), 0) AS xmin_age,
       coalesce((SELECT json_agg(worst) FROM (
           SELECT application, coalesce(max(idle_s), 0) AS idle_s, coalesce(max(query_s), 0) AS query_s
             FROM session GROUP BY application
            ORDER BY greatest(coalesce(max(idle_s), 0), coalesce(max(query_s), 0)) DESC LIMIT 10) AS worst),
           '[]') AS by_application
  FROM session
""",
    _activity,
    sees_sessions=True,
    params=lambda probe: (probe.long.total_seconds(),),
)


def _locks(told: Told) -> Reading:
    row = told.row
    if not row["sees_all"]:
        return Reading(absent=GRANT)
    found = gauges("postgres.locks", {"blocked": row["blocked"], "longest_s": row["longest_s"]})
    for each in row["blockers"]:
        labels = {
            "blocker": f"pid {each['pid']} {each['application'] or '(no name)'}, {each['state'] or 'state unknown'}"
        }
        found += gauges("postgres.blocker", {"blocked": each["blocked"], "longest_s": each["longest_s"]}, labels)
    return Reading(tuple(found))


# pg_blocking_pids looks into the lock manager, so it is asked only of those that wait. A blocker is one that does not
# wait itself: ending anybody else's session would help nobody.
LOCKS = Ask(
    """
WITH waiting AS MATERIALIZED (
    SELECT a.pid, pg_blocking_pids(a.pid) AS blockers,
           greatest(0, extract(epoch FROM clock_timestamp() - coalesce(
               (SELECT min(l.waitstart) FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND NOT l.granted),
               a.query_start)))::float8 AS waited_s
      FROM pg_catalog.pg_stat_activity a
     WHERE a.wait_event_type = 'Lock' AND a.pid <> pg_backend_pid()
     ORDER BY a.query_start LIMIT 500
), edge AS (
    SELECT w.pid, w.waited_s, blocker FROM waiting w CROSS JOIN LATERAL unnest(w.blockers) AS blocker
), root AS (
    SELECT e.blocker AS pid, count(DISTINCT e.pid)::int AS blocked, max(e.waited_s) AS longest_s
      FROM edge e WHERE e.blocker NOT IN (SELECT pid FROM waiting) AND e.blocker <> 0
     GROUP BY e.blocker ORDER BY longest_s DESC LIMIT 10
)
SELECT pg_backend_pid() AS pid, pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all,
       (SELECT count(*)::int FROM waiting WHERE blockers <> '{}') AS blocked,
       (SELECT coalesce(max(waited_s), 0) FROM waiting WHERE blockers <> '{}') AS longest_s,
       coalesce((SELECT json_agg(json_build_object('pid', r.pid, 'blocked', r.blocked, 'longest_s', r.longest_s,
                        'application', left(a.application_name, 60), 'state', a.state))
                   FROM root r LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = r.pid), '[]') AS blockers
""",
    _locks,
    sees_sessions=True,
)
