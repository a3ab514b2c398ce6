"""The pure parts of the soak: its page, its arguments, its simulated year, and that it sees what it looks for."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from bench.soak import invariants, kills, postgres, report, stories, year
from bench.soak.__main__ import PARTS, main, read
from bench.soak.report import Result
from tests.eventually import eventually
from tests.journeys import plays
from tests.journeys.plays import Flags, Played

from nigrani.guide import Guide
from nigrani.lib.home import Home

GOOD = Result("year", "", {"days": 365, "CPU s": 12.345}, (), took_s=75)
BAD = Result("kills", "PostgreSQL 18", {"kills": 1200}, ("told | twice", "a stray process"))


@pytest.fixture(scope="module")
def shipped() -> Guide:
    return year.shipped()


def test_a_run_replaces_its_own_rows_and_keeps_the_others(tmp_path: Path) -> None:
    page = tmp_path / "soak.md"
    report.write([GOOD, BAD], page)
    first = report.parse(page.read_text())
    assert list(first) == ["kills", "year"]
    assert "| 1 min 15 s | days 365, CPU s 12.3 | none |" in first["year"]
    assert first["kills"].endswith("| kills 1,200 | 2: told / twice; a stray process |")
    report.write([replace(BAD, failures=())], page)
    second = report.parse(page.read_text())
    assert second["year"] == first["year"]
    assert second["kills"].endswith("| kills 1,200 | none |")


def test_a_failure_is_one_short_line_without_paths() -> None:
    told = report.clean("no file\n  /tmp/some-home/run/lock of http://127.0.0.1/x/y " + "z" * 400)
    assert told.startswith("no file (a path) of http://127.0.0.1/x/y zzz")
    assert len(told) < 310


def test_more_failures_than_a_row_holds_are_counted() -> None:
    told = report.row(replace(BAD, failures=tuple(f"failure {number}" for number in range(8))))
    assert told.endswith("8: failure 0; failure 1; failure 2; failure 3; failure 4; and 3 more |")


def test_the_arguments_choose_parts_and_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = read(["--only", "kills,year", "--kills", "7", "--seed", "3", "--json"])
    assert (wanted.parts, wanted.kills, wanted.seed, wanted.as_json) == (("kills", "year"), 7, 3, True)
    assert read([]).parts == tuple(PARTS) == report.PARTS
    with pytest.raises(SystemExit, match="2"):
        read(["--only", "kill"])
    assert "there is no part kill; there are kills, healthy, year, stories, postgres15" in capsys.readouterr().err


def test_a_part_that_breaks_off_is_told_and_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(days: int, *, seed: int, say: object) -> Result:
        raise ValueError("no such day")

    monkeypatch.setattr(year, "run", broken)
    monkeypatch.setattr(report.write, "__defaults__", (tmp_path / "soak.md",))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert main(["--only", "year", "--json"]) == 1
    assert '"failures": ["broke off: ValueError: no such day"]' in capsys.readouterr().out
    assert "1: broke off: ValueError: no such day" in (tmp_path / "soak.md").read_text()


def _lived(guide: Guide, name: str, incidents: list[year.Incident], *, minutes: int = 600) -> year.Series:
    alert = guide.alerts[name]
    measure = guide.measures[alert.when.measure]
    series = year.Series(alert, measure, name, year.levels(alert, measure), incidents)
    year.live([series], minutes, say=print)
    return series


@pytest.mark.parametrize("kind", ["breach", "short", "close", "gap", "blind"])
def test_a_planted_incident_is_told_exactly_if_it_should_be(shipped: Guide, kind: year.Kind) -> None:
    end = 101 if kind == "short" else 200
    unseen = range(100, 200) if kind == "blind" else range(0)
    series = _lived(shipped, "endpoint-down", [year.Incident(kind, 100, end, unseen)])
    assert [word for _, word in series.told] == (["firing", "ok"] if kind == "breach" else [])
    assert year.verdict(series) == []


def test_an_end_nobody_saw_is_told_when_it_is_seen(shipped: Guide) -> None:
    series = _lived(shipped, "system-down", [year.Incident("blinded", 100, 130, range(120, 300))])
    assert [word for _, word in series.told] == ["firing", "ok"]
    assert series.told[1][0] >= 300
    assert year.verdict(series) == []


def test_the_verdict_sees_what_was_missed_doubled_or_made_up(shipped: Guide) -> None:
    series = _lived(shipped, "system-down", [year.Incident("breach", 100, 130)])
    told = series.told
    for wrong, words in (
        ([], "breach at 01 Jan 01:40 told nothing"),
        ([*told, *told], "told firing and ok and firing and ok"),
        ([*told, (500, "firing")], "firing told at 01 Jan 08:20 for no reason"),
    ):
        series.told = wrong
        assert words in " ".join(year.verdict(series))


def test_every_rule_of_the_shipped_guide_gets_incidents_that_end_before_the_next(shipped: Guide) -> None:
    for alert in shipped.alerts.values():
        measure = shipped.measures[alert.when.measure]
        values = year.levels(alert, measure)
        assert alert.when.holds(values.bad)
        assert not alert.when.holds(values.close)
        assert not alert.when.holds(values.good)
        planted = year.plant(alert, measure, random.Random(1), minutes=365 * 24 * 60)
        assert len(planted) == 52
        for one, following in itertools.pairwise(planted):
            assert one.over + alert.clear.hold / timedelta(minutes=1) < following.start


def test_a_seed_plans_the_same_kills_and_a_hundred_of_them_hit_everybody() -> None:
    def plans(seed: int) -> list[kills.Episode]:
        rng = random.Random(seed)
        return [kills.plan(rng, number) for number in range(100)]

    assert plans(4) == plans(4) != plans(5)
    assert {each.victim for each in plans(4)} == set(kills.VICTIMS)


def test_a_process_that_works_in_the_home_beside_its_supervisor_is_a_stray(home: Home) -> None:
    words = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    stray = subprocess.Popen(words, stdin=subprocess.PIPE, env=os.environ | {"NIGRANI_HOME": str(home.path)})
    try:
        assert eventually(lambda: invariants.strays(home, supervisor=1 << 30)) == [stray.pid]
        assert invariants.strays(home, supervisor=stray.pid) == []
    finally:
        stray.communicate()
    assert invariants.strays(home, supervisor=1 << 30) == []


def test_pytests_own_report_is_read() -> None:
    counts, failures = postgres.read(
        """<testsuites><testsuite><testcase classname="tests.a" name="one"/>
        <testcase classname="tests.a" name="two"><failure message="no"/></testcase>
        <testcase classname="tests.a" name="three"><skipped/></testcase></testsuite></testsuites>"""
    )
    assert counts == {"tests": 3, "skipped": 1}
    assert failures == ("tests.a::two: no",)


@pytest.mark.parametrize("part", sorted(postgres.RELEASES))
def test_an_older_postgresql_is_a_part_of_its_own_and_its_rooms_are_there(part: str) -> None:
    assert part in PARTS
    assert postgres.RELEASES[part].part == f"postgres{postgres.RELEASES[part].major}"
    assert all((postgres.ROOT / room).is_dir() for room in postgres.ROOMS)


def _played(code: int, *events: str, ok: bool, story: str = "blind") -> Played:
    seen = [{"at": "", "what": what, "detail": ""} for what in events]
    return Played(
        code, f"{json.dumps({'story': story, 'ok': ok, 'events': seen})}\n", "  1.0 s  settled\n  2.0 s  told\n"
    )


@pytest.mark.parametrize(
    ("flags", "played", "wrong"),
    [
        ((), _played(0, "settled", ok=True), ""),
        ((), _played(1, "settled", ok=False), "blind ended with 1 instead of 0; last it said: 2.0 s  told"),
        (("--no-fault",), _played(1, "settled", ok=False), ""),
        (("--no-fault",), _played(0, "settled", ok=True), "blind --no-fault ended with 0 instead of 1; last it said"),
        (("--no-fault",), _played(1, "not settled", ok=False), "did not settle"),
        (("--no-watch",), _played(1, "not settled", ok=False), ""),
        (("--no-watch",), _played(1, "broke off", ok=False), "blind --no-watch broke off; last it said: 2.0 s  told"),
        (("--no-watch",), _played(1, ok=False, story="storm"), "did not say how it went"),
        (("--no-watch",), Played(1, "", "Traceback\nOSError: no"), "not say how it went; last it said: OSError: no"),
        (("--no-watch",), Played(1, "", ""), "last it said: nothing"),
    ],
)
def test_a_story_is_judged_by_how_it_must_end(flags: Flags, played: Played, wrong: str) -> None:
    told = stories.judge("blind", flags, played)
    assert wrong in told
    assert bool(wrong) is bool(told)


def test_what_a_play_says_is_counted_and_its_failure_named(monkeypatch: pytest.MonkeyPatch) -> None:
    said = json.dumps({"story": "blind", "ok": True, "events": []})
    script = "import os, sys; print(sys.argv[1]); sys.exit(any(name.startswith('NIGRANI_') for name in os.environ))"
    monkeypatch.setattr(plays, "words", lambda _name, _flags: [sys.executable, "-c", script, said])
    result = stories.play([("blind", ()), ("blind", ("--no-fault",))], say=print)
    assert result.counts == {"stories": 1, "plays": 2}
    [failure] = result.failures
    assert failure.startswith("blind --no-fault ended with 0 instead of 1; last it said: {")


def test_a_play_that_still_runs_is_stopped_and_none_begun_when_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plays, "words", lambda _name, _flags: [sys.executable, "-c", "import time; time.sleep(3600)"])
    with plays.playing() as begin:
        begun = [begin("blind", ()) for _ in range(plays.AT_ONCE + 1)]
        assert eventually(lambda: all(future.running() for future in begun[:-1]))
    assert [future.cancelled() for future in begun] == [False] * plays.AT_ONCE + [True]
    assert all(future.result().code < 0 for future in begun[:-1])
