"""How a row of the guide is judged: from what the guide answers, what was found, and what could not be looked at.

It never says another thing than the cover: a row that runs is answered, at least partly; a row without a live result is
never answered; a row without a source has none here either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nigrani.guide.model import Guide, Row, Truth
from nigrani.measures.cover import CoverItem

from .report import FindingResult, RowResult, RowState

_Judged = tuple[RowState, str, str]  # the state, why, and what to do


def rows(guide: Guide, cover: Sequence[CoverItem], findings: Sequence[FindingResult]) -> list[RowResult]:
    """Judge every row of the guide, in its order."""
    truths = {row: truth for truth in guide.truths.values() for row in truth.rows}
    return [_row(guide, guide.rows[item.row], item, truths.get(item.row), findings) for item in cover]


def _row(guide: Guide, row: Row, item: CoverItem, truth: Truth | None, findings: Sequence[FindingResult]) -> RowResult:
    touching = [each for each in findings if row.id in (*each.hinders, *each.limits, *each.concerns)]
    found = [each for each in touching if each.state == "found"]
    state, because, do = _judge(guide, row.id, item, truth, touching)
    return RowResult(
        row=row.id,
        section=row.section,
        text=row.text,
        state=state,
        because=because,
        truth=truth.says if truth else "",
        by=item.by,
        findings=[each.name for each in found],
        do=do,
    )


def _judge(guide: Guide, row: str, item: CoverItem, truth: Truth | None, touching: Sequence[FindingResult]) -> _Judged:
    found = [each for each in touching if each.state == "found"]
    hindering = [each for each in found if row in each.hinders]
    limiting = [each for each in found if row in each.limits]
    unseen = [each for each in touching if each.state == "could not look" and row not in each.concerns]
    missing = _missing(guide, truth)
    if item.state == "run":
        return _running(item, [*hindering, *limiting])
    if item.state == "no source":
        return "no source", item.evidence, _set_up(missing)
    later = truth.later if truth and item.state == "not yet" else ""
    if hindering:
        more = f" Besides, Nigrani does not do that yet: {later}." if later else ""
        return "hindered", _titles(hindering) + more, _advice(hindering)
    if later:
        return "not built yet", f"Nigrani does not do that yet: {later}.", ""
    if item.state == "not yet" and truth is None:
        return "no source", "The guide names neither what answers this row nor from where.", ""
    if missing:
        return "no source", f"Not set up: {', '.join(missing)}.", _set_up(missing)
    if unseen:
        return "could not look", " ".join(f"{each.title}? Could not look: {each.because}" for each in unseen), ""
    if limiting:
        return "partly", _titles(limiting), _advice(limiting)
    if item.part:
        return "partly", f"{item.by} answers {item.part}. Nothing was measured yet.", ""
    if item.by:
        return "answerable", f"{item.by} answers it; nothing was measured yet.", ""
    return "answerable", "Nothing stands in the way; no rule of the guide uses the source yet.", ""


def _running(item: CoverItem, holding: Sequence[FindingResult]) -> _Judged:
    if holding:
        return "partly", f"{item.evidence} But: {_titles(holding)}", _advice(holding)
    return ("partly" if item.part else "answered"), item.evidence, ""


def _missing(guide: Guide, truth: Truth | None) -> Mapping[str, tuple[str, ...]]:
    """Return the sources that a row's truth needs and that are not set up, with the `${NAME}`s they lack."""
    needed = [guide.sources[name] for name in truth.needs] if truth else []
    return {each.title: each.missing for each in needed if not each.is_set_up}


def _set_up(missing: Mapping[str, tuple[str, ...]]) -> str:
    names = sorted({name for each in missing.values() for name in each})
    return f"Set {', '.join(names)}." if names else ""


def _titles(findings: Sequence[FindingResult]) -> str:
    return " ".join(f"{each.title.rstrip('.')}." for each in findings)


def _advice(findings: Sequence[FindingResult]) -> str:
    return " ".join(dict.fromkeys(each.do for each in findings))
