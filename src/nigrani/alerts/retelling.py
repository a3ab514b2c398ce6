"""Tell anew what fires still and reached nobody: its receiver was refused or not set up then, and works now.

Once for each receiver of a transition, so that a message which is itself to blame is not repeated at every success.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from urllib.parse import quote

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef

from nigrani.guide import Guide
from nigrani.integrations import Notice
from nigrani.lib import links
from nigrani.outbox import actions as outbox
from nigrani.outbox import queries

from . import mutes, notices, stories, threads, together
from .batch import LOST
from .models import Fate, Thread, Transition
from .saying import UNWORDED
from .threads import Place


def untold(guide: Guide) -> list[Fate]:
    """Lock and return the fates of what fires in a live rule, by which a receiver that works now was not told of it."""
    again = Fate.objects.filter(transition=OuterRef("transition"), receiver=OuterRef("receiver"), kind="again")
    set_up = [name for name, each in guide.receivers.items() if each.is_set_up]
    found = list(
        Fate.objects.select_for_update(of=("self",))
        .select_related("transition__alert__rule", "message")
        # What was decided before the rule went live stays as it was decided.
        .filter(pk__in=_unheard(set_up), at__gte=F("transition__alert__rule__since"))
        .exclude(Exists(again))
        .order_by("transition", "receiver", "-id")
    )
    if not found:
        return []
    working = queries.working({each.receiver for each in found})
    standing = _standing(found)
    one = {(each.transition_id, each.receiver): each for each in reversed(found)}  # the last decision of each
    return [
        each
        for each in one.values()
        if (each.message_id is None or each.receiver in working)
        and (each.transition.alert_id, each.receiver, each.transition.level) not in standing
    ]


def _unheard(receivers: list[str]) -> list[int]:
    """Return the fates of what fires in live rules that led to no message, or to one that was lost.

    Step by step, by lists: fresh tables have no statistics, and a planner that expects one row reads all for each.
    """
    loud = """SELECT a.id FROM alerts_alert a JOIN alerts_rule r ON r.id = a.rule_id
        WHERE a.state IN ('firing', 'recovering') AND r.phase = 'live' AND r.gone_at IS NULL"""
    newest = """SELECT DISTINCT ON (alert_id) id FROM alerts_transition
        WHERE alert_id = ANY(%s) AND new = 'firing' ORDER BY alert_id, id DESC"""
    unheard = """SELECT f.id FROM alerts_fate f LEFT JOIN outbox_message m ON m.id = f.message_id
        WHERE f.transition_id = ANY(%s) AND f.receiver = ANY(%s)
        AND (m.state IN ('failed', 'given_up') OR f.message_id IS NULL AND f.fate = 'not_sent' AND f.muted_by = '')"""
    with connection.cursor() as cursor:
        cursor.execute(loud)
        if not (alerts := [found for (found,) in cursor.fetchall()]):
            return []
        cursor.execute(newest, [alerts])
        cursor.execute(unheard, [[found for (found,) in cursor.fetchall()], receivers])
        return [found for (found,) in cursor.fetchall()]


def _standing(fates: Iterable[Fate]) -> set[tuple[int, str, str]]:
    """Return the alerts, receivers and levels of which a message was delivered since it began, or still may be."""
    began = stories.began({each.transition.alert_id for each in fates})
    rows = (
        Fate.objects.filter(transition__alert__in=began, transition__new="firing", fate="queued")
        .exclude(message__state__in=LOST)
        .values_list("transition", "transition__alert", "receiver", "transition__level")
    )
    return {(alert, name, level) for number, alert, name, level in rows if number >= began[alert].pk}


@transaction.atomic
def retell(guide: Guide, *, now: datetime) -> int:
    """Tell what reached nobody, in one message a rule and receiver. Returns how many alerts were told."""
    muting, done = mutes.standing(guide, now=now), 0
    by_place: dict[Place, list[Fate]] = {}
    for each in sorted(untold(guide), key=lambda fate: fate.transition_id):
        alert = each.transition.alert
        if not muting.of(alert.rule.name, alert.labels):  # else it is told when what mutes it is over
            by_place.setdefault((alert.rule_id, each.receiver), []).append(each)
    opened = threads.opened({rule for rule, _ in by_place}) if by_place else {}
    for place, fates in by_place.items():
        try:
            notice = _notice(guide, [each.transition for each in fates], now)
        except UNWORDED:
            continue  # as it was the first time, which the log tells
        thread = opened.get(place) or Thread(rule_id=place[0], receiver=place[1], opened_at=now, told_at=now)
        _queue(fates, notice, thread, title=guide.receivers[place[1]].title, now=now)
        done += len(fates)
    return done


def _notice(guide: Guide, changes: list[Transition], now: datetime) -> Notice:
    rule = changes[0].alert.rule.name
    declared = guide.alerts[rule]
    if len(changes) > 1:
        parts = [together.Part(each.alert.key, each.alert.labels, each.because, each.at) for each in changes]
        link = f"{links.link(links.console(), 'alerts')}?rule={quote(rule, safe='')}"
        return together.firing(guide, declared, together.Sum(parts, fire=len(parts), at=now, link=link), is_first=True)
    [each] = changes
    link = links.link(links.console(), "alert", id=each.alert_id)
    told = notices.Told(
        each.alert.key, each.alert.labels, each.at, each.because, each.at, link, each.level, each.old_level, each.worst
    )
    return notices.firing(guide, declared, told)


def _queue(fates: list[Fate], notice: Notice, thread: Thread, *, title: str, now: datetime) -> None:
    """Queue the message and let the fates say so, in the caller's transaction."""
    thread.count, thread.told_at = thread.count + 1, now
    thread.save()
    message = outbox.enqueue(
        receiver=thread.receiver,
        notice=notice,
        key=f"thread:{thread.pk}:{thread.count}",
        now=now,
        thread=f"thread:{thread.pk}",
    )
    thread.last = message
    thread.save(update_fields=["last"])
    Fate.objects.bulk_create(
        [
            Fate(
                transition=each.transition,
                receiver=each.receiver,
                kind="again",
                fate="queued",
                because=f"It fires still, and {title} works now.",
                at=now,
                message=message,
            )
            for each in fates
        ],
        ignore_conflicts=True,
        batch_size=1000,
    )
