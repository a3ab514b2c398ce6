"""The rows of what is told again while it fires: made when an alert begins, removed when it is over, due at once when
a silence ends, kept at their pace when the clock is set back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import connection

from nigrani.guide import Alert as Declared
from nigrani.guide import Guide, Repeat, Urgency

from . import batch, mutes
from .models import Reminder, Silence
from .state import LOUD


def pull(now: datetime) -> None:
    """After the clock was set back: what was decided in what is now the future waits as long as it was to wait."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_reminder SET next_at = %s + (next_at - decided_at), decided_at = %s WHERE decided_at > %s",
            [now, now, now],
        )


def clear() -> None:
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


def make(guide: Guide, now: datetime) -> None:
    """Make the rows that are wanting."""
    with connection.cursor() as cursor:
        cursor.execute(_WANTING, [sorted(LOUD), sorted(LOUD)])
        found = [each for each in cursor.fetchall() if each[1] in guide.alerts]
    if not found:
        return
    with connection.cursor() as cursor:
        cursor.execute(_SILENCED, [[each[3] for each in found]])
        held = dict(cursor.fetchall())
        repeats = {(rule, level): repeat_of(guide, guide.alerts[rule], level) for _, rule, level, _, _ in found}
        rows = [
            {
                "alert": alert,
                "began": began,
                "held": held.get(began, ""),
                "next_at": now if began in held else _first(repeats[rule, level], at, now),
            }
            for alert, rule, level, began, at in found
        ]
        cursor.execute(_ADD, [now, batch.records(rows)])


def _first(repeat: Repeat, began: datetime, now: datetime) -> datetime | None:
    """Return when the first reminder is due. What fires for longer already, unseen until now, waits a whole turn."""
    first = next_at(repeat, 0, began)
    return next_at(repeat, 0, now) if first is not None and first < now else first


def release(guide: Guide, now: datetime) -> None:
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


def repeat_of(guide: Guide, declared: Declared, level: str) -> Repeat:
    """Return how an alert is told again at its present level, "" for its mildest."""
    urgency: Urgency = level or declared.urgency  # type: ignore[assignment]  # a level is an urgency
    return guide.repeat(declared, urgency)


def next_at(repeat: Repeat, turn: int, now: datetime) -> datetime | None:
    """Return when it is told after `turn` reminders; None for never."""
    return now + repeat.every[min(turn, len(repeat.every) - 1)] if repeat.every else None


def write(rows: Iterable[Reminder], now: datetime) -> None:
    """Write how rows go on."""
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
