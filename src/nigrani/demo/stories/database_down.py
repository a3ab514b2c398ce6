"""The database is down: the DBA is told, and told when it is over."""

from __future__ import annotations

from nigrani.demo import telling
from nigrani.demo.eyes import Eyes
from nigrani.demo.stage import Stage

SHOWS = "The database is down: the DBA is told, and told when it is over."


def play(stage: Stage, eyes: Eyes, inject: bool) -> bool:
    """The database server is gone: the DBA is told, and told again when it is back."""
    calm = telling.settled(stage, eyes)
    telling.break_(stage, inject, "database_down")
    told = telling.told(stage, "told", "Database Down")
    telling.mend(stage, inject, "database_down")
    return (
        calm
        and told
        and telling.told(stage, "told that it is over", "Database Down", kind="resolved", timeout_s=telling.CLEAR_S)
    )
