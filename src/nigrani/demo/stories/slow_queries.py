"""The ERP's queries get slow: the DBA is told which statement it is."""

from __future__ import annotations

from nigrani.demo import telling
from nigrani.demo.eyes import Eyes
from nigrani.demo.stage import Stage

SHOWS = "The ERP's queries get slow: the DBA is told which statement it is, and told when it is over."
_ASKED_S = 360.0  # statistics are asked each minute, and a difference takes two answers


def play(stage: Stage, eyes: Eyes, inject: bool) -> bool:
    """Every query takes more than a second inside the database: the message names the statement, without values."""
    if not telling.settled(stage, eyes):
        return False
    telling.promote(stage, "slow-queries")
    stage.yard.fault("traffic_paused", on=True)  # a quiet hour: the site gets slow, and nothing falls over
    telling.break_(stage, inject, "slow_queries")
    told = telling.told(stage, "told which statement", "Slow Queries", "pg_sleep($1)", timeout_s=_ASKED_S)
    blamed = telling.not_told(stage, "Database Down") and telling.not_told(stage, "System Down")
    telling.mend(stage, inject, "slow_queries")
    stage.yard.fault("traffic_paused", on=False)
    return (
        told
        and blamed
        and telling.told(stage, "told that it is over", "Slow Queries", kind="resolved", timeout_s=telling.CLEAR_S)
    )
