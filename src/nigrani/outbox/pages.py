"""Messages a page at a time, narrowed to a receiver, a fate and a span."""

from __future__ import annotations

from datetime import datetime

from .models import Message
from .queries import Delivery, with_tries

# What a person asks for, and the states of a message that it covers.
FATES = {
    "waiting": ("queued", "sending"),
    "sent": ("sent",),
    "failed": ("failed",),
    "given_up": ("given_up",),
}


def page(
    *,
    limit: int,
    receiver: str | None = None,
    fate: str | None = None,
    since: datetime | None = None,
    start: int | None = None,
) -> list[Delivery]:
    """Return messages, newest first, each with its tries. Two queries.

    fate: one of FATES. since: made at or after. start: the newest id to show; None is the newest there is.
    """
    rows = Message.objects.order_by("-id")
    if receiver is not None:
        rows = rows.filter(receiver=receiver)
    if fate is not None:
        rows = rows.filter(state__in=FATES[fate])
    if since is not None:
        rows = rows.filter(created_at__gte=since)
    if start is not None:
        rows = rows.filter(id__lte=start)
    return with_tries(rows[:limit])
