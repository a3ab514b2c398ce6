"""Why was this sent, or not: every decision about an alert on one screen."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from nigrani.access.models import Role
from nigrani.access.roles import PersonRequest, needs
from nigrani.alerts import why as reasons
from nigrani.alerts.queries import AlertView
from nigrani.console import paging
from nigrani.guide import current
from nigrani.lib import clock

_PAGE = 100


@require_safe
@needs(Role.VIEWER)
def why(request: PersonRequest, number: int) -> HttpResponse:
    """Show how an alert stands and why, what mutes it, and every decision, newest first."""
    guide, now = current.get(), clock.now()
    found = reasons.one(guide, number, now=now)
    if found is None or found.alert is None:
        raise Http404(f"There is no alert {number}.")
    page = paging.number(request.GET.get("page", ""))
    start = (page - 1) * _PAGE
    context = {
        "why": found,
        "entries": found.entries[start : start + _PAGE],
        "older": page + 1 if len(found.entries) > start + _PAGE else None,
        "titles": {each.name: each.title for each in guide.receivers.values()},
        "may_act": request.user.may(Role.RESPONDER),
        "silence_it": silence_it(found.alert),
    }
    return render(request, "console/why.html", context)


def silence_it(alert: AlertView) -> str:
    """Return the query with which the form of silences is filled for one alert."""
    labels = "\n".join(f"{name}={value}" for name, value in alert.labels.items())
    return "?" + urlencode({"rules": alert.rule, "labels": labels, "lasts": "1h"})
