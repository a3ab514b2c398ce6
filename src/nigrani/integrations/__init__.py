"""Outside systems, one folder each, in one shape: pure adapters without rows, loops or a clock.

A folder has `__init__.py` with MANIFEST, `config.py`, the faces it has (`probe.py`, `send.py`, `survey.py`, later
`poll.py`, `webhook.py`, `store.py`, `act.py`), `captured/` payloads and `docs.md`. Folders are found by name: there is
no list to forget. `shape.py` checks them.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, Protocol, cast
from zoneinfo import ZoneInfo

from nigrani.lib.errors import SourceError

Face = Literal["probe", "send", "survey", "poll", "webhook", "store", "act"]


@dataclass(frozen=True)
class Limit:
    """A fact about a system that our code obeys, and who says so."""

    what: str
    value: str
    source: str


@dataclass(frozen=True)
class Manifest:
    """What a folder is: its name (the guide's `kind:` or `send:`), what it is called, the faces it has."""

    name: str
    title: str
    faces: tuple[Face, ...]
    verified_on: str
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True)
class ProbeJob:
    """One question to ask now. `source_config` and `config` are the integration's own config objects.

    memory: what the last answer to this very question gave to be kept, as JSON; None at first.
    """

    source: str
    probe: str
    source_config: Any
    config: Any
    timeout: timedelta
    memory: Any = None


@dataclass(frozen=True)
class Gauge:
    """A value read along with a probe: connections in use, days a certificate is still valid.

    at: when it was so, where that is not the moment of the answer.
    """

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    at: datetime | None = None


@dataclass(frozen=True)
class Answer:
    """What a probe found. `ok` is whether the system answered as it should; not being able to ask (refused
    credentials, an answer nobody understands) is a SourceError instead, since it says nothing about the system.

    failure: "" when ok, else a closed word: dns, connect, refused, tls, timeout, status, body, json, redirect, size,
        reset, protocol, full (no free connection), starting; or `absent`: the system answered that it has nothing
        to say to this question (an extension, a right or a declaration lacks: `detail` says which and what mends it).
    detail: one sentence for a person, without secrets or bodies.
    ms: durations by phase: dns, connect, tls, first_byte, total.
    memory: what to hand to the next job of this question, as JSON; None leaves what is kept.
    cost_ms: time that asking took the system itself, at most, by our clock; 0 where nothing is known of it.
    """

    ok: bool
    failure: str = ""
    detail: str = ""
    ms: Mapping[str, float] = field(default_factory=dict)
    status: int = 0
    size_bytes: int = 0
    gauges: tuple[Gauge, ...] = ()
    memory: Any = None
    cost_ms: float = 0


class ProbeFace(Protocol):
    """`probe.py` of an integration."""

    def probe(self, jobs: Sequence[ProbeJob]) -> Iterator[tuple[ProbeJob, Answer | SourceError]]:
        """Ask every question, side by side, each within its timeout; yield each answer as it comes, every job once."""
        ...


@dataclass(frozen=True)
class PollJob:
    """What to read now of a table that is read on and on. `source_config` is the integration's own object.

    after: from this instant on; with after_id, only past that row. until: before this instant. limit: rows at most.
    zone: of a watermark column without one.
    """

    source: str
    feed: str
    source_config: Any
    sql: str
    watermark: str
    id: str
    zone: ZoneInfo | None
    timeout: timedelta
    after: datetime
    until: datetime
    after_id: str | None = None
    limit: int = 1000


@dataclass(frozen=True)
class PollRow:
    """A row as it was read: when it was written and which it is (None where the row does not say), all its values."""

    at: datetime | None
    id: str | None
    values: Mapping[str, object]


@dataclass(frozen=True)
class Page:
    """Rows in the order of their time and id. is_last: there were no more. ms: what reading them took."""

    rows: tuple[PollRow, ...]
    is_last: bool
    ms: float = 0.0


class PollFace(Protocol):
    """`poll.py` of an integration. Every function raises SourceError."""

    def poll(self, job: PollJob) -> Page:
        """Return the rows after a place, in the order of time and id, no more than the job's limit."""
        ...

    def oldest(self, job: PollJob) -> datetime | None:
        """Return when the oldest row there is was written; None when there is none."""
        ...

    def count(self, job: PollJob) -> int:
        """Return how many rows with an id lie in [after, until)."""
        ...

    def aside(self, job: PollJob) -> tuple[int, int]:
        """Return how many rows lie at or after `until`, and how many have no time."""
        ...


@dataclass(frozen=True)
class Notice:
    """A message to a person, in parts that each carrier lays out its own way. No secrets, no personal data.

    kind: "firing", "resolved", "test" or "note". title: one line. lines: the body, most important first.
    facts: label -> value pairs. link: the console page, or "".
    repeat: the earlier try's outcome is unknown, so that this may be a second copy: say so in the message.
    """

    kind: Literal["firing", "resolved", "test", "note"]
    title: str
    lines: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    link: str = ""
    urgency: str = ""
    at: datetime | None = None
    repeat: bool = False

    @property
    def headline(self) -> str:
        """Its state as a shape and a word, then the title: "▲ Firing: The system is down"."""
        return f"{_SHAPES[self.kind]} {self.kind.capitalize()}: {self.title}"


_SHAPES = {"firing": "▲", "resolved": "✓", "test": "◇", "note": "•"}
REPEAT_NOTE = "This may be a second copy: it is not known whether an earlier try arrived."


@dataclass(frozen=True)
class Receipt:
    """Proof that a message was accepted: the provider's id (or "") and what it answered, in short."""

    id: str = ""
    answer: str = ""


class SendFace(Protocol):
    """`send.py` of an integration."""

    def send(self, config: Any, notice: Notice, *, key: str, timeout: timedelta) -> Receipt:
        """Deliver one notice. `key` is the same for every try of one message: the provider's idempotency key.

        Raises Throttled (wait), Refused (permanent: mend the receiver), Unreachable (`uncertain` if it may have
        arrived), Unreadable.
        """
        ...


@dataclass(frozen=True)
class Question:
    """One question of a survey. `config` is the integration's own; `names` are what its placeholders stand for."""

    source_config: Any
    config: Any
    timeout: timedelta
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """What a question showed.

    found: whether the finding is there; None when the answer says neither. asked: what was asked, as a person may
    repeat it. came: what came back, counts and shapes only.
    """

    found: bool | None
    asked: str
    came: str


class SurveyFace(Protocol):
    """`survey.py` of an integration."""

    def survey(self, question: Question) -> Seen:
        """Ask one question, once. Raises SourceError when nothing could be seen."""
        ...


@dataclass(frozen=True)
class Integration:
    """An integration as found on disk."""

    manifest: Manifest
    package: str

    def config(self, name: Literal["SourceConfig", "ProbeConfig", "ReceiverConfig", "QuestionConfig"]) -> type[Any]:
        """Return a configuration class from its config.py; AttributeError if it has none."""
        return cast("type[Any]", getattr(import_module(f"{self.package}.config"), name))

    @property
    def prober(self) -> ProbeFace:
        """Its probe face."""
        return cast(ProbeFace, import_module(f"{self.package}.probe"))

    @property
    def poller(self) -> PollFace:
        """Its poll face."""
        return cast(PollFace, import_module(f"{self.package}.poll"))

    @property
    def inspect(self) -> Callable[[str], Any]:
        """How the SQL of its feeds is read before it runs: returns `columns`, raises NigraniError."""
        return cast("Callable[[str], Any]", import_module(f"{self.package}.selects").inspect)

    @property
    def reader(self) -> Callable[[Any], Any]:
        """How a measure's own SQL becomes a question of it: `question` in its measured.py."""
        return cast("Callable[[Any], Any]", import_module(f"{self.package}.measured").question)

    @property
    def sender(self) -> SendFace:
        """Its send face."""
        return cast(SendFace, import_module(f"{self.package}.send"))

    @property
    def surveyor(self) -> SurveyFace:
        """Its survey face."""
        return cast(SurveyFace, import_module(f"{self.package}.survey"))


def names() -> list[str]:
    """Return the names of all integration folders."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def find(name: str) -> Integration:
    """Return an integration by name. Raises KeyError if there is no such folder."""
    if name not in names():
        raise KeyError(name)
    package = f"{__name__}.{name}"
    return Integration(manifest=import_module(package).MANIFEST, package=package)


def readers() -> list[Integration]:
    """Return every integration whose systems a measure may read by SQL of its own."""
    return [each for each in with_face("probe") if find_spec(f"{each.package}.measured") is not None]


def with_face(face: Face) -> list[Integration]:
    """Return every integration that has the face."""
    return [each for each in map(find, names()) if face in each.manifest.faces]
