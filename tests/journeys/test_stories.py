"""The stories of the demo, each cold and on a stage of its own, all at once: they mostly wait for clocks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from nigrani.demo.stories import STORIES

pytestmark = pytest.mark.xdist_group("stories")

PLAYED = [
    *((name, ()) for name in STORIES),
    ("website-down", ("--no-fault",)),
    ("database-down", ("--no-watch",)),
]


@pytest.fixture(scope="module")
def plays() -> Iterator[dict[tuple[str, tuple[str, ...]], subprocess.Popen[str]]]:
    """Start every story at once and leave none behind."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("NIGRANI_", "DJANGO_"))}
    started = {
        (name, flags): subprocess.Popen(
            [sys.executable, "-m", "nigrani.cli", "demo", "--story", name, "--json", *flags],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, flags in PLAYED
    }
    yield started
    for play in started.values():
        if play.poll() is None:
            play.terminate()
            play.wait(60)
        for pipe in (play.stdout, play.stderr):
            if pipe:
                pipe.close()


@pytest.mark.slow("real clocks: a fault is believed, told and cleared in minutes")
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "flags"), PLAYED, ids=lambda part: part if isinstance(part, str) else "".join(part))
def test_the_story_comes_true_and_only_with_its_fault_and_its_watchman(
    plays: dict[tuple[str, tuple[str, ...]], subprocess.Popen[str]], name: str, flags: tuple[str, ...]
) -> None:
    said, told = plays[name, flags].communicate(timeout=580)
    last: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    assert last["story"] == name
    assert all(set(event) == {"at", "what", "detail"} for event in last["events"])
    assert last["ok"] is not bool(flags), told
    assert plays[name, flags].returncode == (1 if flags else 0)
