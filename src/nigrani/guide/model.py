"""What a guide says, as frozen objects. Every object knows the file and line it stands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from functools import cached_property
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from nigrani.lib.secret import Secret


@dataclass(frozen=True)
class Where:
    """A place in the guide. `file` is relative to the guide's folder; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


Unit = Literal["ratio", "count", "ms", "seconds", "bytes", "number"]
Combine = Literal["sum", "ratio", "max", "last", "p50", "p95", "p99", "uniq"]
Urgency = Literal["critical", "high", "medium"]
URGENCIES: tuple[Urgency, ...] = get_args(Urgency)  # the worst first


@dataclass(frozen=True)
class Row:
    """A row of the production guide (rows.tsv): K01, "KPI", "Availability 99.9 % …"."""

    id: str
    section: str
    text: str


@dataclass(frozen=True)
class Probe:
    """One question asked again and again. `config` is the integration's own probe configuration."""

    name: str
    config: Any
    every: timedelta
    timeout: timedelta
    where: Where


@dataclass(frozen=True)
class Feed:
    """A table of a watched system that is read on and on; its rows become facts of the table `to`.

    sql: one SELECT in the system's own SQL, without order, range or limit. watermark and id: its columns that say
        when a row was written and which row it is. zone: of a watermark without one; None where it has its own.
    map: column of the facts -> column of the SELECT. attrs: columns kept as attributes. hide: columns whose whole
        value becomes a pseudonym.
    overlap: what is read again each time. late: how far back rows that come later are looked for. first: how far back
        the very first reading begins. page: rows read at once.
    """

    name: str
    sql: str
    watermark: str
    id: str
    map: Mapping[str, str]
    where: Where
    to: str = "audit"
    attrs: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    zone: ZoneInfo | None = None
    every: timedelta = timedelta(seconds=15)
    timeout: timedelta = timedelta(seconds=10)
    overlap: timedelta = timedelta(minutes=2)
    late: timedelta = timedelta(hours=1)
    first: timedelta = timedelta(days=2)
    page: int = 2000


@dataclass(frozen=True)
class Source:
    """A system we watch. `missing` names the `${NAME}`s that are not set; such a source is "no source"."""

    name: str
    kind: str
    title: str
    config: Any
    stale_after: timedelta
    probes: Mapping[str, Probe]
    missing: tuple[str, ...]
    where: Where
    feeds: Mapping[str, Feed] = field(default_factory=dict)

    @property
    def is_set_up(self) -> bool:
        """Whether everything it needs is there."""
        return not self.missing


@dataclass(frozen=True)
class Measure:
    """A number computed from facts by SQL, one row per minute and label set, kept as readings.

    sql: ClickHouse SQL over [start, end) that returns `minute`, the labels named in `by`, `num`, `n`, and, as
        `combine` asks: `den` (ratio), `digest` (p50, p95, p99: hex of a quantilesTDigest state; uniq: hex of a uniq
        state).
    tables: the telemetry tables the SQL reads (found by the loader's `inspect_sql`).
    asks: probes of its sources that it lives on.
    read_from: the source that it reads itself, "" for facts; asked: the SQL it reads it with.
    min_n: fewer observations in a window than this are "too little traffic".
    """

    name: str
    means: str
    unit: Unit
    combine: Combine
    needs: tuple[str, ...]
    by: tuple[str, ...]
    sql: str
    tables: tuple[str, ...]
    covers: tuple[Cover, ...]
    where: Where
    asks: tuple[str, ...] = ()
    read_from: str = ""
    asked: str = ""


@dataclass(frozen=True)
class Cover:
    """A row that an item answers; `part` says what of it, when it is not the whole row."""

    row: str
    part: str = ""


@dataclass(frozen=True)
class Condition:
    """A measure over a window against a level. Exactly one of above and below is set."""

    measure: str
    over: timedelta
    above: float | None = None
    below: float | None = None
    min_n: int = 0
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def holds(self, value: float) -> bool:
        """Whether the value is beyond the level. The level itself is not beyond it."""
        if self.above is not None:
            return value > self.above
        assert self.below is not None
        return value < self.below


@dataclass(frozen=True)
class Clear:
    """When a firing alert is over: beyond the level back, for `hold`. Without a level: the condition no longer
    holds."""

    above: float | None = None
    below: float | None = None
    hold: timedelta = timedelta()


@dataclass(frozen=True)
class AlertLevel:
    """One threshold of an alert: from which value on, for how long, and when it is over. Exactly one of above and
    below is set."""

    urgency: Urgency
    above: float | None = None
    below: float | None = None
    hold: timedelta = timedelta()
    clear: Clear = Clear()

    def holds(self, value: float) -> bool:
        """Whether the value is beyond this level. The level itself is not beyond it."""
        return value > self.above if self.above is not None else self.below is not None and value < self.below


@dataclass(frozen=True)
class Example:
    """A row of readings and what the alert must say: see guide/examples.py for the little language."""

    readings: str
    each: timedelta
    expect: str
    n: int | None
    where: Where


@dataclass(frozen=True)
class Repeat:
    """How an alert that goes on firing is told again.

    every: the time from each message to the next, the last one going on; empty means never. then: people who are told
    besides the owner, one more with each message.
    """

    every: tuple[timedelta, ...] = ()
    then: tuple[str, ...] = ()


REPEATS: Mapping[Urgency, Repeat] = {
    "critical": Repeat((timedelta(minutes=15), timedelta(minutes=15), timedelta(hours=1))),
    "high": Repeat((timedelta(hours=4),)),
    "medium": Repeat((timedelta(hours=24),)),
}
"""How it is told again where the guide says nothing of it."""


@dataclass(frozen=True)
class Alert:
    """A rule: when to worry, whom to tell, what to do.

    urgency, the sides of `when`, hold and clear are those of its mildest level; `higher` has the others, the worst
        last. A value beyond a level is beyond all milder ones.
    starts: "live" sends from the first minute; "shadow" records what it would have sent until promoted.
    effect_of: the alerts that explain this one, so that it is not told while one of them is.
    every, then: its own pace of telling again and its own people who are told next; None: its urgency's.
    """

    name: str
    title: str
    means: str
    covers: tuple[Cover, ...]
    urgency: Urgency
    when: Condition
    hold: timedelta
    clear: Clear
    owner: str
    action: str
    runbook: str
    starts: Literal["live", "shadow"]
    examples: tuple[Example, ...]
    where: Where
    effect_of: tuple[str, ...] = ()
    higher: tuple[AlertLevel, ...] = ()
    every: tuple[timedelta, ...] | None = None
    then: tuple[str, ...] | None = None

    @cached_property
    def levels(self) -> tuple[AlertLevel, ...]:
        """All its levels, the mildest first; most alerts have one."""
        return (AlertLevel(self.urgency, self.when.above, self.when.below, self.hold, self.clear), *self.higher)


@dataclass(frozen=True)
class Telling:
    """How alerts are told.

    group_interval: how often at most one receiver hears of one rule, after the first message. cause_wait: how long an
    effect waits for a pending cause. An alert flaps when it changed more than flap_changes times within flap_within,
    and has settled when it did not change for as long.
    """

    group_interval: timedelta = timedelta(minutes=5)
    cause_wait: timedelta = timedelta(seconds=30)
    flap_changes: int = 5
    flap_within: timedelta = timedelta(minutes=30)


@dataclass(frozen=True)
class Runbook:
    """What to do, step by step: shown with the alert that names it."""

    name: str
    title: str
    steps: tuple[str, ...]
    where: Where


@dataclass(frozen=True)
class Promise:
    """A KPI or a checklist line: a measure and what is expected of it."""

    name: str
    kind: Literal["kpi", "check"]
    title: str
    covers: tuple[Cover, ...]
    expect: Condition  # holds() is True when the promise is kept
    where: Where


@dataclass(frozen=True)
class Person:
    """A role that is told: "devops-lead". `receivers` are the names of where its messages go."""

    name: str
    title: str
    receivers: tuple[str, ...]
    where: Where


@dataclass(frozen=True)
class Receiver:
    """Where messages go: a Slack channel, a mailbox. `config` is the sender integration's own configuration."""

    name: str
    kind: str
    title: str
    config: Any
    missing: tuple[str, ...]
    where: Where

    @property
    def is_set_up(self) -> bool:
        """Whether everything it needs is there."""
        return not self.missing


@dataclass(frozen=True)
class Table:
    """A table of a watched system by the name that this guide gives it.

    named: what it may be called there, the likeliest first; one that is nowhere is known by its columns. columns: our
    names for its columns -> what they may be called there.
    """

    name: str
    source: str
    named: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    where: Where


@dataclass(frozen=True)
class Finding:
    """Something that may stand in the guide's way, and the question that shows whether it does.

    config: the integration's own question; None while a `${NAME}` in it is not set (`missing`).
    hinders: rows that can't be answered while it is there. limits: rows that are answered in part. concerns: rows that
        are answered all the same, by another way or with care.
    tries: what the question does besides looking, "" for nothing. quiet: a database that the question must not touch.
    """

    name: str
    title: str
    means: str
    do: str
    source: str
    config: Any
    missing: tuple[str, ...]
    hinders: tuple[str, ...]
    limits: tuple[str, ...]
    concerns: tuple[str, ...]
    snippet: str
    tries: str
    quiet: str
    where: Where


@dataclass(frozen=True)
class Truth:
    """Where rows of the guide are truly answered from.

    needs: the sources that must be set up. later: what Nigrani still lacks to ask there; "" when nothing.
    """

    name: str
    rows: tuple[str, ...]
    says: str
    needs: tuple[str, ...]
    later: str
    where: Where


DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Window:
    """A time of maintenance: what it names is muted from `starts`, by the clock of `zone`, for `lasts`.

    days: of a weekly one, 0 is Monday. date: of one that comes once. rules and labels are globs.
    """

    name: str
    why: str
    repeats: Literal["daily", "weekly", "once"]
    starts: time
    lasts: timedelta
    days: tuple[int, ...]
    date: date | None
    zone: ZoneInfo
    rules: tuple[str, ...]
    sources: tuple[str, ...]
    labels: Mapping[str, tuple[str, ...]]
    where: Where


@dataclass(frozen=True)
class Guide:
    """A whole guide, every reference resolved.

    repeats: how alerts that go on firing are told again, by urgency.
    reference: addresses elsewhere on the internet; when none of them answers, it is us who are cut off.
    dead_man: the address pinged while we work (a Secret, since whoever knows it can stay our alarm), or None.
    missing: the `${NAME}`s of these two that are not set, by "reference" and "dead_man".
    version: the number under which this text is kept, 0 for one that was only read from a folder.
    """

    name: str
    zone: ZoneInfo
    folder: str
    digest: str
    reference: tuple[str, ...]
    dead_man: Secret | None
    dead_man_every: timedelta
    sources: Mapping[str, Source]
    measures: Mapping[str, Measure]
    alerts: Mapping[str, Alert]
    promises: Mapping[str, Promise]
    people: Mapping[str, Person]
    receivers: Mapping[str, Receiver]
    rows: Mapping[str, Row]
    text: Mapping[str, str]  # file name -> its text, for showing a rule where it stands; `${NAME}`s unexpanded
    runbooks: Mapping[str, Runbook] = field(default_factory=dict)
    telling: Telling = field(default_factory=Telling)
    windows: Mapping[str, Window] = field(default_factory=dict)
    repeats: Mapping[Urgency, Repeat] = field(default_factory=lambda: REPEATS)
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    findings: Mapping[str, Finding] = field(default_factory=dict)
    truths: Mapping[str, Truth] = field(default_factory=dict)
    version: int = 0

    def repeat(self, alert: Alert, urgency: Urgency) -> Repeat:
        """Return how an alert is told again while it fires at `urgency`: its own way, else the urgency's."""
        usual = self.repeats[urgency]
        return Repeat(
            usual.every if alert.every is None else alert.every, usual.then if alert.then is None else alert.then
        )
