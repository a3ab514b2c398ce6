"""Fill a measure's past: what facts were kept before it (or its present text) began, in chunks, newest first."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from nigrani.guide.model import Measure
from nigrani.lib import clock
from nigrani.lib.errors import NigraniError, Unreachable
from nigrani.lib.units import show_duration
from nigrani.telemetry import store
from nigrani.telemetry.tables import TABLES

from . import written
from .models import Watermark
from .rows import Reading

log = logging.getLogger(__name__)

DEPTH = timedelta(days=90)  # as far back as facts are kept, so that a changed rule can be tried on all of it
FIRST, LEAST, MOST = timedelta(hours=1), timedelta(minutes=10), timedelta(hours=6)  # how much is computed at once
BUDGET_S = 0.5  # of one pass; what is judged now must not wait for the past
_QUICK_S, _SLOW_S = 0.1, 0.3  # of one chunk: below the one the next is longer, above the other shorter

_chunks: dict[str, timedelta] = {}  # what a process has learned of each text; it saves work and decides nothing


class Filled(Protocol):
    """A measure whose past may want filling."""

    measure: Measure
    mark: Watermark
    is_moved: bool


def fill(
    works: Iterable[Filled],
    ask: Callable[[Measure, datetime, datetime], Sequence[Reading]],
    *,
    now: datetime,
    stamp: datetime,
) -> int:
    """Compute chunks of the past, each of the measure that lacks the least of it, for BUDGET_S. Returns the number of
    readings.

    A chunk is as long as its measure is quick. One that fails is tried in smaller ones; the smallest is then left out:
    the past is not worth a measure that works today.
    """
    target = (now - DEPTH).replace(second=0, microsecond=0)
    # What a measure reads itself is so now, and was never recorded before.
    works = [work for work in works if not work.mark.error and not work.measure.read_from]
    wanting = [work for work in works if work.mark.filled_from > target]
    if not wanting:
        return 0
    oldest = _oldest_facts({table for work in wanting for table in work.measure.tables}, since=target)
    until, done = clock.monotonic() + BUDGET_S, 0
    while True:
        for work in wanting:
            begins = min((oldest[table] for table in work.measure.tables if table in oldest), default=None)
            if begins is None or begins >= work.mark.filled_from:
                work.mark.filled_from, work.is_moved = target, True
        wanting = [work for work in wanting if work.mark.filled_from > target]
        if not wanting:
            break
        done += _chunk(max(wanting, key=lambda each: each.mark.filled_from), ask, target=target, stamp=stamp)
        if clock.monotonic() >= until:
            break
    return done


def _chunk(
    work: Filled,
    ask: Callable[[Measure, datetime, datetime], Sequence[Reading]],
    *,
    target: datetime,
    stamp: datetime,
) -> int:
    end, text = work.mark.filled_from, work.mark.sql_hash
    chunk = _chunks.get(text, FIRST)
    start = max(target, end - chunk)
    found: Sequence[Reading] = ()
    began = clock.monotonic()
    try:
        found = ask(work.measure, start, end)
    except NigraniError as error:
        if isinstance(error, Unreachable):
            store.ping()  # raises when it is the store that is away
        if chunk > LEAST:
            _chunks[text] = max(LEAST, chunk / 4)
            return 0
        extra = {"action": "measure.past_skipped", "measure": work.measure.name}
        lost = show_duration(end - start)
        log.warning("%s of the past of %s can't be computed: %s", lost, work.measure.name, error, extra=extra)
    else:
        took_s = clock.monotonic() - began
        if took_s > _SLOW_S or took_s < _QUICK_S:
            _chunks[text] = min(MOST, max(LEAST, chunk / 2 if took_s > _SLOW_S else chunk * 2))
    work.mark.filled_from, work.is_moved = start, True
    return written.write([(work.measure.name, work.mark.sql_hash, found)], at=stamp)


def _oldest_facts(tables: Iterable[str], *, since: datetime) -> dict[str, datetime]:
    """Return when each table's oldest fact from `since` on happened; tables without one are left out."""
    sql = " UNION ALL ".join(
        f"SELECT '{table}' AS kind, minOrNull(at) AS oldest FROM {table} WHERE at >= {{since:DateTime64(3)}}"  # noqa: S608
        for table in sorted(set(tables) & TABLES.keys())
    )
    if not sql:
        return {}
    return {row["kind"]: row["oldest"] for row in store.query(sql, {"since": since}) if row["oldest"] is not None}
