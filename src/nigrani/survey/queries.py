"""Surveys for readers: the last, the earlier ones, the one under way, and what changed between two."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from .models import OPEN, Survey
from .report import FindingResult, Report


@dataclass(frozen=True)
class SurveyView:
    """A survey that has ended, and what is new since the one before it.

    new, gone: findings that the one before did not have, or had and looked for again. before: that one's number, or
    None for the first.
    """

    number: int
    report: Report
    new: tuple[FindingResult, ...]
    gone: tuple[FindingResult, ...]
    before: int | None


@dataclass(frozen=True)
class UnderWay:
    """A survey that somebody waits for. state: planned (no worker took it yet) or running."""

    number: int
    by: str
    asked_at: datetime
    state: str
    done: int
    of: int


@dataclass(frozen=True)
class Past:
    """A line of the list of past surveys. error: why it failed, or ""."""

    number: int
    by: str
    ended_at: datetime | None
    tried: bool
    found: int
    unseen: int
    error: str


def latest() -> SurveyView | None:
    """Return the last survey that came to its end."""
    return _view(list(Survey.objects.filter(state="done").order_by("-pk")[:2]))


def survey(number: int) -> SurveyView | None:
    """Return a survey by its number; None when it is unknown, forgotten or has no report."""
    if number >= 2**63:
        return None
    rows = list(Survey.objects.filter(state="done", pk__lte=number).order_by("-pk")[:2])
    return _view(rows) if rows and rows[0].pk == number else None


def under_way(*, now: datetime) -> UnderWay | None:
    """Return the survey that is being carried out, or waits for a worker to take it."""
    row = Survey.objects.filter(state__in=OPEN, next_at__lte=now).defer("report").order_by("pk").first()
    return UnderWay(row.pk, row.by, row.asked_at, row.state, row.done, row.of) if row else None


def past() -> list[Past]:
    """Return the surveys that are kept, newest first."""
    return [_past(row) for row in Survey.objects.exclude(state__in=OPEN).defer("report").order_by("-pk")]


def standing() -> tuple[int, int] | None:
    """Return how many findings the last survey had, and how many of them are new; None before the first."""
    return Survey.objects.filter(state="done").order_by("-pk").values_list("found", "fresh").first()


def _past(row: Survey) -> Past:
    return Past(row.pk, row.by, row.ended_at, row.tries, row.found, row.unseen, row.error)


def _view(rows: list[Survey]) -> SurveyView | None:
    if not rows:
        return None
    report = msgspec.convert(rows[0].report, Report)
    if len(rows) == 1:
        return SurveyView(rows[0].pk, report, (), (), None)
    earlier = msgspec.convert(rows[1].report, Report)
    had = {each.name for each in earlier.found()}
    gone = tuple(each for each in report.findings if each.state == "clear" and each.name in had)
    return SurveyView(rows[0].pk, report, tuple(new_since(report, earlier)), gone, rows[1].pk)


def new_since(report: Report, earlier: Report) -> list[FindingResult]:
    """Return what was found and was not found before."""
    had = {each.name for each in earlier.found()}
    return [each for each in report.found() if each.name not in had]
