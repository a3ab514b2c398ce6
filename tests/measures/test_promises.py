"""Promises are held against what is measured, and every row of the guide gets an answer with its evidence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nigrani.guide import Condition, Cover, Guide, Promise, Row
from nigrani.measures import promises, readings
from nigrani.measures.cover import cover
from nigrani.measures.models import Verdict

from .making import HERE, MINUTE, T0, answered, failed, guide, probe, put, share, source

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("telemetry")]

DAY = timedelta(days=1)
UPTIME = Promise("uptime", "check", "Uptime", (Cover("C04"),), Condition("share", DAY, above=0.9), HERE)
ROWS = (Row("C04", "Morning", "System uptime"), Row("K01", "KPI", "Availability"), Row("M9", "Strategy", "Moonlight"))


def made(**changes: object) -> Guide:
    part = Promise("few", "kpi", "Few fail", (Cover("K01", "only logins"),), Condition("failed", DAY, below=1), HERE)
    return guide(measures=[share(), failed()], promises=[UPTIME, part], rows=ROWS, **changes)  # type: ignore[arg-type]


def test_a_promise_is_met_or_not_by_its_worst_series() -> None:
    answered(T0)
    put(probe(T0), probe(T0, "fail"), probe(T0, name="home"))
    readings.compute(made(), now=T0)
    assert promises.evaluate(made(), now=T0) == 4
    verdict = Verdict.objects.get(item="check:uptime")
    assert (verdict.known, verdict.value, verdict.met) == ("known", 0.5, False)
    assert verdict.says == "login: 50 % over 1 d (readings of the last 1 min only), not above 90 %"
    assert Verdict.objects.get(item="measure:failed").says == "1 over 1 h"


def test_it_is_renewed_once_a_minute_and_when_its_word_changes() -> None:
    answered(T0)
    put(probe(T0))
    readings.compute(made(), now=T0)
    promises.evaluate(made(), now=T0)
    assert promises.evaluate(made(), now=T0 + timedelta(seconds=59)) == 0
    answered(T0 + MINUTE)
    assert promises.evaluate(made(), now=T0 + MINUTE) == 4


def test_without_an_answer_it_is_neither_kept_nor_broken() -> None:
    answered(T0 - 10 * MINUTE)
    readings.compute(made(), now=T0)
    promises.evaluate(made(), now=T0)
    verdict = Verdict.objects.get(item="check:uptime")
    assert (verdict.known, verdict.met) == ("unknown", None)
    assert verdict.says == "The website has not answered for 10 min"


def test_every_row_says_whether_it_is_run_and_by_what() -> None:
    answered(T0)
    put(probe(T0))
    readings.compute(made(), now=T0)
    assert [item.state for item in cover(made(), now=T0)] == ["claimed", "claimed", "not yet"]
    promises.evaluate(made(), now=T0)
    whole, part, none = cover(made(), now=T0 + timedelta(seconds=30))
    number = Verdict.objects.get(item="check:uptime").pk
    assert (whole.row, whole.state, whole.by, whole.part, whole.age_s) == ("C04", "run", "check uptime", "", 30)
    assert whole.evidence == (
        f"Verdict {number}: login: 100 % over 1 d (readings of the last 1 min only), above 90 %, 30 s ago."
    )
    assert (part.state, part.part) == ("run", "only logins")
    assert part.evidence.startswith("In part: only logins. Verdict")
    assert (none.state, none.by) == ("not yet", "")


def test_a_verdict_that_grows_old_is_a_claim_again() -> None:
    answered(T0)
    put(probe(T0))
    readings.compute(made(), now=T0)
    promises.evaluate(made(), now=T0)
    assert [item.state for item in cover(made(), now=T0 + 4 * MINUTE)] == ["claimed", "claimed", "not yet"]


def test_a_row_whose_system_is_not_set_up_has_no_source() -> None:
    bare = made(sources=[source(missing=("ERP_URL",))])
    promises.evaluate(bare, now=T0)
    found = cover(bare, now=T0)
    assert [item.state for item in found] == ["no source", "no source", "not yet"]
    assert "ERP_URL is missing" in found[0].evidence
