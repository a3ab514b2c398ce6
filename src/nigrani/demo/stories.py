"""The stories: what is broken, and what must have reached whom. Each is judged by the receivers' own journals."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nigrani.node import standing

from .eyes import Eyes
from .stage import Stage

# How long a message may take: one and a half intervals of 15 s to believe the fault, a pass to evaluate it, a second
# to send it, and as much again for a machine that is busy with other things.
MESSAGE_S = 60.0
SETTLE_S = 150.0
CLEAR_S = 420.0


@dataclass(frozen=True)
class Story:
    """A story: its name, what it shows in a sentence, and how it is played. `play` returns whether all came true."""

    name: str
    shows: str
    play: Callable[[Stage, Eyes, bool], bool]


def _titles(stage: Stage, kind: str, *parts: str) -> Callable[[], str | None]:
    """Look for a message of a kind (firing or resolved) that holds every part."""

    def look() -> str | None:
        for said in stage.messages():
            is_resolved = "Resolved:" in said[:20]
            if is_resolved == (kind == "resolved") and all(part in said for part in parts):
                return said
        return None

    return look


def _settled(stage: Stage, eyes: Eyes) -> bool:
    """Wait until every source is fresh and every rule was evaluated; note how it stands."""
    if stage.node is None:
        stage.happened("not settled", eyes.unsettled())
        return False
    seen = stage.wait(eyes.settled, timeout_s=SETTLE_S)
    if not seen:
        stage.happened("not settled", eyes.unsettled())
        return False
    stage.happened("settled", seen)
    return True


def _told(stage: Stage, what: str, *parts: str, kind: str = "firing", timeout_s: float = MESSAGE_S) -> bool:
    """Wait for a message in the channel's journal; note it, or that it never came."""
    title = stage.wait(_titles(stage, kind, *parts), timeout_s=timeout_s)
    stage.happened(what if title else f"missing: {what}", title or f"no {kind} message with {' and '.join(parts)}")
    return title is not None


def _not_told(stage: Stage, *parts: str) -> bool:
    """Whether no firing message with these parts stands in the journal; note it if one does."""
    title = _titles(stage, "firing", *parts)()
    if title:
        stage.happened("wrongly told", title)
    return title is None


def _break(stage: Stage, inject: bool, name: str, **params: object) -> None:
    if inject:
        stage.yard.fault(name, on=True, **params)
        stage.happened("broken", name)
    else:
        stage.happened("nothing broken", f"{name} was left alone")


def _mend(stage: Stage, inject: bool, name: str) -> None:
    if inject:
        stage.yard.fault(name, on=False)
        stage.happened("mended", name)


def quiet_day(stage: Stage, eyes: Eyes, inject: bool) -> bool:
    """A day on which nothing happens: nothing is sent although everything is looked at; then one fault is sent."""
    calm = _settled(stage, eyes)
    stage.wait(lambda: False, timeout_s=45)
    sent = [item for receiver in ("slack", "smtp", "hook") for item in stage.yard.journal(receiver)]
    stage.happened("quiet" if not sent else "not quiet", f"{len(sent)} messages in the receivers' journals")
    for rule in eyes.rules():
        stage.happened("rule evaluated", rule)
    for source in eyes.sources():
        stage.happened("source fresh", source)
    looked = bool(eyes.settled())
    _break(stage, inject, "web_down")
    return calm and not sent and looked and _told(stage, "told", "System Down")


def website_down(stage: Stage, eyes: Eyes, inject: bool) -> bool:
    """The website refuses connections: DevOps is told, once, and told again when it is back."""
    calm = _settled(stage, eyes)
    _break(stage, inject, "web_down")
    told = _told(stage, "told", "System Down")
    blamed = _not_told(stage, "Database Down")
    _mend(stage, inject, "web_down")
    return (
        calm
        and told
        and blamed
        and _told(stage, "told that it is over", "System Down", kind="resolved", timeout_s=CLEAR_S)
    )


def database_down(stage: Stage, eyes: Eyes, inject: bool) -> bool:
    """The database server is gone: the DBA is told, and told again when it is back."""
    calm = _settled(stage, eyes)
    _break(stage, inject, "database_down")
    told = _told(stage, "told", "Database Down")
    _mend(stage, inject, "database_down")
    return calm and told and _told(stage, "told that it is over", "Database Down", kind="resolved", timeout_s=CLEAR_S)


def blind(stage: Stage, eyes: Eyes, inject: bool) -> bool:
    """We are cut off ourselves: no false System Down, but a message that we see nothing."""
    calm = _settled(stage, eyes)
    _break(stage, inject, "network_cut")
    told = [_told(stage, f"told: {source} is dark", source, "ark", timeout_s=180) for source in eyes.source_names()]
    honest = _not_told(stage, "System Down") and _not_told(stage, "Database Down")
    _mend(stage, inject, "network_cut")
    return calm and all(told) and honest


def watchman_dead(stage: Stage, eyes: Eyes, inject: bool) -> bool:
    """The app itself hangs: its pings stop, and the dead-man's switch outside tells."""
    calm = _settled(stage, eyes)
    stage.yard.post("/deadman", {"period_s": 30, "grace_s": 15})
    pinged = stage.wait(lambda: _switch(stage, "up"), timeout_s=60)
    stage.happened("watched over" if pinged else "not watched over", f"the switch is up: {bool(pinged)}")
    began = datetime.fromisoformat(stage.events[-1]["at"])
    pid = _app_pid(stage) if inject else None
    if pid is not None:
        os.kill(pid, signal.SIGSTOP)
        stage.happened("broken", f"the app (pid {pid}) was stopped by SIGSTOP")
    heard = stage.wait(lambda: _switch(stage, "down", after=began), timeout_s=100)
    stage.happened("the outside heard" if heard else "the outside heard nothing", str(heard or ""))
    if pid is not None:
        os.kill(pid, signal.SIGCONT)
        stage.happened("mended", "the app goes on")
    back = heard and stage.wait(lambda: _switch(stage, "up", after=datetime.fromisoformat(heard)), timeout_s=90)
    if back:
        stage.happened("watched over again", str(back))
    return bool(calm and pinged and heard and back)


def _switch(stage: Stage, status: str, after: datetime | None = None) -> str | None:
    """Return when the dead-man's switch last took this status, if that was after `after`."""
    changes: Sequence[dict[str, Any]] = [item for item in stage.yard.journal("deadman") if item.get("status") == status]
    if not changes:
        return None
    at = str(changes[-1]["at"])
    return at if after is None or datetime.fromisoformat(at) > after - timedelta(seconds=1) else None


def _app_pid(stage: Stage) -> int | None:
    told = standing.read(stage.home)
    return told.children["app"].pid if told and "app" in told.children else None


STORIES = {
    story.name: story
    for story in (
        Story(
            "quiet-day",
            "Nothing is sent on a quiet day, though everything is looked at; then a fault is sent.",
            quiet_day,
        ),
        Story(
            "website-down",
            "The website is down: someone is told within a minute, and told when it is over.",
            website_down,
        ),
        Story("database-down", "The database is down: the DBA is told, and told when it is over.", database_down),
        Story("blind", "Nigrani itself is cut off: it says so, and blames nobody.", blind),
        Story("watchman-dead", "Nigrani itself hangs: the outside hears.", watchman_dead),
    )
}
