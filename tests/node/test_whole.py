"""Everything, as `nigrani up` runs it with the shipped guide: killed, stopped, asked how it is."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests.eventually import eventually
from tests.node.upping import OWN_STORES, Up, gone

from nigrani import guide
from nigrani.lib import http
from nigrani.lib.home import Home

pytestmark = pytest.mark.slow("starts every process of an installation")


def _up(home: Home, **env: str) -> tuple[Up, str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    return Up(home, "-m", "nigrani.node.supervisor", env=env | {"NIGRANI_LISTEN": listen}), listen


def _answers(listen: str) -> bool:
    return http.ping(f"http://{listen}/healthz", timedelta(seconds=5)).status == 200


def _doctor(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import os, sys\nfrom nigrani.lib.home import Home\nfrom nigrani.node import doctor\n"
        "import msgspec\nreport = doctor.report(Home.from_environment())\n"
        "sys.stdout.write(msgspec.json.encode(report).decode() if 'json' in sys.argv else doctor.text(report))\n"
    )
    env = os.environ | OWN_STORES | {"NIGRANI_HOME": str(home.path)}
    return subprocess.run(
        [sys.executable, "-c", code, *words], env=env, capture_output=True, text=True, timeout=60, check=True
    )


def _checks(home: Home) -> dict[str, dict[str, str]]:
    report = msgspec.json.decode(_doctor(home, "json").stdout)
    return {check["name"]: check for check in report["checks"]}


def test_the_app_killed_comes_back_and_a_killed_supervisor_leaves_nothing(home: Home) -> None:
    up, listen = _up(home)
    try:
        eventually(up.all_ready, timeout_s=60)
        assert _answers(listen)
        before = {name: entry.pid for name, entry in up.told().children.items()}
        os.kill(before["app"], signal.SIGKILL)
        eventually(lambda: up.all_ready() and up.entry("app").pid != before["app"], timeout_s=30)
        assert _answers(listen)
        assert (up.entry("postgres").pid, up.entry("telemetry").pid) == (before["postgres"], before["telemetry"])

        eventually(lambda: _checks(home)["loops"]["verdict"] == "ok", timeout_s=40)
        checks = _checks(home)
        assert [name for name, check in checks.items() if check["verdict"] in ("bad", "unknown")] == []
        assert "started again 1× (last: SIGKILL)" in checks["process.app"]["what"]
        assert checks["secrets"]["verdict"] == "warn"

        left = up.everyone()
        up.process.kill()
        up.process.wait()
        eventually(lambda: gone(left), timeout_s=20)
    finally:
        up.end()
    checks = _checks(home)
    assert checks["process.supervisor"]["what"] == "Nigrani does not run on this home."
    assert {checks[name]["verdict"] for name in ("postgres", "telemetry", "outbox", "loops")} == {"unknown"}
    assert checks["guide"]["verdict"] == "ok"


def test_everything_stops_cleanly_when_asked(home: Home) -> None:
    up, _ = _up(home)
    try:
        eventually(up.all_ready, timeout_s=60)
        left = up.everyone()
        up.process.terminate()
        assert up.process.wait(17) == 0
        assert gone(left)
        assert {entry.last_exit for entry in up.told().children.values()} == {"exit code 0"}
    finally:
        up.end()


def test_an_invalid_guide_stops_everything_with_its_mistakes(home: Home, tmp_path: Path) -> None:
    wrong = tmp_path / "guide"
    shutil.copytree(guide.shipped(), wrong)
    (wrong / "wrong.yaml").write_text("alertz: {}\n")
    up, _ = _up(home, NIGRANI_GUIDE=str(wrong))
    try:
        assert up.process.wait(60) == 2
        said = up.said.read_text()
        assert "app does not start: The guide has 1 mistake." in said
        assert "wrong.yaml:1:1" in said
    finally:
        up.end()


def test_the_doctor_answers_before_anything_ever_ran(tmp_path: Path) -> None:
    told = _doctor(Home(tmp_path / "never"))
    assert "There is no home at" in told.stdout
    assert "→ Start it with: nigrani up" in told.stdout
    assert not (tmp_path / "never").exists()


def test_the_doctor_finds_what_others_could_read(home: Home) -> None:
    home.own_secret("SIGNING_KEY")
    (home.secrets / "SIGNING_KEY").chmod(0o644)
    (home.path / "notes.txt").write_text("x")
    (home.path / "notes.txt").chmod(0o644)
    report = _doctor(home).stdout
    assert f"{home.secrets / 'SIGNING_KEY'} can be read by other users." in report
    assert f"→ Run: chmod 600 {home.secrets / 'SIGNING_KEY'}" in report
    assert f"{home.path / 'notes.txt'} can be read by other users." in report
