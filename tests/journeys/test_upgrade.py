"""A home that the first version left, with an alert that fires, brought forward: nothing is lost or repeated."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.eventually import eventually
from tests.journeys import house
from tests.journeys.house import HEALTH, House
from tests.node import old

from nigrani.node.upgrade import saved

pytestmark = [
    pytest.mark.slow("runs a whole installation on the state of an older one"),
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("upgrade"),
]


@pytest.fixture
def aged() -> Iterator[House]:
    """Yield a house that does not run yet, whose state is that of the first version; its website is still down."""
    with house.opened(start=False) as place:
        old.make(place.home)
        place.yard.fault("web_down", on=True)
        yield place


def test_up_upgrades_an_old_home_by_itself_and_the_alert_goes_on(aged: House) -> None:
    aged.start()
    assert "upgrade" in (aged.home.log / "app.log").read_text()
    [kept] = saved.every(aged.home)
    assert kept.phase == "done"
    # It goes on, judged anew, by the state it had: not one change, and nobody is told a second time.
    asked = (
        "SELECT a.state FROM alerts_alert a JOIN alerts_rule r ON r.id = a.rule_id WHERE a.key = %s AND a.read_at > %s"
    )
    eventually(lambda: aged.ask(asked, HEALTH, kept.made_at) == [{"state": "firing"}], timeout_s=60)
    newest = (
        "SELECT max(id) AS id FROM alerts_transition t WHERE t.alert_id = (SELECT id FROM alerts_alert WHERE key = %s)"
    )
    assert int(aged.ask(newest, HEALTH)[0]["id"]) <= kept.counts["alerts_transition"]
    assert aged.told("firing", HEALTH) == []

    aged.yard.fault("web_down", on=False)
    eventually(lambda: aged.told("resolved", HEALTH), timeout_s=60)
    assert aged.story(HEALTH, after=kept.counts["alerts_transition"]) == ["recovering", "ok"]
    assert aged.told("firing", HEALTH) == []
    assert len(aged.told("resolved", HEALTH)) == 1

    check = aged.run("upgrade", "--check", "--json")
    assert check.returncode == 0, check.stderr
    refused = aged.run("upgrade")
    assert refused.returncode == 3
    assert f"Another Nigrani (pid {aged.up.process.pid}" in refused.stderr
