"""A simulated year for every rule of the shipped guide: made-up minutes, the real judge and state machine, no waiting.

The store's merging of minutes is the one thing done here in its stead; what is made of it (the window, the number, too
little, the level, the holds) is the product's own code. Incidents are planted by a seed.
"""

from __future__ import annotations

import itertools
import random
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from nigrani import guide as guides
from nigrani.alerts.judge import holds_of, judge
from nigrani.alerts.ladder import climb, height
from nigrani.alerts.state import Seen
from nigrani.guide import Alert, Guide, Measure
from nigrani.lib import clock
from nigrani.lib.secret import Vault
from nigrani.measures import merging
from nigrani.measures.labels import key
from nigrani.measures.values import Value, Window, settle, window
from nigrani.vocabulary import vocabulary

from .report import Result

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SLOT = 7 * 24 * 60  # minutes: one incident a series and week
OBSERVED = 4  # observations a minute, as a probe every 15 s makes them
SLACK = 3  # minutes

# breach: beyond the level until told. blinded: the same, unseen for a while in the middle. short: beyond the level for
# less than the hold. close: as near to the level as one can be without passing it. gap: no readings. blind: unknown.
Kind = Literal["breach", "blinded", "short", "close", "gap", "blind"]
TOLD: frozenset[Kind] = frozenset({"breach", "blinded"})


@dataclass(frozen=True)
class Incident:
    """What happens to one series from minute `start` to before `end`. unseen: the minutes in which it is unknown."""

    kind: Kind
    start: int
    end: int
    unseen: range = range(0)

    @property
    def over(self) -> int:
        """The minute from which on everything is well and seen to be."""
        return max(self.end, self.unseen.stop)


@dataclass(frozen=True)
class Levels:
    """Values on three sides of a rule's level."""

    good: float
    close: float
    bad: float

    def at(self, kind: Kind | None) -> float:
        """Return the value while an incident of this kind is going on."""
        return self.good if kind is None or kind == "blind" else self.close if kind == "close" else self.bad


@dataclass
class Series:
    """One alert in the making. told: (minute, "firing" or "ok") for every change that a person would be told of."""

    alert: Alert
    measure: Measure
    name: str
    levels: Levels
    incidents: list[Incident]
    seen: tuple[Seen, ...] = ()
    recent: deque[tuple[datetime, float]] = field(default_factory=deque)
    told: list[tuple[int, str]] = field(default_factory=list)
    at_incident: int = 0

    def turn(self, number: int, now: datetime) -> None:
        """Live through one minute."""
        incident = self._incident(number)
        span = window(self.alert.when.over, at=now)
        is_unseen = incident is not None and number in incident.unseen
        kind = incident.kind if incident and number < incident.end else None
        if not is_unseen and kind != "gap":
            self.recent.append((now.replace(second=0), self.levels.at(kind)))
        while self.recent and self.recent[0][0] < span.start:
            self.recent.popleft()
        found = judge(self.alert, self.measure, self._value(span, is_unseen=is_unseen))
        before = self.seen or (Seen("ok", START),) * len(self.alert.levels)
        after = climb(before, found, holds_of(self.alert), now=now)
        was_loud, is_loud = height(before) > 0, after.height > 0
        if was_loud != is_loud:
            self.told.append((number, "firing" if is_loud else "ok"))
        self.seen = tuple(Seen(each.state, each.since, each.pending_since, now) for each in after.levels)

    def _incident(self, number: int) -> Incident | None:
        while self.at_incident < len(self.incidents) and number >= self.incidents[self.at_incident].over:
            self.at_incident += 1
        if self.at_incident == len(self.incidents) or number < self.incidents[self.at_incident].start:
            return None
        return self.incidents[self.at_incident]

    def _value(self, span: Window, *, is_unseen: bool) -> Value:
        when = self.alert.when
        if is_unseen:
            return Value("unknown", None, 0, "its source does not answer", span)
        merged = merge(self.measure, [value for _, value in self.recent])
        observed = OBSERVED * len(self.recent)
        return settle(self.measure, merged, observed, over=when.over, min_n=when.min_n, window=span)


def merge(measure: Measure, values: list[float]) -> float | None:
    """Merge minutes as the store does, each with a whole of 1 and as many observations as any other."""
    if not values:
        return None
    row: dict[str, object] = {"total": sum(values), "whole": len(values), "top": max(values), "newest": values[-1]}
    if merging.kind(measure) == "quantiles":
        ordered = sorted(values)
        row["quantiles"] = [ordered[min(int(share * len(ordered)), len(ordered) - 1)] for share in (0.5, 0.95, 0.99)]
    return merging.number(measure, row)


def levels(alert: Alert, measure: Measure) -> Levels:
    """Return values that are well, barely well, and beyond the level of a rule."""
    when, clear = alert.when, alert.clear
    if when.above is not None:
        calm = when.above if clear.below is None else min(when.above, clear.below)
        good = 0.0 if measure.combine == "sum" else calm / 2
        bad = 1.0 if measure.unit == "ratio" else 2 * when.above + 1
        return Levels(good, good if measure.combine == "sum" else when.above * 0.999, bad)
    assert when.below is not None
    calm = when.below if clear.above is None else max(when.below, clear.above)
    good = 1.0 if measure.unit == "ratio" else 3 * calm
    return Levels(good, when.below * 1.001, when.below / 4)


def kinds(alert: Alert, measure: Measure) -> list[Kind]:
    """Return what may be planted. A short breach only where the window forgets it before the hold is over."""
    found: list[Kind] = ["breach", "breach", "breach", "blinded", "close", "gap", "blind"]
    reach = 1 if measure.combine == "last" else _minutes(alert.when.over) + 1
    if (reach - 1) * MINUTE < alert.hold:
        found += ["short", "short"]
    return found


def plant(alert: Alert, measure: Measure, rng: random.Random, *, minutes: int) -> list[Incident]:
    """Return one incident a slot, each over well before the next begins."""
    found = []
    for begin in range(0, minutes, SLOT):
        if begin + SLOT > minutes:
            break
        start = begin + rng.randrange(60, SLOT // 2)
        kind = rng.choice(kinds(alert, measure))
        surely = _minutes(alert.when.over) + _minutes(alert.hold) + SLACK
        length = 1 if kind == "short" else surely + rng.randrange(2, 240)
        unseen = range(start, start + length) if kind == "blind" else range(0)
        if kind == "blinded":
            unseen = range(start + surely, start + surely + rng.randrange(2, 240))
        found.append(Incident(kind, start, start + length, unseen))
    return found


def verdict(series: Series) -> list[str]:
    """Return what was told otherwise than planted: every breach once and its end once, and nothing else."""
    lag = _minutes(series.alert.when.over) + _minutes(series.alert.clear.hold) + SLACK
    failures, left = [], list(series.told)
    for each in series.incidents:
        last = each.over + lag
        mine = [event for event in left if each.start <= event[0] <= last]
        left = [event for event in left if event not in mine]
        wanted = ["firing", "ok"] if each.kind in TOLD else []
        if (words := [word for _, word in mine]) != wanted:
            what = " and ".join(words) or "nothing"
            failures.append(f"{series.name}: {each.kind} at {START + each.start * MINUTE:%d %b %H:%M} told {what}")
    failures += [f"{series.name}: {word} told at {START + at * MINUTE:%d %b %H:%M} for no reason" for at, word in left]
    return failures


def shipped() -> Guide:
    """Load the guide that ships, with no secret set."""
    with tempfile.TemporaryDirectory() as empty:
        return guides.load(guides.shipped(), vocabulary=vocabulary(), vault=Vault(Path(empty)))


def run(days: int, *, seed: int, say: Callable[[str], None]) -> Result:
    """Simulate and judge."""
    minutes = days * 24 * 60
    guide, rng = shipped(), random.Random(seed)
    everything = [
        Series(alert, measure, name, levels(alert, measure), plant(alert, measure, rng, minutes=minutes))
        for alert in guide.alerts.values()
        for measure in [guide.measures[alert.when.measure]]
        for name in names(guide, alert, measure)
    ]
    began = time.process_time()
    live(everything, minutes, say=say)
    cpu_s = time.process_time() - began
    planted = Counter[str](each.kind for series in everything for each in series.incidents)
    told = Counter(word for series in everything for _, word in series.told)
    counts: Mapping[str, int | float | str] = {
        "days": days, "seed": str(seed), "rules": len(guide.alerts), "series": len(everything),
        "passes judged": minutes * len(everything), "incidents to be told": sum(planted[kind] for kind in TOLD),
        "told": told["firing"], "ended": told["ok"],
        "others planted": sum(count for kind, count in planted.items() if kind not in TOLD), "CPU s": cpu_s,
    }  # fmt: skip
    return Result("year", "", counts, tuple(line for series in everything for line in verdict(series)))


def live(everything: list[Series], minutes: int, *, say: Callable[[str], None]) -> None:
    """Live through these minutes by a clock of our own."""
    instant = START
    with clock.standing_at(lambda: instant):
        for number in range(minutes):
            instant = START + number * MINUTE + MINUTE / 2
            now = clock.now()
            for series in everything:
                series.turn(number, now)
            if number % (30 * 24 * 60) == 0 and number:
                say(f"year: {number // (24 * 60)} days lived through")


def names(guide: Guide, alert: Alert, measure: Measure) -> Iterator[str]:
    """Yield the alerts that a rule makes: one, or one for every value of its labels."""
    values = [alert.when.only.get(label) or _values(guide, label) for label in measure.by]
    for chosen in itertools.product(*values):
        told = key(dict(zip(measure.by, chosen, strict=True)))
        yield f"{alert.name}{{{told}}}" if told else alert.name


def _values(guide: Guide, label: str) -> tuple[str, ...]:
    return tuple(guide.sources) if label == "source" else ("one", "another")


def _minutes(span: timedelta) -> int:
    return -(-span // MINUTE)
