"""The command line as a person meets it: real processes, real exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nigrani.demo.stories import STORIES
from nigrani.lib.home import Home


def run(*words: str, home: Home | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, on the suite's stores or on a home of its own."""
    full = {name: value for name, value in os.environ.items() if not name.startswith("NIGRANI_TEST")}
    if home is not None:
        full |= {"NIGRANI_HOME": str(home.path)}
        full.pop("NIGRANI_DATABASE_URL", None)
    return subprocess.run(
        [sys.executable, "-m", "nigrani.cli", *words],
        env=full | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "command", ["", "up", "init", "doctor", "demo", "systemd", "survey", "guide", "rule", "person", "token"]
)
def test_every_command_explains_itself(command: str) -> None:
    told = run(*command.split(), "--help")
    assert told.returncode == 0
    assert "Usage: " in told.stdout
    assert "--help" in told.stdout


def test_a_wrong_word_is_a_usage_error() -> None:
    told = run("guidance")
    assert told.returncode == 2
    assert "No such command 'guidance'" in told.stderr


def test_without_the_state_database_it_says_how_to_start_it(home: Home) -> None:
    told = run("person", home=home)
    assert told.returncode == 3
    assert "nigrani up" in told.stderr
    assert "Traceback" not in told.stderr


def test_the_shipped_guide_holds() -> None:
    told = run("guide", "check", "--json")
    assert told.returncode == 0, told.stdout + told.stderr
    assert json.loads(told.stdout)["ok"] is True


def test_mistakes_in_a_guide_are_told_with_their_places_and_exit_2(tmp_path: Path) -> None:
    (tmp_path / "guide.yaml").write_text("guide: 1\nname: X\nzone: Asia/Calcuta\nnme: y\n")
    told = run("guide", "check", str(tmp_path))
    assert told.returncode == 2
    assert "guide.yaml:3:7" in told.stderr
    assert "guide.yaml:4:1" in told.stderr
    as_json = run("guide", "check", str(tmp_path), "--json")
    assert as_json.returncode == 2
    assert len(json.loads(as_json.stdout)["problems"]) >= 2


def test_a_rule_is_shown_where_it_stands() -> None:
    told = run("guide", "show", "system-down")
    assert told.returncode == 0, told.stderr
    assert "website.yaml:" in told.stdout
    assert "A01" in told.stdout


def test_a_rule_that_is_not_there_names_the_nearest_and_a_wrong_span_is_told() -> None:
    state = _suite_database()
    told = run("rule", "backtest", "sytem-down", NIGRANI_DATABASE_URL=state)
    assert told.returncode == 2, told.stderr
    assert "The nearest is system-down." in told.stderr
    told = run("rule", "backtest", "system-down", "--below", "2s", NIGRANI_DATABASE_URL=state)
    assert told.returncode == 2, told.stderr
    assert "is no level of system_up (unit: ratio)" in told.stderr
    told = run("rule", "backtest", "system-down", "--from", "2020-01-01", NIGRANI_DATABASE_URL=state)
    assert told.returncode == 2, told.stderr
    assert "is no span of a minute to 90 days" in told.stderr


def test_the_schema_is_json() -> None:
    told = run("guide", "schema")
    assert json.loads(told.stdout)["$schema"].startswith("https://json-schema.org/")


def test_init_prints_roles_without_asking_anything() -> None:
    told = run("init", "--sql")
    assert told.returncode == 0
    assert "CREATE ROLE nigrani_monitor" in told.stdout
    assert "CONNECTION LIMIT 5" in told.stdout


def test_stories_are_listed() -> None:
    listed = run("demo", "--list").stdout.split()
    assert listed == list(STORIES)
    assert listed[:5] == ["quiet-day", "website-down", "database-down", "slow-queries", "pool-exhausted"]


def test_an_unknown_story_names_the_known_ones() -> None:
    told = run("demo", "--story", "website-gone")
    assert told.returncode == 2
    assert "website-down" in told.stderr


@pytest.mark.django_db(transaction=True)
def test_a_reset_for_nobody_says_who_there_is() -> None:
    told = run("person", "reset", "nobody@example.in", NIGRANI_DATABASE_URL=_suite_database())
    assert told.returncode == 2
    assert "There is no active person 'nobody@example.in'. List them with: nigrani person" in told.stderr.replace(
        "\n", " "
    )


def _suite_database() -> str:
    from django.db import connection

    params = connection.get_connection_params()
    return f"postgresql://{params['user']}:{params['password']}@/{params['dbname']}?host={params['host']}"
