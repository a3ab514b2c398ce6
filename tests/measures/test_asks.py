"""A measure lives on questions: one that is absent makes it no source, one that is silent unknown; a past half filled
is not judged."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from nigrani.guide import Condition
from nigrani.measures import history, readings, windows
from nigrani.measures.models import Watermark
from nigrani.measures.values import Value
from nigrani.sources.models import Probe, Source

from .making import MINUTE, T0, answered, failed, guide, probe, put

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("telemetry")]


def asked(**changes: Any) -> None:
    known: dict[str, Any] = {
        "source": Source.objects.get(), "probe": "statements", "every": MINUTE, "since": T0, "next_at": T0,
        "last_at": T0, "last_outcome": "ok",
    } | changes  # fmt: skip
    Probe.objects.create(**known)


def value(over: timedelta = 5 * MINUTE, *, at: Any = T0, **changes: Any) -> Value:
    of = guide(measures=[failed(**{"asks": ("statements",)} | changes)])
    readings.compute(of, now=at)
    [merged] = windows.read(of, [Condition("failed", over, above=0)], now=at)
    return merged.of("", {})


def test_a_question_the_system_has_nothing_to_say_to_is_no_source() -> None:
    answered(T0)
    asked(last_outcome="absent", last_detail="Run: CREATE EXTENSION pg_stat_statements.")
    found = value()
    assert (found.known, found.says) == ("no_source", "Run: CREATE EXTENSION pg_stat_statements")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"last_at": None, "last_outcome": ""}, "was not answered yet"),
        ({"last_outcome": "blind", "blind_since": T0 - 10 * MINUTE, "last_detail": "Timed out."}, "Timed out"),
        ({"last_at": T0 - 10 * MINUTE}, "has not been answered for 10 min"),
    ],
)
def test_a_question_that_is_not_answered_makes_it_unknown(changes: dict[str, Any], says: str) -> None:
    answered(T0)
    asked(**changes)
    found = value()
    assert found.known == "unknown"
    assert says in found.says


def test_a_short_blindness_or_a_stretched_pace_changes_nothing() -> None:
    answered(T0)
    asked(last_at=T0 - 50 * MINUTE, pace=30 * MINUTE)
    assert value().known == "known"


def test_a_window_over_a_past_that_is_not_filled_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    answered(T0)
    put(probe(T0, "fail"), probe(T0 - timedelta(hours=20), "fail"))
    for name, figure in {"BUDGET_S": 0, "FIRST": timedelta(hours=6), "MOST": timedelta(hours=6), "_chunks": {}}.items():
        monkeypatch.setattr(history, name, figure)
    seen = value(timedelta(hours=24), asks=())
    assert seen.known == "unknown"
    assert seen.says.startswith("its past is filled only from 2026-03-01 03:00 UTC on")
    assert value(timedelta(hours=2), asks=()).value == 1
    for _ in range(8):
        last = value(timedelta(hours=24), asks=())
    assert (last.known, last.value) == ("known", 2)


def test_what_a_measure_reads_itself_has_no_past_until_it_was_recorded() -> None:
    answered(T0)
    changes = {"asks": (), "read_from": "website", "combine": "max"}
    assert value(10 * MINUTE, **changes).known == "unknown"
    assert Watermark.objects.get().filled_from == T0
    later = T0 + 11 * MINUTE
    answered(later)
    assert value(10 * MINUTE, at=later, **changes).known == "too_little"
