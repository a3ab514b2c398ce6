"""Where an alert's present story begins: the transition with which it last began to fire, and the newest since."""

from __future__ import annotations

from collections.abc import Iterable

from .models import Transition
from .state import LOUD


def began(alerts: Iterable[int]) -> dict[int, Transition]:
    """Return the transition with which each alert last began to fire. One query."""
    rows = Transition.objects.filter(alert__in=list(alerts), new="firing").exclude(old__in=LOUD)
    return {row.alert_id: row for row in rows.order_by("alert", "-id").distinct("alert")}


def newest(alerts: Iterable[int]) -> dict[int, Transition]:
    """Return the newest transition into firing of each alert, also from one level to another. One query."""
    rows = Transition.objects.filter(alert__in=list(alerts), new="firing")
    return {row.alert_id: row for row in rows.order_by("alert", "-id").distinct("alert")}
