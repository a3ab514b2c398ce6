"""A backtest says of a recorded past what live passes said of it then; it is bounded, and says what it can't know."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.alerts.test_ladder import SLOW as RISING
from tests.measures.making import HERE, MINUTE, T0, alert, answered, failed, guide, measure, probe, put, share, source
from tests.measures.test_past import SLOW, seen

from nigrani.alerts import actions, backtest
from nigrani.alerts.judge import holds_of, judge
from nigrani.alerts.ladder import climb, height
from nigrani.alerts.models import Transition
from nigrani.alerts.replay import Change, Replay
from nigrani.alerts.rules import alert_key
from nigrani.alerts.state import Seen
from nigrani.guide import Alert, Clear, Condition, Guide, Receiver
from nigrani.guide.model import AlertLevel
from nigrani.lib.errors import NigraniError, Unreachable
from nigrani.measures import readings
from nigrani.measures.past import PASS, Past, past, series_of
from nigrani.measures.watched import Watched, watched

MANY = alert("many", when=Condition("failed", 2 * MINUTE, above=2), hold=2 * MINUTE, clear=Clear(below=2, hold=MINUTE))
UNSEEN = ("it was not seen",)
values = st.lists(
    st.tuples(st.none() | st.integers(0, 10).map(float), st.integers(0, 3), st.integers(1, 9)), min_size=1, max_size=30
)


@given(values, st.booleans(), st.booleans())
def test_asking_at_the_ends_of_holds_is_asking_every_minute(
    course: list[tuple[float | None, int, int]], is_labelled: bool, is_rising: bool
) -> None:
    found = [(value, blind == 3, n) for value, blind, times in course for n in [times] * times]
    rule = RISING if is_rising else MANY
    of = failed(combine="max")
    one = Past("", {"probe": "a"} if is_labelled else {}, T0, [each for each, _, _ in found], [n for _, _, n in found])
    watching = Watched([int(blind) for _, blind, _ in found], UNSEEN)
    assert Replay(rule, of, one, watching).run() == [*every_minute(Replay(rule, of, one, watching))]


def every_minute(of: Replay) -> Iterator[Change]:
    """Yield the changes by asking the machine at every single minute."""
    first = Seen("ok" if of.past.labels else "unknown", of.past.start)
    before = (first, *(Seen("ok", of.past.start) for _ in of.declared.higher))
    for place in range(len(of.past.values)):
        value, now = of.value(place), of.at(place)
        found = judge(of.declared, of.measure, value)
        # As a pass does: a label set without a row is not looked at before it leaves ok.
        if of.past.labels and before[0].state == "ok" and not found[0].holds:
            continue
        after = climb(before, found, holds_of(of.declared), now=now)
        seen_now = tuple(Seen(each.state, each.since, each.pending_since, now) for each in after.levels)
        if after.because:
            names = [of.declared.levels[up - 1].urgency if up else "" for up in (height(before), after.height)]
            yield Change(place, now, before[0].state, seen_now[0].state, names[0], names[1], after.because)
        before = seen_now


def rules() -> list[Alert]:
    return [
        MANY,
        alert(
            "low", urgency="high", when=Condition("share", MINUTE, below=0.8, min_n=2), hold=MINUTE,
            clear=Clear(above=0.9),
            higher=(AlertLevel("critical", below=0.5, clear=Clear(above=0.6, hold=2 * MINUTE)),),
        ),
        alert("slow", when=Condition("slow", 3 * MINUTE, above=500), clear=Clear(below=400, hold=MINUTE)),
        alert("flat", when=Condition("newest", MINUTE, above=0)),
    ]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.usefixtures("telemetry")
@pytest.mark.parametrize("seed", [1, 2])
def test_it_equals_what_live_passes_recorded(seed: int) -> None:
    chance = random.Random(seed)
    of = guide(
        measures=[failed(), share(), measure("slow", SLOW, unit="ms", combine="p95", by=("probe",)),
                  measure("newest", failed().sql, combine="last")],
        alerts=rules(),
    )  # fmt: skip
    minutes, mood, last = 30, 0.1, T0
    answered(T0 - MINUTE)
    readings.compute(of, now=T0 - MINUTE)
    for number in range(minutes):
        now = T0 + number * MINUTE + PASS
        mood = chance.choice((0.0, 0.3, 0.6, 1.0)) if number % 4 == 0 else mood
        for _ in range(chance.randint(0, 4)):
            fact = probe(now - chance.randint(0, 59) * timedelta(seconds=1), "fail" if chance.random() < mood else "ok")
            put({**fact, "probe": chance.choice("ab"), "total_ms": 900 * chance.random() * mood + 100})
        if number % 13 < 10:
            last = now
        answered(last)
        seen(now, age_s=(now - last).total_seconds())
        readings.compute(of, now=now)
        actions.evaluate(of, now=now)
    for rule in of.alerts.values():
        live = list(
            Transition.objects.filter(alert__rule__name=rule.name).order_by("at", "alert__key")
            .values_list("alert__key", "at", "old", "new", "old_level", "level", "because")
        )  # fmt: skip
        assert live, f"nothing happened to {rule.name}"
        assert [_unworded(*each) for each in sorted(live, key=lambda each: (each[1], each[0]))] == [
            _unworded(*each) for each in replayed(of, rule, minutes)
        ]


def _unworded(*change: object) -> tuple[object, ...]:
    """Leave out why it turned unknown: a live pass knows for how long a source has been silent."""
    return change[:-1] if change[3] == "unknown" else change


def replayed(of: Guide, rule: Alert, minutes: int) -> list[tuple[object, ...]]:
    each, end = of.measures[rule.when.measure], T0 + minutes * MINUTE
    watching = watched(of, each, rule.when.over, T0, end)
    found = []
    for key, labels in series_of(rule.when, each, T0, end) if each.by else [("", {})]:
        one = past(each, rule.when.over, key, labels, T0, end)
        found += [
            (alert_key(rule.name, key), one.at, one.old, one.new, one.old_level, one.level, one.because)
            for one in Replay(rule, each, one, watching).run()
        ]
    return sorted(found, key=lambda each: (each[1], each[0]))


def recorded(
    of: Guide, *, minutes: int = 60, bad: range = range(20, 30), names: tuple[str, ...] = ("login",)
) -> datetime:
    """Record an hour in which some minutes failed thrice each. Returns its end."""
    end = T0 + minutes * MINUTE
    for number in range(minutes):
        seen(T0 + number * MINUTE + PASS, age_s=1.0)
        put(*(probe(T0 + number * MINUTE, "fail", name=name) for name in names for _ in range(3 * (number in bad))))
    answered(end)
    readings.compute(of, now=end)
    return end


@pytest.mark.django_db
@pytest.mark.usefixtures("telemetry")
def test_it_says_when_for_how_long_and_who_would_have_been_told() -> None:
    receivers = [
        Receiver("mail", "email", "Mail to the lead", None, (), HERE),
        Receiver("slack", "slack", "#alerts", None, ("SLACK_WEBHOOK_URL",), HERE),
    ]
    of = guide(measures=[failed()], alerts=[MANY], receivers=receivers)
    end = recorded(of)
    found = backtest.run(of, MANY, T0, end)
    [fired] = found.firings
    assert (fired.alert, fired.level, fired.worst, fired.shown) == ("many", "critical", 9, "9")
    assert (fired.began, fired.ended) == (T0 + 22 * MINUTE + PASS, T0 + 33 * MINUTE + PASS)
    assert fired.because == "9 over 2 min is above 2, for 2 min."
    assert fired.ended_because == "0 over 2 min is not above 2, for 1 min."
    assert (found.count, found.firing_s, found.changes, found.messages) == (1, 660, 2, 2)
    assert (found.judged, found.unjudged, found.says) == (1.0, (), "above 2")
    assert [(each.title, each.is_set_up, each.missing) for each in found.told] == [
        ("Mail to the lead", True, ()), ("#alerts", False, ("SLACK_WEBHOOK_URL",)),
    ]  # fmt: skip
    still = backtest.run(of, MANY, T0, T0 + 28 * MINUTE)
    assert (still.fires_at_end, still.firings[0].ended, still.firings[0].lasted_s) == (("many",), None, 301)
    higher = backtest.run(of, alert("many", when=Condition("failed", 2 * MINUTE, above=50)), T0, end)
    assert (higher.count, higher.messages, higher.firings) == (0, 0, ())


@pytest.mark.django_db
@pytest.mark.usefixtures("telemetry")
def test_label_sets_are_looked_at_one_by_one_and_their_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = alert(when=Condition("share", MINUTE, below=0.5))
    of = guide(measures=[share()], alerts=[rule])
    end = recorded(of, minutes=8, bad=range(2, 4), names=("home", "login"))
    shares: list[float] = []
    found = backtest.run(of, rule, T0, end, progress=shares.append)
    assert [each.alert for each in found.firings] == ["down{probe=login}", "down{probe=home}"]
    assert (found.series, found.left_out, found.messages, found.changes) == (2, 0, 1, 2), "one minute, one message"
    assert shares == [0.5, 1.0]
    assert backtest.run(of, rule, T0, end, only={"probe": "home"}).series == 1
    monkeypatch.setattr(backtest, "MOST_SERIES", 1)
    monkeypatch.setattr(backtest, "MOST_FIRINGS", 0)
    bounded = backtest.run(of, rule, T0, end)
    assert (bounded.series, bounded.left_out, bounded.count, bounded.firings) == (1, 1, 1, ())


@pytest.mark.django_db
@pytest.mark.usefixtures("telemetry")
def test_what_was_not_recorded_is_not_judged() -> None:
    of = guide(measures=[failed()], alerts=[MANY])
    end = recorded(of, minutes=20, bad=range(5, 9))
    other = guide(measures=[failed(failed().sql.replace("'fail'", "'failed'"))], alerts=[MANY])
    found = backtest.run(other, MANY, T0, end)
    assert (found.judged, found.count) == (0, 0)
    assert found.unjudged == (("no reading was recorded with this text of the measure", 1.0),)
    unset = guide(measures=[failed()], alerts=[MANY], sources=[source(missing=("ERP_URL",))])
    assert backtest.run(unset, MANY, T0, end).unjudged == (("The website is not set up", 1.0),)


@pytest.mark.django_db
@pytest.mark.usefixtures("telemetry")
def test_a_label_set_that_vanished_for_a_day_is_over_as_it_is_live() -> None:
    rule = alert(when=Condition("share", MINUTE, below=0.5))
    of = guide(measures=[share()], alerts=[rule])
    recorded(of, minutes=3, bad=range(3))
    rows = [T0 + number * MINUTE + PASS for number in range(3, 26 * 60)]
    put(*(row for at in rows for row in gauges(at)), table="gauges")
    [fired] = backtest.run(of, rule, T0, T0 + timedelta(hours=26)).firings
    assert fired.ended_because == "It has had no reading for 1 d."
    assert fired.ended == T0 + timedelta(days=1) + 4 * MINUTE + PASS


def gauges(at: datetime) -> Iterator[dict[str, object]]:
    base = {"at": at, "received_at": at, "source": "nigrani"}
    yield {**base, "id": f"b{at}", "labels": {}, "name": "nigrani.journal.backlog_rows", "value": 0.0}
    labels = {"source": "website"}
    yield {**base, "id": f"a{at}", "labels": labels, "name": "nigrani.source.age_s", "value": 0.0}


def test_a_span_is_whole_minutes_up_to_now_and_bounded() -> None:
    now = T0 + timedelta(seconds=31)
    assert backtest.span(now, days=1) == (T0 - timedelta(days=1), T0)
    assert backtest.span(now) == (T0 - timedelta(days=90), T0)
    assert backtest.span(now, start=T0 - 2 * MINUTE, end=T0 + timedelta(days=9)) == (T0 - 2 * MINUTE, T0)
    for start in (T0, T0 + MINUTE, T0 - timedelta(days=91)):
        with pytest.raises(NigraniError, match="is no span of a minute to 90 days"):
            backtest.span(now, start=start)


@pytest.mark.django_db
def test_without_telemetry_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGRANI_CLICKHOUSE_URL", "http://nigrani:x@127.0.0.1:9/nigrani")
    of = guide(measures=[failed()], alerts=[MANY])
    answered(T0)
    from nigrani.measures.models import Watermark
    from nigrani.measures.rows import sql_hash

    Watermark.objects.create(measure="failed", sql_hash=sql_hash(failed()), received_to=T0, filled_from=T0)
    with pytest.raises(Unreachable, match="does not answer"):
        backtest.run(of, MANY, T0, T0 + MINUTE)
