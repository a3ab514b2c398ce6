"""No room left: on the disk, or in the journal. Nothing ends for good, the doctor says so, and with room it goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import FileIO
from pathlib import Path

import pytest
from tests.eventually import eventually
from tests.journeys import house
from tests.journeys.house import HEALTH, House

pytestmark = [
    pytest.mark.slow("fills a disk under a running installation"),
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("full"),
]
_DISK = "700m"


@contextmanager
def _disk(place: Path) -> Iterator[bool]:
    """Put a small disk at a folder; whether we were allowed to."""
    place.mkdir(mode=0o711, parents=True, exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_DISK},mode=0711", "none", str(place)], capture_output=True, check=False
    )
    try:
        yield made.returncode == 0
    finally:
        if made.returncode == 0:
            subprocess.run(["umount", "--lazy", str(place)], check=True)


def _may_mount() -> bool:
    place = Path(tempfile.mkdtemp(prefix="nigrani-disk-"))
    with _disk(place) as may:
        pass
    place.rmdir()
    return may


def _write_for_ever(out: FileIO, part: bytes) -> None:
    while True:
        out.write(part)


def _fill(place: Path) -> Path:
    """Take every byte of a disk, again until others have no room to give back either."""
    ballast = place / "ballast"
    with ballast.open("ab", buffering=0) as out:
        for size in (1 << 20, 1 << 12):
            with pytest.raises(OSError, match="No space left"):
                _write_for_ever(out, bytes(size))
    return ballast


def _verdicts(found: House) -> dict[str, str]:
    told = found.run("doctor", "--json")
    assert told.returncode == 1, told.stdout + told.stderr
    return {check["name"]: check["verdict"] for check in json.loads(told.stdout)["checks"]}


def _facts(found: House) -> int:
    return int(found.facts("SELECT count() AS n FROM probes")[0]["n"])


@contextmanager
def _full_disk(found: House) -> Iterator[None]:
    ballast = _fill(found.home.path)
    wait = threading.Event()
    for _ in range(5):  # what others free meanwhile is taken too
        wait.wait(1)
        _fill(found.home.path)
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def _full_journal(found: House) -> Iterator[None]:
    """Freeze telemetry until the journal, whose limit is small, takes no more."""
    pid = found.up.entry("telemetry").pid
    os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: '"probe.not_kept"' in (found.home.log / "app.log").read_text(), timeout_s=60)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("what", ["journal", *(["disk"] if _may_mount() else [])])
def test_without_room_it_holds_out_and_with_room_it_goes_on(what: str) -> None:
    root = Path(tempfile.mkdtemp(prefix="nigrani-full-"))
    root.chmod(0o711)
    limit = {"NIGRANI_JOURNAL_LIMIT": "20kB"} if what == "journal" else {}
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        if what == "disk":
            assert stack.enter_context(_disk(root / "nigrani"))
        found = stack.enter_context(house.opened(folder=root, extra=limit))
        eventually(lambda: _facts(found) > 10, timeout_s=20)
        before, supervisor = _facts(found), found.up.process.pid
        with _full_disk(found) if what == "disk" else _full_journal(found):
            assert found.up.process.poll() is None
            found.yard.fault("web_down", on=True)
            # A journal refuses large facts before it is so full that it refuses small ones.
            eventually(lambda: _verdicts(found)[what] == "bad", timeout_s=30)
        eventually(found.up.all_ready, timeout_s=90)
        assert found.up.process.pid == supervisor
        eventually(lambda: _facts(found) > before, timeout_s=60)
        eventually(lambda: found.told("firing", HEALTH), timeout_s=60)
        house.each_told_once(found)
        assert not list(found.home.journal.glob("rejected/*"))
