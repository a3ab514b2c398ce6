"""How large the databases are, how they grow, and how full the declared storage is."""

from __future__ import annotations

from .shape import GRANT, Ask, Reading, Told, gauges, growth

_SIZES = """
SELECT pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all,
       extract(epoch FROM clock_timestamp())::float8 AS now_s,
       (SELECT sum(pg_database_size(oid))::float8 FROM pg_catalog.pg_database
         WHERE pg_has_role('pg_read_all_stats', 'USAGE')) AS total,
       coalesce((SELECT json_agg(largest) FROM (
           SELECT left(datname, 60) AS name, pg_database_size(oid)::float8 AS bytes FROM pg_catalog.pg_database
            WHERE datallowconn AND NOT datistemplate AND pg_has_role('pg_read_all_stats', 'USAGE')
            ORDER BY 2 DESC LIMIT 20) AS largest), '[]') AS databases
"""


def _size(told: Told) -> Reading:
    row = told.row
    if not row["sees_all"]:
        return Reading(absent=GRANT)
    sizes = {each["name"]: each["bytes"] for each in row["databases"]}
    grown, kept = growth(told.memory, row["now_s"], sizes)
    found = []
    for name, size in sizes.items():
        found += gauges("postgres.database", {"bytes": size, "grown_bytes": grown.get(name)}, {"database": name})
    return Reading(tuple(found), kept)


SIZE = Ask(_SIZES, _size)


def _storage(told: Told) -> Reading:
    capacity = told.source.capacity.storage if told.source.capacity else None
    if capacity is None:
        return Reading(
            absent="How much storage the server has can't be asked by SQL. Declare it in the guide, on this source:"
            " capacity: {storage: 50GB}"
        )
    if not told.row["sees_all"]:
        return Reading(absent=GRANT)
    used = told.row["total"]
    return Reading(tuple(gauges("postgres.storage", {"bytes": used, "capacity": capacity, "share": used / capacity})))


STORAGE = Ask(_SIZES, _storage)
