"""The commands about versions, as a person meets them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.measures.making import probe, put
from tests.versions.world import RULES, SECOND, Process, states

from nigrani.access.models import LedgerLine
from nigrani.cli import nigrani
from nigrani.cli.frame import told
from nigrani.lib import clock
from nigrani.versions.models import Version

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("telemetry")]

LOWER = RULES.replace("above: 3}", "above: 1}")


@pytest.fixture
def here(process: Process, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    """The folder is the one that commands read; two answers were wrong a moment ago."""
    monkeypatch.setenv("NIGRANI_GUIDE", str(process.folder))
    put(*(probe(process.now - SECOND, "fail", name=f"p{each}") for each in range(2)))
    with clock.standing_at(lambda: process.now):
        yield process


def run(*words: str) -> Result:
    return CliRunner().invoke(nigrani, words, standalone_mode=False)


def code(result: Result) -> int:
    if result.exception is not None:
        return told(result.exception)  # type: ignore[arg-type]
    return result.return_value or 0


def test_a_change_is_tried_compared_and_confirmed(here: Process) -> None:
    here.write(LOWER)
    tried = run("guide", "test")
    assert code(tried) == 1, tried.output
    assert "1 of 1 examples hold." in tried.output
    assert "failing: It would fire at once: 2 over 5 min is above 1." in tried.output
    compared = run("guide", "diff")
    assert code(compared) == 1
    assert "alert failing: when.above 3 → 1" in compared.output
    assert "+    when: {measure: failed, over: 5m, above: 1}" in compared.output
    here.looks()
    assert states() == [(1, "standing"), (2, "waiting")]
    listed = json.loads(run("guide", "versions", "--json").output)["items"]
    assert [(each["number"], each["state"]) for each in listed] == [(2, "waiting"), (1, "standing")]
    assert listed[0]["reasons"][0]["why"] == "fires"
    assert "waiting" in run("guide", "versions").output
    done = run("guide", "confirm", "--by", "asha@example.in")
    assert "Version 2 runs from now on" in done.output
    assert LedgerLine.objects.latest("seq").by == "asha@example.in"
    assert code(run("guide", "diff")) == 0
    assert code(run("guide", "diff", "1", "2")) == 1
    nothing = run("guide", "confirm")
    assert code(nothing) == 2
    assert "No version waits." in str(nothing.exception)


def test_a_version_is_shown_and_its_files_written_out(here: Process, tmp_path: Path) -> None:
    here.save(RULES.replace("Look.", "Look \x1b[31mhere."))
    here.save(RULES.replace("Look.", "Look again."))
    shown = run("guide", "show", "2")
    assert code(shown) == 0
    assert "Version 2 (" in shown.output
    assert "\x1b[31m" not in shown.output
    as_json = json.loads(run("guide", "show", "1", "--json").output)
    assert as_json["files"] == ["guide.yaml", "rows.tsv", "rules.yaml"]
    into = tmp_path / "old"
    assert code(run("guide", "show", "1", "--into", str(into))) == 0
    assert (into / "rules.yaml").read_text() == RULES
    again = run("guide", "show", "1", "--into", str(into))
    assert code(again) == 2
    assert "is not empty" in str(again.exception)


def test_an_example_that_fails_is_shown_reading_by_reading(here: Process) -> None:
    here.write(RULES.replace("above: 3}", "above: 30}"))
    tried = run("guide", "test", "failing")
    assert code(tried) == 1
    assert "expects firing at 5 min, but it is ok then." in tried.output
    [first, *_] = [line.split() for line in tried.output.splitlines() if line.startswith("    ")]
    assert first[:3] == ["0", "s", "to"]
    as_json = json.loads(run("guide", "test", "--json").output)
    assert as_json["ok"] is False
    assert as_json["examples"][0]["steps"][-1]["reading"] == "9"


def test_a_version_is_withdrawn(here: Process) -> None:
    here.save(LOWER)
    assert "Version 2 was withdrawn." in run("guide", "withdraw").output
    assert Version.objects.get(number=2).decided_by == "command line"
    assert LedgerLine.objects.latest("seq").action == "guide.withdrawn"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("guide", "show", "77"), "There is no version 77"),
        (("guide", "show", "9" * 30), "There is no version"),
        (("guide", "confirm", "1"), "stands already"),
        (("guide", "withdraw", "1"), "does not wait"),
        (("guide", "diff", "one"), "is no version"),
        (("guide", "test", "nope"), "has no rule 'nope'"),
        (("guide", "show", "failing", "--into", "/nonexistent"), "name its number"),
    ],
)
def test_what_can_not_be_done_is_told(here: Process, words: tuple[str, ...], wanted: str) -> None:
    result = run(*words)
    assert wanted in str(result.exception)


def test_the_api_lists_versions(here: Process) -> None:
    from django.test import Client
    from tests.console.world import person

    from nigrani.access import tokens
    from nigrani.access.models import Role

    token = tokens.create("board", Role.VIEWER, by=person("Asha", Role.ADMIN), now=clock.now())
    here.save(LOWER)
    here.save("alerts: [\n")

    def ask(address: str) -> object:
        key = getattr(token, "token", token)
        answer = Client().get(f"/api/v1/{address}", headers={"Authorization": f"Bearer {key}"})
        return answer.json()

    listed = ask("versions?limit=2")
    assert isinstance(listed, dict)
    assert [each["number"] for each in listed["items"]] == [3, 2]
    assert listed["next"] == "/api/v1/versions?limit=2&before=2"
    one = ask("versions/2")
    assert isinstance(one, dict)
    assert "+    when: {measure: failed, over: 5m, above: 1}" in one["diff"]
    status = ask("status")
    assert isinstance(status, dict)
    assert (status["guide"]["version"], status["guide"]["waiting"]) == (1, 2)
    assert status["guide"]["mistakes"][0].startswith("rules.yaml:2:1: ")
    assert "There is no version 9" in str(ask("versions/9"))
    assert "limit" in str(ask("versions?limit=0"))
