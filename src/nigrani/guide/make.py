"""From judged shapes to the model. Nothing can be wrong here any more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from . import model, reads, repeat, windows
from .draft import Draft
from .feeds import make_feed
from .fields import fields_of
from .levels import value
from .model import Unit, Urgency
from .shapes import AlertShape, CheckShape, DeadManShape, KpiShape, MeasureShape, SourceShape, TellingShape

_DEAD_MAN_EVERY: timedelta = fields_of(DeadManShape)["every"].default


def guide(draft: Draft, *, folder: str, digest: str, text: Mapping[str, str]) -> model.Guide:
    """Make the guide of a draft in which no mistake was found."""
    shapes = draft.shapes
    measures = {name: _measure(name, each, draft.tables[name]) for name, each in shapes["measures"].items()}
    promises = {name: _kpi(name, each, measures) for name, each in shapes["kpis"].items()}
    promises |= {name: _check(name, each, measures) for name, each in shapes["checks"].items()}
    return model.Guide(
        name=draft.top.name,
        zone=ZoneInfo(draft.top.zone),
        folder=folder,
        digest=digest,
        reference=draft.reference,
        dead_man=draft.dead_man.url if draft.dead_man else None,
        dead_man_every=draft.dead_man.every if draft.dead_man else _DEAD_MAN_EVERY,
        sources={name: _source(name, draft) for name in shapes["sources"]},
        measures=measures,
        alerts={name: _alert(name, each, measures) for name, each in shapes["alerts"].items()},
        promises=promises,
        people={
            name: model.Person(name, each.title, each.receivers, each.where) for name, each in shapes["people"].items()
        },
        receivers={name: _receiver(name, draft) for name in shapes["receivers"]},
        rows=draft.rows,
        text=text,
        runbooks={
            name: model.Runbook(name, each.title, each.steps, each.where) for name, each in shapes["runbooks"].items()
        },
        telling=_telling(draft.telling),
        repeats=repeat.made(draft.repeat),
        windows={name: windows.make(name, each, ZoneInfo(draft.top.zone)) for name, each in shapes["windows"].items()},
        missing=draft.missing,
        tables={
            name: model.Table(name, each.source, each.named, each.columns, each.where)
            for name, each in shapes["tables"].items()
        },
        findings={name: _finding(name, draft) for name in shapes["findings"]},
        truths={
            name: model.Truth(name, each.rows, each.says, each.needs, each.later, each.where)
            for name, each in shapes["truths"].items()
        },
    )


def _finding(name: str, draft: Draft) -> model.Finding:
    outside = draft.outsides["findings", name]
    shape = outside.shape
    return model.Finding(
        name=name,
        title=shape.title,
        means=shape.means,
        do=shape.do,
        source=shape.source,
        config=outside.config,
        missing=outside.missing,
        hinders=shape.hinders,
        limits=shape.limits,
        concerns=shape.concerns,
        snippet=shape.snippet,
        tries=shape.tries,
        quiet=shape.quiet or "",
        where=shape.where,
    )


def _telling(shape: TellingShape | None) -> model.Telling:
    if shape is None:
        return model.Telling()
    told = model.Telling(shape.group_interval, shape.cause_wait)
    flaps = shape.flapping
    return told if flaps is None else replace(told, flap_changes=flaps.changes, flap_within=flaps.within)


def _source(name: str, draft: Draft) -> model.Source:
    outside = draft.outsides["sources", name]
    shape = outside.shape
    return model.Source(
        name=name,
        kind=shape.kind,
        title=shape.title,
        config=outside.config,
        stale_after=shape.stale_after,
        probes={
            probe: model.Probe(
                probe, each.config, each.shape.every or shape.every, each.shape.timeout or shape.timeout,
                each.shape.where,
            )
            for probe, each in outside.probes.items()
        } | _read_by_measures(name, shape, draft),
        missing=outside.missing,
        where=shape.where,
        feeds={feed: make_feed(feed, each, timeout=shape.timeout) for feed, each in outside.feeds.items()},
    )  # fmt: skip


def _read_by_measures(source: str, shape: SourceShape, draft: Draft) -> dict[str, model.Probe]:
    measures = {name: each for name, each in draft.shapes["measures"].items() if each.from_ == source}
    return {
        (probe := reads.probe_of(name)): model.Probe(
            probe, draft.reads[name], each.every or reads.EVERY, shape.timeout, each.where
        )
        for name, each in measures.items()
    }


def _receiver(name: str, draft: Draft) -> model.Receiver:
    outside = draft.outsides["receivers", name]
    shape = outside.shape
    return model.Receiver(name, shape.send, shape.title or name, outside.config, outside.missing, shape.where)


def _measure(name: str, shape: MeasureShape, tables: tuple[str, ...]) -> model.Measure:
    return model.Measure(
        name=name,
        means=shape.means,
        unit=shape.unit,
        combine=shape.combine,
        needs=tuple(dict.fromkeys((*([shape.from_] if shape.from_ else []), *shape.needs))),
        by=shape.by,
        sql=reads.facts_sql(name, shape) if shape.from_ else shape.sql,
        tables=tables,
        covers=shape.covers,
        where=shape.where,
        asks=(*([reads.probe_of(name)] if shape.from_ else []), *shape.asks),
        read_from=shape.from_ or "",
        asked=shape.sql if shape.from_ else "",
    )


def _sides(body: Any, unit: Unit) -> dict[str, float | None]:
    written = {"above": body.above, "below": body.below}
    return {side: None if each is None else value(each.text, unit) for side, each in written.items()}


def _alert(name: str, shape: AlertShape, measures: Mapping[str, model.Measure]) -> model.Alert:
    unit = measures[shape.when.measure].unit
    first, *higher = _levels(shape, unit)
    when = model.Condition(
        shape.when.measure,
        shape.when.over,
        above=first.above,
        below=first.below,
        min_n=shape.when.min_n,
        only=shape.when.only,
    )
    return model.Alert(
        name=name,
        title=shape.title,
        means=shape.means,
        covers=shape.covers,
        urgency=first.urgency,
        when=when,
        hold=first.hold,
        clear=first.clear,
        owner=shape.owner,
        action=shape.action,
        runbook=shape.runbook or "",
        starts=shape.starts,
        examples=tuple(
            model.Example(each.readings, each.each, each.expect, each.n, each.where) for each in shape.examples
        ),
        where=shape.where,
        effect_of=tuple(dict.fromkeys(shape.effect_of)),
        higher=tuple(higher),
        every=shape.repeat,
        then=shape.then,
    )


def _levels(shape: AlertShape, unit: Unit) -> list[model.AlertLevel]:
    if shape.levels is None:
        assert shape.urgency is not None, "an alert without levels was judged to have an urgency"
        return [_level(shape.urgency, shape.when, shape.hold, shape.clear, unit)]
    written = shape.levels.written()
    return [_level(urgency, each, each.hold, each.clear, unit) for urgency, each in written]


def _level(urgency: Urgency, body: Any, hold: timedelta, clear: Any, unit: Unit) -> model.AlertLevel:
    back = model.Clear() if clear is None else model.Clear(**_sides(clear, unit), hold=clear.hold)
    return model.AlertLevel(urgency, **_sides(body, unit), hold=hold, clear=back)


def _kpi(name: str, shape: KpiShape, measures: Mapping[str, model.Measure]) -> model.Promise:
    sides = _sides(shape.objective, measures[shape.measure].unit)
    expect = model.Condition(shape.measure, shape.objective.over, **sides, min_n=shape.min_n, only=shape.only)
    return model.Promise(name, "kpi", shape.title, shape.covers, expect, shape.where)


def _check(name: str, shape: CheckShape, measures: Mapping[str, model.Measure]) -> model.Promise:
    sides = _sides(shape.expect, measures[shape.measure].unit)
    expect = model.Condition(shape.measure, shape.over, **sides, min_n=shape.min_n, only=shape.only)
    return model.Promise(name, "check", shape.title, shape.covers, expect, shape.where)
