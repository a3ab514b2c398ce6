"""What must be true of an installation after anything was done to it, looked at from outside. Each raises if it is not.

What arrives a little later (a message whose lease has to end, facts on their way) is waited for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.eventually import eventually
from tests.journeys import house as houses
from tests.journeys.house import House

from nigrani.integrations import REPEAT_NOTE
from nigrani.lib.home import Home
from nigrani.node import pids

LEASE_S = 120.0  # a message whose sender was killed is sent again when its lease is over
OVER_S = 420.0
_PROBES = "SELECT count() AS n, uniqExact(id) AS ids FROM probes WHERE source IN ('website', 'database')"


def told_once(house: House, key: str, *, after: int) -> int:
    """Check that an episode's beginning and end were each told once. Returns how many copies say they may be one."""
    repeats = 0
    for kind in ("firing", "resolved"):
        said = house.told(kind, key, after=after)
        plain = [text for text in said if REPEAT_NOTE not in text]
        assert said, f"{kind} of {key} was never told"
        assert len(plain) <= 1, f"{kind} of {key} was told {len(plain)} times without a word that it may be a repeat"
        repeats += len(said) - len(plain)
    return repeats


def stores_agree(house: House) -> None:
    """Check every message in the channel against every change in the state database, since the very beginning."""

    def agree() -> bool:
        houses.each_told_once(house)
        return True

    eventually(agree, timeout_s=LEASE_S)


def all_is_over(house: House) -> None:
    """Check that every alert that was told ends by itself, after a window and a hold of minutes, and is told to end."""
    loud = (
        "SELECT a.key FROM alerts_alert a JOIN alerts_rule r ON r.id = a.rule_id"
        " WHERE r.phase = 'live' AND a.state IN ('firing', 'recovering')"
    )
    eventually(lambda: not house.ask(loud), timeout_s=OVER_S)
    stores_agree(house)


def no_strays(house: House) -> None:
    """Check that no process of this home runs beside the supervisor's own."""
    eventually(lambda: not strays(house.home, house.up.process.pid), timeout_s=15)


def ledger_is_whole(house: House) -> None:
    """Check the ledger's chain by the command a person would use."""
    told = house.run("ledger", "verify")
    assert (told.returncode, told.stdout) == (0, "The ledger is whole.\n"), f"{told.stdout} {told.stderr}"


def facts_are_whole(house: House) -> None:
    """Check that every answer the state database counted is in telemetry, and none is there twice."""
    known = int(house.ask("SELECT coalesce(sum(answers + failures), 0)::int AS n FROM sources_source")[0]["n"])
    eventually(lambda: house.facts(_PROBES)[0]["n"] >= known, timeout_s=30)
    found = house.facts(_PROBES)[0]
    assert found["n"] == found["ids"], f"{found['n'] - found['ids']} of {found['n']} probe facts are there twice"


def journal_drains(house: House) -> None:
    """Check that the journal gets empty (what dead processes left in it, too) and that nothing of it was rejected."""
    eventually(lambda: not list(house.home.journal.glob("[!.]*/*.seg")), timeout_s=30)
    rejected = list(house.home.journal.glob("rejected/*"))
    assert not rejected, f"{len(rejected)} segments were rejected"


ALWAYS: Mapping[str, Callable[[House], None]] = {
    "messages": stores_agree,
    "processes": no_strays,
    "ledger": ledger_is_whole,
    "facts": facts_are_whole,
    "journal": journal_drains,
}


def strays(home: Home, supervisor: int) -> list[int]:
    """Return the processes that work in this home and do not descend from its supervisor."""
    ours = {os.getpid(), *pids.tree(supervisor)}
    running = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    return [pid for pid in running if pid not in ours and pids.mark(pid) and _works_in(pid, str(home.path))]


def _works_in(pid: int, home: str) -> bool:
    process = Path("/proc") / str(pid)
    try:
        words = (process / "cmdline").read_bytes() + b"\0" + (process / "environ").read_bytes()
        return home.encode() in words or str((process / "cwd").readlink()).startswith(home)
    except OSError:  # gone meanwhile, or somebody else's
        return False
