"""Who is to hear of a change, what each was told last, and what speaks against telling them now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from nigrani import oncall
from nigrani.guide import Alert as Declared
from nigrani.guide import Guide, Receiver

from .batch import Change
from .state import LOUD


class Last(NamedTuple):
    """The last message that was queued for one receiver about one alert, and how that alert stands now.

    kind: of its fate. is_lost: neither it nor another that said the same was delivered or will be. is_loud: the alert
    fires or recovers.
    """

    new: str
    level: str
    kind: str
    at: datetime
    is_lost: bool
    rule_id: int
    is_loud: bool
    is_flapping: bool

    @property
    def is_firing(self) -> bool:
        """Whether the receiver believes that it fires."""
        return self.new == "firing" and not self.is_lost

    @property
    def is_open(self) -> bool:
        """Whether the receiver will hear more of it: it fires on, or flaps and has not settled."""
        return self.is_firing and (self.is_loud or self.is_flapping)


Standing = dict[tuple[int, str], Last]
"""The last message by alert and receiver."""


def standing(alerts: Collection[int], rules: Collection[int]) -> Standing:
    """Return what was told last of these alerts, and of all that are loud or flap among the alerts of these rules."""
    # In two steps, by lists: fresh tables have no statistics, and a planner that expects one row reads all for each.
    loud = """SELECT id FROM alerts_alert
        WHERE rule_id = ANY(%s) AND (state IN ('firing', 'recovering') OR flapping_since IS NOT NULL)"""
    sql = """SELECT DISTINCT ON (t.alert_id, f.receiver) t.alert_id, f.receiver, t.new, t.level, f.kind, f.at,
            bool_and(m.state IN ('failed', 'given_up')) OVER (PARTITION BY t.id, f.receiver), a.rule_id,
            a.state, a.flapping_since
        FROM alerts_transition t JOIN alerts_alert a ON a.id = t.alert_id JOIN alerts_fate f ON f.transition_id = t.id
        JOIN outbox_message m ON m.id = f.message_id
        WHERE f.fate = 'queued' AND t.alert_id = ANY(%s)
        ORDER BY t.alert_id, f.receiver, t.id DESC, f.id DESC"""
    with connection.cursor() as cursor:
        cursor.execute(loud, [list(rules)])
        cursor.execute(sql, [list({*alerts, *(alert for (alert,) in cursor.fetchall())})])
        return {
            (alert, receiver): Last(
                new, level, kind, at, is_lost, rule, state in LOUD, is_flapping=flapping is not None
            )
            for alert, receiver, new, level, kind, at, is_lost, rule, state, flapping in cursor.fetchall()
        }


@dataclass(frozen=True)
class Audience:
    """Whom a rule's alerts are for: the receivers of its owner, each with why it can't be told, or ""."""

    names: tuple[str, ...]
    nobody: str


def audience(guide: Guide, declared: Declared | None) -> Audience:
    """Return a rule's audience; of a rule that left the guide, nobody."""
    if declared is None:
        return Audience((), "The rule left the guide.")
    names = tuple(receiver.name for receiver in oncall.receivers_for(guide, declared))
    return Audience(names, f"The owner {declared.owner} has no receiver.")


def believers(told: Standing) -> Mapping[int, list[str]]:
    """Return by alert who was told that it fires, and not yet that it is over; in the order of their names."""
    found: dict[int, list[str]] = {}
    for (alert, name), last in sorted(told.items()):
        if last.new == "firing":
            found.setdefault(alert, []).append(name)
    return found


def obstacle(guide: Guide, name: str) -> str:
    """Return why a receiver can't be told anything, or ""."""
    receiver = guide.receivers.get(name)
    if receiver is None:
        return f"The guide has no receiver {name} any more."
    if not receiver.is_set_up:
        verb = "is" if len(receiver.missing) == 1 else "are"
        return f"The receiver {receiver.title} is not set up: {', '.join(receiver.missing)} {verb} missing."
    return ""


def title_of(guide: Guide, name: str) -> str:
    """Return what a receiver is called."""
    receiver: Receiver | None = guide.receivers.get(name)
    return receiver.title if receiver else name


def why_not(change: Change, title: str, obstacle: str, last: Last | None) -> str:
    """Return why one receiver is not told of a change, or ""."""
    is_told = last is not None and last.new == "firing"
    if not is_told and change.phase == "shadow":
        return f"In shadow: would have sent to {title}."
    if change.new == "ok" and not is_told:
        return "The firing message was not sent, so there is nothing to take back."
    if change.new == "ok" and last is not None and last.is_lost:
        return "The firing message was never delivered, so there is nothing to take back."
    is_same = last is not None and last.is_firing and last.level in ("", change.level)
    if change.old in LOUD and change.new == "firing" and last is not None and is_same:
        return f"It never stopped firing for {title}: the message of {last.at:%H:%M} UTC stands."
    return obstacle


def began(changes: Iterable[Change]) -> dict[int, datetime]:
    """Return when each alert that is over now began to fire, by the change that ended it. One query."""
    over = [(each.id, each.alert) for each in changes if each.new == "ok"]
    if not over:
        return {}
    sql = """SELECT DISTINCT ON (over.id) over.id, t.at FROM unnest(%s::bigint[], %s::bigint[]) AS over (id, alert)
        JOIN alerts_transition t ON t.alert_id = over.alert AND t.id < over.id
        WHERE t.new = 'firing' AND t.old NOT IN ('firing', 'recovering') ORDER BY over.id, t.id DESC"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [*map(list, zip(*over, strict=True))])
        return dict(cursor.fetchall())
