"""What the app does again and again, and in what order: the one driver of every room's entry points.

Import it after Django is set up: it brings the rooms and their models along.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from nigrani import guide as guides
from nigrani import integrations
from nigrani.access import people
from nigrani.alerts import actions as alerts
from nigrani.alerts import examples
from nigrani.guide import Guide, Vocabulary
from nigrani.guide import current as standing
from nigrani.lib import clock
from nigrani.lib.errors import GuideError, NigraniError
from nigrani.lib.home import Home
from nigrani.lib.loops import Loop
from nigrani.measures import promises, readings
from nigrani.node import deadman, selfwatch
from nigrani.node.standstill import Standstill
from nigrani.outbox import actions as outbox
from nigrani.sources import actions as sources
from nigrani.telemetry import guard, journal, retention, store

log = logging.getLogger(__name__)


def vocabulary() -> Vocabulary:
    """Return what a guide may speak of: every integration's configuration, and how measures' SQL is read."""

    return Vocabulary(
        sources={
            each.manifest.name: (each.config("SourceConfig"), each.config("ProbeConfig"))
            for each in integrations.with_face("probe")
        },
        receivers={each.manifest.name: each.config("ReceiverConfig") for each in integrations.with_face("send")},
        inspect_sql=guard.inspect,
        questions={each.manifest.name: each.config("QuestionConfig") for each in integrations.with_face("survey")},
    )


def guide_folder(home: Home) -> Path:
    """Return where the guide stands: NIGRANI_GUIDE, else the home's own, else the one that ships."""
    if chosen := os.environ.get("NIGRANI_GUIDE"):
        return Path(chosen).absolute()
    return home.guide if home.guide.is_dir() else guides.shipped()


def load_guide(home: Home) -> Guide:
    """Load the guide of this home. Raises GuideError with every mistake in it."""
    return guides.load(guide_folder(home), vocabulary=vocabulary(), vault=home.vault)


class Secrets:
    """Takes rotated secrets without a restart: loads the guide again when a file in `secrets/` changed.

    A guide whose text changed meanwhile is not taken by the way: the new text and the secret wait for the next start.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._seen = self._fingerprint()
        self._told = self._seen

    def turn(self) -> int:
        """Reload if a secret changed. Returns how often it reloaded: 0 or 1.

        What can't be taken yet (a secret that others may read, a guide being edited) is tried again every turn; what
        runs goes on running meanwhile, so it is a warning and no failure of this loop.
        """
        present = self._fingerprint()
        if present == self._seen:
            return 0
        try:
            fresh = load_guide(self._home)
        except NigraniError as error:
            if present != self._told:
                log.warning("A changed secret can't be taken yet: %s", error, extra={"action": "secret.waiting"})
            self._told = present
            return 0
        if fresh.digest != standing.get().digest:
            log.warning(
                "A secret changed, and so did the guide. Both are taken at the next start.",
                extra={"action": "guide.waiting"},
            )
            self._seen = present
            return 0
        take(fresh)
        self._seen = present
        log.info("A changed secret was taken.", extra={"action": "secret.taken"})
        return 1

    def _fingerprint(self) -> frozenset[tuple[str, int, int]]:
        # ctime, for `chmod 600` changes nothing else.
        return frozenset(
            (path.name, found.st_ctime_ns, found.st_size)
            for path in self._home.secrets.iterdir()
            if not path.name.startswith(".") and (found := path.stat())
        )


def take(guide: Guide) -> None:
    """Make a loaded guide the one that runs: rows of sources and probes follow it."""

    sources.sync(guide, now=clock.now())
    standing.set(guide)


def loops(home: Home, *, late: Callable[[], list[str]], lags: Callable[[], dict[str, float]]) -> list[Loop]:
    """Return every loop of an app process, each a few lines over a room's entry points.

    late: names of the loops that are late. lags: seconds since each loop's last good turn. Both come from the
    runner of these very loops.
    """

    location = os.environ.get("NIGRANI_LOCATION", "")
    pinger, awake = deadman.DeadMan(late=late), selfwatch.Awake()
    alarm = Standstill(late=late, lags=lags)

    def watch_ourselves() -> int:
        now = clock.now()
        return selfwatch.record(standing.get(), lags=lags(), now=now, awake=awake.since(now))

    return [
        Loop(
            "probes",
            timedelta(seconds=0.5),
            lambda: sources.probe_due(standing.get(), now=clock.now(), location=location),
        ),
        Loop("ship", timedelta(seconds=1), lambda: journal.ship(store)),
        Loop("evaluate", timedelta(seconds=2), lambda: evaluate(standing.get())),
        Loop("outbox", timedelta(seconds=0.5), lambda: outbox.deliver_due(standing.get(), now=clock.now())),
        Loop("selfwatch", timedelta(seconds=15), watch_ourselves),
        Loop("deadman", timedelta(seconds=1), lambda: pinger.turn(standing.get(), now=clock.now())),
        Loop("standstill", timedelta(seconds=5), lambda: alarm.turn(standing.get(), now=clock.now())),
        Loop("secrets", timedelta(seconds=5), Secrets(home).turn),
        Loop("retention", timedelta(hours=1), lambda: forget_old(now=clock.now())),
    ]


def forget_old(*, now: datetime) -> int:
    """Forget what is older than promised, in both stores. Returns how many rows and partitions went."""
    return people.forget_old(now=now) + retention.drop_old(now)


def evaluate(guide: Guide) -> int:
    """One pass from facts to messages: readings, alerts, dispatch, promises. Returns how many alerts changed.

    Raises SourceError when telemetry does not answer, after what follows was done: what can't be read becomes unknown
    after a while, and what was decided before is still told.
    """

    try:
        readings.compute(guide, now=clock.now())
    finally:
        # Each decides at its own instant: after a long computation, an earlier one would look to other workers, and
        # theirs to us, like a clock that was set back, and nothing would be judged for minutes.
        try:
            changed = alerts.evaluate(guide, now=clock.now())
        finally:
            alerts.dispatch(guide, now=clock.now())
    promises.evaluate(guide, now=clock.now())
    return changed


def check(home: Home) -> tuple[Guide, list[str]]:
    """Load the guide, run every example, and return it with its warnings.

    Raises GuideError for mistakes, and for examples that do not do what they say.
    """

    guide = load_guide(home)
    failed = [
        problem
        for alert in guide.alerts.values()
        for problem in examples.run(alert, guide.measures[alert.when.measure])
    ]
    if failed:
        raise GuideError(failed)
    return guide, guides.warnings(guide)
