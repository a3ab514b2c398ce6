"""When a rule would have fired, for how long, and who would have been told, by the readings that were recorded.

A past minute is judged once, when it was over; live it is judged every two seconds, so that a live alert may come up to
a minute sooner, and may see half a minute that looks worse than the whole of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from nigrani import oncall
from nigrani.guide.model import URGENCIES, Alert, Guide
from nigrani.lib.errors import NigraniError
from nigrani.lib.units import show_duration, show_value
from nigrani.measures.past import MINUTE, MOST_SERIES, Past, past, series_of
from nigrani.measures.values import minute
from nigrani.measures.watched import watched

from .judge import level
from .replay import Change, Replay
from .rules import alert_key
from .state import LOUD

LONGEST = timedelta(days=90)
MOST_FIRINGS = 200

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Firing:
    """One time that an alert would have fired. ended: None when it fired still at the end. level: the worst that it
    reached. worst: the value furthest beyond, None when none was known; shown: the same in words."""

    alert: str
    labels: Mapping[str, str]
    began: datetime
    ended: datetime | None
    lasted_s: float
    level: str
    worst: float | None
    shown: str
    because: str
    ended_because: str


@dataclass(frozen=True)
class Reached:
    """A receiver that would have been told; missing: the names that are not set, when it is not set up."""

    receiver: str
    title: str
    is_set_up: bool
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Backtest:
    """What a rule would have done in [start, end).

    says: its level in words. judged: the share of time that could be judged; unjudged: why not, and for which share.
    series: label sets looked at; left_out: those that were too many to look at. count: of all firings, of which
    `firings` has the newest; firing_s: how long they lasted together. changes: how often somebody would have had to
    hear of it. messages: to each receiver, at most: what changes in one minute is one message, and grouping, causes,
    silences and flapping leave fewer. fires_at_end: the alerts that fired still at the end.
    """

    rule: str
    measure: str
    says: str
    over_s: float
    start: datetime
    end: datetime
    judged: float
    unjudged: tuple[tuple[str, float], ...]
    series: int
    left_out: int
    count: int
    firing_s: float
    changes: int
    messages: int
    owner: str
    told: tuple[Reached, ...]
    fires_at_end: tuple[str, ...]
    firings: tuple[Firing, ...]


def span(
    now: datetime, *, days: float | None = None, start: datetime | None = None, end: datetime | None = None
) -> tuple[datetime, datetime]:
    """Return the whole minutes that are asked for, up to `now`. Raises NigraniError for none, or more than 90 days."""
    last = min(minute(end or now), minute(now))
    first = minute(start) if start else last - (timedelta(days=days) if days is not None else LONGEST)
    if not MINUTE <= last - first <= LONGEST:
        raise NigraniError(
            f"From {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC is no span of a minute to {LONGEST.days} days.",
            "Ask for a shorter one, for example --days 30.",
        )
    return first, last


def run(
    guide: Guide,
    declared: Alert,
    start: datetime,
    end: datetime,
    *,
    only: Mapping[str, str] | None = None,
    progress: Progress = lambda _: None,
) -> Backtest:
    """Return what a rule, as declared, would have done over whole minutes. Raises SourceError without telemetry.

    only: label values to narrow the series to. progress: told the share that is done.
    """
    measure = guide.measures[declared.when.measure]
    seen = watched(guide, measure, declared.when.over, start, end)
    every = [
        (key, labels) for key, labels in series_of(declared.when, measure, start, end) if _fits(labels, only or {})
    ]
    if not measure.by:
        every = [("", {})]
    chosen = every[:MOST_SERIES]
    firings: list[Firing] = []
    minutes: set[datetime] = set()
    changes = 0
    for number, (key, labels) in enumerate(chosen):
        share = lambda done, number=number: progress((number + done) / len(chosen))  # noqa: E731
        one = past(measure, declared.when.over, key, labels, start, end, progress=share)
        found = Replay(declared, measure, one, seen).run()
        firings += _firings(declared, one, alert_key(declared.name, key), found, end, measure.unit)
        heard = [*_heard(found)]
        minutes.update(heard)
        changes += len(heard)
    firings.sort(key=lambda each: (each.began, each.alert), reverse=True)
    return Backtest(
        rule=declared.name,
        measure=measure.name,
        says=level(declared, measure),
        over_s=declared.when.over.total_seconds(),
        start=start,
        end=end,
        judged=seen.blind.count(0) / len(seen.blind),
        unjudged=tuple(seen.shares),
        series=len(chosen),
        left_out=len(every) - len(chosen),
        count=len(firings),
        firing_s=sum(each.lasted_s for each in firings),
        changes=changes,
        messages=len(minutes),
        owner=guide.people[declared.owner].title if declared.owner in guide.people else declared.owner,
        told=tuple(
            Reached(each.name, each.title, each.is_set_up, tuple(each.missing))
            for each in oncall.receivers_for(guide, declared)
        ),
        fires_at_end=tuple(each.alert for each in firings if each.ended is None)[:MOST_FIRINGS],
        firings=tuple(firings[:MOST_FIRINGS]),
    )


def _fits(labels: Mapping[str, str], only: Mapping[str, str]) -> bool:
    return all(labels.get(name) == value for name, value in only.items())


def _firings(
    declared: Alert, one: Past, alert: str, changes: Iterable[Change], end: datetime, unit: str
) -> Iterator[Firing]:
    """Put together what lies between a change into a loud state and the one out of it."""
    began: Change | None = None
    reached = ""
    for each in changes:
        if began is None and each.new in LOUD:
            began, reached = each, each.level
        elif began is not None:
            reached = min(reached, each.level or reached, key=_rank)
            if each.new not in LOUD:
                yield _firing(declared, one, alert, began, reached, each, end, unit)
                began = None
    if began is not None:
        yield _firing(declared, one, alert, began, reached, None, end, unit)


def _firing(
    declared: Alert, one: Past, alert: str, began: Change, reached: str, over: Change | None, end: datetime, unit: str
) -> Firing:
    values = [value for value in one.values[began.place : over.place if over else None] if value is not None]
    side = max if declared.when.above is not None else min
    worst = side(values, default=None)
    until = over.at if over else end
    return Firing(
        alert=alert,
        labels=one.labels,
        began=began.at,
        ended=over.at if over else None,
        lasted_s=max(0.0, (until - began.at).total_seconds()),
        level=reached,
        worst=worst,
        shown=show_value(worst, unit),
        because=began.because,
        ended_because=over.because if over else "",
    )


def _heard(changes: Iterable[Change]) -> Iterator[datetime]:
    """Yield when somebody would have had to hear of it: not when it comes back to the level that was told last."""
    told = ""
    for each in changes:
        if each.is_told and not (each.old in LOUD and each.new == "firing" and each.level == told):
            told = each.level
            yield each.at


def _rank(urgency: str) -> int:
    return URGENCIES.index(urgency) if urgency in URGENCIES else len(URGENCIES)


def sentences(found: Backtest) -> list[str]:
    """Say in sentences what it would have done, whom it would have told, and what could not be judged."""
    days = show_duration(found.end - found.start)
    if found.count:
        times = "once" if found.count == 1 else f"{found.count:,} times"
        lasted = show_duration(timedelta(seconds=round(found.firing_s)))
        lines = [f"Over {days} it would have fired {times}, for {lasted} in all."]
    else:
        lines = [f"Over {days} it would not have fired."]
    ready = [each.title for each in found.told if each.is_set_up]
    if found.messages and ready:
        most = "1 message" if found.messages == 1 else f"{found.messages:,} messages"
        lines.append(f"At most {most} each would have gone to {', '.join(ready)}.")
    elif not ready:
        lines.append(f"Nobody would have been told: no receiver of {found.owner} is set up.")
    if found.left_out:
        lines.append(f"{found.left_out:,} further series were not looked at; narrow by a label.")
    for why, share in found.unjudged:
        lines.append(f"{show_value(share, 'ratio')} of the time could not be judged: {why}.")
    return lines
