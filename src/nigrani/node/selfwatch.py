"""What Nigrani measures of itself, as facts like any other: guide rules may alert on them.

nigrani.loop.lag_s{loop}         since the loop last finished a turn without error
nigrani.source.age_s{source}     since the source's last usable answer, or since we began to ask if there was none
nigrani.source.age_ratio{source} its worst silence as a part of what is borne: over 1 it, or a question of it, is dark
nigrani.outbox.waiting           messages not yet accepted by their receiver
nigrani.outbox.oldest_age_s      how long the oldest of them waits; 0 when none does
nigrani.journal.backlog_rows     facts acknowledged and not yet in telemetry
nigrani.journal.backlog_bytes    the same, on disk
nigrani.journal.rejected         batches that telemetry would not take: facts that no measure will ever see
nigrani.guide.mistakes           in the text that the guide's folder holds; 0 when it can be read
nigrani.guide.waiting            1 while a version of the guide waits for confirmation, else 0
nigrani.memory.rss_bytes         of the process that runs the loops
nigrani.memory.pss_bytes{process} of each process of the installation, with what it started
nigrani.survey.findings          what the last survey found in the watched system
nigrani.survey.new               how much of that the survey before it had not found
nigrani.deadman.sent{outcome}    1 when a ping went out, 0 when not, and why (deadman.py)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from nigrani.guide.model import Guide
from nigrani.lib import clock
from nigrani.lib.home import Home
from nigrani.outbox import queries as outbox
from nigrani.sources import queries as sources
from nigrani.survey import queries as surveys
from nigrani.telemetry import journal
from nigrani.versions import queries as versions

from . import pids, standing

SOURCE = "nigrani"
Row = dict[str, object]
_LEAP_S = 5.0  # a clock that went further than the process's own was set forward, or the machine slept


class Awake:
    """How long this process has been asking without a pause; a leap of the clock counts as one."""

    def __init__(self) -> None:
        self._began = self._here = clock.monotonic()
        self._now: datetime | None = None

    def since(self, now: datetime) -> timedelta:
        """Return how long, as of this turn."""
        here = clock.monotonic()
        if self._now is not None and (now - self._now).total_seconds() - (here - self._here) > _LEAP_S:
            self._began = here
        self._now, self._here = now, here
        return timedelta(seconds=here - self._began)


def gauge(name: str, value: float, *, at: datetime, **labels: str) -> Row:
    """Return a row of the gauges table."""
    return {"at": at, "source": SOURCE, "name": name, "labels": labels, "value": float(value)}


def record(guide: Guide, *, lags: Mapping[str, float], now: datetime, awake: timedelta) -> int:
    """Append every gauge to the journal; returns how many. awake: how long we have been asking without a pause.

    What needs PostgreSQL comes last: when it does not answer, the rest is recorded and the error raised, so that
    this loop is late and the dead-man's switch hears of it.
    """
    rows = [*_of_loops(lags, now), *_of_journal(now), *_of_memory(now)]
    try:
        rows += [*_of_sources(guide, now, awake), *_of_outbox(now), *_of_guide(now), *_of_survey(now)]
    finally:
        journal.append("gauges", rows)
    return len(rows)


def _of_loops(lags: Mapping[str, float], now: datetime) -> Iterator[Row]:
    for loop, lag_s in lags.items():
        yield gauge("nigrani.loop.lag_s", lag_s, at=now, loop=loop)


def _of_journal(now: datetime) -> Iterator[Row]:
    backlog = journal.backlog()
    yield gauge("nigrani.journal.backlog_rows", backlog.rows, at=now)
    yield gauge("nigrani.journal.backlog_bytes", backlog.size_bytes, at=now)
    yield gauge("nigrani.journal.rejected", journal.current().rejected(), at=now)


def _of_memory(now: datetime) -> Iterator[Row]:
    yield gauge("nigrani.memory.rss_bytes", pids.rss_bytes(), at=now)
    told = standing.read(Home.from_environment())
    if told is None:
        return
    if (own := pids.pss_bytes(told.supervisor.pid)) is not None:
        yield gauge("nigrani.memory.pss_bytes", own, at=now, process="supervisor")
    for name, entry in told.children.items():
        if pids.is_running(entry.pid, entry.mark) and (size := pids.tree_pss_bytes(entry.pid)) is not None:
            yield gauge("nigrani.memory.pss_bytes", size, at=now, process=name)


def _of_sources(guide: Guide, now: datetime, awake: timedelta) -> Iterator[Row]:
    for name, silence_s in sources.silences(guide, now).items():
        yield gauge("nigrani.source.age_s", silence_s, at=now, source=name)
    for name, ratio in sources.darkness(guide, now, asking_for=awake).items():
        yield gauge("nigrani.source.age_ratio", ratio, at=now, source=name)


def _of_survey(now: datetime) -> Iterator[Row]:
    if (last := surveys.standing()) is not None:
        yield gauge("nigrani.survey.findings", last[0], at=now)
        yield gauge("nigrani.survey.new", last[1], at=now)


def _of_outbox(now: datetime) -> Iterator[Row]:
    queue = outbox.waiting(now)
    yield gauge("nigrani.outbox.waiting", queue.count, at=now)
    yield gauge("nigrani.outbox.oldest_age_s", queue.oldest_age_s or 0.0, at=now)


def _of_guide(now: datetime) -> Iterator[Row]:
    pending = versions.pending(now=now)
    yield gauge("nigrani.guide.mistakes", len(pending.refused.mistakes) if pending.refused else 0, at=now)
    yield gauge("nigrani.guide.waiting", 1 if pending.waiting else 0, at=now)
