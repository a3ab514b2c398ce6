"""Rules as rows that follow the guide: they come, they are evaluated, they leave; and what a set-back clock means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from nigrani.guide import Alert as Declared
from nigrani.guide import Guide
from nigrani.measures.values import Value
from nigrani.measures.windows import Merged

from .models import Rule
from .state import Found, Known

SKEW = timedelta(seconds=10)  # workers' clocks differ by less; a clock further back than this was set back
_UNSETTLED = timedelta(minutes=5)
_BACK = "the clock was set back, so its window holds facts from before and after"


@dataclass(frozen=True)
class Pass:
    """One rule in one pass. unsettled_until: while a set-back clock is fresh, until when nothing is judged."""

    declared: Declared
    rule: Rule
    merged: Merged
    unsettled_until: datetime | None

    @property
    def turned_back(self) -> Found | None:
        """Return what is found instead of a value while nothing is judged."""
        return None if self.unsettled_until is None else Found("unknown", holds=False, clears=False, says=_BACK)

    def is_late(self, now: datetime) -> bool:
        """Whether another worker, whose clock is a little ahead, made a later pass already."""
        last = self.rule.evaluated_at
        return last is not None and timedelta() < last - now <= SKEW

    @property
    def known(self) -> Known:
        """Return how the rule as a whole stands: known as soon as one of its series is."""
        if self.turned_back:
            return "unknown"
        if self.merged.standing.known != "known":
            return self.merged.standing.known
        return "known" if any(each.known == "known" for each in self._values) else "too_little"

    @property
    def says(self) -> str:
        """Return why it is not known, or ""."""
        if self.turned_back:
            return self.turned_back.says
        if self.known == "too_little":
            return self._values[0].says
        return self.merged.standing.says

    @property
    def _values(self) -> list[Value]:
        return list(self.merged.values.values()) or [self.merged.of("", {})]


def alert_key(rule: str, labels_key: str) -> str:
    """Return an alert's identity: `system-down` or `system-down{probe=login}`."""
    return f"{rule}{{{labels_key}}}" if labels_key else rule


def follow(guide: Guide, *, now: datetime) -> dict[str, Rule]:
    """Let the rows follow the guide. Returns those that are in it, by name."""
    known = {rule.name: rule for rule in Rule.objects.all()}
    fresh = [
        Rule(name=each.name, phase=each.starts, since=now) for each in guide.alerts.values() if each.name not in known
    ]
    if fresh:
        Rule.objects.bulk_create(fresh, ignore_conflicts=True)
        known |= {rule.name: rule for rule in Rule.objects.filter(name__in=[each.name for each in fresh])}
    back = [rule for rule in known.values() if rule.gone_at is not None and rule.name in guide.alerts]
    gone = [rule for rule in known.values() if rule.gone_at is None and rule.name not in guide.alerts]
    for rules, instant in ((back, None), (gone, now)):
        if rules:
            Rule.objects.filter(pk__in=[rule.pk for rule in rules]).update(gone_at=instant)
        for rule in rules:
            rule.gone_at = instant
    return {name: known[name] for name in guide.alerts}


def unsettled(rule: Rule, declared: Declared, *, now: datetime) -> datetime | None:
    """Return until when nothing is judged because the clock was set back; None when it was not, or not lately.

    A window then mixes facts from before and after, so that it could fire or resolve on what is long over. It lasts
    for the window, at most five minutes.
    """
    if rule.evaluated_at is not None and rule.evaluated_at - now > SKEW:
        return now + min(declared.when.over, _UNSETTLED)
    until = rule.unsettled_until
    return until if until is not None and timedelta() < until - now <= _UNSETTLED else None


def evaluated(passes: Iterable[Pass], *, now: datetime) -> None:
    """Note that rules were evaluated: one update for all, and one more for those that stand otherwise than before."""
    passes = list(passes)
    others = []
    for each in passes:
        rule, stands = each.rule, (each.known, each.says, each.unsettled_until)
        if (rule.known, rule.says, rule.unsettled_until) != stands:
            rule.known, rule.says, rule.unsettled_until = stands
            others.append(rule)
    Rule.objects.filter(pk__in=[each.rule.pk for each in passes]).update(evaluated_at=now)
    Rule.objects.bulk_update(others, ["known", "says", "unsettled_until"], batch_size=500)
