"""What the app does again and again, and in what order: the one driver of every room's entry points.

Import it after Django is set up: it brings the rooms and their models along.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from nigrani import guide as guides
from nigrani.access import people
from nigrani.alerts import actions as alerts
from nigrani.guide import Guide, current
from nigrani.lib import clock
from nigrani.lib.home import Home
from nigrani.lib.loops import Loop
from nigrani.measures import promises, readings
from nigrani.node import deadman, selfwatch
from nigrani.node.standstill import Standstill
from nigrani.outbox import actions as outbox
from nigrani.sources import actions as sources
from nigrani.survey.background import Background
from nigrani.telemetry import journal, retention, store
from nigrani.versions import queries as versions
from nigrani.versions import reading, standing
from nigrani.versions.following import Follower
from nigrani.versions.keeper import Keeper
from nigrani.versions.reading import Reader
from nigrani.vocabulary import vocabulary as vocabulary


def guide_folder(home: Home) -> Path:
    """Return where the guide stands: NIGRANI_GUIDE, else the home's own, else the one that ships."""
    if chosen := os.environ.get("NIGRANI_GUIDE"):
        return Path(chosen).absolute()
    return home.guide if home.guide.is_dir() else guides.shipped()


def load_guide(home: Home) -> Guide:
    """Load the guide of this home. Raises GuideError with every mistake in it."""
    return guides.load(guide_folder(home), vocabulary=vocabulary(), vault=home.vault)


def reader(home: Home) -> Reader:
    """Return who reads kept texts of the guide on this home."""
    return Reader(vocabulary(), home.vault)


def keeper(home: Home, *, syncs: bool) -> tuple[Keeper, Follower]:
    """Return what keeps a process by the guide that stands. syncs: it runs loops, and looks after the folder."""
    reads = reader(home)
    reading.hand_over(reads)
    follower = Follower(reads, secrets=home.secrets, syncs=syncs)
    return Keeper(follower, folder=lambda: guide_folder(home), fallback=guides.shipped()), follower


def take(guide: Guide) -> None:
    """Make a guide that is kept nowhere the one that runs: rows of sources and probes follow it."""
    sources.sync(guide, now=clock.now())
    current.set(guide)


def running_guide(home: Home) -> Guide:
    """Return the guide that stands, or the folder's where none was ever kept. Raises GuideError."""
    return versions.running(reader(home)) or load_guide(home)


def loops(
    home: Home,
    kept: tuple[Keeper, Follower],
    *,
    late: Callable[[], list[str]],
    lags: Callable[[], dict[str, float]],
) -> list[Loop]:
    """Return every loop of an app process, each a few lines over a room's entry points.

    late: names of the loops that are late. lags: seconds since each loop's last good turn. Both come from the
    runner of these very loops.
    """
    keeping, follower = kept

    location = os.environ.get("NIGRANI_LOCATION", "")
    pinger, awake = deadman.DeadMan(late=late), selfwatch.Awake()
    alarm = Standstill(late=late, lags=lags)
    surveys = Background()

    def watch_ourselves() -> int:
        now = clock.now()
        return selfwatch.record(current.get(), lags=lags(), now=now, awake=awake.since(now))

    return [
        Loop(
            "probes",
            timedelta(seconds=0.5),
            lambda: sources.probe_due(current.get(), now=clock.now(), location=location),
        ),
        Loop("feeds", timedelta(seconds=1), lambda: sources.read_due(current.get(), now=clock.now())),
        Loop("ship", timedelta(seconds=1), lambda: journal.ship(store)),
        Loop("evaluate", timedelta(seconds=2), lambda: evaluate(follower.guide())),
        Loop("outbox", timedelta(seconds=0.5), lambda: outbox.deliver_due(follower.guide(), now=clock.now())),
        Loop("selfwatch", timedelta(seconds=15), watch_ourselves),
        Loop("deadman", timedelta(seconds=1), lambda: pinger.turn(current.get(), now=clock.now())),
        Loop("standstill", timedelta(seconds=5), lambda: alarm.turn(current.get(), now=clock.now())),
        guide_loop(keeping),
        Loop("survey", timedelta(seconds=2), lambda: surveys.turn(current.get(), now=clock.now())),
        Loop("retention", timedelta(hours=1), lambda: forget_old(now=clock.now())),
    ]


def guide_loop(keeping: Keeper) -> Loop:
    """Return the loop that keeps a process by the guide that stands; a console apart runs this one alone."""
    return Loop("guide", timedelta(seconds=2), lambda: keeping.turn(now=clock.now()))


def forget_old(*, now: datetime) -> int:
    """Forget what is older than promised, in both stores. Returns how many rows and partitions went."""
    return people.forget_old(now=now) + alerts.forget_old(now=now) + retention.drop_old(now)


def evaluate(guide: Guide) -> int:
    """One pass from facts to messages: readings, alerts, dispatch, promises. Returns how many alerts changed.

    Where another version of the guide stands by now it does nothing: this process takes that one first.

    Raises SourceError when telemetry does not answer, after what follows was done: what can't be read becomes unknown
    after a while, and what was decided before is still told.
    """

    if standing.is_behind(guide):
        return 0
    changed = 0
    try:
        readings.compute(guide, now=clock.now())
    finally:
        # What stands does not change meanwhile: a rule that is new to this guide would have its alerts closed.
        with standing.steady(guide) as is_ours:
            if is_ours:
                changed = _judge(guide)
    promises.evaluate(guide, now=clock.now())
    return changed


def _judge(guide: Guide) -> int:
    # Each decides at its own instant: after a long computation, an earlier one would look to other workers, and
    # theirs to us, like a clock that was set back, and nothing would be judged for minutes.
    try:
        return alerts.evaluate(guide, now=clock.now())
    finally:
        alerts.dispatch(guide, now=clock.now())


def check(home: Home) -> tuple[Guide, list[str]]:
    """Load the guide, run every example, and return it with its warnings.

    Raises GuideError for mistakes, and for examples that do not do what they say.
    """

    guide = reader(home).judge(guides.text(guide_folder(home)))
    return guide, guides.warnings(guide)
