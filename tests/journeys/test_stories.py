"""Stories of the demo, each cold and on a stage of its own: those that no other journey tells, and one without its
fault. `make soak` plays every one, with its fault and its watchman and without either.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("stories")

# The long ones first.
TOLD = ("slow-queries", "storm", "failed-logins", "pool-exhausted", "flapping", "guide-edit")
PLAYED = [*((name, ()) for name in TOLD), ("website-down", ("--no-fault",))]


# A story mostly waits for clocks, but each has two databases, an engine and a school: more at once only wait longer.
AT_ONCE = 4
PATIENCE_S = 3600


@dataclass(frozen=True)
class Played:
    """How a story ended."""

    code: int
    said: str
    told: str


def _play(name: str, flags: tuple[str, ...]) -> Played:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("NIGRANI_", "DJANGO_"))}
    done = subprocess.run(
        [sys.executable, "-m", "nigrani.cli", "demo", "--story", name, "--json", *flags],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Played(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def plays() -> Iterator[dict[tuple[str, tuple[str, ...]], Future[Played]]]:
    """Play every story, a few at once, the long ones first; none is begun once the tests are over."""
    stage = ThreadPoolExecutor(AT_ONCE)
    yield {(name, flags): stage.submit(_play, name, flags) for name, flags in PLAYED}
    stage.shutdown(cancel_futures=True)


@pytest.mark.slow("real clocks: a fault is believed, told and cleared in minutes")
@pytest.mark.timeout(PATIENCE_S)
@pytest.mark.parametrize(("name", "flags"), PLAYED, ids=lambda part: part if isinstance(part, str) else "".join(part))
def test_the_story_comes_true_and_only_with_its_fault_and_its_watchman(
    plays: dict[tuple[str, tuple[str, ...]], Future[Played]], name: str, flags: tuple[str, ...]
) -> None:
    played = plays[name, flags].result(PATIENCE_S)
    last: dict[str, Any] = json.loads(played.said.strip().splitlines()[-1])
    assert last["story"] == name
    assert all(set(event) == {"at", "what", "detail"} for event in last["events"])
    assert last["ok"] is not bool(flags), played.told
    assert played.code == (1 if flags else 0)


def test_all_of_them_are_played_by_one_worker(request: pytest.FixtureRequest) -> None:
    """A pytest that no longer tells pytest-xdist of groups would have each worker play every story."""
    if not hasattr(request.config, "workerinput"):
        return
    assert request.node.nodeid.endswith("@stories")
