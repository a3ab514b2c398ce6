"""Ask databases whether they answer and how full they are, side by side, each within its timeout."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from nigrani.integrations import Answer, Gauge, ProbeJob
from nigrani.lib import postgres
from nigrani.lib.errors import Refused, SourceError, Unreadable
from nigrani.lib.postgres_errors import PostgresError, told

from .config import ProbeConfig, SourceConfig

log = logging.getLogger(__name__)

_SIDE_BY_SIDE = 32  # databases asked at once; each waits in a thread, for no longer than its timeout

# One row read from a table, so that storage answers too, not only the process.
_RESPONSIVE = "SELECT datname FROM pg_catalog.pg_database WHERE datname = current_database()"

# Client backends other than our own, by what they do, and how many an ordinary role could have.
_CONNECTIONS = """
SELECT current_setting('max_connections')::int
       - current_setting('superuser_reserved_connections')::int
       - coalesce(current_setting('reserved_connections', true), '0')::int AS capacity,
       pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all,
       count(*)::int AS used,
       count(*) FILTER (WHERE state = 'active')::int AS active,
       count(*) FILTER (WHERE state = 'idle')::int AS idle,
       count(*) FILTER (WHERE state LIKE 'idle in transaction%')::int AS idle_in_transaction,
       count(*) FILTER (WHERE wait_event_type = 'Lock')::int AS waiting,
       coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)::float8 AS oldest_s
  FROM pg_catalog.pg_stat_activity
 WHERE pid <> pg_backend_pid() AND (backend_type = 'client backend' OR backend_type IS NULL)
"""
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
    config: ProbeConfig = job.config
    sql = _RESPONSIVE if config.ask == "responsive" else _CONNECTIONS
    try:
        found = postgres.run(source.dsn, sql, deadline=job.timeout, max_rows=1)
    except SourceError as error:
        return failure(error, ask=config.ask)
    if found.is_superuser and not source.allow_superuser:
        return Refused(
            "The monitor's role is a superuser, which may do anything.",
            "Create nigrani_monitor, or set allow_superuser: true.",
        )
    if config.ask == "responsive":
        return Answer(ok=True, ms=durations(found.ms))
    return _connections(next(iter(found)), durations(found.ms))


def failure(error: SourceError, *, ask: str) -> Answer | SourceError:
    """Tell what says something about the database (an Answer) from what says only that we can't see it.

    A database without a free connection is an answer: its applications are refused in the same way.
    """
    behind: PostgresError = told(error)
    gauges = (Gauge("postgres.connections.ratio", 1.0),) if (behind.word, ask) == ("full", "connections") else ()
    if behind.word in _ABOUT_THE_SYSTEM:
        return Answer(False, behind.word, behind.text, durations(behind.ms), gauges=gauges)
    if behind.word == "missing":  # dropped or renamed: as dead for its users as a closed port
        return Answer(False, "refused", behind.text, durations(behind.ms))
    return error


def durations(ms: Mapping[str, float]) -> dict[str, float]:
    """Return the phases by the words every probe uses: logging in counts into the first byte."""
    found = {phase: ms[phase] for phase in ("dns", "connect", "total") if phase in ms}
    if "first_byte" in ms:
        found["first_byte"] = ms["login"] + ms["first_byte"]
    return found


def _connections(row: Mapping[str, float], ms: Mapping[str, float]) -> Answer | SourceError:
    if not row["sees_all"]:
        return Refused("The monitor's role can't see other roles' connections.", "Run: GRANT pg_monitor TO <the role>")
    used, capacity = row["used"], row["capacity"]
    counts = {name: row[name] for name in ("used", "capacity", "active", "idle", "idle_in_transaction", "waiting")}
    counts["ratio"] = used / capacity if capacity > 0 else 1.0
    gauges = [Gauge(f"postgres.connections.{name}", float(value)) for name, value in counts.items()]
    gauges.append(Gauge("postgres.transaction.oldest_s", row["oldest_s"]))
    return Answer(ok=True, ms=ms, gauges=tuple(gauges))
