"""Ask many probes at once without one waiting for another, and keep what they answered.

A batch of claimed rows is asked in a thread of its own, one per kind of system, so a slow site never delays a quick
one. What is answered goes to one keeper thread, which writes whatever has come in meanwhile in one go: first the
facts to the journal, then the rows. A worker that dies in between leaves the facts, and rows whose lease runs out.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, close_old_connections, connection

from nigrani import guide as guides
from nigrani import integrations
from nigrani.integrations import Answer
from nigrani.lib import clock
from nigrani.lib.errors import SourceError, Throttled, Unreadable
from nigrani.telemetry import journal
from nigrani.telemetry.journal import Full

from . import budget, facts, rows, state
from .asked import Asked, Found
from .gate import Gate
from .models import Probe

log = logging.getLogger(__name__)

_TOGETHER = 500  # answers kept in one go
MOST_UNDER_WAY = 2000


class Asking:
    """The probes under way in this process, and the threads that ask and keep."""

    def __init__(self) -> None:
        self._gate = Gate()
        self._found: queue.SimpleQueue[Found | None] = queue.SimpleQueue()
        self._judged: queue.SimpleQueue[Found | None] = queue.SimpleQueue()
        self._count = 0
        self._settled = threading.Condition()
        self._is_full = False
        self._threads = [
            threading.Thread(target=self._keep, name="probes kept", daemon=True),
            threading.Thread(target=self._judge, name="probes judged", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def under_way(self) -> int:
        """How many probes are asked and not kept yet."""
        return self._count

    def ask(self, batch: Sequence[Asked]) -> None:
        """Start asking, one thread for each kind of system, and return."""
        kinds: dict[str, list[Asked]] = {}
        for each in batch:
            kinds.setdefault(each.source.kind, []).append(each)
        with self._settled:
            self._count += len(batch)
        for kind, some in kinds.items():
            threading.Thread(target=self._ask, args=(kind, some), name=f"probes {kind}", daemon=True).start()

    def settle(self, *, timeout_s: float) -> bool:
        """Wait until everything under way is kept. Returns whether it was, in time."""
        with self._settled:
            return self._settled.wait_for(lambda: self._count == 0, timeout_s)

    def stop(self, *, timeout_s: float = 5) -> None:
        """Keep what has been answered, and end. What is not answered yet is asked again when its lease runs out."""
        self._judged.put(None)
        self._threads[1].join(timeout_s)
        self._found.put(None)
        self._threads[0].join(timeout_s)

    def _ask(self, kind: str, batch: list[Asked]) -> None:
        waiting = {(each.source.name, each.probe.name): each for each in batch}
        try:
            for job, answer in integrations.find(kind).prober.probe([each.job for each in batch]):
                self._answered(waiting.pop((job.source, job.probe)), answer)
        except Exception:
            # Whatever an integration's code does wrong, its probes must be asked again and be seen to be blind.
            log.exception("The probe of %s failed itself.", kind, extra={"action": "probe.broke", "kind": kind})
        for left in waiting.values():
            self._answered(left, Unreadable("The probe broke down.", "See the log: action probe.broke."))

    def _answered(self, asked: Asked, answer: Answer | SourceError) -> None:
        found = Found(asked, answer, clock.now())
        is_network = isinstance(answer, Answer) and answer.failure in state.NETWORK
        (self._judged if is_network and asked.reference else self._found).put(found)

    def _judge(self) -> None:
        """Ask the reference addresses before a failure of the network is held against a system."""
        while (found := self._judged.get()) is not None:
            cut_off = False
            try:
                cut_off = self._gate.is_cut_off(found.asked.reference)
            except Exception:
                # Without a verdict the failure counts: a false alarm is mended sooner than a missed one.
                log.exception("The reference addresses could not be asked.", extra={"action": "gate.broke"})
            self._found.put(Found(found.asked, found.answer, found.at, cut_off))

    def _keep(self) -> None:
        is_over = False
        while not is_over:
            batch = [self._found.get()]
            while len(batch) < _TOGETHER and not self._found.empty():
                batch.append(self._found.get())
            found = [each for each in batch if each is not None]
            is_over = len(found) < len(batch)
            try:
                if found:
                    self._write(found)
            except Full as error:
                self._tell_full(error)
            except Exception:
                # This thread keeps what every probe answers; it must outlive any error. The rows stay due.
                log.exception("Probes' answers were not kept.", extra={"action": "probe.not_written"})
            finally:
                with self._settled:
                    self._count -= len(found)
                    self._settled.notify_all()
        connection.close()

    def _write(self, found: Sequence[Found]) -> None:
        """Facts first; if they can't be kept, the rows stay as they are, and are due again when their lease ends."""
        close_old_connections()
        stretch = _stretches(found)
        outcomes = [outcome_of(each, stretch.get(each.asked.row.source_id, 1.0)) for each in found]
        journal.append("probes", [facts.probe(each.found, each.after) for each in outcomes])
        if gauges := [gauge for each in found for gauge in facts.gauges(each)]:
            journal.append("gauges", gauges)
        self._is_full = False
        rows.write([(each.found.asked.row.source_id, each.row) for each in outcomes])
        for each in outcomes:
            each.tell()

    def _tell_full(self, error: Full) -> None:
        if not self._is_full:
            self._is_full = True
            log.error("Facts of probes can't be kept: %s", error, extra={"action": "probe.not_kept"})


@dataclass(frozen=True)
class Outcome:
    """What one answer comes to: the belief after it and the row to write."""

    found: Found
    after: state.Next
    row: rows.Written

    def tell(self) -> None:
        """Log what changed, once when it is lost and once when it returns."""
        asked, old = self.found.asked, self.found.asked.row
        extra: Mapping[str, Any] = {"source": asked.source.name, "probe": asked.probe.name}
        name = f"{asked.source.name}/{asked.probe.name}"
        was_blind, is_blind = old.last_outcome == "blind", self.row.last_outcome == "blind"
        if self.after.changed and not (old.state == "new" and self.after.state == "up"):
            action = f"probe.went_{self.after.state}"
            log.info("%s is %s. %s", name, self.after.state, self.row.last_detail, extra={"action": action, **extra})
        if is_blind and not was_blind:
            log.warning("%s is not seen: %s", name, self.row.last_detail, extra={"action": "source.lost", **extra})
        if was_blind and not is_blind:
            log.info("%s is seen again.", name, extra={"action": "source.returned", **extra})


def _stretches(found: Sequence[Found]) -> dict[int, float]:
    """Return by how much the optional questions of each source are stretched, where it has a budget."""
    sources = {
        each.asked.row.source_id: each.asked.source
        for each in found
        if getattr(each.asked.source.config, "budget", None) is not None
    }
    if not sources:
        return {}
    costs: dict[int, list[budget.Cost]] = {}
    kept = Probe.objects.filter(source_id__in=sources, gone_at=None).values_list("source_id", "probe", "cost_ms")
    try:
        rows_of = list(kept)
    except DatabaseError:
        return {}  # what was answered goes to the journal all the same
    for pk, name, cost_ms in rows_of:
        question = sources[pk].probes.get(name)
        if question is not None:
            costs.setdefault(pk, []).append(budget.Cost(question.every, cost_ms, _is_optional(question)))
    return {pk: budget.factor(each, sources[pk].config.budget) for pk, each in costs.items()}


def _is_optional(question: guides.Probe) -> bool:
    return bool(getattr(question.config, "is_optional", False))


def outcome_of(found: Found, stretch: float = 1.0) -> Outcome:
    """Apply an answer to what was believed. stretch: by how much the source's budget stretches optional questions."""
    row, answer = found.asked.row, found.answer
    seen = state.Seen(_belief(row.state), row.suspect, row.since)
    outcome, failure, detail = facts.sort(answer, cut_off=found.cut_off)
    after = state.step(seen, outcome, now=found.at)
    assert row.next_at is not None
    assert row.leased_until is not None
    not_before = answer.retry_at if isinstance(answer, Throttled) else None
    every = found.asked.probe.every
    pace = budget.pace(every, stretch) if _is_optional(found.asked.probe) else None
    if after.suspect and outcome not in ("blind", "absent"):
        due = state.sooner(found.asked.at, every, now=found.at)
    else:
        due = state.next_at(row.next_at, pace or every, now=found.at, not_before=not_before)
    total = answer.ms.get("total") if isinstance(answer, Answer) else None
    memory, cost_ms = None, row.cost_ms
    if isinstance(answer, Answer):
        memory = None if answer.memory is None else json.dumps(answer.memory)
        cost_ms = budget.smoothed(row.cost_ms, answer.cost_ms) if answer.cost_ms else row.cost_ms
    written = rows.Written(
        row.pk,
        row.leased_until,
        due,
        after.state,
        after.suspect,
        after.since,
        found.at,
        outcome,
        failure,
        detail,
        total,
        memory,
        cost_ms,
        pace,
    )
    return Outcome(found, after, written)


def _belief(word: str) -> state.Belief:
    return next(each for each in state.BELIEFS if each == word)


def lease_of(guide: guides.Guide) -> timedelta:
    """Return how long a claimed probe is left alone: its answer's time and a little for keeping it."""
    longest = max((probe.timeout for each in guide.sources.values() for probe in each.probes.values()), default=None)
    return (longest or timedelta(seconds=10)) + timedelta(seconds=5)
