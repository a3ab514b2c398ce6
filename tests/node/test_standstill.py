"""Our own alarm, which needs no telemetry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.measures.making import alert, guide, share
from tests.outbox.conftest import receiver

from nigrani.alerts import silencing
from nigrani.alerts.matching import Matchers
from nigrani.alerts.models import Rule
from nigrani.alerts.silencing import Plan
from nigrani.guide import Guide, Person, Where
from nigrani.lib import clock
from nigrani.node.standstill import Standstill
from nigrani.outbox.models import Message

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 2, 15, 9, tzinfo=UTC)
HERE = Where("people.yaml", 1, 1)


class Loops:
    """The loops of a process, as slow as a test wants, and the clock that its durations are measured by."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lags, self.s = {"evaluate": 0.0, "probes": 0.0}, 1000.0
        monkeypatch.setattr(clock, "monotonic", lambda: self.s)

    def alarm(self) -> Standstill:
        return Standstill(late=lambda: [name for name, lag in self.lags.items() if lag > 5], lags=lambda: self.lags)


@pytest.fixture
def loops(monkeypatch: pytest.MonkeyPatch) -> Loops:
    return Loops(monkeypatch)


@pytest.fixture
def of() -> Guide:
    people = {
        "lead": Person("lead", "Lead", ("slack", "mail"), HERE),
        "other": Person("other", "Other", ("quiet-channel",), HERE),
    }
    receivers = (receiver("slack", ""), receiver("mail", "", missing=("X",)), receiver("quiet-channel", ""))
    rules = [alert(), alert("quiet", owner="other")]
    made = guide(measures=[share()], alerts=rules, receivers=receivers, people=people)
    Rule.objects.create(name="down", phase="live", since=NOW)
    Rule.objects.create(name="quiet", phase="shadow", since=NOW)
    return made


def told() -> list[tuple[str, str]]:
    return list(Message.objects.order_by("id").values_list("receiver", "kind"))


def test_who_owns_a_live_rule_hears_of_it_once_and_of_its_end_once(of: Guide, loops: Loops) -> None:
    alarm = loops.alarm()
    loops.lags["evaluate"] = 100.0
    assert alarm.turn(of, now=NOW) == 0
    loops.lags["evaluate"] = 200.0
    assert [alarm.turn(of, now=NOW), alarm.turn(of, now=NOW)] == [1, 0]
    assert told() == [("slack", "firing")]
    assert "No turn for 3 min 20 s: evaluate." in Message.objects.get().notice["lines"][0]
    loops.lags["evaluate"] = 1.0
    assert alarm.turn(of, now=NOW) == 0
    loops.s += 61
    assert [alarm.turn(of, now=NOW), alarm.turn(of, now=NOW)] == [1, 0]
    assert told() == [("slack", "firing"), ("slack", "resolved")]


def test_a_restart_in_between_tells_nothing_twice_and_takes_nothing_back(of: Guide, loops: Loops) -> None:
    loops.lags["evaluate"] = 200.0
    loops.alarm().turn(of, now=NOW)
    again = loops.alarm()
    loops.lags["evaluate"] = 6.0
    assert again.turn(of, now=NOW + timedelta(seconds=10)) == 0
    loops.lags["evaluate"] = 300.0
    assert again.turn(of, now=NOW + timedelta(minutes=5)) == 0
    assert told() == [("slack", "firing")]


def test_a_process_that_is_well_from_the_start_tells_nothing(of: Guide, loops: Loops) -> None:
    alarm = loops.alarm()
    loops.s += 600
    assert [alarm.turn(of, now=NOW), alarm.turn(of, now=NOW)] == [0, 0]
    assert told() == []


def test_no_silence_mutes_our_own_alarm(of: Guide, loops: Loops) -> None:
    plan = Plan("silence", Matchers(rules=("*",)), "everything is quiet", timedelta(days=1))
    silencing.add(plan, of, by="asha@example.in", now=NOW)
    alarm = loops.alarm()
    loops.lags["evaluate"] = 300.0
    assert alarm.turn(of, now=NOW) > 0
    assert ("slack", "firing") in told()
