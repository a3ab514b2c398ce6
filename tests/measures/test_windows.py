"""Windows merge minutes, and a value that is none says which of the three kinds it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from nigrani.guide import Condition, Guide, current
from nigrani.measures import labels, readings, windows
from nigrani.measures.series import Point, series
from nigrani.measures.values import Value
from nigrani.telemetry import store

from .making import MINUTE, T0, answered, failed, guide, measure, probe, put, share, source

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("telemetry")]

SPAN = "FROM probes WHERE at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)} GROUP BY minute"
HEAD = "SELECT toStartOfMinute(at) AS minute, count() AS n,"


def read(of: Guide, condition: Condition, *, at: Any = T0) -> dict[str, Value]:
    readings.compute(of, now=at)
    return dict(windows.read(of, [condition], now=at)[0].values)


@pytest.mark.parametrize(
    ("combine", "column", "value"),
    [
        ("sum", "sum(total_ms) AS num", 5050),
        ("max", "max(total_ms) AS num", 100),
        ("last", "argMax(total_ms, at) AS num", 1),
        ("ratio", "countIf(total_ms > 90) AS num, count() AS den", 0.1),
        ("p50", "hex(quantilesTDigestState(0.5, 0.95, 0.99)(assumeNotNull(total_ms))) AS digest", 50),
        ("p95", "hex(quantilesTDigestState(0.5, 0.95, 0.99)(assumeNotNull(total_ms))) AS digest", 95),
        ("uniq", "hex(uniqState(toString(assumeNotNull(total_ms)))) AS digest", 100),
    ],
)
def test_minutes_merge_as_the_measure_says(combine: str, column: str, value: float) -> None:
    one = measure("one", f"{HEAD} {column} {SPAN}", combine=combine)
    answered(T0)
    put(*(probe(T0 - index * timedelta(seconds=3)) | {"total_ms": index + 1.0} for index in range(100)))
    found = read(guide(measures=[one]), Condition("one", 10 * MINUTE, above=0))
    assert found[""].known == "known"
    assert found[""].n == 100
    assert found[""].value == pytest.approx(value, rel=0.02)


def test_a_window_takes_no_more_than_its_minutes() -> None:
    answered(T0)
    put(probe(T0, "fail"), probe(T0 - MINUTE, "fail"), probe(T0 - 5 * MINUTE, "fail"), probe(T0 - 6 * MINUTE, "fail"))
    found = read(guide(measures=[failed()]), Condition("failed", 5 * MINUTE, above=0))
    assert (found[""].value, found[""].says) == (3, "3 over 5 min")


def test_nothing_counted_is_a_true_zero_only_while_the_source_answers() -> None:
    of, condition = guide(measures=[failed()]), Condition("failed", MINUTE, above=0)
    answered(T0)
    assert read(of, condition)[""].value == 0
    later = read(of, condition, at=T0 + timedelta(seconds=61))[""]
    assert (later.known, later.value, later.says) == ("unknown", None, "The website has not answered for 1 min 1 s")


def test_a_source_that_never_answered_and_one_that_is_not_there() -> None:
    condition = Condition("failed", MINUTE, above=0)
    assert read(guide(measures=[failed()]), condition)[""].says == "The website has not answered yet"
    absent = guide(measures=[failed()], sources=[source(missing=("ERP_URL",))])
    value = read(absent, condition)[""]
    assert (value.known, value.says) == ("no_source", "The website is not set up: ERP_URL is missing")


def test_too_few_observations_are_too_little() -> None:
    answered(T0)
    put(*(probe(T0) for _ in range(3)))
    found = read(guide(measures=[share()]), Condition("share", MINUTE, above=0, min_n=4))["probe=login"]
    assert (found.known, found.value, found.n) == ("too_little", None, 3)
    assert found.says == "3 of the 4 observations it takes to judge were made over 1 min"


def test_a_ratio_without_readings_is_no_zero() -> None:
    answered(T0)
    found = read(guide(measures=[one_share()]), Condition("plain", MINUTE, below=0.5))[""]
    assert (found.known, found.says) == ("too_little", "no reading over 1 min")


def one_share() -> Any:
    return measure("plain", f"{HEAD} countIf(outcome = 'ok') AS num, count() AS den {SPAN}", combine="ratio")


def test_a_vanished_label_set_keeps_a_value() -> None:
    answered(T0)
    of = guide(measures=[share(), failed_by()])
    readings.compute(of, now=T0)
    ratio, total = windows.read(of, [Condition("share", MINUTE, above=0), Condition("by", MINUTE, above=0)], now=T0)
    assert ratio.of("probe=login", {"probe": "login"}).known == "too_little"
    assert total.of("probe=login", {"probe": "login"}).value == 0


def failed_by() -> Any:
    return measure("by", failed().sql.replace("minute,", "minute, probe,").replace("GROUP BY", "GROUP BY probe,"),
                   by=("probe",))  # fmt: skip


def test_only_some_label_sets_are_asked_for() -> None:
    answered(T0)
    put(probe(T0), probe(T0, name="home"))
    found = read(guide(measures=[share()]), Condition("share", MINUTE, above=0, only={"probe": ("home",)}))
    assert list(found) == ["probe=home"]


def test_readings_that_are_behind_make_a_measure_unknown() -> None:
    of, condition = guide(measures=[failed()]), Condition("failed", MINUTE, above=0)
    readings.compute(of, now=T0)
    later = T0 + 10 * MINUTE
    answered(later)
    assert windows.read(of, [condition], now=later)[0].values[""].says == "its readings are 10 min behind"


def test_a_failing_measure_is_unknown_with_its_reason() -> None:
    answered(T0)
    broken = measure("failed", f"{HEAD} badly AS num {SPAN}")
    found = read(guide(measures=[broken]), Condition("failed", MINUTE, above=0))
    assert found[""].known == "unknown"
    assert found[""].says.startswith("its SQL fails: The telemetry store refused the query")


def test_readings_that_can_not_be_merged_spoil_no_other_measure() -> None:
    answered(T0)
    put(probe(T0, "fail") | {"total_ms": 1.0})
    odd = measure("odd", f"{HEAD} hex(uniqState(toString(total_ms))) AS digest {SPAN}", combine="uniq")
    of = guide(measures=[odd, failed()])
    readings.compute(of, now=T0)
    both = [Condition("odd", MINUTE, above=0), Condition("failed", MINUTE, above=0)]
    spoilt, sound = (each.values[""] for each in windows.read(of, both, now=T0))
    assert (sound.known, sound.value) == ("known", 1)
    assert spoilt.known == "unknown"
    assert spoilt.says.startswith("its readings can't be merged")


def test_odd_label_values_are_kept_apart() -> None:
    answered(T0)
    odd = ["a,b", "a\\,b", "it's", "x\ny", "x\ty", "", "l" * 300, "l" * 301, "ü☃", "{}", "a=b"]
    put(*(probe(T0, name=name) for name in odd))
    found = read(guide(measures=[share()]), Condition("share", MINUTE, above=0))
    assert len(found) == len(odd)
    for key, value in found.items():
        assert labels.key(value.labels) == key
        assert series(share(), key, T0, T0 + MINUTE) == [Point(T0, 1.0)], key


def test_merge_asks_under_the_guide_that_runs() -> None:
    answered(T0)
    put(probe(T0))
    of = guide(measures=[share()])
    current.set(of)
    readings.compute(of, now=T0)
    assert windows.merge(share(), MINUTE, at=T0)["probe=login"].value == 1
    dark = windows.merge(share(), MINUTE, at=T0 + 30 * MINUTE)
    assert [value.known for value in dark.values()] == ["unknown"]


def test_a_chart_has_gaps_and_a_bounded_number_of_points() -> None:
    put(probe(T0), probe(T0 + 2 * MINUTE, "fail"))
    readings.compute(guide(measures=[share()]), now=T0 + 2 * MINUTE)
    points = series(share(), "probe=login", T0, T0 + 3 * MINUTE)
    assert [point.value for point in points] == [1.0, None, 0.0]
    wide = series(share(), "probe=login", T0, T0 + timedelta(days=1), points=100)
    assert len(wide) <= 100
    assert wide[0].value == 0.5


def test_what_did_not_change_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answered(T0)
    put(probe(T0))
    of, condition = guide(measures=[share()]), Condition("share", MINUTE, above=0)
    readings.compute(of, now=T0)
    windows.read(of, [condition], now=T0)
    asked: list[str] = []
    query: Callable[..., Any] = store.query

    def counted(sql: str, *args: Any) -> Any:
        asked.append(sql)
        return query(sql, *args)

    monkeypatch.setattr(store, "query", counted)
    windows.read(of, [condition], now=T0 + timedelta(seconds=2))
    assert asked == []
    windows.read(of, [condition], now=T0 + MINUTE)
    assert len(asked) == 1
