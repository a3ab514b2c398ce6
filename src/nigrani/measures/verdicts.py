"""The one live verdict of every item of the guide: written when it changes and once a minute, in one statement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from .models import Verdict
from .values import Known

REFRESH = timedelta(minutes=1)
_FIELDS = ["at", "known", "value", "met", "says"]


@dataclass(frozen=True)
class Finding:
    """What was found about an item, to be kept as its verdict."""

    item: str
    known: Known
    value: float | None
    met: bool | None
    says: str


def keep(findings: Iterable[Finding], *, now: datetime) -> int:
    """Keep findings whose word changed or whose verdict is a minute old. Returns how many were written.

    Two workers may write the same item; the later one stands.
    """
    chosen = {each.item: each for each in findings}
    kept = {verdict.item: verdict for verdict in Verdict.objects.filter(item__in=chosen)}
    written = [
        Verdict(item=each.item, at=now, known=each.known, value=each.value, met=each.met, says=each.says)
        for each in sorted(chosen.values(), key=lambda each: each.item)
        if _is_due(kept.get(each.item), each, now)
    ]
    if written:
        Verdict.objects.bulk_create(written, update_conflicts=True, unique_fields=["item"], update_fields=_FIELDS)
    return len(written)


def due(items: Iterable[str], *, now: datetime) -> set[str]:
    """Return the items that have no verdict of the last minute."""
    fresh = Verdict.objects.filter(at__gt=now - REFRESH, at__lte=now).values_list("item", flat=True)
    return set(items) - set(fresh)


def _is_due(kept: Verdict | None, found: Finding, now: datetime) -> bool:
    if kept is None or (kept.known, kept.met) != (found.known, found.met):
        return True
    return not timedelta() <= now - kept.at < REFRESH
