"""Write many probes' outcomes in two statements, however many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

# Only the worker that still holds the lease writes: one that was thought dead is too late.
_PROBES = """
UPDATE sources_probe AS p
   SET next_at = new.next_at, leased_until = NULL, state = new.state, suspect = new.suspect, since = new.since,
       last_at = new.last_at, last_outcome = new.last_outcome, last_failure = new.last_failure,
       last_detail = new.last_detail, last_ms = new.last_ms,
       last_ok_at = CASE WHEN new.last_outcome = 'ok' THEN new.last_at ELSE p.last_ok_at END,
       blind_since = CASE WHEN new.last_outcome = 'blind' THEN coalesce(p.blind_since, new.last_at) END,
       memory = coalesce(new.memory::jsonb, p.memory), cost_ms = new.cost_ms, pace = new.pace
  FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::boolean[], %s::timestamptz[],
              %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::float8[], %s::text[], %s::float8[],
              %s::interval[])
       AS new (id, lease, next_at, state, suspect, since, last_at, last_outcome, last_failure, last_detail, last_ms,
               memory, cost_ms, pace)
 WHERE p.id = new.id AND p.leased_until = new.lease
"""
# Answers may be written out of order by two workers, so the later moment wins.
_SOURCES = """
UPDATE sources_source AS s
   SET last_ok_at = greatest(s.last_ok_at, new.ok_at), last_fail_at = greatest(s.last_fail_at, new.fail_at),
       answers = s.answers + new.answers, failures = s.failures + new.failures
  FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::bigint[], %s::bigint[])
       AS new (id, ok_at, fail_at, answers, failures)
 WHERE s.id = new.id
"""
# Due later than one interval from now: planned by a clock set back since, or by an earlier guide's longer interval.
_PULL = """
UPDATE sources_probe SET next_at = %(now)s
 WHERE next_at > %(now)s + CASE WHEN last_failure = 'throttled' THEN interval '1 hour'
                                  ELSE greatest(every, pace) END
"""


@dataclass(frozen=True)
class Written:
    """One probe's new row. `lease` is the lease it was claimed under. memory: JSON, or None to leave what is kept."""

    id: int
    lease: datetime
    next_at: datetime
    state: str
    suspect: bool
    since: datetime
    last_at: datetime
    last_outcome: str
    last_failure: str
    last_detail: str
    last_ms: float | None
    memory: str | None = None
    cost_ms: float = 0
    pace: timedelta | None = None


def write(rows: Sequence[tuple[int, Written]]) -> int:
    """Write (source id, probe row) pairs. Returns how many probes were still ours."""
    answers = Counter(source for source, row in rows if row.last_outcome != "blind")
    failures = Counter(source for source, row in rows if row.last_outcome == "blind")
    ids = sorted({source for source, _ in rows})  # in one order, so that two workers never wait for each other
    ok_at, fail_at = _latest(rows, blind=False), _latest(rows, blind=True)
    # Probes first and by id as well: an UPDATE locks in the order it finds the rows.
    columns = [list(column) for column in zip(*sorted(astuple(row) for _, row in rows), strict=True)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_PROBES, columns)
        kept: int = cursor.rowcount
        cursor.execute(
            _SOURCES,
            [ids, *([by.get(each) for each in ids] for by in (ok_at, fail_at)),
             *([by[each] for each in ids] for by in (answers, failures))],
        )  # fmt: skip
    return kept


def pull(now: datetime) -> int:
    """Make due at once what would otherwise wait for a time that a clock has left behind."""
    with connection.cursor() as cursor:
        cursor.execute(_PULL, {"now": now})
        pulled: int = cursor.rowcount
        return pulled


def _latest(rows: Sequence[tuple[int, Written]], *, blind: bool) -> dict[int, datetime]:
    found: dict[int, datetime] = {}
    for source, row in rows:
        if (row.last_outcome == "blind") == blind:
            found[source] = max(found.get(source, row.last_at), row.last_at)
    return found
