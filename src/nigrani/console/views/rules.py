"""Rules: what would worry whom, whether it is live or in shadow, and the two buttons that decide it."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from nigrani import oncall
from nigrani.access.models import Role
from nigrani.access.roles import PersonRequest, needs
from nigrani.alerts import actions, lists, queries, shadow
from nigrani.alerts.queries import RuleView
from nigrani.console.sorting import Order, arrange
from nigrani.console.templatetags.console import local
from nigrani.console.told import reach
from nigrani.guide import current
from nigrani.guide.model import Guide
from nigrani.lib import clock

_MOST_ALERTS = 30  # the worst; the list of all is a link away
_WORST = ("firing", "recovering", "pending", "unknown")
_COLUMNS: dict[str, Callable[[tuple[RuleView, str]], object]] = {
    "state": lambda row: _WORST.index(row[1]) if row[1] in _WORST else len(_WORST),
    "rule": lambda row: row[0].title,
    "urgency": lambda row: queries.URGENCIES.index(row[0].urgency),
    "owner": lambda row: row[0].owner,
    "phase": lambda row: row[0].phase,
    "where": lambda row: (row[0].where.file, row[0].where.line),
}


def word(rule: RuleView) -> str:
    """Return a rule's state: its worst alert's, or why it can't be told."""
    if rule.known == "no_source":
        return "no_source"
    worst = next((state for state in _WORST if rule.counts.get(state)), None)
    if worst is not None:
        return worst
    return "ok" if rule.known == "known" else rule.known


def _find(guide: Guide, name: str) -> RuleView:
    found = queries.rule(guide, name)
    if found is None:
        raise Http404(f"The guide has no rule {name}.")
    return found


@require_safe
@needs(Role.VIEWER)
def index(request: PersonRequest) -> HttpResponse:
    """List every rule of the guide, or those that are live, or in shadow."""
    guide = current.get()
    found = queries.rules(guide)
    phase = request.GET.get("phase", "")
    order = Order.asked(request.GET.get("sort", ""), _COLUMNS)
    rows = arrange([(rule, word(rule)) for rule in found if phase in ("", rule.phase)], order, _COLUMNS)
    counts = [(name, sum(rule.phase == name for rule in found)) for name in ("live", "shadow")]
    owners = {name: person.title for name, person in guide.people.items()}
    context = {"rows": rows, "counts": counts, "total": len(found), "phase": phase, "owners": owners, "order": order}
    return render(request, "console/rules.html", context)


@require_safe
@needs(Role.VIEWER)
def rule(request: PersonRequest, name: str) -> HttpResponse:
    """Show one rule: what it watches, whom it tells, what to do, its alerts and its examples."""
    guide = current.get()
    found, declared = _find(guide, name), guide.alerts[name]
    worst = lists.page(guide, rule=name, limit=_MOST_ALERTS)
    context = {
        "rule": found,
        "word": word(found),
        "declared": declared,
        "measure": guide.measures[declared.when.measure],
        "owner": guide.people.get(declared.owner),
        "reach": reach(oncall.receivers_for(guide, declared)),
        "runbook": guide.runbooks.get(declared.runbook),
        "alerts": [each for each in worst if each.state != "ok" or not each.labels],
        "more": sum(count for state, count in found.counts.items() if state != "ok") > len(worst),
        "may_decide": request.user.may(Role.ADMIN),
    }
    return render(request, "console/rule.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMIN)
def promote(request: PersonRequest, name: str) -> HttpResponse:
    """Ask, then let a rule send."""
    guide = current.get()
    found = _find(guide, name)
    if request.method != "POST":
        receivers = oncall.receivers_for(guide, guide.alerts[name])
        told = ", ".join(each.title for each in receivers if each.is_set_up) or "nobody: no receiver is set up"
        lines = [
            *shadow.lines(guide, name, now=clock.now()),
            f"From its next change of state on, {name} tells: {told}.",
            "What fires already was decided in shadow and stays unsent.",
            "You can put it back in shadow at any time. Both leave a line in the ledger.",
        ]
        return _ask(request, f"Let “{found.title}” send?", lines, "Promote to live", name)
    actions.promote(name, by=request.user.email, now=clock.now())
    messages.success(request, f"“{found.title}” is live.")
    return redirect("rule", name=name)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMIN)
def demote(request: PersonRequest, name: str) -> HttpResponse:
    """Ask, then put a rule in shadow."""
    guide, now = current.get(), clock.now()
    found = _find(guide, name)
    if request.method != "POST":
        since = f" It is live since {local(found.since, now=now, zone=guide.zone)}." if found.since else ""
        lines = [
            f"From now on {name} tells nobody, however bad it gets; it only records what it would have sent.{since}",
            "Who was told of an alert that fires now still hears of its end.",
        ]
        return _ask(request, f"Put “{found.title}” in shadow?", lines, "Put in shadow", name)
    actions.demote(name, by=request.user.email, now=now)
    messages.success(request, f"“{found.title}” is in shadow: it tells nobody.")
    return redirect("rule", name=name)


def _ask(request: PersonRequest, title: str, lines: list[str], verb: str, name: str) -> HttpResponse:
    context = {"title": title, "lines": lines, "verb": verb, "back": f"/rules/{name}"}
    return render(request, "console/confirm.html", context)
