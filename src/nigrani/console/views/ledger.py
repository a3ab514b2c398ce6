"""The ledger, newest line first, and its verification."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from nigrani.access import ledger, queries
from nigrani.access.models import Role
from nigrani.access.roles import PersonRequest, needs

_PAGE = 50


@require_safe
@needs(Role.ADMIN)
def index(request: PersonRequest) -> HttpResponse:
    """List lines; with ?verify=1 walk the whole chain and say what was found."""
    asked = request.GET.get("before", "")
    before = int(asked) if asked.isdecimal() and len(asked) < 18 else None
    lines = queries.ledger_lines(before=before, limit=_PAGE + 1)
    context: dict[str, object] = {"lines": lines[:_PAGE], "before": before, "head": ledger.head()}
    if len(lines) > _PAGE:
        context["older"] = lines[_PAGE - 1].seq
    if request.GET.get("verify"):
        context |= {"verified": True, "problem": ledger.verify()}
    return render(request, "console/ledger.html", context)
