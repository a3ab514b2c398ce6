"""Alerts: the list, and each one's page."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from nigrani import oncall
from nigrani.access.models import Role
from nigrani.access.roles import PersonRequest, needs
from nigrani.alerts import lists, mutes, queries
from nigrani.alerts.judge import level
from nigrani.alerts.queries import AlertView, TransitionView
from nigrani.console import paging
from nigrani.console import queries as telemetry
from nigrani.console.charts import Level
from nigrani.console.drawing import draw
from nigrani.console.paging import Page
from nigrani.console.sorting import Order
from nigrani.console.told import reach, sort_out
from nigrani.guide import current
from nigrani.guide.model import Alert, Guide
from nigrani.lib import clock

from .why import silence_it

_PAGE = 50
_SHOWN = {
    "open": lists.OPEN,
    "unknown": ("unknown",),
    "ok": ("ok",),
}


@require_safe
@needs(Role.VIEWER)
def index(request: PersonRequest) -> HttpResponse:
    """List alerts, worst first; ?show= narrows to a kind, ?rule= to a rule, ?sort= names a column."""
    guide = current.get()
    rule, show = request.GET.get("rule") or None, request.GET.get("show", "")
    order = Order.asked(request.GET.get("sort", ""), lists.SORTS)
    tallies = lists.tallies(rule=rule)
    number = paging.number(request.GET.get("page", ""))
    found = lists.page(
        guide,
        states=_SHOWN.get(show, queries.STATES),
        rule=rule,
        sort=order.key,
        is_descending=order.direction == "descending",
        start=(number - 1) * paging.SIZE,
        limit=paging.SIZE + 1,
    )
    shown = found[: paging.SIZE]
    kept = lists.kept_back(guide, shown, now=clock.now())
    context = {
        "alerts": [(each, kept.get(each.id)) for each in shown],
        "page": Page(found, number, len(found) > paging.SIZE),
        "counts": [
            (word, sum(each.count for each in tallies if each.state in states)) for word, states in _SHOWN.items()
        ],
        "total": sum(each.count for each in tallies),
        "show": show if show in _SHOWN else "",
        "rule": rule,
        "order": order,
    }
    return render(request, "console/alerts.html", context)


@require_safe
@needs(Role.VIEWER)
def alert(request: PersonRequest, number: int) -> HttpResponse:
    """Show what, since when, how bad, who, why it was or was not sent, what to do, the measure, the transitions."""
    guide, now = current.get(), clock.now()
    found = queries.alert(guide, number) if number < 2**63 else None
    if found is None:
        raise Http404(f"There is no alert {number}.")
    declared = guide.alerts.get(found.rule)
    transitions = queries.transitions(alert_id=found.id, limit=_PAGE)
    told = _told(transitions)
    span = request.GET.get("over", "")
    mute = mutes.standing(guide, now=now).of(found.rule, found.labels)
    context: dict[str, object] = {
        "alert": found,
        "muted": mute.says if mute else "",
        "may_act": request.user.may(Role.RESPONDER),
        "silence_it": silence_it(found),
        "declared": declared,
        "changes": [(each, sort_out(guide, each.fates)) for each in transitions],
        "told": told,
        "fates": sort_out(guide, told.fates) if told else None,
        "titles": {each.name: each.title for each in guide.receivers.values()},
        "span": span if span in telemetry.SPANS else telemetry.SPAN,
        "spans": list(telemetry.SPANS),
    }
    if declared:
        context |= _from_guide(guide, declared, found)
        chart = telemetry.chart(
            guide,
            guide.measures[declared.when.measure],
            [telemetry.label_key(dict(found.labels))],
            span=str(context["span"]),
            now=now,
            level=_level(guide, declared),
        )
        drawing = draw(chart.found) if chart.found else ""
        context |= {"chart": chart.found, "drawing": drawing, "error": chart.error}
    return render(request, "console/alert.html", context)


def _from_guide(guide: Guide, declared: Alert, found: AlertView) -> dict[str, object]:
    rule = queries.rule(guide, declared.name)
    return {
        "evaluated_at": rule.evaluated_at if rule else None,
        "measure": guide.measures[declared.when.measure],
        "level": level(declared, guide.measures[declared.when.measure]),
        "owner": guide.people.get(declared.owner),
        "reach": reach(oncall.receivers_for(guide, declared)),
        "runbook": guide.runbooks.get(declared.runbook),
    }


def _level(guide: Guide, declared: Alert) -> Level:
    when = declared.when
    at = when.above if when.above is not None else when.below
    assert at is not None, "a condition has one of the two"
    said = f"fires {level(declared, guide.measures[when.measure])}"
    return Level(at, when.above is not None, said)


def _told(transitions: list[TransitionView]) -> TransitionView | None:
    """Return the latest change that is told to somebody: a beginning, or an end after it."""
    return next((each for each in transitions if each.fates or each.awaits), None)
