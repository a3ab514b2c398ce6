"""Compute readings: for every measure, the minutes that new facts touched, once a pass and in a few queries.

One pass looks once at what was received since the watermark, runs the SQL of each measure that is touched over whole
minutes, writes all readings in one insert and moves the watermarks. A measure whose text changed starts anew with the
last hour and then fills its past in chunks. A measure that fails says why, is tried again every RETRY, and stops no
other.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nigrani.guide.model import Guide, Measure
from nigrani.lib import clock
from nigrani.lib.errors import NigraniError, Unreachable
from nigrani.telemetry import journal, store

from . import history, touched, written
from .models import Watermark
from .rows import MAX_SERIES, Reading, readings, sql_hash
from .values import Window, minute

log = logging.getLogger(__name__)

RETRY = timedelta(seconds=30)
PATIENCE = timedelta(minutes=1)  # how long facts of sources that a measure does not need may wait; below OVERLAP
REST = timedelta(milliseconds=10)  # a series: a measure of 1,000 series is renewed every 10 s
FIRST = timedelta(hours=1)
CHUNK = timedelta(hours=6)
KEEP_FRESH = timedelta(seconds=30)  # how old a watermark in PostgreSQL may get while nothing happens
TOGETHER = timedelta(minutes=1)
_MAX_SECONDS = 20
_MINUTE = timedelta(minutes=1)


@dataclass
class Memory:
    """What a process remembers between passes to save work; see touched.py.

    waiting: minutes that a measure has still to compute, since when by our own clock; wanted: those of a source that
    it needs are among them. rests_until: from when until when a measure of many series rests.
    """

    counts: touched.Counts = field(default_factory=dict)
    waiting: dict[str, set[datetime]] = field(default_factory=dict)
    waiting_since: dict[str, float] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)
    rests_until: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


_memory = Memory()


@dataclass
class Work:
    """One measure in one pass: its watermark, the minutes to compute, and what came of it."""

    measure: Measure
    mark: Watermark
    minutes: set[datetime] = field(default_factory=set)
    spans: list[tuple[datetime, datetime]] = field(default_factory=list)
    found: list[Reading] = field(default_factory=list)
    is_new: bool = False
    is_moved: bool = False


def compute(guide: Guide, *, now: datetime) -> int:
    """Bring readings up to `now`. Returns how many readings were written.

    Raises SourceError when telemetry does not answer: watermarks stay, so what was missed is computed when it is
    back, and meanwhile readings count as behind (standing.py).
    """
    with _memory.lock:
        return _pass(guide, now)


def _pass(guide: Guide, now: datetime) -> int:
    works = _works(guide, now)
    if not works:
        return 0
    oldest = journal.backlog().oldest_at  # asked before looking: what is shipped in between is seen twice, never missed
    counts = _find_minutes(works, now)
    for work in works:
        _run(work, now)
    stamp = _stamp(works, now)
    done = written.write([(work.measure.name, work.mark.sql_hash, work.found) for work in works], at=stamp)
    written.erase_vanished(
        [(work.measure.name, work.mark.sql_hash, work.spans) for work in works if work.spans and not work.is_new],
        before=stamp,
    )
    done += history.fill(works, ask, now=now, stamp=stamp)
    _move_watermarks(works, to=min(now, oldest) if oldest else now, now=now, stamp=stamp)
    _memory.counts = counts
    for work in works:
        if work.spans:
            _memory.waiting.pop(work.measure.name, None)
            _memory.waiting_since.pop(work.measure.name, None)
            _memory.wanted.discard(work.measure.name)
            _memory.rests_until[work.measure.name] = (
                now,
                now + min(REST * len({each.key for each in work.found}), PATIENCE),
            )
    return done


def _works(guide: Guide, now: datetime) -> list[Work]:
    """Return the measures to look at now: those that have their sources, without those that wait for a retry."""
    marks = {mark.measure: mark for mark in Watermark.objects.all()}
    works = []
    for measure in guide.measures.values():
        if not all(guide.sources[name].is_set_up for name in measure.needs if name in guide.sources):
            continue
        mark, text = marks.get(measure.name), sql_hash(measure)
        if mark is not None and mark.sql_hash == text and _waits(mark, now):
            continue
        if mark is None or mark.sql_hash != text or mark.read_at is None:
            start = minute(now) if measure.read_from else minute(now - FIRST)
            fresh = Watermark(measure=measure.name, sql_hash=text, received_to=now, filled_from=start)
            if mark is not None and mark.sql_hash == text:
                fresh.error, fresh.failing_since = mark.error, mark.failing_since
            works.append(Work(measure, fresh, spans=[(start, minute(now) + _MINUTE)], is_new=True))
        else:
            works.append(Work(measure, mark))
    return works


def _waits(mark: Watermark, now: datetime) -> bool:
    tried_at = mark.tried_at if mark.error else None
    return tried_at is not None and timedelta() <= now - tried_at < RETRY


def _find_minutes(works: list[Work], now: datetime) -> touched.Counts:
    """Give each measure its touched minutes. Returns what to remember of this look.

    Measures whose watermarks lie close together (all of them, on an ordinary day) share one look and what the last
    one remembered. A measure that lags behind or failed is looked at by itself, without a memory.
    """
    old = [work for work in works if not work.is_new]
    newest = max((min(work.mark.received_to, now) for work in old), default=now)
    together = [work for work in old if not work.mark.error and newest - work.mark.received_to < TOGETHER]
    remember = _look(together or works, since=_since(together, now), now=now)
    fresh = touched.changed(_memory.counts, remember)
    for work in together:
        _take(work, fresh, now=now)
    for work in old:
        if work not in together:
            alone = _look([work], since=_since([work], now), now=now)
            work.minutes = {group.minute for group in alone if group.table in work.measure.tables}
            work.minutes |= _memory.waiting.get(work.measure.name, set())
            work.minutes |= {minute(now)} if work.mark.error else set()
    for work in old:
        work.spans = touched.spans(work.minutes, gap=5 * _MINUTE, most=CHUNK)
    return remember


def _since(works: Iterable[Work], now: datetime) -> datetime:
    return max(min((work.mark.received_to for work in works), default=now), now - touched.LOOKBACK)


def _look(works: Iterable[Work], *, since: datetime, now: datetime) -> touched.Counts:
    return touched.look({t for work in works for t in work.measure.tables}, since=min(since, now), now=now)


def _take(work: Work, fresh: Iterable[touched.Group], *, now: datetime) -> None:
    """Decide which touched minutes a measure computes now.

    Facts of sources that it does not need, and gauges that it does not name, may wait a little; so may all when it
    wrote many readings just now.
    """
    name, needs, topics = work.measure.name, work.measure.needs, touched.topics(work.measure.sql)
    waiting = _memory.waiting.setdefault(name, set())
    mine = [group for group in fresh if group.table in work.measure.tables]
    waiting.update(group.minute for group in mine)
    named = [group for group in mine if not (group.topic and topics) or group.topic in topics]
    if any(not needs or group.source in needs for group in named):
        _memory.wanted.add(name)
    if not waiting:
        return
    began = _memory.waiting_since.setdefault(name, clock.monotonic())
    is_patient = clock.monotonic() - began < PATIENCE.total_seconds()
    if is_patient and (name not in _memory.wanted or _rests(name, now)):
        return
    work.minutes = set(waiting)


def _rests(name: str, now: datetime) -> bool:
    began, until = _memory.rests_until.get(name, (now, now))
    return began <= now < until


def _run(work: Work, now: datetime) -> None:
    """Run a measure's SQL over its spans; a failure is kept on its watermark and computes nothing."""
    mark, failed = work.mark, ""
    try:
        work.found = [reading for start, end in work.spans for reading in ask(work.measure, start, end)]
    except NigraniError as error:
        if isinstance(error, Unreachable):
            store.ping()  # raises when it is the store that is away, and not this one measure that takes too long
        failed, work.found, work.spans = str(error), [], []
        mark.tried_at = now
    if failed and not mark.error:
        mark.failing_since = now
        extra = {"action": "measure.failing", "measure": work.measure.name}
        log.warning("The measure %s can't be computed: %s", work.measure.name, failed, extra=extra)
    elif mark.error and not failed:
        mark.failing_since = None
        extra = {"action": "measure.recovered", "measure": work.measure.name}
        log.info("The measure %s is computed again.", work.measure.name, extra=extra)
    mark.error = failed


def ask(measure: Measure, start: datetime, end: datetime) -> list[Reading]:
    """Run a measure's SQL over the whole minutes [start, end) and return its readings, checked."""
    minutes = int((end - start) / _MINUTE)
    rows = store.guarded(
        measure.sql, {"start": start, "end": end}, max_seconds=_MAX_SECONDS, max_rows=(MAX_SERIES + 1) * minutes
    )
    return readings(measure, rows, Window(start, end))


def _stamp(works: Iterable[Work], now: datetime) -> datetime:
    """Return the instant that marks this pass's readings as the newest, even when the clock was set back."""
    last = max((work.mark.read_at for work in works if work.mark.read_at), default=None)
    return max(now, last + timedelta(milliseconds=1)) if last else now


def _move_watermarks(works: list[Work], *, to: datetime, now: datetime, stamp: datetime) -> None:
    moved = []
    for work in works:
        mark = work.mark
        before = mark.received_to
        if not mark.error:
            mark.received_to = to
            if work.spans:
                mark.read_at = stamp
        if work.is_new or work.spans or mark.error or abs(to - before) >= KEEP_FRESH or work.is_moved:
            moved.append(mark)
    if moved:
        Watermark.objects.bulk_create(moved, update_conflicts=True, unique_fields=["measure"], update_fields=_FIELDS)


_FIELDS = ["sql_hash", "received_to", "filled_from", "read_at", "tried_at", "failing_since", "error"]
