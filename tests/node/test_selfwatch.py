"""What Nigrani says of itself, and to whom: gauges and the dead-man's switch."""

from __future__ import annotations

import dataclasses
import http.server
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import OperationalError
from tests.eventually import eventually

from nigrani.guide.model import Guide, Source, Where
from nigrani.lib import clock
from nigrani.lib.secret import Secret
from nigrani.node import deadman, selfwatch
from nigrani.sources import actions as sources
from nigrani.sources import queries
from nigrani.telemetry import journal, store

EMPTY = Guide(
    name="test", zone=ZoneInfo("UTC"), folder="", digest="", reference=(), dead_man=None,
    dead_man_every=timedelta(seconds=30), sources={}, measures={}, alerts={}, promises={}, people={}, receivers={},
    rows={}, text={},
)  # fmt: skip

AWAKE = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _nothing_waits(telemetry: str) -> None:
    """Clear away what an earlier test left in the journal."""
    journal.ship(store)
    store.command("TRUNCATE TABLE gauges")


def _gauges(telemetry: str) -> list[dict[str, Any]]:
    journal.ship(store)
    return store.query("SELECT name, labels, value FROM gauges WHERE source = 'nigrani' ORDER BY name, labels")


@pytest.mark.django_db
def test_every_gauge_is_recorded(telemetry: str) -> None:
    now = clock.now()
    count = selfwatch.record(EMPTY, lags={"probes": 0.5, "evaluate": 2.0}, now=now, awake=AWAKE)
    rows = _gauges(telemetry)
    assert len(rows) == count
    found = {(row["name"], row["labels"].get("loop", "")): row["value"] for row in rows}
    assert found[("nigrani.loop.lag_s", "evaluate")] == 2.0
    assert found[("nigrani.loop.lag_s", "probes")] == 0.5
    assert found[("nigrani.outbox.waiting", "")] == found[("nigrani.outbox.oldest_age_s", "")] == 0
    assert found[("nigrani.memory.rss_bytes", "")] > 10**7
    assert ("nigrani.journal.backlog_rows", "") in found


@pytest.mark.django_db
def test_a_source_without_an_answer_has_no_age(telemetry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where = Where("x.yaml", 1, 1)
    source = Source("school", "web", "School", None, timedelta(seconds=60), {}, (), where)
    guide = dataclasses.replace(EMPTY, sources={"school": source})
    sources.sync(guide, now=clock.now())
    selfwatch.record(guide, lags={}, now=clock.now(), awake=AWAKE)
    ages = queries.ages(guide, clock.now())
    told = {row["labels"].get("source"): row["value"] for row in _gauges(telemetry) if "source.age" in row["name"]}
    assert set(told) == {name for name, age in ages.items() if age is not None}


@pytest.mark.django_db
def test_without_a_database_the_rest_is_still_recorded(telemetry: str) -> None:
    from django.db import connection

    def refuse(*_: object) -> None:
        raise OperationalError("gone")

    with connection.execute_wrapper(refuse), pytest.raises(OperationalError):
        selfwatch.record(EMPTY, lags={"probes": 1.0}, now=clock.now(), awake=AWAKE)
    names = {row["name"] for row in _gauges(telemetry)}
    assert "nigrani.loop.lag_s" in names
    assert "nigrani.outbox.waiting" not in names


def test_a_leap_of_the_clock_begins_our_asking_anew() -> None:
    awake, now = selfwatch.Awake(), clock.now()
    awake._began -= 3600
    assert awake.since(now) >= timedelta(hours=1)
    assert awake.since(now + timedelta(seconds=1)) >= timedelta(hours=1)
    assert awake.since(now + timedelta(minutes=10)) < timedelta(minutes=1)


class Switch:
    """The other side: counts pings and answers as told."""

    def __init__(self) -> None:
        self.pings, self.status = 0, 200
        switch = self

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                switch.pings += 1
                self.send_response(switch.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def guide(self, every: timedelta) -> Guide:
        url = Secret(f"http://127.0.0.1:{self.server.server_port}/ping")
        return dataclasses.replace(EMPTY, dead_man=url, dead_man_every=every)


@pytest.fixture
def switch() -> Iterator[Switch]:
    """Yield a dead-man's switch."""
    made = Switch()
    yield made
    made.server.shutdown()
    made.server.server_close()


def _turn(man: deadman.DeadMan, guide: Guide) -> int:
    return man.turn(guide, now=clock.now())


def _outcomes(telemetry: str) -> list[tuple[str, float]]:
    return [(row["labels"]["outcome"], row["value"]) for row in _gauges(telemetry) if "deadman" in row["name"]]


def test_it_pings_at_once_and_then_each_period(telemetry: str, switch: Switch) -> None:
    man, guide = deadman.DeadMan(late=list), switch.guide(timedelta(seconds=0.3))
    assert [_turn(man, guide), _turn(man, guide)] == [1, 0]
    eventually(lambda: _turn(man, guide))
    assert switch.pings == 2
    assert _outcomes(telemetry) == [("sent", 1), ("sent", 1)]


def test_without_an_address_nothing_is_pinged(telemetry: str) -> None:
    assert _turn(deadman.DeadMan(late=list), EMPTY) == 0
    assert _outcomes(telemetry) == []


def test_while_a_loop_is_late_it_says_nothing_and_tells_the_log_once_why(
    telemetry: str, switch: Switch, caplog: pytest.LogCaptureFixture
) -> None:
    late = ["evaluate"]
    man, guide = deadman.DeadMan(late=lambda: late), switch.guide(timedelta(seconds=0.2))
    eventually(lambda: _turn(man, guide) or "deadman.kept_back" in [getattr(r, "action", "") for r in caplog.records])
    assert [_turn(man, guide) for _ in range(3)] == [0, 0, 0]
    assert switch.pings == 0
    [line] = [record for record in caplog.records if getattr(record, "action", "") == "deadman.kept_back"]
    assert "because these loops are late: evaluate." in line.getMessage()
    late.clear()
    assert _turn(man, guide) == 1
    assert sorted(_outcomes(telemetry)) == [("kept_back", 0), ("sent", 1)]


def test_its_own_lateness_never_keeps_it_back(telemetry: str, switch: Switch) -> None:
    man = deadman.DeadMan(late=lambda: [deadman.OWN_LOOP])
    assert _turn(man, switch.guide(timedelta(seconds=30))) == 1


def test_a_ping_that_fails_raises_nothing_and_is_told_once(
    telemetry: str, switch: Switch, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadman, "_AGAIN_S", 0.0)
    man, guide = deadman.DeadMan(late=list), switch.guide(timedelta(seconds=30))
    switch.status = 404
    assert [_turn(man, guide) for _ in range(3)] == [0, 0, 0]
    actions = [getattr(record, "action", "") for record in caplog.records]
    assert actions.count("deadman.not_reached") == 1
    switch.status = 200
    assert _turn(man, guide) == 1
    assert ("status", 0.0) in _outcomes(telemetry)


def test_the_address_stays_out_of_the_log(telemetry: str, caplog: pytest.LogCaptureFixture, switch: Switch) -> None:
    switch.server.shutdown()
    switch.server.server_close()
    assert _turn(deadman.DeadMan(late=list), switch.guide(timedelta(seconds=30))) == 0
    assert "can't be reached" in caplog.text
    assert "/ping" not in caplog.text
