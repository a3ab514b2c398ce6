"""A healthy run: the shipped guide, a school with visitors, nothing broken; silence, and proof that it was watched."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg
from tests.journeys.house import House, is_resolved, words

from nigrani.demo import stage as stages
from nigrani.demo.stage import Stage
from nigrani.lib import clock
from nigrani.lib.errors import NigraniError
from nigrani.node import pids

from .kills import stores
from .report import Result
from .year import shipped

SETTLE_S = 180.0
EVERY_S = 15.0
EVALUATED = timedelta(seconds=30)  # a pass is made every 2 s; more than this is a pass that was missed
LATE = {"retention": 7200.0}  # seconds; the other loops turn every few seconds
LATE_S = 30.0
SILENCE = timedelta(seconds=75)  # the dead-man's switch hears us every 30 s
RECEIVERS = ("slack", "smtp", "hook")


@dataclass
class Watch:
    """What was seen so far. oldest: the longest that any rule had not been evaluated."""

    looks: int = 0
    oldest: timedelta = timedelta()
    failures: list[str] = field(default_factory=list)


def run(minutes: float, *, say: Callable[[str], None]) -> Result:
    """Watch a healthy school for so long."""
    with stages.set_up() as stage:
        assert stage.node is not None
        house = House(stage.yard, stage.home, stage.console)
        rules = set(shipped().alerts)
        if not stage.wait(lambda: settled(house, rules), timeout_s=SETTLE_S):
            raise NigraniError("It did not settle.", (stage.home.log / "up.log").read_text()[-600:])
        began, memory = clock.now(), [pids.tree_pss_bytes(stage.node.pid) or 0]
        watch = Watch()
        _watch(stage, house, rules, minutes, watch, say=say)
        memory.append(pids.tree_pss_bytes(stage.node.pid) or 0)
        said = messages(stage)
        late, slowest = lags(house, began)
        silent = silence(stage, began)
        facts = house.facts("SELECT count() AS n FROM probes")[0]["n"]
        shadow = house.ask("SELECT count(*)::int AS n FROM alerts_transition WHERE new = 'firing'")[0]["n"]
        versions = stores(house)
    watch.failures += [f"told although nothing was broken: {text}" for text in said] + late
    if silent > SILENCE:
        watch.failures.append(f"the dead-man's switch heard nothing for {silent.total_seconds():.0f} s")
    counts: dict[str, int | float | str] = {
        "minutes": float(minutes), "messages": len(said), "rules": len(rules), "looks": watch.looks,
        "longest without a pass s": watch.oldest.total_seconds(), "longest lag of a loop s": slowest,
        "firings in shadow": shadow, "probe facts": facts, "PSS MB at the start": memory[0] / 2**20,
        "PSS MB at the end": memory[1] / 2**20,
    }  # fmt: skip
    return Result("healthy", versions, counts, tuple(watch.failures))


def _watch(
    stage: Stage, house: House, rules: set[str], minutes: float, watch: Watch, *, say: Callable[[str], None]
) -> None:
    until = clock.monotonic() + minutes * 60
    while (left_s := until - clock.monotonic()) > 0:
        stage.wait(lambda: False, timeout_s=min(EVERY_S, left_s))
        ages = unevaluated(house, rules, clock.now())
        watch.looks += 1
        watch.oldest = max(watch.oldest, *(age for age in ages.values() if age is not None))
        watch.failures += [
            f"{name} was not evaluated for {age}" for name, age in ages.items() if age is None or age > EVALUATED
        ]
        if watch.looks % 8 == 0:
            say(f"healthy: {left_s / 60:.0f} minutes to go, {len(messages(stage))} messages")


def unevaluated(house: House, rules: set[str], now: datetime) -> dict[str, timedelta | None]:
    """Return for how long each rule was not evaluated; None if it never was."""
    found = {row["name"]: row["evaluated_at"] for row in house.ask("SELECT name, evaluated_at FROM alerts_rule")}
    return {name: now - at if (at := found.get(name)) else None for name in sorted(rules)}


def settled(house: House, rules: set[str]) -> bool:
    """Whether every rule was evaluated and every source that is set up has answered."""
    try:
        if any(age is None or age > EVALUATED for age in unevaluated(house, rules, clock.now()).values()):
            return False
        sources = house.ask("SELECT name FROM sources_source WHERE last_ok_at IS NOT NULL")
    except psycopg.Error:
        return False
    return {"website", "database"} <= {row["name"] for row in sources}


def messages(stage: Stage) -> list[str]:
    """Return the first line of whatever any receiver took."""
    found = [item for name in RECEIVERS for item in stage.yard.journal(name)]
    return [
        f"{'resolved' if is_resolved(item) else 'firing'}: {words(item).splitlines()[0]}"
        if "payload" in item
        else "mail"
        for item in found
    ]


def lags(house: House, began: datetime) -> tuple[list[str], str]:
    """Return the loops that were late at any time, and the longest lag of the quick ones, by what they measured."""
    found = {
        row["loop"]: float(row["lag"])
        for row in house.facts(
            "SELECT labels['loop'] AS loop, max(value) AS lag FROM gauges WHERE name = 'nigrani.loop.lag_s'"
            f" AND at >= fromUnixTimestamp64Milli({began.timestamp() * 1000:.0f}) GROUP BY loop"
        )
    }
    late = [f"the loop {name} was {lag:.0f} s behind" for name, lag in found.items() if lag > LATE.get(name, LATE_S)]
    if not found:
        late.append("the loops said nothing of themselves")
    lag, slowest = max(((lag, name) for name, lag in found.items() if name not in LATE), default=(0.0, "none"))
    return late, f"{lag:.1f} ({slowest})"


def silence(stage: Stage, began: datetime) -> timedelta:
    """Return the longest time in which the dead-man's switch heard nothing."""
    heard = [datetime.fromisoformat(str(item["at"])) for item in stage.yard.journal("deadman")]
    moments = [began, *(at for at in heard if at > began), clock.now()]
    return max(later - earlier for earlier, later in itertools.pairwise(moments))
