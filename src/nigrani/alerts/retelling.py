"""Tell anew what fires still and reached nobody: its receiver was refused or not set up then, and works now.

Once for each receiver of a transition, so that a message which is itself to blame is not repeated at every success.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q

from nigrani.guide import Guide
from nigrani.integrations import Notice
from nigrani.outbox import actions as outbox
from nigrani.outbox import queries

from . import stories
from .models import Fate, Transition
from .state import LOUD

LOST = ("failed", "given_up")


def untold(guide: Guide) -> list[Fate]:
    """Lock and return the fates of what fires in a live rule, by which a receiver that works now was not told of it."""
    loud = Transition.objects.filter(
        new="firing", alert__state__in=LOUD, alert__rule__phase="live", alert__rule__gone_at=None
    )
    newest = loud.order_by("alert", "-id").distinct("alert").values("pk")
    is_untold = Q(message=None, fate="not_sent", muted_by="") | Q(message__state__in=LOST)
    again = Fate.objects.filter(transition=OuterRef("transition"), receiver=OuterRef("receiver"), kind="again")
    set_up = [name for name, each in guide.receivers.items() if each.is_set_up]
    found = list(
        Fate.objects.select_for_update(of=("self",))
        .select_related("transition__alert__rule", "message")
        # What was decided before the rule went live stays as it was decided.
        .filter(is_untold, transition__in=newest, receiver__in=set_up, at__gte=F("transition__alert__rule__since"))
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


def _standing(fates: Iterable[Fate]) -> set[tuple[int, str, str]]:
    """Return the alerts, receivers and levels of which a message was delivered since it began, or still may be."""
    began = stories.began({each.transition.alert_id for each in fates})
    rows = (
        Fate.objects.filter(transition__alert__in=began, transition__new="firing", fate="queued")
        .exclude(message__state__in=LOST)
        .values_list("transition", "transition__alert", "receiver", "transition__level")
    )
    return {(alert, name, level) for number, alert, name, level in rows if number >= began[alert].pk}


def queue(fate: Fate, notice: Notice, *, title: str, now: datetime) -> None:
    """Queue the message and note why, in the caller's transaction."""
    each = fate.transition
    message = outbox.enqueue(
        receiver=fate.receiver,
        notice=notice,
        key=f"transition:{each.pk}:{fate.receiver}:again",
        now=now,
        thread=f"alert:{each.alert_id}",
    )
    Fate.objects.create(
        transition=each,
        receiver=fate.receiver,
        kind="again",
        fate="queued",
        because=f"It fires still, and {title} works now.",
        at=now,
        message=message,
    )
