"""Alerts a page at a time, in the order a person asks for: what it costs does not grow with how many there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.db.models import Case, Count, Expression, F, IntegerField, Max, OrderBy, QuerySet, Value, When

from nigrani.guide import Guide

from . import mutes
from .models import Alert, Fate
from .queries import STATES, URGENCIES, AlertView, FateView, fate_views, view

OPEN = ("firing", "recovering", "pending")
LOUD = ("firing", "recovering")
SORTS = ("state", "alert", "urgency", "since", "value")


@dataclass(frozen=True)
class Kept:
    """What keeps an alert's messages back, in a word or two and in a sentence."""

    word: str
    says: str


@dataclass(frozen=True)
class Tally:
    """How many alerts of a rule stand alike, and when the newest of them began to."""

    rule: str
    phase: str
    state: str
    known: str
    count: int
    newest: datetime


def tallies(*, rule: str | None = None) -> list[Tally]:
    """Return how many alerts there are of each rule of the guide, by state. One query."""
    rows = _of_the_guide(rule).order_by()
    counted = rows.values_list("rule__name", "rule__phase", "state", "known").annotate(Count("id"), Max("since"))
    return [Tally(*row) for row in counted]


def page(
    guide: Guide,
    *,
    states: Collection[str] = STATES,
    rule: str | None = None,
    phase: str | None = None,
    but: str | None = None,
    sort: str = "",
    is_descending: bool = False,
    start: int = 0,
    limit: int = 50,
) -> list[AlertView]:
    """Return some alerts of rules in the guide. One query.

    sort: one of SORTS; else worst first: by state, then urgency, then the newest. phase: only rules in it.
    but: leave out what is unknown for this reason, such as no_source.
    """
    rows = _of_the_guide(rule).filter(state__in=states)
    if phase is not None:
        rows = rows.filter(rule__phase=phase)
    if but is not None:
        rows = rows.exclude(known=but)
    ordered = rows.order_by(*_order(guide, sort, is_descending=is_descending))
    return [view(guide, row) for row in ordered[start : start + limit]]


def kept_back(guide: Guide, listed: Collection[AlertView], *, now: datetime) -> dict[int, Kept]:
    """Return, of the listed alerts that fire or recover, those whose messages something keeps back. Two queries."""
    loud = {each.id: each for each in listed if each.state in LOUD}
    found = {
        each.id: Kept("Flapping", "It changes too often for each change to be told.")
        for each in loud.values()
        if each.flapping_since
    }
    waiting = Fate.objects.filter(waits=True, transition__alert__in=loud).order_by("-id")
    for alert, by, because in waiting.values_list("transition__alert_id", "muted_by", "because"):
        word = "With the next message" if by.startswith("thread:") else "Muted as an effect"
        found.setdefault(alert, Kept(word, because))
    muting = mutes.standing(guide, now=now)
    for each in loud.values():
        if silences := muting.all(each.rule, each.labels):
            word = "In maintenance" if silences[0].kind == "window" else "Silenced"
            found[each.id] = Kept(word, muting.sentences(each.rule, each.labels)[0])
    return found


def unsent(
    *, limit: int, receiver: str | None = None, since: datetime | None = None, start: int | None = None
) -> list[FateView]:
    """Return decisions not to send, newest first, each with its reason. One query.

    start: the newest id to show; None is the newest there is.
    """
    rows = Fate.objects.filter(fate="not_sent").order_by("-id")
    if receiver is not None:
        rows = rows.filter(receiver=receiver)
    if since is not None:
        rows = rows.filter(at__gte=since)
    if start is not None:
        rows = rows.filter(id__lte=start)
    return fate_views(rows[:limit])


def _of_the_guide(rule: str | None) -> QuerySet[Alert]:
    rows = Alert.objects.select_related("rule").filter(rule__gone_at__isnull=True)
    return rows if rule is None else rows.filter(rule__name=rule)


def _order(guide: Guide, sort: str, *, is_descending: bool) -> Sequence[OrderBy | str]:
    by_state = _rank("state", {state: at for at, state in enumerate(STATES)})
    urgencies = {name: URGENCIES.index(declared.urgency) for name, declared in guide.alerts.items()}
    by_urgency = _rank("rule__name", urgencies)
    titles = sorted(guide.alerts, key=lambda name: guide.alerts[name].title.casefold())
    columns: dict[str, Expression | F] = {
        "state": by_state,
        "alert": _rank("rule__name", {name: at for at, name in enumerate(titles)}),
        "urgency": by_urgency,
        "since": F("since"),
        "value": F("value"),
    }
    worst = (OrderBy(by_state), OrderBy(by_urgency), "-since", "id")
    if sort not in columns:
        return worst
    column = columns[sort]
    first = OrderBy(column, descending=is_descending, nulls_last=True)
    return (first, "key", "id") if sort == "alert" else (first, *worst)


def _rank(field: str, places: Mapping[str, int]) -> Expression:
    whens = [When(**{field: name}, then=Value(at)) for name, at in places.items()]
    return cast(Expression, Case(*whens, default=Value(len(places)), output_field=IntegerField()))
