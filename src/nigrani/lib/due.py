"""Due rows: claim what is due, in batches, without two workers ever holding the same row.

A due row has `next_at` (when it is due) and `leased_until` (until when a worker holds it). Due times are the
application's (`lib.clock`); leases are the database's own clock, so that workers with crooked clocks agree.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Now

Row = TypeVar("Row", bound="DueRow")


class DueRow(models.Model):
    """A row that wants something done at `next_at`; None means nothing is wanted."""

    next_at = models.DateTimeField(null=True, db_index=True)
    leased_until = models.DateTimeField(null=True)

    class Meta:
        abstract = True


def claim(model: type[Row], *, now: datetime, lease: timedelta, limit: int, where: Q | None = None) -> list[Row]:
    """Take up to `limit` rows due at `now` and lease them, longest due first.

    A row whose lease ran out (its worker died) is due again. Rows that another worker is claiming are skipped,
    not waited for. The caller must set `next_at` and clear `leased_until` when it is done with a row.
    """
    free: Q = Q(leased_until__isnull=True) | Q(leased_until__lt=Now())
    with transaction.atomic():
        manager: Any = model._default_manager
        due = manager.select_for_update(skip_locked=True).filter(free, next_at__lte=now)
        if where is not None:
            due = due.filter(where)
        ids = [row.pk for row in due.order_by("next_at").only("pk")[:limit]]
        if not ids:
            return []
        manager.filter(pk__in=ids).update(leased_until=Now() + lease)
        return list(manager.filter(pk__in=ids).order_by("next_at"))
