"""Sources: what we watch, when each last answered, and what each probe last heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from nigrani.access.models import Role
from nigrani.access.roles import PersonRequest, needs
from nigrani.alerts import mutes, silences
from nigrani.console import queries as telemetry
from nigrani.console.sorting import Order, arrange
from nigrani.guide import current
from nigrani.lib import clock
from nigrani.sources import queries
from nigrani.sources.queries import SourceView

_FIRST: tuple[Literal["refused", "stale", "new", "fresh", "no_source"], ...] = (
    "refused",
    "stale",
    "new",
    "fresh",
    "no_source",
)
_COLUMNS: dict[str, Callable[[SourceView], object]] = {
    "state": lambda view: _FIRST.index(view.state),
    "source": lambda view: view.title,
    "answered": lambda view: view.last_ok_at,
    "answers": lambda view: view.answers,
}


def by_trouble(views: list[SourceView]) -> list[SourceView]:
    """Return sources with what is wrong first: refused, dark, a probe down, new, then the rest in the guide's order."""
    return sorted(views, key=lambda view: (_FIRST.index(view.state) if view.state in _FIRST else 0, not _down(view)))


def _down(view: SourceView) -> bool:
    return any(probe.state == "down" for probe in view.probes)


@require_safe
@needs(Role.VIEWER)
def index(request: PersonRequest) -> HttpResponse:
    """List every source of the guide, those in trouble first, or by ?sort=."""
    guide, now = current.get(), clock.now()
    order = Order.asked(request.GET.get("sort", ""), _COLUMNS)
    views = arrange(by_trouble(queries.sources(guide, now)), order, _COLUMNS)
    rows = [(view, guide.sources[view.name].where) for view in views]
    maintenance = silences.maintenance(guide, mutes.standing(guide, now=now))
    return render(request, "console/sources.html", {"rows": rows, "order": order, "maintenance": maintenance})


@require_safe
@needs(Role.VIEWER)
def source(request: PersonRequest, name: str) -> HttpResponse:
    """Show one source with its probes and the phases of their last answers."""
    guide, now = current.get(), clock.now()
    declared = guide.sources.get(name)
    if declared is None:
        raise Http404(f"The guide has no source {name}.")
    view = next(each for each in queries.sources(guide, now) if each.name == name)
    phases = telemetry.phases(name, now=now)
    context = {
        "source": view,
        "declared": declared,
        "probes": [(probe, (phases.found or {}).get(probe.name)) for probe in view.probes],
        "error": phases.error,
        "costs": view.costs_in_words(getattr(declared.config, "budget", None)),
        "feeds": [measure for measure in guide.measures.values() if name in measure.needs],
    }
    return render(request, "console/source.html", context)
