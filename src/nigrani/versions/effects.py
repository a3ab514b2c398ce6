"""What a change of the guide would do at once: which rules would fire, which alerts it drops, what nobody knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from nigrani.alerts import queries as alerts
from nigrani.alerts.judge import judge, telling
from nigrani.alerts.queries import Loud
from nigrani.guide.model import Alert, Guide, Measure, Where
from nigrani.lib.errors import SourceError
from nigrani.measures import labels as label_sets
from nigrani.measures.trial import trial
from nigrani.measures.windows import Merged

from .state import Reason

_NOWHERE = Where("", 0, 0)
_MOST_NAMED = 3
_URGENCIES = ("medium", "high", "critical")
_ALL = "critical"  # an alert that a release before levels left firing
Fires = Mapping[str, tuple[Loud, ...]]  # rule -> its alerts that fire


def reasons(old: Guide | None, new: Guide, *, now: datetime) -> list[Reason]:
    """Return why the change from `old` to `new` should wait for a person; none when it does nothing at once.

    old: None when what stood can't be read any more; then every rule counts as changed.
    """
    loud = alerts.loud()
    return [*_dropped(new, loud), *judged(new, changed(old, new), loud=loud, now=now)]


def changed(old: Guide | None, new: Guide) -> list[str]:
    """Return the rules that are new, or that judge otherwise than before. Other words for people change nothing."""
    if old is None:
        return list(new.alerts)
    return [name for name in new.alerts if _judging(new, name) != _judging(old, name)]


def judged(guide: Guide, names: Iterable[str], *, loud: Fires, now: datetime) -> Iterator[Reason]:
    """Yield a reason for each of these rules that would fire at once, or of which that is not known."""
    rules = [guide.alerts[name] for name in names]
    if not rules:
        return
    try:
        found = trial(guide, [each.when for each in rules], now=now)
    except SourceError as error:
        for each in rules:
            yield Reason(each.name, "unknown", f"Whether it would fire can't be judged: {error.message}")
        return
    for rule, merged in zip(rules, found, strict=True):
        reason = _judged(rule, merged, loud.get(rule.name, ()))
        if reason:
            yield reason


def _judging(guide: Guide, name: str) -> tuple[Alert, Measure] | None:
    """Return what a rule is judged by, without the words for people; None if there is no such rule."""
    rule = guide.alerts.get(name)
    if rule is None:
        return None
    plain = replace(
        rule, title="", means="", covers=(), owner="", action="", runbook="", examples=(), starts="shadow",
        effect_of=(), every=None, then=None, where=_NOWHERE,
    )  # fmt: skip
    return plain, replace(guide.measures[rule.when.measure], means="", covers=(), where=_NOWHERE)


def _judged(rule: Alert, merged: Merged, loud: tuple[Loud, ...]) -> Reason | None:
    if merged.standing.known == "no_source":
        return None  # it can't fire as long as that is so
    if merged.standing.known != "known":
        return Reason(rule.name, "unknown", f"Whether it would fire can't be judged: {merged.standing.says}.")
    height = {label_sets.key(each.labels): _URGENCIES.index(each.level or _ALL) for each in loud}
    beyond, rises = [], True
    for key, value in sorted(merged.values.items()):
        found = judge(rule, merged.measure, value)
        held = [_URGENCIES.index(level.urgency) for level, one in zip(rule.levels, found, strict=True) if one.holds]
        if max(held, default=-1) > height.get(key, -1):
            beyond.append(f"{key}: {telling(found).says}" if key else telling(found).says)
            rises = rises and key in height
    if not beyond:
        return None
    more = f", and {len(beyond) - _MOST_NAMED} more" if len(beyond) > _MOST_NAMED else ""
    verb = "would rise" if rises else "would fire at once" if not rule.hold else "would begin to hold at once"
    return Reason(rule.name, "fires", f"It {verb}: {'; '.join(beyond[:_MOST_NAMED])}{more}.")


def _dropped(new: Guide, loud: Fires) -> Iterator[Reason]:
    for name, fires in loud.items():
        rule = new.alerts.get(name)
        if rule is None:
            yield Reason(name, "drops", f"It fires now{_counted(fires)}, and the change removes or renames it.")
            continue
        by = set(new.measures[rule.when.measure].by)
        lost = [each for each in fires if set(each.labels) != by or not label_sets.matches(each.labels, rule.when.only)]
        if lost:
            yield Reason(name, "drops", f"It fires now{_counted(lost)}, and the change drops what it fires for.")


def _counted(fires: Iterable[Loud]) -> str:
    named = [label_sets.key(each.labels) for each in fires if each.labels]
    if not named:
        return ""
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    return f" for {', '.join(named[:_MOST_NAMED])}{more}"
