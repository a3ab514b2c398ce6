"""How single values are read: durations, ratios, sizes, numbers, and levels in the unit of their measure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nigrani.guide.fields import KINDS, Json, Period, Ratio, Size, Text, Url, number, shape
from nigrani.guide.levels import WAYS, value
from nigrani.guide.model import Unit, Where
from nigrani.guide.parser import NOTHING, Parser
from nigrani.guide.reader import Problems, Scalar, nearest

HERE = Where("x.yaml", 1, 1)
PARTS = st.lists(st.tuples(st.integers(0, 5000), st.sampled_from(["ms", "s", "m", "h", "d"])), min_size=1, max_size=4)


def read(text: str, wanted: Any) -> Any:
    problems = Problems()
    found = Parser(problems).value(Scalar(text, plain=True, where=HERE), wanted, "it")
    assert (found is NOTHING) == bool(problems.found)
    return found


@given(PARTS)
def test_a_duration_is_the_sum_of_its_parts(parts: list[tuple[int, str]]) -> None:
    seconds = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
    text = "".join(f"{amount}{unit}" for amount, unit in parts)
    total = sum(amount * seconds[unit] for amount, unit in parts)
    if total > 3660 * 86400:
        assert read(text, timedelta) is NOTHING
    else:
        assert read(text, timedelta) == timedelta(seconds=total)


@given(st.floats(0, 100, allow_nan=False).map(lambda each: round(each, 6)))
def test_a_ratio_means_the_same_in_percent_and_as_a_part(percent: float) -> None:
    part = f"{percent / 100:.8f}"
    assert read(f"{percent:.6f}%", Ratio) == pytest.approx(read(part, Ratio), abs=1e-7)


@given(st.integers(0, 10**6), st.sampled_from([("B", 1), ("kB", 1000), ("MiB", 2**20), ("GB", 10**9), ("TiB", 2**40)]))
def test_a_size_has_its_unit(amount: int, unit: tuple[str, int]) -> None:
    assert read(f"{amount}{unit[0]}", Size) == amount * unit[1]


@given(st.text(max_size=30), st.sampled_from([timedelta, Period, Ratio, Size, Url, int, float, bool, Text, Json]))
def test_any_text_is_read_or_refused(text: str, wanted: Any) -> None:
    read(text, wanted)


@given(st.text(max_size=20), st.sampled_from([*WAYS]))
def test_any_level_is_read_or_refused_with_a_value_error(text: str, unit: Unit) -> None:
    try:
        found = value(text, unit)
    except ValueError:
        return
    assert math.isfinite(found)


@pytest.mark.parametrize(
    ("text", "unit", "wanted"),
    [
        ("95%", "ratio", 0.95), ("0.95", "ratio", 0.95), ("500ms", "ms", 500.0), ("2s", "ms", 2000.0),
        ("1m30s", "seconds", 90.0), ("1kB", "bytes", 1000.0), ("10", "count", 10.0), ("-2.5", "number", -2.5),
    ],
)  # fmt: skip
def test_a_level_is_read_into_the_unit_of_its_measure(text: str, unit: Unit, wanted: float) -> None:
    assert value(text, unit) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("95", "ratio"), ("101%", "ratio"), ("nan", "ratio"), ("nan%", "ratio"), ("1e-400%", "ratio"), ("500", "ms"),
        ("0.5", "seconds"), ("10%", "count"), ("inf", "number"), ("10 ms", "count"), ("5", "bytes"), ("", "count"),
    ],
)  # fmt: skip
def test_a_level_without_the_right_unit_is_refused(text: str, unit: Unit) -> None:
    with pytest.raises(ValueError, match=r"."):
        value(text, unit)


@pytest.mark.parametrize("text", ["010", "1_000", "0x10", "1e999", "+5", "٣", " 5", "1.", ".5", "nan"])
def test_a_number_is_written_in_one_way(text: str) -> None:
    with pytest.raises(ValueError, match="no number"):
        number(text)


@pytest.mark.parametrize("text", ["yes", "no", "on", "True", "1", ""])
def test_only_true_and_false_are_that(text: str) -> None:
    assert read(text, bool) is NOTHING


@pytest.mark.parametrize(
    "text",
    [
        "example.net", "ftp://example.net", "https://", "https://user:pass@example.net", "http://a b", "http://[::1",
        "http://example.net:99999", "http://example.net:0", "http://exa\nmple.net", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_an_address_is_plain_http(text: str) -> None:
    assert read(text, Url) is NOTHING


def test_the_nearest_name_is_one_that_is_alike_or_none() -> None:
    assert nearest("sytem_up", ["system_up", "website_up"]) == "system_up"
    assert nearest("K1", ["K01", "K02"]) == "K01"
    assert nearest("zebra", ["system_up"]) is None
    assert nearest("x" * 100_000, ["system_up"]) is None


def test_every_kind_reads_its_own_example_and_names_itself() -> None:
    for kind in KINDS.values():
        for example in kind.example.split(" or "):
            assert kind.parse(example) is not None
        assert kind.noun


def test_a_field_that_a_guide_can_not_have_is_a_programmer_s_mistake() -> None:
    @dataclass
    class Open:
        x: int

    for wrong in (bytes, set[str], int | str, dict[int, str], object):
        with pytest.raises(TypeError, match="a guide's field can't be annotated"):
            shape(wrong)
    assert shape(Literal["a", "b"]).form == "choice"
    assert shape(Open | None).may_be_null
