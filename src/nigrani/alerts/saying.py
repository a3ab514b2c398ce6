"""From a thread's plan to messages in the outbox, and to the decision that each of its changes is told."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

from nigrani.guide import Alert as Declared
from nigrani.guide.model import URGENCIES
from nigrani.integrations import Notice
from nigrani.lib import links
from nigrani.outbox import actions as outbox

from . import notices, together
from .batch import Decided
from .deciding import Desk
from .models import Thread
from .threads import Item, Place, Plan, Say

log = logging.getLogger(__name__)

UNWORDED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class Voice:
    """Puts what threads say into the outbox. began: when each alert that is over began to fire, by its change.

    effects: of each rule, the titles of muted effects and how many there are.
    """

    def __init__(self, desk: Desk, began: Mapping[int, datetime], effects: Mapping[int, Mapping[str, int]]) -> None:
        self._desk, self._began, self._effects = desk, began, effects

    def speak(self, place: Place, thread: Thread | None, plan: Plan, *, is_gone: bool) -> None:
        """Queue a thread's messages and note what became of each change."""
        desk, (rule_id, name) = self._desk, place
        rule = desk.rules[rule_id]
        if thread is None and (plan.says or plan.later):
            thread = Thread(rule_id=rule_id, receiver=name, opened_at=desk.now, told_at=desk.now)
            thread.save()
        if thread is None:
            return
        title = desk.guide.receivers[name].title if name in desk.guide.receivers else name
        declared = desk.declared(rule, is_gone=is_gone)
        for say in plan.says:
            thread.count += 1
            thread.last = outbox.enqueue(
                receiver=name,
                notice=self._worded(declared, rule, rule_id, say),
                key=f"thread:{thread.pk}:{thread.count}",
                now=desk.now,
                thread=f"thread:{thread.pk}",
            )
            thread.told_at, thread.effects = desk.now, dict(self._effects.get(rule_id, {}))
            self._told(say, name, thread.last.pk, title)
        for each in plan.later:
            if each.held is None:
                desk.decided.append(_later(each, thread, title))
            else:
                desk.gone.discard(each.held)
        for each in plan.brief:
            because = f"It was over before {title} was told of it."
            desk.decided.append(_decided(each, name, "not_sent", because, muted_by=f"thread:{thread.pk}"))
        for each in plan.again:
            because = f"It began again before {title} was told of its end: the earlier message stands."
            desk.decided.append(_decided(each, name, "not_sent", because, muted_by=f"thread:{thread.pk}"))
        if plan.is_over:
            thread.over_at = desk.now
        if plan.says or plan.is_over:
            thread.save()

    def _told(self, say: Say, name: str, message: int, title: str) -> None:
        items = [*say.began, *say.over]
        with_others = f" in one message with {len(items) - 1:,} more" if len(items) > 1 else ""
        for is_end, part in ((False, say.began), (True, say.over)):
            words = f"{title} was told that it fires." if is_end else f"It fires; {title} is told."
            if say.how == "flaps":
                words = f"It flaps; {title} is told once."
            elif say.how.startswith("settled"):
                words = f"It has settled; {title} is told."
            because = f"{words[:-1]}{with_others}." if with_others else words
            self._desk.decided.extend(_decided(each, name, "queued", because, message) for each in part)
        self._desk.gone.update(each.held for each in items if each.held is not None)

    def _worded(self, declared: Declared | None, rule: str, rule_id: int, say: Say) -> Notice:
        """Return the message. One that can't be worded is told plainly, and must not keep the others back."""
        try:
            return self._notice(declared, rule, rule_id, say)
        except UNWORDED:
            log.exception("A message can't be worded.", extra={"action": "alert.unworded", "rule": rule})
            keys = [each.change.key for each in (*say.began, *say.over)]
            return together.plain(rule, keys, say.how, _link(rule, (*say.began, *say.over)), self._desk.now)

    def _notice(self, declared: Declared | None, rule: str, rule_id: int, say: Say) -> Notice:
        guide, effects = self._desk.guide, self._effects.get(rule_id, {})
        if len(say.began) + len(say.over) == 1 and say.how in ("first", "over"):
            return self._alone(declared, (*say.began, *say.over)[0], effects)
        told = together.Sum(
            began=[self._part(each) for each in say.began],
            over=[self._part(each) for each in say.over],
            fire=say.fire,
            effects=effects,
            urgency=_worst(declared, say.began),
            at=self._desk.now,
            link=_link(rule, (*say.began, *say.over)),
        )
        if declared is None or say.how == "over":
            return together.over(guide, declared, rule, told)
        match say.how:
            case "flaps":
                return together.flapping(guide, declared, told)
            case "settled over" | "settled firing":
                return together.settled(guide, declared, told, is_over=say.how == "settled over")
            case "partly":
                return together.partly(guide, declared, told)
            case _:
                return together.firing(guide, declared, told, is_first=say.how == "first")

    def _alone(self, declared: Declared | None, item: Item, effects: Mapping[str, int]) -> Notice:
        change = item.change
        told = notices.Told(
            change.key,
            change.labels,
            change.at,
            change.because,
            self._began.get(change.id, change.at),
            links.link(links.console(), "alert", id=change.alert),
            change.level,
            change.old_level,
            change.worst,
        )
        if change.new == "firing" and declared is not None:
            notice = notices.firing(self._desk.guide, declared, told)
            return replace(notice, lines=(*notice.lines, *together.muted(effects)))
        return notices.resolved(self._desk.guide, declared, told)

    def _part(self, item: Item) -> together.Part:
        change = item.change
        because = self._desk.flaps.get(change.alert, change.because)
        return together.Part(change.key, change.labels, because, self._began.get(change.id, change.at))


def _worst(declared: Declared | None, items: Iterable[Item]) -> str:
    """Return the worst urgency among those that fire now."""
    found = [each.change.level or (declared.urgency if declared else "") for each in items]
    return min(found, key=[*URGENCIES, ""].index, default=declared.urgency if declared else "")


def _link(rule: str, items: Iterable[Item]) -> str:
    alerts = {each.change.alert for each in items}
    if len(alerts) == 1:
        return links.link(links.console(), "alert", id=alerts.pop())
    return f"{links.link(links.console(), 'alerts')}?rule={quote(rule, safe='')}"


def _decided(
    each: Item, name: str, fate: str, because: str, message: int | None = None, *, muted_by: str = ""
) -> Decided:
    return Decided(each.change.id, name, each.kind, each.turn, fate, because, muted_by, message=message)


def _later(each: Item, thread: Thread, title: str) -> Decided:
    because = f"{title} was told of this rule at {thread.told_at:%H:%M} UTC: it comes with the next message about it."
    place = f"thread:{thread.pk}"
    return Decided(each.change.id, thread.receiver, each.kind, each.turn, "not_sent", because, place, waits=True)
