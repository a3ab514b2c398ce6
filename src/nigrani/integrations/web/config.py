"""What an operator says about a site and about each question asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from nigrani import __version__
from nigrani.guide.fields import Json, Size, Url
from nigrani.lib.secret import Secret


@dataclass(frozen=True)
class SourceConfig:
    """A site."""

    base: Url = field(
        metadata={
            "help": "The site's address; each probe's path is put behind it.",
            "example": "https://erp.example.in",
        }
    )
    headers: dict[str, str] = field(
        default_factory=dict,
        metadata={"help": "Headers sent with every probe.", "example": "{Accept-Language: en}"},
    )
    secret_headers: dict[str, Secret] = field(
        default_factory=dict,
        metadata={
            "help": "Headers whose values are secrets, taken from the environment or a secret file.",
            "example": "{Authorization: '${ERP_PROBE_TOKEN}'}",
        },
    )
    user_agent: str = field(
        default=f"Nigrani/{__version__} (+probe)",
        metadata={
            "help": "How the probe introduces itself, so that logs and firewalls can tell it from users.",
            "example": "Nigrani (+probe)",
        },
    )
    ca_file: str = field(
        default="",
        metadata={
            "help": "A PEM file with the authority that signed the certificate, if it is not a public one.",
            "example": "/etc/ssl/private-ca.pem",
        },
    )

    def check(self) -> Iterator[str]:
        """Yield what is wrong with the address."""
        parts = urlsplit(self.base)
        if parts.query or parts.fragment:
            yield "base must not hold a query or a fragment; put them into the probe's path"


@dataclass(frozen=True)
class Expect:
    """What an answer must be, to count as right."""

    status: tuple[int, ...] = field(
        default=(200,),
        metadata={"help": "Statuses that count as right; one or a list.", "example": "[200, 404]"},
    )
    body: str = field(
        default="", metadata={"help": "Text that must stand in the body.", "example": "Invalid school code"}
    )
    body_not: str = field(
        default="", metadata={"help": "Text that must not stand in the body.", "example": "Application error"}
    )
    json: dict[str, Json] = field(
        default_factory=dict,
        metadata={
            "help": "Path in the JSON body (dots between names and list positions) to the value it must have, "
            "or to a list of allowed values.",
            "example": "{services.database: healthy}",
        },
    )


@dataclass(frozen=True)
class ProbeConfig:
    """One question asked of the site."""

    path: str = field(default="", metadata={"help": "What is asked, put behind the base address.", "example": "/login"})
    method: Literal["GET", "HEAD", "POST", "PUT"] = field(
        default="GET", metadata={"help": "The HTTP method.", "example": "POST"}
    )
    json: Json = field(default=None, metadata={"help": "A JSON body to send.", "example": "{schoolCode: PROBE}"})
    body: str = field(default="", metadata={"help": "A text body to send.", "example": "ping"})
    headers: dict[str, str] = field(
        default_factory=dict,
        metadata={
            "help": "Further headers; they win over the source's.",
            "example": "{Accept: application/json}",
        },
    )
    expect: Expect = field(
        default_factory=Expect, metadata={"help": "What the answer must be.", "example": "{status: 200}"}
    )
    follow: bool = field(
        default=False,
        metadata={
            "help": "Whether to follow redirects (at most 5, never to another host).",
            "example": "true",
        },
    )
    verify: bool = field(
        default=True, metadata={"help": "Whether the TLS certificate must be valid.", "example": "false"}
    )
    certificate: bool = field(
        default=True,
        metadata={"help": "Whether to record how many days the certificate is still valid.", "example": "false"},
    )
    max_body: Size = field(
        default=1024 * 1024,
        metadata={"help": "Largest body read; a larger one is a failure.", "example": "1MiB"},
    )

    def check(self) -> Iterator[str]:
        """Yield what contradicts itself."""
        if self.json is not None and self.body:
            yield "give json or body, not both"
        if self.method in ("GET", "HEAD") and (self.json is not None or self.body):
            yield f"a {self.method} sends no body; set method: POST"
        if self.path and not self.path.startswith(("/", "?")):
            yield "path must begin with /"
        if self.method == "HEAD" and (self.expect.body or self.expect.body_not or self.expect.json):
            yield "a HEAD has no body to expect anything of; use GET"
        if self.max_body <= 0:
            yield "max_body must be more than nothing"
        if not self.expect.status:
            yield "expect.status must name at least one status"


@dataclass(frozen=True)
class Match:
    """What an answer is like; everything that is written must hold."""

    status: tuple[int, ...] = field(
        default=(), metadata={"help": "One of these statuses; any when left out.", "example": "[404]"}
    )
    body: str = field(default="", metadata={"help": "Text that stands in the body.", "example": "CSRF"})
    body_not: str = field(default="", metadata={"help": "Text that doesn't stand in the body.", "example": "CSRF"})
    json: dict[str, Json] = field(
        default_factory=dict,
        metadata={"help": "Path in the JSON body to its value, or to a list of them.", "example": "{code: CSRF}"},
    )
    has_header: tuple[str, ...] = field(
        default=(), metadata={"help": "Headers that it has.", "example": "[X-RateLimit-Limit]"}
    )
    no_header: tuple[str, ...] = field(
        default=(), metadata={"help": "Headers that it lacks.", "example": "[X-RateLimit-Limit]"}
    )
    sets_cookie: str = field(default="", metadata={"help": "A cookie that it sets.", "example": "csrf-token"})
    no_cookie: str = field(default="", metadata={"help": "A cookie that it doesn't set.", "example": "csrf-token"})


@dataclass(frozen=True)
class QuestionConfig:
    """One call of a survey. An answer that is neither `found` nor `fine` says nothing."""

    path: str = field(
        default="", metadata={"help": "What is asked, behind the base address.", "example": "/api/health"}
    )
    found: Match = field(
        default_factory=Match, metadata={"help": "The answer that shows the finding.", "example": "{status: 404}"}
    )
    fine: Match = field(
        default_factory=Match, metadata={"help": "The answer that shows its absence.", "example": "{status: 200}"}
    )
    method: Literal["GET", "HEAD", "POST"] = field(
        default="GET", metadata={"help": "The HTTP method. A POST must be harmless.", "example": "POST"}
    )
    json: Json = field(default=None, metadata={"help": "A JSON body to send.", "example": "{event: nigrani.survey}"})
    headers: dict[str, str] = field(
        default_factory=dict, metadata={"help": "Further headers.", "example": "{Accept: application/json}"}
    )
    secret_headers: dict[str, Secret] = field(
        default_factory=dict,
        metadata={
            "help": "Headers whose values are secrets; without them the question waits.",
            "example": "{Cookie: '${ERP_SURVEY_COOKIE}'}",
        },
    )

    def check(self) -> Iterator[str]:
        """Yield what contradicts itself."""
        if self.path and not self.path.startswith(("/", "?")):
            yield "path must begin with /"
        if self.method != "POST" and self.json is not None:
            yield f"a {self.method} sends no body; set method: POST"
        if self.found == Match() or self.fine == Match():
            yield "found and fine must both say what the answer is like"
        if self.found == self.fine:
            yield "found and fine are the same"
