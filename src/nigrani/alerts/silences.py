"""What pages, the API and the command line ask about silences, and what one would mute before it is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from nigrani.guide import Guide

from . import mutes, silencing
from .models import Alert, Fate, Silence
from .mutes import Mutes, needs_of
from .silencing import Plan

_BACK = timedelta(days=7)
_LONG = timedelta(hours=24)
_OPEN = ("firing", "recovering", "pending")


@dataclass(frozen=True)
class SilenceView:
    """One silence or window. state: "mutes", "coming" or "over". matches: its matchers in words.

    is_declared: it is an occurrence of one of the guide's windows, and `by` is that window's name.
    """

    id: int
    kind: str
    state: str
    by: str
    why: str
    matches: str
    rules: tuple[str, ...]
    sources: tuple[str, ...]
    labels: Mapping[str, tuple[str, ...]]
    made_at: datetime
    starts_at: datetime
    until: datetime
    ended_by: str
    is_declared: bool


@dataclass(frozen=True)
class Preview:
    """What a silence would do. would_mute: alerts that are not ok now, key and state; sent: how many messages of the
    last seven days it would have muted; rules: those it can match at all; warnings: what to think of first.
    """

    starts_at: datetime
    until: datetime
    matches: str
    would_mute: tuple[tuple[str, str], ...]
    sent: int
    rules: tuple[str, ...]
    warnings: tuple[str, ...]


def silences(*, now: datetime, past: bool = False, limit: int = 50) -> list[SilenceView]:
    """Return those that stand or are to come, the first to end first; or those that are over, the latest first."""
    rows = Silence.objects.filter(until__gt=now, over_at=None).order_by("until", "id")
    if past:
        rows = Silence.objects.exclude(until__gt=now, over_at=None).order_by("-until", "-id")
    return [_view(row, now) for row in rows[:limit]]


def silence(number: int, *, now: datetime) -> SilenceView | None:
    """Return one silence, or None."""
    row = Silence.objects.filter(pk=number).first() if 0 < number < 2**63 else None
    return _view(row, now) if row else None


def maintenance(guide: Guide, standing: Mutes) -> dict[str, tuple[datetime, str]]:
    """Return the sources in maintenance, of those that stand: until when at the longest, and why.

    A source is when a window names it, or mutes a rule that it feeds, whatever the rule's labels.
    """
    found: dict[str, tuple[datetime, str]] = {}
    for row, matched in standing.windows:
        names = set(matched.sources)
        if not names and not matched.labels:
            names = {
                need
                for rule in guide.alerts
                if matched.match(rule, {}, needs_of(guide, rule))
                for need in needs_of(guide, rule)
            }
        for name in names:
            if name not in found or found[name][0] < row.until:
                found[name] = (row.until, row.why)
    return found


def preview(plan: Plan, guide: Guide, *, now: datetime) -> Preview:
    """Return what a plan would mute. Raises NigraniError with everything that is wrong with it."""
    silencing.check(plan, guide, now=now)
    matched = plan.matchers
    rules = tuple(
        name
        for name, declared in guide.alerts.items()
        if matched.match(name, _possible(guide, name, matched.labels), needs_of(guide, name))
        and set(matched.labels) <= set(guide.measures[declared.when.measure].by)
    )
    rows = Alert.objects.filter(state__in=_OPEN, rule__gone_at=None, rule__phase="live").order_by("key")
    starts_at = plan.starts_at or now
    return Preview(
        starts_at=starts_at,
        until=starts_at + plan.lasts,
        matches=str(matched),
        would_mute=tuple(
            (key, state)
            for key, state, rule, labels in rows.values_list("key", "state", "rule__name", "labels")
            if matched.match(rule, labels, needs_of(guide, rule))
        ),
        sent=_sent(plan, guide, now),
        rules=rules,
        warnings=tuple(_warnings(plan, guide, rules, now)),
    )


def _possible(guide: Guide, rule: str, labels: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return labels that the rule could have and that fit, to ask whether it can be matched at all."""
    by = guide.measures[guide.alerts[rule].when.measure].by
    return {name: globs[0].replace("*", "") for name, globs in labels.items() if name in by}


def _sent(plan: Plan, guide: Guide, now: datetime) -> int:
    rows = Fate.objects.filter(fate="queued", transition__new="firing", at__gt=now - _BACK, at__lte=now)
    columns = ("message", "transition__alert__rule__name", "transition__alert__labels")
    return len(
        {
            message
            for message, rule, labels in rows.values_list(*columns)
            if plan.matchers.match(rule, labels, needs_of(guide, rule))
        }
    )


def _warnings(plan: Plan, guide: Guide, rules: tuple[str, ...], now: datetime) -> Iterator[str]:
    if not rules:
        yield "No rule can match it as it is: it would mute nothing."
    elif len(rules) == len(guide.alerts) > 1 and not plan.matchers.labels:
        yield f"It mutes every rule of the guide, all {len(rules)}."
    critical = [name for name in rules if any(each.urgency == "critical" for each in guide.alerts[name].levels)]
    if critical and plan.lasts > _LONG:
        names = ", ".join(critical[:5]) + (" …" if len(critical) > 5 else "")
        yield f"It mutes critical alerts for longer than 24 hours: {names}. Nobody will be woken by them."
    for row in Silence.objects.filter(over_at=None, until__gt=now).order_by("until")[:50]:
        other = mutes.matchers(row)
        if any(other.match(name, _possible(guide, name, other.labels), needs_of(guide, name)) for name in rules):
            yield f"It overlaps {row.kind} {row.pk} by {row.by} ({row.why}); each ends by itself."


def _view(row: Silence, now: datetime) -> SilenceView:
    matched = mutes.matchers(row)
    is_over = row.over_at is not None or row.until <= now
    return SilenceView(
        id=row.pk,
        kind=row.kind,
        state="over" if is_over else "coming" if row.starts_at > now else "mutes",
        by=row.by,
        why=row.why,
        matches=str(matched),
        rules=matched.rules,
        sources=matched.sources,
        labels=matched.labels,
        made_at=row.made_at,
        starts_at=row.starts_at,
        until=row.until,
        ended_by=row.ended_by,
        is_declared=row.key is not None,
    )
