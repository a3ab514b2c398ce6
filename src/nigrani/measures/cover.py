"""Which rows of the production guide are run, and by what: the answer for every row, with its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from nigrani.guide.model import Cover, Guide
from nigrani.lib.units import show_age

from .models import Verdict
from .promises import item

CoverState = Literal["run", "claimed", "no source", "not yet"]
FRESH = timedelta(minutes=3)
_ORDER: tuple[CoverState, ...] = ("run", "no source", "claimed", "not yet")


@dataclass(frozen=True)
class CoverItem:
    """A row of the guide and its best answer.

    state: "run" (an item measured it within FRESH), "claimed" (an item names it, but has no value now), "no source"
    (its system is not set up), "not yet" (nothing names it). by: the item, "alert system-down", or "". part: what of
    the row it answers, "" for the whole. evidence: the verdict's number, finding and age, in a sentence. others:
    further items that name the row. age_s: of the verdict; None without one.
    """

    row: str
    state: CoverState
    by: str
    part: str
    evidence: str
    age_s: float | None
    others: tuple[str, ...] = ()


def cover(guide: Guide, *, now: datetime) -> list[CoverItem]:
    """Return every row of the guide, in its order."""
    verdicts = {verdict.item: verdict for verdict in Verdict.objects.all()}
    claims: dict[str, list[CoverItem]] = {}
    for name, covered in _claims(guide):
        claims.setdefault(covered.row, []).append(_claim(name, covered, verdicts.get(name), now))
    return [_best(row, claims.get(row, [])) for row in guide.rows]


def _claims(guide: Guide) -> Iterator[tuple[str, Cover]]:
    for alert in guide.alerts.values():
        yield from ((f"alert:{alert.name}", each) for each in alert.covers)
    for promise in guide.promises.values():
        yield from ((item(promise), each) for each in promise.covers)
    for measure in guide.measures.values():
        yield from ((f"measure:{measure.name}", each) for each in measure.covers)


def _claim(name: str, covered: Cover, verdict: Verdict | None, now: datetime) -> CoverItem:
    by = name.replace(":", " ", 1)
    if verdict is None:
        return CoverItem(covered.row, "claimed", by, covered.part, "It was not evaluated yet.", None)
    age = now - verdict.at
    state: CoverState = "claimed"
    if verdict.known == "no_source":
        state = "no source"
    elif verdict.known == "known" and age <= FRESH:
        state = "run"
    part = f"In part: {covered.part}. " if covered.part else ""
    evidence = f"{part}Verdict {verdict.pk}: {verdict.says}, {show_age(verdict.at, now=now)}."
    return CoverItem(covered.row, state, by, covered.part, evidence, age.total_seconds())


def _best(row: str, claims: list[CoverItem]) -> CoverItem:
    if not claims:
        return CoverItem(row, "not yet", "", "", "Nothing in the guide names this row.", None)
    first, *rest = sorted(claims, key=lambda each: (_ORDER.index(each.state), bool(each.part)))
    others = tuple(each.by for each in rest)
    return CoverItem(row, first.state, first.by, first.part, first.evidence, first.age_s, others)
