"""`nigrani silence`: preview, add, list, move, end; machines read the same shapes as from the API."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.alerts.telling import fires, made, tell
from tests.measures.making import T0

from nigrani.alerts.models import Silence
from nigrani.lib import clock

pytestmark = pytest.mark.django_db

PLAN = ("--rule", "down", "--for", "2h", "--why", "A deploy")


def run(monkeypatch: pytest.MonkeyPatch, *words: str, **more: Any) -> Result:
    command = importlib.import_module("nigrani.cli.silence")  # the package has a command of that name too
    monkeypatch.setattr(command, "_guide", made)
    with clock.standing_at(T0):
        return CliRunner().invoke(command.silence, list(words), **more)


def test_a_silence_is_previewed_added_listed_moved_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    fires()
    tell(made())
    said = run(monkeypatch, "preview", *PLAN).output
    assert "would mute now: down{probe=login} (firing)" in said
    assert "in the last 7 days it would have muted 1 messages" in said
    assert not Silence.objects.exists()
    assert run(monkeypatch, "add", *PLAN, input="n\n").exit_code == 1
    assert not Silence.objects.exists()
    assert run(monkeypatch, "add", *PLAN, "--by", "asha@example.in", "--yes").exit_code == 0
    [item] = json.loads(run(monkeypatch, "--json").output)["items"]
    assert (item["rules"], item["by"], item["state"]) == (["down"], "asha@example.in", "mutes")
    assert run(monkeypatch, "move", str(item["id"]), "--for", "30m").output == "It ends at 2026-03-01 10:30 UTC.\n"
    assert json.loads(run(monkeypatch, "show", str(item["id"]), "--json").output)["until"].startswith(
        "2026-03-01T10:30"
    )
    assert run(monkeypatch, "end", str(item["id"])).output == f"Silence {item['id']} is over.\n"
    assert run(monkeypatch).output == "Nothing is silenced.\n"
    assert json.loads(run(monkeypatch, "--past", "--json").output)["items"][0]["state"] == "over"


def test_a_window_begins_when_it_says_by_the_guide_s_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("add", "--rule", "*", "--why", "upgrade", "--starts", "2026-03-02 02:00", "--for", "1h", "--json")
    made_one = json.loads(run(monkeypatch, *words).output)
    assert (made_one["kind"], made_one["state"]) == ("window", "coming")
    assert made_one["starts_at"].startswith("2026-03-01T20:30")


@pytest.mark.parametrize(
    "words",
    [
        ("add", "--rule", "down", "--why", "x"),
        ("add", "--rule", "down", "--why", "x", "--for", "1h", "--until", "2026-03-01 20:00"),
        ("add", "--rule", "down", "--why", "x", "--for", "soon"),
        ("add", "--label", "probe", "--why", "x", "--for", "1h"),
        ("add", "--rule", "down", "--why", "x", "--until", "99999-01-01"),
    ],
)
def test_wrong_usage_is_said(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    assert run(monkeypatch, *words, "--yes").exit_code == 2
    assert not Silence.objects.exists()
