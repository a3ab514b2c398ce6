"""Read a table on and on: the rows after a place, in the order of watermark and id, a page at a time.

The guide's SELECT is wrapped, never changed: `SELECT * FROM (…) feed WHERE … ORDER BY … LIMIT`. PostgreSQL pulls a
plain SELECT up into it, so an index on the watermark serves range and order, and a page costs by its own rows.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from nigrani.integrations import Page, PollJob, PollRow
from nigrani.lib import postgres
from nigrani.lib.errors import Refused, SourceError, Unreadable
from nigrani.lib.postgres_errors import PostgresError, told

from .config import SourceConfig
from .selects import inspect

_MOST_ASIDE = 1000
_TIMESTAMP, _TIMESTAMPTZ = 1114, 1184  # OIDs of PostgreSQL's catalogue
_COLUMNS = """
SELECT DISTINCT a.attname::text AS name
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relname = ANY($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
"""


def poll(job: PollJob) -> Page:
    """Return the rows from `job.after` on (past `job.after_id`, if that is set), before `job.until`.

    A page of huge rows is read in smaller ones. Raises SourceError; a column that is missing, or is no time, is named
    with the nearest there is.
    """
    try:
        return _page(job)
    except SourceError as error:
        if not _is_too_large(error) or job.limit == 1:
            raise
        return poll(replace(job, limit=max(1, job.limit // 10)))


def _page(job: PollJob) -> Page:
    mark, key = _quoted(job.watermark), _quoted(job.id)
    params: list[object] = [_naive(job, job.after), _naive(job, job.until), job.limit]
    where = f"feed.{mark} >= $1 AND feed.{mark} < $2"
    if job.after_id is not None:
        where += f" AND (feed.{mark}, feed.{key}) > ($1, $4)"
        params.append(job.after_id)
    # The columns are quoted names, the SELECT is the guide's own, run as a role that may only read.
    sql = f"SELECT * FROM (\n{job.sql}\n) AS feed WHERE {where} ORDER BY feed.{mark}, feed.{key} LIMIT $3"  # noqa: S608
    found = _run(job, sql, params, max_rows=job.limit)
    columns = found.columns
    _judge_type(job, found)
    rows = tuple(_row(job, dict(zip(columns, row, strict=True))) for row in found.rows)
    return Page(rows, is_last=len(rows) < job.limit, ms=found.ms.get("total", 0.0))


def oldest(job: PollJob) -> datetime | None:
    """Return the watermark of the oldest row there is, None when there is none."""
    mark = _quoted(job.watermark)
    sql = f"SELECT feed.{mark} FROM (\n{job.sql}\n) AS feed WHERE feed.{mark} IS NOT NULL ORDER BY 1 LIMIT 1"  # noqa: S608
    found = _run(job, sql, (), max_rows=1)
    return _instant(job, found.rows[0][0]) if found.rows else None


def count(job: PollJob) -> int:
    """Return how many rows with an id there are from `job.after` on, before `job.until`."""
    mark, key = _quoted(job.watermark), _quoted(job.id)
    where = f"feed.{mark} >= $1 AND feed.{mark} < $2 AND feed.{key} IS NOT NULL"
    sql = f"SELECT count(*) FROM (\n{job.sql}\n) AS feed WHERE {where}"  # noqa: S608
    found = _run(job, sql, [_naive(job, job.after), _naive(job, job.until)], max_rows=1)
    return int(found.rows[0][0])


def aside(job: PollJob) -> tuple[int, int]:
    """Return how many rows lie at or after `job.until`, and how many have no time at all; counted up to a thousand."""
    mark = _quoted(job.watermark)
    ahead = f"SELECT 1 FROM (\n{job.sql}\n) AS feed WHERE feed.{mark} >= $1 LIMIT {_MOST_ASIDE}"  # noqa: S608
    timeless = f"SELECT 1 FROM (\n{job.sql}\n) AS feed WHERE feed.{mark} IS NULL LIMIT {_MOST_ASIDE}"  # noqa: S608
    sql = f"SELECT (SELECT count(*) FROM ({ahead}) a), (SELECT count(*) FROM ({timeless}) b)"  # noqa: S608
    found = _run(job, sql, [_naive(job, job.until)], max_rows=1)
    return int(found.rows[0][0]), int(found.rows[0][1])


def _run(job: PollJob, sql: str, params: Sequence[object], *, max_rows: int) -> postgres.Rows:
    config: SourceConfig = job.source_config
    try:
        found = postgres.run(config.dsn, sql, params, deadline=job.timeout, max_rows=max_rows)
    except SourceError as error:
        if (explained := _explained(job, error)) is error:
            raise
        raise explained from error
    if found.is_superuser and not config.allow_superuser:
        raise Refused(
            "The monitor's role is a superuser, which may do anything.",
            "Create nigrani_monitor, or set allow_superuser: true.",
        )
    return found


def _explained(job: PollJob, error: SourceError) -> SourceError:
    """Say what the server's words mean for a feed: which column is missing, what to grant."""
    behind = told(error)
    table = ", ".join(inspect(job.sql).tables)
    if behind.sqlstate == "42703":
        name = re.search(r"column \"?(?:[\w]+\.)?\"?([^\"\s]+?)\"? does not exist", behind.text)
        return Refused(f"The column {name[1] if name else '?'} is missing in {table}.", _nearest(job, name))
    if behind.sqlstate == "42P01":
        return Refused(f"The table is missing: {_said(behind.text)}.", "It was renamed, or lies outside search_path.")
    if behind.sqlstate == "42501":
        return Refused(f"The role may not read it: {_said(behind.text)}.", "Grant it: nigrani init --sql prints how.")
    if behind.sqlstate in ("42883", "42804", "22P02", "22007"):
        return Refused(f"A column is of another type than the feed says: {_said(behind.text)}.", "See its `sql`.")
    return error


def _is_too_large(error: SourceError) -> bool:
    cause = error.__cause__
    return isinstance(cause, PostgresError) and cause.word == "size"


def _said(text: str) -> str:
    return text.rpartition("It said: ")[2].rstrip(".")


def _nearest(job: PollJob, name: re.Match[str] | None) -> str:
    config: SourceConfig = job.source_config
    try:
        found = postgres.run(
            config.dsn, _COLUMNS, [list(inspect(job.sql).tables)], deadline=job.timeout, max_rows=_MOST_ASIDE
        )
    except SourceError:
        return "What columns there are could not be read."
    names = sorted(str(row[0]) for row in found.rows)
    wanted = name[1] if name else ""
    folded = {each.lower(): each for each in names}
    close = difflib.get_close_matches(wanted.lower(), list(folded), n=1, cutoff=0.5)
    nearest = f"The nearest there is: {folded[close[0]]}." if close else f"There are: {', '.join(names[:20])}."
    return f"{nearest} Change the feed's `sql`, or give the column back; the reading goes on from where it stands."


def _row(job: PollJob, values: dict[str, object]) -> PollRow:
    key = values.get(job.id)
    return PollRow(_instant(job, values.get(job.watermark)), None if key is None else str(key), values)


def _judge_type(job: PollJob, found: postgres.Rows) -> None:
    """Hold the watermark's type against what the feed says of it, also when there is no row to see it by."""
    if job.watermark not in found.columns:
        raise Unreadable(f"The SELECT returns no column {job.watermark}.", f"It returns {', '.join(found.columns)}.")
    kind = found.types[found.columns.index(job.watermark)]
    if kind not in (_TIMESTAMP, _TIMESTAMPTZ):
        raise Refused(
            f"The watermark {job.watermark} is of another type than a time.",
            "Name a column of type timestamp, or cast it in the feed's `sql`.",
        )
    if kind == _TIMESTAMP and job.zone is None:
        raise Refused(f"The watermark {job.watermark} has no time zone, and the feed names none.", "Write: zone: UTC")
    if kind == _TIMESTAMPTZ and job.zone is not None:
        raise Refused(f"The watermark {job.watermark} has a time zone of its own.", f"Take out: zone: {job.zone.key}")


def _instant(job: PollJob, value: object) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    return (value if job.zone is None else value.replace(tzinfo=job.zone)).astimezone(UTC)


def _naive(job: PollJob, at: datetime) -> datetime:
    """Return an instant as the watermark's column would hold it."""
    return at if job.zone is None else at.astimezone(job.zone).replace(tzinfo=None)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
