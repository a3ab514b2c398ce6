"""Why was this (not) sent, and why does it (not) fire: every decision about an alert in one place.

A message that was refused or has not arrived is never called told: what a carrier answered stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from nigrani.guide import Alert as Declared
from nigrani.guide import Guide
from nigrani.guide.reader import nearest
from nigrani.lib.errors import NigraniError, SourceError
from nigrani.lib.units import show_age, show_duration
from nigrani.measures import labels as label_sets
from nigrani.measures import windows
from nigrani.outbox import queries as outbox

from . import mutes, queries
from .judge import judge, telling
from .models import Alert, Fate, Reminder, Rule, Transition
from .mutes import moment
from .queries import AlertView
from .rules import alert_key

LATE = timedelta(minutes=1)  # a rule that was not evaluated for so long: our own loop is late
_MOST = 300
_MOST_ALERTS = 20
_WORDS = {
    "change": "decided", "again": "told anew", "reminder": "reminder", "wider": "told besides", "released": "released",
    "together": "told together", "freed": "freed", "settled": "settled",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One line of an alert's story. kind: "change" of state, "decision" about a receiver, or "try" to send a message.

    word: the new state, what became of it (sent, failed, not sent, …) or a try's outcome. what: which kind of decision.
    """

    at: datetime
    kind: str
    word: str
    what: str
    receiver: str
    says: str
    message: int | None = None


@dataclass(frozen=True)
class Why:
    """Everything that was decided about one alert. alert: None for a label set that never left ok.

    now: why it stands as it stands, in sentences; mutes: what keeps its messages back at present. entries: newest
    first; is_cut: there are older ones.
    """

    key: str
    rule: str
    alert: AlertView | None
    state: str
    now: tuple[str, ...]
    mutes: tuple[str, ...]
    entries: tuple[Entry, ...]
    is_cut: bool = False


def of(guide: Guide, name: str, *, now: datetime) -> list[Why]:
    """Return why, for an alert `rule{label=value}`, or for a rule: its alerts that are not ok, else the rule itself.

    Raises NigraniError with the nearest names when there is no such rule or alert.
    """
    found = Alert.objects.filter(key=name).first()
    if found is not None:
        return [_explain(guide, found.pk, now)]
    rule, _, rest = name.partition("{")
    if rule not in guide.alerts:
        known = [*guide.alerts, *Alert.objects.exclude(state="ok").values_list("key", flat=True)[:1000]]
        close = nearest(name, known)
        hint = f"Nearest: {close}." if close else "List them with: nigrani alert"
        raise NigraniError(f"There is no rule or alert {name[:100]!r}.", hint)
    if rest:
        return [_never(guide, rule, _labels(guide, rule, name, rest), now)]
    rows = Alert.objects.filter(rule__name=rule).exclude(state="ok").order_by("-since", "id")
    ids = list(rows.values_list("pk", flat=True)[:_MOST_ALERTS])
    return [_explain(guide, each, now) for each in ids] or [_never(guide, rule, None, now)]


def one(guide: Guide, number: int, *, now: datetime) -> Why | None:
    """Return why of one alert by its id, or None when there is none."""
    known = number < 2**63 and Alert.objects.filter(pk=number).exists()
    return _explain(guide, number, now) if known else None


def _labels(guide: Guide, rule: str, name: str, rest: str) -> dict[str, str]:
    by = guide.measures[guide.alerts[rule].when.measure].by
    pairs = dict(part.split("=", 1) for part in rest.removesuffix("}").split(",") if "=" in part)
    if set(pairs) != set(by):
        wanted = f"{rule}{{{','.join(f'{label}=…' for label in by)}}}" if by else rule
        raise NigraniError(f"There is no alert {name[:100]!r}.", f"This rule's alerts are called {wanted}.")
    return pairs


def _never(guide: Guide, rule: str, labels: Mapping[str, str] | None, now: datetime) -> Why:
    """Explain a rule, or a label set, of which no alert is or was other than ok."""
    declared = guide.alerts[rule]
    row = Rule.objects.filter(name=rule).first()
    sentences = list(_of_rule(guide, row, now))
    key = alert_key(rule, label_sets.key(labels)) if labels else rule
    if labels is not None:
        sentences.append("This label set never left ok, so nothing was ever to be told of it.")
    elif guide.measures[declared.when.measure].by:
        sentences.append("Every series of it is ok.")
    sentences += _measured(guide, declared, labels, now)
    muted = tuple(mutes.standing(guide, now=now).sentences(rule, labels or {}))
    return Why(key, rule, None, "ok" if row and row.known == "known" else "unknown", tuple(sentences), muted, ())


def _measured(guide: Guide, declared: Declared, labels: Mapping[str, str] | None, now: datetime) -> Iterator[str]:
    """Ask telemetry what it says now."""
    try:
        (merged,) = windows.read(guide, [declared.when], now=now)
    except SourceError as error:
        yield f"What it measures now can't be said: {error.message}"
        return
    if labels is not None:
        values = [merged.of(label_sets.key(labels), labels)]
    else:
        values = list(merged.values.values()) or [merged.of("", {})]
    for value in values[:3]:
        named = f"{', '.join(value.labels.values())}: " if value.labels else ""
        yield f"Now: {named}{telling(judge(declared, merged.measure, value)).says}."


def _explain(guide: Guide, number: int, now: datetime) -> Why:
    view = queries.alert(guide, number)
    assert view is not None, "asked for one that is there"
    row = Alert.objects.select_related("rule").get(pk=number)
    entries, is_cut = _entries(number)
    standing = mutes.standing(guide, now=now)
    return Why(
        key=view.key,
        rule=view.rule,
        alert=view,
        state=view.state,
        now=tuple(_now(guide, row, now)),
        mutes=tuple(standing.sentences(view.rule, view.labels)),
        entries=tuple(entries),
        is_cut=is_cut,
    )


def _now(guide: Guide, row: Alert, now: datetime) -> Iterator[str]:
    declared = guide.alerts.get(row.rule.name)
    yield from _of_rule(guide, row.rule, now)
    says = f"{row.says[:1].upper()}{row.says[1:]}." if row.says else ""
    held = now - row.pending_since if row.pending_since else timedelta()
    match row.state:
        case "ok":
            yield f"It does not fire. {says}".rstrip()
        case "pending" if declared is not None:
            left, wanted = max(declared.hold - held, timedelta()), show_duration(declared.hold)
            yield f"It does not fire yet: it must hold for {wanted}, {show_duration(left)} left. {says}"
        case "recovering" if declared is not None:
            left = max(declared.clear.hold - held, timedelta())
            wanted = show_duration(declared.clear.hold)
            yield f"It fires until it was clear for {wanted}, {show_duration(left)} left. {says}"
        case "firing":
            yield f"It fires since {moment(row.since, guide.zone)}. {says}".rstrip()
        case _:
            yield f"It can't be judged. {says}".rstrip()
    if row.state in ("firing", "recovering") and row.known != "known":
        yield "Its value is not known at present; it fires on until it is known to be over."
    yield from _ahead(guide, row, now)


def _of_rule(guide: Guide, rule: Rule | None, now: datetime) -> Iterator[str]:
    """Say what holds for the whole rule: whether it is there, live, evaluated, and known."""
    if rule is None or rule.evaluated_at is None:
        yield "The rule was not evaluated yet."
        return
    if rule.gone_at is not None or rule.name not in guide.alerts:
        yield "The rule left the guide: nothing is evaluated, and nothing sent, any more."
        return
    if rule.phase == "shadow":
        since = moment(rule.since, guide.zone)
        yield f"The rule is in shadow since {since}: it records what it would send, and sends nothing."
    if now - rule.evaluated_at > LATE:
        yield f"The rule was last evaluated {show_age(rule.evaluated_at, now=now)}: our own loop is late."
    if rule.unsettled_until is not None and rule.unsettled_until > now:
        yield f"Nothing is judged until {moment(rule.unsettled_until, guide.zone)}: the clock was set back."
    if rule.known != "known" and rule.says:
        yield f"{rule.says[:1].upper()}{rule.says[1:]}."


def _ahead(guide: Guide, row: Alert, now: datetime) -> Iterator[str]:
    """Say when it is told again, or what it waits for."""
    reminder = Reminder.objects.filter(alert=row).first()
    if reminder is None or row.state not in ("firing", "recovering"):
        return
    if reminder.held:
        yield f"It is told when what mutes it is over: {reminder.held}"
    elif reminder.next_at is None:
        yield "It is not told again while it fires: its pace says never."
    else:
        yield f"If it fires on, it is told again {show_age(reminder.next_at, now=now)}."


def _entries(number: int) -> tuple[list[Entry], bool]:
    """Return the newest changes, decisions and tries, newest first, and whether there are older ones. Four queries."""
    changes = list(Transition.objects.filter(alert=number).order_by("-id")[: _MOST + 1])
    is_cut = len(changes) > _MOST
    found = [Entry(each.at, "change", each.new, each.old, "", _waits(each)) for each in changes[:_MOST]]
    fates = Fate.objects.filter(transition__in=[each.pk for each in changes[:_MOST]]).select_related("message")
    kept = list(fates.order_by("-id")[: 4 * _MOST])
    sent = outbox.of({each.message_id for each in kept if each.message_id is not None})
    for fate in kept:
        if fate.message_id is None:
            word, says = "not sent", fate.because
        else:
            delivery = sent[fate.message_id]
            # Only of what arrived may it be said that somebody "is told".
            word = delivery.word
            says = f"{fate.because} {delivery.reason}" if word == "sent" else delivery.reason
        what = _WORDS.get(fate.kind, fate.kind)
        found.append(Entry(fate.at, "decision", word, what, fate.receiver, says, fate.message_id))
    for number, delivery in sent.items():
        found += [
            Entry(each.at, "try", each.outcome, "try", delivery.receiver, each.detail, number)
            for each in delivery.tries
        ]
    order = {"change": 0, "decision": 1, "try": 2}
    found.sort(key=lambda each: (each.at, order[each.kind]), reverse=True)
    return found, is_cut


def _waits(change: Transition) -> str:
    return f"{change.because} It is being decided whom to tell." if change.awaits else change.because
