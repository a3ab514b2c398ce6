"""Many alerts of several rules that change, and what their receivers were told: for the tests of grouping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.measures.making import HERE, MINUTE, T0, alert, guide, share

from nigrani.alerts import actions
from nigrani.alerts.models import Alert, Fate, Rule, Transition
from nigrani.guide import Clear, Condition, Guide, Receiver, Telling
from nigrani.outbox.models import Message

MAIL = Receiver("mail", "email", "Mail", None, (), HERE)
TELLING = Telling(group_interval=5 * MINUTE, cause_wait=timedelta(seconds=30), flap_changes=4, flap_within=30 * MINUTE)


@dataclass
class Crowd:
    """A guide and its alerts at moments of the test's choosing.

    rules: by name, the alerts that explain it. Every rule has a window of 2 minutes and clears after 1.
    """

    rules: Mapping[str, tuple[str, ...]]
    receivers: tuple[Receiver, ...] = (MAIL,)
    at: datetime = T0
    guide: Guide = field(init=False)

    def __post_init__(self) -> None:
        made = [
            alert(
                name, title=name.title(), effect_of=effects, clear=Clear(hold=MINUTE), urgency="high",
                when=Condition("share", 2 * MINUTE, below=0.95),
            )
            for name, effects in self.rules.items()
        ]  # fmt: skip
        self.guide = guide(measures=[share()], alerts=made, receivers=self.receivers, telling=TELLING)
        for name in self.rules:
            Rule.objects.create(name=name, phase="live", since=T0 - MINUTE)

    def change(self, rule: str, new: str, *who: str, old: str | None = None, **changes: Any) -> list[Transition]:
        """Let alerts of a rule change, in one pass; without labels if nobody is named."""
        row = Rule.objects.get(name=rule)
        labels = {f"{rule}{{probe={each}}}" if each else rule: {"probe": each} if each else {} for each in who or ("",)}
        Alert.objects.bulk_create(
            [
                Alert(rule=row, key=key, labels=found, since=self.at, read_at=self.at, state="ok")
                for key, found in labels.items()
            ],
            ignore_conflicts=True,
        )
        found = {each.key: each for each in Alert.objects.filter(key__in=labels)}
        Alert.objects.filter(key__in=labels).update(state=new, since=self.at)
        if new not in ("firing", "ok"):
            return []
        return Transition.objects.bulk_create(
            [
                Transition(
                    alert=found[key], old=old or found[key].state, new=new, at=self.at,
                    because=f"{each.get('probe', rule)} is so.", known="known", awaits=True,
                    **{"value": 0.5} | changes,
                )
                for key, each in labels.items()
            ]
        )  # fmt: skip

    def tell(self, *, after: timedelta = timedelta()) -> list[dict[str, Any]]:
        """Let time pass, dispatch, and return the notices that were queued by it."""
        self.at += after
        last = Message.objects.order_by("-id").values_list("id", flat=True).first() or 0
        actions.dispatch(self.guide, now=self.at)
        return [message.notice for message in Message.objects.filter(id__gt=last).order_by("id")]


def titles(notices: list[dict[str, Any]]) -> list[str]:
    return [f"{each['kind']}: {each['title']}" for each in notices]


def fates(rule: str) -> list[tuple[str, str, str]]:
    """Return each decision about a rule: kind, fate and reason, in order."""
    rows = Fate.objects.filter(transition__alert__rule__name=rule).order_by("id")
    return list(rows.values_list("kind", "fate", "because"))
