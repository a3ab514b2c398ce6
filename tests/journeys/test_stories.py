"""A few stories of the demo, each cold and on a stage of its own. `make stories` plays every one, and `make soak` each
with its fault and its watchman and without either.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from tests.journeys.plays import PATIENCE_S, Flags, Played, playing

pytestmark = pytest.mark.xdist_group("stories")

PLAYED: list[tuple[str, Flags]] = [("failed-logins", ()), ("pool-exhausted", ()), ("guide-edit", ())]


@pytest.fixture(scope="module")
def plays() -> Iterator[dict[tuple[str, Flags], Future[Played]]]:
    """Play them, a few at once; none is begun once the tests are over."""
    with playing() as begin:
        yield {(name, flags): begin(name, flags) for name, flags in PLAYED}


@pytest.mark.slow("real clocks: a fault is believed, told and cleared in minutes")
@pytest.mark.timeout(PATIENCE_S)
@pytest.mark.parametrize(("name", "flags"), PLAYED, ids=lambda part: part if isinstance(part, str) else "".join(part))
def test_the_story_comes_true_and_only_with_its_fault_and_its_watchman(
    plays: dict[tuple[str, Flags], Future[Played]], name: str, flags: Flags
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
