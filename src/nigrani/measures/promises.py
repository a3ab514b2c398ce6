"""Hold what the guide promises (KPIs, checklist lines) against what is measured, at most once a minute each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from nigrani.guide.model import Condition, Guide, Measure, Promise
from nigrani.lib.units import show_duration, show_value

from . import verdicts
from .values import Value
from .verdicts import Finding
from .windows import Merged, read

_MEASURED_OVER = timedelta(hours=1)


def item(promise: Promise) -> str:
    """Return the name under which a promise's verdict is kept: `kpi:availability`."""
    return f"{promise.kind}:{promise.name}"


def evaluate(guide: Guide, *, now: datetime) -> int:
    """Renew the verdicts of promises, and of every measure over the last hour. Returns how many were written.

    Raises SourceError when telemetry does not answer; verdicts then grow old, and cover() says so.
    """
    promises = {item(each): each for each in guide.promises.values()}
    measures = {f"measure:{each.name}": each for each in guide.measures.values()}
    due = verdicts.due([*promises, *measures], now=now)
    chosen = [each for name, each in promises.items() if name in due]
    plain = [each for name, each in measures.items() if name in due]
    if not chosen and not plain:
        return 0
    conditions = [each.expect for each in chosen]
    conditions += [Condition(each.name, _MEASURED_OVER, above=0) for each in plain]
    merged = read(guide, conditions, now=now)
    findings = [_finding(each, found) for each, found in zip(chosen, merged, strict=False)]
    findings += [_measured(each, found) for each, found in zip(plain, merged[len(chosen) :], strict=True)]
    return verdicts.keep(findings, now=now)


def show_level(condition: Condition, measure: Measure) -> str:
    """Write a condition's level: "above 99.9 %"."""
    side, level = ("above", condition.above) if condition.above is not None else ("below", condition.below)
    return f"{side} {show_value(level, measure.unit)}"


def worst(values: Iterable[Value], condition: Condition) -> Value | None:
    """Return the value furthest on the wrong side of a promise, preferring those that are known; None without any."""
    return min(values, key=lambda each: (each.known != "known", _badness(each.value, condition)), default=None)


def _badness(value: float | None, condition: Condition) -> float:
    if value is None:
        return 0.0
    return value if condition.above is not None else -value


def _finding(promise: Promise, merged: Merged) -> Finding:
    value = worst(merged.values.values(), promise.expect) or merged.of("", {})
    if value.known != "known" or value.value is None:
        return Finding(item(promise), value.known, None, None, value.says)
    met = promise.expect.holds(value.value)
    level = show_level(promise.expect, merged.measure)
    says = f"{_named(value)}{value.says}{_partly(value, promise)}, {'' if met else 'not '}{level}"
    return Finding(item(promise), "known", value.value, met, says)


def _measured(measure: Measure, merged: Merged) -> Finding:
    value = worst(merged.values.values(), merged.condition) or merged.of("", {})
    says = f"{_named(value)}{value.says}" if value.known == "known" else value.says
    return Finding(f"measure:{measure.name}", value.known, value.value, None, says)


def _named(value: Value) -> str:
    return f"{', '.join(value.labels.values())}: " if value.labels else ""


def _partly(value: Value, promise: Promise) -> str:
    """Say since when there are readings, where they begin well after the window does."""
    if value.first is None or value.first - value.window.start <= promise.expect.over / 20:
        return ""
    return f" (readings of the last {show_duration(value.window.end - value.first)} only)"
