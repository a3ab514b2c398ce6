"""The little language of examples."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nigrani.guide.examples import WORDS, Expectation, Moment, Script, parse
from nigrani.guide.model import Unit

MINUTE = timedelta(minutes=1)


def test_readings_follow_one_another_and_expectations_have_their_moment() -> None:
    script = parse("0*2 11 - ?*2", MINUTE, "firing at 2m, ok", unit="count")
    assert script == Script(
        moments=(
            Moment(timedelta(), 0.0),
            Moment(MINUTE, 0.0),
            Moment(2 * MINUTE, 11.0),
            Moment(3 * MINUTE, None),
            Moment(4 * MINUTE, None, is_unknown=True),
            Moment(5 * MINUTE, None, is_unknown=True),
        ),
        expectations=(Expectation("firing", 2 * MINUTE), Expectation("ok", 5 * MINUTE)),
    )
    assert script.fires
    assert not parse("0", MINUTE, "never fires", unit="count").fires


def test_values_may_carry_the_unit_of_the_measure() -> None:
    assert [each.value for each in parse("50%*1 0.5", MINUTE, "ok", unit="ratio").moments] == [0.5, 0.5]
    assert [each.value for each in parse("2s 80ms", MINUTE, "ok", unit="ms").moments] == [2000.0, 80.0]


@pytest.mark.parametrize(
    ("readings", "expect", "unit", "said"),
    [
        ("", "ok", "count", "readings holds none; write for example 0*10 11*5"),
        ("1**2", "ok", "count", "'1**2' is no reading; write value*count, for example 0*10 11*5"),
        ("1*0", "ok", "count", "'1*0' repeats 0 times; an example has 1 to 50000 readings"),
        ("1*999999", "ok", "count", "'1*999999' repeats 999999 times; an example has 1 to 50000 readings"),
        ("1*40000 1*40000", "ok", "count", "'1*40000' repeats 40000 times; an example has 1 to 50000 readings"),
        ("fast", "ok", "ms", "'fast' is no value in ms; write for example 0*10 11*5"),
        (
            "1",
            "fires",
            "count",
            "'fires' is no expectation; write for example firing at 10m, ok, pending or never fires",
        ),
        ("1", "firing at noon", "count", "'noon' is no duration; write for example 500ms, 15s, 2m, 1h30m or 7d"),
        ("1*3", "firing at 3m", "count", "'firing at 3m' lies after the last reading, which is at 2 min"),
        ("1", "never fires at 1m", "count", "'never fires' takes no moment"),
        ("1*9", "ok at 5m, firing at 2m", "count", "expect is not in the order of time"),
        ("1", f"ok at {'9' * 40}d", "count", f"'ok at {'9' * 40}d' lies after the last reading, which is at 0 ms"),
    ],
)
def test_what_can_not_be_read_is_told(readings: str, expect: str, unit: Unit, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse(readings, MINUTE, expect, unit=unit)
    assert str(caught.value) == said


PARTS = st.lists(
    st.tuples(st.one_of(st.integers(0, 10**6).map(str), st.sampled_from(["-", "?"])), st.integers(1, 50)),
    min_size=1,
    max_size=8,
)


@given(PARTS, st.integers(1, 3600))
def test_as_many_readings_as_were_counted_each_in_its_place(parts: list[tuple[str, int]], seconds: int) -> None:
    each = timedelta(seconds=seconds)
    script = parse(" ".join(f"{value}*{count}" for value, count in parts), each, "ok", unit="count")
    spelled = [value for value, count in parts for _ in range(count)]
    assert [moment.offset for moment in script.moments] == [each * index for index in range(len(spelled))]
    assert ["?" if moment.is_unknown else "-" if moment.value is None else f"{moment.value:.0f}"
            for moment in script.moments] == spelled  # fmt: skip


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_read_or_refused(readings: str, expect: str) -> None:
    try:
        script = parse(readings, MINUTE, expect, unit="number")
    except ValueError:
        return
    assert script.moments
    assert all(each.word in WORDS for each in script.expectations)
