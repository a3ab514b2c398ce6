"""What becomes of a text that is offered. Pure: no rows, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["standing", "waiting", "refused", "withdrawn", "superseded"]
NEVER_RAN: tuple[State, ...] = ("refused", "withdrawn")


@dataclass(frozen=True)
class Reason:
    """Why a change waits: which rule, in what way (fires, drops, unknown), and in a sentence."""

    rule: str
    why: Literal["fires", "drops", "unknown"]
    says: str


@dataclass(frozen=True)
class Known:
    """What is kept already: digests of the version that stands, of the one that waits, and of the last refusal."""

    standing: str = ""
    waiting: str = ""
    refused: str = ""


Fate = Literal["nothing", "withdraw", "refuse", "wait", "stand"]


def fate(digest: str, known: Known, *, mistakes: Sequence[str], reasons: Sequence[Reason]) -> Fate:
    """Return what is to be done with a text that a folder holds now.

    "withdraw": it is what stands, so what waited is no longer wanted. "nothing": it is kept already, as it should be.
    """
    if mistakes:
        return "nothing" if digest == known.refused else "refuse"
    if digest == known.standing:
        return "withdraw" if known.waiting else "nothing"
    if digest == known.waiting:
        return "nothing"
    return "wait" if reasons else "stand"


def speaks(kept: State | None, *, is_first_look: bool, is_fallback: bool) -> bool:
    """Whether a folder's text is an offer at all.

    A folder speaks when it changes, not when it differs: at a process's first look, a text that is kept already (an
    older one on another machine, one that somebody withdrew) offers nothing, and neither does the guide that ships
    where a team's own stands. What was refused is offered again: another release may read it.
    """
    if is_fallback:
        return False
    return not is_first_look or kept in (None, "refused")
