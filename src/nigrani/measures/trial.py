"""What conditions of a guide that does not run yet would say now: from the readings there are, or from kept facts.

A measure whose text runs already has its readings. One that is new or reads otherwise has none: its SQL is run over
the facts of the window, and what it returns is kept under its own mark, where it disturbs nobody. What a
measure reads itself (`from:`) is so now and was not recorded before: nothing can be said of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from nigrani.guide.model import Condition, Guide, Measure
from nigrani.lib.errors import NigraniError, Unreachable
from nigrani.lib.units import show_duration
from nigrani.telemetry import store

from . import written
from .models import Watermark
from .readings import CHUNK, ask
from .rows import Reading, sql_hash
from .standing import Standing, darkness, standings
from .values import window
from .windows import Merged, read

LONGEST = timedelta(days=1)  # a longer window of a new measure is not computed by the way


def trial(guide: Guide, conditions: Sequence[Condition], *, now: datetime) -> list[Merged]:
    """Return what every condition says, in the order asked. Raises SourceError when telemetry does not answer.

    A measure that can't be judged (its source is dark, its SQL fails, its window is too long) has a standing that says
    why.
    """
    standing = standings(guide, now=now)
    runs = set(Watermark.objects.exclude(read_at=None).values_list("measure", "sql_hash"))
    longest: dict[str, timedelta] = {}
    for each in conditions:
        longest[each.measure] = max(each.over, longest.get(each.measure, timedelta()))
    for name, over in longest.items():
        measure, one = guide.measures[name], standing[name]
        if one.known != "unknown" or (name, one.sql_hash) in runs or darkness(guide, measure, now=now):
            continue
        if measure.read_from:
            says = f"it reads {guide.sources[measure.read_from].title} itself, and nothing is recorded of that yet"
            standing[name] = replace(one, says=says)
        else:
            standing[name] = _computed(measure, one, over, now)
    return read(guide, conditions, now=now, standing=standing)


def _computed(measure: Measure, one: Standing, over: timedelta, now: datetime) -> Standing:
    if over > LONGEST:
        says = f"nothing is recorded of it yet, and its window is longer than {show_duration(LONGEST)}"
        return replace(one, says=says)
    span, found = window(over, at=now), list[Reading]()
    try:
        start = span.start
        while start < span.end:
            end = min(start + CHUNK, span.end)
            found += ask(measure, start, end)
            start = end
    except NigraniError as error:
        if isinstance(error, Unreachable):
            store.ping()  # raises when it is the store that is away, and not this one measure that takes too long
        return replace(one, says=f"its SQL fails: {error}")
    written.write([(measure.name, sql_hash(measure), found)], at=now)
    return Standing("known", "", one.sql_hash, f"trial {now.isoformat()}")
