"""Measures: each number, what it means, its SQL, its chart, and what hangs on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from nigrani.access.models import Role
from nigrani.access.roles import PersonRequest, needs
from nigrani.console import queries
from nigrani.console.drawing import draw
from nigrani.console.sorting import Order, arrange
from nigrani.guide import current
from nigrani.guide.model import Guide, Measure
from nigrani.lib import clock

_COLUMNS: dict[str, Callable[[tuple[Measure, int]], object]] = {
    "unit": lambda row: row[0].unit,
    "measure": lambda row: row[0].name,
    "used": lambda row: row[1],
    "where": lambda row: (row[0].where.file, row[0].where.line),
}


def users(guide: Guide, name: str) -> list[tuple[str, str, str]]:
    """Return what reads a measure, as (kind, title, address)."""
    found = [("rule", a.title, f"/rules/{a.name}") for a in guide.alerts.values() if a.when.measure == name]
    return found + [(p.kind, p.title, "/promises") for p in guide.promises.values() if p.expect.measure == name]


@require_safe
@needs(Role.VIEWER)
def index(request: PersonRequest) -> HttpResponse:
    """List every measure of the guide, in its order or by ?sort=."""
    guide = current.get()
    order = Order.asked(request.GET.get("sort", ""), _COLUMNS)
    used = Counter(alert.when.measure for alert in guide.alerts.values())
    used += Counter(promise.expect.measure for promise in guide.promises.values())
    rows = arrange([(measure, used[measure.name]) for measure in guide.measures.values()], order, _COLUMNS)
    return render(request, "console/measures.html", {"rows": rows, "order": order})


@require_safe
@needs(Role.VIEWER)
def measure(request: PersonRequest, name: str) -> HttpResponse:
    """Show one measure: its value now, its chart, its SQL and who uses it."""
    guide, now = current.get(), clock.now()
    declared = guide.measures.get(name)
    if declared is None:
        raise Http404(f"The guide has no measure {name}.")
    span = request.GET.get("over", "")
    span = span if span in queries.SPANS else queries.SPAN
    values = queries.values(guide, declared, now=now)
    keys = sorted(key for key, value in (values.found or {}).items() if key or not declared.by)
    chart = queries.chart(guide, declared, keys, span=span, now=now) if keys else queries.Asked(None)
    context = {
        "measure": declared,
        "users": users(guide, name),
        "values": sorted((values.found or {}).items()),
        "recent": queries.RECENT,
        "error": values.error or chart.error,
        "chart": chart.found,
        "drawing": draw(chart.found) if chart.found else "",
        "span": span,
        "spans": list(queries.SPANS),
        "needs": [guide.sources[each] for each in declared.needs],
    }
    return render(request, "console/measure.html", context)
