"""Our own alarm, past telemetry: when a loop of ours stands still for minutes, whoever owns a live rule hears of it.

Rules judge what telemetry holds. When telemetry does not answer, the journal is full, or a pass fails, nothing can
fire, and nobody would be told that nobody can be told. PostgreSQL and the outbox are all that this needs; when they are
gone too, the dead-man's switch speaks.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from datetime import datetime, timedelta

from nigrani import oncall
from nigrani.alerts import queries as alerts
from nigrani.guide.model import Guide
from nigrani.integrations import Notice
from nigrani.lib import clock, links
from nigrani.lib.units import show_duration
from nigrani.outbox import actions as outbox
from nigrani.outbox import queries

log = logging.getLogger(__name__)

STANDS_AFTER = timedelta(minutes=3)  # longer than a store takes to come back
WELL_AFTER = timedelta(minutes=1)


class Standstill:
    """Watches the loops of this process. What was told stands in the outbox, so that a restart tells nothing twice."""

    def __init__(self, *, late: Callable[[], list[str]], lags: Callable[[], dict[str, float]]) -> None:
        self._late, self._lags = late, lags
        self._well_since = clock.monotonic()
        self._is_told_well = False
        self._thread = f"standstill:{socket.gethostname()}:{os.environ.get('NIGRANI_LOCATION', '')}"

    def turn(self, guide: Guide, *, now: datetime) -> int:
        """Tell of a standstill, or of its end. Returns how many messages were queued."""
        lags, late = self._lags(), self._late()
        if late:
            self._well_since, self._is_told_well = clock.monotonic(), False
            stuck = {name: lags[name] for name in late if lags[name] >= STANDS_AFTER.total_seconds()}
            return self._tell(guide, _stands(stuck, now)) if stuck else 0
        if self._is_told_well or clock.monotonic() - self._well_since < WELL_AFTER.total_seconds():
            return 0
        done = self._tell(guide, _goes_on(now))
        self._is_told_well = True
        return done

    def _tell(self, guide: Guide, notice: Notice) -> int:
        assert notice.at is not None
        last, done = queries.last_in_thread(self._thread), 0
        names = _owners(guide) if notice.kind == "firing" else [name for name in last if name in guide.receivers]
        for name in names:
            number, kind = last.get(name, (0, "resolved"))
            if kind != notice.kind:
                # The key holds the message before it: two that tell at once tell once.
                key = f"{self._thread}:{number}:{name}"
                outbox.enqueue(receiver=name, notice=notice, key=key, now=notice.at, thread=self._thread)
                done += 1
        if done:
            log.warning("%s %s", notice.title, " ".join(notice.lines), extra={"action": f"standstill.{notice.kind}"})
        return done


def _owners(guide: Guide) -> list[str]:
    """Return the receivers that are set up of everybody who owns a live rule."""
    live = [guide.alerts[rule.name] for rule in alerts.rules(guide) if rule.phase == "live"]
    return list(
        dict.fromkeys(each.name for rule in live for each in oncall.receivers_for(guide, rule) if each.is_set_up)
    )


def _stands(stuck: dict[str, float], now: datetime) -> Notice:
    longest = show_duration(max(stuck.values()))
    return Notice(
        "firing",
        "[critical] Nigrani itself stands still",
        (
            f"No turn for {longest}: {', '.join(sorted(stuck))}. Until it goes on, outages may go unseen and untold.",
            "To do: run nigrani doctor on its machine; it names what is down or full.",
        ),
        link=links.link(links.console(), "overview"),
        urgency="critical",
        at=now,
    )


def _goes_on(now: datetime) -> Notice:
    return Notice(
        "resolved",
        "Nigrani itself stands still",
        ("Every loop turns again. What happened meanwhile is judged now.",),
        link=links.link(links.console(), "overview"),
        at=now,
    )
