"""What was put off, and whether its time has come: a thread may speak, a cause is over, or nobody hears of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nigrani.guide import Guide

from . import batch, inhibition, threads
from .batch import Backlog, Change, Held
from .deciding import Desk
from .hearing import Standing
from .inhibition import Cause
from .models import Alert, Thread
from .state import LOUD
from .threads import Item, Place

_MUTED = ("cause", "pending")


@dataclass
class Explaining:
    """The alerts that explain others, or did when those were put off.

    heard: those that somebody was told of. names: their rules by row. listed: the rule of each by its alert.
    """

    rows: Sequence[Cause]
    names: Mapping[int, str]
    rule_of: Mapping[int, int]
    heard: set[int] = field(default_factory=set)

    @property
    def ids(self) -> set[int]:
        """The alerts."""
        return {each.id for each in self.rows}

    @property
    def rule_ids(self) -> set[int]:
        """Their rules."""
        return set(self.names)

    def heard_by(self, told: Standing, backlog: Iterable[Backlog]) -> None:
        """Note which of them somebody was told of by a message that was not lost, or will be by a thread's next."""
        mine = self.ids
        self.heard.update(alert for (alert, _), last in told.items() if alert in mine and last.is_firing)
        if any(each.rule_id in self.names and each.muted_by.startswith("thread:") for each in backlog):
            self.heard |= batch.in_threads(mine)


def causes(guide: Guide, changes: Iterable[Change], backlog: Iterable[Backlog]) -> Explaining:
    """Return what may explain the alerts at hand: all that fire or are pending, and those that were named before."""
    rules = {each.rule for each in changes} | {each.rule for each in backlog}
    named = {int(each.muted_by.partition(":")[2]) for each in backlog if each.muted_by.partition(":")[0] in _MUTED}
    return explaining(guide, rules, named)


def explaining(guide: Guide, rules: Collection[str], named: Collection[int] = ()) -> Explaining:
    """Return what may explain alerts of these rules: all causes that fire or are pending, and the named alerts."""
    wanted = inhibition.rules_of(guide, rules)
    if not wanted and not named:
        return Explaining((), {}, {})
    is_up = Alert.objects.filter(rule__name__in=wanted, state__in=("firing", "recovering", "pending"))
    found = (is_up | Alert.objects.filter(pk__in=named)).order_by("id")
    rows = found.values_list("id", "key", "rule__name", "rule__phase", "labels", "state", "since", "rule_id")
    made = [(Cause(*row[:7]), row[7]) for row in rows]
    return Explaining(
        [cause for cause, _ in made],
        {rule: cause.rule for cause, rule in made},
        {cause.id: rule for cause, rule in made},
    )


def speaking(
    guide: Guide, backlog: Iterable[Backlog], opened: Mapping[Place, Thread], *, now: datetime
) -> list[Backlog]:
    """Return what waits for a thread that may speak again."""
    by_name = {f"thread:{thread.pk}": thread for thread in opened.values()}
    interval = guide.telling.group_interval
    return [
        each
        for each in backlog
        if each.muted_by.startswith("thread:")
        and ((thread := by_name.get(each.muted_by)) is None or threads.is_due(thread, interval, now=now))
    ]


def freed(guide: Guide, backlog: Iterable[Backlog], causes: Explaining, *, now: datetime) -> set[str]:
    """Return the names of causes that may mute no longer."""
    rows = {each.id: each for each in causes.rows}
    found = set()
    for each in backlog:
        what, _, number = each.muted_by.partition(":")
        if what in _MUTED:
            cause = rows.get(int(number))
            is_heard = cause is not None and cause.id in causes.heard
            if cause is None or not _holds(guide, each, cause, what, is_heard=is_heard, now=now):
                found.add(each.muted_by)
    return found


def _holds(guide: Guide, each: Backlog, cause: Cause, what: str, *, is_heard: bool, now: datetime) -> bool:
    """Whether a cause goes on muting what it muted before."""
    declared = guide.alerts.get(each.rule)
    if declared is None:
        return False
    if what == "pending":
        return cause.state == "pending" and timedelta() <= now - each.since < guide.telling.cause_wait
    if cause.state in LOUD:
        return is_heard
    return timedelta() <= now - cause.since < inhibition.aftermath(declared)


def by_alert(waiting: Iterable[Held]) -> dict[tuple[int, str], list[Held]]:
    """Return decisions that were put off, by alert and receiver."""
    found: dict[tuple[int, str], list[Held]] = {}
    for each in waiting:
        found.setdefault((each.change.alert, each.receiver), []).append(each)
    return found


def review(desk: Desk, waiting: Iterable[Held], *, freed: Collection[str]) -> None:
    """Decide anew what was put off and whose alert has not changed since."""
    for each in waiting:
        if each.fate in desk.gone:
            continue
        change = each.change
        if (
            each.muted_by.startswith("thread:")
            and change.new == "firing"
            and desk.muting.of(change.rule, change.labels) is not None
        ):
            desk.again(each, "together")  # silenced while it waited
        elif each.muted_by.startswith("thread:"):
            news = desk.news.setdefault((each.change.rule_id, each.receiver), threads.News())
            desk.rules[each.change.rule_id] = each.change.rule
            item = Item(each.change, "together", 0, each.fate)
            (news.began if each.change.new == "firing" else news.over).append(item)
        elif each.muted_by in freed:
            desk.again(each, "freed")


def effects(
    desk: Desk, backlog: Iterable[Backlog], waiting: Iterable[Held], causes: Explaining
) -> dict[int, dict[str, int]]:
    """Return by the rule of a cause what it mutes: the titles of effects, and how many alerts there are of each."""
    counted: Counter[tuple[str, str, str]] = Counter(desk.muted)
    for each in backlog:
        counted[each.muted_by, each.rule, each.receiver] += each.alerts
    for held in waiting:
        if held.fate in desk.gone:
            counted[held.muted_by, held.change.rule, held.receiver] -= 1
    by_receiver: Counter[tuple[int, str, str]] = Counter()
    for (muted_by, rule, receiver), count in counted.items():
        what, _, number = muted_by.partition(":")
        if what == "cause" and int(number) in causes.rule_of:
            by_receiver[causes.rule_of[int(number)], rule, receiver] += count
    found: dict[int, dict[str, int]] = {}
    for (cause, rule, _), count in by_receiver.items():
        declared = desk.declared(rule)
        mine = found.setdefault(cause, {})
        title = declared.title if declared else rule
        if count > 0:
            mine[title] = max(mine.get(title, 0), count)
    return found
