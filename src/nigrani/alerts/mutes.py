"""What mutes an alert's messages at present: the silences and maintenance windows that stand.

They mute what would be said for the first time or again; who was told that it fires still hears of its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from nigrani.guide import Guide

from .matching import Matchers
from .models import Silence


@dataclass(frozen=True)
class Mute:
    """Why nothing is said of an alert now. by: what mutes it and will let it go, as "silence:12"; until: when at the
    latest; says: a sentence that names everything that mutes it.
    """

    by: str
    says: str
    until: datetime


class Mutes:
    """The silences that stand at one instant."""

    def __init__(self, guide: Guide, silences: Iterable[Silence]) -> None:
        self._guide = guide
        self._standing = [(each, matchers(each)) for each in silences]

    @property
    def windows(self) -> list[tuple[Silence, Matchers]]:
        """Return the maintenance windows among them."""
        return [(each, matched) for each, matched in self._standing if each.kind == "window"]

    def of(self, rule: str, labels: Mapping[str, str]) -> Mute | None:
        """Return what mutes an alert, or None. When several do, all are named, the one that lasts longest first."""
        found = self.all(rule, labels)
        if not found:
            return None
        said = "; ".join(_says(each, self._guide.zone) for each in found)
        return Mute(f"silence:{found[0].pk}", f"{said[:1].upper()}{said[1:]}.", found[0].until)

    def sentences(self, rule: str, labels: Mapping[str, str]) -> list[str]:
        """Return a sentence for each silence that mutes an alert."""
        said = [_says(each, self._guide.zone) for each in self.all(rule, labels)]
        return [f"{each[:1].upper()}{each[1:]}." for each in said]

    def all(self, rule: str, labels: Mapping[str, str]) -> list[Silence]:
        """Return every silence that matches, the one that lasts longest first."""
        if not self._standing:
            return []
        needs = needs_of(self._guide, rule)
        found = [each for each, matched in self._standing if matched.match(rule, labels, needs)]
        return sorted(found, key=lambda each: (each.until, each.pk), reverse=True)


def standing(guide: Guide, *, now: datetime) -> Mutes:
    """Return what mutes at `now`. One query."""
    return Mutes(guide, Silence.objects.filter(over_at=None, starts_at__lte=now, until__gt=now).order_by("id"))


def needs_of(guide: Guide, rule: str) -> tuple[str, ...]:
    """Return the sources that feed a rule; none for a rule that left the guide."""
    declared = guide.alerts.get(rule)
    return guide.measures[declared.when.measure].needs if declared else ()


def matchers(silence: Silence) -> Matchers:
    """Return what a silence matches."""
    labels = {name: tuple(globs) for name, globs in silence.labels.items()}
    return Matchers(tuple(silence.rules), tuple(silence.sources), labels)


def _says(silence: Silence, zone: ZoneInfo) -> str:
    until = moment(silence.until, zone)
    if silence.kind == "window":
        return f"in maintenance until {until} ({silence.by}: {silence.why})"
    return f"silenced until {until} by {silence.by}: {silence.why}"


def moment(at: datetime, zone: ZoneInfo) -> str:
    """Write an instant for a sentence: 18:30 IST on 3 Mar."""
    local = at.astimezone(zone)
    return f"{local:%H:%M} {local.tzname()} on {local.day} {local:%b}"
