"""What differs, in sentences and lines; and what becomes of a text: both pure."""

from __future__ import annotations

import pytest
from tests.versions.world import GUIDE, ROWS, RULES

from nigrani.versions import changes
from nigrani.versions.state import Known, Reason, fate, speaks

BEFORE = {"guide.yaml": GUIDE, "rules.yaml": RULES, "rows.tsv": ROWS}


def says(**after: str) -> list[str]:
    return [each.says for each in changes.changes(BEFORE, BEFORE | {f"{k}.yaml": v for k, v in after.items()})]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("above: 3", "above: 5", "alert failing: when.above 3 → 5"),
        ("urgency: high", "urgency: high\n    hold: 2m", "alert failing: hold now 2m"),
        ("    action: Look.\n", "", "alert failing: action removed"),
        ("0*5 9*5", "0*5 8*5", "alert failing: examples 1.readings 0*5 9*5 → 0*5 8*5"),
        ("'fail'", "'ok'", "measure failed: sql rewritten"),
        ("action: Look.", "action: " + "Look. " * 40, "alert failing: action rewritten"),
    ],
)
def test_a_changed_entry_is_told_by_its_keys(old: str, new: str, told: str) -> None:
    assert says(rules=RULES.replace(old, new, 1)) == [told]


def test_what_comes_and_goes_is_told_by_name() -> None:
    renamed = RULES.replace("  failing:", "  failed-much:")
    assert says(rules=renamed) == ["alert failed-much: new", "alert failing: removed"]
    assert says(guide=GUIDE.replace("[mail]", "[mail, pager]")) == ["person lead: receivers mail → mail, pager"]
    assert says(guide=GUIDE.replace("The school", "Our school")) == ["the guide's name: The school → Our school"]


def test_moving_an_entry_to_another_file_changes_nothing() -> None:
    head, alerts = RULES.split("alerts:\n")
    assert says(rules=head, more="alerts:\n" + alerts) == []


def test_a_name_of_a_secret_stays_a_name() -> None:
    told = says(guide=GUIDE.replace("${PAGER_URL}", "${OTHER_URL}"))
    assert told == ["receiver mail: url ${PAGER_URL} → ${OTHER_URL}"]


def test_rows_are_compared_too() -> None:
    after = BEFORE | {"rows.tsv": ROWS.replace("99.9 %", "99.5 %") + "K02\tKPI\tMore\n"}
    told = [each.says for each in changes.changes(BEFORE, after)]
    assert told == ["row K01: text KPI Availability 99.9 % → KPI Availability 99.5 %", "row K02: new"]


@pytest.mark.parametrize("text", ["alerts: [\n", "- a\n- b\n", "", "alerts: {x: {y: &a 1, z: *a}}\n", "\x00", "[" * 90])
def test_a_text_that_is_no_guide_can_be_compared_all_the_same(text: str) -> None:
    assert says(rules=text)
    assert list(changes.lines(BEFORE, {"rules.yaml": text}))


def test_a_rewritten_entry_is_told_in_a_few_parts() -> None:
    many = RULES + "    only_these: {" + ", ".join(f"k{n}: {n}" for n in range(50)) + "}\n"
    [told] = says(rules=many)
    assert told.endswith("; and 38 more")


def test_lines_name_the_files() -> None:
    lines = list(changes.lines({"a.yaml": "x: 1\n"}, {"b.yaml": "x: 1\n"}))
    assert lines[:2] == ["--- a.yaml", "+++ (none)"]
    assert "+++ b.yaml" in lines


WHY = [Reason("failing", "fires", "It would fire at once.")]


@pytest.mark.parametrize(
    ("digest", "known", "mistakes", "reasons", "wanted"),
    [
        ("new", Known("old"), [], [], "stand"),
        ("new", Known(), [], WHY, "wait"),
        ("new", Known("old"), [], WHY, "wait"),
        ("new", Known("old", waiting="new"), [], WHY, "nothing"),
        ("new", Known("old", waiting="other"), [], [], "stand"),
        ("old", Known("old", waiting="new"), [], [], "withdraw"),
        ("old", Known("old"), [], [], "nothing"),
        ("new", Known("old"), ["a:1:1: No."], [], "refuse"),
        ("new", Known("old", refused="new"), ["a:1:1: No."], [], "nothing"),
        ("new", Known("old", refused="new"), [], [], "stand"),
        ("new", Known("old", waiting="new"), ["a:1:1: No."], [], "refuse"),
    ],
)
def test_what_becomes_of_a_text(
    digest: str, known: Known, mistakes: list[str], reasons: list[Reason], wanted: str
) -> None:
    assert fate(digest, known, mistakes=mistakes, reasons=reasons) == wanted


def test_a_folder_speaks_when_it_changes() -> None:
    assert speaks(None, is_first_look=True, is_fallback=False)
    assert speaks("refused", is_first_look=True, is_fallback=False)
    assert not speaks("superseded", is_first_look=True, is_fallback=False)
    assert not speaks("withdrawn", is_first_look=True, is_fallback=False)
    assert speaks("superseded", is_first_look=False, is_fallback=False)
    assert not speaks(None, is_first_look=False, is_fallback=True)
