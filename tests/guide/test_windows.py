"""Maintenance windows and the pace of telling again, as a guide writes them; every mistake with its place."""

from __future__ import annotations

from datetime import date, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.guide import books

from nigrani.guide import Repeat
from nigrani.guide.model import REPEATS

NIGHTLY = "{why: The backup runs., repeats: daily, starts: 23:30, lasts: 1h30m, sources: [website]}"
BEFORE = "windows.yaml:2"


def test_windows_are_read_with_their_zone_and_days(tmp_path: Path) -> None:
    windows = books.loaded(tmp_path).windows
    nightly, sunday, move = windows["nightly"], windows["sunday"], windows["move"]
    assert (nightly.starts, nightly.lasts, nightly.sources) == (time(23, 30), timedelta(minutes=90), ("website",))
    assert nightly.zone == ZoneInfo("Asia/Kolkata")
    assert (sunday.days, sunday.starts, sunday.zone) == ((6,), time(2, 5), ZoneInfo("Europe/Berlin"))
    assert (move.date, move.rules, move.labels) == (date(2026, 12, 31), ("*",), {"probe": ("log*",)})


def test_an_alert_takes_its_urgency_s_pace_unless_it_has_its_own(tmp_path: Path) -> None:
    of = books.loaded(tmp_path)
    ten, hour = timedelta(minutes=10), timedelta(hours=1)
    assert of.repeat(of.alerts["site-down"], "critical") == Repeat((ten, hour), ("dev-lead",))
    assert of.repeat(of.alerts["site-slow"], "high") == REPEATS["high"]
    own = books.loaded(
        tmp_path / "own", books.changed("urgency: critical", "urgency: critical\n    repeat: []\n    then: []")
    )
    assert own.repeat(own.alerts["site-down"], "critical") == Repeat()


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ("{why: x, repeats: daily, starts: 24:00, lasts: 1h, rules: site-*}",
         "'starts' of the window 'nightly' wants a time of day, for example 02:30, not '24:00'."),
        ("{why: x, repeats: weekly, starts: 2:00, lasts: 1h, rules: site-*}",
         "The window 'nightly': 'days' says when a weekly window comes, and stands in no other."),
        ("{why: x, repeats: daily, days: monday, starts: 2:00, lasts: 1h, rules: site-*}",
         "The window 'nightly': 'days' says when a weekly window comes, and stands in no other."),
        ("{why: x, repeats: once, starts: 2:00, lasts: 1h, rules: site-*}",
         "The window 'nightly': 'date' says when a window comes that comes once, and stands in no other."),
        ("{why: x, repeats: once, date: 2026-02-30, starts: 2:00, lasts: 1h, rules: site-*}",
         "'date' of the window 'nightly' wants a date, for example 2026-12-31, not '2026-02-30'."),
        ("{why: x, repeats: daily, starts: 2:00, lasts: 25h, rules: site-*}",
         "The window 'nightly': 'lasts' is more than 1 d, the most for one that comes daily."),
        ("{why: x, repeats: daily, starts: 2:00, lasts: 1h}",
         'The window \'nightly\': it names no rules, sources or labels; rules: ["*"] is every rule.'),
        ("{why: x, repeats: daily, starts: 2:00, lasts: 1h, rules: site-dwn}",
         "'rules' of the window 'nightly' names 'site-dwn', which no alert is called (nearest: site-down)."),
        ("{why: x, repeats: daily, starts: 2:00, lasts: 1h, rules: '*', labels: {prob: x}}",
         "'labels' of the window 'nightly' names 'prob', which is no label of any measure (nearest: probe)."),
        ("{why: x, repeats: daily, starts: 2:00, lasts: 1h, sources: [websit]}",
         "'sources' of the window 'nightly' names the source 'websit', which does not exist (nearest: website)."),
        ("{why: x, repeats: daily, starts: 2:00, lasts: 1h, rules: '*', zone: Asia/Kolkatta}",
         "There is no time zone 'Asia/Kolkatta' (nearest: Asia/Kolkata)."),
        ("{why: x, repeats: dayly, starts: 2:00, lasts: 1h, rules: '*'}",
         "'repeats' of the window 'nightly' is one of daily, weekly, once, not 'dayly' (nearest: daily)."),
    ],
)  # fmt: skip
def test_a_window_s_mistake_is_told_with_its_place(tmp_path: Path, new: str, told: str) -> None:
    (problem,) = books.problems(tmp_path, books.changed(NIGHTLY, new, file="windows.yaml"))
    assert problem.startswith(BEFORE)
    assert problem.split(": ", 1)[1] == told


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ("{critical: {every: [10s]}}", "it is told again more often than each minute."),
        ("{critical: {every: 1h, then: [dev-lead, dev-lead]}}", "'then' names up to 5 people, each once."),
        ("{critical: {every: 1h, then: cto}}", "names the person 'cto', which does not exist."),
        ("{urgent: {every: 1h}}", "Repeat has no key 'urgent'."),
        ("{high: {then: dev-lead}}", "lacks 'every'."),
    ],
)
def test_a_pace_s_mistake_is_told_with_its_place(tmp_path: Path, new: str, told: str) -> None:
    files = books.changed("{critical: {every: [10m, 1h], then: dev-lead}}", new, file="guide.yaml")
    (problem,) = books.problems(tmp_path, files)
    assert problem.startswith("guide.yaml:6:")
    assert problem.endswith(told)
