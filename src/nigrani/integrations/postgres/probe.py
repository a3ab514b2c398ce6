"""Ask databases side by side, each question within its timeout, and tell answers from being blind."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from nigrani.integrations import Answer, Gauge, ProbeJob
from nigrani.lib import clock, postgres
from nigrani.lib.errors import Refused, SourceError, Throttled, Unreadable
from nigrani.lib.postgres_errors import PostgresError, told

from . import hosting, measured
from .asks import ASKS, statements
from .asks.shape import Ask, Told
from .config import ProbeConfig, SourceConfig
from .measured import ReadConfig

log = logging.getLogger(__name__)

_gates: dict[str, threading.Lock] = {}
_gates_lock = threading.Lock()

_SIDE_BY_SIDE = 32  # databases asked at once; each waits in a thread, for no longer than its timeout
_TURN_S = 4.0  # how long an optional question waits for the one before it; less than a lease has to spare
_ABOUT_THE_SYSTEM = ("dns", "connect", "refused", "tls", "timeout", "reset", "full", "starting")


def probe(jobs: Sequence[ProbeJob]) -> Iterator[tuple[ProbeJob, Answer | SourceError]]:
    """Ask every question; yield each answer as it comes. A job's time begins when it is asked."""
    answers: queue.SimpleQueue[tuple[ProbeJob, Answer | SourceError]] = queue.SimpleQueue()
    waiting = deque(jobs)

    def begin() -> None:
        if waiting:
            threading.Thread(target=_tell, args=(waiting.popleft(), answers), name="postgres", daemon=True).start()

    for _ in range(_SIDE_BY_SIDE):
        begin()
    for _ in jobs:
        answer = answers.get()
        begin()
        yield answer


def _tell(job: ProbeJob, answers: queue.SimpleQueue[tuple[ProbeJob, Answer | SourceError]]) -> None:
    try:
        answers.put((job, _ask(job)))
    except Exception:
        # An error of our own must not leave the asker waiting for ever.
        log.exception("Asking a database failed itself.", extra={"action": "probe.broke", "source": job.source})
        answers.put((job, Unreadable("The probe broke down.", "See the log: action probe.broke.")))


def _ask(job: ProbeJob) -> Answer | SourceError:
    source: SourceConfig = job.source_config
    if isinstance(job.config, ReadConfig):
        return _read(job, source, job.config)
    config: ProbeConfig = job.config
    ask = ASKS[config.ask]
    try:
        with _turn(job, is_optional=ask.is_optional):
            found = _run(job, ask, source, config)
    except SourceError as error:
        absent = ask.absences.get(told(error).sqlstate)
        return _absent(absent, told(error).ms) if absent else failure(error, ask=config.ask)
    row = next(iter(found), None)
    if row is None:
        return Unreadable("The database answered no row.", "Its statistics may be switched off: see track_activities.")
    is_pooled = hosting.is_pooled(greeted_by=found.greeted_by, pid=row.get("pid"))
    if is_pooled and ask.sees_sessions:
        return _absent(hosting.pooled_absence(), found.ms)
    reading = ask.read(Told(row, source, config, job.memory, is_pooled, found.server_version))
    if reading.absent:
        return _absent(reading.absent, found.ms)
    return Answer(
        ok=True,
        detail=reading.detail,
        ms=durations(found.ms),
        gauges=reading.gauges,
        memory=reading.memory,
        cost_ms=cost(found.ms),
    )


def _read(job: ProbeJob, source: SourceConfig, config: ReadConfig) -> Answer | SourceError:
    """Ask a measure's own SELECT. What the database says of the statement is no word about the database."""
    path = ", ".join('"' + each.replace('"', '""') + '"' for each in source.schemas)
    try:
        with _turn(job, is_optional=True):
            found = postgres.run(
                source.dsn,
                config.sql,
                deadline=job.timeout,
                max_rows=measured.MAX_ROWS + 1,
                may_be_superuser=source.allow_superuser,
                search_path=path,
            )
    except SourceError as error:
        return measured.failure(error) or failure(error, ask="measure")
    gauges = measured.gauges(config, list(found))
    if isinstance(gauges, Unreadable):
        return _absent(str(gauges), found.ms)
    return Answer(ok=True, ms=durations(found.ms), gauges=gauges, cost_ms=cost(found.ms))


@contextmanager
def _turn(job: ProbeJob, *, is_optional: bool) -> Iterator[None]:
    """Let one optional question at a time ask a database: our role has few connections, and its server other work."""
    if not is_optional:
        yield
        return
    with _gates_lock:
        gate = _gates.setdefault(job.source, threading.Lock())
    if not gate.acquire(timeout=_TURN_S):
        raise Throttled("Our questions before this one took too long.") from PostgresError("busy", "connect", "")
    try:
        yield
    finally:
        gate.release()


def _run(job: ProbeJob, ask: Ask, source: SourceConfig, config: ProbeConfig) -> postgres.Rows:
    """Run the ask's statement. Statistics' view may lie in a schema of its own: then that is found out, and used."""
    until = clock.monotonic() + job.timeout.total_seconds()

    def run(sql: str, params: tuple[object, ...] = ()) -> postgres.Rows:
        left = timedelta(seconds=max(0.05, until - clock.monotonic()))
        return postgres.run(source.dsn, sql, params, deadline=left, max_rows=1, may_be_superuser=source.allow_superuser)

    try:
        return run(ask.sql, ask.params(config))
    except SourceError as error:
        if config.ask != "statements" or told(error).sqlstate not in ("42P01", "42883"):
            raise
        place = next(iter(run(statements.WHERE_IS_IT)), None)
        if place is None:
            raise
        return run(statements.statement(place["schema"]))


def _absent(why: str, ms: Mapping[str, float]) -> Answer:
    return Answer(False, "absent", why if why.endswith(".") else f"{why}.", durations(ms), cost_ms=cost(ms))


def failure(error: SourceError, *, ask: str) -> Answer | SourceError:
    """Tell what says something about the database (an Answer) from what says only that we can't see it.

    A database without a free connection is an answer: its applications are refused in the same way. A statement of
    ours that takes too long says nothing about whether the database answers, unless it is the one that asks just that.
    """
    behind: PostgresError = told(error)
    if behind.word == "superuser":
        return Refused(
            "The monitor's role is a superuser, which may do anything.",
            "Create nigrani_monitor, or set allow_superuser: true.",
        )
    gauges = (Gauge("postgres.connections.ratio", 1.0),) if (behind.word, ask) == ("full", "connections") else ()
    if behind.word == "timeout" and behind.phase == "query" and ask != "responsive":
        return error
    if behind.word in _ABOUT_THE_SYSTEM:
        return Answer(False, behind.word, behind.text, durations(behind.ms), gauges=gauges, cost_ms=cost(behind.ms))
    if behind.word == "missing":  # dropped or renamed: as dead for its users as a closed port
        return Answer(False, "refused", behind.text, durations(behind.ms))
    return error


def durations(ms: Mapping[str, float]) -> dict[str, float]:
    """Return the phases by the words every probe uses: logging in counts into the first byte."""
    found = {phase: ms[phase] for phase in ("dns", "connect", "total") if phase in ms}
    if "first_byte" in ms:
        found["first_byte"] = ms["login"] + ms["first_byte"]
    return found


def cost(ms: Mapping[str, Any]) -> float:
    """Return what a statement cost the server at most, in ms: from sending it to its end, time on the way included."""
    if "total" not in ms:
        return 0.0
    return max(0.0, float(ms["total"] - ms.get("dns", 0) - ms.get("connect", 0) - ms.get("login", 0)))
