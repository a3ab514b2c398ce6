"""Run a rule's examples: the very judge and state machine that run live, on the readings the guide gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from nigrani.guide.examples import Expectation, Moment, Script, script
from nigrani.guide.model import URGENCIES, Alert, Example, Measure
from nigrani.lib.units import show_duration
from nigrani.measures.values import Value, settle, window

from .judge import holds_of, judge
from .ladder import climb
from .state import LOUD, Seen, State

_START = datetime(2026, 1, 1, tzinfo=UTC)
_PLENTY = 1_000_000  # observations in a reading whose example does not say how many


@dataclass(frozen=True)
class Played:
    """The state after one moment of an example. level: the urgency of its level while it is loud, else ""."""

    offset: timedelta
    state: State
    level: str
    because: str


def run(alert: Alert, measure: Measure) -> list[str]:
    """Return a line for every example that does not do what it says: where it stands, what was wanted, what came."""
    return [problem for example in alert.examples for problem in _run_one(alert, measure, example)]


def play(alert: Alert, measure: Measure, example: Example, read: Script) -> list[Played]:
    """Return the alert's state after each reading of the example; it starts in ok."""
    seen, played = (Seen("ok", _START),) * len(alert.levels), []
    for moment in read.moments:
        now = _START + moment.offset
        found = judge(alert, measure, _value(alert, measure, example, moment, now))
        after = climb(seen, found, holds_of(alert), now=now)
        seen = tuple(Seen(each.state, each.since, each.pending_since, now) for each in after.levels)
        level = alert.levels[after.height - 1].urgency if after.height else ""
        played.append(Played(moment.offset, after.state.state, level, after.because))
    return played


def _run_one(alert: Alert, measure: Measure, example: Example) -> list[str]:
    place = f"{example.where}: the example of alert '{alert.name}'"
    try:
        read = script(example, measure.unit)
    except ValueError as error:
        return [f"{place} can't be read: {error}"]
    played = play(alert, measure, example, read)
    return [
        f"{place} expects {_wanted(each)}, but {problem}"
        for each in read.expectations
        if (problem := _problem(each, played))
    ]


def _value(alert: Alert, measure: Measure, example: Example, moment: Moment, now: datetime) -> Value:
    span = window(alert.when.over, at=now)
    if moment.is_unknown:
        return Value("unknown", None, 0, "its source does not answer", span)
    observed = 0 if moment.value is None else _PLENTY if example.n is None else example.n
    return settle(measure, moment.value, observed, over=alert.when.over, min_n=alert.when.min_n, window=span)


def _problem(wanted: Expectation, played: list[Played]) -> str:
    if wanted.at is None:
        fired = next((each for each in played if each.state in LOUD), None)
        return f"it fires at {show_duration(fired.offset)}." if fired else ""
    until = [index for index, each in enumerate(played) if each.offset <= wanted.at]
    there = played[until[-1]]
    if not _is(there, wanted):
        return f"it is {there.level + ', ' if wanted.word in URGENCIES and there.level else ''}{there.state} then."
    is_begun = wanted.word == "firing" or wanted.word in URGENCIES
    if is_begun and there.offset > timedelta() and _is(played[until[-1] - 1], wanted):
        verb = "fires" if wanted.word == "firing" else f"is {wanted.word}"
        return f"it {verb} earlier, at {show_duration(_began(played, until[-1], wanted))}."
    return ""


def _is(there: Played, wanted: Expectation) -> bool:
    if wanted.word in URGENCIES:
        return there.level == wanted.word
    return there.state == wanted.word


def _began(played: list[Played], index: int, wanted: Expectation) -> timedelta:
    while index and _is(played[index - 1], wanted):
        index -= 1
    return played[index].offset


def _wanted(each: Expectation) -> str:
    return each.word if each.at is None else f"{each.word} at {show_duration(each.at)}"
