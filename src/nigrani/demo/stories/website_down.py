"""The website is down: someone is told within a minute, and told when it is over."""

from __future__ import annotations

from nigrani.demo import telling
from nigrani.demo.eyes import Eyes
from nigrani.demo.stage import Stage

SHOWS = "The website is down: someone is told within a minute, and told when it is over."


def play(stage: Stage, eyes: Eyes, inject: bool) -> bool:
    """The website refuses connections: DevOps is told, once, and told again when it is back."""
    calm = telling.settled(stage, eyes)
    telling.break_(stage, inject, "web_down")
    told = telling.told(stage, "told", "System Down")
    blamed = telling.not_told(stage, "Database Down")
    telling.mend(stage, inject, "web_down")
    return (
        calm
        and told
        and blamed
        and telling.told(stage, "told that it is over", "System Down", kind="resolved", timeout_s=telling.CLEAR_S)
    )
