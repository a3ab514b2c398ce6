"""From transitions to messages: for every change that matters one fate a receiver, with its reason; none is silent.

A transition that is to be told carries `awaits` until its fates stand; they, the messages they queue and the end of
`awaits` are one transaction. So a crash repeats the decision as a whole, and two workers never decide one twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from nigrani import oncall
from nigrani.guide import Alert as Declared
from nigrani.guide import Guide, Receiver
from nigrani.integrations import Notice
from nigrani.lib import links
from nigrani.outbox import actions as outbox

from . import mutes, notices, reminding, retelling, windows
from .models import Fate, Transition
from .mutes import Mute, Mutes
from .retelling import LOST
from .state import LOUD

log = logging.getLogger(__name__)

BATCH = 200
_UNWORDED = (ArithmeticError, LookupError, TypeError, ValueError)


@dataclass(frozen=True)
class Queued:
    """The last message that was queued for one receiver about one alert."""

    new: str
    level: str
    transition: int
    at: datetime
    is_lost: bool


Standing = dict[tuple[int, str], Queued]


def dispatch(guide: Guide, *, now: datetime) -> int:
    """Decide what becomes of every transition that is to be told. Returns how many fates were written."""
    windows.follow(guide, now=now)
    done = 0
    while True:
        fates, handled = _batch(guide, now)
        done += fates
        if handled < BATCH:
            return done + _retell(guide, now) + reminding.remind(guide, now=now)


def _batch(guide: Guide, now: datetime) -> tuple[int, int]:
    with transaction.atomic():
        waiting = list(
            Transition.objects.select_for_update(of=("self",))
            .select_related("alert__rule")
            .filter(awaits=True)
            .order_by("id")[:BATCH]
        )
        if not waiting:
            return 0, 0
        queued, began = _queued(waiting), _began(waiting)
        muting = mutes.standing(guide, now=now)
        fates = [fate for each in waiting for fate in _decide(guide, each, queued, began, muting, now)]
        Fate.objects.bulk_create(fates, ignore_conflicts=True)
        Transition.objects.filter(pk__in=[each.pk for each in waiting]).update(awaits=False)
    return len(fates), len(waiting)


@transaction.atomic
def _retell(guide: Guide, now: datetime) -> int:
    done, muting = 0, mutes.standing(guide, now=now)
    for each in retelling.untold(guide):
        alert = each.transition.alert
        if muting.of(alert.rule.name, alert.labels):
            continue  # it is told when what mutes it is over
        try:
            notice = _notice(guide, guide.alerts.get(alert.rule.name), each.transition, {})
        except _UNWORDED:
            continue  # as it was the first time, which the log tells
        retelling.queue(each, notice, title=guide.receivers[each.receiver].title, now=now)
        done += 1
    return done


def _queued(waiting: Iterable[Transition]) -> Standing:
    """Return the last message queued for each alert and receiver, before these transitions.

    It counts as lost only if nothing else that said the same arrived or still may: a reminder may reach whom the first
    message did not, and the other way round.
    """
    ids = {each.alert_id for each in waiting}
    kept = set(
        Fate.objects.filter(transition__alert__in=ids, fate="queued")
        .exclude(message__state__in=LOST)
        .values_list("transition", "receiver")
    )
    rows = (
        Fate.objects.filter(transition__alert__in=ids, fate="queued")
        .order_by("transition__alert", "receiver", "-transition", "-id")
        .distinct("transition__alert", "receiver")
        .values_list(
            "transition__alert", "receiver", "transition__new", "transition__level", "transition", "at"
        )
    )  # fmt: skip
    return {
        (alert, receiver): Queued(new, level, number, at, (number, receiver) not in kept)
        for alert, receiver, new, level, number, at in rows
    }


def _began(waiting: Iterable[Transition]) -> dict[int, datetime]:
    """Return when each alert that is over now began to fire, by transition."""
    over = [each for each in waiting if each.new == "ok"]
    began = {}
    for each in over:
        # From the last time that it was neither firing nor recovering.
        earlier = Transition.objects.filter(alert=each.alert_id, id__lt=each.pk, new="firing")
        first = earlier.exclude(old__in=LOUD).order_by("-id").first()
        began[each.pk] = first.at if first else each.at
    return began


def _decide(
    guide: Guide, each: Transition, queued: Standing, began: Mapping[int, datetime], muting: Mutes, now: datetime
) -> list[Fate]:
    declared = guide.alerts.get(each.alert.rule.name) if each.alert.rule.gone_at is None else None
    receivers = _receivers(guide, declared, each, queued)
    if not receivers:
        owner = f"The owner {declared.owner} has no receiver." if declared else "The rule left the guide."
        return [_not_sent(each, "", owner, now)]
    try:
        notice = _notice(guide, declared, each, began)
    except _UNWORDED:
        # One message that can't be worded must not keep the others from being sent.
        log.exception("A message can't be worded.", extra={"action": "alert.unworded", "transition": each.pk})
        return [_not_sent(each, name, "The message could not be worded; see the log.", now) for name in receivers]
    mute = muting.of(each.alert.rule.name, each.alert.labels) if each.new == "firing" else None
    return [_fate(each, name, guide.receivers.get(name), notice, queued, mute, now) for name in receivers]


def _receivers(guide: Guide, declared: Declared | None, each: Transition, queued: Standing) -> list[str]:
    """Return who is to hear: the owner's receivers, and for the end also whoever was told of the beginning."""
    names = [receiver.name for receiver in oncall.receivers_for(guide, declared)] if declared else []
    if each.new == "ok":
        told = [name for (alert, name), last in queued.items() if alert == each.alert_id and last.new == "firing"]
        names += sorted(set(told) - set(names))
    return names


def _notice(guide: Guide, declared: Declared | None, each: Transition, began: Mapping[int, datetime]) -> Notice:
    alert = each.alert
    told = notices.Told(
        alert.key,
        alert.labels,
        each.at,
        each.because,
        began.get(each.pk, each.at),
        links.link(links.console(), "alert", id=alert.pk),
        each.level,
        each.old_level,
        each.worst,
    )
    if each.new == "firing" and declared is not None:
        return notices.firing(guide, declared, told)
    return notices.resolved(guide, declared, told)


def _fate(
    each: Transition,
    name: str,
    receiver: Receiver | None,
    notice: Notice,
    queued: Standing,
    mute: Mute | None,
    now: datetime,
) -> Fate:
    """Decide for one receiver; queue the message if it is to be sent."""
    last = queued.get((each.alert_id, name))
    if because := _why_not(each, name, receiver, last):
        return _not_sent(each, name, because, now)
    if mute is not None:
        return Fate(transition=each, receiver=name, fate="not_sent", because=mute.says, muted_by=mute.by, at=now)
    message = outbox.enqueue(
        receiver=name, notice=notice, key=f"transition:{each.pk}:{name}", now=now, thread=f"alert:{each.alert_id}"
    )
    queued[each.alert_id, name] = Queued(each.new, each.level, each.pk, now, is_lost=False)
    title = receiver.title if receiver else name
    because = f"It fires; {title} is told." if each.new == "firing" else f"{title} was told that it fires."
    return Fate(transition=each, receiver=name, fate="queued", because=because, at=now, message=message)


def _why_not(each: Transition, name: str, receiver: Receiver | None, last: Queued | None) -> str:
    """Return why nothing is sent, or ""."""
    title = receiver.title if receiver else name
    is_told = last is not None and last.new == "firing"
    if not is_told and each.alert.rule.phase == "shadow":
        return f"In shadow: would have sent to {title}."
    if each.new == "ok" and not is_told:
        return "The firing message was not sent, so there is nothing to take back."
    if each.new == "ok" and last is not None and last.is_lost:
        return "The firing message was never delivered, so there is nothing to take back."
    is_same = each.new == "firing" and last is not None and is_told and last.level in ("", each.level)
    if each.old in LOUD and is_same and last is not None and not last.is_lost:
        return f"It never stopped firing for {title}: the message of {last.at:%H:%M} UTC stands."
    if receiver is None:
        return f"The guide has no receiver {name} any more."
    if not receiver.is_set_up:
        verb = "is" if len(receiver.missing) == 1 else "are"
        return f"The receiver {title} is not set up: {', '.join(receiver.missing)} {verb} missing."
    return ""


def _not_sent(each: Transition, name: str, because: str, now: datetime) -> Fate:
    return Fate(transition=each, receiver=name, fate="not_sent", because=because, at=now)
