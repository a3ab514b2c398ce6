"""What the guide promises and which of its rows are run: KPIs, checks, and the cover of all rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import groupby
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from nigrani.access.models import Role
from nigrani.access.roles import PersonRequest, needs
from nigrani.console.sorting import Order, arrange
from nigrani.guide import current
from nigrani.lib import clock
from nigrani.measures import cover as covers
from nigrani.measures.models import Verdict
from nigrani.measures.promises import item, show_level

_WORST = ("missed", "unknown", "too_little", "kept", "no_source")
_COLUMNS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "state": lambda row: _WORST.index(row["word"]) if row["word"] in _WORST else 0,
    "promise": lambda row: row["promise"].title,
    "checked": lambda row: row["verdict"].at if row["verdict"] else None,
    "where": lambda row: (row["promise"].where.file, row["promise"].where.line),
}


def _word(verdict: Verdict | None) -> str:
    """Return a promise's state: kept, missed, or why it can't be told."""
    if verdict is None:
        return "unknown"
    if verdict.known == "known" and verdict.met is not None:
        return "kept" if verdict.met else "missed"
    return verdict.known


@require_safe
@needs(Role.VIEWER)
def index(request: PersonRequest) -> HttpResponse:
    """List KPIs and checks with what was found last, the broken ones first, or by ?sort=."""
    guide = current.get()
    verdicts = {each.item: each for each in Verdict.objects.all()}
    rows: list[dict[str, Any]] = []
    for promise in guide.promises.values():
        found = verdicts.get(item(promise))
        level = show_level(promise.expect, guide.measures[promise.expect.measure])
        rows.append({"promise": promise, "verdict": found, "word": _word(found), "level": level})
    order = Order.asked(request.GET.get("sort", ""), _COLUMNS)
    rows = arrange(sorted(rows, key=_COLUMNS["state"]), order, _COLUMNS)
    return render(request, "console/promises.html", {"rows": rows, "order": order})


@require_safe
@needs(Role.VIEWER)
def cover(request: PersonRequest) -> HttpResponse:
    """List every row of the production guide: whether it is run, by what, and the evidence."""
    guide = current.get()
    items = covers.cover(guide, now=clock.now())
    counts = Counter(each.state for each in items)
    chosen = request.GET.get("state", "")
    shown = [each for each in items if not chosen or each.state == chosen]
    rows = [(guide.rows[each.row], each, _address(each.by)) for each in shown]
    context = {
        "sections": [(name, list(group)) for name, group in groupby(rows, key=lambda row: row[0].section)],
        "counts": [(state, counts[state]) for state in ("run", "claimed", "no source", "not yet")],
        "total": len(items),
        "chosen": chosen,
    }
    return render(request, "console/cover.html", context)


def _address(by: str) -> str:
    kind, _, name = by.partition(" ")
    return {"alert": f"/rules/{name}", "measure": f"/measures/{name}"}.get(kind, "/promises" if by else "")
