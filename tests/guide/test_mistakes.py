"""Every mistake a guide can have: its place, its words and the nearest valid name."""

# ruff: noqa: E501 - the sentences are kept whole, so that they can be searched for
from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from nigrani.guide import load
from nigrani.lib.errors import GuideError

from . import books
from .vocab import VOCABULARY


@dataclass(frozen=True)
class Mistake:
    """A change to the small guide, and what is told of it: where (the text that stands there; `|` after it) and what."""

    name: str
    old: str
    new: str
    told: tuple[tuple[str, str], ...]


SLOW = "    urgency: high\n    when: {measure: first_byte, over: 5m, above: 2s}\n"


def levels(written: str, *, when: str = "", more: str = "") -> str:
    """Return the lines of an alert with levels, in place of SLOW."""
    lines = [f"when: {{measure: first_byte, over: 5m{when}}}", f"levels: {written}", *([more] if more else [])]
    return "".join(f"    {line}\n" for line in lines)


# fmt: off
MISTAKES = [
    Mistake("unknown key", "title: The site is down", "titel: The site is down", (
        ("titel", "The alert 'site-down' has no key 'titel' (nearest: title)."),
        ("titel", "The alert 'site-down' lacks 'title'."),
    )),
    Mistake("unknown key of an integration", "{path: /login,", "{pth: /login,", (
        ("pth", "The probe 'login' of the source 'website' has no key 'pth' (nearest: path)."),
    )),
    Mistake("unknown nested key", 'body: "9:00"', 'boddy: "9:00"', (
        ("boddy", "'expect' of the probe 'login' of the source 'website' has no key 'boddy' (nearest: body)."),
    )),
    Mistake("unknown section", "kpis:", "kpi:", (
        ("kpi", "A guide has no section 'kpi' (nearest: kpis)."),
    )),
    Mistake("duplicate key", "hold: 1m", "hold: 1m\n    hold: 2m", (
        ("hold: 2m\n ", "The key 'hold' stands here twice; first in line 36."),
    )),
    Mistake("duplicate name in a file", "  first_byte:\n", "  site_up:\n", (
        ("site_up:\n    means: Time", "The key 'site_up' stands here twice; first in line 12."),
        ("first_byte", "'measure' of 'when' of the alert 'site-slow' names the measure 'first_byte', which does not exist."),
    )),
    Mistake("missing key", "    unit: ms\n", "", (
        ("means: Time", "The measure 'first_byte' lacks 'unit'."),
    )),
    Mistake("empty section", "  site-down: {title: Down, steps: [Open the page., Call somebody.]}\n", "", (
        ("site-down\n ", "'runbook' of the alert 'site-down' names the runbook 'site-down', which does not exist."),
        ("runbooks:|", "The section 'runbooks' is empty: remove it, or write its first runbook."),
    )),
    Mistake("bad name", "  site-slow:", "  Site Slow:", (
        ("Site", "'Site Slow' can't be a name: write small letters, digits, - and _, beginning with a letter."),
    )),
    Mistake("a KPI and a check of one name", "uptime: {title: Uptime", "availability: {title: Uptime", (
        ("availability: {title: Uptime", "The name 'availability' is taken by the kpi in website.yaml, line 53."),
    )),
    Mistake("no value", "action: Look at once.", "action: ~", (
        ("~", "'action' of the alert 'site-down' has no value."),
    )),
    Mistake("wrong type", "status: [200, 204]", "status: [200, two]", (
        ("two", "'status' of 'expect' of the probe 'login' of the source 'website' wants a whole number, for example 3, not 'two'."),
    )),
    Mistake("a list where one value is wanted", "title: The website", "title: [The, website]", (
        ("[The", "'title' of the source 'website' wants a single value, not a list."),
    )),
    Mistake("a value where a table is wanted", "clear: {above: 99%, hold: 2m}", "clear: 99%", (
        ("99%", "'clear' of the alert 'site-down' is a table of key: value, not a single value."),
    )),
    Mistake("no duration", "stale_after: 1m", "stale_after: 60", (
        ("60\n ", "'stale_after' of the source 'website' wants a duration, for example 30s, not '60'."),
    )),
    Mistake("no choice", "urgency: critical", "urgency: critcal", (
        ("critcal", "'urgency' of the alert 'site-down' is one of critical, high, medium, not 'critcal' (nearest: critical)."),
    )),
    Mistake("a percent sign where a choice is wanted", "urgency: critical", "urgency: 5%", (
        ("5%\n    when", "'urgency' of the alert 'site-down' is one of critical, high, medium, not '5%'."),
    )),
    Mistake("octal", "min_n: 3", "min_n: 010", (
        ("010, only", "'min_n' of 'when' of the alert 'site-down' wants a whole number, for example 3, not '010'."),
    )),
    Mistake("a probe without a pause", "every: 20s", "every: 20ms", (
        ("20ms", "'every' of the source 'website' is shorter than 1s."),
    )),
    Mistake("always dark", "stale_after: 1m", "stale_after: 20s", (
        ("20s\n    every", "'stale_after' of the source 'website' is no longer than its probes' pace, so that it would always be dark."),
    )),
    Mistake("what the integration itself finds", "method: POST", "method: GET", (
        ("{path: /school", "The probe 'school' of the source 'website': a GET sends no body."),
    )),
    Mistake("dangling measure", "measure: first_byte", "measure: fist_byte", (
        ("fist_byte", "'measure' of 'when' of the alert 'site-slow' names the measure 'fist_byte', which does not exist (nearest: first_byte)."),
    )),
    Mistake("dangling source", "needs: [website]", "needs: [websit]", (
        ("websit]", "'needs' of the measure 'site_up' names the source 'websit', which does not exist (nearest: website)."),
    )),
    Mistake("dangling row", "covers: [A01]", "covers: [A1]", (
        ("A1]", "'covers' of the alert 'site-down' names the row 'A1', which does not exist (nearest: A01)."),
    )),
    Mistake("dangling runbook", "runbook: site-down", "runbook: site-dawn", (
        ("site-dawn", "'runbook' of the alert 'site-down' names the runbook 'site-dawn', which does not exist (nearest: site-down)."),
    )),
    Mistake("unknown kind", "kind: site", "kind: sites", (
        ("sites", "'kind' of the source 'website' names 'sites', and no integration does that (nearest: site)."),
    )),
    Mistake("unknown label", "only: {probe: [login]}", "only: {prob: [login]}", (
        ("{prob", "'only' of 'when' of the alert 'site-down' has 'prob', which is no label of the measure (nearest: probe)."),
    )),
    Mistake("a probe that is not there", "only: {probe: [login]}", "only: {probe: [logn]}", (
        ("{probe: [logn]}", "'only' of 'when' of the alert 'site-down' names the probe 'logn', which no source of the measure has (nearest: login)."),
    )),
    Mistake("a ratio without its unit", "below: 95%", "below: 95", (
        ("95,", "'below' of 'when' of the alert 'site-down' is held against 'site_up' (unit: ratio): write a ratio such as 95% or 0.95, not '95'."),
    )),
    Mistake("milliseconds without a unit", "above: 2s", "above: 2000", (
        ("2000", "'above' of 'when' of the alert 'site-slow' is held against 'first_byte' (unit: ms): write a duration such as 500ms, not '2000'."),
    )),
    Mistake("both sides", "below: 95%", "below: 95%, above: 5%", (
        ("{measure: site_up", "'when' of the alert 'site-down' has both above and below; write exactly one."),
    )),
    Mistake("no side", "expect: {above: 99.9%}", "expect: {}", (
        ("{}}", "'expect' of the check 'uptime' has neither above nor below; write exactly one."),
    )),
    Mistake("clears on the wrong side", "clear: {above: 99%", "clear: {above: 90%", (
        ("90%", "'clear' of the alert 'site-down' lies on the wrong side of its level: write above, at least that level."),
    )),
    Mistake("clears by the same side", "clear: {above: 99%", "clear: {below: 99%", (
        ("99%", "'clear' of the alert 'site-down' lies on the wrong side of its level: write above, at least that level."),
    )),
    Mistake("critical without a runbook", "    runbook: site-down\n", "", (
        ("title: The site is down", "The alert 'site-down' is critical and has no runbook: name one that says what to do."),
    )),
    Mistake("critical without an example that fires", "expect: firing at 6m", "expect: ok at 2m", (
        ("title: The site is down", "The alert 'site-down' is critical and has no example in which it fires."),
    )),
    Mistake("an example that can't be read", "expect: firing at 6m", "expect: fires at 6m", (
        ('{readings: "1*5', "An example of the alert 'site-down': 'fires at 6m' is no expectation; write for example firing at 10m, ok, pending or never fires."),
    )),
    Mistake("an example in the wrong unit", '"1*5 50%*10"', '"1*5 50*10"', (
        ('{readings: "1*5', "An example of the alert 'site-down': '50' is no value in ratio; write for example 0*10 11*5."),
    )),
    Mistake("no SELECT", "SELECT minute , n , digest", "DROP minute", (
        ("|\n      DROP", "'sql' of the measure 'first_byte': Only a SELECT may stand here."),
    )),
    Mistake("a column is lacking", "probe , num , den , n", "probe , num , n", (
        ("|\n      SELECT minute , probe", "'sql' of the measure 'site_up' returns no column named den."),
    )),
    Mistake("bad name of a variable", '"${SITE_URL}"', '"${site_url}"', (
        ('"${', "'base' of the source 'website' holds '${site_url}'; write ${NAME} with capitals, digits and _, or ${NAME:-else}."),
    )),
    Mistake("an open variable", '"${SITE_URL}"', '"${SITE_URL"', (
        ('"${', "'base' of the source 'website' holds '${SITE_URL'; write ${NAME} with capitals, digits and _, or ${NAME:-else}."),
    )),
    Mistake("an alias", "steps: [Open the page., Call somebody.]", "steps: [&a Open the page., *a]", (
        ("&a ", "Anchors are not read (&a): write the value out at each place."),
        ("*a]", "Aliases are not read (*a): write the value out."),
    )),
    Mistake("a merge key", "title: Down, steps", "<<: {title: Down}, steps", (
        ("{<<", "The runbook 'site-down' lacks 'title'."),
        ("<<:", "Merge keys are not read (<<): write the keys out."),
    )),
    Mistake("a tag", "title: Down,", "title: !!python/name:os.system Down,", (
        ("!!python", "Tags are not read (!…): write plain or quoted text."),
    )),
    Mistake("a tab", "    hold: 1m", "\thold: 1m", (
        ("\thold", "A tab indents this line; indent with spaces."),
    )),
    Mistake("a second document", "kpis:", "---\nkpis:", (
        ("---", "A second document starts here; a guide file holds one."),
    )),
    Mistake("a key that is a list", "title: Down,", "title: Down, [a]: b,", (
        ("[a]", "A key is a single word, not a list or a table."),
    )),
    Mistake("dangling cause", "action: Find out why.", "action: Find out why.\n    effect_of: [site-dwn]", (
        ("site-dwn", "'effect_of' of the alert 'site-slow' names the alert 'site-dwn', which does not exist (nearest: site-down)."),
    )),
    Mistake("its own cause", "action: Find out why.", "action: Find out why.\n    effect_of: site-slow", (
        ("site-slow\nkpis", "'effect_of' of the alert 'site-slow' leads back to itself: site-slow → site-slow."),
    )),
    Mistake("no urgency and no levels", "    urgency: high\n", "", (
        ("title: The site is slow", "The alert 'site-slow' lacks 'urgency'."),
    )),
    Mistake("an unknown level", SLOW, levels("{high: {above: 2s}, critcal: {above: 9s}}"), (
        ("critcal", "'levels' of the alert 'site-slow' has no key 'critcal' (nearest: critical)."),
    )),
    Mistake("levels that are none", SLOW, levels("{}"), (
        ("{}", "'levels' of the alert 'site-slow': none stands there; write one or more of medium, high and critical."),
    )),
    Mistake("a level beside levels", SLOW, levels("{high: {above: 2s}}", when=", above: 1s", more="hold: 1m"), (
        ("1s}", "The alert 'site-slow' has levels: leave 'above' out of 'when'."),
        ("1m\n    owner: dev-lead\n    action: Find", "The alert 'site-slow' has levels, and each has its own 'hold': leave it out here."),
    )),
    Mistake("levels in another unit", SLOW, levels("{high: {above: 5%}}"), (
        ("5%}}", "'above' of the level 'high' of the alert 'site-slow' is held against 'first_byte' (unit: ms): write a duration such as 500ms, not '5%'."),
    )),
    Mistake("levels out of order", SLOW, levels("{medium: {above: 4s}, high: {above: 2s}}"), (
        ("2s}}", "The level 'high' of the alert 'site-slow' is not farther above than 'medium'."),
    )),
    Mistake("levels on two sides", SLOW, levels("{medium: {above: 4s}, high: {below: 2s}}"), (
        ("2s}}", "The level 'high' of the alert 'site-slow' is about values below it, and 'medium' above: write all levels with the same of the two."),
    )),
    Mistake("a level that clears after a milder one", SLOW,
            levels("{medium: {above: 2s}, high: {above: 4s, clear: {below: 1s}}}"), (
        ("1s}}}", "The level 'high' of the alert 'site-slow' is over later than 'medium': let it clear first."),
    )),
    Mistake("a level that clears on the wrong side", SLOW, levels("{high: {above: 4s, clear: {below: 5s}}}"), (
        ("5s}}}", "'clear' of the level 'high' of the alert 'site-slow' lies on the wrong side of its level: write below, at most that level."),
    )),
    Mistake("a critical level without an example of it", SLOW,
            levels("{high: {above: 4s}, critical: {above: 9s}}", more='examples: {readings: "5s*3", expect: firing}'), (
        ("title: The site is slow", "The alert 'site-slow' is critical and has no example in which it fires at that level."),
        ("title: The site is slow", "The alert 'site-slow' is critical and has no runbook: name one that says what to do."),
    )),
    Mistake("an example of a level that it has not", SLOW,
            levels("{medium: {above: 4s}, high: {above: 9s}}", more='examples: {readings: "5s*3", expect: critical}'), (
        ("critical}", "An example of the alert 'site-slow' expects critical, which is no level of it."),
    )),
]
# fmt: on


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda each: each.name)
def test_a_mistake_is_told_with_its_place_and_what_to_write(tmp_path: Path, mistake: Mistake) -> None:
    files = books.changed(mistake.old, mistake.new)
    wanted = [f"{place(files, 'website.yaml', at)}: {sentence}" for at, sentence in mistake.told]
    assert books.problems(tmp_path, files) == wanted


def test_a_circle_of_causes_is_told_once_where_it_begins(tmp_path: Path) -> None:
    first = "runbook: site-down\n    starts: live"
    files = dict(books.changed(first, "effect_of: [site-slow]\n    " + first))
    text = str(files["website.yaml"]).replace(
        "action: Find out why.", "action: Find out why.\n    effect_of: site-down"
    )
    files["website.yaml"] = text
    at = place(files, "website.yaml", "[site-slow]")
    assert books.problems(tmp_path, files) == [
        f"{at}: 'effect_of' of the alert 'site-down' leads back to itself: site-down → site-slow → site-down."
    ]


def place(files: Mapping[str, str | bytes], file: str, at: str) -> str:
    """Return file:line:column of a text that stands once in the file; of its end if `|` follows it."""
    text = str(files[file])
    snippet = at.removesuffix("|")
    assert text.count(snippet) == 1, f"{snippet!r} stands {text.count(snippet)} times"
    before = text[: text.index(snippet) + (len(snippet) if at.endswith("|") else 0)]
    return f"{file}:{before.count(chr(10)) + 1}:{len(before) - (before.rfind(chr(10)) + 1) + 1}"


SETTINGS = [
    ("no group interval", "reference:", "telling: {group_interval: 5}\nreference:", [
        "guide.yaml:5:27: 'group_interval' of telling wants a duration, for example 30s, not '5'.",
    ]),
    ("hardly flapping", "reference:", "telling: {flapping: {changes: 1}}\nreference:", [
        "guide.yaml:5:21: 'flapping' of telling: changes is below 2.",
    ]),
    ("no such zone", "Asia/Kolkata", "Asia/Kolkatta", [
        "guide.yaml:3:7: There is no time zone 'Asia/Kolkatta' (nearest: Asia/Kolkata).",
    ]),
    ("a zone that is a folder", "Asia/Kolkata", "Asia", ["guide.yaml:3:7: There is no time zone 'Asia'"]),
    ("a version to come", "guide: 1", "guide: 7", [
        "guide.yaml:1:8: This Nigrani reads guides of version 1, and this one says 7.",
    ]),
    ("no version", "guide: 1\n", "", ["guide.yaml:1:1: The guide lacks 'guide'."]),
    ("a secret in the open", '"${DEAD_MAN_URL}"', "https://dead.example/s3cret", [
        "guide.yaml:4:17: 'url' of dead_man is a secret: write ${NAME} and keep the value in the environment or "
        "secrets/NAME.",
    ]),
    ("no address", "https://example.net/", "example.net", [
        "guide.yaml:5:33: 'reference' of the guide wants an address without a password in it, for example "
        "https://school.example, not 'example.net'.",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "wanted"), [each[1:] for each in SETTINGS], ids=[each[0] for each in SETTINGS])
def test_a_mistake_in_the_settings(tmp_path: Path, old: str, new: str, wanted: list[str]) -> None:
    found = books.problems(tmp_path, books.changed(old, new, file="guide.yaml"))
    assert [line[: len(want)] for line, want in zip(found, wanted, strict=True)] == wanted


def test_dangling_receivers_and_people_are_told(tmp_path: Path) -> None:
    files = books.changed("[alerts-channel]", "[alert-channel]", file="people.yaml")
    files["website.yaml"] = books.WEBSITE.replace("owner: dev-lead", "owner: devlead")
    assert books.problems(tmp_path, files) == [
        "people.yaml:2:39: 'receivers' of the person 'dev-lead' names the receiver 'alert-channel', which does not exist "
        "(nearest: alerts-channel).",
        "website.yaml:38:12: 'owner' of the alert 'site-down' names the person 'devlead', which does not exist "
        "(nearest: dev-lead).",
        "website.yaml:50:12: 'owner' of the alert 'site-slow' names the person 'devlead', which does not exist "
        "(nearest: dev-lead).",
    ]


def test_a_secret_written_in_the_open_is_refused_and_not_repeated(tmp_path: Path) -> None:
    files = books.changed('"${CHAT_URL}"', "https://chat.example/hook/s3cret", file="people.yaml")
    [line] = books.problems(tmp_path, files)
    assert line == (
        "people.yaml:7:18: 'webhook_url' of the receiver 'alerts-channel' is a secret: write ${NAME} and keep the value "
        "in the environment or secrets/NAME."
    )


def test_a_value_from_outside_that_does_not_fit_is_not_shown(tmp_path: Path) -> None:
    [line] = books.problems(tmp_path, books.FILES, {**books.SET, "SITE_URL": "s3cret-put-in-the-wrong-place"})
    assert line == (
        "website.yaml:5:11: 'base' of the source 'website' wants an address without a password in it, for example "
        "https://school.example, not the value of ${SITE_URL}."
    )


def test_a_secret_file_that_others_can_read_is_told(tmp_path: Path) -> None:
    books.vault(tmp_path, books.SET)
    (tmp_path / "secrets" / "OPEN").write_text("x")
    (tmp_path / "secrets" / "OPEN").chmod(0o644)
    files = books.changed('"${CHAT_URL}"', '"${OPEN}"', file="people.yaml")
    [line] = books.problems(tmp_path, files)
    assert line.startswith("people.yaml:7:18: The secret file ")
    assert "can be read by other users" in line


def test_a_secret_file_that_holds_no_text_is_told(tmp_path: Path) -> None:
    books.vault(tmp_path, books.SET)
    (tmp_path / "secrets" / "BINARY").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "secrets" / "BINARY").chmod(0o600)
    [line] = books.problems(tmp_path, books.changed('"${CHAT_URL}"', '"${BINARY}"', file="people.yaml"))
    assert line.endswith("BINARY holds no text. Write it as UTF-8.")


def test_the_same_name_in_two_files_is_told_with_the_other_place(tmp_path: Path) -> None:
    more = "runbooks:\n  site-down: {title: Again, steps: [Look.]}\nname: Another\n"
    assert books.problems(tmp_path, {**books.FILES, "more.yaml": more}) == [
        "more.yaml:3:1: 'name' stands in guide.yaml already, in line 2.",
        "website.yaml:57:3: The name 'site-down' is taken by the runbook in more.yaml, line 2.",
    ]


def test_all_mistakes_are_told_at_once_and_in_order(tmp_path: Path) -> None:
    text = (
        books.WEBSITE.replace("kind: site", "kind: sit")
        .replace("unit: ms", "unit: milliseconds")
        .replace("    action: Look at once.\n", "")
        .replace("below: 95%", "below: 95")
        .replace("clear: {above: 99%, hold: 2m}", "clear: {above: 99%, hold: soon}")
        .replace("covers: [K01]", "covers: [K1]")
    )
    files = {**books.FILES, "website.yaml": text, "people.yaml": books.PEOPLE.replace("send: chat", "send: chatt")}
    assert [line.split(": ")[0].rsplit(":", 1)[0] for line in books.problems(tmp_path, files)] == [
        "people.yaml:5", "website.yaml:3", "website.yaml:23", "website.yaml:31", "website.yaml:35", "website.yaml:37",
        "website.yaml:52",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        ("empty.yaml", b"", "empty.yaml:1:1: The file is empty: remove it, or write a section such as alerts."),
        ("words.yaml", b"hello", "words.yaml:1:1: A guide's file is a table of sections, such as alerts: \u2026."),
        ("latin.yaml", b"name: x\n\xe9: y", "latin.yaml:2:1: The file is not UTF-8: save it as UTF-8."),
        ("null.yaml", b"a: \x00", "null.yaml:1:4: This character is not allowed in a guide (a control character)."),
        ("open.yaml", b"a: [1, 2", "open.yaml:1:9: This is no YAML: did not find expected ',' or ']'."),
        ("short.yml", b"a: b", "short.yml:1:1: The guide's files end in .yaml: rename this one."),
        ("big.yaml", b"# " + b"x" * 1024 * 1024, "big.yaml:1:1: The file is larger than 1 MiB: split it by subject."),
        ("deep.yaml", b"people: " + b"[" * 900, "deep.yaml:1:48: This is nested more than 40 levels deep."),
    ],
)
def test_a_file_that_can_not_be_read_is_told(tmp_path: Path, name: str, content: bytes, wanted: str) -> None:
    assert books.problems(tmp_path, {**books.FILES, name: content}) == [wanted]


def test_links_out_of_the_folder_and_odd_files_are_refused(tmp_path: Path) -> None:
    folder = books.write(tmp_path / "guide", books.FILES)
    (tmp_path / "passwd").write_text("name: stolen")
    (folder / "a-link.yaml").symlink_to(tmp_path / "passwd")
    (folder / "b-dangling.yaml").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "c-pipe.yaml")
    assert books.problems(tmp_path, {}) == [
        "a-link.yaml:1:1: This is a link that leads out of the guide's folder: copy the file here.",
        "b-dangling.yaml:1:1: The file can't be read: No such file or directory.",
        "c-pipe.yaml:1:1: This is not a regular file.",
    ]


def test_a_folder_that_is_not_there_or_holds_nothing(tmp_path: Path) -> None:
    assert books.problems(tmp_path, {})[0] == f"{tmp_path}/guide:1:1: The guide's folder holds no .yaml file."
    (tmp_path / "guide").rmdir()
    (tmp_path / "guide").write_text("a file")
    with pytest.raises(GuideError, match="The guide's folder can't be read: Not a directory"):
        load(tmp_path / "guide", vocabulary=VOCABULARY, vault=books.vault(tmp_path, {}))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a\tb\n", "rows.tsv:1:1: The first line is: id, section, row, with tabs between."),
        (books.ROWS + "B01 Backup\n", "rows.tsv:5:1: A row is an id, a section and a text, with tabs between."),
        (books.ROWS + "K01\tKPI\tTwice\n", "rows.tsv:5:1: The row 'K01' stands here twice."),
    ],
)
def test_a_mistake_in_the_rows(tmp_path: Path, text: str, wanted: str) -> None:
    assert wanted in books.problems(tmp_path, {**books.FILES, "rows.tsv": text})
