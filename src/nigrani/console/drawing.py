"""Draw a chart as SVG.

No inline style, no script: positions are attributes, looks are classes. Text keeps its size on every screen: the
outer drawing has no view box and places things by percent; only the lines sit in a stretched inner one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from nigrani.lib import units

from .charts import Chart, Line, Point, gaps, scale, time_ticks

_HEIGHT, _TOP, _BOTTOM = 220, 16, 24


def draw(chart: Chart) -> SafeString:
    """Return the drawing with its title and description."""
    lines = chart.shown
    low, high, ticks = scale(lines, chart)
    plot = _HEIGHT - _TOP - _BOTTOM

    def y(value: float) -> str:
        return f"{_TOP + plot * (1 - (value - low) / (high - low)):.1f}"

    return format_html(
        '<svg class="chart" width="100%" height="{}" role="img" aria-labelledby="{}-t {}-d">'
        '<title id="{}-t">{}</title><desc id="{}-d">{}</desc>{}{}{}{}{}{}{}</svg>',
        _HEIGHT, chart.id, chart.id, chart.id, chart.title, chart.id, describe(chart),
        _beyond(chart, y, low, high),
        _hatching(chart, lines),
        _grid(ticks, y),
        _times(chart),
        _paths(lines, chart, low, high),
        _values(chart, ticks, y),
        _level(chart, y),
    )  # fmt: skip


def describe(chart: Chart) -> str:
    """Say in a sentence or two what the drawing shows."""
    known = [(at, value) for line in chart.shown for at, value in line.points if value is not None]
    zone = chart.zone
    window = f"{chart.start.astimezone(zone):%-d %b %H:%M} to {chart.end.astimezone(zone):%-d %b %H:%M %Z}"
    if not known:
        return f"{window}. Nothing is known."
    low, high = min(value for _, value in known), max(value for _, value in known)
    said = f"{window}. From {units.show_value(low, chart.unit)} to {units.show_value(high, chart.unit)}."
    return f"{said} {chart.level.said}." if chart.level else said


def _hatching(chart: Chart, lines: Sequence[Line]) -> SafeString:
    spans = gaps(lines, chart)
    if not spans:
        return SafeString("")
    pattern = format_html(
        '<defs><pattern id="{}-h" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect class="gap" width="6" height="6"/><line class="hatch" y2="6"/></pattern></defs>',
        chart.id,
    )
    rects = format_html_join(
        "",
        '<rect x="{}%" y="{}" width="{}%" height="{}" fill="url(#{}-h)"/>',
        (
            (f"{left * 100:.2f}", _TOP, f"{(right - left) * 100:.2f}", _HEIGHT - _TOP - _BOTTOM, chart.id)
            for left, right in spans
        ),
    )
    return pattern + rects


def _beyond(chart: Chart, y: Callable[[float], str], low: float, high: float) -> SafeString:
    if chart.level is None or not low <= chart.level.at <= high:
        return SafeString("")
    top, bottom = (y(high), y(chart.level.at)) if chart.level.is_above else (y(chart.level.at), y(low))
    height = f"{float(bottom) - float(top):.1f}"
    return format_html('<rect class="beyond" x="0" y="{}" width="100%" height="{}"/>', top, height)


def _grid(ticks: Sequence[float], y: Callable[[float], str]) -> SafeString:
    heights = [(y(tick), y(tick)) for tick in ticks]
    return format_html_join("", '<line class="grid" x1="0" x2="100%" y1="{}" y2="{}"/>', heights)


def _values(chart: Chart, ticks: Sequence[float], y: Callable[[float], str]) -> SafeString:
    """Write the ticks' values over the lines, so that none is struck through."""
    written = ((f"{float(y(tick)) - 4:.1f}", units.show_value(tick, chart.unit)) for tick in ticks)
    return format_html_join("", '<text x="0" y="{}">{}</text>', written)


def _times(chart: Chart) -> SafeString:
    bottom = _HEIGHT - _BOTTOM
    pieces = [format_html('<line class="axis" x1="0" x2="100%" y1="{}" y2="{}"/>', bottom, bottom)]
    last_day = None
    for index, at in enumerate(time_ticks(chart)):
        share = (at - chart.start) / (chart.end - chart.start) * 100
        there = at.astimezone(chart.zone)
        says = f"{there:%H:%M}" if last_day in (None, there.date()) and there.hour + there.minute else f"{there:%-d %b}"
        last_day = there.date()
        anchor = "start" if share < 4 else "end" if share > 96 else "middle"
        sparse = mark_safe(' class="sparse"') if index % 2 else ""
        pieces.append(
            format_html(
                '<line class="axis" x1="{}%" x2="{}%" y1="{}" y2="{}"/>'
                '<text{} x="{}%" y="{}" text-anchor="{}">{}</text>',
                f"{share:.2f}",
                f"{share:.2f}",
                bottom,
                bottom + 4,
                sparse,
                f"{share:.2f}",
                _HEIGHT - 6,
                anchor,
                says,
            )
        )
    return SafeString("".join(pieces))


def _paths(lines: Sequence[Line], chart: Chart, low: float, high: float) -> SafeString:
    plot = _HEIGHT - _TOP - _BOTTOM
    drawn = format_html_join(
        "",
        '<path class="s{}" d="{}"/>',
        ((index, path(line.points, chart, low, high)) for index, line in enumerate(lines)),
    )
    return format_html(
        '<svg class="lines" x="0" y="{}" width="100%" height="{}" viewBox="0 0 1000 1000" preserveAspectRatio="none">'
        "{}</svg>",
        _TOP, plot, drawn,
    )  # fmt: skip


def path(points: Sequence[Point], chart: Chart, low: float, high: float) -> str:
    """Return the line's path in a 1000 by 1000 box; it breaks where nothing is known, and a lone point is a dash."""
    parts: list[str] = []
    drawing = False
    span = chart.end - chart.start
    for at, value in points:
        if value is None:
            drawing = False
            continue
        left = (at - chart.start) / span * 1000
        right = min(1000.0, left + chart.bucket / span * 1000)
        y = 1000 * (1 - (value - low) / (high - low))
        parts.append(f"{'L' if drawing else 'M'}{left:.1f} {y:.1f}H{right:.1f}")
        drawing = True
    return "".join(parts)


def _level(chart: Chart, y: Callable[[float], str]) -> SafeString:
    if chart.level is None:
        return SafeString("")
    at = y(chart.level.at)
    label = float(at) - 5 if float(at) > _TOP + 8 else float(at) + 14
    return format_html(
        '<line class="level" x1="0" x2="100%" y1="{}" y2="{}"/>'
        '<text class="said" x="100%" y="{}" text-anchor="end">{}</text>',
        at, at, f"{label:.1f}", chart.level.said,
    )  # fmt: skip
