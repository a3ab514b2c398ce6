"""Replicas and replication slots: how far behind, who left, and what is kept for whom.

A replica that is cut off vanishes from the server's list. It is remembered here, so that it is told as cut off and
never as one without lag.
"""

from __future__ import annotations

from typing import Any

from .shape import GRANT, Ask, Reading, Told, gauges

REMEMBERED_S = 7 * 86400  # a replica or slot that left is told for a week


def _replication(told: Told) -> Reading:
    row = told.row
    if not row["sees_all"]:
        return Reading(absent=GRANT)
    memory = told.memory if isinstance(told.memory, dict) else {}
    now_s = row["now_s"]
    replicas = {each["name"]: each for each in row["replicas"]}
    slots = {each["name"]: each for each in row["slots"]}
    known_replicas = _known(memory.get("replicas"), replicas, now_s)
    known_slots = _known(memory.get("slots"), slots, now_s)
    found = gauges("postgres.replication", {"replicas": len(replicas), "slots": len(slots)})
    for name, seen_s in known_replicas.items():
        each = replicas.get(name, {})
        values = {
            "is_cut_off": float(name not in replicas),
            "cut_off_s": None if name in replicas else now_s - seen_s,
            "lag_bytes": each.get("lag_bytes"),
            "lag_s": each.get("lag_s"),
        }
        found += gauges("postgres.replica", values, {"replica": name})
    for name in known_slots:
        slot = slots.get(name)
        values = {
            "is_lost": float(slot is None or slot["wal_status"] == "lost"),
            "is_unread": None if slot is None else float(not slot["active"]),
            "retained_bytes": None if slot is None else slot["retained_bytes"],
        }
        found += gauges("postgres.slot", values, {"slot": name})
    found += gauges("postgres.standby", {"lag_s": row["standby_lag_s"]})
    return Reading(tuple(found), {"replicas": known_replicas, "slots": known_slots})


def _known(before: Any, present: dict[str, Any], now_s: float) -> dict[str, float]:
    """Return when each was seen last: those here now, and those that left within a week."""
    kept = {name: at for name, at in (before or {}).items() if now_s - at <= REMEMBERED_S}
    return kept | dict.fromkeys(present, now_s)


REPLICATION = Ask(
    """
WITH here AS (
    SELECT CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
                ELSE pg_current_wal_lsn() END AS lsn
)
SELECT pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all, extract(epoch FROM clock_timestamp())::float8 AS now_s,
       CASE WHEN pg_is_in_recovery() THEN
           CASE WHEN pg_last_wal_receive_lsn() IS NOT DISTINCT FROM pg_last_wal_replay_lsn()
                     AND EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver) THEN 0
                ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END::float8
       END AS standby_lag_s,
       coalesce((SELECT json_agg(one) FROM (
           SELECT DISTINCT ON (name) name, lag_bytes, lag_s FROM (
               SELECT left(coalesce(nullif(r.application_name, ''), 'replica')
                           || coalesce(' ' || host(r.client_addr), ''), 100) AS name,
                      greatest(0, pg_wal_lsn_diff(here.lsn, r.replay_lsn))::float8 AS lag_bytes,
                      CASE WHEN pg_wal_lsn_diff(here.lsn, r.replay_lsn) <= 0 THEN 0
                           ELSE extract(epoch FROM r.replay_lag) END::float8 AS lag_s
                 FROM pg_catalog.pg_stat_replication r CROSS JOIN here
                WHERE r.application_name NOT IN ('pg_basebackup')) AS each
            ORDER BY name, lag_bytes DESC NULLS FIRST LIMIT 50) AS one), '[]') AS replicas,
       coalesce((SELECT json_agg(one) FROM (
           SELECT left(s.slot_name, 63) AS name, s.active, s.wal_status,
                  greatest(0, pg_wal_lsn_diff(here.lsn, s.restart_lsn))::float8 AS retained_bytes
             FROM pg_catalog.pg_replication_slots s CROSS JOIN here
            WHERE NOT s.temporary ORDER BY s.slot_name LIMIT 50) AS one), '[]') AS slots
""",
    _replication,
    absences={"0A000": "This server shows no WAL positions, so the lag of its replicas can't be asked by SQL"},
)
