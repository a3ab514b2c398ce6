"""A rule on the past: when it would have fired, with its own level or with another one that somebody wants to try."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from nigrani.access.models import Role
from nigrani.access.roles import PersonRequest, needs
from nigrani.alerts import backtest
from nigrani.alerts.backtest import Backtest
from nigrani.alerts.judge import level
from nigrani.alerts.wishes import wished
from nigrani.console import queries as telemetry
from nigrani.console.charts import MOST_LINES, Level
from nigrani.console.drawing import draw
from nigrani.guide import current
from nigrani.guide.model import Alert, Guide
from nigrani.lib import clock
from nigrani.lib.errors import NigraniError, SourceError

DAYS = (1, 7, 30, 90)
_DEFAULT = 7
_SHOWN = 50
_LONGEST_FIELD = 40


@dataclass(frozen=True)
class Form:
    """What was asked for, as it was written: it is shown again, also when it can't be read."""

    days: int
    level: str
    window: str
    hold: str

    @classmethod
    def read(cls, given: QueryDict) -> Form:
        """Read the address; a span that is not offered is the usual one."""
        days = next((each for each in DAYS if str(each) == given.get("days", "")), _DEFAULT)
        level, window, hold = (given.get(name, "").strip()[:_LONGEST_FIELD] for name in ("level", "window", "hold"))
        return cls(days, level, window, hold)

    @property
    def is_changed(self) -> bool:
        """Whether something else than the rule's own text is tried."""
        return bool(self.level or self.window or self.hold)

    def tried(self, guide: Guide, declared: Alert) -> Alert:
        """Return the rule as it is to be tried. Raises NigraniError."""
        side = "above" if declared.when.above is not None else "below"
        measure = guide.measures[declared.when.measure]
        return wished(declared, measure, **{side: self.level}, over=self.window, hold=self.hold)


@require_safe
@needs(Role.VIEWER)
def rule(request: PersonRequest, name: str) -> HttpResponse:
    """Show when a rule would have fired, for how long, and who would have been told."""
    guide, now = current.get(), clock.now()
    declared = guide.alerts.get(name)
    if declared is None:
        raise Http404(f"The guide has no rule {name}.")
    form = Form.read(request.GET)
    context: dict[str, object] = {
        "declared": declared,
        "measure": guide.measures[declared.when.measure],
        "form": form,
        "days": DAYS,
        "side": "above" if declared.when.above is not None else "below",
        "may_decide": request.user.may(Role.ADMIN),
    }
    try:
        tried = form.tried(guide, declared)
        found = backtest.run(guide, tried, *backtest.span(now, days=form.days))
        context |= {
            "found": found,
            "lines": backtest.sentences(found),
            "firings": found.firings[:_SHOWN],
            "names": {each.urgency for each in tried.levels},
            **_chart(guide, tried, found),
        }
    except SourceError as error:
        context["error"] = str(error)
    except NigraniError as error:
        context |= {"mistake": str(error), "hint": error.hint}
    return render(request, "console/backtest.html", context)


def _chart(guide: Guide, tried: Alert, found: Backtest) -> dict[str, object]:
    """Return the measure over the same time, with the level: of those series that would have fired most lately."""
    measure = guide.measures[tried.when.measure]
    keys = [telemetry.label_key(dict(each.labels)) for each in found.firings] if measure.by else [""]
    chosen = list(dict.fromkeys(keys))[:MOST_LINES]
    if not chosen or not found.judged:
        return {}
    at = tried.when.above if tried.when.above is not None else tried.when.below
    assert at is not None, "a condition has one of the two"
    shown = Level(at, tried.when.above is not None, f"fires {level(tried, measure)}")
    chart = telemetry.between(guide, measure, chosen, start=found.start, end=found.end, level=shown)
    return {"chart": chart.found, "drawing": draw(chart.found) if chart.found else "", "error": chart.error}
