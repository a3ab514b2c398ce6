"""Every process killed while an alert is pending and while it fires: the story goes on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.eventually import eventually
from tests.journeys import house
from tests.journeys.house import HEALTH, House
from tests.node.upping import gone

pytestmark = [
    pytest.mark.slow("real processes, killed, and an alert's whole life each time"),
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("kills"),
]


@pytest.fixture(scope="module")
def killed() -> Iterator[House]:
    with house.opened() as found:
        yield found


def _kill_and_recover(victim: House, *names: str) -> None:
    """Kill processes; wait until they are back, by the supervisor's doing or, for that one, by a new start."""
    if names == ("supervisor",):
        left = victim.up.everyone()
        victim.kill("supervisor")
        eventually(lambda: gone(left), timeout_s=15)
        victim.start()
        return
    before = {name: victim.up.entry(name).pid for name in names}
    for name in names:
        victim.kill(name)
    eventually(
        lambda: victim.up.all_ready() and all(victim.up.entry(name).pid != before[name] for name in names),
        timeout_s=30,
    )


def _kept_facts(victim: House) -> int:
    """Return how many answers the state database knows of: each was in the journal before it was counted."""
    return int(victim.ask("SELECT sum(answers + failures)::int AS n FROM sources_source")[0]["n"])


@pytest.mark.parametrize(
    ("while_pending", "while_firing"),
    [(("app",), ("telemetry", "postgres")), (("telemetry", "postgres"), ("supervisor",)), (("supervisor",), ("app",))],
    ids=str,
)
def test_a_killed_process_neither_forgets_nor_repeats(
    killed: House, while_pending: tuple[str, ...], while_firing: tuple[str, ...]
) -> None:
    killed.settle()
    transition, item = killed.last_transition(), killed.newest()
    killed.yard.fault("web_down", on=True)
    killed.becomes(HEALTH, "pending")
    _kill_and_recover(killed, *while_pending)
    killed.becomes(HEALTH, "firing")
    _kill_and_recover(killed, *while_firing)
    # A message that was on its way when its sender died is sent again when its lease is over.
    eventually(lambda: killed.told("firing", HEALTH, after=item), timeout_s=90)
    assert killed.state(HEALTH) == "firing"
    killed.yard.fault("web_down", on=False)
    killed.becomes(HEALTH, "ok")
    eventually(lambda: killed.told("resolved", HEALTH, after=item), timeout_s=90)
    assert killed.story(HEALTH, after=transition) == ["pending", "firing", "recovering", "ok"]
    house.each_told_once(killed)


def test_after_every_kill_the_ledger_is_whole_and_no_fact_is_lost_or_doubled(killed: House) -> None:
    killed.settle()
    assert killed.run("ledger", "verify").stdout == "The ledger is whole.\n"
    known = _kept_facts(killed)
    counted = "SELECT count() AS n, uniqExact(id) AS ids FROM probes WHERE source IN ('website', 'database')"
    eventually(lambda: killed.facts(counted)[0]["n"] >= known, timeout_s=20)
    found = killed.facts(counted)[0]
    assert found["n"] == found["ids"]
    eventually(lambda: killed.facts(counted)[0]["n"] > found["n"], timeout_s=10)
    # What dead processes left was taken over: only the running one's own folder may hold a segment for a moment.
    eventually(lambda: not list(killed.home.journal.glob("[!.]*/*.seg")), timeout_s=10)
    assert not list(killed.home.journal.glob("rejected/*"))
