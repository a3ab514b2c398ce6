"""Silences and maintenance windows: what mutes now, a form, its preview, and what was previewed is what is made."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from nigrani.access.models import Role
from nigrani.access.roles import PersonRequest, needs
from nigrani.alerts import silences, silencing, windows
from nigrani.alerts.matching import Matchers
from nigrani.alerts.silences import SilenceView
from nigrani.alerts.silencing import Plan
from nigrani.console.templatetags.console import local
from nigrani.guide import Guide, current
from nigrani.lib import clock, instants
from nigrani.lib.errors import NigraniError
from nigrani.lib.units import duration

_SUGGESTED = ("30m", "1h", "2h", "4h", "8h", "1d", "3d", "7d", "30d")
_LONGEST_FIELD = 5000
_FIELDS = ("rules", "sources", "labels", "why", "lasts", "starts")


@require_safe
@needs(Role.VIEWER)
def index(request: PersonRequest) -> HttpResponse:
    """List what mutes now and what is to come, and what was; ?rule= and ?label= fill the form."""
    return _page(request, {name: request.GET.get(name, "")[:_LONGEST_FIELD] for name in _FIELDS})


def _page(
    request: PersonRequest, written: dict[str, str], *, error: NigraniError | None = None, status: int = 200
) -> HttpResponse:
    guide, now = current.get(), clock.now()
    context = {
        "standing": silences.silences(now=now),
        "past": silences.silences(now=now, past=True, limit=20),
        "planned": windows.planned(guide, now=now),
        "written": written,
        "error": error,
        "suggested": _SUGGESTED,
        "rules": list(guide.alerts),
        "sources": list(guide.sources),
        "may_act": request.user.may(Role.RESPONDER),
    }
    return render(request, "console/silences.html", context, status=status)


@require_POST
@needs(Role.RESPONDER)
def preview(request: PersonRequest) -> HttpResponse:
    """Show what the form's silence would mute; what stands there, signed, is what is made."""
    guide, now = current.get(), clock.now()
    written = {name: request.POST.get(name, "")[:_LONGEST_FIELD] for name in _FIELDS}
    try:
        plan = _plan(request.POST, guide, now)
        found = silences.preview(plan, guide, now=now)
    except NigraniError as error:
        return _page(request, written, error=error, status=400)
    context = {
        "plan": plan,
        "preview": found,
        "signed": silencing.sign(plan),
        "more": len(found.would_mute) - 30,
        "back": "?" + urlencode(written),
    }
    return render(request, "console/silence_preview.html", context)


def _plan(form: QueryDict, guide: Guide, now: datetime) -> Plan:
    """Read the form. Raises NigraniError for what can't be read."""
    starts = form.get("starts", "").strip()
    try:
        starts_at = instants.read(starts, guide.zone) if starts else None
        lasts = duration(form.get("lasts", "").strip().replace(" ", ""))
    except (ValueError, OverflowError) as error:
        raise NigraniError("The silence can't be made.", f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
    labels: dict[str, tuple[str, ...]] = {}
    for line in form.get("labels", "").splitlines():
        name, sign, glob = line.strip().partition("=")
        if sign:
            labels[name.strip()] = (*labels.get(name.strip(), ()), glob.strip())
        elif name:
            raise NigraniError("The silence can't be made.", f"{name[:60]!r} is no label: write name=value.")
    matchers = Matchers(_words(form.get("rules", "")), _words(form.get("sources", "")), labels)
    return Plan("window" if starts_at else "silence", matchers, form.get("why", "").strip(), lasts, starts_at)


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


@require_POST
@needs(Role.RESPONDER)
def make(request: PersonRequest) -> HttpResponse:
    """Make what was previewed."""
    try:
        plan = silencing.signed(request.POST.get("signed", ""))
        made = silencing.add(plan, current.get(), by=request.user.email, now=clock.now())
    except NigraniError as error:
        return _page(request, dict.fromkeys(_FIELDS, ""), error=error, status=400)
    what = "window" if made.kind == "window" else "silence"
    messages.success(request, f"The {what} is made. What fires still at its end is told then.")
    return redirect("silence", number=made.pk)


@require_safe
@needs(Role.VIEWER)
def silence(request: PersonRequest, number: int) -> HttpResponse:
    """Show one silence, and what it takes to end it."""
    return _one(request, _find(number))


def _find(number: int) -> SilenceView:
    found = silences.silence(number, now=clock.now())
    if found is None:
        raise Http404(f"There is no silence {number}.")
    return found


def _one(
    request: PersonRequest, found: SilenceView, *, error: NigraniError | None = None, status: int = 200
) -> HttpResponse:
    may_act = request.user.may(Role.RESPONDER) and found.state != "over"
    context = {"silence": found, "error": error, "may_act": may_act, "suggested": _SUGGESTED}
    return render(request, "console/silence.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.RESPONDER)
def end(request: PersonRequest, number: int) -> HttpResponse:
    """Ask, then end a silence."""
    found, now = _find(number), clock.now()
    if request.method != "POST":
        until = local(found.until, now=now, zone=current.get().zone)
        lines = [
            f"It mutes {found.matches} until {until}: {found.why}",
            "What it muted and still fires is told at once. Other silences go on. It leaves a line in the ledger.",
        ]
        title = f"End {found.kind} {found.id}?"
        context = {"title": title, "lines": lines, "verb": f"End this {found.kind}", "back": f"/silences/{number}"}
        return render(request, "console/confirm.html", context)
    try:
        silencing.end(number, by=request.user.email, now=now)
    except NigraniError as error:
        return _one(request, _find(number), error=error, status=409)
    messages.success(request, f"{found.kind.capitalize()} {number} is over.")
    return redirect("silences")


@require_POST
@needs(Role.RESPONDER)
def move(request: PersonRequest, number: int) -> HttpResponse:
    """Let a silence end sooner or later: so long from now."""
    found, now = _find(number), clock.now()
    try:
        try:
            lasts = duration(request.POST.get("lasts", "").strip().replace(" ", ""))
            until = now + lasts
        except (ValueError, OverflowError) as error:
            raise NigraniError("It ends as it did.", f"{str(error)[:200]}.") from None
        silencing.move(number, until, by=request.user.email, now=now)
    except NigraniError as error:
        return _one(request, found, error=error, status=409)
    messages.success(request, "Its end was moved.")
    return redirect("silence", number=number)
