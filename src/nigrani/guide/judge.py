"""What only shows when entries are seen together: levels and their units, labels, examples, SQL.

Each judgement looks at the fields it needs and passes when one of them could not be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nigrani.lib.errors import NigraniError

from . import examples, ladder, windows
from .causes import circles
from .fields import Places
from .levels import level
from .model import URGENCIES, Where
from .parser import is_read
from .reader import Entries, Problems, capital, clip
from .shapes import LABEL, AlertShape, CheckShape, ExampleShape, KpiShape, MeasureShape

Shapes = Mapping[str, Mapping[str, Any]]
_RESERVED = frozenset({"minute", "num", "den", "n", "digest", "measure", "labels", "value"})
_DIGESTED = ("p50", "p95", "p99", "uniq")
_MOST_LABELS = 4


def judge(
    shapes: Shapes, tables: dict[str, tuple[str, ...]], inspect_sql: Callable[[str], Any], problems: Problems
) -> None:
    """Judge every measure, alert, KPI and check. `tables` is filled: measure -> the tables its SQL reads."""
    for name, measure in shapes.get("measures", {}).items():
        label = f"the measure '{clip(name)}'"
        _labels(measure, label, problems)
        if is_read(measure.asks):
            _probes(measure.asks, measure, measure.at["asks"], shapes=shapes, what=f"'asks' of {label}",
                    problems=problems)  # fmt: skip
        if is_read(measure.from_) and measure.from_ is not None:
            tables[name] = ("gauges",)
        elif is_read(measure.sql):
            tables[name] = _sql(measure, label, inspect_sql, problems)
    for name, alert in shapes.get("alerts", {}).items():
        _alert(alert, f"the alert '{clip(name)}'", shapes, problems)
    circles(shapes.get("alerts", {}), problems)
    for name, kpi in shapes.get("kpis", {}).items():
        _kpi(kpi, f"the kpi '{clip(name)}'", shapes, problems)
    for name, check in shapes.get("checks", {}).items():
        _check(check, f"the check '{clip(name)}'", shapes, problems)
    for name, window in shapes.get("windows", {}).items():
        windows.judge(window, f"the window '{clip(name)}'", shapes, problems)


def _labels(measure: MeasureShape, label: str, problems: Problems) -> None:
    if not is_read(measure.by):
        return
    for each in measure.by:
        if not LABEL.fullmatch(each) or each in _RESERVED:
            problems.add(measure.at["by"], f"'by' of {label} has '{clip(each)}', which can't be a label's name")
    if len(set(measure.by)) < len(measure.by) or len(measure.by) > _MOST_LABELS:
        problems.add(measure.at["by"], f"'by' of {label} names up to {_MOST_LABELS} labels, each once")


def _sql(measure: MeasureShape, label: str, inspect_sql: Callable[[str], Any], problems: Problems) -> tuple[str, ...]:
    where = measure.at["sql"]
    try:
        seen = inspect_sql(measure.sql)
    except NigraniError as error:
        problems.add(where, f"'sql' of {label}: {str(error).rstrip('.')}")
        return ()
    if is_read(measure.by, measure.combine):
        kept = {"ratio": ["num", "den"], **{each: ["digest"] for each in _DIGESTED}}.get(measure.combine, ["num"])
        wanted = ["minute", *measure.by, *kept, "n"]
        absent = [column for column in wanted if column not in seen.columns]
        if absent:
            problems.add(where, f"'sql' of {label} returns no column named {' or '.join(absent)}")
    for parameter in ("{start:", "{end:"):
        if parameter not in measure.sql:
            problems.add(
                where, f"'sql' of {label} does not use {parameter}DateTime64(3)}}, so it would read everything"
            )
    return tuple(sorted(seen.tables))


def _measure(name: Any, shapes: Shapes) -> MeasureShape | None:
    found = shapes.get("measures", {}).get(name) if is_read(name) else None
    return found if found is not None and is_read(found.unit) else None


def _only(only: Any, name: Any, at: Places, *, shapes: Shapes, label: str, problems: Problems) -> None:
    measure = _measure(name, shapes)
    if measure is None or not is_read(only, measure.by):
        return
    for each, values in only.items():
        if each not in measure.by:
            sentence = f"'only' of {label} has '{clip(each)}', which is no label of the measure"
            problems.add(at["only"], sentence, wrote=each, names=measure.by)
        elif each == "probe":
            _probes(values, measure, at["only"], shapes=shapes, what=f"'only' of {label}", problems=problems)


def _probes(
    values: tuple[str, ...], measure: MeasureShape, where: Where, *, shapes: Shapes, what: str, problems: Problems
) -> None:
    sources = [shapes["sources"].get(name) for name in measure.needs] if is_read(measure.needs) else []
    tables = [getattr(source, "probes", None) for source in sources]
    if not tables or not all(isinstance(table, Entries) for table in tables):
        return
    names = {key.text for table in tables if isinstance(table, Entries) for key, _ in table.pairs}
    for value in values:
        if value not in names:
            sentence = f"{what} names the probe '{clip(value)}', which no source of the measure has"
            problems.add(where, sentence, wrote=value, names=names)


def _least(min_n: Any, where: Where, label: str, problems: Problems) -> None:
    if is_read(min_n) and min_n < 0:
        problems.add(where, f"'min_n' of {label} is below 0")


def _level(body: Any, name: Any, shapes: Shapes, label: str, problems: Problems) -> None:
    measure = _measure(name, shapes)
    if measure is not None and is_read(body.above, body.below):
        level(body.above, body.below, body.at, unit=measure.unit, measure=clip(name), label=label, problems=problems)


def _alert(alert: AlertShape, label: str, shapes: Shapes, problems: Problems) -> None:
    when = alert.when
    if is_read(when):
        inner = f"'when' of {label}"
        _only(when.only, when.measure, when.at, shapes=shapes, label=inner, problems=problems)
        _least(when.min_n, when.at["min_n"], inner, problems)
        measure = _measure(when.measure, shapes)
        unit = None if measure is None else measure.unit
        ladder.judge(alert, unit, label, problems)
    fires = _examples(alert, label, shapes, problems)
    if "critical" not in ladder.urgencies(alert):
        return
    if alert.runbook is None:
        problems.add(alert.where, f"{capital(label)} is critical and has no runbook: name one that says what to do")
    if is_read(alert.examples) and not fires:
        so = "" if alert.levels is None else " at that level"
        problems.add(alert.where, f"{capital(label)} is critical and has no example in which it fires{so}")


def _examples(alert: AlertShape, label: str, shapes: Shapes, problems: Problems) -> bool:
    """Judge the examples; True when one of them expects the alert to fire at its worst (or could not be read)."""
    if not is_read(alert.examples):
        return True
    measure = _measure(alert.when.measure, shapes) if is_read(alert.when) else None
    fires = False
    for each in alert.examples:
        if measure is None or not is_read(each, each.readings, each.each, each.expect):
            fires = True
            continue
        fires |= _fires(each, measure, ladder.urgencies(alert), label, problems)
    return fires


def _fires(
    example: ExampleShape, measure: MeasureShape, urgencies: tuple[str, ...], label: str, problems: Problems
) -> bool:
    if is_read(example.n) and example.n is not None and example.n < 0:
        problems.add(example.at["n"], f"'n' of an example of {label} is below 0")
    try:
        script = examples.parse(example.readings, example.each, example.expect, unit=measure.unit)
    except ValueError as error:
        problems.add(example.where, f"An example of {label}: {clip(str(error), 160)}")
        return True
    words = {each.word for each in script.expectations}
    for word in sorted(words & set(URGENCIES)):
        if urgencies and word not in urgencies:
            sentence = f"An example of {label} expects {word}, which is no level of it"
            problems.add(example.at["expect"], sentence, wrote=word, names=urgencies)
    return script.fires if len(urgencies) < 2 else urgencies[-1] in words


def _kpi(kpi: KpiShape, label: str, shapes: Shapes, problems: Problems) -> None:
    _only(kpi.only, kpi.measure, kpi.at, shapes=shapes, label=label, problems=problems)
    _least(kpi.min_n, kpi.at["min_n"], label, problems)
    if is_read(kpi.objective):
        _level(kpi.objective, kpi.measure, shapes, f"'objective' of {label}", problems)


def _check(check: CheckShape, label: str, shapes: Shapes, problems: Problems) -> None:
    _only(check.only, check.measure, check.at, shapes=shapes, label=label, problems=problems)
    _least(check.min_n, check.at["min_n"], label, problems)
    if is_read(check.expect):
        _level(check.expect, check.measure, shapes, f"'expect' of {label}", problems)
