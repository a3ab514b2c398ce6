"""The favicon, the list of shortcuts, and what is shown when something is refused, missing or broken."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from nigrani.access.models import Role
from nigrani.access.roles import PersonRequest, needs

log = logging.getLogger(__name__)

_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<rect width="32" height="32" rx="7" fill="{ground}"/>{inside}</svg>'
)
_EYE = (
    '<g fill="none" stroke="#fff" stroke-width="3"><path d="M4 16c4-6 8-8 12-8s8 2 12 8c-4 6-8 8-12 8S8 22 4 16z"/>'
    '<circle cx="16" cy="16" r="3.5" fill="#fff"/></g>'
)
_COUNT = (
    '<text x="16" y="23" font-family="sans-serif" font-size="20" font-weight="700" fill="#fff" '
    'text-anchor="middle">{count}</text>'
)


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Draw the icon: an eye, or on red how many alerts are firing."""
    asked = request.GET.get("firing", "0")
    firing = int(asked) if asked.isdecimal() and len(asked) < 7 else 0
    inside = _COUNT.format(count=firing if firing < 10 else "9+") if firing else _EYE
    drawn = _ICON.format(ground="#b0241c" if firing else "#1b1c19", inside=inside)
    return HttpResponse(drawn, content_type="image/svg+xml", headers={"Cache-Control": "public, max-age=86400"})


@require_safe
@needs(Role.VIEWER)
def keys(request: PersonRequest) -> HttpResponse:
    """List the keyboard shortcuts."""
    return render(request, "console/keys.html")


def _problem(request: HttpRequest, status: int, title: str, *lines: str) -> HttpResponse:
    return render(request, "console/problem.html", {"title": title, "lines": lines}, status=status)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that there is no such page."""
    said = str(exception.args[0]) if exception.args and isinstance(exception.args[0], str) else ""
    return _problem(request, 404, "There is nothing here", said or "The address may be mistyped, or its object gone.")


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say which role it takes."""
    return _problem(request, 403, "You may not do this", str(exception), "Ask an admin of this installation.")


def csrf_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that a form was too old or came from elsewhere; the reason is for the log."""
    log.warning("A form was refused: %s", reason, extra={"action": "console.form_refused"})
    return _problem(
        request,
        403,
        "This form can't be taken",
        "It is too old, or it was sent from another site. Nothing was done.",
        "Go back, load the page again and repeat.",
    )


def broken(request: HttpRequest) -> HttpResponse:
    """Say that we failed. The cause is in the log; nothing of it is shown."""
    return HttpResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Nigrani failed</title>'
        '<link rel="stylesheet" href="/static/console/console.css"><main class="door"><h1>This page failed</h1>'
        "<p>The error is in Nigrani's own log. Watching and alerting run apart from the pages and go on.</p>"
        '<p><a href="/">Overview</a></p></main></html>',
        status=500,
    )
