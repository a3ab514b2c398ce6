"""From rows of a watched table to facts of ours: mapped, cleaned and without personal data. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from nigrani.guide import Feed
from nigrani.integrations import PollRow
from nigrani.telemetry.pseudonyms import Scrubber

_LONGEST = 1000
_LONGEST_READ = 4 * _LONGEST  # what is cut off before it is scrubbed must not leave half an address at the end
_RANGE = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

NO_ID, NO_TIME, NO_SENSE = "it has no id", "it has no time", "its time lies outside 2000 to 2100"


@dataclass
class Taken:
    """What a page comes to: facts, with the time and id of the row each was made of, and what was rejected and why."""

    facts: list[Mapping[str, object]] = field(default_factory=list)
    places: list[tuple[datetime, str]] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)


def take(source: str, feed: Feed, rows: Sequence[PollRow], *, scrubber: Scrubber) -> Taken:
    """Make facts of rows. Their id is `feed/id`, so that one row is one fact however often it is read."""
    taken = Taken()
    for row in rows:
        if reason := rejection(row):
            taken.rejected[reason] += 1
            continue
        assert row.at is not None
        assert row.id is not None
        taken.places.append((row.at, row.id))
        taken.facts.append(fact(source, feed, row, scrubber=scrubber))
    return taken


def rejection(row: PollRow) -> str:
    """Return why a row can't be a fact, "" when it can."""
    if row.at is None:
        return NO_TIME
    if not row.id:
        return NO_ID
    return "" if _RANGE[0] <= row.at < _RANGE[1] else NO_SENSE


def fact(source: str, feed: Feed, row: PollRow, *, scrubber: Scrubber) -> Mapping[str, object]:
    """Return the fact of one row."""

    def clean(column: str) -> str:
        text = plain(row.values.get(column))
        return (scrubber.hidden(text) if column in feed.hide else scrubber.text(text))[:_LONGEST]

    made: dict[str, object] = {
        "at": row.at,
        "id": fact_id(feed, str(row.id)),
        "source": source,
        **{name: clean(column) for name, column in feed.map.items()},
    }
    if feed.attrs:
        made["attrs"] = {name: said for name in feed.attrs if (said := clean(name))}
    return made


def fact_id(feed: Feed, row: str) -> str:
    """Return the id of the fact made of a row."""
    return f"{feed.name}/{row}"


def plain(value: Any) -> str:
    """Return a value of any column as text; nothing at all for NULL."""
    match value:
        case None:
            return ""
        case str():
            text = value
        case bool():
            text = "true" if value else "false"
        case datetime():
            text = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
        case date() | int() | float():
            text = str(value)
        case bytes() | memoryview():
            text = "(bytes)"
        case dict() | list():
            text = json.dumps(value, ensure_ascii=False, default=str, sort_keys=True)
        case _:
            text = str(value)
    return text[:_LONGEST_READ].encode("utf-8", "replace").decode("utf-8").replace("\0", "")
