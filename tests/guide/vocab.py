"""A small vocabulary of the tests' own, with every kind of field a configuration can have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from nigrani.guide import ReadQuestion, Vocabulary
from nigrani.guide.fields import Json, Ratio, Size, Url
from nigrani.lib.errors import NigraniError
from nigrani.lib.secret import Secret


@dataclass(frozen=True)
class SiteConfig:
    base: Url
    headers: dict[str, str] = field(default_factory=dict)
    secret_headers: dict[str, Secret] = field(default_factory=dict)
    share: Ratio = 0.5
    pause: timedelta = timedelta(seconds=1)


@dataclass(frozen=True)
class Expect:
    status: tuple[int, ...] = (200,)
    body: str = ""


@dataclass(frozen=True)
class QuestionConfig:
    path: str = "/"
    method: Literal["GET", "POST"] = "GET"
    json: Json = None
    max_body: Size = 1024
    follow: bool = False
    weight: float = 1.0
    expect: Expect = field(default_factory=Expect)

    def check(self) -> Iterator[str]:
        if self.method == "GET" and self.json is not None:
            yield "a GET sends no body."


@dataclass(frozen=True)
class DatabaseConfig:
    dsn: Secret


@dataclass(frozen=True)
class AskConfig:
    ask: Literal["responsive", "connections"]


@dataclass(frozen=True)
class ChannelConfig:
    webhook_url: Secret | None = None
    room: str = ""


@dataclass(frozen=True)
class Seen:
    tables: frozenset[str]
    columns: tuple[str, ...]


def inspect_sql(sql: str) -> Seen:
    """Refuse what is no SELECT; else pretend it returns every column that stands in the text."""
    if not sql.upper().startswith("SELECT"):
        raise NigraniError("Only a SELECT may stand here.")
    words = sql.replace(",", " ").split()
    return Seen(frozenset({"probes"}), tuple(words))


def read_question(asked: ReadQuestion) -> ReadQuestion:
    """Refuse what names another schema; else the question itself stands for its configuration."""
    if "secret." in asked.sql:
        raise NigraniError("It reads secret.t, and the schema secret is not allowed.")
    return asked


VOCABULARY = Vocabulary(
    sources={"site": (SiteConfig, QuestionConfig), "store": (DatabaseConfig, AskConfig)},
    receivers={"chat": ChannelConfig},
    inspect_sql=inspect_sql,
    readers={"store": read_question},
)
