"""How minutes make a longer span, in the store's words: shared by windows and charts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from nigrani.guide.model import Measure

Way = Literal["plain", "quantiles", "uniq"]

LEVELS = {"p50": 1, "p95": 2, "p99": 3}
TDIGEST = "AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float64)"
MERGED: Mapping[Way, str] = {
    "plain": "sum(num) AS total, sum(den) AS whole, max(num) AS top, argMax(num, minute) AS newest, [0.0] AS quantiles",
    "quantiles": f"""0. AS total, 0. AS whole, 0. AS top, 0. AS newest,
        quantilesTDigestMerge(0.5, 0.95, 0.99)(CAST(unhex(digest) AS {TDIGEST})) AS quantiles""",
    "uniq": """toFloat64(uniqMerge(CAST(unhex(digest) AS AggregateFunction(uniq, String)))) AS total, 0. AS whole,
        0. AS top, 0. AS newest, [0.0] AS quantiles""",
}


def kind(measure: Measure) -> Way:
    """Return which of MERGED fits the measure."""
    return "quantiles" if measure.combine in LEVELS else "uniq" if measure.combine == "uniq" else "plain"


def number(measure: Measure, row: Mapping[str, Any]) -> float | None:
    """Take from a merged row the number that the measure's way of combining asks for; None if there is none."""
    match measure.combine:
        case "sum" | "uniq":
            return float(row["total"])
        case "ratio":
            return float(row["total"]) / float(row["whole"]) if row["whole"] else None
        case "max":
            return float(row["top"])
        case "last":
            return float(row["newest"])
        case "p50" | "p95" | "p99":
            return float(row["quantiles"][LEVELS[measure.combine] - 1])
