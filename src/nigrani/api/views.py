"""The addresses under /api/v1/: each asks a room's queries and puts the answer into its shape."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from urllib.parse import urlencode

from nigrani import __version__
from nigrani import guide as guides
from nigrani.access.models import Role
from nigrani.alerts import queries as alerts
from nigrani.alerts import silences
from nigrani.alerts import why as reasons
from nigrani.alerts.queries import AlertView, TransitionView
from nigrani.guide.model import Condition, Where
from nigrani.measures import cover as covers
from nigrani.measures import windows
from nigrani.outbox import queries as outbox
from nigrani.sources import queries as sources
from nigrani.survey import queries as surveys
from nigrani.versions import queries as versions

from . import seen, shapes
from .door import Ask, BadRequest, NotFound, answers
from .silences import silence_shape, why_shape

_OVER = timedelta(minutes=5)
_MOST = 200
_STATES = ("ok", "pending", "firing", "recovering", "unknown")


@answers(Role.VIEWER)
def status(ask: Ask) -> shapes.Status:
    """Say how everything stands, in a few numbers."""
    guide, waiting, pending = ask.guide, outbox.waiting(ask.now), versions.pending(now=ask.now)
    return shapes.Status(
        at=ask.now,
        version=__version__,
        guide=shapes.GuideShape(
            guide.name,
            guide.digest,
            guide.zone.key,
            guides.warnings(guide),
            guide.version,
            pending.waiting.number if pending.waiting else None,
            list(pending.refused.mistakes) if pending.refused else [],
        ),
        firing=alerts.firing_count(),
        sources=dict(Counter(view.state for view in sources.sources(guide, ask.now))),
        queue=shapes.Queue(waiting.count, waiting.oldest_age_s),
    )


@answers(Role.VIEWER)
def list_alerts(ask: Ask) -> shapes.Page[shapes.AlertShape]:
    """List alerts, worst first; ?state= and ?rule= narrow, ?limit= up to 200, ?offset= goes on."""
    state, rule = ask.parameters.get("state"), ask.parameters.get("rule")
    if state is not None and state not in _STATES:
        raise BadRequest(f"There is no state {state!r}.", f"States: {', '.join(_STATES)}.")
    limit, offset = _limit(ask), ask.number("offset") or 0
    found = [each for each in alerts.alerts(ask.guide, rule=rule) if state in (None, each.state)]
    rest = None
    if len(found) > offset + limit:
        kept = {"state": state, "rule": rule, "limit": limit, "offset": offset + limit}
        rest = f"{ask.path}?{urlencode({name: value for name, value in kept.items() if value is not None})}"
    return shapes.Page([_alert(each) for each in found[offset : offset + limit]], rest)


@answers(Role.VIEWER)
def one_alert(ask: Ask, number: int) -> shapes.AlertShape:
    """Return one alert with its latest changes and what became of telling them."""
    found = alerts.alert(ask.guide, number) if number < 2**63 else None
    if found is None:
        raise NotFound(f"There is no alert {number}.", "List them with GET /api/v1/alerts")
    return _alert(found, alerts.transitions(alert_id=found.id))


@answers(Role.VIEWER)
def why_alert(ask: Ask, number: int) -> shapes.WhyShape:
    """Say why an alert was or was not sent: every decision about it, newest first."""
    found = reasons.one(ask.guide, number, now=ask.now)
    if found is None:
        raise NotFound(f"There is no alert {number}.", "List them with GET /api/v1/alerts")
    return why_shape(found)


@answers(Role.VIEWER)
def list_silences(ask: Ask) -> shapes.Page[shapes.SilenceShape]:
    """List the silences that stand or are to come; ?past=1 those that are over. ?limit= up to 200."""
    found = silences.silences(now=ask.now, past=bool(ask.number("past")), limit=_limit(ask))
    return shapes.Page([silence_shape(each) for each in found])


@answers(Role.VIEWER)
def list_sources(ask: Ask) -> shapes.Page[shapes.SourceShape]:
    """List every source with its probes."""
    guide = ask.guide
    return shapes.Page([seen.source(view, guide.sources[view.name].where) for view in sources.sources(guide, ask.now)])


@answers(Role.VIEWER)
def list_measures(ask: Ask) -> shapes.Page[shapes.MeasureShape]:
    """List every measure with what it says over the last five minutes."""
    guide = ask.guide
    asked = [Condition(name, _OVER, above=0) for name in guide.measures]
    found = windows.read(guide, asked, now=ask.now)
    return shapes.Page(
        [
            shapes.MeasureShape(
                name=measure.name,
                means=measure.means,
                unit=measure.unit,
                combine=measure.combine,
                by=list(measure.by),
                needs=list(measure.needs),
                over_s=_OVER.total_seconds(),
                series=[
                    shapes.SeriesShape(dict(each.labels), each.known, each.value, each.n, each.says)
                    for each in (merged.values.values() or [merged.of("", {})])
                ],
                where=_place(measure.where),
            )
            for measure, merged in zip(guide.measures.values(), found, strict=True)
        ]
    )


@answers(Role.VIEWER)
def list_cover(ask: Ask) -> shapes.Page[shapes.CoverShape]:
    """List every row of the guide: whether it is run, by what, and the evidence."""
    rows = ask.guide.rows
    return shapes.Page(
        [
            shapes.CoverShape(
                row=each.row,
                section=rows[each.row].section,
                text=rows[each.row].text,
                state=each.state,
                by=each.by,
                part=each.part,
                evidence=each.evidence,
                age_s=each.age_s,
                others=list(each.others),
            )
            for each in covers.cover(ask.guide, now=ask.now)
        ]
    )


@answers(Role.VIEWER)
def last_survey(ask: Ask) -> shapes.SurveyShape:
    """Return the last survey: each row of the guide, and each finding with its evidence."""
    found = surveys.latest()
    if found is None:
        raise NotFound("Nothing was surveyed yet.", "Run: nigrani survey")
    return shapes.survey(found.number, found.report)


@answers(Role.VIEWER)
def one_survey(ask: Ask, number: int) -> shapes.SurveyShape:
    """Return an earlier survey."""
    found = surveys.survey(number)
    if found is None:
        raise NotFound(f"There is no survey {number}.", "The last ten are kept.")
    return shapes.survey(found.number, found.report)


@answers(Role.VIEWER)
def list_deliveries(ask: Ask) -> shapes.Page[shapes.DeliveryShape]:
    """List the latest messages, newest first; ?limit= up to 200, ?receiver= one receiver's."""
    found = outbox.deliveries(_limit(ask), receiver=ask.parameters.get("receiver") or None)
    return shapes.Page(
        [
            shapes.DeliveryShape(
                id=each.id,
                receiver=each.receiver,
                kind=each.kind,
                title=each.title,
                state=each.state,
                reason=each.reason,
                created_at=each.created_at,
                sent_at=each.sent_at,
                tries=[shapes.TryShape(t.at, t.ended_at, t.outcome, t.detail) for t in each.tries],
            )
            for each in found
        ]
    )


def _limit(ask: Ask) -> int:
    limit = ask.number("limit") or 50
    if limit > _MOST:
        raise BadRequest(f"limit is {limit:,}.", f"Ask for at most {_MOST}.")
    return limit


def _alert(view: AlertView, transitions: list[TransitionView] | None = None) -> shapes.AlertShape:
    return shapes.AlertShape(
        id=view.id,
        key=view.key,
        rule=view.rule,
        labels=dict(view.labels),
        title=view.title,
        urgency=view.urgency,
        owner=view.owner,
        action=view.action,
        phase=view.phase,
        state=view.state,
        known=view.known,
        since=view.since,
        value=view.value,
        says=view.says,
        read_at=view.read_at,
        transitions=None if transitions is None else [_transition(each) for each in transitions],
    )


def _transition(view: TransitionView) -> shapes.TransitionShape:
    fates = [
        shapes.FateShape(each.receiver, each.word, each.reason, each.at, each.sent_at, each.message)
        for each in view.fates
    ]
    return shapes.TransitionShape(view.id, view.old, view.new, view.at, view.because, view.value, view.known, fates)


def _place(where: Where) -> shapes.Place:
    return shapes.Place(where.file, where.line)
