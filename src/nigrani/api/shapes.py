"""What the API answers. Instants are RFC 3339 in UTC, spans are seconds in fields ending `_s`, ratios are 0 to 1."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from nigrani.survey.report import FindingResult, Report, RowResult

Item = TypeVar("Item")


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """A list. `next` is the address of the rest, or null when this is all."""

    items: list[Item]
    next: str | None = None


class Place(msgspec.Struct, frozen=True):
    """Where something stands in the guide."""

    file: str
    line: int


class GuideShape(msgspec.Struct, frozen=True):
    """The guide that runs. version: its number, 0 if it is kept nowhere. waiting: the version that waits, or null.

    mistakes: those of the text that its folder holds now, and for which that text was refused.
    """

    name: str
    digest: str
    zone: str
    warnings: list[str]
    version: int = 0
    waiting: int | None = None
    mistakes: list[str] = []


class Queue(msgspec.Struct, frozen=True):
    """Messages that have not found their end."""

    count: int
    oldest_age_s: float | None


class Status(msgspec.Struct, frozen=True):
    """The whole installation in a few numbers."""

    at: datetime
    version: str
    guide: GuideShape
    firing: int
    sources: dict[str, int]
    queue: Queue


class ProbeShape(msgspec.Struct, frozen=True):
    """A probe: what is believed of it, and its last answer."""

    name: str
    state: str
    suspect: bool
    since: datetime
    every_s: float
    last_at: datetime | None
    last_outcome: str
    last_failure: str
    last_detail: str
    last_ms: float | None
    cost_ms: float = 0
    pace_s: float | None = None


class GapShape(msgspec.Struct, frozen=True):
    """A span in which a feed was not read. lost_to: rows written before this were gone by then."""

    start: datetime
    end: datetime
    filled_at: datetime | None
    lost_to: datetime | None
    because: str


class FeedShape(msgspec.Struct, frozen=True):
    """A table that is read on and on: fresh, behind, blind, new or no_source. read_to: all before it was read."""

    name: str
    to: str
    state: str
    says: str
    watermark: datetime | None
    read_to: datetime | None
    lag_s: float | None
    every_s: float
    rows: int
    late: int
    late_by_s: float
    rejected: dict[str, int]
    ahead: int
    timeless: int
    error: str
    error_kind: str
    failing_since: datetime | None
    last_rows: int
    last_ms: float | None
    gaps: list[GapShape]


class SourceShape(msgspec.Struct, frozen=True):
    """A system that is watched: fresh, stale, new, refused or no_source."""

    name: str
    title: str
    kind: str
    state: str
    age_s: float | None
    stale_after_s: float
    error: str
    error_kind: str
    failing_since: datetime | None
    last_ok_at: datetime | None
    missing: list[str]
    answers: int
    failures: int
    probes: list[ProbeShape]
    where: Place
    feeds: list[FeedShape]


class SeriesShape(msgspec.Struct, frozen=True):
    """A measure's value for one label set: known, unknown, too_little or no_source; null unless known."""

    labels: dict[str, str]
    known: str
    value: float | None
    n: float
    says: str


class MeasureShape(msgspec.Struct, frozen=True):
    """A measure and what it says over the last `over_s`."""

    name: str
    means: str
    unit: str
    combine: str
    by: list[str]
    needs: list[str]
    over_s: float
    series: list[SeriesShape]
    where: Place


class CoverShape(msgspec.Struct, frozen=True):
    """A row of the production guide: run, claimed, no source or not yet."""

    row: str
    section: str
    text: str
    state: str
    by: str
    part: str
    evidence: str
    age_s: float | None
    others: list[str]


class TryShape(msgspec.Struct, frozen=True):
    """One try to send a message."""

    at: datetime
    ended_at: datetime | None
    outcome: str
    detail: str


class DeliveryShape(msgspec.Struct, frozen=True):
    """A message and what became of it."""

    id: int
    receiver: str
    kind: str
    title: str
    state: str
    reason: str
    created_at: datetime
    sent_at: datetime | None
    tries: list[TryShape]


class FateShape(msgspec.Struct, frozen=True):
    """What became of telling one receiver. word: sent, waiting, being sent, failed, given up or not sent."""

    receiver: str
    word: str
    reason: str
    at: datetime
    sent_at: datetime | None
    delivery_id: int | None


class TransitionShape(msgspec.Struct, frozen=True):
    """One change of an alert's state and why; fates only where it was to be told."""

    id: int
    old: str
    new: str
    at: datetime
    because: str
    value: float | None
    known: str
    fates: list[FateShape]


class AlertShape(msgspec.Struct, frozen=True):
    """A rule for one label set: ok, pending, firing, recovering or unknown. phase: live or shadow.

    transitions: the latest ones, newest first; null in a list of alerts.
    """

    id: int
    key: str
    rule: str
    labels: dict[str, str]
    title: str
    urgency: str
    owner: str
    action: str
    phase: str
    state: str
    known: str
    since: datetime
    value: float | None
    says: str
    read_at: datetime
    transitions: list[TransitionShape] | None = None


class SurveyShape(msgspec.Struct, frozen=True):
    """A survey: what stands in the guide's way, and for each row whether the system can answer it."""

    number: int
    began_at: datetime
    ended_at: datetime
    by: str
    tried: bool
    guide: str
    digest: str
    counts: dict[str, int]
    findings: list[FindingResult]
    rows: list[RowResult]
    tables: dict[str, str]
    grants: str


def survey(number: int, report: Report) -> SurveyShape:
    """Return a survey's shape. counts: rows by their state."""
    return SurveyShape(
        number=number,
        began_at=report.began_at,
        ended_at=report.ended_at,
        by=report.by,
        tried=report.tried,
        guide=report.guide,
        digest=report.digest,
        counts=dict(Counter(each.state for each in report.rows)),
        findings=report.findings,
        rows=report.rows,
        tables=report.tables,
        grants=report.grants,
    )


class ChangeShape(msgspec.Struct, frozen=True):
    """One entry of the guide that was added, removed or changed, in a sentence."""

    kind: str
    name: str
    did: str
    says: str


class ReasonShape(msgspec.Struct, frozen=True):
    """Why a change waits. why: fires (at once), drops (what fires), unknown (can't be judged)."""

    rule: str
    why: str
    says: str


class VersionShape(msgspec.Struct, frozen=True):
    """A version of the guide: standing, waiting, refused, withdrawn or superseded.

    over: the version it was compared with. held: whether a folder holds this text now. files and diff: the names of
    its files, and the lines that differ from `over`; null in a list.
    """

    number: int
    state: str
    author: str
    at: datetime
    folder: str
    digest: str
    release: str
    over: int | None
    changes: list[ChangeShape]
    reasons: list[ReasonShape]
    mistakes: list[str]
    because: str
    decided_by: str
    decided_at: datetime | None
    held: bool
    files: list[str] | None = None
    diff: list[str] | None = None


class SilenceShape(msgspec.Struct, frozen=True):
    """A silence or a maintenance window: mutes, coming or over. labels: globs by the label's name."""

    id: int
    kind: str
    state: str
    by: str
    why: str
    rules: list[str]
    sources: list[str]
    labels: dict[str, list[str]]
    made_at: datetime
    starts_at: datetime
    until: datetime
    ended_by: str


class WhyEntry(msgspec.Struct, frozen=True):
    """One line of an alert's story. kind: change, decision or try; word: what it became."""

    at: datetime
    kind: str
    what: str
    word: str
    receiver: str
    says: str
    delivery_id: int | None


class WhyShape(msgspec.Struct, frozen=True):
    """Why an alert was or was not sent. now: how it stands, mutes: what keeps it back, both in sentences.

    entries: newest first; is_cut: there are older ones.
    """

    key: str
    rule: str
    state: str
    now: list[str]
    mutes: list[str]
    entries: list[WhyEntry]
    is_cut: bool
