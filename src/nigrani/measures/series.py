"""A measure over time, for charts: readings merged to a bounded number of points."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from nigrani.guide.model import Measure
from nigrani.telemetry import store

from .merging import MERGED, kind, number
from .rows import sql_hash
from .values import minute

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Point:
    """The value from `minute` on, for the width of a point; None where there is no reading."""

    minute: datetime
    value: float | None


def series(measure: Measure, labels_key: str, start: datetime, end: datetime, *, points: int = 240) -> list[Point]:
    """Return one series over [start, end), at most `points` equally wide points, gaps as None. Raises SourceError.

    A point holds whole minutes, merged as windows are; readings made with an earlier text of the measure are left out.
    """
    first, span = minute(start), max(end - minute(start), _MINUTE)
    minutes = -(-span // _MINUTE)
    width = _MINUTE * -(-minutes // points)
    offset = f"toUnixTimestamp(minute) - {first.timestamp():.0f}"
    sql = f"""SELECT toUInt32(intDiv({offset}, {width.total_seconds():.0f})) AS point,
        {MERGED[kind(measure)]} FROM readings FINAL
        WHERE measure = {{measure:String}} AND sql_hash = {{mark:String}} AND labels_key = {{key:String}}
        AND minute >= {{start:DateTime}} AND minute < {{end:DateTime}} AND n > 0 GROUP BY point"""  # noqa: S608 - numbers
    asked = {"measure": measure.name, "mark": sql_hash(measure), "key": labels_key, "start": first, "end": end}
    found = {int(row["point"]): number(measure, row) for row in store.query(sql, asked)}
    count = -(-minutes // int(width / _MINUTE))
    return [Point(first + index * width, found.get(index)) for index in range(count)]
