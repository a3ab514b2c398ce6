"""The words of a message about an alert: what, since when, what to do. Pure; no raw rows, counts and names only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from nigrani.guide import Alert as Declared
from nigrani.guide import Guide
from nigrani.guide.model import URGENCIES
from nigrani.integrations import Notice
from nigrani.lib.units import show_duration, show_value

from .judge import level

_NAMED = 10


@dataclass(frozen=True)
class Told:
    """The change that a message is about. since: when it began to fire. link: its console page, or "".

    level: the urgency of the level that it has now, old_level: of the one before; "" for none.
    worst: the value furthest beyond the level while it fired.
    """

    key: str
    labels: Mapping[str, str]
    at: datetime
    because: str
    since: datetime
    link: str
    level: str = ""
    old_level: str = ""
    worst: float | None = None


@dataclass(frozen=True)
class Still:
    """An alert that goes on firing. says: what was found last. held: what muted it until now, or ""."""

    key: str
    labels: Mapping[str, str]
    since: datetime
    says: str
    worst: float | None
    level: str
    held: str = ""


def firing(guide: Guide, declared: Declared, told: Told) -> Notice:
    """Say that an alert fires: what and how bad, since when, what to do, who has it, the runbook's first step."""
    urgency = told.level or declared.urgency
    lines = [
        f"{declared.means} {told.because}",
        *_moved(told),
        f"Since {moment(told.since, guide.zone)}.",
        f"To do: {declared.action}",
        f"Owner: {owner(guide, declared)}.",
    ]
    if (runbook := guide.runbooks.get(declared.runbook)) and runbook.steps:
        lines.append(f"Runbook “{runbook.title}”, step 1: {runbook.steps[0]}")
    return Notice(
        "firing",
        f"[{urgency}] {_name(declared, told.labels)}",
        tuple(lines),
        facts=_facts(guide, declared, told),
        link=told.link,
        urgency=urgency,
        at=told.at,
    )


def resolved(guide: Guide, declared: Declared | None, told: Told) -> Notice:
    """Say that it is over, how it is known and how long it took. declared: None when the rule left the guide."""
    name = _name(declared, told.labels) if declared else told.key
    took = show_duration(told.at - told.since)
    return Notice(
        "resolved",
        name,
        (
            told.because,
            f"It fired from {moment(told.since, guide.zone)} for {took}.",
            *([f"At its worst: {_value(guide, declared, told.worst)}."] if declared and told.worst is not None else []),
        ),
        facts=_facts(guide, declared, told),
        link=told.link,
        urgency=(told.old_level or declared.urgency) if declared else "",
        at=told.at,
    )


def still(
    guide: Guide,
    declared: Declared,
    told: Sequence[Still],
    *,
    kind: str,
    people: Sequence[str],
    link: str,
    now: datetime,
) -> Notice:
    """Say that alerts of one rule go on firing: for how long, how bad, what muted them until now, who is told.

    kind: "reminder", "wider" (for people who hear of it only now) or "released" (from what muted it).
    """
    first = min(told, key=lambda each: each.since)
    urgency = min((each.level or declared.urgency for each in told), key=URGENCIES.index)
    took = show_duration(now - first.since)
    many = len(told) > 1
    lines = [f"{declared.means} {_sentence(first.says)}"]
    lines.append(f"Still firing for {took}, since {moment(first.since, guide.zone)}.")
    if kind == "released":
        lines.append(f"It was muted until now: {first.held.rstrip('.')}.")
    if kind == "wider":
        lines.append(f"You are told because it goes on: {_titles(guide, people[:1])} was told before.")
    if many:
        lines.append(f"{len(told)} of them: {_named(told)}.")
    elif first.worst is not None:
        lines.append(f"At its worst: {_value(guide, declared, first.worst)}.")
    lines += [f"To do: {declared.action}", f"Told: {_titles(guide, people)}."]
    name = f"{declared.title} — {len(told)} of them" if many else _name(declared, first.labels)
    about = Told(first.key, first.labels, now, "", first.since, link, first.level)
    return Notice(
        "firing",
        f"[{urgency}] {name}, for {took}",
        tuple(lines),
        facts=_facts(guide, declared, about),
        link=link,
        urgency=urgency,
        at=now,
    )


def _sentence(says: str) -> str:
    return f"{says[:1].upper()}{says[1:].rstrip('.')}." if says else ""


def _named(told: Sequence[Still]) -> str:
    names = ", ".join(", ".join(each.labels.values()) for each in told[:_NAMED])
    return f"{names} and {len(told) - _NAMED} more" if len(told) > _NAMED else names


def _titles(guide: Guide, people: Sequence[str]) -> str:
    return ", ".join(guide.people[name].title if name in guide.people else name for name in people)


def _value(guide: Guide, declared: Declared, value: float) -> str:
    return show_value(value, guide.measures[declared.when.measure].unit)


def _moved(told: Told) -> list[str]:
    """Say that an alert which fires already rose to a worse level, or fell back to a milder one."""
    if not told.level or not told.old_level or told.level == told.old_level:
        return []
    if URGENCIES.index(told.level) < URGENCIES.index(told.old_level):
        return [f"It is {told.level} now; it was {told.old_level} before."]
    return [f"It is {told.level} now, no longer {told.old_level}. It is not over."]


def _name(declared: Declared, labels: Mapping[str, str]) -> str:
    return f"{declared.title} — {', '.join(labels.values())}" if labels else declared.title


def _facts(guide: Guide, declared: Declared | None, told: Told) -> tuple[tuple[str, str], ...]:
    if declared is None:
        return (("Alert", told.key),)
    measure = guide.measures[declared.when.measure]
    over = show_duration(declared.when.over)
    return (
        ("Alert", told.key),
        ("Level", f"{level(declared, measure, told.level)} over {over}"),
        ("Measure", measure.means),
        ("Rule", str(declared.where)),
    )


def owner(guide: Guide, declared: Declared) -> str:
    return guide.people[declared.owner].title if declared.owner in guide.people else declared.owner


def moment(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%H:%M:%S} {local.tzname()} on {local.day} {local:%b %Y}"
