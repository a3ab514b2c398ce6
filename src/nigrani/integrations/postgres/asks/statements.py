"""What the application's statements cost, from pg_stat_statements: differences from one answer to the next.

What comes of them are means over an interval, and are called so: the server keeps no single durations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from nigrani.integrations import Gauge

from .shape import GRANT, Ask, Reading, Told, gauges, since

KEPT = 500  # (the LIMIT below) statements compared, by total time; those below cost less in all than any of these
_LONGEST = 150
_LITERAL = re.compile(
    r"""/\*.*?(?:\*/|$) | --[^\n]* | \$(\w*)\$.*?(?:\$\1\$|$) | [eEbBxXnN]?'(?:[^'\\]|''|\\.)*(?:'|$)
    | "(?:[^"]|"")*(?:"|$) | \$\d+ | \b\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?\b""",
    re.VERBOSE | re.DOTALL,
)

NO_EXTENSION = (
    "pg_stat_statements is not installed in this database. Set shared_preload_libraries = 'pg_stat_statements',"
    " restart, and run as a superuser: CREATE EXTENSION pg_stat_statements"
)
NOT_LOADED = (
    "pg_stat_statements is not loaded. Set shared_preload_libraries = 'pg_stat_statements' and restart the server"
)


def normalised(text: str) -> str:
    """Return a statement without literals and comments, in one line of bounded length.

    pg_stat_statements puts $1 for values in queries, but keeps those of other statements, passwords among them.
    """

    def put(found: re.Match[str]) -> str:
        part = found.group()
        if part.startswith(("/*", "--")):
            return " "
        return part if part.startswith('"') or re.fullmatch(r"\$\d+", part) else "?"

    line = " ".join(_LITERAL.sub(put, text).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _read(told: Told) -> Reading:
    row = told.row
    if not row["sees_all"]:
        return Reading(absent=GRANT)
    kept = {
        "now_s": row["now_s"],
        "reset_s": row["reset_s"],
        "own_ms": row["own_ms"],
        "is_whole": len(row["statements"]) < KEPT,
        "of": {each["id"]: [each["calls"], each["ms"]] for each in row["statements"]},
    }
    if since(told.memory, row["now_s"]) is None:
        return Reading(memory=kept, detail="The first look; means come with the next.")
    spent = sorted(_spent(row["statements"], told.memory, row["reset_s"]), key=lambda each: -each[2])
    calls, ms = sum(each[1] for each in spent), sum(each[2] for each in spent)
    found = gauges("postgres.statements", {"calls": calls, "total_ms": ms, "mean_ms": ms / calls if calls else None})
    own = row["own_ms"] - (told.memory.get("own_ms") or 0)
    found += gauges("postgres.own", {"exec_ms": own if own >= 0 else None})
    top = told.probe.top
    slowest = sorted(spent, key=lambda each: -each[2] / each[1])[:top]
    for each, count, took in {each[0]["id"]: each for each in (*spent[:top], *slowest)}.values():
        found += _statement(each, count, took)
    return Reading(tuple(found), kept)


def _spent(
    statements: list[dict[str, Any]], memory: Mapping[str, Any], reset_s: float | None
) -> Iterator[tuple[dict[str, Any], float, float]]:
    """Yield each statement with its calls and milliseconds since the last answer.

    A statement whose counters fell was forgotten in between (a reset, or too many others) and counts from 0 again. One
    that was not among those compared before counts from 0 only when all of them were.
    """
    was_reset = memory.get("reset_s") != reset_s
    before = memory.get("of", {})
    for each in statements:
        calls, ms = before.get(each["id"], (0, 0.0))
        if was_reset or each["calls"] < calls or each["ms"] < ms:
            calls, ms = 0, 0.0
        elif each["id"] not in before and not memory.get("is_whole"):
            continue
        if each["calls"] > calls:
            yield each, each["calls"] - calls, each["ms"] - ms


def _statement(each: Mapping[str, Any], calls: float, ms: float) -> list[Gauge]:
    labels = {"query": f"{normalised(each['query'] or '(text not kept)')} (id {each['id']})"}
    return gauges("postgres.statement", {"calls": calls, "total_ms": ms}, labels)


# Our own statements are left out, unless an application shares our role (it owns tables then).
# {schema}: where the extension's view lies; found out when it is not on the role's own search path.
_SQL = """
WITH one AS (
    SELECT s.queryid, sum(s.calls)::float8 AS calls, sum(s.total_exec_time)::float8 AS ms,
           min(left(s.query, 4000)) AS query
      FROM {schema}pg_stat_statements s
     WHERE s.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
       AND s.queryid IS NOT NULL
       AND (s.userid <> (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user)
            OR EXISTS (SELECT FROM pg_catalog.pg_class WHERE relowner = s.userid))
     GROUP BY s.queryid ORDER BY ms DESC LIMIT 500
)
SELECT pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all,
       extract(epoch FROM clock_timestamp())::float8 AS now_s,
       (SELECT extract(epoch FROM stats_reset)::float8 FROM {schema}pg_stat_statements_info) AS reset_s,
       (SELECT coalesce(sum(total_exec_time), 0)::float8 FROM {schema}pg_stat_statements(false)
         WHERE userid = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user)) AS own_ms,
       coalesce((SELECT json_agg(json_build_object('id', one.queryid::text, 'calls', one.calls, 'ms', one.ms,
                                                   'query', one.query)) FROM one), '[]') AS statements
"""


def statement(schema: str = "") -> str:
    """Return the ask's SQL; schema: where the view lies, quoted and with its dot, "" for the role's search path."""
    return _SQL.replace("{schema}", schema)


# Asked when the view is not found: the extension may lie in a schema of its own, as managed servers put it.
WHERE_IS_IT = """
SELECT quote_ident(n.nspname) || '.' AS schema
  FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = 'pg_stat_statements'
"""

STATEMENTS = Ask(
    statement(),
    _read,
    absences={"42P01": NO_EXTENSION, "42883": NO_EXTENSION, "55000": NOT_LOADED},
)
