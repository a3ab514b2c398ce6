"""Questions that only pages ask of telemetry. Each bounds its time span, and says so when telemetry is away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from nigrani.guide.model import Guide, Measure
from nigrani.lib.errors import NigraniError
from nigrani.measures import labels as label_sets
from nigrani.measures import windows
from nigrani.measures.series import series
from nigrani.measures.values import Value
from nigrani.telemetry import store

from .charts import MOST_LINES, Chart, Level, Line

Found = TypeVar("Found")

RECENT = timedelta(minutes=5)
SPANS = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
SPAN = "1h"  # at night the last hour is what matters; the longer spans are links
_POINTS = 240


@dataclass(frozen=True)
class Asked(Generic[Found]):
    """What telemetry answered, or why it did not: then `found` is None and `error` is for the page."""

    found: Found | None
    error: str = ""


@dataclass(frozen=True)
class Phases:
    """Where the time of a probe's last answer went, in milliseconds; None for a phase it had not."""

    probe: str
    outcome: str
    status: int
    size_bytes: int
    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None
    first_byte_ms: float | None
    total_ms: float | None


# The newest fact of each probe of a source.
_PHASES = """
SELECT probe, outcome, status, size_bytes, dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms FROM probes
WHERE source = {source:String} AND at >= {start:DateTime64(3)}
ORDER BY at DESC LIMIT 1 BY probe
"""


def asking(question: Callable[[], Found]) -> Asked[Found]:
    """Ask telemetry; a page goes on without its answer."""
    try:
        return Asked(question())
    except NigraniError as error:
        return Asked(None, str(error))


def phases(source: str, *, now: datetime) -> Asked[dict[str, Phases]]:
    """Return the phases of each probe's last answer within the last day."""
    params = {"source": source, "start": now - timedelta(days=1)}
    return asking(lambda: {row["probe"]: Phases(**row) for row in store.query(_PHASES, params)})


def values(guide: Guide, measure: Measure, *, now: datetime, over: timedelta = RECENT) -> Asked[dict[str, Value]]:
    """Return what the measure says over the last minutes, by label set."""
    return asking(lambda: windows.merge(measure, over, at=now))


def chart(
    guide: Guide,
    measure: Measure,
    keys: list[str],
    *,
    span: str,
    now: datetime,
    level: Level | None = None,
) -> Asked[Chart]:
    """Return the measure's chart over a span that ends now, one line for each label set."""
    end = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return between(guide, measure, keys, start=end - SPANS[span], end=end, level=level)


def between(
    guide: Guide, measure: Measure, keys: list[str], *, start: datetime, end: datetime, level: Level | None = None
) -> Asked[Chart]:
    """Return the measure's chart over whole minutes, one line for each label set."""

    def draw() -> Chart:
        drawn = [series(measure, key, start, end, points=_POINTS) for key in keys[:MOST_LINES]]
        lines = [
            Line(key, [(point.minute, point.value) for point in points])
            for key, points in zip(keys, drawn, strict=False)
        ]
        lines += [Line(key, []) for key in keys[MOST_LINES:]]
        widths = [points[1].minute - points[0].minute for points in drawn if len(points) > 1]
        return Chart(
            id=f"c-{measure.name}",
            title=measure.means,
            lines=lines,
            unit=measure.unit,
            start=start,
            end=end,
            zone=guide.zone,
            step=max(widths, default=timedelta(minutes=1)),
            level=level,
        )

    return asking(draw)


def label_key(labels: dict[str, str]) -> str:
    """Return the text by which telemetry knows a label set."""
    return label_sets.key(labels)
