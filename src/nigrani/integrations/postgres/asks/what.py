"""What the server is: version, who runs it, whether a pooler stands before it, and what it lacks for our questions."""

from __future__ import annotations

from nigrani.integrations.postgres.hosting import recognise

from .shape import Ask, Reading, Told, gauges


def _server(told: Told) -> Reading:
    row = told.row
    facts = {name: row[name] for name in ("settings", "roles", "extensions")} | {"is_pooled": told.is_pooled}
    found = recognise(facts)
    said = [f"PostgreSQL {row['version']}"]
    if found.host:
        said.append(found.host)
    if row["is_standby"]:
        said.append("a standby")
    text = ", ".join(said) + "."
    if found.is_pooled:
        text += f" Reached through a pooler. {found.advice}"
    if not row["has_statements"]:
        text += " pg_stat_statements is not installed in this database."
    if not row["sees_all"]:
        text += " Its role lacks pg_monitor."
    kept = {"version": row["version"], "host": found.host, "is_pooled": found.is_pooled, "advice": found.advice}
    values = {"is_standby": float(row["is_standby"]), "is_pooled": float(found.is_pooled)}
    return Reading(tuple(gauges("postgres.server", values)), kept, detail=text)


SERVER = Ask(
    r"""
SELECT pg_backend_pid() AS pid, current_setting('server_version') AS version, pg_is_in_recovery() AS is_standby,
       pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all,
       EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'pg_stat_statements') AS has_statements,
       coalesce((SELECT json_agg(name) FROM (SELECT name FROM pg_catalog.pg_settings
                  WHERE name LIKE ANY (ARRAY['rds.%', 'supautils.%', 'supabase.%', 'neon.%', 'azure.%', 'cloudsql.%'])
                  ORDER BY name LIMIT 50) AS s), '[]') AS settings,
       coalesce((SELECT json_agg(rolname) FROM (SELECT rolname FROM pg_catalog.pg_roles
                  WHERE rolname ~ '^(rds|supabase|neon|azure|cloudsql)' ORDER BY rolname LIMIT 50) AS r), '[]')
           AS roles,
       coalesce((SELECT json_agg(extname) FROM (SELECT extname FROM pg_catalog.pg_extension ORDER BY extname
                  LIMIT 100) AS e), '[]') AS extensions
""",
    _server,
)
