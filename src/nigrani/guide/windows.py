"""Maintenance windows as they are written in a guide, and what can be wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from nigrani.lib.globs import fits

from .fields import Date, Period, Places, Ref, Text, says
from .model import DAYS, Where, Window
from .parser import is_read
from .reader import Problems, clip

_DAY = timedelta(days=1)
_LONGEST = {"daily": _DAY, "weekly": 7 * _DAY, "once": 30 * _DAY}
Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


@dataclass(frozen=True)
class WindowShape:
    """A time in which what it names may be out of order: its messages are muted, its state is kept."""

    where: Where
    at: Places
    why: Text = field(metadata=says("What is being done, for those who wonder why they hear nothing.", "The backup."))
    repeats: Literal["daily", "weekly", "once"] = field(metadata=says("How often it comes.", "daily"))
    starts: Annotated[time, "clock"] = field(metadata=says("When it begins, by the clock of its zone.", "02:00"))
    lasts: Period = field(
        metadata=says("How long: up to 24 hours (daily), 7 days (weekly) or 30 days (once).", "1h30m")
    )
    days: tuple[Day, ...] = field(default=(), metadata=says("On which days a weekly one begins.", ["sunday"]))
    date: Date | None = field(default=None, metadata=says("On which day the one that comes once begins.", "2026-12-31"))
    zone: str = field(default="", metadata=says("Its time zone; the guide's when left out.", "Asia/Kolkata"))
    rules: tuple[Text, ...] = field(
        default=(), metadata=says("Rules it mutes, by name or glob; `*` is every rule.", ["slow-*"])
    )
    sources: tuple[Annotated[str, Ref("source")], ...] = field(
        default=(), metadata=says("Only rules that one of these feeds.", ["database"])
    )
    labels: dict[str, tuple[Text, ...]] = field(
        default_factory=dict, metadata=says("Only series with these labels, by value or glob.", {"probe": ["log*"]})
    )

    def check(self) -> Iterator[str]:
        """Yield what does not go together."""
        if not (self.rules or self.sources or self.labels):
            yield 'it names no rules, sources or labels; rules: ["*"] is every rule'
        if (self.repeats == "weekly") != bool(self.days):
            yield "'days' says when a weekly window comes, and stands in no other"
        if (self.repeats == "once") != (self.date is not None):
            yield "'date' says when a window comes that comes once, and stands in no other"
        if self.lasts > _LONGEST[self.repeats]:
            yield f"'lasts' is more than {_LONGEST[self.repeats].days} d, the most for one that comes {self.repeats}"


def judge(window: WindowShape, label: str, shapes: Mapping[str, Mapping[str, Any]], problems: Problems) -> None:
    """Note what a window names and the guide has not."""
    if is_read(window.zone) and window.zone and not _is_zone(window.zone):
        sentence = f"There is no time zone '{clip(window.zone)}'"
        problems.add(window.at["zone"], sentence, wrote=window.zone, names=available_timezones())
    rules = shapes.get("alerts", {})
    for glob in window.rules if is_read(window.rules) and not problems.is_partial else ():
        if not any(fits(glob, name) for name in rules):
            sentence = f"'rules' of {label} names '{clip(glob)}', which no alert is called"
            problems.add(window.at["rules"], sentence, wrote=glob, names=rules)
    known = {label for each in shapes.get("measures", {}).values() if is_read(each.by) for label in each.by}
    for name in window.labels if is_read(window.labels) and not problems.is_partial else ():
        if name not in known:
            sentence = f"'labels' of {label} names '{clip(name)}', which is no label of any measure"
            problems.add(window.at["labels"], sentence, wrote=name, names=known)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return False
    return True


def make(name: str, shape: WindowShape, zone: ZoneInfo) -> Window:
    """Make the window of a shape in which no mistake was found. zone: the guide's."""
    return Window(
        name=name,
        why=shape.why,
        repeats=shape.repeats,
        starts=shape.starts,
        lasts=shape.lasts,
        days=tuple(DAYS.index(each) for each in shape.days),
        date=shape.date,
        zone=ZoneInfo(shape.zone) if shape.zone else zone,
        rules=shape.rules,
        sources=shape.sources,
        labels=shape.labels,
        where=shape.where,
    )
