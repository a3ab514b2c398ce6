"""What is wrong now, who has it, what to do; then what can't be told, the sources, the shadow, the latest messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from nigrani.access.models import Role
from nigrani.access.roles import PersonRequest, needs
from nigrani.alerts import lists, mutes, silences
from nigrani.alerts import queries as alerts
from nigrani.alerts.lists import Tally
from nigrani.alerts.queries import AlertView, RuleView
from nigrani.console.told import Told, sort_out
from nigrani.guide import current
from nigrani.guide.model import Guide
from nigrani.lib import clock
from nigrani.outbox import queries as outbox
from nigrani.sources import queries as sources
from nigrani.sources.queries import SourceView

from .sources import by_trouble

_SHADOW_SPAN = timedelta(days=7)
_MESSAGES = 8
_MOST = 30  # rows of one table: the worst; the rest is a link away


@dataclass(frozen=True)
class Trouble:
    """An alert that is not ok, and what became of telling it."""

    alert: AlertView
    owner: str
    told: Told
    muted: str = ""


@dataclass(frozen=True)
class Shadowed:
    """A rule in shadow that fires, or would have sent something lately."""

    rule: RuleView
    is_firing: bool
    count: int
    last_at: datetime | None


@require_safe
@needs(Role.VIEWER)
def overview(request: PersonRequest) -> HttpResponse:
    """Show the whole page."""
    return render(request, "console/overview.html", _now(request))


@require_safe
@needs(Role.VIEWER)
def now(request: PersonRequest) -> HttpResponse:
    """Show the page's one region alone, for refreshing it."""
    return render(request, "console/_now.html", _now(request) | {"is_region": True})


def _now(request: PersonRequest) -> dict[str, object]:
    guide, instant = current.get(), clock.now()
    tallies = lists.tallies()
    live = [each for each in tallies if each.phase == "live"]
    firing = sum(each.count for each in live if each.state in lists.LOUD)
    request.firing = firing  # type: ignore[attr-defined]  # spares the navigation its own count
    is_wrong = any(each.state in lists.OPEN for each in live)
    wrong = lists.page(guide, states=lists.OPEN, phase="live", limit=_MOST) if is_wrong else []
    fates = alerts.told([each.id for each in wrong])
    blind = [each for each in live if each.state == "unknown" and each.known != "no_source"]
    views = by_trouble(sources.sources(guide, instant))
    muting = mutes.standing(guide, now=instant)
    return {
        "firing": firing,
        "troubles": [
            Trouble(
                each,
                _owner(guide, each),
                sort_out(guide, fates.get(each.id, ())),
                " ".join(muting.sentences(each.rule, each.labels)),
            )
            for each in wrong
        ],
        "maintenance": silences.maintenance(guide, muting),
        "trouble_count": sum(each.count for each in live if each.state in lists.OPEN),
        "blind": lists.page(guide, states=("unknown",), phase="live", but="no_source", limit=_MOST) if blind else [],
        "blind_count": sum(each.count for each in blind),
        "well_since": max((each.newest for each in live if each.state == "ok"), default=None),
        "sources": views,
        "dark": [each for each in views if each.state in ("stale", "refused")],
        "is_set_up": _is_set_up(guide, views),
        "missing": sorted({name for each in views for name in each.missing}),
        "shadow": _shadow(guide, tallies, instant),
        "deliveries": outbox.deliveries(_MESSAGES),
        "titles": {each.name: each.title for each in guide.receivers.values()},
    }


def _owner(guide: Guide, alert: AlertView) -> str:
    owner = guide.people.get(alert.owner)
    return owner.title if owner else alert.owner


def _is_set_up(guide: Guide, views: list[SourceView]) -> bool:
    return bool(guide.alerts) and any(each.state != "no_source" for each in views)


def _shadow(guide: Guide, tallies: list[Tally], instant: datetime) -> list[Shadowed]:
    """Return rules in shadow worth a look, those that fire now first."""
    loud = {each.rule for each in tallies if each.phase == "shadow" and each.state in lists.LOUD}
    sent = alerts.would_have_sent(since=instant - _SHADOW_SPAN)
    rows = [
        Shadowed(rule, rule.name in loud, *sent.get(rule.name, (0, None)))
        for rule in alerts.rules(guide, counted=False)
        if rule.phase == "shadow" and (rule.name in loud or rule.name in sent)
    ]
    return sorted(rows, key=lambda row: (not row.is_firing, -row.count))
