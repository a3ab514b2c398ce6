"""What one receiver is told of one rule, from the first alert that fires to the last that is over: a thread.

The first message leaves at once. What comes later waits until the guide's `group_interval` is over, and then goes in
one message. The end of the last is told at once. Whoever joins late has a thread of their own, so that nobody hears
that something is over which they were never told began. The plan is pure; the rows are read and written in bulk.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from .batch import LOST, Change
from .models import Thread

Place = tuple[int, str]
"""A thread's rule, by its row, and its receiver."""


class Item(NamedTuple):
    """A change that a message may tell. held: the row of the decision that put it off, or None."""

    change: Change
    kind: str = "change"
    turn: int = 0
    held: int | None = None


@dataclass
class News:
    """What came up for one thread in one dispatch."""

    began: list[Item] = field(default_factory=list)
    over: list[Item] = field(default_factory=list)
    flaps: list[Item] = field(default_factory=list)
    settled: list[Item] = field(default_factory=list)


@dataclass(frozen=True)
class Say:
    """One message to be sent. fire: how many alerts that the receiver knows of fire after it."""

    how: Literal["first", "more", "partly", "over", "flaps", "settled over", "settled firing"]
    began: Sequence[Item] = ()
    over: Sequence[Item] = ()
    fire: int = 0


@dataclass(frozen=True)
class Plan:
    """What is told now, what waits for the thread's next message, and what is never told: what was over before it could
    be told (brief), and what began again before its end could be (again)."""

    says: Sequence[Say] = ()
    later: Sequence[Item] = ()
    brief: Sequence[Item] = ()
    again: Sequence[Item] = ()
    is_over: bool = False


def plan(news: News, *, is_open: bool, is_due: bool, still: int, has_effects: bool = False) -> Plan:
    """Decide what one thread says. still: how many that its receiver was told of fire on, without this news.

    has_effects: effects are muted by it that it has not listed yet.
    """
    says: list[Say] = []
    later: list[Item] = []
    brief: list[Item] = []
    began, over, fire = list(news.began), list(news.over), still
    last = {each.change.alert: each.change.id for each in over}
    back = {each.change.alert for each in began if each.change.id > last.get(each.change.alert, each.change.id)}
    again = [each for each in (*over, *began) if each.change.alert in back]
    began, over = ([each for each in part if each.change.alert not in back] for part in (began, over))
    fire += len(back)
    is_due = is_due or any(each.change.is_worse for each in began) or _is_alone(began, fire)
    fresh = {each.change.alert for each in began}
    passing = [each for each in over if each.change.alert in fresh]
    over = [each for each in over if each.change.alert not in fresh]
    is_due = is_due or not is_open or (not fire and bool(over))
    if news.flaps:
        fire += len(news.flaps)
        says.append(Say("flaps", news.flaps, (), fire))
    if began and is_due:
        fire += len(began)
        says.append(Say("more" if is_open and (still or over or back) else "first", began, over, fire))
        over = []
    elif began:
        gone = {each.change.alert for each in passing}
        later += [each for each in began if each.change.alert not in gone]
        brief += [each for each in began if each.change.alert in gone]
    if began and not is_due:
        brief += passing
        passing = []
    fire -= len(passing)
    over += passing
    for is_firing in (False, True):
        calm = [each for each in news.settled if (each.change.new == "firing") is is_firing]
        if calm and is_firing:
            says.append(Say("settled firing", calm, (), fire))
        elif calm:
            says.append(Say("settled over", (), calm, fire))
    is_due = is_due and not says  # what came and went within one dispatch has just been told of
    if over and not fire and not later:
        says.append(Say("over", (), over, 0))
    elif over and is_due:
        says.append(Say("partly", (), over, fire))
    elif over:
        later += over
    elif has_effects and is_due and fire and not says:
        says.append(Say("partly", (), (), fire))
    return Plan(says, later, brief, again, is_over=not fire and not later)


def _is_alone(began: Sequence[Item], others: int) -> bool:
    """Whether the one alert that its reader knows of has moved to another level: there is nobody to wait for."""
    return len(began) == 1 and not others and bool(began[0].change.old_level)


def is_due(thread: Thread, interval: timedelta, *, now: datetime) -> bool:
    """Whether a thread may speak again. One whose last message never arrived may; so may one told in the future,
    before the clock was set back."""
    if thread.last is not None and thread.last.state in LOST:
        return True
    return not timedelta() <= now - thread.told_at < interval


def opened(rules: Collection[int] | None = None) -> dict[Place, Thread]:
    """Return the threads that are not over, of some rules or of all."""
    rows = Thread.objects.filter(over_at=None).select_related("last").order_by("id")
    if rules is not None:
        rows = rows.filter(rule__in=rules)
    return {(row.rule_id, row.receiver): row for row in rows}


def unlisted(thread: Thread, effects: Mapping[str, int]) -> bool:
    """Whether more effects are muted than the thread has listed, of any rule."""
    return any(count > int(thread.effects.get(name, 0)) for name, count in effects.items())
