"""The words of a message about several alerts of one rule: who, how many, what is new, what is over. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from nigrani.guide import Alert as Declared
from nigrani.guide import Guide
from nigrani.integrations import Notice
from nigrani.lib.units import show_duration

from .judge import level
from .notices import moment, owner

NAMED = 10  # in the body; the title has room for three
_TITLED = 3
_NAME_MAX = 60


@dataclass(frozen=True)
class Part:
    """One alert of the message. since: when it began to fire. because: how that, or its end, is known."""

    key: str
    labels: Mapping[str, str]
    because: str
    since: datetime

    @property
    def name(self) -> str:
        """What tells it from the others of its rule, cut to a readable length."""
        text = ", ".join(self.labels.values()) or self.key
        return text if len(text) <= _NAME_MAX else f"{text[: _NAME_MAX - 1]}…"


@dataclass(frozen=True)
class Sum:
    """What a message sums up. fire: how many fire now, of those that its reader knows. effects: the titles of muted
    effects, each with how many there are. urgency: the worst among those that fire. link: a console page, or ""."""

    began: Sequence[Part] = ()
    over: Sequence[Part] = ()
    fire: int = 0
    effects: Mapping[str, int] | None = None
    urgency: str = ""
    at: datetime | None = None
    link: str = ""


def firing(guide: Guide, declared: Declared, told: Sum, *, is_first: bool) -> Notice:
    """Say that several fire, or that more do."""
    count = f"{len(told.began)}: " if is_first else f"{len(told.began)} more, {told.fire} in all: "
    lines = [
        declared.means,
        *_each(told.began),
        f"Since {moment(min(each.since for each in told.began), guide.zone)}.",
        *over_meanwhile(told.over),
        *muted(told.effects),
        f"To do: {declared.action}",
        f"Owner: {owner(guide, declared)}.",
    ]
    if is_first and (runbook := guide.runbooks.get(declared.runbook)) and runbook.steps:
        lines.append(f"Runbook “{runbook.title}”, step 1: {runbook.steps[0]}")
    title = f"[{told.urgency or declared.urgency}] {declared.title} — {count}{names(told.began, _TITLED)}"
    return _notice(guide, declared, told, "firing", title, lines)


def partly(guide: Guide, declared: Declared, told: Sum) -> Notice:
    """Say that some are over while others fire, or that effects are muted by what fires."""
    if not told.over:
        title = f"{declared.title} — {sum((told.effects or {}).values())} muted as its effects"
    else:
        title = f"{declared.title} — {len(told.over)} over, {told.fire} still fire"
    return _notice(guide, declared, told, "note", title, [*_each(told.over), *muted(told.effects)])


def over(guide: Guide, declared: Declared | None, rule: str, told: Sum) -> Notice:
    """Say that all that was told is over. declared: None when the rule left the guide."""
    began = min(each.since for each in told.over)
    lines = [*_each(told.over)]
    if told.at is not None:
        lines.append(f"The first fired from {moment(began, guide.zone)}, {show_duration(told.at - began)} ago.")
    name = declared.title if declared else rule
    title = f"{name} — {len(told.over)} over, none fires any more: {names(told.over, _TITLED)}"
    return _notice(guide, declared, told, "resolved", title, lines)


def flapping(guide: Guide, declared: Declared, told: Sum) -> Notice:
    """Say that alerts change all the time, and that each change is told no more. `because` of each says how often."""
    lines = [
        declared.means,
        *(f"{each.name}: {each.because}" if each.labels else each.because for each in told.began[:NAMED]),
        *_rest(told.began),
        f"Its changes are told no more until it has not changed for {show_duration(guide.telling.flap_within)}.",
        f"To do: {declared.action}",
        f"Owner: {owner(guide, declared)}.",
    ]
    who = f" — {names(told.began, _TITLED)}" if told.began[0].labels else ""
    verb = "flaps" if len(told.began) == 1 else "flap"
    return _notice(
        guide, declared, told, "firing", f"[{told.urgency or declared.urgency}] {declared.title} {verb}{who}", lines
    )


def settled(guide: Guide, declared: Declared, told: Sum, *, is_over: bool) -> Notice:
    """Say that what flapped stays as it is: over, or firing."""
    parts = told.over if is_over else told.began
    who = f" — {names(parts, _TITLED)}" if parts[0].labels else ""
    title = f"{declared.title} has settled, {'over' if is_over else 'and fires'}{who}"
    lines = [*_each(parts), f"It has not changed for {show_duration(guide.telling.flap_within)}."]
    if not is_over:
        title, lines = f"[{told.urgency or declared.urgency}] {title}", [*lines, f"To do: {declared.action}"]
    return _notice(guide, declared, told, "resolved" if is_over else "firing", title, lines)


def plain(rule: str, keys: Sequence[str], how: str, link: str, at: datetime) -> Notice:
    """Say as little as can be said of what could not be worded: which alerts, and that it began or ended."""
    named = ", ".join(key if len(key) <= _NAME_MAX else f"{key[: _NAME_MAX - 1]}…" for key in keys[:NAMED])
    more = f" and {len(keys) - NAMED:,} more" if len(keys) > NAMED else ""
    is_over = how in ("over", "settled over")
    lines = (f"{named}{more}.", "The message could not be worded; see the log.")
    return Notice("resolved" if is_over else "firing", rule, lines, link=link, at=at)


def names(parts: Sequence[Part], most: int) -> str:
    """Name the first few, and count the others: "a, b, c and 139 more"."""
    said = ", ".join(each.name for each in parts[:most])
    return said if len(parts) <= most else f"{said} and {len(parts) - most:,} more"


def over_meanwhile(parts: Sequence[Part]) -> list[str]:
    """Return the line about those that ended, if there are any."""
    return [f"Over meanwhile: {names(parts, NAMED)}."] if parts else []


def muted(effects: Mapping[str, int] | None) -> list[str]:
    """Return the line about muted effects, if there are any."""
    if not effects:
        return []
    said = ", ".join(f"{title} ({count:,})" for title, count in list(effects.items())[:NAMED])
    more = f" and {len(effects) - NAMED} more rules" if len(effects) > NAMED else ""
    return [f"Muted as its effects: {said}{more}."]


def _each(parts: Sequence[Part]) -> list[str]:
    return [*(f"{each.name}: {each.because}" for each in parts[:NAMED]), *_rest(parts)]


def _rest(parts: Sequence[Part]) -> list[str]:
    return [f"… and {len(parts) - NAMED:,} more."] if len(parts) > NAMED else []


def _notice(guide: Guide, declared: Declared | None, told: Sum, kind: str, title: str, lines: Sequence[str]) -> Notice:
    began, ended = told.began, told.over
    label = "Alert" if kind == "resolved" else "Over"
    facts = [("Alert", each.key) for each in began[:3]] + [(label, each.key) for each in ended[:3]]
    facts.append(("Rule", str(declared.where) if declared else "left the guide"))
    if declared is not None:
        measure = guide.measures[declared.when.measure]
        over_span = show_duration(declared.when.over)
        facts.append(("Level", f"{level(declared, measure)} over {over_span}"))
    return Notice(
        kind,  # type: ignore[arg-type]  # one of Notice's own
        title,
        tuple(lines),
        facts=tuple(facts),
        link=told.link,
        urgency=(told.urgency or declared.urgency) if declared and kind != "note" else "",
        at=told.at,
    )
