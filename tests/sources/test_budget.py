"""Asking has a price: it is known, bounded by a budget, and never paid by the questions that matter most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.sources import guides

from nigrani import integrations
from nigrani.integrations import Answer, Gauge, ProbeJob
from nigrani.lib import clock
from nigrani.lib.errors import SourceError, Unreachable
from nigrani.sources import actions, budget, queries, rows
from nigrani.sources.models import Probe
from nigrani.telemetry import journal, store

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_within_the_budget_nothing_is_stretched() -> None:
    costs = [budget.Cost(MINUTE, 30_000, False), budget.Cost(MINUTE, 599, True)]
    assert budget.factor(costs, 0.01) == 1
    assert budget.pace(MINUTE, 1) is None


def test_beyond_it_the_optional_questions_share_it() -> None:
    costs = [budget.Cost(MINUTE, 300, False), budget.Cost(MINUTE, 900, True), budget.Cost(MINUTE, 300, True)]
    by = budget.factor(costs, 0.01)
    assert by == pytest.approx(2)
    assert budget.pace(MINUTE, by) == 2 * MINUTE


def test_when_nothing_is_left_they_are_asked_seldom_and_never_never() -> None:
    costs = [budget.Cost(MINUTE, 59_000, True)]
    assert budget.pace(MINUTE, budget.factor(costs, 0.01)) == budget.SELDOM
    assert budget.pace(timedelta(hours=1), float("inf")) is None
    assert budget.factor([budget.Cost(MINUTE, 5000, False)], 0.01) == 1


@dataclass(frozen=True)
class Config:
    budget: float = 0.01


@dataclass(frozen=True)
class Question:
    is_optional: bool


class Prober:
    """Answers what a test put there, and keeps the memories it was handed."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | SourceError] = {}
        self.memories: list[Any] = []

    def probe(self, jobs: Sequence[ProbeJob]) -> Iterator[tuple[ProbeJob, Answer | SourceError]]:
        for job in jobs:
            self.memories.append(job.memory)
            yield job, self.answers[job.probe]


@dataclass(frozen=True)
class Found:
    prober: Prober


@pytest.fixture
def prober(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Iterator[Prober]:
    one = Prober()
    monkeypatch.setattr(integrations, "find", lambda _kind: Found(one))
    yield one
    assert actions.settle(timeout_s=30)
    actions.stop()


GUIDE = guides.guide(
    guides.source("db", "postgres", Config(), {"must": Question(False), "may": Question(True)}, every_s=60)
)


def turn(at: datetime) -> None:
    with clock.standing_at(at):
        actions.probe_due(GUIDE, now=at)
        assert actions.settle(timeout_s=30)


@pytest.mark.django_db(transaction=True)
def test_an_expensive_question_is_asked_less_often_and_that_is_said(prober: Prober) -> None:
    prober.answers = {"must": Answer(True, cost_ms=60), "may": Answer(True, cost_ms=1200)}
    actions.sync(GUIDE, now=NOW)
    for minutes in range(3):
        turn(NOW + minutes * MINUTE)
    may, must = Probe.objects.order_by("probe")
    assert must.pace is None
    assert may.pace is not None
    assert may.pace > MINUTE
    assert may.next_at is not None
    assert rows.pull(NOW + 2 * MINUTE) == 0  # a stretched question is not pulled back to the guide's pace
    [view] = queries.sources(GUIDE, NOW + 3 * MINUTE)
    said = view.costs_in_words(0.01)
    assert "the budget is 1 %" in said
    assert "1 of them are asked less often: may every 2 min" in said
    prober.answers["may"] = Answer(True, cost_ms=1)
    for minutes in range(3, 60):
        turn(NOW + minutes * MINUTE)
    assert Probe.objects.get(probe="may").pace is None


@pytest.mark.django_db(transaction=True)
def test_what_an_answer_keeps_comes_back_with_the_next_question(prober: Prober) -> None:
    prober.answers = {"must": Answer(True), "may": Answer(True, memory={"seen": [1, "é"]})}
    actions.sync(GUIDE, now=NOW)
    turn(NOW)
    prober.answers["may"] = Unreachable("Gone.")
    turn(NOW + MINUTE)
    turn(NOW + 2 * MINUTE)
    assert [each for each in prober.memories if each] == [{"seen": [1, "é"]}] * 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("telemetry")
def test_an_absent_answer_is_no_failure_and_no_darkness(prober: Prober) -> None:
    prober.answers = {"must": Answer(True), "may": Answer(False, "absent", "Run: CREATE EXTENSION x.")}
    actions.sync(GUIDE, now=NOW)
    for minutes in range(3):
        turn(NOW + minutes * MINUTE)
    row = Probe.objects.get(probe="may")
    assert (row.last_outcome, row.state, row.suspect, row.blind_since) == ("absent", "new", False, None)
    found = queries.unanswered(GUIDE, NOW + 2 * MINUTE)
    assert found == {("db", "may"): queries.Unanswered(True, "Run: CREATE EXTENSION x")}
    assert queries.darkness(GUIDE, NOW + 2 * MINUTE, asking_for=timedelta(hours=1))["db"] == 0
    later = queries.unanswered(GUIDE, NOW + timedelta(hours=1))
    assert later["db", "must"] == queries.Unanswered(False, "The question must of Db has not been answered for 58 min")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("telemetry")
def test_gauges_of_one_name_are_kept_by_their_labels_and_hostile_ones_are_made_plain(prober: Prober) -> None:
    hostile = "<script>\x1b[31m‮" + "x" * 10_000
    gauges = (Gauge("g", 1, {"table": "a"}), Gauge("g", 2, {"table": "b"}), Gauge("g", 3, {"table": hostile}))
    prober.answers = {"must": Answer(True, gauges=gauges, cost_ms=5), "may": Answer(True)}
    actions.sync(GUIDE, now=NOW)
    turn(NOW)
    journal.ship(store)
    kept = store.query("SELECT labels, value FROM gauges FINAL WHERE name = 'g' ORDER BY value")
    assert [row["value"] for row in kept] == [1, 2, 3]
    shown = kept[2]["labels"]["table"]
    assert len(shown) == 200
    assert "\x1b" not in shown
    assert [row["value"] for row in store.query("SELECT value FROM gauges WHERE name = 'ask.cost_ms'")] == [5]
