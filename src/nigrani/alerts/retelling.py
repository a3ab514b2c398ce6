"""Tell anew what fires still and reached nobody: its receiver was refused or not set up then, and works now.

Once for each receiver of a transition, so that a message which is itself to blame is not repeated at every success.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import F, Q

from nigrani.guide import Guide
from nigrani.integrations import Notice
from nigrani.outbox import actions as outbox
from nigrani.outbox import queries

from .models import Fate, Transition
from .state import LOUD

LOST = ("failed", "given_up")
_AGAIN = ":again"


def untold(guide: Guide) -> list[Fate]:
    """Lock and return the fates of what fires in a live rule, by which a receiver that works now was not told of it."""
    loud = Transition.objects.filter(
        new="firing", alert__state__in=LOUD, alert__rule__phase="live", alert__rule__gone_at=None
    )
    newest = loud.order_by("alert", "-id").distinct("alert").values("pk")
    is_untold = Q(message=None, fate="not_sent", muted_by="") | Q(message__state__in=LOST)
    set_up = [name for name, each in guide.receivers.items() if each.is_set_up]
    found = list(
        Fate.objects.select_for_update(of=("self",))
        .select_related("transition__alert__rule", "message")
        # What was decided before the rule went live stays as it was decided.
        .filter(is_untold, transition__in=newest, receiver__in=set_up, at__gte=F("transition__alert__rule__since"))
        .exclude(message__key__endswith=_AGAIN)
        .order_by("id")
    )
    if not found:
        return []
    working = queries.working({each.receiver for each in found})
    standing = _standing(found)
    return [
        each
        for each in found
        if (each.message_id is None or each.receiver in working)
        and (each.transition.alert_id, each.receiver, each.transition.level) not in standing
    ]


def _standing(fates: Iterable[Fate]) -> set[tuple[int, str, str]]:
    """Return the alerts, receivers and levels of which an earlier message was delivered, or still may be."""
    last = (
        Fate.objects.filter(transition__alert__in={each.transition.alert_id for each in fates}, fate="queued")
        .order_by("transition__alert", "receiver", "-transition")
        .distinct("transition__alert", "receiver")
        .values_list("transition__alert", "receiver", "transition__new", "transition__level", "message__state")
    )
    return {(alert, name, level) for alert, name, new, level, state in last if new == "firing" and state not in LOST}


def queue(fate: Fate, notice: Notice, *, title: str, now: datetime) -> None:
    """Queue the message and let the fate say so, in the caller's transaction."""
    each = fate.transition
    fate.message = outbox.enqueue(
        receiver=fate.receiver,
        notice=notice,
        key=f"transition:{each.pk}:{fate.receiver}{_AGAIN}",
        now=now,
        thread=f"alert:{each.alert_id}",
    )
    fate.fate, fate.because, fate.at = "queued", f"It fires still, and {title} works now.", now
    fate.save(update_fields=["message", "fate", "because", "at"])
