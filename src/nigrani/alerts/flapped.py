"""Alerts that change all the time: found among those that begin to fire, and let go when they have settled."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.db import connection

from nigrani.guide import Guide
from nigrani.lib.units import show_duration, show_value

from . import batch
from .batch import CHANGES, Change
from .flapping import Limits, flaps, has_settled
from .models import Alert


def begin(guide: Guide, changes: Iterable[Change], *, now: datetime) -> dict[int, str]:
    """Return the alerts that begin to flap with one of these changes, each with how often and in which range. One
    query."""
    limits = _limits(guide)
    begun = {each.alert: each for each in changes if each.new == "firing" and each.flapping_since is None}
    if not begun:
        return {}
    # All that changed lately is asked, and not these by name: a storm has ten thousand, each for the first time.
    sql = f"""SELECT t.alert_id, array_agg(t.at), min(t.value), max(t.value), min(t.at) FROM alerts_transition t
        WHERE t.at > %s AND t.at <= %s AND {CHANGES}
        GROUP BY t.alert_id HAVING count(*) > %s"""  # noqa: S608 - our own words
    with connection.cursor() as cursor:
        cursor.execute(sql, [now - limits.within, now, limits.changes])
        found = cursor.fetchall()
    return {
        alert: _says(guide, begun[alert], len(at), least, most, since=first, now=now)
        for alert, at, least, most, first in found
        if alert in begun and flaps(at, limits, now=now)
    }


def settling(guide: Guide, *, now: datetime) -> list[Change]:
    """Return the last change of each alert that flapped and has settled by now."""
    flapping = list(Alert.objects.filter(flapping_since__isnull=False).values_list("pk", flat=True))
    if not flapping:
        return []
    limits = _limits(guide)
    return [each for each in batch.latest(flapping) if has_settled(each.at, limits, now=now)]


def note(begun: Mapping[int, str], settled: Collection[Change], *, now: datetime) -> None:
    """Note in their rows which alerts flap from now on, and which no longer."""
    if begun:
        Alert.objects.filter(pk__in=list(begun)).update(flapping_since=now)
    if settled:
        Alert.objects.filter(pk__in=[each.alert for each in settled]).update(flapping_since=None)


def _limits(guide: Guide) -> Limits:
    return Limits(guide.telling.flap_changes, guide.telling.flap_within)


def _says(
    guide: Guide,
    change: Change,
    count: int,
    least: float | None,
    most: float | None,
    *,
    since: datetime,
    now: datetime,
) -> str:
    said = f"It changed {count} times within {show_duration(now - since)}"
    declared = guide.alerts.get(change.rule)
    if declared is None or least is None or most is None:
        return f"{said}."
    unit = guide.measures[declared.when.measure].unit
    return f"{said}, between {show_value(least, unit)} and {show_value(most, unit)}."
