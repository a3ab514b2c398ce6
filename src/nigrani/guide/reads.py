"""Measures that read a watched system itself (`from:`) instead of facts: their question, and their facts' SQL.

Such a measure becomes two things: a question of its source, asked every so often like a probe, whose numbers are kept
as gauges; and the SQL that reads these gauges. So it has readings, windows and backtests like any other, over what was
recorded. Another text is another gauge, and begins without a past.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from nigrani.lib.errors import NigraniError

from .draft import Draft
from .parser import is_read
from .reader import Problems, clip
from .shapes import MeasureShape

EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class ReadQuestion:
    """What a measure asks of its source. gauge: what its values are called. schemas: None while not known."""

    gauge: str
    sql: str
    by: tuple[str, ...]
    combine: str
    schemas: tuple[str, ...] | None


Reader = Callable[[ReadQuestion], Any]


def probe_of(measure: str) -> str:
    """Return the name of the question that a measure's reading is; no probe of a guide can have it."""
    return f"measure:{measure}"


def judge(draft: Draft, readers: Mapping[str, Reader], problems: Problems) -> None:
    """Judge every measure with `from`, and keep its question in `draft.reads`."""
    for name, shape in draft.shapes.get("measures", {}).items():
        label = f"the measure '{clip(name)}'"
        if not is_read(shape.from_, shape.every):
            continue
        if shape.from_ is None:
            if shape.every is not None:
                problems.add(shape.at["every"], f"'every' of {label} is for measures with `from` only")
            continue
        if shape.every is not None and shape.every < EVERY:
            problems.add(shape.at["every"], f"'every' of {label} is shorter than 1m")
        source = draft.shapes.get("sources", {}).get(shape.from_)
        if source is None or not is_read(source.kind, shape.sql, shape.by, shape.combine):
            continue
        reader = readers.get(source.kind)
        if reader is None:
            sentence = f"'from' of {label} names a source of the kind '{clip(source.kind)}', which no SQL can read"
            problems.add(shape.at["from"], sentence)
            continue
        config = draft.outsides["sources", shape.from_].config
        asked = ReadQuestion(_gauge(name, shape), shape.sql, shape.by, shape.combine, getattr(config, "schemas", None))
        try:
            draft.reads[name] = reader(asked)
        except NigraniError as error:
            problems.add(shape.at["sql"], f"'sql' of {label}: {str(error).rstrip('.')}")


def facts_sql(name: str, shape: MeasureShape) -> str:
    """Return the SQL that reads what such a measure's question left."""
    gauge = _gauge(name, shape)
    columns = "".join(f", labels['{each}'] AS {each}" for each in shape.by)
    groups = "".join(f", {each}" for each in shape.by)
    den = f", argMaxIf(value, at, name = '{gauge}.den') AS den" if shape.combine == "ratio" else ""
    return (
        f"SELECT toStartOfMinute(at) AS minute{columns}, argMaxIf(value, at, name = '{gauge}.num') AS num{den},\n"
        f"  toUInt64(1) AS n\nFROM gauges FINAL\n"
        f"WHERE source = '{shape.from_}' AND name IN ('{gauge}.num', '{gauge}.den')\n"
        "  AND at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)}\n"
        f"GROUP BY minute{groups}"
    )


def _gauge(name: str, shape: MeasureShape) -> str:
    mark = hashlib.sha256(repr((shape.from_, shape.sql, shape.by, shape.combine)).encode()).hexdigest()[:12]
    return f"measure.{name}.{mark}"
