"""Charts: gaps, scales, ticks, tables, and that they never lie about a breach."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nigrani.console.charts import Chart, Level, Line, Point, gaps, nice_step, scale, time_ticks
from nigrani.console.drawing import describe, draw, path

START = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
INDIA = ZoneInfo("Asia/Kolkata")


def chart(values: list[float | None], *, unit: str = "ms", level: Level | None = None, lines: int = 1) -> Chart:
    points: list[Point] = [(START + MINUTE * index, value) for index, value in enumerate(values)]
    return Chart(
        id="c",
        title="Slowest <answer>",
        lines=[Line(f"line {index}", points) for index in range(lines)],
        unit=unit,
        start=START,
        end=START + MINUTE * len(values),
        zone=INDIA,
        level=level,
    )


def test_a_gap_is_hatched_and_breaks_the_line() -> None:
    drawn = chart([1, 2, None, None, 5, 6])
    [(left, right)] = gaps(drawn.shown, drawn)
    assert (round(left, 4), round(right, 4)) == (round(2 / 6, 4), round(4 / 6, 4))
    assert path(drawn.shown[0].points, drawn, 0, 10).count("M") == 2
    assert "url(#c-h)" in draw(drawn)


def test_a_window_where_nothing_is_known_says_so() -> None:
    drawn = chart([None] * 10)
    assert describe(drawn).endswith("Nothing is known.")
    assert gaps(drawn.shown, drawn) == [(0.0, 1.0)]
    ElementTree.fromstring(str(draw(drawn)))


def test_a_full_window_is_not_hatched() -> None:
    assert "-h" not in draw(chart([1.0] * 10)).replace("c-t", "")
    assert not chart([1.0] * 10).has_gaps


@pytest.mark.parametrize(("is_above", "spike"), [(True, 500.0), (False, -3.0)])
def test_a_short_breach_is_never_averaged_away(is_above: bool, spike: float) -> None:
    values: list[float | None] = [10.0] * 5000
    values[3210] = spike
    drawn = chart(values, level=Level(100 if is_above else 0, is_above, "fires"))
    shown = [value for _, value in drawn.shown[0].points]
    assert len(shown) <= 240
    assert spike in shown


def test_without_a_level_a_bucket_is_its_mean() -> None:
    drawn = chart([0.0, 10.0] * 2400)
    assert {value for _, value in drawn.shown[0].points} == {5.0}


@pytest.mark.parametrize(
    ("values", "unit", "level", "low", "high"),
    [
        ([0.97, 0.99, 1.0], "ratio", Level(0.95, False, ""), 0.94, 1.0),
        ([3.0, 9.0], "count", None, 0.0, 10.0),
        ([120.0, 480.0], "ms", Level(500, True, ""), 0.0, 600.0),
        ([0.0, 0.0], "count", None, 0.0, 1.0),
        ([1.0, 1.0], "ratio", None, 0.0, 1.0),
        ([-5.0, 5.0], "number", None, -5.0, 5.0),
    ],
)
def test_scales(values: list[float | None], unit: str, level: Level | None, low: float, high: float) -> None:
    drawn = chart(values, unit=unit, level=level)
    found = scale(drawn.shown, drawn)
    assert (round(found[0], 6), round(found[1], 6)) == (low, high)


@pytest.mark.parametrize(("rough", "nice"), [(0.9, 1), (1, 1), (1.1, 2), (2.1, 2.5), (3, 5), (7, 10), (0.012, 0.02)])
def test_nice_steps(rough: float, nice: float) -> None:
    assert nice_step(rough) == pytest.approx(nice)


def test_ticks_are_round_by_the_zone_s_clock() -> None:
    drawn = chart([1.0] * 360)
    assert [f"{tick.astimezone(INDIA):%H:%M}" for tick in time_ticks(drawn)] == [
        "09:00",
        "10:00",
        "11:00",
        "12:00",
        "13:00",
        "14:00",
    ]


def test_the_table_says_the_same_newest_first() -> None:
    table = chart([1.0, None, 3.0], lines=2).table
    assert [figures for _, figures in table] == [["3 ms", "3 ms"], ["—", "—"], ["1 ms", "1 ms"]]
    assert table[0][0] == START + 2 * MINUTE


def test_at_most_five_lines_and_the_rest_is_counted() -> None:
    drawn = chart([1.0, 2.0], lines=8)
    assert (len(drawn.shown), drawn.left_out) == (5, 3)


def test_text_from_the_guide_is_escaped_and_nothing_is_styled_inline() -> None:
    drawn = draw(chart([1.0], level=Level(2, True, "fires above <b>2</b>")))
    assert "Slowest &lt;answer&gt;" in drawn
    assert "<b>" not in drawn
    assert "style=" not in drawn
    assert "<script" not in drawn


finite = st.floats(min_value=-1e12, max_value=1e12, allow_nan=False)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.lists(st.one_of(st.none(), finite), min_size=1, max_size=400),
    st.sampled_from(["ms", "ratio", "count", "bytes"]),
    st.one_of(st.none(), finite),
)
def test_any_readings_draw(values: list[float | None], unit: str, level: float | None) -> None:
    drawn = chart(values, unit=unit, level=None if level is None else Level(level, True, "fires"))
    low, high, ticks = scale(drawn.shown, drawn)
    assert low < high
    assert len(ticks) <= 12
    assert all(math.isfinite(tick) for tick in ticks)
    tree = ElementTree.fromstring(str(draw(drawn)))
    assert {"nan", "inf"}.isdisjoint(" ".join(each.get("d", "") for each in tree.iter()).lower().split())
