"""Find anything the guide names."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from nigrani.access.models import Role
from nigrani.access.roles import PersonRequest, needs
from nigrani.guide import current
from nigrani.guide.model import Guide

_MOST = 50


@dataclass(frozen=True)
class Hit:
    """Something the guide names."""

    kind: str
    name: str
    title: str
    address: str


def everything(guide: Guide) -> list[Hit]:
    """Return all that can be found, in the order it is shown."""
    hits = [Hit("Rule", a.name, a.title, f"/rules/{a.name}") for a in guide.alerts.values()]
    hits += [Hit("Source", s.name, s.title, f"/sources/{s.name}") for s in guide.sources.values()]
    hits += [Hit("Measure", m.name, m.means, f"/measures/{m.name}") for m in guide.measures.values()]
    hits += [Hit("Row", row.id, row.text, f"/cover#{row.id}") for row in guide.rows.values()]
    hits += [Hit("File", name, "", f"/guide/{name}") for name in guide.text]
    return hits


@require_safe
@needs(Role.VIEWER)
def find(request: PersonRequest) -> HttpResponse:
    """List what contains every word asked for; go straight there when a name is exactly it."""
    asked = request.GET.get("q", "").strip()[:100]
    words = asked.casefold().split()
    hits = everything(current.get()) if words else []
    exact = [hit for hit in hits if hit.name.casefold() == asked.casefold()]
    if len(exact) == 1:
        return redirect(exact[0].address)
    found = [hit for hit in hits if all(word in f"{hit.name} {hit.title}".casefold() for word in words)]
    context = {"q": asked, "hits": found[:_MOST], "more": max(0, len(found) - _MOST)}
    return render(request, "console/find.html", context)
