"""How an alert that goes on firing is told again, as it is written in a guide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from .fields import Period, Places, Ref, says
from .model import REPEATS, Repeat, Urgency, Where

_LEAST, _MOST_GAPS, _MOST_PEOPLE = timedelta(minutes=1), 10, 5


@dataclass(frozen=True)
class PaceShape:
    """How often an alert of one urgency is told again while it fires, and who is told besides, one more each time."""

    at: Places
    where: Where
    every: tuple[Period, ...] = field(
        metadata=says(
            "The time from each message to the next; the last goes on. An empty list: never.", ["15m", "15m", "1h"]
        )
    )
    then: tuple[Annotated[str, Ref("person")], ...] = field(
        default=(), metadata=says("Who is told besides the owner, one more with each message.", ["tech-lead", "cto"])
    )

    def check(self) -> Iterator[str]:
        """Yield what makes no sense."""
        yield from pace_problems(self.every, self.then)


@dataclass(frozen=True)
class RepeatShape:
    """How alerts that go on firing are told again, by urgency. An alert's own `repeat` and `then` come before it."""

    at: Places
    where: Where
    critical: PaceShape | None = field(
        default=None, metadata=says("Left out: after 15 min, after 15 min more, then each hour.")
    )
    high: PaceShape | None = field(default=None, metadata=says("Left out: every 4 hours."))
    medium: PaceShape | None = field(default=None, metadata=says("Left out: every 24 hours."))


def pace_problems(every: tuple[timedelta, ...] | None, then: tuple[str, ...] | None) -> Iterator[str]:
    """Yield what makes no sense in a pace."""
    if any(each < _LEAST for each in every or ()):
        yield "it is told again more often than each minute"
    if len(every or ()) > _MOST_GAPS:
        yield f"it has more than {_MOST_GAPS} times"
    if len(then or ()) > _MOST_PEOPLE or len(set(then or ())) < len(then or ()):
        yield f"'then' names up to {_MOST_PEOPLE} people, each once"


def made(shape: RepeatShape | None) -> Mapping[Urgency, Repeat]:
    """Return how alerts of each urgency are told again: as written, else as usual."""
    paces = {urgency: getattr(shape, urgency, None) for urgency in REPEATS}
    return {urgency: Repeat(pace.every, pace.then) if pace else REPEATS[urgency] for urgency, pace in paces.items()}
