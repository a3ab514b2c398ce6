"""What a guide without mistakes becomes."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nigrani.guide import load, warnings
from nigrani.lib.errors import GuideError
from nigrani.lib.secret import Secret

from . import books
from .dumper import dump
from .vocab import VOCABULARY, Expect


def test_a_guide_is_read_as_it_says(tmp_path: Path) -> None:
    guide = books.loaded(tmp_path)
    assert (guide.name, str(guide.zone), guide.dead_man_every) == (
        "The School", "Asia/Kolkata", timedelta(seconds=20),
    )  # fmt: skip
    alert = guide.alerts["site-down"]
    assert (alert.when.below, alert.when.over, alert.when.min_n) == (0.95, timedelta(minutes=2), 3)
    assert alert.when.only == {"probe": ("login",)}
    assert (alert.clear.above, alert.clear.hold, alert.hold) == (0.99, timedelta(minutes=2), timedelta(minutes=1))
    assert (alert.starts, guide.alerts["site-slow"].starts) == ("live", "shadow")
    assert guide.alerts["site-slow"].when.above == 2000.0
    assert [(cover.row, cover.part) for cover in guide.measures["first_byte"].covers] == [
        ("C04", "how soon it answers")
    ]
    assert guide.measures["site_up"].tables == ("probes",)
    assert {name: promise.kind for name, promise in guide.promises.items()} == {
        "availability": "kpi",
        "uptime": "check",
    }
    assert guide.promises["availability"].expect.over == timedelta(days=30)
    assert guide.runbooks["site-down"].steps == ("Open the page.", "Call somebody.")
    assert guide.rows["A01"].text == "System Down"


def test_levels_are_read_the_mildest_first(tmp_path: Path) -> None:
    files = books.changed(
        "    urgency: high\n    when: {measure: first_byte, over: 5m, above: 2s}\n",
        "    when: {measure: first_byte, over: 5m, min_n: 4}\n"
        "    levels:\n      high: {above: 5s, clear: {below: 4s}}\n"
        "      medium: {above: 2s, hold: 5m, clear: {below: 1500ms, hold: 10m}}\n"
        '    examples: {readings: "1s 6s 3s", expect: "pending at 1m, high at 2m"}\n',
    )
    slow = books.loaded(tmp_path, files).alerts["site-slow"]
    mild, worse = slow.levels
    assert (slow.urgency, slow.when.above, slow.when.min_n, slow.hold, slow.clear.below) == (
        "medium", 2000, 4, timedelta(minutes=5), 1500,
    )  # fmt: skip
    assert (mild.urgency, mild.above, mild.clear.hold) == ("medium", 2000, timedelta(minutes=10))
    assert (worse.urgency, worse.above, worse.hold, worse.clear.below) == ("high", 5000, timedelta(), 4000)


def test_scalars_stay_text_until_their_field_reads_them(tmp_path: Path) -> None:
    probes = books.loaded(tmp_path).sources["website"].probes
    assert probes["login"].config.expect == Expect(status=(200, 204), body="9:00")
    # JSON follows YAML 1.2: `yes` and `no` are words, 010 is no number, true would be true.
    assert probes["school"].config.json == {"code": "X1", "n": "010", "yes": True, "no": "no"}
    assert (probes["school"].every, probes["login"].every) == (timedelta(minutes=1), timedelta(seconds=20))
    assert (probes["school"].timeout, probes["login"].timeout) == (timedelta(seconds=5), timedelta(seconds=10))


def test_everything_knows_where_it_stands(tmp_path: Path) -> None:
    guide = books.loaded(tmp_path)
    assert str(guide.alerts["site-down"].where) == "website.yaml:31:5"
    assert str(guide.alerts["site-down"].examples[1].where) == "website.yaml:44:9"
    assert str(guide.people["dev-lead"].where) == "people.yaml:2:13"


def test_variables_are_read_from_the_vault_and_never_stand_in_the_stored_text(tmp_path: Path) -> None:
    guide = books.loaded(tmp_path)
    assert guide.sources["website"].config.base == "https://school.example"
    assert guide.receivers["alerts-channel"].config.webhook_url == Secret("https://chat.example/hook/s3cret")
    assert guide.dead_man == Secret("https://dead.example/ping")
    assert guide.reference == ("https://reference.example/", "https://example.net/")
    assert not any(value in text for text in guide.text.values() for value in books.SET.values())
    assert "s3cret" not in repr(guide)
    assert warnings(guide) == []


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE_URL", "https://other.example")
    assert books.loaded(tmp_path).sources["website"].config.base == "https://other.example"


def test_what_is_not_set_is_missing_and_no_mistake(tmp_path: Path) -> None:
    guide = books.loaded(tmp_path, values={})
    site, channel = guide.sources["website"], guide.receivers["alerts-channel"]
    assert (site.is_set_up, site.missing, site.config) == (False, ("SITE_URL",), None)
    assert (channel.is_set_up, channel.missing, channel.config) == (False, ("CHAT_URL",), None)
    assert (guide.dead_man, guide.reference) == (None, ("https://example.net/",))
    assert warnings(guide) == [
        "No dead-man address is set up: if this machine dies, nobody is told. DEAD_MAN_URL is not set.",
        "The source 'website' is not set up: SITE_URL is missing.",
        "The receiver 'alerts-channel' is not set up: CHAT_URL is missing.",
        "No receiver of 'dev-lead' is set up: 2 alerts reach nobody.",
    ]


@pytest.mark.parametrize(
    ("written", "values", "base"),
    [
        ("${SITE_URL:-https://else.example}", {}, "https://else.example"),
        ("${SITE_URL:-https://else.example}", {"SITE_URL": "https://set.example"}, "https://set.example"),
        ("https://${HOST}.example/$${x}", {"HOST": "erp"}, "https://erp.example/${x}"),
    ],
)
def test_a_variable_may_stand_within_text_and_have_an_alternative(
    tmp_path: Path, written: str, values: dict[str, str], base: str
) -> None:
    files = books.changed('"${SITE_URL}"', f'"{written}"')
    assert books.loaded(tmp_path, files, values).sources["website"].config.base == base


def test_an_optional_secret_may_be_left_out_by_its_variable(tmp_path: Path) -> None:
    files = books.changed('"${CHAT_URL}"', '"${CHAT_URL:-}"', file="people.yaml")
    channel = books.loaded(tmp_path, files, {}).receivers["alerts-channel"]
    assert (channel.is_set_up, channel.config.webhook_url) == (True, None)


def test_sections_may_be_spread_over_files_and_the_digest_follows_the_text(tmp_path: Path) -> None:
    first = books.loaded(tmp_path / "a")
    text, more = books.WEBSITE.split("checks:")
    split = {**books.FILES, "website.yaml": text, "more.yaml": "checks:" + more}
    second = books.loaded(tmp_path / "b", split)
    assert set(second.promises) == set(first.promises)
    assert second.digest != first.digest
    assert books.loaded(tmp_path / "c").digest == first.digest


def test_hidden_files_and_other_kinds_of_file_are_passed_over(tmp_path: Path) -> None:
    files = {**books.FILES, ".draft.yaml": "nonsense: [", "README.md": "# A guide"}
    assert set(books.loaded(tmp_path, files).text) == set(books.FILES)


def test_a_folder_of_links_within_itself_is_read(tmp_path: Path) -> None:
    kept = books.write(tmp_path / "guide" / "..data", books.FILES)
    for name in books.FILES:
        (tmp_path / "guide" / name).symlink_to(kept / name)
    assert books.loaded(tmp_path, {}).name == "The School"


def test_a_guide_survives_load_dump_load(tmp_path: Path) -> None:
    first = books.loaded(tmp_path / "a")
    second = books.loaded(tmp_path / "b", {**dump(first), "rows.tsv": books.ROWS})
    assert dump(second) == dump(first)
    assert [*second.alerts] == [*first.alerts]


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=40).filter(
    str.strip
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=WORDS, means=WORDS, level=st.integers(1, 99), hold=st.integers(0, 10_000), min_n=st.integers(0, 10**9))
def test_any_alert_survives_load_dump_load(
    tmp_path_factory: pytest.TempPathFactory, title: str, means: str, level: int, hold: int, min_n: int
) -> None:
    folder = tmp_path_factory.mktemp("guide")
    text = (
        books.WEBSITE.replace("title: The site is down", f"title: {quoted(title)}")
        .replace("means: Nobody can use it.", f"means: {quoted(means)}")
        .replace("below: 95%", f"below: {level}%")
        .replace("hold: 1m", f"hold: {hold}s")
        .replace("min_n: 3", f"min_n: {min_n}")
        .replace("clear: {above: 99%", "clear: {above: 100%")
    )
    first = books.loaded(folder / "a", {**books.FILES, "website.yaml": text})
    second = books.loaded(folder / "b", {**dump(first), "rows.tsv": books.ROWS})
    alert, again = first.alerts["site-down"], second.alerts["site-down"]
    assert (alert.title, alert.means) == (title.strip(), means.strip())
    assert (again.title, again.means, again.when, again.hold, again.clear) == (
        alert.title, alert.means, alert.when, alert.hold, alert.clear,
    )  # fmt: skip


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@settings(max_examples=250, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_broken_file_raises_nothing_but_guide_error(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    chance = random.Random(seed)
    name = chance.choice([*books.FILES])
    raw = bytearray(books.FILES[name].encode())
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(raw))
        match chance.randrange(4):
            case 0:
                raw[at] = chance.randrange(256)
            case 1:
                del raw[at : at + chance.randint(1, 30)]
            case 2:
                raw[at:at] = chance.choice(
                    [b"&a ", b"*a", b"!!int ", b"{", b"[", b"]", b"\t", b"${", b"- ", b": ", b"~", b"\n"]
                )
            case _:
                other = chance.randrange(len(raw))
                raw[at:at] = raw[other : other + chance.randint(1, 60)]
        raw = raw or bytearray(b" ")
    folder = books.write(tmp_path_factory.mktemp("guide"), {**books.FILES, name: bytes(raw)})
    with suppress(GuideError):  # anything else is the failure this looks for
        load(folder, vocabulary=VOCABULARY, vault=books.vault(folder, {}))
