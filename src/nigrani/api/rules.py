"""A rule's backtest: over the API, and as the command line prints it for machines."""

from __future__ import annotations

from datetime import datetime

import msgspec

from nigrani.access.models import Role
from nigrani.alerts import backtest
from nigrani.alerts.wishes import wished
from nigrani.lib.errors import NigraniError, SourceError

from .door import Ask, BadRequest, NotFound, answers

_DAYS = 7.0


class ReachedShape(msgspec.Struct, frozen=True):
    """A receiver that would have been told, and what is missing when it is not set up."""

    receiver: str
    title: str
    is_set_up: bool
    missing: list[str]


class UnjudgedShape(msgspec.Struct, frozen=True):
    """Why a share of the time, 0 to 1, could not be judged."""

    why: str
    share: float


class FiringShape(msgspec.Struct, frozen=True):
    """One time that it would have fired; ended is null when it fired still at the end."""

    alert: str
    labels: dict[str, str]
    began: datetime
    ended: datetime | None
    lasted_s: float
    level: str
    worst: float | None
    because: str
    ended_because: str


class BacktestShape(msgspec.Struct, frozen=True):
    """What a rule would have done from start to end. messages: to each receiver, at most. firings: the newest."""

    rule: str
    measure: str
    level: str
    over_s: float
    start: datetime
    end: datetime
    judged: float
    unjudged: list[UnjudgedShape]
    series: int
    series_left_out: int
    count: int
    firing_s: float
    changes: int
    messages: int
    owner: str
    told: list[ReachedShape]
    fires_at_end: list[str]
    says: list[str]
    firings: list[FiringShape]


@answers(Role.VIEWER)
def rule_backtest(ask: Ask, name: str) -> BacktestShape:
    """Say what a rule would have done; ?days= up to 90 (7), ?above= or ?below=, ?over=, ?hold= try other ones."""
    declared = ask.guide.alerts.get(name)
    if declared is None:
        raise NotFound(f"The guide has no rule {name!r}.", "See them with GET /api/v1/alerts")
    asked = {key: ask.parameters.get(key, "") for key in ("above", "below", "over", "hold")}
    try:
        span = backtest.span(ask.now, days=_days(ask.parameters.get("days", "")))
        declared = wished(declared, ask.guide.measures[declared.when.measure], **asked)
        return shaped(backtest.run(ask.guide, declared, *span))
    except SourceError:
        raise
    except NigraniError as error:
        raise BadRequest(error.message, error.hint) from None


def shaped(found: backtest.Backtest) -> BacktestShape:
    """Return a backtest as the API answers it."""
    return BacktestShape(
        rule=found.rule,
        measure=found.measure,
        level=found.says,
        over_s=found.over_s,
        start=found.start,
        end=found.end,
        judged=found.judged,
        unjudged=[UnjudgedShape(why, share) for why, share in found.unjudged],
        series=found.series,
        series_left_out=found.left_out,
        count=found.count,
        firing_s=found.firing_s,
        changes=found.changes,
        messages=found.messages,
        owner=found.owner,
        told=[ReachedShape(each.receiver, each.title, each.is_set_up, list(each.missing)) for each in found.told],
        fires_at_end=list(found.fires_at_end),
        says=backtest.sentences(found),
        firings=[
            FiringShape(
                each.alert, dict(each.labels), each.began, each.ended, each.lasted_s, each.level, each.worst,
                each.because, each.ended_because,
            )
            for each in found.firings
        ],
    )  # fmt: skip


def _days(text: str) -> float:
    try:
        days = float(text) if text else _DAYS
    except ValueError:
        days = -1.0
    if not 0 < days <= backtest.LONGEST.days:
        raise BadRequest(f"days is {text[:20]!r}.", f"Ask for up to {backtest.LONGEST.days}.")
    return days
