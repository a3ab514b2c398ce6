"""What a report is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Verdict = Literal["ok", "warn", "bad", "unknown"]
_ORDER: tuple[Verdict, ...] = ("ok", "warn", "unknown", "bad")


@dataclass(frozen=True)
class Check:
    """A verdict on one thing. what: a sentence for a person. hint: what to do about it, or "".

    warn: it works, and somebody should know. unknown: it could not be found out, which is no "ok".
    """

    name: str
    verdict: Verdict
    what: str
    hint: str = ""


@dataclass(frozen=True)
class Report:
    """All checks; `verdict` is the worst of theirs."""

    version: str
    at: datetime
    verdict: Verdict
    checks: tuple[Check, ...]


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst verdict; "ok" of none."""
    return max(verdicts, key=_ORDER.index, default="ok")


def megabytes(size: float) -> str:
    """Write bytes as people compare memory: 512 MB."""
    return f"{size / 2**20:,.0f} MB"
