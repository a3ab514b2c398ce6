"""A rule's examples one by one, with what happened at each reading: for whoever writes a rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from nigrani.alerts import examples
from nigrani.guide.examples import Moment, script
from nigrani.guide.model import Alert, Example, Guide, Measure
from nigrani.lib.units import show_duration, show_value


@dataclass(frozen=True)
class Step:
    """Readings in a row that were alike and left the alert as it was. at: from the first to the last of them."""

    at: str
    reading: str
    state: str
    because: str


@dataclass(frozen=True)
class Tried:
    """One example of a rule. problems: what it says and what came instead; steps: what happened, when it failed."""

    rule: str
    where: str
    readings: str
    expect: str
    holds: bool
    problems: tuple[str, ...]
    steps: tuple[Step, ...]


def tried(guide: Guide, names: Iterable[str]) -> list[Tried]:
    """Run every example of these rules."""
    return [
        _tried(rule, guide.measures[rule.when.measure], example)
        for rule in (guide.alerts[name] for name in names)
        for example in rule.examples
    ]


def _tried(rule: Alert, measure: Measure, example: Example) -> Tried:
    problems = tuple(examples.run(replace(rule, examples=(example,)), measure))
    steps = tuple(_steps(rule, measure, example)) if problems else ()
    return Tried(rule.name, str(example.where), example.readings, example.expect, not problems, problems, steps)


def _steps(rule: Alert, measure: Measure, example: Example) -> Iterator[Step]:
    try:
        read = script(example, measure.unit)
    except ValueError:
        return  # the problem says so
    played = examples.play(rule, measure, example, read)
    begun: tuple[timedelta, timedelta, str, str, str] | None = None
    for moment, each in zip(read.moments, played, strict=True):
        reading, state = _reading(moment, measure), f"{each.state} ({each.level})" if each.level else each.state
        if begun is not None and (reading, state) == begun[2:4] and not each.because:
            begun = (begun[0], moment.offset, *begun[2:])
            continue
        if begun is not None:
            yield _step(*begun)
        begun = (moment.offset, moment.offset, reading, state, each.because)
    if begun is not None:
        yield _step(*begun)


def _step(start: timedelta, end: timedelta, reading: str, state: str, because: str) -> Step:
    began = show_duration(start) if start else "0 s"
    at = began if start == end else f"{began} to {show_duration(end)}"
    return Step(at, reading, state, because)


def _reading(moment: Moment, measure: Measure) -> str:
    if moment.is_unknown:
        return "unknown"
    return "none" if moment.value is None else show_value(moment.value, measure.unit)
