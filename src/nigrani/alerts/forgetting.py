"""Decisions are kept a year: what is older goes in batches, but for the story of what still fires."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from nigrani.outbox import actions as outbox

from . import stories
from .models import Alert, Fate, Reminder, Silence, Thread, Transition
from .state import LOUD

KEPT = timedelta(days=366)
_BATCH = 2000


def forget_old(*, now: datetime) -> int:
    """Remove transitions, fates, silences and messages older than a year. Returns how many rows went.

    Each batch is a transaction of its own, so that nobody waits for long, and a crash loses nothing.
    """
    before = now - KEPT
    done = 0
    while gone := _transitions(before):
        done += gone
    done += Silence.objects.filter(over_at__lt=before, until__lt=before).delete()[0]
    done += Thread.objects.filter(over_at__lt=before).delete()[0]
    # A message stays as long as a decision or a thread speaks of it.
    spared = (Fate.objects.filter(message=OuterRef("pk")), Thread.objects.filter(last=OuterRef("pk")))
    return done + outbox.forget_old(before=before, spared=spared)


@transaction.atomic
def _transitions(before: datetime) -> int:
    old = list(_old(before).values_list("pk", flat=True)[:_BATCH])
    if not old:
        return 0
    fates, _ = Fate.objects.filter(transition__in=old).delete()
    return fates + Transition.objects.filter(pk__in=old).delete()[0]


def _old(before: datetime) -> QuerySet[Transition]:
    """Return what may go: older than a year, decided, and no part of the story of what fires now."""
    firing = stories.began(Alert.objects.filter(state__in=LOUD).values_list("pk", flat=True))
    oldest = {alert: began.pk for alert, began in firing.items() if began.at < before}
    rows = (
        Transition.objects.filter(at__lt=before, awaits=False)
        .exclude(Exists(Reminder.objects.filter(transition=OuterRef("pk"))))
        .order_by("id")
    )
    return rows.exclude(alert__in=oldest, pk__gte=min(oldest.values())) if oldest else rows
