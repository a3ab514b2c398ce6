"""How a row is judged: every state, and never another thing than the cover says."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
from tests.guide.real import vocabulary

from nigrani.guide import Guide, Truth, load, shipped
from nigrani.guide.model import Where
from nigrani.lib.secret import Secret, Vault
from nigrani.measures.cover import CoverItem, CoverState
from nigrani.survey.report import FindingResult, FindingState
from nigrani.survey.state import rows

HERE = Where("made.yaml", 1, 1)


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Guide:
    vault = Vault(tmp_path_factory.mktemp("secrets"))
    vault.put("ERP_URL", Secret("https://erp.example"))
    return load(shipped(), vocabulary=vocabulary(), vault=vault)


def item(state: CoverState, *, row: str = "K01", part: str = "") -> CoverItem:
    by = "" if state == "not yet" else "kpi availability"
    return CoverItem(row, state, by, part, "Verdict 7: 99.9 %.", 4.0 if state == "run" else None)


def finding(state: FindingState, *, effect: str = "hinders", row: str = "K01") -> FindingResult:
    fields: dict[str, Any] = {"hinders": [], "limits": [], "concerns": []} | {effect: [row]}
    return FindingResult(
        name="no-route", title="There is no route", state=state, because="It hangs.", asked="", came="", at=None,
        source="website", means="", do="Add it.", snippet="", tries="", **fields,
    )  # fmt: skip


def truth(*, needs: tuple[str, ...] = ("website",), later: str = "", row: str = "K01") -> Truth:
    return Truth("made", (row,), "The website.", needs, later, HERE)


def judged(guide: Guide, cover: CoverItem, found: list[FindingResult], known: Truth | None) -> tuple[str, str]:
    [row] = rows(replace(guide, truths={"made": known} if known else {}), [cover], found)
    return row.state, row.because


def test_the_shipped_guide_says_of_every_row_where_it_is_truly_answered_from(guide: Guide) -> None:
    named = [row for each in guide.truths.values() for row in each.rows]
    assert sorted(named) == sorted(guide.rows)
    assert len(named) == 93


def test_every_finding_of_the_shipped_guide_says_what_it_means_and_what_to_do(guide: Guide) -> None:
    assert len(guide.findings) >= 40
    for each in guide.findings.values():
        assert each.means, each.name
        assert each.do, each.name
        assert {*each.hinders, *each.limits, *each.concerns}, each.name
        method = getattr(each.config, "method", "GET")
        assert method == "GET" or each.tries, f"{each.name} does more than look"


@pytest.mark.parametrize(
    ("cover", "found", "known", "state"),
    [
        (item("run"), [], truth(), "answered"),
        (item("run", part="half of it"), [], truth(), "partly"),
        (item("run"), [finding("found")], truth(), "partly"),
        (item("run"), [finding("found", effect="limits")], truth(), "partly"),
        (item("run"), [finding("found", effect="concerns")], truth(), "answered"),
        (item("run"), [finding("could not look")], truth(), "answered"),
        (item("claimed"), [], truth(), "answerable"),
        (item("claimed"), [finding("clear")], truth(), "answerable"),
        (item("claimed"), [finding("waits for a try")], truth(), "answerable"),
        (item("claimed"), [finding("found")], truth(), "hindered"),
        (item("claimed"), [finding("found", effect="limits")], truth(), "partly"),
        (item("claimed"), [finding("found", effect="concerns")], truth(), "answerable"),
        (item("claimed"), [finding("could not look")], truth(), "could not look"),
        (item("claimed"), [finding("could not look", effect="concerns")], truth(), "answerable"),
        (item("claimed", part="half of it"), [], truth(), "partly"),
        (item("claimed"), [], truth(later="payments"), "answerable"),
        (item("no source"), [finding("found")], truth(), "no source"),
        (item("not yet"), [], truth(), "answerable"),
        (item("not yet"), [], truth(needs=("database",)), "no source"),
        (item("not yet"), [], truth(later="payments"), "not built yet"),
        (item("not yet"), [finding("could not look")], truth(later="payments"), "not built yet"),
        (item("not yet"), [finding("found")], truth(later="payments"), "hindered"),
        (item("not yet"), [finding("found", row="K02")], truth(), "answerable"),
        (item("not yet"), [], None, "no source"),
    ],
)
def test_a_row(guide: Guide, cover: CoverItem, found: list[FindingResult], known: Truth | None, state: str) -> None:
    assert judged(guide, cover, found, known)[0] == state


def test_what_stands_in_the_way_is_named_with_what_to_do(guide: Guide) -> None:
    [row] = rows(replace(guide, truths={}), [item("claimed")], [finding("found")])
    assert (row.because, row.do, row.findings) == ("There is no route.", "Add it.", ["no-route"])
    state, because = judged(guide, item("claimed"), [finding("could not look")], truth())
    assert (state, because) == ("could not look", "There is no route? Could not look: It hangs.")
    [row] = rows(guide, [item("not yet", row="A02")], [])
    assert row.do == "Set ERP_DATABASE_URL."


def test_it_never_contradicts_the_cover(guide: Guide) -> None:
    may = {
        "run": {"answered", "partly"},
        "claimed": {"answerable", "partly", "hindered", "could not look", "no source"},
        "no source": {"no source"},
        "not yet": {"answerable", "partly", "hindered", "could not look", "no source", "not built yet"},
    }
    truths = [None, truth(), truth(needs=("database",)), truth(later="payments")]
    effects = ("hinders", "limits", "concerns")
    for cover, known, state, effect, part in product(
        get_args(CoverState), truths, get_args(FindingState), effects, ("", "half")
    ):
        found = judged(guide, item(cover, part=part), [finding(state, effect=effect)], known)[0]
        assert found in may[cover], (cover, known, state, effect)


def test_without_anything_set_up_no_row_is_answered(tmp_path: Path) -> None:
    bare = load(shipped(), vocabulary=vocabulary(), vault=Vault(tmp_path))
    found = rows(bare, [item("not yet", row=row) for row in bare.rows], [])
    assert {each.state for each in found} == {"no source", "not built yet"}
    assert all(each.truth for each in found)
