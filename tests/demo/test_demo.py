"""What the demo needs of its own: it leaves nothing behind, however it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from tests.eventually import eventually
from tests.node.upping import gone

from nigrani.demo.stories import STORIES
from nigrani.node import pids

pytestmark = [
    pytest.mark.slow("starts a school and a watchman, and ends them in the middle"),
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("apart"),
]


@contextmanager
def _demo(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    folder.mkdir(mode=0o711, exist_ok=True)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("NIGRANI_", "DJANGO_"))}
    demo = subprocess.Popen(
        [sys.executable, "-m", "nigrani.cli", "demo", *words],
        env=environ | {"TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with demo:
        try:
            yield demo
        finally:
            demo.terminate()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a place for temporary files that PostgreSQL's user may pass."""
    path = Path(tempfile.mkdtemp(prefix="nigrani-ended-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_a_demo_that_is_ended_leaves_no_process(folder: Path) -> None:
    words = ("--story", "quiet-day", "--json")
    with _demo(folder / "asked", *words) as asked, _demo(folder / "killed", *words) as killed:
        for demo, word, code in ((asked, signal.SIGTERM, 143), (killed, signal.SIGKILL, -signal.SIGKILL)):
            assert demo.stderr is not None
            assert "settled" in next(line for line in demo.stderr if "settled" in line)
            everyone = pids.tree(demo.pid)
            assert len(everyone) > 6  # the school, the supervisor, and what both started
            demo.send_signal(word)
            assert demo.wait(60) == code
            eventually(partial(gone, everyone), timeout_s=30)
    assert list((folder / "asked").iterdir()) == []


def test_the_stories_are_listed(folder: Path) -> None:
    with _demo(folder, "--list") as demo:
        said, _ = demo.communicate(timeout=30)
    assert said.split() == list(STORIES)
    with _demo(folder, "--list", "--json") as demo:
        said, _ = demo.communicate(timeout=30)
    listed = [json.loads(line) for line in said.splitlines()]
    assert {each["name"]: each["shows"] for each in listed} == {each.name: each.shows for each in STORIES.values()}


def test_a_story_that_is_none_names_those_that_are(folder: Path) -> None:
    with _demo(folder, "--story", "website-dwon") as demo:
        _, told = demo.communicate(timeout=30)
    assert demo.returncode == 2
    assert "There is no story 'website-dwon'. There are: quiet-day, website-down, " in told.replace("\n", " ")
