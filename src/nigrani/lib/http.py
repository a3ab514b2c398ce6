"""The one way we call HTTP addresses that are not probed: senders, pings, our own doors.

No redirect is followed, no proxy is taken from the environment, certificates are verified, bodies are capped, and a
deadline covers the whole call: name look-up, connecting, TLS, sending and a far end that drips. Failures come as the
kinds of `lib.errors`, in words of our own: addresses and headers may hold secrets, so neither is ever quoted.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from urllib.parse import quote, urlsplit

import httpcore

from nigrani import __version__

from . import clock, names
from .errors import Refused, SourceError, Throttled, Unreachable, Unreadable

logging.getLogger("httpcore").setLevel(logging.WARNING)  # below that it writes headers into the log

USER_AGENT = f"Nigrani/{__version__}"
BODY_MAX = 256 * 1024
_SLICE = 16 * 1024  # what is written between two looks at the deadline
_URL_SAFE = "/:?&=%+~@!$'()*,;-._[]"


@dataclass(frozen=True)
class Reply:
    """What was answered. Header names are in lower case; of a repeated header the last value counts."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()  # the names of those it sets

    @property
    def text(self) -> str:
        """The body as text; bytes that are no UTF-8 show as replacement characters."""
        return self.body.decode(errors="replace")


class _Deadline:
    """When the call must be over, and whether a byte of the request has left us."""

    def __init__(self, timeout: timedelta) -> None:
        self._until = clock.monotonic() + timeout.total_seconds()
        self.request_left = False

    def remaining(self) -> float:
        """Seconds left; raises httpcore.TimeoutException when there are none."""
        left = self._until - clock.monotonic()
        if left <= 0:
            raise httpcore.TimeoutException
        return left


class _Stream(httpcore.NetworkStream):
    """A connection whose every read and write ends at the deadline, whatever pace the far end keeps."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.remaining())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._deadline.request_left = True
        for start in range(0, len(buffer), _SLICE):
            self._inner.write(buffer[start : start + _SLICE], self._deadline.remaining())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._deadline.remaining())
        return _Stream(inner, self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


class _Network(httpcore.NetworkBackend):
    """Connects to each address of a host in turn, giving each a fair part of the time that is left."""

    def __init__(self, deadline: _Deadline) -> None:
        self._deadline, self._plain = deadline, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = _look_up(host, self._deadline.remaining())
        for index, address in enumerate(addresses):
            share = self._deadline.remaining() / (len(addresses) - index)
            try:
                return _Stream(self._plain.connect_tcp(address, port, share, None, socket_options), self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if index + 1 == len(addresses):
                    raise
        raise httpcore.ConnectError


class _NoSuchName(Exception):
    """The host has no address."""


def _look_up(host: str, timeout_s: float) -> list[str]:
    try:
        return names.resolve(host, timeout_s=timeout_s)
    except TimeoutError:
        raise httpcore.ConnectTimeout from None
    except OSError:
        raise _NoSuchName from None


@cache
def _trust(ca_file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file or None)


def host_of(url: str) -> str:
    """Return the host of an address: the only part of it that is shown to people."""
    try:
        return urlsplit(url).hostname or "an address without a host"
    except ValueError:
        return "an address without a host"


def _target(url: str) -> httpcore.URL:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ValueError
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode()
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return httpcore.URL(scheme=parts.scheme, host=host, port=parts.port, target=quote(path, safe=_URL_SAFE).encode())


def _cookies(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, ...]:
    set_by = (value for name, value in headers if name.lower() == b"set-cookie")
    return tuple(value.partition(b"=")[0].strip().decode("latin-1") for value in set_by)


def _call(
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes,
    *,
    deadline: _Deadline,
    body_max: int,
    ca_file: str,
) -> Reply | SourceError:
    """Make one call. The failure is returned, not raised, so that it carries no context that quotes a secret."""
    host = host_of(url)
    try:
        target = _target(url)
        sent = [(b"Accept-Encoding", b"identity")]
        given = {"User-Agent": USER_AGENT} | dict(headers)
        sent += [(name.encode("ascii"), value.encode("ascii")) for name, value in given.items()]
        trust = _trust(ca_file)
    except (ValueError, OSError):
        return Refused(
            "The address, a header or the ca_file is not usable.",
            "It wants http(s)://host/…, without user or odd signs.",
        )
    try:
        with (
            httpcore.ConnectionPool(ssl_context=trust, network_backend=_Network(deadline)) as pool,
            pool.stream(method, target, headers=sent, content=content or None) as answer,
        ):
            body = b""
            for part in answer.iter_stream():
                body += part
                if len(body) > body_max:
                    return Unreadable(f"{host} answered more than {body_max} bytes.")
            pairs = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
            return Reply(answer.status, pairs, body, _cookies(answer.headers))
    except _NoSuchName:
        return Unreachable(f"{host} has no address.", "Is the name right? Does name look-up work here?")
    except httpcore.TimeoutException:
        return Unreachable(f"{host} did not answer in time.", uncertain=deadline.request_left)
    except httpcore.ConnectError as error:
        # A bad certificate is not final: networks that intercept, and late renewals, come and go.
        if isinstance(error.__cause__, ssl.SSLCertVerificationError):
            return Unreachable(f"The certificate of {host} is not valid: {error.__cause__.verify_message}.")
        return Unreachable(f"{host} takes no connection.")
    except httpcore.LocalProtocolError:
        return Refused("The address or a header holds a sign that HTTP does not allow.")
    except httpcore.RemoteProtocolError:
        return Unreachable(f"{host} broke off, or answered no HTTP.", uncertain=deadline.request_left)
    except (httpcore.NetworkError, OSError):
        return Unreachable(f"The connection to {host} broke.", uncertain=deadline.request_left)


def request(
    method: str,
    url: str,
    *,
    timeout: timedelta,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
    body_max: int = BODY_MAX,
    ca_file: str = "",
) -> Reply:
    """Make one call on a connection of its own and return the answer, whatever its status.

    timeout: for the whole call. ca_file: a PEM file with an authority to trust instead of the public ones. Raises
    Unreachable (`uncertain` if a byte of the request had left us), Refused (the address, a header or the certificate
    is bad), Unreadable (the body is too large).
    """
    outcome = _call(
        method, url, headers or {}, content, deadline=_Deadline(timeout), body_max=body_max, ca_file=ca_file
    )
    if isinstance(outcome, SourceError):
        raise outcome
    return outcome


def raise_unless_taken(reply: Reply, *, who: str, now: datetime, because: str = "") -> None:
    """Return for a 2xx; raise what any other status means for a message we wanted taken.

    who: the far end's name, for the sentence. because: what it said, if that is safe to show.
    """
    status, told = reply.status, f": {because}" if because else ""
    if 200 <= status < 300:
        return
    if status == 429 or (status == 503 and "retry-after" in reply.headers):
        raise Throttled(f"{who} asks us to wait ({status}).", retry_at=retry_at(reply, now=now))
    if status >= 500 or status in (408, 425):
        # 502 and 504 come from a machine in between: the one behind it may have taken the message.
        raise Unreachable(f"{who} is in trouble ({status}{told}).", uncertain=status in (502, 504))
    if 300 <= status < 400:
        raise Refused(f"{who} redirects ({status}).", "Redirects are not followed: give the final address.")
    raise Refused(f"{who} refused the message ({status}{told}).")


def retry_at(reply: Reply, *, now: datetime) -> datetime | None:
    """Return when Retry-After allows the next try: seconds or a date (RFC 9110, 10.2.3); None if it says neither."""
    value = reply.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return now + timedelta(seconds=min(int(value[:9]), 7 * 86400))
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return when.replace(tzinfo=when.tzinfo or UTC)


def ping(url: str, timeout: timedelta) -> Reply:
    """Call an address only to be heard or to hear (a dead-man's switch, a reference); the caller judges the status.

    Raises as `request` does.
    """
    return request("GET", url, timeout=timeout)
