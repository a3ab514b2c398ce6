"""Ask for a survey, carry one out, plan the daily one: the only writers of surveys."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from nigrani.access import ledger
from nigrani.guide.model import Guide
from nigrani.lib import clock, due
from nigrani.lib.errors import Conflict
from nigrani.measures import cover as covers

from . import asking, queries, state
from .models import OPEN, Survey
from .report import Report

log = logging.getLogger(__name__)

KEPT = 10
DAY = timedelta(days=1)
FIRST_AFTER = timedelta(minutes=15)  # a new installation's first hour has enough to look at
LEASE = timedelta(seconds=90)  # longer than any one question; renewed after each
_BEGUN_MAX = 3


def ask_for(guide: Guide, *, by: str, tries: bool, now: datetime) -> int:
    """Let a worker carry a survey out. Returns its number. Raises Conflict while one is under way.

    tries: also ask what does more than look; that leaves a line in the ledger.
    """
    return _open(guide, by=by, tries=tries, now=now, leased=False).pk


def carry_out_here(
    guide: Guide, *, by: str, tries: bool, now: datetime, progress: Callable[[int, int], None] = lambda *_: None
) -> tuple[int, Report]:
    """Survey in this process. Returns its number and its report. Raises Conflict while one is under way.

    If this process dies, a worker carries it out again.
    """
    row = _open(guide, by=by, tries=tries, now=now, leased=True)
    return row.pk, _carry_out(row, guide, progress=progress)


def take(guide: Guide, *, now: datetime) -> Survey | None:
    """Plan the daily survey, and claim one that is due: the caller must carry it out."""
    _plan(guide, now=now)
    for row in due.claim(Survey, now=now, lease=LEASE, limit=1, where=Q(state__in=OPEN)):
        if row.begun < _BEGUN_MAX:
            return row
        _end(row, "failed", now=now, error=f"It was begun {row.begun} times and never came to its end.")
    return None


def carry_out(row: Survey, guide: Guide) -> Report:
    """Carry out a survey that was claimed. A failure of our own is written, and raised."""
    try:
        return _carry_out(row, guide)
    except Exception as error:
        _end(row, "failed", now=clock.now(), error=f"Nigrani itself failed: {type(error).__name__}. See the log.")
        raise


def _open(guide: Guide, *, by: str, tries: bool, now: datetime, leased: bool) -> Survey:
    try:
        with transaction.atomic():
            row = Survey.objects.create(
                by=by,
                tries=tries,
                state="planned",
                asked_at=now,
                next_at=now,
                of=len(guide.findings),
                leased_until=Now() + LEASE if leased else None,
            )
            if tries:
                plans = list(asking.plans(guide).values())
                ledger.record(by=by, action="survey.tried", what=f"survey {row.pk}", detail={"does": plans}, now=now)
    except IntegrityError as error:
        raise Conflict("A survey is under way.", "Wait for it, or look at the last one.") from error
    return row


def _plan(guide: Guide, *, now: datetime) -> None:
    """Plan the next daily survey, one day after the last; the first soon after a source was set up."""
    if not any(guide.sources[each.source].is_set_up for each in guide.findings.values()):
        return
    if Survey.objects.filter(daily=True, state__in=OPEN).exists():
        return
    last = Survey.objects.filter(daily=True).order_by("-asked_at").first()
    at = max(now, last.asked_at + DAY) if last else now + FIRST_AFTER
    # Another worker may have planned it in this moment: then its row is the one.
    Survey.objects.bulk_create(
        [Survey(by="every day", daily=True, state="planned", asked_at=at, next_at=at, of=len(guide.findings))],
        ignore_conflicts=True,
    )


def _carry_out(
    row: Survey,
    guide: Guide,
    *,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Report:
    began = clock.now()
    of = len(guide.findings)
    Survey.objects.filter(pk=row.pk).update(state="running", asked_at=began, of=of, done=0, begun=row.begun + 1)

    def tell(done: int) -> None:
        Survey.objects.filter(pk=row.pk).update(done=done, leased_until=Now() + LEASE)
        progress(done, of)

    asked = asking.Asking(guide, tries=row.tries)
    findings = asked.ask_all(tell)
    ended = clock.now()
    report = Report(
        began_at=began,
        ended_at=ended,
        by=row.by,
        tried=row.tries,
        guide=guide.name,
        digest=guide.digest,
        findings=findings,
        rows=state.rows(guide, covers.cover(guide, now=ended), findings),
        tables=asked.tables(),
        grants=asked.grants(),
    )
    _end(row, "done", now=ended, report=report)
    log.info("A survey found %d things.", len(report.found()), extra={"action": "survey.done", "survey": row.pk})
    return report


def _end(row: Survey, word: str, *, now: datetime, report: Report | None = None, error: str = "") -> None:
    """Write a survey's end and forget the oldest ones."""
    with transaction.atomic():
        before = queries.latest()
        fresh = queries.new_since(report, before.report) if report and before else []
        Survey.objects.filter(pk=row.pk).update(
            found=len(report.found()) if report else 0,
            unseen=len(report.unseen()) if report else 0,
            fresh=len(fresh),
            state=word,
            ended_at=now,
            next_at=None,
            leased_until=None,
            error=error,
            report=None if report is None else msgspec.to_builtins(report),
        )
        kept = Survey.objects.exclude(state__in=OPEN).order_by("-pk").values("pk")[:KEPT]
        Survey.objects.exclude(state__in=OPEN).exclude(pk__in=list(kept.values_list("pk", flat=True))).delete()
