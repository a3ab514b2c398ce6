"""One HTTP call: how curl is told to make it, and what it kept of the answer."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import certifi
import msgspec
import pycurl

from nigrani.integrations import ProbeJob

from .config import ProbeConfig, SourceConfig

_STEPS_MAX = 5  # redirects followed on one host
_QUICK_EXIT = 322  # CURLOPT_QUICK_EXIT, which pycurl does not name: do not wait for a look-up that hangs
_SEE_OTHER = (301, 302, 303)


@dataclass
class Call:
    """A call under way. `began` and `until` are monotonic seconds; `before_ms` is what earlier redirects took."""

    job: ProbeJob
    began: float
    until: float
    url: str = ""
    method: str = ""
    steps: int = 0
    body: bytearray = field(default_factory=bytearray)
    retry_after: str = ""
    is_too_large: bool = False
    before_ms: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.url = self.url or self.source.base.rstrip("/") + self.config.path
        self.method = self.method or self.config.method

    @property
    def source(self) -> SourceConfig:
        """What is said of the site."""
        found: SourceConfig = self.job.source_config
        return found

    @property
    def config(self) -> ProbeConfig:
        """What is said of the question."""
        found: ProbeConfig = self.job.config
        return found

    def take_body(self, part: bytes) -> int:
        """Keep a decoded part of the body; a body beyond the largest allowed ends the call."""
        self.body += part
        if len(self.body) <= self.config.max_body:
            return len(part)
        self.is_too_large = True
        del self.body[self.config.max_body :]
        return -1

    def take_header(self, line: bytes) -> None:
        """Keep the one header a verdict needs."""
        name, _, value = line.partition(b":")
        if name.lower() == b"retry-after":
            self.retry_after = value.strip().decode("latin-1")[:40]

    def next_step(self, status: int, location: str) -> str:
        """Say why the redirect is not followed, or take it and return "".

        Only within one host, so that neither a secret header nor the verdict wanders off to another.
        """
        if not self.config.follow:
            return f"It redirects ({status}) to {place(location)}."
        if self.steps >= _STEPS_MAX:
            return f"It redirects more than {_STEPS_MAX} times, now to {place(location)}."
        here, there = urlsplit(self.url), urlsplit(location)
        is_upgrade = (here.scheme, there.scheme) == ("http", "https")
        same = here.hostname == there.hostname and (here.port == there.port or is_upgrade)
        if not same or there.scheme not in ("http", "https") or (here.scheme == "https" != there.scheme):
            return f"It redirects ({status}) to another place: {place(location)}."
        self.url, self.steps = location, self.steps + 1
        if status in _SEE_OTHER and self.method != "HEAD":
            self.method = "GET"
        self.body.clear()
        return ""


def place(location: str) -> str:
    """Return host and path of an address, without its query, fragment and user, which may hold secrets."""
    try:
        parts = urlsplit(location)
        host = parts.hostname or ""
        return f"{host}{f':{parts.port}' if parts.port else ''}{parts.path}"[:200] or "nowhere"
    except ValueError:
        return "an address that can't be read"


def load(curl: pycurl.Curl, call: Call, *, left: timedelta) -> None:
    """Tell curl everything about the call. Raises pycurl.error, ValueError for a header or address it can't take."""
    config, source = call.config, call.source
    if not call.url.startswith(("http://", "https://")):
        raise ValueError("its address begins neither with http:// nor with https://")
    timeout_ms = max(1, int(left.total_seconds() * 1000))
    for option, value in _always():
        curl.setopt(option, value)
    curl.setopt(pycurl.URL, call.url.encode())
    curl.setopt(pycurl.TIMEOUT_MS, timeout_ms)
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, timeout_ms)
    curl.setopt(pycurl.USERAGENT, source.user_agent.encode())
    curl.setopt(pycurl.HTTPHEADER, _headers(call))
    curl.setopt(pycurl.WRITEFUNCTION, call.take_body)
    curl.setopt(pycurl.HEADERFUNCTION, call.take_header)
    _load_method(curl, call)
    if call.url.startswith("https:"):
        curl.setopt(pycurl.SSL_VERIFYPEER, int(config.verify))
        curl.setopt(pycurl.SSL_VERIFYHOST, 2 if config.verify else 0)
        curl.setopt(pycurl.CAINFO, source.ca_file or _public_authorities())
        curl.setopt(pycurl.OPT_CERTINFO, int(config.certificate))


def _load_method(curl: pycurl.Curl, call: Call) -> None:
    if call.method == "HEAD":
        curl.setopt(pycurl.NOBODY, 1)
    elif call.method != "GET":
        config = call.config
        body = msgspec.json.encode(config.json) if config.json is not None else config.body.encode()
        curl.setopt(pycurl.POSTFIELDS, body)
        curl.setopt(pycurl.CUSTOMREQUEST, call.method)


def _headers(call: Call) -> list[bytes]:
    """Return header lines; a probe's win over the source's, whatever their case."""
    config, source = call.config, call.source
    chosen = {"expect": ("Expect", "")}  # never wait for a 100 Continue
    if config.json is not None:
        chosen["content-type"] = ("Content-Type", "application/json")
    elif config.body:
        chosen["content-type"] = ("Content-Type", "text/plain; charset=utf-8")
    secrets = {name: secret.reveal() for name, secret in source.secret_headers.items()}
    for name, value in (*source.headers.items(), *secrets.items(), *config.headers.items()):
        if any(mark in name + value for mark in "\r\n\0"):
            raise ValueError(f"the header {name!r} holds a line break")
        chosen[name.lower()] = (name, value)
    return [f"{name}: {value}".encode() if value else f"{name}:".encode() for name, value in chosen.values()]


@cache
def _always() -> tuple[tuple[int, object], ...]:
    """Options of every call: the whole way is measured anew, and nothing of the machine's surroundings counts."""
    return (
        (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
        (pycurl.FOLLOWLOCATION, 0),
        (pycurl.FRESH_CONNECT, 1),
        (pycurl.FORBID_REUSE, 1),
        (pycurl.DNS_CACHE_TIMEOUT, 0),
        (pycurl.SSL_SESSIONID_CACHE, 0),
        (pycurl.NETRC, 0),
        (pycurl.PROXY, ""),
        (pycurl.NOPROXY, "*"),
        (pycurl.NOSIGNAL, 1),
        (pycurl.ACCEPT_ENCODING, ""),
        (pycurl.PATH_AS_IS, 1),
        (_QUICK_EXIT, 1),
    )


@cache
def _public_authorities() -> str:
    """Return the machine's own list of authorities, which its owner may have amended; else the one we ship with."""
    kept = ssl.get_default_verify_paths().cafile
    for path in (kept, "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"):
        if path and Path(path).is_file():
            return path
    return certifi.where()
