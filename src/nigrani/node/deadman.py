"""The dead-man's switch: an address elsewhere that hears from us while we work, and raises the alarm when it does not.

Saying nothing is the message. So a ping goes out only when every loop finished a turn lately, those that evaluate
and dispatch among them; a process that merely exists does not count.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from nigrani.guide.model import Guide
from nigrani.lib import clock, http
from nigrani.lib.errors import NigraniError, SourceError
from nigrani.telemetry import journal

from . import selfwatch

log = logging.getLogger(__name__)

_TIMEOUT = timedelta(seconds=4)
_AGAIN_S = 5.0  # after a ping that did not arrive
OWN_LOOP = "deadman"


class DeadMan:
    """Pings the guide's dead-man address. Its state is only when it last did: a restart pings at once."""

    def __init__(self, *, late: Callable[[], list[str]]) -> None:
        self._late = late
        self._due_s = clock.monotonic()
        self._kept_back_told = False
        self._failing_told = False

    def turn(self, guide: Guide, *, now: datetime) -> int:
        """Ping if it is time and all is well. Returns how many pings arrived: 0 or 1. Never raises for a failed one."""
        here = clock.monotonic()
        if guide.dead_man is None or here < self._due_s:
            return 0
        late = [name for name in self._late() if name != OWN_LOOP]
        if late:
            self._kept_back(late, overdue_s=here - self._due_s, every_s=guide.dead_man_every.total_seconds(), now=now)
            return 0
        self._kept_back_told = False
        try:
            status = http.ping(guide.dead_man.reveal(), _TIMEOUT).status
        except SourceError as error:
            return self._failed(type(error).__name__.lower(), error.message, now=now)
        if not 200 <= status < 300:
            return self._failed("status", f"It answered {status}.", now=now)
        self._due_s = here + guide.dead_man_every.total_seconds()
        if self._failing_told:
            log.info("The dead-man's switch hears us again.", extra={"action": "deadman.reached"})
        self._failing_told = False
        _record(1, outcome="sent", now=now)
        return 1

    def _kept_back(self, late: list[str], *, overdue_s: float, every_s: float, now: datetime) -> None:
        # A loop may be late for a moment; it is worth a line when the other side is about to notice.
        if self._kept_back_told or overdue_s < every_s / 2:
            return
        self._kept_back_told = True
        log.error(
            "The dead-man's switch is not pinged, because these loops are late: %s.",
            ", ".join(late),
            extra={"action": "deadman.kept_back", "late": late},
        )
        _record(0, outcome="kept_back", now=now)

    def _failed(self, outcome: str, because: str, *, now: datetime) -> int:
        self._due_s = clock.monotonic() + _AGAIN_S
        if not self._failing_told:
            self._failing_told = True
            log.error("The dead-man's switch can't be reached: %s", because, extra={"action": "deadman.not_reached"})
        _record(0, outcome=outcome, now=now)
        return 0


def _record(value: int, *, outcome: str, now: datetime) -> None:
    try:
        journal.append("gauges", [selfwatch.gauge("nigrani.deadman.sent", value, at=now, outcome=outcome)])
    except NigraniError as error:
        # A full journal must not silence the switch: it tells others whether the loops run, and they do.
        log.warning("A ping's outcome was not kept: %s", error, extra={"action": "deadman.outcome_lost"})
