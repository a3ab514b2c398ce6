"""Whole passes on both stores: facts come in, alerts change once, and only what changed is written."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.measures.making import MINUTE, T0, alert, answered, failed, guide, probe, put, share, source

from nigrani.alerts import actions, queries
from nigrani.alerts.models import Alert, Fate, Rule, Transition
from nigrani.guide import Clear, Condition, Guide
from nigrani.guide.model import AlertLevel
from nigrani.lib.errors import Unreachable
from nigrani.measures import readings
from nigrani.measures.models import Verdict
from nigrani.outbox.models import Message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("telemetry")]

SECOND = timedelta(seconds=1)
DOWN = alert()
MANY = alert("many", when=Condition("failed", 2 * MINUTE, above=3), hold=timedelta(), urgency="high")


def turn(of: Guide, at: datetime, *, dark: bool = False) -> int:
    if not dark:
        answered(at)
    readings.compute(of, now=at)
    return actions.evaluate(of, now=at)


def story(key: str) -> list[tuple[str, str]]:
    rows = Transition.objects.filter(alert__key=key).order_by("id")
    return [(row.old, row.new) for row in rows]


def test_a_fault_fires_and_its_end_resolves() -> None:
    of = guide(measures=[share()], alerts=[DOWN])
    put(probe(T0))
    assert turn(of, T0) == 0
    put(probe(T0 + 2 * SECOND, "fail"))
    turn(of, T0 + 3 * SECOND)
    row = Alert.objects.get()
    assert (row.key, row.state, row.value, row.labels) == ("down{probe=login}", "firing", 0.5, {"probe": "login"})
    assert Transition.objects.get().because == "50 % over 1 min is below 95 %."
    put(probe(T0 + 3 * MINUTE))
    turn(of, T0 + 3 * MINUTE)
    assert story(row.key) == [("ok", "firing"), ("firing", "ok")]
    assert Transition.objects.latest("id").because == "100 % over 1 min is not below 95 %."


def test_a_rule_without_labels_has_its_row_from_the_first_pass() -> None:
    of = guide(measures=[failed()], alerts=[MANY])
    turn(of, T0)
    assert story("many") == [("unknown", "ok")]
    turn(of, T0 + 2 * SECOND)
    assert Transition.objects.count() == 1


def test_a_label_set_has_a_row_when_it_first_leaves_ok() -> None:
    of = guide(measures=[share()], alerts=[DOWN])
    put(probe(T0), probe(T0, "fail", name="home"))
    turn(of, T0)
    assert list(Alert.objects.values_list("key", flat=True)) == ["down{probe=home}"]
    assert Rule.objects.get().known == "known"


def test_a_dark_source_keeps_what_fires_and_makes_the_rest_unknown() -> None:
    of = guide(measures=[share(), failed()], alerts=[DOWN, MANY])
    put(probe(T0, "fail"))
    turn(of, T0)
    later = T0 + 2 * MINUTE
    turn(of, later, dark=True)
    firing, quiet = Alert.objects.get(key="down{probe=login}"), Alert.objects.get(key="many")
    assert (firing.state, firing.known) == ("firing", "unknown")
    assert (quiet.state, quiet.known) == ("unknown", "unknown")
    assert Transition.objects.latest("id").because == "The website has not answered for 2 min."
    assert Rule.objects.get(name="down").says == "The website has not answered for 2 min"


def test_a_source_that_is_not_set_up_is_told_as_such() -> None:
    of = guide(measures=[failed()], alerts=[MANY], sources=[source(missing=("ERP_URL",))])
    turn(of, T0)
    [view] = queries.alerts(of)
    assert (view.state, view.word, view.says) == (
        "unknown",
        "no source",
        "The website is not set up: ERP_URL is missing",
    )
    assert Transition.objects.count() == 0


def test_a_vanished_label_set_stays_until_it_can_be_judged() -> None:
    of = guide(measures=[share()], alerts=[DOWN])
    put(probe(T0, "fail"))
    turn(of, T0)
    turn(of, T0 + 10 * MINUTE)
    row = Alert.objects.get()
    assert (row.state, row.known, row.says) == ("firing", "too_little", "no reading over 1 min")


def test_a_label_set_without_a_reading_for_a_day_is_over() -> None:
    of = guide(measures=[share()], alerts=[DOWN])
    put(probe(T0, "fail"))
    turn(of, T0)
    turn(of, T0 + 10 * MINUTE)
    turn(of, T0 + timedelta(days=1))
    assert Alert.objects.get().state == "firing"
    turn(of, T0 + timedelta(days=1, minutes=10))
    assert story("down{probe=login}") == [("ok", "firing"), ("firing", "ok")]
    assert Transition.objects.latest("id").because == "It has had no reading for 1 d."


def test_a_rule_that_left_the_guide_closes_its_alerts() -> None:
    put(probe(T0, "fail"))
    turn(guide(measures=[share()], alerts=[DOWN]), T0)
    turn(guide(measures=[share()]), T0 + SECOND)
    assert story("down{probe=login}") == [("ok", "firing"), ("firing", "ok")]
    assert Transition.objects.latest("id").because == "The rule left the guide."
    assert Rule.objects.get().gone_at == T0 + SECOND
    put(probe(T0 + MINUTE, "fail"))
    turn(guide(measures=[share()], alerts=[DOWN]), T0 + MINUTE)
    assert story("down{probe=login}")[-1] == ("ok", "firing"), "it comes back under its old name"
    assert Rule.objects.get().gone_at is None


def test_a_label_set_that_the_rule_no_longer_has_is_closed() -> None:
    put(probe(T0, "fail"))
    turn(guide(measures=[share()], alerts=[DOWN]), T0)
    narrowed = alert(when=Condition("share", MINUTE, below=0.95, only={"probe": ("home",)}))
    turn(guide(measures=[share()], alerts=[narrowed]), T0 + SECOND)
    assert Transition.objects.latest("id").because == "The rule no longer has this label set."


def test_a_changed_text_keeps_the_state() -> None:
    put(probe(T0, "fail"))
    turn(guide(measures=[share()], alerts=[DOWN]), T0)
    other = share(sql=share().sql.replace("outcome = 'ok'", "outcome IN ('ok')"))
    turn(guide(measures=[other], alerts=[alert(title="Other words")]), T0 + SECOND)
    assert story("down{probe=login}") == [("ok", "firing")]


def test_holds_are_kept_in_the_database_alone() -> None:
    held = alert("many", when=Condition("failed", MINUTE, above=0), hold=MINUTE, clear=Clear(hold=MINUTE))
    of = guide(measures=[failed()], alerts=[held])
    for second in range(0, 260, 10):
        if second < 120:
            put(probe(T0 + second * SECOND, "fail"))
        turn(of, T0 + second * SECOND)
    changes = list(Transition.objects.order_by("id").values_list("new", "at"))
    offsets = [(new, (at - T0).total_seconds()) for new, at in changes]
    assert offsets == [("pending", 0), ("firing", 60), ("recovering", 240 - 60), ("ok", 240)]


def test_levels_rise_and_fall_in_one_alert() -> None:
    rising = alert(
        "many", urgency="high", when=Condition("failed", MINUTE, above=1), clear=Clear(below=1),
        higher=(AlertLevel("critical", above=4, hold=10 * SECOND, clear=Clear(below=3, hold=MINUTE)),),
    )  # fmt: skip
    of = guide(measures=[failed()], alerts=[rising])
    put(*(probe(T0, "fail") for _ in range(6)))
    for second in (0, 5, 10, 20):
        turn(of, T0 + second * SECOND)
    row = Alert.objects.get()
    assert (row.state, row.level, row.higher["critical"][0]) == ("firing", "critical", "firing")
    assert row.says == "6 over 1 min is above 4"
    put(*(probe(T0 + 3 * MINUTE, "fail") for _ in range(2)))
    for second in (180, 200, 240):
        turn(of, T0 + second * SECOND)
    turn(of, T0 + 10 * MINUTE)
    changes = [
        (each.old, each.new, each.old_level, each.level, (each.at - T0).total_seconds(), each.awaits)
        for each in Transition.objects.order_by("id")
    ]
    assert changes == [
        ("unknown", "firing", "", "high", 0, True),
        ("firing", "firing", "high", "critical", 10, True),
        ("firing", "firing", "critical", "high", 240, True),
        ("firing", "ok", "high", "", 600, True),
    ]
    assert Transition.objects.order_by("id")[1].because == "6 over 1 min is above 4, for 10 s."
    assert Transition.objects.order_by("id")[2].because == "2 over 1 min is not above 4, for 1 min."
    assert (Alert.objects.get().level, Alert.objects.get().higher) == ("", {})


def test_a_level_that_the_guide_gets_later_begins_where_the_alert_stands() -> None:
    put(*(probe(T0, "fail") for _ in range(6)))
    when = Condition("failed", MINUTE, above=1)
    turn(guide(measures=[failed()], alerts=[alert("many", urgency="high", when=when)]), T0)
    assert Alert.objects.get().level == "high"
    more = alert("many", urgency="high", when=when, higher=(AlertLevel("critical", above=4, hold=MINUTE),))
    turn(guide(measures=[failed()], alerts=[more]), T0 + SECOND)
    row = Alert.objects.get()
    assert (row.state, row.level, row.higher["critical"][0]) == ("firing", "high", "pending")
    turn(guide(measures=[failed()], alerts=[alert("many", when=when)]), T0 + 2 * SECOND)
    row = Alert.objects.get()
    assert (row.level, row.higher, Transition.objects.count()) == ("critical", {}, 1), "a text is no change of state"


def test_a_pass_that_changes_nothing_writes_only_when_it_ran() -> None:
    of = guide(measures=[share(), failed()], alerts=[DOWN, MANY])
    put(probe(T0, "fail"))
    turn(of, T0)
    turn(of, T0 + SECOND)
    with CaptureQueriesContext(connection) as asked:
        actions.evaluate(of, now=T0 + 2 * SECOND)
    writes = [each["sql"] for each in asked if each["sql"].startswith(("UPDATE", "INSERT", "DELETE"))]
    assert len(writes) == 1, writes
    assert "evaluated_at" in writes[0]
    assert len(asked) <= 12, [each["sql"][:90] for each in asked]


def test_a_clock_set_back_fires_and_resolves_nothing() -> None:
    of = guide(measures=[share(), failed()], alerts=[DOWN, MANY])
    put(probe(T0, "fail"), probe(T0 - 2 * timedelta(hours=1)))
    turn(of, T0)
    back = T0 - 2 * timedelta(hours=1)
    turn(of, back)
    row = Alert.objects.get(key="down{probe=login}")
    assert (row.state, row.known) == ("firing", "unknown")
    put(*(probe(back + index * 10 * SECOND) for index in range(1, 13)))
    turn(of, back + 2 * MINUTE)
    assert story("down{probe=login}") == [("ok", "firing"), ("firing", "ok")]


def test_a_worker_whose_clock_is_a_little_behind_changes_nothing() -> None:
    held = alert("many", when=Condition("failed", MINUTE, above=0), hold=10 * SECOND)
    of = guide(measures=[failed()], alerts=[held])
    put(probe(T0, "fail"))
    turn(of, T0)
    before = Alert.objects.values().get()
    actions.evaluate(of, now=T0 - SECOND)
    assert Alert.objects.values().get() == before
    assert Rule.objects.get().evaluated_at == T0


def test_a_lost_store_makes_things_unknown_only_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    of = guide(measures=[failed()], alerts=[MANY])
    turn(of, T0)
    turn(of, T0 + SECOND)
    monkeypatch.setenv("NIGRANI_CLICKHOUSE_URL", "http://nigrani:x@127.0.0.1:9/nigrani")
    actions.evaluate(of, now=T0 + 30 * SECOND)
    for second, state in ((70, "ok"), (90, "unknown")):
        answered(T0 + second * SECOND)
        with pytest.raises(Unreachable, match="does not answer"):
            actions.evaluate(of, now=T0 + second * SECOND)
        assert Alert.objects.get().state == state
    assert Alert.objects.get().says == "telemetry does not answer"


def test_every_rule_leaves_a_verdict() -> None:
    of = guide(measures=[share(), failed()], alerts=[DOWN, alert("many", when=MANY.when, starts="shadow")])
    put(probe(T0, "fail"))
    turn(of, T0)
    loud, quiet = Verdict.objects.get(item="alert:down"), Verdict.objects.get(item="alert:many")
    assert (loud.met, loud.value, loud.says) == (False, 0, "login: 0 % over 1 min is below 95 %")
    assert (quiet.met, quiet.says) == (True, "1 over 2 min is not above 3 (in shadow)")


@pytest.mark.django_db(transaction=True)
def test_workers_racing_make_one_transition() -> None:
    turns = 8
    of = guide(measures=[share()], alerts=[DOWN])
    put(*(probe(T0, "fail", name=f"p{index}") for index in range(50)))
    answered(T0)
    readings.compute(of, now=T0)
    barrier, failures = threading.Barrier(turns), []

    def work(number: int) -> None:
        try:
            barrier.wait()
            actions.evaluate(of, now=T0 + timedelta(milliseconds=number))
            actions.dispatch(of, now=T0 + timedelta(milliseconds=number))
        except Exception as error:  # the test below tells it
            failures.append(error)
        finally:
            connection.close()

    threads: list[Any] = [threading.Thread(target=work, args=(number,)) for number in range(turns)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Transition.objects.count() == 50
    assert Fate.objects.count() == 50
    assert Message.objects.count() == 1
