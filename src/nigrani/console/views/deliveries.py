"""Messages: what was sent to whom, whether it arrived, and every try."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from nigrani.access.models import Role
from nigrani.access.roles import PersonRequest, needs
from nigrani.guide import current
from nigrani.lib import clock
from nigrani.outbox import queries

_PAGE = 50


@require_safe
@needs(Role.VIEWER)
def index(request: PersonRequest) -> HttpResponse:
    """List receivers with how they stand, what waits, and the latest messages."""
    guide, now = current.get(), clock.now()
    receiver = request.GET.get("receiver", "")
    context = {
        "receivers": [(each, guide.receivers[each.name]) for each in queries.receivers(guide, now=now)],
        "queue": queries.waiting(now),
        "deliveries": queries.deliveries(_PAGE, receiver=receiver or None),
        "receiver": receiver,
        "titles": {each.name: each.title for each in guide.receivers.values()},
        "page": _PAGE,
    }
    return render(request, "console/deliveries.html", context)
