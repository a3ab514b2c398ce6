"""What pages, the API and the command line ask of this room. Everything comes as frozen objects."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Q, QuerySet

from nigrani.guide import Guide, Where
from nigrani.lib.units import show_value
from nigrani.outbox import queries as outbox

from .judge import level
from .models import Alert, Fate, Rule, Transition

STATES = ("firing", "recovering", "pending", "unknown", "ok")
URGENCIES = ("critical", "high", "medium", "")
_WORDS = {"no_source": "no source", "too_little": "too little traffic"}


@dataclass(frozen=True)
class AlertView:
    """One alert as it stands. word: its state for a person; an unknown one says whether it has no source.

    title, urgency, means, owner, action and runbook are the guide's; "" when the rule has left it. says: the last
    finding, or why there is none. value and shown: as of read_at. flapping_since: None while it does not flap.
    """

    id: int
    key: str
    rule: str
    labels: Mapping[str, str]
    title: str
    means: str
    urgency: str
    owner: str
    action: str
    runbook: str
    phase: str
    state: str
    word: str
    known: str
    since: datetime
    value: float | None
    shown: str
    says: str
    read_at: datetime
    flapping_since: datetime | None


@dataclass(frozen=True)
class FateView:
    """One decision about telling one receiver. kind: why it was asked: "change", "again", "reminder", "wider" or
    "released"; muted_by: what kept it back, as "silence:12". word and reason follow the message to its end: sent,
    waiting, failed, …, or "not sent"."""

    id: int
    transition: int
    alert: int
    key: str
    receiver: str
    fate: str
    word: str
    reason: str
    at: datetime
    sent_at: datetime | None
    new: str
    message: int | None
    kind: str = "change"
    muted_by: str = ""


@dataclass(frozen=True)
class TransitionView:
    """One change of an alert, and what became of telling it."""

    id: int
    alert: int
    key: str
    old: str
    new: str
    at: datetime
    because: str
    value: float | None
    known: str
    awaits: bool
    fates: tuple[FateView, ...]


@dataclass(frozen=True)
class RuleView:
    """One rule of the guide as it runs. counts: its alerts by state, those that are ok left out where it has labels.

    evaluated_at: None before its first pass.
    """

    name: str
    title: str
    means: str
    urgency: str
    owner: str
    action: str
    runbook: str
    measure: str
    level: str
    phase: str
    since: datetime | None
    promoted_by: str
    evaluated_at: datetime | None
    known: str
    says: str
    counts: Mapping[str, int]
    where: Where


@dataclass(frozen=True)
class Loud:
    """An alert that fires or recovers. level: the urgency of its present level."""

    labels: Mapping[str, str]
    level: str


def alerts(guide: Guide, *, rule: str | None = None, open_only: bool = False) -> list[AlertView]:
    """Return the alerts of rules in the guide, worst first: by state, then urgency, then the newest. One query."""
    rows = Alert.objects.select_related("rule").filter(rule__gone_at__isnull=True)
    if rule is not None:
        rows = rows.filter(rule__name=rule)
    if open_only:
        rows = rows.filter(state__in=("firing", "recovering", "pending"))
    views = [view(guide, row) for row in rows.order_by("-since", "id")]
    return sorted(views, key=lambda each: (STATES.index(each.state), URGENCIES.index(each.urgency)))


def alert(guide: Guide, alert_id: int) -> AlertView | None:
    """Return one alert, also of a rule that left the guide; None if there is none with this id."""
    row = Alert.objects.select_related("rule").filter(pk=alert_id).first()
    return view(guide, row) if row else None


def transitions(*, alert_id: int | None = None, limit: int = 50) -> list[TransitionView]:
    """Return the latest changes, of one alert or of all, newest first, each with its fates. Two queries."""
    rows = Transition.objects.select_related("alert").order_by("-at", "-id")
    if alert_id is not None:
        rows = rows.filter(alert=alert_id)
    found = list(rows[:limit])
    fates: dict[int, list[FateView]] = {}
    for fate in fate_views(Fate.objects.filter(transition__in=[row.pk for row in found]).order_by("id")):
        fates.setdefault(fate.transition, []).append(fate)
    return [
        TransitionView(
            row.pk, row.alert_id, row.alert.key, row.old, row.new, row.at, row.because, row.value, row.known,
            row.awaits, tuple(fates.get(row.pk, ())),
        )
        for row in found
    ]  # fmt: skip


def decisions(*, limit: int = 50, receiver: str | None = None) -> list[FateView]:
    """Return the latest decisions to send or not to send, newest first, each with its reason. One query."""
    rows = Fate.objects.order_by("-id")
    if receiver is not None:
        rows = rows.filter(receiver=receiver)
    return fate_views(rows[:limit])


def told(alert_ids: Collection[int]) -> dict[int, tuple[FateView, ...]]:
    """Return what became of telling that each alert fires, as of the last time it began to. One query."""
    latest = Transition.objects.filter(alert__in=alert_ids, new="firing").order_by("alert", "-id").distinct("alert")
    found: dict[int, tuple[FateView, ...]] = {}
    for fate in fate_views(Fate.objects.filter(transition__in=latest.values("id")).order_by("id")):
        found[fate.alert] = (*found.get(fate.alert, ()), fate)
    return found


def would_have_sent(*, since: datetime) -> dict[str, tuple[int, datetime]]:
    """Return, for each rule in shadow, how often it would have told that it fires, and when last. One query."""
    rows = Fate.objects.filter(
        fate="not_sent", at__gte=since, transition__new="firing", transition__alert__rule__phase="shadow"
    )
    by_rule = rows.order_by().values_list("transition__alert__rule__name")
    counted = by_rule.annotate(Count("transition", distinct=True), Max("at"))
    return {name: (count, last) for name, count, last in counted}


def rules(guide: Guide, *, counted: bool = True) -> list[RuleView]:
    """Return every rule of the guide, in its order. Two queries, or one without its alerts `counted`."""
    rows = {row.name: row for row in Rule.objects.all()}
    counts: dict[str, dict[str, int]] = {}
    every = Alert.objects.order_by().values_list("rule__name", "state").annotate(count=Count("id"))
    for name, state, count in every if counted else ():
        counts.setdefault(name, {})[state] = count
    return [_rule(guide, name, rows.get(name), counts.get(name, {})) for name in guide.alerts]


def rule(guide: Guide, name: str) -> RuleView | None:
    """Return one rule of the guide, or None."""
    return next((each for each in rules(guide) if each.name == name), None)


def loud() -> dict[str, tuple[Loud, ...]]:
    """Return the alerts that fire or recover, by rule, of live rules and those in shadow. One query."""
    found: dict[str, tuple[Loud, ...]] = {}
    rows = Alert.objects.filter(state__in=("firing", "recovering"), rule__gone_at__isnull=True)
    for name, labels, urgency in rows.order_by("id").values_list("rule__name", "labels", "level"):
        found[name] = (*found.get(name, ()), Loud(labels, urgency))
    return found


def firing_count() -> int:
    """Return how many alerts of live rules are firing or recovering."""
    return Alert.objects.filter(
        Q(state__in=("firing", "recovering")), rule__phase="live", rule__gone_at__isnull=True
    ).count()


def view(guide: Guide, row: Alert) -> AlertView:
    """Return a row, its rule joined, with what the guide says of it."""
    declared = guide.alerts.get(row.rule.name)
    measure = guide.measures[declared.when.measure] if declared else None
    return AlertView(
        id=row.pk,
        key=row.key,
        rule=row.rule.name,
        labels=row.labels,
        title=declared.title if declared else "",
        means=declared.means if declared else "",
        urgency=row.level or (declared.urgency if declared else ""),
        owner=declared.owner if declared else "",
        action=declared.action if declared else "",
        runbook=declared.runbook if declared else "",
        phase=row.rule.phase,
        state=row.state,
        word=_WORDS.get(row.known, "unknown") if row.state == "unknown" else row.state,
        known=row.known,
        since=row.since,
        value=row.value,
        shown=show_value(row.value, measure.unit if measure else "number"),
        says=row.says,
        read_at=row.read_at,
        flapping_since=row.flapping_since,
    )


def _rule(guide: Guide, name: str, row: Rule | None, counts: Mapping[str, int]) -> RuleView:
    declared = guide.alerts[name]
    return RuleView(
        name=name,
        title=declared.title,
        means=declared.means,
        urgency=declared.urgency,
        owner=declared.owner,
        action=declared.action,
        runbook=declared.runbook,
        measure=declared.when.measure,
        level=level(declared, guide.measures[declared.when.measure]),
        phase=row.phase if row else declared.starts,
        since=row.since if row else None,
        promoted_by=row.promoted_by if row else "",
        evaluated_at=row.evaluated_at if row else None,
        known=row.known if row else "unknown",
        says=row.says if row else "not evaluated yet",
        counts=counts,
        where=declared.where,
    )


def fate_views(rows: QuerySet[Fate]) -> list[FateView]:
    """Return rows as pages show them, in their order. One query."""
    return [_fate(row) for row in rows.select_related("transition__alert", "message")]


def _fate(row: Fate) -> FateView:
    word, reason = outbox.fate(row.message) if row.message else ("not sent", row.because)
    return FateView(
        id=row.pk,
        transition=row.transition_id,
        alert=row.transition.alert_id,
        key=row.transition.alert.key,
        receiver=row.receiver,
        fate=row.fate,
        word=word,
        reason=reason,
        at=row.at,
        sent_at=row.message.sent_at if row.message else None,
        new=row.transition.new,
        message=row.message_id,
        kind=row.kind,
        muted_by=row.muted_by,
    )
