"""Writes a loaded guide of the tests' vocabulary back as YAML: the other half of load -> dump -> load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any

import yaml

from nigrani.guide import Alert, Condition, Cover, Guide, Measure, Promise, Unit, Window
from nigrani.guide.model import DAYS
from nigrani.lib.secret import Secret

_NAMES = {
    "https://chat.example/hook/s3cret": "${CHAT_URL}",
    "https://dead.example/ping": "${DEAD_MAN_URL}",
}


def dump(guide: Guide) -> dict[str, str | bytes]:
    """Return the guide as one file. Text is quoted, quantities are written with their units."""
    whole = {
        "guide": 1,
        "name": guide.name,
        "zone": str(guide.zone),
        "dead_man": {"url": _plain(guide.dead_man), "every": _span(guide.dead_man_every)},
        "repeat": {
            name: {"every": [_span(each) for each in pace.every], "then": [*pace.then]}
            for name, pace in guide.repeats.items()
        },
        "reference": list(guide.reference),
        "telling": {
            "group_interval": _span(guide.telling.group_interval),
            "cause_wait": _span(guide.telling.cause_wait),
            "flapping": {"changes": guide.telling.flap_changes, "within": _span(guide.telling.flap_within)},
        },
        "people": {name: {"title": each.title, "receivers": [*each.receivers]} for name, each in guide.people.items()},
        "receivers": {
            name: {"send": each.kind, "title": each.title, **_config(each.config)}
            for name, each in guide.receivers.items()
        },
        "sources": {name: _source(each) for name, each in guide.sources.items()},
        "measures": {name: _measure(each) for name, each in guide.measures.items()},
        "alerts": {name: _alert(each, guide.measures[each.when.measure].unit) for name, each in guide.alerts.items()},
        "kpis": {name: _kpi(each, guide) for name, each in guide.promises.items() if each.kind == "kpi"},
        "checks": {name: _check(each, guide) for name, each in guide.promises.items() if each.kind == "check"},
        "windows": {name: _window(each) for name, each in guide.windows.items()},
        "runbooks": {name: {"title": each.title, "steps": [*each.steps]} for name, each in guide.runbooks.items()},
    }
    return {"all.yaml": yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=10_000)}


def _plain(value: Any) -> Any:
    match value:
        case Secret():
            return _NAMES[value.reveal()]
        case timedelta():
            return _span(value)
        case tuple() | list():
            return [_plain(each) for each in value]
        case Mapping():
            return {key: _plain(each) for key, each in value.items()}
        case str():
            return value.replace("${", "$${")
        case int() | float() | None:
            return value
    return _config(value)


def _config(config: Any) -> dict[str, Any]:
    found = {each.name: _plain(getattr(config, each.name)) for each in fields(config)}
    sizes = {"max_body": f"{found['max_body']}B"} if "max_body" in found else {}
    return {**found, **sizes}


def _span(span: timedelta) -> str:
    return f"{span // timedelta(milliseconds=1)}ms"


def _source(source: Any) -> dict[str, Any]:
    return {
        "kind": source.kind, "title": source.title, "stale_after": _span(source.stale_after),
        **_config(source.config),
        "probes": {
            name: {"every": _span(each.every), "timeout": _span(each.timeout), **_config(each.config)}
            for name, each in source.probes.items()
        },
    }  # fmt: skip


def _covers(covers: tuple[Cover, ...]) -> list[Any]:
    return [{each.row: each.part} if each.part else each.row for each in covers]


def _measure(measure: Measure) -> dict[str, Any]:
    return {
        "means": measure.means, "unit": measure.unit, "combine": measure.combine, "needs": [*measure.needs],
        "by": [*measure.by], "asks": [*measure.asks], "covers": _covers(measure.covers), "sql": measure.sql,
    }  # fmt: skip


def _sides(body: Any, unit: Unit) -> dict[str, str]:
    suffix = {"ms": "ms", "seconds": "s", "bytes": "B"}.get(unit, "")
    return {side: f"{getattr(body, side)!r}{suffix}" for side in ("above", "below") if getattr(body, side) is not None}


def _when(when: Condition, unit: Unit) -> dict[str, Any]:
    return {
        "measure": when.measure, "over": _span(when.over), **_sides(when, unit), "min_n": when.min_n,
        "only": {name: [*values] for name, values in when.only.items()},
    }  # fmt: skip


def _alert(alert: Alert, unit: Unit) -> dict[str, Any]:
    return {
        "title": alert.title, "means": alert.means, "covers": _covers(alert.covers), "urgency": alert.urgency,
        "when": _when(alert.when, unit), "hold": _span(alert.hold),
        "clear": {**_sides(alert.clear, unit), "hold": _span(alert.clear.hold)},
        "owner": alert.owner, "action": alert.action, "starts": alert.starts,
        "repeat": None if alert.every is None else [_span(each) for each in alert.every],
        "then": None if alert.then is None else [*alert.then],
        **({"runbook": alert.runbook} if alert.runbook else {}),
        **({"effect_of": [*alert.effect_of]} if alert.effect_of else {}),
        "examples": [
            {"readings": each.readings, "each": _span(each.each), "expect": each.expect, "n": each.n}
            for each in alert.examples
        ],
    }  # fmt: skip


def _window(window: Window) -> dict[str, Any]:
    return {
        "why": window.why, "repeats": window.repeats, "starts": f"{window.starts:%H:%M}", "lasts": _span(window.lasts),
        "days": [DAYS[each] for each in window.days], "zone": str(window.zone), "rules": [*window.rules],
        "sources": [*window.sources], "labels": {name: [*globs] for name, globs in window.labels.items()},
        **({"date": str(window.date)} if window.date else {}),
    }  # fmt: skip


def _kpi(kpi: Promise, guide: Guide) -> dict[str, Any]:
    when = _when(kpi.expect, guide.measures[kpi.expect.measure].unit)
    objective = {key: when.pop(key) for key in ("over", "above", "below") if key in when}
    return {"title": kpi.title, "covers": _covers(kpi.covers), "objective": objective, **when}


def _check(check: Promise, guide: Guide) -> dict[str, Any]:
    when = _when(check.expect, guide.measures[check.expect.measure].unit)
    expect = {key: when.pop(key) for key in ("above", "below") if key in when}
    return {"title": check.title, "covers": _covers(check.covers), "expect": expect, **when}
