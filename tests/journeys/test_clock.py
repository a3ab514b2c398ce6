"""The machine's clock is set forward and back by hours: nothing fires, nothing is over, and nobody is asked in bursts.

In one process, by the entry points that the loops turn: a clock can't be set for whole processes apart.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.journeys import house
from tests.journeys.house import HEALTH

from nigrani.demo import yard as yards
from nigrani.demo.yard import Yard
from nigrani.guide import Guide
from nigrani.lib import clock
from nigrani.lib.home import Home
from nigrani.lib.secret import Secret
from nigrani.node import selfwatch

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow("asks a real school some hundred times"),
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("apart"),
]
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@pytest.fixture(scope="module")
def yard() -> Iterator[Yard]:
    path = Path(tempfile.mkdtemp(prefix="nigrani-school-"))
    path.chmod(0o711)
    with yards.opened(path, mode="real") as found:
        yield found
    shutil.rmtree(path, ignore_errors=True)


@dataclass
class Watch:
    """Everything the loops turn, at moments of the test's choosing."""

    guide: Guide
    at: datetime
    asked: list[int] = field(default_factory=list)
    awake: selfwatch.Awake = field(default_factory=selfwatch.Awake)

    def turn(self, *, by: timedelta = SECOND, itself_first: bool = False, delivers: bool = True) -> None:
        """Let every loop turn once, `by` later than before."""
        from nigrani import schedule
        from nigrani.outbox import actions as outbox
        from nigrani.sources import actions as sources
        from nigrani.telemetry import journal, store

        self.at += by
        with clock.standing_at(self.at):
            if itself_first:
                self._watch_itself()
                journal.ship(store)
                schedule.evaluate(self.guide)
            self.asked.append(sources.probe_due(self.guide, now=self.at))
            assert sources.settle(timeout_s=10)
            self._watch_itself()
            journal.ship(store)
            schedule.evaluate(self.guide)
            if delivers:
                outbox.deliver_due(self.guide, now=self.at, patience=None)

    def _watch_itself(self) -> None:
        selfwatch.record(self.guide, lags={}, now=self.at, awake=self.awake.since(self.at))

    def turns(self, count: int) -> None:
        for _ in range(count):
            self.turn()

    def until(self, key: str, state: str, *, delivers: bool = True) -> None:
        """Let it turn until an alert is in a state."""
        for _ in range(30):
            if self.state(key) == state:
                return
            self.turn(delivers=delivers)
        raise AssertionError(f"{key} is {self.state(key)}")

    def state(self, key: str) -> str:
        from nigrani.alerts.models import Alert

        found = Alert.objects.filter(key=key).first()
        return found.state if found else ""

    def loud(self) -> list[tuple[str, str]]:
        """Return every change that somebody would have to hear of: the alert and its new state."""
        from nigrani.alerts.models import Transition

        rows = Transition.objects.filter(new__in=("firing", "ok")).exclude(old__in=("unknown", "pending", ""), new="ok")
        return [(row.alert.key, row.new) for row in rows.select_related("alert").order_by("id")]


@pytest.fixture
def watch(yard: Yard, home: Home, telemetry: str) -> Iterator[Watch]:
    from nigrani import schedule
    from nigrani.sources import actions as sources

    yard.post("/reset", {})
    house.make_brisk(home.guide)
    for name, value in (
        ("ERP_URL", yard.state["website"]["url"]),
        ("SLACK_WEBHOOK_URL", yard.state["receivers"]["slack"]["webhook_url"]),
    ):
        home.vault.put(name, Secret(value))
    guide = schedule.load_guide(home)
    at = clock.now()
    with clock.standing_at(at):
        schedule.take(guide)
    yield Watch(guide, at)
    assert sources.settle(timeout_s=10)
    sources.stop()


@pytest.mark.parametrize("itself_first", [False, True], ids=["probes first", "selfwatch first"])
@pytest.mark.parametrize("step", [2 * HOUR, -2 * HOUR], ids=["forward", "back"])
def test_on_a_calm_day_a_clock_that_steps_tells_nobody_anything(
    watch: Watch, step: timedelta, itself_first: bool
) -> None:
    watch.turns(5)
    assert watch.loud() == []
    calm = max(watch.asked)
    for way in (step, -step):
        watch.asked.clear()
        watch.turn(by=way, itself_first=itself_first)
        watch.turns(5)
        assert watch.loud() == []
        assert max(watch.asked) <= calm
        assert sum(watch.asked) >= 2 * 4  # nobody waits for the hour that was planned before


@pytest.mark.parametrize("step", [2 * HOUR, -2 * HOUR], ids=["forward", "back"])
def test_what_fires_goes_on_firing_over_a_step_and_is_over_when_it_is(
    watch: Watch, yard: Yard, step: timedelta
) -> None:
    watch.turns(3)
    yard.fault("web_down", on=True)
    watch.until(HEALTH, "firing")
    told = watch.loud()
    for way in (step, -step):
        watch.turn(by=way)
        watch.turns(4)
        assert watch.loud() == told
        assert watch.state(HEALTH) in ("firing", "recovering")
    yard.fault("web_down", on=False)
    for _ in range(22):  # after a step back nothing is judged for up to five minutes
        watch.turn(by=15 * SECOND)
    assert (HEALTH, "ok") in watch.loud()[len(told) :]
    assert [each for each in watch.loud()[len(told) :] if each[1] == "firing"] == []


def test_a_message_that_waits_is_sent_at_once_although_the_clock_went_back(watch: Watch, yard: Yard) -> None:
    watch.turns(3)
    yard.fault("web_down", on=True)
    before = len(yard.journal("slack"))
    watch.until(HEALTH, "firing", delivers=False)
    watch.turn(by=-2 * HOUR)
    watch.turns(2)
    assert any("An endpoint is down — health" in str(item["text"]) for item in yard.journal("slack")[before:])
