"""Which cause explains an alert: declared by `effect_of`, firing, and told to somebody. Pure.

A cause explains the effects that agree with it in every label that both have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from nigrani.guide import Alert as Declared
from nigrani.guide import Guide
from nigrani.guide.causes import causes_of

from .state import LOUD

AFTERMATH = timedelta(minutes=1)


class Cause(NamedTuple):
    """An alert that may explain others. since: when it entered its state."""

    id: int
    key: str
    rule: str
    phase: str
    labels: Mapping[str, str]
    state: str
    since: datetime


@dataclass(frozen=True)
class Mute:
    """What keeps a message back: a cause that fires, or one that is pending and is waited for a moment."""

    kind: Literal["cause", "pending"]
    cause: Cause

    @property
    def by(self) -> str:
        """Its name in a fate: "cause:12"."""
        return f"{self.kind}:{self.cause.id}"

    @property
    def says(self) -> str:
        """Why nothing is sent."""
        if self.kind == "pending":
            return f"{self.cause.key} may be its cause and is pending: waits a moment for it."
        return f"Muted by its cause {self.cause.key}, which fires and was told."


_Table = dict[tuple[str, ...], tuple[Cause | None, Cause | None]]


@dataclass
class Causes:
    """The alerts that fire or are pending at one instant, asked for what they explain.

    heard: the ids of those that somebody was told of, or is about to be. Ask for effects when all their causes are
    decided (see `depth`), for what was found is remembered.
    """

    guide: Guide
    rows: Iterable[Cause]
    heard: set[int]
    _tables: dict[tuple[str, tuple[str, ...]], tuple[tuple[str, ...], _Table]] = field(default_factory=dict)
    _by_rule: dict[str, list[Cause]] = field(default_factory=dict)
    _above: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for row in self.rows:
            self._by_rule.setdefault(row.rule, []).append(row)

    def of(self, rule: str, labels: Mapping[str, str], *, at: datetime, now: datetime) -> Mute | None:
        """Return what mutes an effect that began at `at`, or None. A cause that fires goes before one that pends."""
        if rule not in self._above:
            self._above[rule] = tuple(each for each in causes_of(rule, self.guide.alerts) if each in self._by_rule)
        waits = timedelta() <= now - at < self.guide.telling.cause_wait
        pends: Cause | None = None
        for name in self._above[rule]:
            fires, waited_for = self._matching(name, labels)
            if fires is not None:
                return Mute("cause", fires)
            pends = pends or waited_for
        return Mute("pending", pends) if pends is not None and waits else None

    def _matching(self, name: str, labels: Mapping[str, str]) -> tuple[Cause | None, Cause | None]:
        """Return a rule's alert that fires, and one that pends, among those that agree with these labels."""
        place = (name, tuple(sorted(labels)))
        if place not in self._tables:
            rows = self._by_rule[name]
            shared = tuple(sorted(set(labels) & set(rows[0].labels)))
            self._tables[place] = (shared, self._table(rows, shared))
        shared, table = self._tables[place]
        return table.get(tuple(labels[each] for each in shared), (None, None))

    def _table(self, rows: Iterable[Cause], shared: tuple[str, ...]) -> _Table:
        table: _Table = {}
        for row in rows:
            key = tuple(row.labels.get(each, "") for each in shared)
            fires, pends = table.get(key, (None, None))
            if fires is None and row.state in LOUD and row.id in self.heard:
                fires = row
            if pends is None and row.state == "pending" and row.phase == "live":
                pends = row
            table[key] = (fires, pends)
        return table


def rules_of(guide: Guide, rules: Collection[str]) -> set[str]:
    """Return the rules that may explain alerts of these."""
    return {cause for rule in rules for cause in causes_of(rule, guide.alerts)}


def depth(guide: Guide, rule: str) -> int:
    """Return a number that is greater for an effect than for any of its causes."""
    return len(causes_of(rule, guide.alerts))


def aftermath(declared: Declared) -> timedelta:
    """Return how long after its cause an effect may still fire by it: until its window is past it, and it is clear."""
    return declared.when.over + AFTERMATH + declared.clear.hold
