"""While an alert fires it is told again, at the pace of its urgency, and to more people; what was muted is told when
its mute is over.

An alert that fires in a live rule has one due row (Reminder). A pass makes the rows that are wanting, removes those of
what is over, and decides all that is due in one transaction: a crash repeats it whole, two workers never share a row.
The alerts of one rule that are due together make one message a receiver.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection, transaction

from nigrani import oncall
from nigrani.guide import Alert as Declared
from nigrani.guide import Guide, Receiver, Repeat, Urgency
from nigrani.lib import due, links
from nigrani.outbox import actions as outbox

from . import batch, mutes, notices, stories, threads
from .models import Alert, Fate, Reminder, Silence, Transition
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
    _pull(now)
    _clear()
    _make(guide, now)
    _release(guide, now)
    rows = due.claim(Reminder, now=now, lease=_LEASE, limit=_MOST)
    if not rows:
        return 0
    after = _After()
    _decide(guide, rows, after, now)
    Fate.objects.bulk_create(after.fates, ignore_conflicts=True, batch_size=1000)
    _write(after.rows, now)
    return len(after.fates)


def _pull(now: datetime) -> None:
    """After the clock was set back: what was decided in what is now the future waits as long as it was to wait."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_reminder SET next_at = %s + (next_at - decided_at), decided_at = %s WHERE decided_at > %s",
            [now, now, now],
        )


def _clear() -> None:
    """Remove the rows of what does not fire any more, or only in shadow."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM alerts_reminder AS reminder USING alerts_alert AS alert, alerts_rule AS rule"
            " WHERE alert.id = reminder.alert_id AND rule.id = alert.rule_id"
            " AND (NOT alert.state = ANY(%s) AND alert.flapping_since IS NULL"
            " OR rule.phase <> 'live' OR rule.gone_at IS NOT NULL)",
            [sorted(LOUD)],
        )


# What fires in a live rule and was decided there, not in shadow, with the transition with which it began.
_WANTING = """
    SELECT alert.id, rule.name, alert.level, began.id, began.at
    FROM alerts_alert AS alert
    JOIN alerts_rule AS rule ON rule.id = alert.rule_id
    JOIN LATERAL (
        SELECT id, at FROM alerts_transition AS each
        WHERE each.alert_id = alert.id AND each.new = 'firing' AND NOT each.old = ANY(%s)
        ORDER BY id DESC LIMIT 1
    ) AS began ON true
    WHERE alert.state = ANY(%s) AND rule.phase = 'live' AND rule.gone_at IS NULL AND began.at >= rule.since
    AND NOT EXISTS (SELECT 1 FROM alerts_reminder AS reminder WHERE reminder.alert_id = alert.id)
"""


_SILENCED = """SELECT transition_id, because FROM alerts_fate
    WHERE transition_id = ANY(%s) AND muted_by LIKE 'silence:%%'"""
_ADD = """
    INSERT INTO alerts_reminder (alert_id, transition_id, turn, paced, stage, held, decided_at, next_at)
    SELECT alert, began, 0, 0, 0, held, %s, next_at
    FROM json_to_recordset(%s) AS new (alert bigint, began bigint, held text, next_at timestamptz)
    ON CONFLICT DO NOTHING
"""


def _make(guide: Guide, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_WANTING, [sorted(LOUD), sorted(LOUD)])
        found = [each for each in cursor.fetchall() if each[1] in guide.alerts]
    if not found:
        return
    with connection.cursor() as cursor:
        cursor.execute(_SILENCED, [[each[3] for each in found]])
        held = dict(cursor.fetchall())
        repeats = {(rule, level): _repeat(guide, guide.alerts[rule], level) for _, rule, level, _, _ in found}
        rows = [
            {
                "alert": alert,
                "began": began,
                "held": held.get(began, ""),
                "next_at": now if began in held else _next(repeats[rule, level], 0, at),
            }
            for alert, rule, level, began, at in found
        ]
        cursor.execute(_ADD, [now, batch.records(rows)])


def _repeat(guide: Guide, declared: Declared, level: str) -> Repeat:
    urgency: Urgency = level or declared.urgency  # type: ignore[assignment]  # a level is an urgency
    return guide.repeat(declared, urgency)


def _next(repeat: Repeat, turn: int, now: datetime) -> datetime | None:
    return now + repeat.every[min(turn, len(repeat.every) - 1)] if repeat.every else None


def _release(guide: Guide, now: datetime) -> None:
    """Follow the ends of silences: what they muted and still fires is due at once."""
    over = list(Silence.objects.select_for_update(skip_locked=True).filter(over_at=None, until__lte=now).order_by("id"))
    if not over:
        return
    loud = list(Reminder.objects.values_list("pk", "alert__rule__name", "alert__labels"))
    for silence in over:
        matched = mutes.matchers(silence)
        if silence.starts_at < silence.until:
            ids = [key for key, rule, labels in loud if matched.match(rule, labels, mutes.needs_of(guide, rule))]
            Reminder.objects.filter(pk__in=ids).update(next_at=now, decided_at=now, held=_ended(silence))
    Silence.objects.filter(pk__in=[each.pk for each in over]).update(over_at=now)


def _ended(silence: Silence) -> str:
    what = "maintenance" if silence.kind == "window" else "the silence"
    early = f", ended by {silence.ended_by}" if silence.ended_by else ""
    return f"{what} by {silence.by} is over{early}"


def _decide(guide: Guide, rows: list[Reminder], after: _After, now: datetime) -> None:
    alerts = {each.pk: each for each in Alert.objects.select_related("rule").filter(pk__in=[r.alert_id for r in rows])}
    began, newest = stories.began(alerts), stories.newest(alerts)
    muting, put_off = mutes.standing(guide, now=now), batch.put_off(alerts)
    groups: dict[tuple[str, str, str], list[_Due]] = {}
    for row in sorted(rows, key=lambda each: each.alert_id):
        row.alert = alerts[row.alert_id]
        declared = guide.alerts.get(row.alert.rule.name)
        last = newest.get(row.alert_id)
        if declared is None or last is None or last.awaits:
            after.rows.append(row)  # it is decided first; this turn comes again
            continue
        repeat = _repeat(guide, declared, row.alert.level)
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
            row.next_at = _next(repeat, 0, start.at)
            after.rows.append(row)
            continue
        if row.alert_id in put_off:  # its first message waits for its thread or its cause
            row.next_at = now + _LOOK_AGAIN
            after.rows.append(row)
            continue
        mute = muting.of(declared.name, row.alert.labels)
        if mute is not None:
            _hold(guide, row, last, declared, mute, after, now)
            continue
        if not row.held and not repeat.every:
            row.next_at = None
            after.rows.append(row)
            continue
        told = _due(guide, row, last, declared, repeat)
        for receiver in _receivers(guide, declared, repeat, told.stage):
            _sort(guide, told, receiver, groups, after, now)
        row.paced += told.kind == "reminder"
        row.next_at = _next(repeat, row.paced, now)
        row.turn, row.stage, row.held = row.turn + 1, told.stage, ""
        after.rows.append(row)
    opened = threads.opened() if groups else {}
    for (rule, name, kind), each in groups.items():
        thread = opened.get((each[0].row.alert.rule_id, name))
        place = f"thread:{thread.pk}" if thread else f"alert:{each[0].row.alert_id}"
        _queue(guide, guide.alerts[rule], guide.receivers[name], kind, each, place, after, now)


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
        repeat = _repeat(guide, declared, row.alert.level)
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


def _write(rows: Iterable[Reminder], now: datetime) -> None:
    kept = [(row.pk, row.transition_id, row.next_at, row.turn, row.paced, row.stage, row.held) for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_reminder AS reminder SET transition_id = new.transition_id, next_at = new.next_at,"
            " turn = new.turn, paced = new.paced, stage = new.stage, held = new.held, decided_at = %s,"
            " leased_until = NULL"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::int[], %s::int[], %s::int[], %s::text[])"
            " AS new (id, transition_id, next_at, turn, paced, stage, held) WHERE reminder.id = new.id",
            [now, *map(list, zip(*kept, strict=True))],
        )
