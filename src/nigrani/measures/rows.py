"""From what a measure's SQL answered to readings: every row checked, since the text is somebody's guide. Pure."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nigrani.guide.model import Measure
from nigrani.lib.errors import NigraniError

from . import labels as label_sets
from .values import Window

MAX_SERIES = 1000
_DIGEST_MAX = 2**20
_DIGEST_HINT = "Write hex(quantilesTDigestState(0.5, 0.95, 0.99)(…)), or hex(uniqState(…)) of a text, never of NULLs."
DIGESTED = frozenset({"p50", "p95", "p99", "uniq"})


@dataclass(frozen=True)
class Reading:
    """One minute of one series."""

    labels: Mapping[str, str]
    key: str
    minute: datetime
    num: float
    den: float
    n: float
    digest: str


def sql_hash(measure: Measure) -> str:
    """Return the mark of what a reading was computed with: another text, `by` or `combine` is another series."""
    text = json.dumps([measure.sql, measure.by, measure.combine])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def readings(measure: Measure, rows: Iterable[Mapping[str, Any]], span: Window) -> list[Reading]:
    """Check and return the answer of a measure's SQL over `span`.

    A row whose `num` is null or no finite number is a minute in which nothing was measured; it is left out.
    Raises NigraniError with what the SQL should return instead; also for more than MAX_SERIES label sets.
    """
    found: dict[tuple[str, datetime], Reading] = {}
    sets: set[str] = set()
    for row in rows:
        reading = _reading(measure, row, span)
        if reading is None:
            continue
        place = (reading.key, reading.minute)
        if place in found:
            raise NigraniError(
                f"It returns two rows for minute {reading.minute:%H:%M} and labels {reading.key or 'none'}.",
                f"Group by minute{''.join(', ' + name for name in measure.by)}.",
            )
        sets.add(reading.key)
        if len(sets) > MAX_SERIES:
            raise NigraniError(f"It has too many label values: more than {MAX_SERIES:,} series.", "Bound its `by`.")
        found[place] = reading
    return list(found.values())


def _reading(measure: Measure, row: Mapping[str, Any], span: Window) -> Reading | None:
    needed = {"minute", "num", "n", *measure.by}
    needed |= {"den"} if measure.combine == "ratio" else {"digest"} if measure.combine in DIGESTED else set()
    if measure.combine in DIGESTED:
        needed.discard("num")
    if missing := sorted(needed - row.keys()):
        raise NigraniError(f"It returns no column {missing[0]!r}.", f"Wanted are: {', '.join(sorted(needed))}.")
    minute = _minute(row["minute"], span)
    num, den, n = (_number(row, name, needed) for name in ("num", "den", "n"))
    if num is None or den is None or n is None:
        return None
    digest = row["digest"] if "digest" in needed else ""
    if not isinstance(digest, str) or len(digest) > _DIGEST_MAX:
        raise NigraniError("Its digest is no text of a fit size.", _DIGEST_HINT)
    labels = {name: label_sets.clean(row[name]) for name in measure.by}
    return Reading(labels, label_sets.key(labels), minute, num, den, n, digest)


def _minute(value: object, span: Window) -> datetime:
    if not isinstance(value, datetime):
        raise NigraniError(f"Its minute is {value!r}, no instant.", "Write toStartOfMinute(at) AS minute.")
    minute = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if minute.second or minute.microsecond:
        raise NigraniError(f"Its minute is {minute:%H:%M:%S}, no whole minute.", "Write toStartOfMinute(at) AS minute.")
    if not span.start <= minute < span.end:
        raise NigraniError(
            f"Its minute {minute:%Y-%m-%d %H:%M} lies outside what was asked for.",
            "Write WHERE at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)}.",
        )
    return minute


def _number(row: Mapping[str, Any], name: str, needed: set[str]) -> float | None:
    if name not in needed:
        return 0.0
    value = row[name]
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise NigraniError(f"Its {name} is {value!r}, no number.", "Return a number.") from None
    return number if math.isfinite(number) else None
