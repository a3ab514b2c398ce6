"""Run a rule's examples: the very judge and state machine that run live, on the readings the guide gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from nigrani.guide.examples import Expectation, Moment, Script, script
from nigrani.guide.model import Alert, Example, Measure
from nigrani.lib.units import show_duration
from nigrani.measures.values import Value, settle, window

from .judge import holds_of, judge
from .state import LOUD, Seen, State, step

_START = datetime(2026, 1, 1, tzinfo=UTC)
_PLENTY = 1_000_000  # observations in a reading whose example does not say how many


@dataclass(frozen=True)
class Played:
    """The state after one moment of an example."""

    offset: timedelta
    state: State
    because: str


def run(alert: Alert, measure: Measure) -> list[str]:
    """Return a line for every example that does not do what it says: where it stands, what was wanted, what came."""
    return [problem for example in alert.examples for problem in _run_one(alert, measure, example)]


def play(alert: Alert, measure: Measure, example: Example, read: Script) -> list[Played]:
    """Return the alert's state after each reading of the example; it starts in ok."""
    seen, played = Seen("ok", _START), []
    for moment in read.moments:
        now = _START + moment.offset
        found = judge(alert, measure, _value(alert, measure, example, moment, now))
        after = step(seen, found, holds_of(alert), now=now)
        seen = Seen(after.state, after.since, after.pending_since, now)
        played.append(Played(moment.offset, after.state, after.because))
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
    if there.state != wanted.word:
        return f"it is {there.state} then."
    if wanted.word == "firing" and there.offset > timedelta() and played[until[-1] - 1].state == "firing":
        return f"it fires earlier, at {show_duration(_began(played, until[-1]))}."
    return ""


def _began(played: list[Played], index: int) -> timedelta:
    while index and played[index - 1].state == "firing":
        index -= 1
    return played[index].offset


def _wanted(each: Expectation) -> str:
    return each.word if each.at is None else f"{each.word} at {show_duration(each.at)}"
