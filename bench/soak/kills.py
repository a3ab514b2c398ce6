"""Kills by the hundred: one installation, a website that comes and goes, and SIGKILL at random moments."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import psycopg
from tests.eventually import eventually
from tests.journeys import house as houses
from tests.journeys.house import HEALTH, House
from tests.node.upping import gone

from nigrani.lib.errors import NigraniError
from nigrani.node import pids

from . import invariants
from .report import Result

SUPERVISOR, BACKEND = "supervisor", "PostgreSQL backend"
VICTIMS = ("app", "telemetry", "postgres", SUPERVISOR, BACKEND)
EPISODE_S = 20.0  # about as long as a fault takes to be told, mended and over
FOUND = (AssertionError, NigraniError, OSError, psycopg.Error)


@dataclass(frozen=True)
class Episode:
    """A fault of the website with a kill in it. at_s: of the kill, after the fault. stays_s: of the fault, told."""

    number: int
    victim: str
    at_s: float
    stays_s: float

    def __str__(self) -> str:
        return f"episode {self.number} ({self.victim} killed after {self.at_s:.1f} s)"


@dataclass
class Tally:
    """What was done and found so far."""

    killed: Counter[str] = field(default_factory=Counter)
    episodes: int = 0
    repeats: int = 0
    failures: list[str] = field(default_factory=list)

    def check(self, episode: Episode | str, what: str, look: Callable[[], object]) -> None:
        """Look, and note it if that fails."""
        try:
            look()
        except FOUND as error:
            self.failures.append(f"{episode}: {what}: {error}")


def plan(rng: random.Random, number: int) -> Episode:
    """Return an episode by the dice."""
    return Episode(number, rng.choice(VICTIMS), rng.uniform(0, EPISODE_S), rng.uniform(0, 4))


def run(kills: int, *, seed: int, say: Callable[[str], None]) -> Result:
    """Kill this many times and check after each."""
    rng, tally = random.Random(seed), Tally()
    with houses.opened() as house:
        versions = stores(house)
        for number in range(1, kills + 1):
            episode = plan(rng, number)
            say(f"kills: {episode} of {kills}")
            known = len(tally.failures)
            play(house, episode, tally)
            for failure in tally.failures[known:]:
                say(f"  FAILED {failure}")
            if not is_back(house):
                tally.failures.append(f"{episode}: it is not back, so no more was killed")
                break
        else:
            say("kills: waiting until every alert is over")
            tally.check("the end", "messages", lambda: invariants.all_is_over(house))
        told = Counter("end" if houses.is_resolved(item) else "beginning" for item in house.slack())
        facts = house.facts("SELECT count() AS n FROM probes")[0]["n"] if is_back(house) else "unknown"
    counts: dict[str, int | float | str] = {"kills": sum(tally.killed.values()), "seed": str(seed)}
    counts |= {name: tally.killed[name] for name in VICTIMS}
    counts |= {"episodes": tally.episodes, "beginnings told": told["beginning"], "ends told": told["end"]}
    counts |= {"copies that say they may be one": tally.repeats, "probe facts": facts}
    return Result("kills", versions, counts, tuple(tally.failures))


def play(house: House, episode: Episode, tally: Tally) -> None:
    """Break the website, kill, mend it, and check everything."""
    try:
        house.settle()
        before = house.newest()
        _live_through(house, episode, tally)
    except FOUND as error:
        tally.failures.append(f"{episode}: {error}")
        house.yard.fault("web_down", on=False)
        return
    for key in (HEALTH,):
        tally.check(episode, "told once", lambda key=key: _add_repeats(house, key, before, tally))  # type: ignore[misc]
    for name, look in invariants.ALWAYS.items():
        tally.check(episode, name, lambda look=look: look(house))  # type: ignore[misc]
    tally.episodes += 1


def _add_repeats(house: House, key: str, before: int, tally: Tally) -> None:
    tally.repeats += invariants.told_once(house, key, after=before)


def _live_through(house: House, episode: Episode, tally: Tally) -> None:
    before = house.newest()
    with ThreadPoolExecutor(1) as threads:
        killing = threads.submit(_kill_in_time, house, episode, tally)
        house.yard.fault("web_down", on=True)
        try:
            for key in (HEALTH,):
                house.becomes(key, "firing", timeout_s=invariants.LEASE_S)
            threading.Event().wait(episode.stays_s)
        finally:
            house.yard.fault("web_down", on=False)
        for key in (HEALTH,):
            house.becomes(key, "ok", timeout_s=invariants.LEASE_S)
        killing.result()
    for key in (HEALTH,):
        eventually(
            lambda key=key: all(house.told(kind, key, after=before) for kind in ("firing", "resolved")),  # type: ignore[misc]
            timeout_s=invariants.LEASE_S,
        )


def _kill_in_time(house: House, episode: Episode, tally: Tally) -> None:
    """Wait for the moment, kill, and wait until everything is back (the supervisor is started again)."""
    threading.Event().wait(episode.at_s)
    tally.killed[episode.victim] += 1
    if episode.victim == SUPERVISOR:
        left = house.up.everyone()
        house.kill(SUPERVISOR)
        eventually(lambda: gone(left), timeout_s=20)
        house.start()
        return
    if episode.victim == BACKEND:
        os.kill(random.choice(pids.tree(house.up.entry("postgres").pid)[1:]), signal.SIGKILL)
        eventually(lambda: house.ask("SELECT 1"), timeout_s=60)
    else:
        before = house.up.entry(episode.victim).pid
        house.kill(episode.victim)
        eventually(lambda: house.up.entry(episode.victim).pid != before, timeout_s=60)
    eventually(house.up.all_ready, timeout_s=60)


def is_back(house: House) -> bool:
    """Whether the installation works, waited for."""
    try:
        return bool(eventually(lambda: house.up.all_ready() and house.ask("SELECT 1"), timeout_s=60))
    except FOUND:
        return False


def stores(house: House) -> str:
    """Return the versions of an installation's two stores."""
    telemetry = house.facts("SELECT version() AS version")[0]["version"]
    return f"PostgreSQL {house.ask('SHOW server_version')[0]['server_version']}, ClickHouse engine {telemetry}"
