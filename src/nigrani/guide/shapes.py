"""What may be written in a guide, as classes: one a section's entry. The model (model.py) is what comes of it.

`help` and `example` are printed in docs/guide-reference.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Literal

from nigrani.lib.secret import Secret

from .covers import Covered
from .fields import Period, Places, Raw, Ref, Text
from .fields import says as _says
from .model import Combine, Unit, Urgency, Where
from .reader import Problems, Scalar, clip
from .repeat import pace_problems
from .thresholds import ClearShape, LevelsShape
from .windows import WindowShape

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LABEL = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_MINUTE = timedelta(minutes=1)


def judge_name(name: Scalar, problems: Problems) -> None:
    """Note what can't be the name of an entry."""
    if not NAME.fullmatch(name.text):
        problems.add(
            name.where,
            f"'{clip(name.text)}' can't be a name: write small letters, digits, - and _, beginning with a letter",
        )


_COVERS = _says("Rows of rows.tsv that this answers; `{M3: which part}` when it is only a part.", ["K01"])


@dataclass(frozen=True)
class DeadManShape:
    """An address that expects our sign of life and alarms somebody else when it stays away."""

    url: Secret = field(metadata=_says("The address to ping.", "${NIGRANI_DEAD_MAN_URL}"))
    every: Period = field(default=timedelta(seconds=30), metadata=_says("How often.", "30s"))


@dataclass(frozen=True)
class FlappingShape:
    """When an alert changes so often that each change tells nobody anything any more."""

    at: Places
    where: Where
    changes: int = field(default=5, metadata=_says("More changes between firing and over than this.", 5))
    within: Period = field(
        default=timedelta(minutes=30),
        metadata=_says("Within this time. It has settled when it did not change for as long.", "30m"),
    )

    def check(self) -> Iterator[str]:
        """Yield what no alert could be judged by."""
        if self.changes < 2:
            yield "changes is below 2"


@dataclass(frozen=True)
class TellingShape:
    """How alerts are told: together, at what pace, and what is kept back."""

    at: Places
    where: Where
    group_interval: timedelta = field(
        default=timedelta(minutes=5),
        metadata=_says(
            "The alerts of a rule are told together: the first at once, later ones at most this often.", "5m"
        ),
    )
    cause_wait: timedelta = field(
        default=timedelta(seconds=30),
        metadata=_says("While a cause is pending, how long the message about its effect waits for it.", "30s"),
    )
    flapping: FlappingShape | None = field(
        default=None, metadata=_says("When an alert flaps: then it is told once, and again when it has settled.")
    )


@dataclass(frozen=True)
class TopShape:
    """What stands at the top of a file, once in the whole guide (in guide.yaml)."""

    at: Places
    guide: int = field(metadata=_says("The version of this format.", 1))
    name: Text = field(metadata=_says("What is watched.", "SikshaMitra ERP"))
    zone: Text = field(metadata=_says("The time zone of its calendar.", "Asia/Kolkata"))


@dataclass(frozen=True)
class PersonShape:
    """A role that is told."""

    where: Where
    title: Text = field(metadata=_says("What the role is called.", "DevOps Lead"))
    receivers: tuple[Annotated[str, Ref("receiver")], ...] = field(
        metadata=_says("Where its messages go, all of them.", ["production-alerts"])
    )


@dataclass(frozen=True)
class ReceiverShape:
    """Where messages go. The other keys are the carrier's own."""

    where: Where
    at: Places
    send: Text = field(metadata=_says("The carrier: an integration that can send.", "slack"))
    title: str = field(default="", metadata=_says("What it is called; its name when left out.", "#production-alerts"))


@dataclass(frozen=True)
class SourceShape:
    """A system that is watched. The other keys are the kind's own."""

    where: Where
    at: Places
    kind: Text = field(metadata=_says("An integration that can probe.", "web"))
    title: Text = field(metadata=_says("What it is called.", "The ERP's website"))
    stale_after: Period = field(
        metadata=_says("Without a usable answer for this long, the source is dark: what it feeds is unknown.", "1m")
    )
    probes: Raw = field(metadata=_says("Its probes by name."))
    every: Period = field(default=timedelta(seconds=15), metadata=_says("How often its probes ask.", "15s"))
    timeout: Period = field(default=timedelta(seconds=10), metadata=_says("How long a probe waits.", "10s"))
    feeds: Raw = field(default=None, metadata=_says("Its feeds by name, where its kind can be read on and on."))


@dataclass(frozen=True)
class ProbeShape:
    """One question asked again and again. The other keys are the kind's own."""

    where: Where
    at: Places
    every: Period | None = field(default=None, metadata=_says("How often; the source's when left out.", "1m"))
    timeout: Period | None = field(default=None, metadata=_says("How long it waits; the source's when left out.", "5s"))


@dataclass(frozen=True)
class MeasureShape:
    """A number computed from facts."""

    where: Where
    at: Places
    means: Text = field(metadata=_says("What the number says, in a sentence.", "Share of answers that were right."))
    unit: Unit = field(metadata=_says("What it is counted in; levels are written in it (95%, 500ms, 1MiB).", "ratio"))
    combine: Combine = field(
        metadata=_says(
            "How minutes make a window: add up (sum), num/den (ratio), the largest (max), the newest (last), "
            "a percentile of digests (p50, p95, p99) or distinct values (uniq).",
            "ratio",
        )
    )
    sql: Text = field(
        metadata=_says(
            "ClickHouse SQL over [{start:DateTime64(3)}, {end:DateTime64(3)}): one row a minute and label set with "
            "`minute`, the labels in `by`, `num`, `n`, and `den` (ratio) or `digest` (percentiles, uniq). With `from`, "
            "that system's own SELECT of what is so now: the labels, `num`, and `den` (ratio)."
        )
    )
    from_: Annotated[str, Ref("source")] | None = field(
        default=None,
        metadata=_says(
            "Read this source itself, by its own SQL and the role that may only look. Only what was recorded has a "
            "past.", "database",
        ),
    )  # fmt: skip
    every: Period | None = field(default=None, metadata=_says("With `from`: how often; 1m when left out.", "5m"))
    needs: tuple[Annotated[str, Ref("source")], ...] = field(
        default=(), metadata=_says("Sources whose darkness makes it unknown.", ["website"])
    )
    asks: tuple[Text, ...] = field(
        default=(),
        metadata=_says(
            "Probes of those sources that it lives on: one that is not answered makes it unknown, one to which the "
            "system has nothing to say makes it no source.",
            ["statements"],
        ),
    )
    by: tuple[Text, ...] = field(default=(), metadata=_says("Labels: one series for each value.", ["probe"]))
    covers: tuple[Covered, ...] = field(default=(), metadata=_COVERS)


@dataclass(frozen=True)
class WhenShape:
    """The condition of an alert: exactly one of `above` and `below`, or neither where the alert has `levels`."""

    at: Places
    where: Where
    measure: Annotated[str, Ref("measure")] = field(metadata=_says("Which number.", "system_up"))
    over: Period = field(metadata=_says("Over which window, up to now.", "2m"))
    above: Scalar | None = field(default=None, metadata=_says("Worry above this level.", "5%"))
    below: Scalar | None = field(default=None, metadata=_says("Worry below this level.", "95%"))
    min_n: int = field(default=0, metadata=_says("With fewer observations it is too little to judge.", 40))
    only: dict[str, tuple[Text, ...]] = field(
        default_factory=dict, metadata=_says("Only the series with these labels.", {"probe": ["login"]})
    )


@dataclass(frozen=True)
class ExampleShape:
    """Readings, and what the alert must say to them."""

    at: Places
    where: Where
    readings: Text = field(
        metadata=_says("Values of the window, one after another: value*count, `-` none, `?` unknown.", "0*10 11*5")
    )
    expect: Text = field(
        metadata=_says("ok, pending, firing, recovering, unknown or one of its levels, `at` a moment or at the end; or "
                       "never fires.", "firing at 10m, ok at 30m")
    )  # fmt: skip
    each: Period = field(default=_MINUTE, metadata=_says("The time from one reading to the next.", "1m"))
    n: int | None = field(default=None, metadata=_says("Observations in each; plenty when left out.", 8))


@dataclass(frozen=True)
class AlertShape:
    """When to worry, whom to tell, what to do."""

    where: Where
    at: Places
    title: Text = field(metadata=_says("Its name on a page and in a message.", "System Down"))
    means: Text = field(metadata=_says("What it means for people, in a sentence.", "Nobody can use the ERP."))
    when: WhenShape = field(metadata=_says("The condition."))
    owner: Annotated[str, Ref("person")] = field(metadata=_says("Whom it is for.", "devops-lead"))
    action: Text = field(metadata=_says("What to do, in a sentence.", "Investigate immediately."))
    urgency: Urgency | None = field(
        default=None,
        metadata=_says(
            "critical: now; high: within 1 hour; medium: within 4 hours. Required, unless it has `levels`.", "high"
        ),
    )
    levels: LevelsShape | None = field(
        default=None,
        metadata=_says(
            "Several thresholds of one signal; instead of `urgency`, `hold`, `clear` and a level in `when`."
        ),
    )
    covers: tuple[Covered, ...] = field(default=(), metadata=_COVERS)
    hold: timedelta = field(default=timedelta(), metadata=_says("Must stay true this long before it fires.", "2m"))
    clear: ClearShape | None = field(default=None, metadata=_says("When it is over; else when no longer true."))
    effect_of: tuple[Annotated[str, Ref("alert")], ...] = field(
        default=(),
        metadata=_says(
            "Alerts that explain this one. While one of them fires and somebody was told, this one is not told.",
            ["system-down"],
        ),
    )
    runbook: Annotated[str, Ref("runbook")] | None = field(
        default=None, metadata=_says("What to do, step by step. A critical alert has one.", "system-down")
    )
    starts: Literal["live", "shadow"] = field(
        default="shadow", metadata=_says("In shadow it only records what it would have sent.", "live")
    )
    examples: tuple[ExampleShape, ...] = field(
        default=(), metadata=_says("What it says to which readings. A critical alert has one that fires.")
    )
    repeat: tuple[Period, ...] | None = field(
        default=None, metadata=_says("Its own pace of telling again; its urgency's when left out.", ["15m", "1h"])
    )
    then: tuple[Annotated[str, Ref("person")], ...] | None = field(
        default=None, metadata=_says("Its own people who are told next; `[]`: nobody but the owner.", ["cto"])
    )

    def check(self) -> Iterator[str]:
        """Yield what makes no sense in its pace."""
        yield from pace_problems(self.repeat, self.then)


@dataclass(frozen=True)
class RunbookShape:
    """What to do, step by step."""

    where: Where
    title: Text = field(metadata=_says("Its name.", "The system is down"))
    steps: tuple[Text, ...] = field(metadata=_says("One sentence or two each, in order.", ["Open the login page."]))

    def check(self) -> Iterator[str]:
        """Yield what is missing."""
        if not self.steps:
            yield "steps holds none"


@dataclass(frozen=True)
class ObjectiveShape:
    """The level promised, and over how long."""

    at: Places
    where: Where
    over: Period = field(metadata=_says("Over which window, up to now.", "30d"))
    above: Scalar | None = field(default=None, metadata=_says("Kept above this level.", "99.9%"))
    below: Scalar | None = field(default=None, metadata=_says("Kept below this level.", "500ms"))


@dataclass(frozen=True)
class ExpectShape:
    """The level expected: exactly one of the two."""

    at: Places
    where: Where
    above: Scalar | None = field(default=None, metadata=_says("Kept above this level.", "99.9%"))
    below: Scalar | None = field(default=None, metadata=_says("Kept below this level.", "80%"))


@dataclass(frozen=True)
class KpiShape:
    """A promise over a long window."""

    where: Where
    at: Places
    title: Text = field(metadata=_says("What is promised.", "Availability"))
    measure: Annotated[str, Ref("measure")] = field(metadata=_says("Which number.", "system_up"))
    objective: ObjectiveShape = field(metadata=_says("The promise.", {"above": "99.9%", "over": "30d"}))
    covers: tuple[Covered, ...] = field(default=(), metadata=_COVERS)
    only: dict[str, tuple[Text, ...]] = field(
        default_factory=dict, metadata=_says("Only the series with these labels.", {"probe": ["login"]})
    )
    min_n: int = field(default=0, metadata=_says("With fewer observations it is too little to judge.", 40))


@dataclass(frozen=True)
class CheckShape:
    """A line of a checklist."""

    where: Where
    at: Places
    title: Text = field(metadata=_says("The line.", "System uptime is 99.9 % or more"))
    measure: Annotated[str, Ref("measure")] = field(metadata=_says("Which number.", "system_up"))
    over: Period = field(metadata=_says("Over which window, up to now.", "24h"))
    expect: ExpectShape = field(metadata=_says("What is expected.", {"above": "99.9%"}))
    covers: tuple[Covered, ...] = field(default=(), metadata=_COVERS)
    only: dict[str, tuple[Text, ...]] = field(
        default_factory=dict, metadata=_says("Only the series with these labels.", {"probe": ["login"]})
    )
    min_n: int = field(default=0, metadata=_says("With fewer observations it is too little to judge.", 40))


@dataclass(frozen=True)
class TableShape:
    """A table of a watched database under a name of our own, so that questions fit whatever it is called there."""

    where: Where
    at: Places
    source: Annotated[str, Ref("source")] = field(metadata=_says("The database it stands in.", "database"))
    named: tuple[Text, ...] = field(
        metadata=_says("What it may be called there, the likeliest first; `schema.table` where needed.", ["audit_logs"])
    )
    columns: dict[str, tuple[Text, ...]] = field(
        metadata=_says(
            "Our names for its columns, and what they may be called there. A table whose names are nowhere is known by "
            "having all of these.",
            {"created_at": ["createdAt", "created_at"]},
        )
    )


@dataclass(frozen=True)
class FindingShape:
    """Something that may stand in the guide's way, and the one question that shows whether it does."""

    where: Where
    at: Places
    title: Text = field(metadata=_says("What was found, as a claim.", "There is no health route"))
    means: Text = field(metadata=_says("What it means for the guide's rows.", "A probe of it says nothing."))
    do: Text = field(metadata=_says("What to do about it.", "Add the route, or watch another call."))
    source: Annotated[str, Ref("source")] = field(metadata=_says("Who is asked.", "website"))
    ask: Raw = field(metadata=_says("The question, in the keys of the source's kind."))
    hinders: tuple[Annotated[str, Ref("row")], ...] = field(
        default=(), metadata=_says("Rows that can't be answered while it is there.", ["H04"])
    )
    limits: tuple[Annotated[str, Ref("row")], ...] = field(
        default=(), metadata=_says("Rows that are answered only in part while it is there.", ["K06"])
    )
    concerns: tuple[Annotated[str, Ref("row")], ...] = field(
        default=(), metadata=_says("Rows that are answered all the same, by another way or with care.", ["A01"])
    )
    snippet: str = field(default="", metadata=_says("SQL, code or settings that mend it.", "GRANT …"))
    tries: str = field(
        default="",
        metadata=_says(
            "What the question does besides looking; such a question waits for --try.", "Posts an empty body."
        ),
    )
    quiet: Annotated[str, Ref("source")] | None = field(
        default=None, metadata=_says("A database that stays untouched while it is so.", "database")
    )

    def check(self) -> Iterator[str]:
        """Yield what is missing."""
        rows = (*self.hinders, *self.limits, *self.concerns)
        if not rows:
            yield "it names no row: say which it hinders, limits or concerns"
        for row in sorted({row for row in rows if rows.count(row) > 1}):
            yield f"it names {row} twice; one of hinders, limits and concerns is meant"


@dataclass(frozen=True)
class TruthShape:
    """Where rows of the guide are truly answered from. A row stands in one truth."""

    where: Where
    at: Places
    rows: tuple[Annotated[str, Ref("row")], ...] = field(metadata=_says("Which rows.", ["M5", "K06"]))
    says: Text = field(metadata=_says("The true source: a table, a route, a provider's API.", "The gateway's API."))
    needs: tuple[Annotated[str, Ref("source")], ...] = field(
        default=(), metadata=_says("Sources that must be set up.", ["database"])
    )
    later: str = field(
        default="", metadata=_says("What Nigrani still lacks to ask there; none when it can.", "payments")
    )


@dataclass(frozen=True)
class Section:
    """A top-level key under which named entries stand."""

    noun: str
    shape: type
    help: str


SECTIONS: Mapping[str, Section] = {
    "people": Section("person", PersonShape, "Roles that are told."),
    "receivers": Section("receiver", ReceiverShape, "Where messages go."),
    "sources": Section("source", SourceShape, "Systems that are watched."),
    "measures": Section("measure", MeasureShape, "Numbers computed from facts."),
    "alerts": Section("alert", AlertShape, "Levels that wake somebody."),
    "kpis": Section("kpi", KpiShape, "Promises."),
    "checks": Section("check", CheckShape, "Lines of the checklists."),
    "runbooks": Section("runbook", RunbookShape, "What to do, step by step."),
    "windows": Section("window", WindowShape, "Times of maintenance."),
    "tables": Section("table", TableShape, "Tables of watched databases, by names of our own."),
    "findings": Section("finding", FindingShape, "What may stand in the guide's way."),
    "truths": Section("truth", TruthShape, "Where rows are truly answered from."),
}
