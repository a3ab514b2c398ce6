"""A guide is edited while it runs: what is taken, what is refused, and what never disturbs."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import Max
from tests.versions.world import RULES, Process, newest, standing, states

from nigrani import guide as guides
from nigrani.access.models import LedgerLine
from nigrani.guide import current, shipped
from nigrani.lib.errors import GuideError, NigraniError
from nigrani.lib.secret import Secret, Vault
from nigrani.versions import actions, queries
from nigrani.versions.models import Version

pytestmark = pytest.mark.django_db

WORDS = RULES.replace("action: Look.", "action: Look at the log.")
BROKEN = RULES.replace("urgency: high", "urgency: hihg")
HALF = RULES[: RULES.index("examples:") + 20]


@pytest.fixture
def ledger(db: None) -> int:
    """Return the ledger's last line before the test: nothing is ever removed from it, by no test either."""
    return LedgerLine.objects.aggregate(last=Max("seq"))["last"] or 0


def test_the_first_start_makes_version_1_quietly(ledger: int, process: Process) -> None:
    assert states() == [(1, "standing")]
    row = standing()
    assert row.author.endswith(" (file)")
    assert set(row.texts) == {"guide.yaml", "rules.yaml", "rows.tsv"}
    assert current.get().version == 1
    assert not LedgerLine.objects.filter(seq__gt=ledger).exists()
    assert row.held_at is not None


def test_an_edit_runs_within_two_looks_and_is_kept_with_its_author(ledger: int, process: Process) -> None:
    process.write(WORDS)
    assert process.looks(1) == 0
    assert process.looks(1) == 1
    assert states() == [(1, "superseded"), (2, "standing")]
    assert current.get().alerts["failing"].action == "Look at the log."
    [change] = standing().changes
    assert change["says"] == "alert failing: action Look. → Look at the log."
    line = LedgerLine.objects.get(seq__gt=ledger)
    assert (line.action, line.what, line.by) == ("guide.changed", "guide version 2", standing().author)


def test_a_half_written_save_is_never_taken_up(process: Process) -> None:
    process.write(HALF)
    process.looks(1)
    process.write(WORDS)
    process.looks()
    assert states() == [(1, "superseded"), (2, "standing")]


def test_a_thousand_quick_saves_are_one_version(process: Process) -> None:
    for number in range(1000):
        (process.folder / "rules.yaml").write_text(RULES.replace("Look.", f"Look {number}."))
        if number % 50 == 0:
            process.looks(1)
    process.looks()
    assert states() == [(1, "superseded"), (2, "standing")]
    assert current.get().alerts["failing"].action == "Look 999."


def test_a_guide_with_mistakes_keeps_the_last_good_one_and_tells_them(process: Process) -> None:
    process.save(BROKEN)
    assert states() == [(1, "standing"), (2, "refused")]
    assert current.get().version == 1
    found = queries.pending(now=process.now).refused
    assert found is not None
    assert len(found.mistakes) == 1
    assert found.mistakes[0].startswith("rules.yaml:14:14: 'urgency' of the alert 'failing'")
    process.looks()
    assert len(states()) == 2, "told once"
    process.save(RULES)
    assert queries.pending(now=process.now).refused is None
    assert states() == [(1, "standing"), (2, "refused")]


def test_an_example_that_fails_is_a_mistake(process: Process) -> None:
    process.save(RULES.replace("above: 3", "above: 30"))
    assert states() == [(1, "standing"), (2, "refused")]
    assert (
        "rules.yaml:20:9: the example of alert 'failing' expects firing at 5 min, but it is ok" in newest().mistakes[0]
    )


@pytest.mark.parametrize("name", ["rules.yaml~", ".rules.yaml.swp", "#rules.yaml#", "4913", "rules.yaml.bak"])
def test_what_editors_leave_beside_a_file_is_no_guide(process: Process, name: str) -> None:
    (process.folder / name).write_text(BROKEN)
    assert process.looks() == 0
    assert states() == [(1, "standing")]


def test_a_file_that_is_no_text_is_refused_with_its_place(process: Process) -> None:
    (process.folder / "rules.yaml").write_bytes(RULES.encode() + b"# caf\xe9\n")
    process.looks()
    assert newest().mistakes == ["rules.yaml:21:6: The file is not UTF-8: save it as UTF-8."]


def test_a_nul_is_refused_and_can_be_kept(process: Process) -> None:
    (process.folder / "rows.tsv").write_text("id\tsection\trow\nK01\tKPI\tAvail\0ability\n")
    process.looks()
    assert newest().mistakes == ["rows.tsv:2:14: This character is not allowed (a NUL)."]
    assert "\0" not in newest().texts["rows.tsv"]


def test_a_file_that_can_not_be_read_is_refused(process: Process) -> None:
    (process.folder / "rules.yaml").unlink()
    (process.folder / "rules.yaml").symlink_to("rules.yaml")  # a loop: nobody can read it, not even root
    process.looks()
    assert newest().state == "refused"
    assert "rules.yaml:1:1: " in newest().mistakes[0]
    assert current.get().version == 1


def test_a_folder_that_is_gone_is_told_and_replaces_nothing(process: Process) -> None:
    shutil.rmtree(process.folder)
    process.looks()
    assert states() == [(1, "standing"), (2, "refused")]
    assert "The guide's folder is gone" in newest().mistakes[0]
    assert current.get().name == "The school"
    process.restart()
    process.begin()
    assert current.get().name == "The school", "a start without the folder runs what stood"
    process.write()
    process.looks()
    assert states() == [(1, "standing"), (2, "refused")]
    assert queries.pending(now=process.now).refused is None


def test_a_process_that_starts_beside_a_broken_folder_runs_what_stands(process: Process) -> None:
    process.write(BROKEN)
    process.restart()
    current._current = None
    process.begin()
    assert current.get().version == 1
    assert states() == [(1, "standing"), (2, "refused")]


def test_the_very_first_guide_has_to_be_one(db: None, tmp_path: Path) -> None:
    process = Process(tmp_path)
    process.write(BROKEN)
    with pytest.raises(GuideError, match="1 mistake"):
        process.begin()
    assert states() == []


def test_what_was_edited_while_nobody_looked_is_taken_at_the_next_start(process: Process) -> None:
    process.write(WORDS)
    process.restart()
    process.begin()
    assert states() == [(1, "superseded"), (2, "standing")]


def test_another_machine_with_an_older_folder_changes_nothing(process: Process, tmp_path: Path) -> None:
    process.save(WORDS)
    other = Process(tmp_path / "other", now=process.now)
    other.write(RULES)
    other.begin()
    assert states() == [(1, "superseded"), (2, "standing")]
    assert current.get().version == 2
    other.save(WORDS)
    assert states() == [(1, "superseded"), (2, "standing")]


def test_a_machine_without_a_guide_of_its_own_offers_nothing(process: Process, tmp_path: Path) -> None:
    other = Process(tmp_path / "other", now=process.now)
    other.begin()
    assert states() == [(1, "standing")]
    assert current.get().name == "The school"


def test_going_back_to_an_earlier_text_is_a_new_version(process: Process) -> None:
    process.save(WORDS)
    process.save(RULES)
    assert states() == [(1, "superseded"), (2, "superseded"), (3, "standing")]
    assert Version.objects.get(number=3).digest == Version.objects.get(number=1).digest


def test_a_console_apart_follows_and_never_offers(process: Process, tmp_path: Path) -> None:
    console = Process(tmp_path / "web", syncs=False, now=process.now)
    console.begin()
    assert current.get().version == 1
    console.save(WORDS)
    assert states() == [(1, "standing")]
    process.save(WORDS)
    current.set(console.follower.reader.read(Version.objects.get(number=1)))
    assert console.looks(1) == 1
    assert current.get().version == 2


def test_a_console_that_is_first_takes_the_version_that_comes(db: None, tmp_path: Path) -> None:
    console = Process(tmp_path, syncs=False)
    console.write()
    console.begin()
    assert states() == []
    assert current.get().version == 0
    Process(tmp_path).begin()
    console.looks(1)
    assert current.get().version == 1


def test_a_version_of_a_newer_release_is_told_and_never_judged_by(process: Process) -> None:
    row = Version.objects.get(number=1)
    row.texts = {**row.texts, "later.yaml": "oracles:\n  delphi: {}\n"}
    row.release, row.digest = "9.0.0", "x"
    row.save()
    process.restart()
    current.set(process.follower.reader.load(guides.text(process.folder)))
    with pytest.raises(NigraniError, match="this Nigrani can't read it") as told:
        process.follower.guide()
    assert "A guide has no section 'oracles'" in told.value.hint
    process.begin()
    assert states() == [(1, "superseded"), (2, "standing")], "the folder's text stands instead"


def test_an_unreadable_version_and_an_unreadable_folder_stop_the_start(process: Process) -> None:
    Version.objects.filter(number=1).update(texts={"later.yaml": "oracles: {}\n"}, digest="x")
    process.write(BROKEN)
    process.restart()
    with pytest.raises(GuideError):
        process.begin()


def test_only_the_newest_texts_that_never_ran_are_kept(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "KEEP", 5)
    for number in range(12):
        process.write(RULES.replace("urgency: high", f"urgency: u{number}"))
        process.looks(2)
    assert [number for number, _ in states()] == [1, *range(9, 14)]


def test_a_rotated_secret_is_taken_with_the_version_that_stands(process: Process) -> None:
    assert not current.get().receivers["mail"].is_set_up
    Vault(process.secrets).put("PAGER_URL", Secret("https://pager.example/x1"))
    assert process.looks(1) == 1
    assert current.get().receivers["mail"].is_set_up
    assert current.get().version == 1
    assert "x1" not in str(list(Version.objects.values()))
    process.save(BROKEN)
    Vault(process.secrets).put("PAGER_URL", Secret("https://pager.example/x2"))
    process.looks(1)
    assert current.get().receivers["mail"].config.url.reveal().endswith("x2"), "a broken folder holds nothing up"


def test_a_guide_that_was_refused_for_a_secret_is_read_again_when_that_is_mended(process: Process) -> None:
    path = Vault(process.secrets).put("PAGER_URL", Secret("https://pager.example/x1"))
    path.chmod(0o644)
    process.save(WORDS)
    assert states() == [(1, "standing"), (2, "refused")]
    assert "can be read by other users" in newest().mistakes[0]
    path.chmod(0o600)
    process.looks()
    assert states() == [(1, "superseded"), (2, "refused"), (3, "standing")]


def test_the_shipped_guide_may_become_one_s_own(db: None, tmp_path: Path) -> None:
    process = Process(tmp_path)
    process.begin()
    assert standing().is_shipped
    shutil.copytree(shipped(), process.folder)
    assert process.looks() == 0
    (process.folder / "people.yaml").write_text((shipped() / "people.yaml").read_text().replace("CTO", "The CTO"))
    process.looks()
    assert states() == [(1, "superseded"), (2, "standing")]
    assert not standing().is_shipped


@pytest.mark.django_db(transaction=True)
def test_two_processes_that_see_the_same_edit_make_one_version(tmp_path: Path) -> None:
    first, second = Process(tmp_path), Process(tmp_path)
    first.write()
    first.begin()
    second.begin()
    first.write(WORDS)
    failures: list[Exception] = []
    barrier = threading.Barrier(2)

    def work(process: Process) -> None:
        try:
            barrier.wait(60)
            process.looks(4)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(each,)) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert states() == [(1, "superseded"), (2, "standing")]
