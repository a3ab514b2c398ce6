"""From a call that ended to an Answer: which phase took how long, and whether it was what was expected."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import pycurl

from nigrani.integrations import Answer, Gauge
from nigrani.lib.errors import Refused, SourceError, Throttled
from nigrani.lib.units import show_duration, show_size

from .call import Call
from .config import Expect

_TIMES = (
    ("dns", pycurl.NAMELOOKUP_TIME),
    ("connect", pycurl.CONNECT_TIME),
    ("tls", pycurl.APPCONNECT_TIME),
    ("first_byte", pycurl.STARTTRANSFER_TIME),
)
_WHILE = {
    "dns": "looking up the name",
    "connect": "connecting",
    "tls": "agreeing on encryption",
    "first_byte": "waiting for the first byte",
    "body": "reading the answer",
}
_TOO_MANY_REQUESTS = 429
_CERTIFICATE = (pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_INVALIDCERTSTATUS, pycurl.E_SSL_ISSUER_ERROR)
_OURS = (pycurl.E_URL_MALFORMAT, pycurl.E_SSL_CACERT_BADFILE, pycurl.E_SSL_CERTPROBLEM)
_FAILURES: Mapping[int, tuple[str, str]] = {
    pycurl.E_COULDNT_RESOLVE_HOST: ("dns", "Its name is unknown."),
    pycurl.E_COULDNT_CONNECT: ("connect", "There is no way to it."),
    pycurl.E_SSL_CONNECT_ERROR: ("tls", "The encrypted connection failed."),
    pycurl.E_SSL_CIPHER: ("tls", "No encryption suits both sides."),
    pycurl.E_SEND_ERROR: ("reset", "It broke the connection off."),
    pycurl.E_RECV_ERROR: ("reset", "It broke the connection off."),
    pycurl.E_GOT_NOTHING: ("reset", "It closed the connection without a word."),
    pycurl.E_PARTIAL_FILE: ("reset", "It closed the connection in the middle of the body."),
    pycurl.E_BAD_CONTENT_ENCODING: ("protocol", "Its compressed body can't be read."),
    pycurl.E_TOO_MANY_REDIRECTS: ("redirect", "It redirects for ever."),
}


def durations(curl: pycurl.Curl, call: Call) -> dict[str, float]:
    """Return the milliseconds each phase took, those of earlier redirects included; phases not reached are absent.

    curl counts each from the beginning; here each counts from the end of the one before.
    """
    ms, before = dict(call.before_ms), 0.0
    for phase, option in _TIMES:
        at = curl.getinfo(option)
        if at > 0 and (phase != "first_byte" or curl.getinfo(pycurl.RESPONSE_CODE)):
            ms[phase] = ms.get(phase, 0.0) + max(0.0, at - before) * 1000
            before = at
    ms["total"] = ms.get("total", 0.0) + curl.getinfo(pycurl.TOTAL_TIME) * 1000
    return ms


def failed(curl: pycurl.Curl, call: Call, code: int) -> Answer | SourceError:
    """Say why the call has no whole answer. curl's own words are not kept: they quote addresses."""
    if code in _OURS:
        return Refused("The probe can't be made: its address or its ca_file is wrong.", "Mend it in the guide.")
    ms, status, size = durations(curl, call), curl.getinfo(pycurl.RESPONSE_CODE), len(call.body)
    if call.is_too_large:
        most = show_size(call.config.max_body)
        return Answer(False, "size", f"Its body is larger than {most}.", ms, status, size)
    if code == pycurl.E_OPERATION_TIMEDOUT:
        phase = _phase_reached(curl, is_tls=call.url.startswith("https:"))
        within = show_duration(call.job.timeout)
        return Answer(False, "timeout", f"No answer within {within}: {_WHILE[phase]}.", ms, status, size)
    if code == pycurl.E_COULDNT_CONNECT and curl.getinfo(pycurl.OS_ERRNO) == errno.ECONNREFUSED:
        return Answer(False, "refused", "Its port is closed.", ms, status, size)
    if code in _CERTIFICATE:
        return Answer(False, "tls", f"Its certificate is not valid: {_certificate(curl)}.", ms, status, size)
    word, detail = _FAILURES.get(code, ("protocol", "What it sent is no HTTP."))
    return Answer(False, word, detail, ms, status, size)


def ended(curl: pycurl.Curl, call: Call, *, redirected: str, now: datetime) -> Answer | SourceError:
    """Compare a whole answer with what was expected. `redirected` says where it sent us instead, if it did."""
    ms, status = durations(curl, call), curl.getinfo(pycurl.RESPONSE_CODE)
    gauges = tuple(_gauges(curl, call, now=now))
    expect, body = call.config.expect, bytes(call.body)

    def answer(failure: str = "", detail: str = "") -> Answer:
        return Answer(not failure, failure, detail, ms, status, len(body), gauges)

    if status not in expect.status:
        if redirected:
            return answer("redirect", redirected)
        if status == _TOO_MANY_REQUESTS:
            return Throttled(
                "It says that we ask too often (429).",
                "Probe less often, or let the probe's address past its rate limit.",
                retry_at=_retry_at(call.retry_after, now=now),
            )
        wanted = " or ".join(map(str, expect.status))
        return answer("status", f"Status {status} instead of {wanted}.")
    if expect.body and expect.body.encode() not in body:
        return answer("body", "The expected text does not stand in its body.")
    if expect.body_not and expect.body_not.encode() in body:
        return answer("body", "Its body holds a text that must not be there.")
    wrong = wrong_json(body, expect)
    return answer("json", wrong) if wrong else answer()


def wrong_json(body: bytes, expect: Expect) -> str:
    """Say what in a JSON body is not as expected, or "". Values of the body are not quoted."""
    if not expect.json:
        return ""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return "Its body is no JSON."
    for path, wanted in expect.json.items():
        try:
            found = _at(document, path)
        except LookupError:
            return f"Its JSON has no {path}."
        if not any(_is_same(found, each) for each in (wanted if isinstance(wanted, (list, tuple)) else (wanted,))):
            return f"Its JSON has another {path} than expected."
    return ""


def _at(document: Any, path: str) -> Any:
    for part in path.split(".") if path else ():
        document = document[int(part)] if isinstance(document, list) and part.isdigit() else _field(document, part)
    return document


def _field(document: Any, name: str) -> Any:
    if not isinstance(document, dict):
        raise KeyError(name)
    return document[name]


def _is_same(found: Any, wanted: Any) -> bool:
    return isinstance(found, bool) == isinstance(wanted, bool) and bool(found == wanted)


def _phase_reached(curl: pycurl.Curl, *, is_tls: bool) -> str:
    for phase, option in _TIMES[:-1]:
        if curl.getinfo(option) <= 0 and (phase != "tls" or is_tls):
            return phase
    return "body" if curl.getinfo(pycurl.RESPONSE_CODE) else "first_byte"


def _gauges(curl: pycurl.Curl, call: Call, *, now: datetime) -> Iterator[Gauge]:
    if call.config.certificate and call.url.startswith("https:"):
        for name, value in (curl.getinfo(pycurl.INFO_CERTINFO) or [[]])[0]:
            if name == "Expire date":
                until = expiry(value)
                if until is not None:
                    yield Gauge("web.certificate.days_left", (until - now) / timedelta(days=1))


def expiry(text: str) -> datetime | None:
    """Read a certificate's last moment as OpenSSL writes it, in any locale: 'Nov 23 07:08:25 2027 GMT'."""
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    try:
        month, day, time, year, _ = text.split()
        hour, minute, second = map(int, time.split(":"))
        return datetime(int(year), months.index(month) + 1, int(day), hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def _certificate(curl: pycurl.Curl) -> str:
    said = curl.errstr().lower()
    for mark, words in (
        ("expired", "it has expired"),
        ("not yet valid", "it is not valid yet"),
        ("self-signed", "no known authority signed it"),
        ("self signed", "no known authority signed it"),
        ("local issuer", "no known authority signed it"),
        ("subject", "it is for another name"),
        ("no alternative", "it is for another name"),
    ):
        if mark in said:
            return words
    return "it can't be verified"


def _retry_at(text: str, *, now: datetime) -> datetime | None:
    if text.isdigit():
        return now + timedelta(seconds=min(int(text), 86400))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
