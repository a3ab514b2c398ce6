"""What a survey says, as it is kept, printed and answered: frozen, and the same for people and machines."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

RowState = Literal["answered", "answerable", "partly", "hindered", "could not look", "no source", "not built yet"]
FindingState = Literal["found", "clear", "could not look", "waits for a try", "no source"]
ROW_STATES: tuple[RowState, ...] = (
    "hindered", "partly", "could not look", "no source", "answerable", "not built yet", "answered",
)  # fmt: skip
FINDING_STATES: tuple[FindingState, ...] = ("found", "could not look", "waits for a try", "no source", "clear")


class FindingResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one of the guide's questions.

    state: found; clear (looked for, not there); could not look; waits for a try (it does more than look); no source
    (what it asks is not set up). because: why it has that state. asked, came: the evidence, scrubbed; "" when nothing
    was asked. at: when it was asked.
    """

    name: str
    title: str
    state: FindingState
    because: str
    asked: str
    came: str
    at: datetime | None
    source: str
    means: str
    do: str
    snippet: str
    tries: str
    hinders: list[str]
    limits: list[str]
    concerns: list[str]


class RowResult(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the guide: whether this system can answer it.

    truth: from which true source. by: what of our guide answers it, or "". findings: names of what was found that
    touches it. do: what to do next, or "".
    """

    row: str
    section: str
    text: str
    state: RowState
    because: str
    truth: str
    by: str
    findings: list[str]
    do: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One survey. tried: whether questions that do more than look were asked. grants: SQL that would let our role see
    what it could not. tables: the guide's names for tables and what they are called there."""

    began_at: datetime
    ended_at: datetime
    by: str
    tried: bool
    guide: str
    digest: str
    findings: list[FindingResult]
    rows: list[RowResult]
    tables: dict[str, str]
    grants: str

    def found(self) -> list[FindingResult]:
        """Return what was found."""
        return [each for each in self.findings if each.state == "found"]

    def unseen(self) -> list[FindingResult]:
        """Return what could not be looked at, for whatever reason but that nobody allowed it."""
        return [each for each in self.findings if each.state == "could not look"]
