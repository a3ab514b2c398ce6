"""The survey: whether the watched system can answer the guide, what stands in the way, and asking anew."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

import msgspec
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from nigrani.access.models import Role
from nigrani.access.roles import PersonRequest, needs
from nigrani.guide import current
from nigrani.lib import clock
from nigrani.lib.errors import Conflict
from nigrani.survey import actions, asking, queries
from nigrani.survey.queries import SurveyView
from nigrani.survey.report import FINDING_STATES, ROW_STATES

_PAGE = 50


@require_safe
@needs(Role.VIEWER)
def index(request: PersonRequest) -> HttpResponse:
    """Show the last survey; ?state= and ?section= narrow its rows."""
    return _show(request, queries.latest())


@require_safe
@needs(Role.VIEWER)
def one(request: PersonRequest, number: int) -> HttpResponse:
    """Show an earlier survey."""
    return _show(request, _find(number))


@require_safe
@needs(Role.VIEWER)
def export(request: PersonRequest, number: int) -> HttpResponse:
    """Return a survey as JSON, for a file."""
    found = _find(number)
    document = {"number": found.number, **msgspec.to_builtins(found.report)}
    answer = HttpResponse(msgspec.json.format(msgspec.json.encode(document)), content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="survey-{found.number}.json"'
    return answer


@require_safe
@needs(Role.VIEWER)
def progress(request: PersonRequest) -> HttpResponse:
    """Show the region about the survey that is under way, for refreshing it."""
    return render(
        request, "console/_survey_progress.html", {"under_way": queries.under_way(now=clock.now()), "is_region": True}
    )


@require_POST
@needs(Role.RESPONDER)
def begin(request: PersonRequest) -> HttpResponse:
    """Ask for a survey that only looks."""
    return _ask_for(request, tries=False)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMIN)
def try_more(request: PersonRequest) -> HttpResponse:
    """Say what a survey with tries does besides looking, and ask for it."""
    if request.method == "POST":
        return _ask_for(request, tries=True)
    plans = asking.plans(current.get())
    lines = ["Besides looking, it will do this, once each:", *(f"{does} It shows whether: {title}." for title, does
             in plans.items()), "None of it changes anything. It leaves a line in the ledger."]  # fmt: skip
    if not plans:
        lines = ["No question that does more than look can be asked now, so it would only look."]
    context = {"title": "Survey with tries?", "lines": lines, "verb": "Survey with tries", "back": "/survey"}
    return render(request, "console/confirm.html", context)


def _ask_for(request: PersonRequest, *, tries: bool) -> HttpResponse:
    try:
        actions.ask_for(current.get(), by=request.user.email, tries=tries, now=clock.now())
    except Conflict:
        messages.info(request, "A survey is under way already.")
    else:
        messages.success(request, "The survey begins; its rows appear here when it has ended.")
    return redirect("survey")


def _find(number: int) -> SurveyView:
    found = queries.survey(number)
    if found is None:
        raise Http404(f"There is no survey {number}. The last {actions.KEPT} are kept.")
    return found


def _show(request: PersonRequest, found: SurveyView | None) -> HttpResponse:
    context: dict[str, object] = {
        "survey": found,
        "under_way": queries.under_way(now=clock.now()),
        "past": queries.past(),
        "may_ask": request.user.may(Role.RESPONDER),
        "may_try": request.user.may(Role.ADMIN),
        "has_questions": bool(current.get().findings),
    }
    if found is not None:
        context |= _of(request, found)
    return render(request, "console/survey.html", context)


def _of(request: PersonRequest, found: SurveyView) -> dict[str, object]:
    report = found.report
    state, section = request.GET.get("state", ""), request.GET.get("section", "")
    rows = [each for each in report.rows if state in ("", each.state) and section in ("", each.section)]
    asked = request.GET.get("page", "1")
    page = min(
        max(1, int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 5 else 1), -(-len(rows) // _PAGE)
    )
    shown = rows[(page - 1) * _PAGE : page * _PAGE] if rows else []
    counts = Counter(each.state for each in report.rows)
    fresh = {each.name for each in found.new}
    return {
        "report": report,
        "sections": [(name, list(group)) for name, group in groupby(shown, key=lambda row: row.section)],
        "names": list(dict.fromkeys(row.section for row in report.rows)),
        "counts": [(word, counts[word]) for word in ROW_STATES],
        "total": len(report.rows),
        "chosen": state,
        "section": section,
        "findings": [
            (word, [(each, each.name in fresh) for each in report.findings if each.state == word])
            for word in FINDING_STATES
        ],
        "found_count": len(report.found()),
        "shown": {each.row for each in shown},
        "earlier": page - 1 if page > 1 else None,
        "later": page + 1 if page * _PAGE < len(rows) else None,
    }
