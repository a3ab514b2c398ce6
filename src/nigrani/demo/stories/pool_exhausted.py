"""Every connection is taken: one page names the cause, and what follows from it stays quiet."""

from __future__ import annotations

from nigrani.demo import telling
from nigrani.demo.eyes import Eyes
from nigrani.demo.stage import Stage

SHOWS = "Every connection is taken: one page names the cause, and what follows from it stays quiet."
_BELIEVED_S = 300.0  # two refusals, 15 s apart, and the wait for a cause
_WATCHED_S = 60.0


def play(stage: Stage, eyes: Eyes, inject: bool) -> bool:
    """The server and the ERP's own pool are full; the website fails for it. One message says which is the cause."""
    if not telling.settled(stage, eyes):
        return False
    telling.promote(stage, "connection-pool")
    telling.break_(stage, inject, "pool_exhausted")
    told = telling.told(stage, "told", "The database has no free connection", timeout_s=_BELIEVED_S)
    once = told and telling.told_once(stage, "The database has no free connection", watch_s=_WATCHED_S)
    telling.mend(stage, inject, "pool_exhausted")
    return told and once
