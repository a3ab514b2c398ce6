"""The control API and the command line over it."""

import json
import subprocess
import sys

import pytest
from tests.eventually import eventually
from tests.schoolyard.client import Yard

from schoolyard.faults import SWITCHES


def run(yard: Yard, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "schoolyard", *arguments, "--home", str(yard.home)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def test_every_switch_can_be_turned_on_and_off(yard: Yard) -> None:
    items = yard.http.get(f"{yard.control}/faults").json()["items"]
    assert [item["name"] for item in items] == list(SWITCHES)
    assert all(item["meaning"] for item in items)
    for name in SWITCHES:
        assert yard.fault(name)["on"]
        answer = yard.http.post(f"{yard.control}/faults/{name}", json={"on": False})
        assert answer.json()["on"] is False
    eventually(lambda: yard.validate().status_code == 200)


def test_an_unknown_switch_names_the_nearest(yard: Yard) -> None:
    answer = yard.http.post(f"{yard.control}/faults/databse_down", json={"on": True})
    assert answer.status_code == 404
    assert "database_down" in answer.json()["hint"]
    assert answer.json()["switches"] == list(SWITCHES)


@pytest.mark.parametrize(
    ("body", "word"),
    [({}, "on"), ({"on": True, "sec": 1}, "sec"), ({"on": True, "ms": "soon"}, "soon"), ({"on": True, "ms": -1}, "-1")],
)
def test_wrong_settings_are_refused(yard: Yard, body: dict[str, object], word: str) -> None:
    answer = yard.http.post(f"{yard.control}/faults/web_latency", json=body)
    assert answer.status_code == 400
    assert word in answer.json()["error"]
    assert "web_latency" not in yard.state()["faults"]


def test_state_and_journals(yard: Yard) -> None:
    assert yard.http.get(f"{yard.control}/healthz").json() == {"ok": True}
    assert yard.state()["mode"] == "real"
    assert json.loads((yard.home / "state.json").read_text()) == yard.document
    missing = yard.http.get(f"{yard.control}/journal/pigeon")
    assert missing.status_code == 404
    assert "slack" in missing.json()["hint"]


def test_the_journal_goes_on_after_a_number(yard: Yard) -> None:
    url = yard.document["receivers"]["hook"]["url"]
    yard.http.post(url + "one")
    seen = yard.journal("hook")[-1]["n"]
    yard.http.post(url + "two")
    items = yard.http.get(f"{yard.control}/journal/hook?after={seen}").json()["items"]
    assert [item["name"] for item in items] == ["two"]
    on_disk = (yard.home / "journal" / "hook.jsonl").read_text().splitlines()
    assert json.loads(on_disk[-1]) == items[0]


def test_the_command_line(yard: Yard) -> None:
    turned = run(yard, "fault", "web_latency", "on", "--param", "ms=5")
    assert json.loads(turned.stdout)["settings"] == {"ms": 5}
    assert "ON   web_latency" in run(yard, "faults").stdout
    wrong = run(yard, "fault", "web_latncy", "on")
    assert wrong.returncode == 2
    assert "web_latency" in wrong.stderr
    assert run(yard, "reset").returncode == 0
    assert run(yard, "journal", "deadman").returncode == 0
