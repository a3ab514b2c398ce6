"""Messages: what was sent to whom, whether it arrived, every try, and what was kept back and why."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from nigrani.access.models import Role
from nigrani.access.roles import PersonRequest, needs
from nigrani.alerts import lists as alerts
from nigrani.guide import current
from nigrani.lib import clock
from nigrani.outbox import pages, queries

_PAGE = 50
_SPANS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
_NOT_SENT = "not_sent"
_FATES = (*pages.FATES, _NOT_SENT)


@require_safe
@needs(Role.VIEWER)
def index(request: PersonRequest) -> HttpResponse:
    """List receivers with how they stand, what waits, and the messages that match ?receiver=, ?fate= and ?over=.

    ?fate=not_sent lists the decisions not to send instead. ?from= is the id that a page begins with.
    """
    guide, now = current.get(), clock.now()
    receiver, fate, over = (request.GET.get(name, "") for name in ("receiver", "fate", "over"))
    fate, over = fate if fate in _FATES else "", over if over in _SPANS else ""
    start = _number(request.GET.get("from", ""))
    since = now - _SPANS[over] if over else None
    chosen = receiver or None
    context: dict[str, object] = {
        "receivers": [(each, guide.receivers[each.name]) for each in queries.receivers(guide, now=now)],
        "queue": queries.waiting(now),
        "titles": {each.name: each.title for each in guide.receivers.values()},
        "receiver": receiver,
        "fate": fate,
        "fates": _FATES,
        "over": over,
        "spans": tuple(_SPANS),
        "start": start,
        "is_narrowed": bool(receiver or fate or over),
    }
    found: list[object] = []
    if fate == _NOT_SENT:
        found += alerts.unsent(limit=_PAGE + 1, receiver=chosen, since=since, start=start)
        context["unsent"] = found[:_PAGE]
    else:
        found += pages.page(limit=_PAGE + 1, receiver=chosen, fate=fate or None, since=since, start=start)
        context["deliveries"] = found[:_PAGE]
    if len(found) > _PAGE:
        context["older"] = found[_PAGE].id  # type: ignore[attr-defined]  # both kinds have one
    return render(request, "console/deliveries.html", context)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
