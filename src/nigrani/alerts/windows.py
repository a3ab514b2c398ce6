"""The guide's maintenance windows as rows: an occurrence gets one when it begins, and mutes like any silence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nigrani.guide import Guide, Window

from . import calendar
from .calendar import Span
from .matching import Matchers
from .models import Silence

REMOVED = "the guide"


@dataclass(frozen=True)
class Coming:
    """A window of the guide: its present occurrence or None, and the next one or None."""

    window: Window
    present: Span | None
    following: Span | None


def planned(guide: Guide, *, now: datetime) -> list[Coming]:
    """Return the guide's windows, in its order."""
    return [Coming(each, calendar.standing(each, now), calendar.coming(each, now)) for each in guide.windows.values()]


def matched(window: Window) -> Matchers:
    """Return what a window matches."""
    return Matchers(window.rules, window.sources, window.labels)


def follow(guide: Guide, *, now: datetime) -> None:
    """Let the rows follow the guide: what begins gets one, what was changed changes, what was taken out ends.

    One query while there is no window. What a person ended stays ended.
    """
    rows = {each.key: each for each in Silence.objects.filter(over_at=None, key__isnull=False)}
    if not rows and not guide.windows:
        return
    fresh, kept = [], set()
    for window in guide.windows.values():
        span = calendar.standing(window, now)
        if span is None:
            continue
        row = _row(window, span, now)
        kept.add(row.key)
        if row.key not in rows:
            fresh.append(row)
        elif _differs(rows[row.key], row):
            Silence.objects.filter(key=row.key, over_at=None, ended_by="").update(
                why=row.why, rules=row.rules, sources=row.sources, labels=row.labels, until=row.until
            )
    if fresh:
        Silence.objects.bulk_create(fresh, ignore_conflicts=True)
    gone = [key for key, row in rows.items() if key not in kept and row.starts_at <= now < row.until]
    if gone:
        Silence.objects.filter(key__in=gone, over_at=None, ended_by="").update(until=now, ended_by=REMOVED)


def _row(window: Window, span: Span, now: datetime) -> Silence:
    return Silence(
        kind="window",
        key=f"{window.name}@{span.start.isoformat()}",
        by=window.name,
        why=window.why,
        rules=list(window.rules),
        sources=list(window.sources),
        labels={name: list(globs) for name, globs in window.labels.items()},
        made_at=now,
        starts_at=span.start,
        until=span.end,
    )


def _differs(row: Silence, wanted: Silence) -> bool:
    if row.ended_by:
        return False
    names = ("why", "rules", "sources", "labels", "until")
    return any(getattr(row, name) != getattr(wanted, name) for name in names)
