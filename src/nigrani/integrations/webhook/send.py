"""Send a notice as JSON to a system of the operator's own, signed so that it can tell that the notice is ours."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec

from nigrani.integrations import Notice, Receipt
from nigrani.lib import clock, http
from nigrani.lib.secret import Secret

from .config import ReceiverConfig

VERSION = 1
_PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")


def send(config: ReceiverConfig, notice: Notice, *, key: str, timeout: timedelta) -> Receipt:
    """Deliver one notice. See SendFace; the receipt's id is what the far end answered as `{"id": …}`, if it did."""
    url, now = config.url.reveal(), clock.now()
    body = msgspec.json.encode(payload(notice, key=key))
    headers = {"Content-Type": "application/json", "Idempotency-Key": quote(key, safe=_PRINTABLE)}
    if config.signing_key is not None:
        headers["X-Nigrani-Signature"] = signature(body, config.signing_key, at=now)
    if config.authorization is not None:
        headers["Authorization"] = config.authorization.reveal()
    reply = http.request("POST", url, timeout=timeout, headers=headers, content=body)
    # The far end's words are not shown: a careless one echoes the request, secrets and all.
    http.raise_unless_taken(reply, who=http.host_of(url), now=now)
    return Receipt(id=_id(reply), answer=str(reply.status))


def payload(notice: Notice, *, key: str) -> dict[str, Any]:
    """Return what is posted; docs.md describes it. New fields may be added; a changed meaning raises `version`."""
    return {
        "version": VERSION,
        "key": key,
        "kind": notice.kind,
        "title": notice.title,
        "lines": notice.lines,
        "facts": [{"label": label, "value": value} for label, value in notice.facts],
        "link": notice.link,
        "urgency": notice.urgency,
        "at": notice.at,
        "repeat": notice.repeat,
    }


def signature(body: bytes, key: Secret, *, at: datetime) -> str:
    """Sign the instant and the body: "t=<Unix seconds>,v1=<hex HMAC-SHA256 over t, a dot and the body>"."""
    t = str(int(at.timestamp()))
    return f"t={t},v1={hmac.new(key.reveal().encode(), t.encode() + b'.' + body, 'sha256').hexdigest()}"


class _Answer(msgspec.Struct):
    id: str | int = ""


def _id(reply: http.Reply) -> str:
    try:
        return str(msgspec.json.decode(reply.body, type=_Answer).id)[:200]
    except msgspec.DecodeError:
        return ""
