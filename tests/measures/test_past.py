"""A measure's past: windows that slide say what windows merged one by one say, and what can't be judged is told."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from operator import add
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.measures.making import (
    FAILED,
    HERE,
    MINUTE,
    SHARE,
    T0,
    answered,
    failed,
    guide,
    measure,
    probe,
    put,
    share,
    source,
)

from nigrani.guide import Condition, Measure, Probe
from nigrani.measures import readings, windows
from nigrani.measures.models import Watermark
from nigrani.measures.past import PASS, past, series_of, slide, width
from nigrani.measures.watched import watched

SLOW = """SELECT toStartOfMinute(at) AS minute, probe, count() AS n,
hex(quantilesTDigestState(0.5, 0.95, 0.99)(assumeNotNull(total_ms))) AS digest
FROM probes WHERE total_ms IS NOT NULL AND at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)}
GROUP BY minute, probe"""
KINDS = """SELECT toStartOfMinute(at) AS minute, probe, count() AS n, hex(uniqState(toString(failure))) AS digest
FROM probes WHERE at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)} GROUP BY minute, probe"""


def measures() -> list[Measure]:
    by: dict[str, Any] = {"by": ("probe",)}
    return [
        share(),
        failed(),
        measure("worst", SHARE, combine="max", **by),
        measure("newest", SHARE, combine="last", **by),
        measure("slow", SLOW, unit="ms", combine="p95", **by),
        measure("kinds", KINDS, combine="uniq", **by),
    ]


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=80), st.integers(1, 90))
def test_sliding_joins_what_joining_each_window_would(values: list[int], long: int) -> None:
    numbers = [float(each) for each in values]
    wanted = [numbers[at : at + long] for at in range(len(numbers) - long + 1)]
    assert slide(numbers, long, add, 0.0) == [sum(each) for each in wanted]
    assert slide(numbers, long, max, float("-inf")) == [max(each) for each in wanted]


@pytest.mark.parametrize(("over", "minutes"), [(20, 1), (60, 2), (90, 2), (300, 6), (600, 11)])
def test_a_window_of_the_past_is_as_long_as_a_live_one_at_the_end_of_its_minute(over: int, minutes: int) -> None:
    assert width(timedelta(seconds=over)) == minutes


@pytest.mark.django_db
@pytest.mark.usefixtures("telemetry")
def test_every_way_of_combining_says_what_a_live_window_said() -> None:
    chance = random.Random(7)
    of = guide(measures=measures())
    for number in range(50):
        if number % 11 < 7:
            for _ in range(chance.randint(1, 4)):
                fact = probe(T0 + number * MINUTE, chance.choice(("ok", "fail")), name=chance.choice("ab"))
                put({**fact, "total_ms": float(chance.randint(1, 900)), "failure": chance.choice(("dns", "tls"))})
    end = T0 + 50 * MINUTE
    answered(end)
    readings.compute(of, now=end)
    for each in of.measures.values():
        condition = Condition(each.name, 3 * MINUTE, above=0)
        keys = series_of(condition, each, T0, end)
        assert [key for key, _ in keys] == (["probe=a", "probe=b"] if each.by else [""])
        for key, labels in keys:
            found = past(each, condition.over, key, labels, T0, end)
            assert len(found.values) == 50
            for number in range(0, 50, 7):
                answered(T0 + number * MINUTE + PASS)
                [live] = windows.read(of, [condition], now=T0 + number * MINUTE + PASS)
                value = live.of(key, labels)
                assert found.observed[number] == value.n, (each.name, number)
                if each.combine in ("sum", "uniq"):
                    assert (found.values[number] or 0.0) == value.value
                else:
                    assert found.values[number] == value.value, (each.name, number)


@pytest.mark.django_db
@pytest.mark.usefixtures("telemetry")
def test_nothing_recorded_is_nothing_and_labels_narrow() -> None:
    each = share()
    readings.compute(guide(measures=[each]), now=T0)
    assert series_of(Condition("share", MINUTE, above=0), each, T0, T0 + 9 * MINUTE) == []
    assert past(each, MINUTE, "probe=x", {}, T0, T0 + 9 * MINUTE).values == [None] * 9
    put(probe(T0), probe(T0, name="home"))
    readings.compute(guide(measures=[each]), now=T0 + PASS)
    narrowed = Condition("share", MINUTE, above=0, only={"probe": ("home",)})
    assert series_of(narrowed, each, T0, T0 + MINUTE) == [("probe=home", {"probe": "home"})]


def seen(at: datetime, *, age_s: float | None = None) -> None:
    """Record of ourselves that we were watching, and how long the website had been silent."""
    gauge = {"at": at, "received_at": at, "source": "nigrani", "labels": {}}
    put({**gauge, "id": f"b{at}", "name": "nigrani.journal.backlog_rows", "value": 0.0}, table="gauges")
    if age_s is not None:
        labels = {"source": "website"}
        put({**gauge, "id": f"a{at}", "name": "nigrani.source.age_s", "labels": labels, "value": age_s}, table="gauges")


@pytest.mark.django_db
@pytest.mark.usefixtures("telemetry")
def test_it_says_which_minutes_can_not_be_judged_and_why() -> None:
    each = failed()
    of = guide(measures=[each])
    nothing = watched(of, each, MINUTE, T0, T0 + 4 * MINUTE)
    assert nothing.shares == [("no reading was recorded with this text of the measure", 1.0)]
    answered(T0)
    readings.compute(of, now=T0)
    Watermark.objects.update(filled_from=T0 + MINUTE)
    for number in range(10):
        if number not in (6, 7, 8, 9):
            seen(T0 + number * MINUTE + PASS, age_s=30.0 + 60 * (number == 4))
    found = watched(of, each, MINUTE, T0, T0 + 10 * MINUTE)
    told = [found.whys[blind - 1] if blind else "" for blind in found.blind]
    dark, unfilled, off = "The website did not answer", "it was not computed yet", "Nigrani was not watching"
    assert told == [unfilled, unfilled, "", "", dark, "", "", "", off, off], "a record stands for two minutes"
    assert dict(found.shares) == {unfilled: 0.2, dark: 0.1, off: 0.2}


@pytest.mark.django_db
@pytest.mark.usefixtures("telemetry")
def test_a_source_that_is_not_set_up_makes_all_of_it_unknown() -> None:
    each = measure("failed", FAILED)
    of = guide(measures=[each], sources=[source(missing=("ERP_URL",))])
    assert watched(of, each, MINUTE, T0, T0 + 3 * MINUTE).shares == [("The website is not set up", 1.0)]


@pytest.mark.django_db
@pytest.mark.usefixtures("telemetry")
def test_a_question_that_was_not_answered_makes_what_lives_on_it_unknown() -> None:
    each = failed(asks=("login",))
    probes = {"login": Probe("login", None, MINUTE, MINUTE, HERE)}
    of = guide(measures=[each], sources=[source(probes=probes)])
    answered(T0)
    readings.compute(of, now=T0)
    Watermark.objects.update(filled_from=T0 - timedelta(days=1))
    for number in range(10):
        seen(T0 + number * MINUTE + PASS, age_s=1.0)
    put(probe(T0 - MINUTE), probe(T0 + MINUTE, "blind"), probe(T0 + 7 * MINUTE))
    found = watched(of, each, MINUTE, T0, T0 + 10 * MINUTE)
    assert [bool(blind) for blind in found.blind] == [False] * 2 + [True] * 5 + [False] * 3
    assert found.shares == [("the question login of The website was not answered", 0.5)]
