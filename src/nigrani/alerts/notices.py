"""The words of a message about an alert: what, since when, what to do. Pure; no raw rows, counts and names only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from nigrani.guide import Alert as Declared
from nigrani.guide import Guide
from nigrani.guide.model import URGENCIES
from nigrani.integrations import Notice
from nigrani.lib.units import show_duration

from .judge import level


@dataclass(frozen=True)
class Told:
    """The change that a message is about. since: when it began to fire. link: its console page, or "".

    level: the urgency of the level that it has now, old_level: of the one before; "" for none.
    """

    key: str
    labels: Mapping[str, str]
    at: datetime
    because: str
    since: datetime
    link: str
    level: str = ""
    old_level: str = ""


def firing(guide: Guide, declared: Declared, told: Told) -> Notice:
    """Say that an alert fires: what and how bad, since when, what to do, who has it, the runbook's first step."""
    urgency = told.level or declared.urgency
    lines = [
        f"{declared.means} {told.because}",
        *_moved(told),
        f"Since {_moment(told.since, guide.zone)}.",
        f"To do: {declared.action}",
        f"Owner: {_owner(guide, declared)}.",
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
        (told.because, f"It fired from {_moment(told.since, guide.zone)} for {took}."),
        facts=_facts(guide, declared, told),
        link=told.link,
        urgency=(told.old_level or declared.urgency) if declared else "",
        at=told.at,
    )


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


def _owner(guide: Guide, declared: Declared) -> str:
    return guide.people[declared.owner].title if declared.owner in guide.people else declared.owner


def _moment(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%H:%M:%S} {local.tzname()} on {local.day} {local:%b %Y}"
