"""Feeds: tables of a watched system that are read on and on. What may be written of one, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo, available_timezones

from nigrani.lib.errors import NigraniError

from .fields import Period, Places, Text
from .model import Feed, Where
from .parser import NOTHING, Parser, is_read
from .reader import Entries, Node, Scalar, clip
from .shapes import judge_name

_HOUR = timedelta(hours=1)


def _says(text: str, example: object) -> Mapping[str, object]:
    return {"help": text, "example": example}


class Selected(Protocol):
    """What a feed's SQL returns."""

    @property
    def columns(self) -> Collection[str]:
        """The names of its columns."""
        ...


Inspect = Callable[[str], Selected]  # raises NigraniError for SQL that is no plain SELECT


@dataclass(frozen=True)
class FeedShape:
    """A table of the watched system that is read on and on: each new row becomes a fact, once.

    The reading begins at the watermark of the last row. It reads `overlap` again, since rows may be written late.
    """

    where: Where
    at: Places
    sql: Text = field(
        metadata=_says(
            "One SELECT that names its columns, in the watched system's own SQL. Order, range and LIMIT are added to "
            "it, so write none. What it reads must be granted.",
            'SELECT id, "createdAt", action FROM audit_logs',
        )
    )
    watermark: Text = field(metadata=_says("Its column that says when a row was written; indexed.", "createdAt"))
    id: Text = field(metadata=_says("Its column that tells rows apart. A row without one is rejected.", "id"))
    map: dict[str, Text] = field(
        metadata=_says("Which of its columns becomes which column of the facts.", {"actor": "userId"})
    )
    to: Text = field(default="audit", metadata=_says("The table of facts.", "audit"))
    attrs: tuple[Text, ...] = field(
        default=(), metadata=_says("Its columns that are kept as attributes.", ["severity"])
    )
    hide: tuple[Text, ...] = field(
        default=(),
        metadata=_says(
            "Its columns whose whole value becomes a pseudonym. E-mail addresses, phone numbers and tokens become "
            "pseudonyms in every column.",
            ["identifier"],
        ),
    )
    zone: Text | None = field(
        default=None, metadata=_says("The zone of a watermark that has none (timestamp without time zone).", "UTC")
    )
    every: Period = field(default=timedelta(seconds=15), metadata=_says("How often it is read.", "15s"))
    timeout: Period | None = field(default=None, metadata=_says("How long a page may take; the source's else.", "5s"))
    overlap: Period = field(
        default=timedelta(minutes=2), metadata=_says("How much is read again: rows may come so late.", "2m")
    )
    late: Period = field(
        default=timedelta(hours=1),
        metadata=_says("Rows that come later still are looked for so far back, now and then, and counted.", "1h"),
    )
    first: Period = field(
        default=timedelta(days=2), metadata=_says("How far back the very first reading begins.", "2d")
    )
    page: int = field(default=2000, metadata=_says("How many rows are read at once.", 2000))

    def check(self) -> Iterator[str]:
        """Yield what can't be."""
        if not 1 <= self.page <= 10_000:
            yield "page is a number of rows from 1 to 10000"
        if self.every < timedelta(seconds=1):
            yield "every is shorter than 1s"


def read_feeds(
    node: Node, inspect: Inspect | None, facts: Mapping[str, Collection[str]], parser: Parser, *, label: str, kind: str
) -> dict[str, Any]:
    """Read and judge the feeds of a source. facts: table -> the columns that a feed may fill."""
    if isinstance(node, Scalar) and node.is_null:
        parser.problems.add(node.where, f"'feeds' of {label} is empty: remove it, or write its first feed")
        return {}
    table = parser.table(node, f"'feeds' of {label}")
    if table is None:
        return {}
    if inspect is None:
        parser.problems.add(table.where, f"{label[:1].upper()}{label[1:]} is of kind {kind}, which has no feeds")
        return {}
    found: dict[str, Any] = {}
    for name, entry in table.pairs:
        inner = f"the feed '{clip(name.text)}' of {label}"
        judge_name(name, parser.problems)
        body = parser.table(entry, inner)
        if body is not None:
            parser.unknown_keys(body, (FeedShape,), inner)
            found[name.text] = shape = _read(body, parser, inner)
            _judge(shape, inspect, facts, parser, inner)
    return found


def make_feed(name: str, shape: FeedShape, *, timeout: timedelta) -> Feed:
    """Make the model of a feed in which no mistake was found. timeout: its source's."""
    return Feed(
        name=name,
        sql=shape.sql.rstrip().rstrip(";"),
        watermark=shape.watermark,
        id=shape.id,
        map=shape.map,
        where=shape.where,
        to=shape.to,
        attrs=shape.attrs,
        hide=shape.hide,
        zone=ZoneInfo(shape.zone) if shape.zone else None,
        every=shape.every,
        timeout=shape.timeout or timeout,
        overlap=shape.overlap,
        late=shape.late,
        first=shape.first,
        page=shape.page,
    )


def _read(body: Entries, parser: Parser, label: str) -> Any:
    # A feed's SQL may hold `$1`-like signs and braces of its own: nothing in a feed is looked up outside.
    return Parser(parser.problems, None, [], parser.references).object(body, FeedShape, label)


def _judge(shape: Any, inspect: Inspect, facts: Mapping[str, Collection[str]], parser: Parser, label: str) -> None:
    if shape is NOTHING:
        return
    columns = _columns(shape, inspect, parser, label)
    if is_read(shape.to):
        _judge_map(shape, facts, parser, label)
    if columns is not None:
        for key, names in _named(shape):
            for name in names:
                if name not in columns:
                    parser.problems.add(
                        shape.at[key],
                        f"'{key}' of {label} names '{clip(name)}', which its SELECT does not return",
                        wrote=name, names=columns,
                    )  # fmt: skip
    if is_read(shape.zone) and shape.zone is not None:
        _judge_zone(shape, parser, label)
    if is_read(shape.every, shape.overlap) and shape.overlap < shape.every:
        parser.problems.add(
            shape.at["overlap"], f"'overlap' of {label} is shorter than 'every', so that a late row would be missed"
        )


def _columns(shape: Any, inspect: Inspect, parser: Parser, label: str) -> Collection[str] | None:
    if not is_read(shape.sql):
        return None
    try:
        return inspect(shape.sql).columns
    except NigraniError as error:
        parser.problems.add(shape.at["sql"], f"'sql' of {label}: {str(error).rstrip('.')}")
        return None


def _named(shape: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    for key in ("watermark", "id"):
        if is_read(getattr(shape, key)):
            yield key, (getattr(shape, key),)
    for key in ("attrs", "hide"):
        if is_read(getattr(shape, key)):
            yield key, getattr(shape, key)
    if is_read(shape.map):
        yield "map", tuple(shape.map.values())


def _judge_map(shape: Any, facts: Mapping[str, Collection[str]], parser: Parser, label: str) -> None:
    columns = facts.get(shape.to)
    if columns is None:
        parser.problems.add(
            shape.at["to"], f"'to' of {label} names '{clip(shape.to)}', which no feed can fill",
            wrote=shape.to, names=facts,
        )  # fmt: skip
        return
    for name in shape.map if is_read(shape.map) else ():
        if name not in columns:
            parser.problems.add(
                shape.at["map"], f"'map' of {label} fills '{clip(name)}', which {shape.to} does not have",
                wrote=name, names=columns,
            )  # fmt: skip
    if is_read(shape.map) and shape.to == "audit" and "action" not in shape.map:
        parser.problems.add(shape.at["map"], f"'map' of {label} does not fill 'action'")


def _judge_zone(shape: Any, parser: Parser, label: str) -> None:
    where: Where = shape.at["zone"]
    try:
        zone = ZoneInfo(shape.zone)
    except (OSError, ValueError, KeyError):
        parser.problems.add(
            where, f"'zone' of {label}: there is no time zone '{clip(shape.zone)}'",
            wrote=shape.zone, names=available_timezones(),
        )  # fmt: skip
        return
    offsets = {datetime(2026, month, 1, tzinfo=UTC).astimezone(zone).utcoffset() for month in range(1, 13)}
    if len(offsets) > 1 and is_read(shape.overlap) and shape.overlap <= _HOUR:
        parser.problems.add(
            where, f"'zone' of {label} sets its clocks back once a year, so that 'overlap' must be longer than 1h"
        )
