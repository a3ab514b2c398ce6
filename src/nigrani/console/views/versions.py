"""Versions of the guide: what ran, what waits and why, what was refused; and the two buttons that decide it."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from nigrani import __version__
from nigrani.access.models import Role
from nigrani.access.roles import PersonRequest, needs
from nigrani.guide import current
from nigrani.lib import clock
from nigrani.lib.errors import NigraniError
from nigrani.versions import actions, noticed, queries
from nigrani.versions.queries import VersionView
from nigrani.versions.reading import current_reader

_A_PAGE = 50
_MOST_LINES = 400
_MOST_SAID = 100
_LONGEST = 300


@require_safe
@needs(Role.VIEWER)
def index(request: PersonRequest) -> HttpResponse:
    """List the versions, newest first."""
    asked = request.GET.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 10 else None
    found = queries.versions(limit=_A_PAGE + 1, before=before)
    context = {
        "versions": found[:_A_PAGE],
        "older": found[_A_PAGE - 1].number if len(found) > _A_PAGE else None,
        "before": before,
        "folder": current.get().folder,
    }
    return render(request, "console/versions.html", context)


@require_safe
@needs(Role.VIEWER)
def version(request: PersonRequest, number: int) -> HttpResponse:
    """Show one version: what became of it, why it waits, its mistakes and what it changes."""
    found = _find(number)
    lines = queries.lines(found)
    context = {
        "version": found,
        "lines": [(_kind(line), _clipped(line)) for line in lines[:_MOST_LINES]],
        "more_lines": max(0, len(lines) - _MOST_LINES),
        "reasons": [(each, each.rule in current.get().alerts) for each in found.reasons[:_MOST_SAID]],
        "more_reasons": max(0, len(found.reasons) - _MOST_SAID),
        "changes": found.changes[:_MOST_SAID],
        "more_changes": max(0, len(found.changes) - _MOST_SAID),
        "mistakes": found.mistakes[:_MOST_SAID],
        "more_mistakes": max(0, len(found.mistakes) - _MOST_SAID),
        "is_ours": found.release == __version__,
        "may_decide": request.user.may(Role.ADMIN),
    }
    return render(request, "console/version.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMIN)
def confirm(request: PersonRequest, number: int) -> HttpResponse:
    """Ask, then let a version run."""
    found = _find(number)
    if request.method == "POST":
        try:
            actions.confirm(number, by=request.user.email, reader=current_reader(), now=clock.now())
        except NigraniError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"Version {number} runs: every process takes it within seconds.")
        noticed.refresh(now=clock.now())
        return redirect("version", number=number)
    if not found.may_be_confirmed:
        return redirect("version", number=number)
    lines = [
        *(f"{each.rule}: {each.says}" for each in found.reasons[:_MOST_SAID]),
        "What would fire tells its receivers from the next pass on. Alerts that go on firing keep their state.",
        "The ledger keeps that you decided it. To go back, put the earlier text into the folder.",
    ]
    return _ask(request, f"Let version {number} of the guide run?", lines, f"Run version {number}", number)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMIN)
def withdraw(request: PersonRequest, number: int) -> HttpResponse:
    """Ask, then let what waits not run."""
    found = _find(number)
    if request.method == "POST":
        try:
            actions.withdraw(number, by=request.user.email, now=clock.now())
        except NigraniError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"Version {number} was withdrawn. What stood goes on running.")
        noticed.refresh(now=clock.now())
        return redirect("version", number=number)
    if found.state != "waiting":
        return redirect("version", number=number)
    lines = [
        "What runs now goes on running. The files in the folder stay as they are.",
        "The text is offered again when it is next changed, or when somebody confirms this version after all.",
    ]
    return _ask(request, f"Withdraw version {number} of the guide?", lines, f"Withdraw version {number}", number)


def _find(number: int) -> VersionView:
    try:
        return queries.version(number)
    except NigraniError as error:
        raise Http404(error.message) from error


def _ask(request: PersonRequest, title: str, lines: list[str], verb: str, number: int) -> HttpResponse:
    context = {"title": title, "lines": lines, "verb": verb, "back": f"/versions/{number}"}
    return render(request, "console/confirm.html", context)


def _kind(line: str) -> str:
    return {"+": "added", "-": "gone", "@": "at"}.get(line[:1], "")


def _clipped(line: str) -> str:
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"
