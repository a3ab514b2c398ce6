"""Quantities: what a guide may write, and what a page shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nigrani.lib import units


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("15s", 15), ("2m", 120), ("1h30m", 5400), ("7d", 604800), ("1.5h", 5400)],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert units.duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "15", "fifteen", "15 s", "-5m", "5m!", "m5"])
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration; write for example"):
        units.duration(text)


@given(st.integers(min_value=0, max_value=10**7))
def test_whole_seconds_survive_reading(seconds: int) -> None:
    assert units.duration(f"{seconds}s") == timedelta(seconds=seconds)


def test_ratios() -> None:
    assert units.ratio("95%") == 0.95
    assert units.ratio("0.95") == 0.95
    for wrong in ("101%", "-1%", "2", "often"):
        with pytest.raises(ValueError, match=r"no ratio|outside"):
            units.ratio(wrong)


def test_sizes() -> None:
    assert units.size("1MiB") == 1048576
    assert units.size("1.5 GB") == 1_500_000_000
    with pytest.raises(ValueError, match="is no size"):
        units.size("100")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.34, "340 ms"), (12, "12 s"), (65, "1 min 5 s"), (3900, "1 h 5 min"), (90000, "1 d 1 h")],
)
def test_durations_are_shown_with_two_units(seconds: float, shown: str) -> None:
    assert units.show_duration(seconds) == shown


def test_values_are_shown_in_their_unit() -> None:
    assert units.show_value(0.875, "ratio") == "87.5 %"
    assert units.show_value(1.0, "ratio") == "100 %"
    assert units.show_value(None, "ms") == "—"
    assert units.show_value(1234, "ms") == "1,234 ms"
    assert units.show_value(2_000_000, "bytes") == "2 MB"


def test_a_ratio_just_under_the_whole_never_reads_as_the_whole() -> None:
    assert units.show_value(0.99996, "ratio") != "100 %"


def test_ages() -> None:
    now = datetime(2026, 2, 15, 9, tzinfo=UTC)
    assert units.show_age(now - timedelta(minutes=3), now=now) == "3 min ago"
    assert units.show_age(now + timedelta(minutes=5), now=now) == "in 5 min"
    assert units.show_age(now, now=now) == "now"


def test_rupees_are_grouped_by_lakh() -> None:
    assert units.show_rupees(1_23_45_678_90) == "₹1,23,45,678.90"
    assert units.show_rupees(-99) == "-₹0.99"
    assert units.show_rupees(100_000) == "₹1,000.00"
