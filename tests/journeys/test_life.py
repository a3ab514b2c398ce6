"""Two on one home, and being told to stop in the middle of an alert."""

from __future__ import annotations

import pytest
from tests.eventually import eventually
from tests.journeys import house
from tests.journeys.house import HEALTH, House
from tests.node.upping import gone

from nigrani.node import pids

pytestmark = [
    pytest.mark.slow("starts and stops a whole installation"),
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("whole"),
]


def test_a_second_start_on_one_home_is_refused_and_names_the_first(whole: House) -> None:
    second = whole.run("up")
    assert second.returncode == 3
    assert f"Another Nigrani (pid {whole.up.process.pid}, since " in second.stderr
    assert "Stop it first, or choose another NIGRANI_HOME." in second.stderr
    assert whole.up.all_ready()


def test_told_to_stop_while_an_alert_fires_it_stops_at_once_and_goes_on_afterwards(whole: House) -> None:
    item, transition = whole.newest(), whole.last_transition()
    whole.yard.fault("web_down", on=True)
    eventually(lambda: whole.told("firing", HEALTH, after=item), timeout_s=40)
    everyone = pids.tree(whole.up.process.pid)
    whole.up.process.terminate()
    assert whole.up.process.wait(20) == 0
    assert gone(everyone)

    whole.start()
    assert whole.state(HEALTH) == "firing"
    whole.yard.fault("web_down", on=False)
    eventually(lambda: whole.told("resolved", HEALTH, after=item), timeout_s=40)
    assert whole.story(HEALTH, after=transition) == ["pending", "firing", "recovering", "ok"]
    assert len(whole.told("firing", HEALTH, after=item)) == 1
    house.each_told_once(whole)
