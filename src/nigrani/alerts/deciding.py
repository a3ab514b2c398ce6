"""For every change and every receiver one decision: told, or not and why, or put off until something is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from nigrani.guide import Alert as Declared
from nigrani.guide import Guide

from . import hearing
from .batch import Change, Decided, Held
from .hearing import Audience, Standing
from .inhibition import Causes
from .mutes import Mutes
from .threads import Item, News, Place


@dataclass
class Desk:
    """What decisions are made from, and what they come to: decisions that stand, and news for threads.

    flaps: how often and in which range each alert changed that begins to flap now, in words.
    waiting: decisions that were put off, by alert and receiver. gone: rows of those that wait no longer.
    muted: how many were put off, by what, of which rule and for whom.
    """

    guide: Guide
    now: datetime
    told: Standing
    causes: Causes
    muting: Mutes
    flaps: Mapping[int, str]
    waiting: Mapping[tuple[int, str], list[Held]]
    decided: list[Decided] = field(default_factory=list)
    news: dict[Place, News] = field(default_factory=dict)
    rules: dict[int, str] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    muted: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _audiences: dict[str, Audience] = field(default_factory=dict)
    _obstacles: dict[str, tuple[str, str]] = field(default_factory=dict)
    _believers: Mapping[int, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._believers = hearing.believers(self.told)

    def take(self, change: Change) -> None:
        """Decide for everybody who is to hear of a change."""
        names = self._names(change)
        if not names:
            declared = self.declared(change.rule, is_gone=change.is_gone)
            nobody = hearing.audience(self.guide, declared).nobody
            self.decided.append(Decided(change.id, "", "change", 0, "not_sent", nobody))
            return
        mute = self.muting.of(change.rule, change.labels) if change.new == "firing" else None
        cause = None
        if change.new == "firing" and mute is None:
            cause = self.causes.of(change.rule, change.labels, at=change.at, now=self.now)
        for name in names:
            before = self.waiting.get((change.alert, name), ())
            self.gone.update(each.fate for each in before)
            because = self._why_not(change, name, before)
            if (unsaid := self._unsaid_end(change, name, before)) is not None:
                title, last = self._obstacle(name)[0], self.told[change.alert, name]
                stands = f"{title} was not told of its end yet: the message of {last.at:%H:%M} UTC stands."
                self._not_sent(change, name, stands, muted_by=unsaid.muted_by)
            elif because:
                self._not_sent(change, name, because)
            elif mute is not None:
                self._not_sent(change, name, mute.says, muted_by=mute.by)
            elif change.flapping_since is not None:
                self._not_sent(change, name, _flaps(change), muted_by="flapping")
            elif cause is not None:
                self._not_sent(change, name, cause.says, muted_by=cause.by, waits=True)
            else:
                self._tell(name, Item(change))

    def again(self, held: Held, kind: str) -> None:
        """Decide anew what was put off, now that what kept it back is over."""
        change, name = held.change, held.receiver
        turn = held.turn + 1 if kind == "freed" else 0
        cause = self.causes.of(change.rule, change.labels, at=change.at, now=self.now)
        title, obstacle = self._obstacle(name)
        because = hearing.why_not(change, title, obstacle, None)
        mute = self.muting.of(change.rule, change.labels)
        self.gone.add(held.fate)
        if because:
            self._not_sent(change, name, because, kind=kind, turn=turn)
        elif mute is not None:
            self._not_sent(change, name, mute.says, muted_by=mute.by, kind=kind, turn=turn)
        elif cause is not None:
            self._not_sent(change, name, cause.says, muted_by=cause.by, waits=True, kind=kind, turn=turn)
        else:
            self._tell(name, Item(change, kind, turn, held.fate))

    def settle(self, change: Change, name: str) -> None:
        """Tell one receiver, who was told that an alert flaps, how it stands now that it has settled."""
        _, obstacle = self._obstacle(name)
        if obstacle:
            self._not_sent(change, name, obstacle, kind="settled")
        else:
            self._news(change, name).settled.append(Item(change, "settled"))

    def believers(self, alert: int) -> list[str]:
        """Return who was told that an alert fires, and not yet that it is over."""
        return self._believers.get(alert, [])

    def declared(self, rule: str, *, is_gone: bool = False) -> Declared | None:
        """Return a rule as the guide has it; None when it has left."""
        return None if is_gone else self.guide.alerts.get(rule)

    def _names(self, change: Change) -> Iterable[str]:
        """Return who is to hear: the owner's receivers, and for the end also whoever was told of the beginning."""
        key = "" if change.is_gone else change.rule
        if key not in self._audiences:
            self._audiences[key] = hearing.audience(self.guide, self.declared(key))
        names = self._audiences[key].names
        if change.new == "ok" and (others := self._believers.get(change.alert)):
            return (*names, *(each for each in others if each not in names))
        return names

    def _why_not(self, change: Change, name: str, before: Iterable[Held]) -> str:
        title, obstacle = self._obstacle(name)
        last = self.told.get((change.alert, name))
        untold = [each for each in before if each.change.new == "firing"]
        if change.new == "ok" and untold and not (last is not None and last.is_firing):
            with_cause = any(each.muted_by.startswith("cause:") for each in untold)
            return (
                f"It ended with its cause; {title} was never told of it."
                if with_cause
                else (f"It was over before {title} was told of it.")
            )
        return hearing.why_not(change, title, obstacle, last)

    def _unsaid_end(self, change: Change, name: str, before: Iterable[Held]) -> Held | None:
        """Return the end that waits to be told while the alert fires again; None if there is none."""
        last = self.told.get((change.alert, name))
        if change.new != "firing" or last is None or not last.is_firing:
            return None
        return next((each for each in before if each.change.new == "ok"), None)

    def _obstacle(self, name: str) -> tuple[str, str]:
        if name not in self._obstacles:
            self._obstacles[name] = (hearing.title_of(self.guide, name), hearing.obstacle(self.guide, name))
        return self._obstacles[name]

    def _tell(self, name: str, item: Item) -> None:
        news, change = self._news(item.change, name), item.change
        if change.new == "ok":
            news.over.append(item)
        elif change.alert in self.flaps:
            news.flaps.append(item)
            self.causes.heard.add(change.alert)
        else:
            news.began.append(item)
            self.causes.heard.add(change.alert)

    def _news(self, change: Change, name: str) -> News:
        self.rules[change.rule_id] = change.rule
        return self.news.setdefault((change.rule_id, name), News())

    def _not_sent(
        self,
        change: Change,
        name: str,
        because: str,
        *,
        muted_by: str = "",
        waits: bool = False,
        kind: str = "change",
        turn: int = 0,
    ) -> None:
        self.decided.append(Decided(change.id, name, kind, turn, "not_sent", because, muted_by, waits))
        if waits:
            self.muted[muted_by, change.rule, name] += 1


def _flaps(change: Change) -> str:
    since = change.flapping_since
    assert since is not None, "asked for a flapping alert"
    return f"It flaps since {since:%H:%M} UTC: told when it has settled."
