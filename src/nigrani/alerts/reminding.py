"""While an alert fires it is told again, at the pace of its urgency, and to more people; what was muted is told when
its mute is over.

An alert that fires in a live rule has one due row (Reminder). A pass makes the rows that are wanting, removes those of
what is over, and decides all that is due in one transaction: a crash repeats it whole, two workers never share a row.
The alerts of one rule that are due together make one message a receiver.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from nigrani import oncall
from nigrani.guide import Alert as Declared
from nigrani.guide import Guide, Receiver, Repeat
from nigrani.lib import due, links
from nigrani.outbox import actions as outbox

from . import batch, hearing, inhibition, mutes, notices, putoff, reminders, stories, threads
from .models import Alert, Fate, Reminder, Transition
from .mutes import Mute
from .state import LOUD

_LEASE = timedelta(minutes=1)
_LOOK_AGAIN = timedelta(minutes=1)  # at what is muted, should its mute end in a way that nobody announces
_MOST = 20_000


@dataclass(frozen=True)
class _Due:
    """One alert to be told again. kind: "reminder", or "released" from what muted it; wider: receivers who hear of it
    for the first time because it goes on. turn and held: the row's, before it goes on.
    """

    row: Reminder
    turn: int
    held: str
    newest: Transition
    declared: Declared
    repeat: Repeat
    kind: str
    stage: int
    wider: frozenset[str]


@dataclass
class _After:
    """What is to be written."""

    fates: list[Fate] = field(default_factory=list)
    rows: list[Reminder] = field(default_factory=list)


@transaction.atomic
def remind(guide: Guide, *, now: datetime) -> int:
    """Tell again what is due. Returns how many fates were written."""
    batch.lock()  # beside no dispatch: what is put off or told just now is known
    reminders.pull(now)
    reminders.clear()
    reminders.make(guide, now)
    reminders.release(guide, now)
    rows = due.claim(Reminder, now=now, lease=_LEASE, limit=_MOST)
    if not rows:
        return 0
    after = _After()
    _decide(guide, rows, after, now)
    Fate.objects.bulk_create(after.fates, ignore_conflicts=True, batch_size=1000)
    reminders.write(after.rows, now)
    return len(after.fates)


def _decide(guide: Guide, rows: list[Reminder], after: _After, now: datetime) -> None:
    alerts = {each.pk: each for each in Alert.objects.select_related("rule").filter(pk__in=[r.alert_id for r in rows])}
    began, newest = stories.began(alerts), stories.newest(alerts)
    muting, put_off = mutes.standing(guide, now=now), batch.put_off(alerts)
    explained = _causes(guide, {each.rule.name for each in alerts.values()})
    groups: dict[tuple[str, str, str], list[_Due]] = {}
    for row in sorted(rows, key=lambda each: each.alert_id):
        row.alert = alerts[row.alert_id]
        declared = guide.alerts.get(row.alert.rule.name)
        last = newest.get(row.alert_id)
        if declared is None or last is None or last.awaits:
            after.rows.append(row)  # it is decided first; this turn comes again
            continue
        repeat = reminders.repeat_of(guide, declared, row.alert.level)
        urgency = row.alert.level or declared.urgency
        start = began[row.alert_id]
        is_flapping = row.alert.flapping_since is not None
        if is_flapping and (row.alert.state not in LOUD or urgency != "critical"):
            row.next_at = now + _LOOK_AGAIN  # told when it has settled; only a critical one is repeated while it flaps
            after.rows.append(row)
            continue
        if is_flapping:
            row.transition = start
        if start.pk != row.transition_id:  # it was over and began anew between two passes
            row.transition, row.turn, row.paced, row.stage, row.held = start, 0, 0, 0, ""
            row.next_at = reminders.next_at(repeat, 0, start.at)
            after.rows.append(row)
            continue
        if row.alert_id in put_off:  # its first message waits for its thread or its cause, which tell it
            row.held, row.next_at = "", now + _LOOK_AGAIN
            after.rows.append(row)
            continue
        mute = muting.of(declared.name, row.alert.labels)
        if mute is not None:
            _hold(guide, row, last, declared, mute, after, now)
            continue
        cause = explained.of(declared.name, row.alert.labels, at=start.at, now=now)
        if cause is not None:
            _explain(guide, row, last, declared, cause, after, now)
            continue
        if not row.held and not repeat.every:
            row.next_at = None
            after.rows.append(row)
            continue
        told = _due(guide, row, last, declared, repeat)
        for receiver in _receivers(guide, declared, repeat, told.stage):
            _sort(guide, told, receiver, groups, after, now)
        row.paced += told.kind == "reminder"
        row.next_at = reminders.next_at(repeat, row.paced, now)
        row.turn, row.stage, row.held = row.turn + 1, told.stage, ""
        after.rows.append(row)
    opened = threads.opened() if groups else {}
    for (rule, name, kind), each in groups.items():
        thread = opened.get((each[0].row.alert.rule_id, name))
        place = f"thread:{thread.pk}" if thread else f"alert:{each[0].row.alert_id}"
        _queue(guide, guide.alerts[rule], guide.receivers[name], kind, each, place, after, now)


def _causes(guide: Guide, rules: set[str]) -> inhibition.Causes:
    """Return what explains alerts of these rules now: causes that fire and that somebody heard of."""
    found = putoff.explaining(guide, rules)
    if found.rows:
        found.heard_by(hearing.standing(found.ids, ()), ())
    return inhibition.Causes(guide, found.rows, found.heard)


def _due(guide: Guide, row: Reminder, newest: Transition, declared: Declared, repeat: Repeat) -> _Due:
    if row.held:
        return _Due(row, row.turn, row.held, newest, declared, repeat, "released", row.stage, frozenset())
    stage = min(row.stage + 1, len(_chain(declared, repeat)))
    before = {each.name for each in _receivers(guide, declared, repeat, row.stage)}
    wider = {each.name for each in _receivers(guide, declared, repeat, stage)} - before
    return _Due(row, row.turn, "", newest, declared, repeat, "reminder", stage, frozenset(wider))


def _chain(declared: Declared, repeat: Repeat) -> list[str]:
    return [name for name in repeat.then if name != declared.owner]


def _receivers(guide: Guide, declared: Declared, repeat: Repeat, stage: int) -> list[Receiver]:
    """Return where the owner is told, and the people of the stage, each once."""
    people = _chain(declared, repeat)[:stage]
    found = oncall.receivers_for(guide, declared) + [
        each for name in people for each in oncall.receivers_of(guide, name)
    ]
    return list({each.name: each for each in found}.values())


def _hold(
    guide: Guide, row: Reminder, newest: Transition, declared: Declared, mute: Mute, after: _After, now: datetime
) -> None:
    """Keep a muted one back; said once, and looked at again until its mute is over."""
    if not row.held:
        repeat = reminders.repeat_of(guide, declared, row.alert.level)
        after.fates += [
            Fate(
                transition=newest, receiver=each.name, kind="reminder", turn=row.turn, fate="not_sent",
                because=mute.says, muted_by=mute.by, at=now,
            )
            for each in _receivers(guide, declared, repeat, row.stage)
        ]  # fmt: skip
        row.turn += 1
    row.held, row.next_at = mute.says, now + _LOOK_AGAIN
    after.rows.append(row)


def _explain(
    guide: Guide,
    row: Reminder,
    newest: Transition,
    declared: Declared,
    cause: inhibition.Mute,
    after: _After,
    now: datetime,
) -> None:
    """Leave out a turn while a cause is told instead. What a silence held back before is looked at again when the
    effect has had the time to end with its cause."""
    after.rows.append(row)
    if row.held:
        row.next_at = now + inhibition.aftermath(declared)
        return
    repeat = reminders.repeat_of(guide, declared, row.alert.level)
    after.fates += [
        Fate(
            transition=newest, receiver=each.name, kind="reminder", turn=row.turn, fate="not_sent",
            because=cause.says, muted_by=cause.by, at=now,
        )
        for each in _receivers(guide, declared, repeat, row.stage)
    ]  # fmt: skip
    row.turn, row.paced = row.turn + 1, row.paced + 1
    row.next_at = reminders.next_at(repeat, row.paced, now)


def _sort(
    guide: Guide, told: _Due, receiver: Receiver, groups: dict[tuple[str, str, str], list[_Due]], after: _After,
    now: datetime,
) -> None:  # fmt: skip
    kind = "wider" if receiver.name in told.wider else told.kind
    if receiver.is_set_up:
        groups.setdefault((told.declared.name, receiver.name, kind), []).append(told)
        return
    verb = "is" if len(receiver.missing) == 1 else "are"
    because = f"The receiver {receiver.title} is not set up: {', '.join(receiver.missing)} {verb} missing."
    after.fates.append(
        Fate(
            transition=told.newest, receiver=receiver.name, kind=kind, turn=told.turn, fate="not_sent",
            because=because, at=now,
        )
    )  # fmt: skip


def _queue(
    guide: Guide,
    declared: Declared,
    receiver: Receiver,
    kind: str,
    each: list[_Due],
    place: str,
    after: _After,
    now: datetime,
) -> None:
    first = each[0]
    told = [
        notices.Still(
            one.row.alert.key, one.row.alert.labels, one.row.transition.at, one.row.alert.says, one.row.alert.worst,
            one.row.alert.level, one.held,
        )
        for one in each
    ]  # fmt: skip
    people = [declared.owner, *_chain(declared, first.repeat)[: first.stage]]
    link = links.link(links.console(), "alert", id=first.row.alert_id)
    message = outbox.enqueue(
        receiver=receiver.name,
        notice=notices.still(guide, declared, told, kind=kind, people=people, link=link, now=now),
        key=f"remind:{first.row.alert_id}:{first.newest.pk}:{first.turn}:{kind}:{receiver.name}",
        now=now,
        thread=place,
    )
    after.fates += [
        Fate(
            transition=one.newest, receiver=receiver.name, kind=kind, turn=one.turn, fate="queued",
            because=_because(one, kind, receiver), at=now, message=message,
        )
        for one in each
    ]  # fmt: skip


def _because(one: _Due, kind: str, receiver: Receiver) -> str:
    if kind == "released":
        held = one.held.rstrip(".")
        return f"It fires still, and what muted it is over: {held}."
    if kind == "wider":
        return f"It fires still; {receiver.title} is told besides the owner."
    return f"It fires still; {receiver.title} is reminded."
