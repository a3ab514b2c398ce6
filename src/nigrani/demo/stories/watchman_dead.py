"""Nigrani itself hangs: the outside hears."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from nigrani.demo import telling
from nigrani.demo.eyes import Eyes
from nigrani.demo.stage import Stage
from nigrani.node import standing

SHOWS = "Nigrani itself hangs: the outside hears."


def play(stage: Stage, eyes: Eyes, inject: bool) -> bool:
    """The app itself hangs: its pings stop, and the dead-man's switch outside tells."""
    calm = telling.settled(stage, eyes)
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
