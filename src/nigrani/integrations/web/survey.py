"""Ask a site one thing once, and say whether the answer shows a finding. No redirect is followed.

What matches `found` is found, even if it matches `fine` as well: `fine` may be the wider one.
"""

from __future__ import annotations

import msgspec

from nigrani import __version__
from nigrani.integrations import Question, Seen
from nigrani.lib import http
from nigrani.lib.errors import Refused, Throttled
from nigrani.lib.http import Reply
from nigrani.lib.scrub import scrub

from .call import place
from .config import Expect, Match, QuestionConfig, SourceConfig
from .verdict import wrong_json

USER_AGENT = f"Nigrani/{__version__} (+survey)"
_BODY_MAX = 512 * 1024
_EXCERPT = 80
_TOO_MANY_REQUESTS = 429


def survey(question: Question) -> Seen:
    """Make the call. Raises Unreachable, Throttled (429), Refused, Unreadable (the body is too large)."""
    config: QuestionConfig = question.config
    source: SourceConfig = question.source_config
    headers = {**source.headers, **config.headers, "User-Agent": USER_AGENT}
    for name, secret in (*source.secret_headers.items(), *config.secret_headers.items()):
        headers[name] = secret.reveal()
    content = b""
    if config.json is not None:
        headers.setdefault("Content-Type", "application/json")
        content = msgspec.json.encode(config.json)
    if any(mark in name + value for name, value in headers.items() for mark in "\r\n\0"):
        raise Refused("A header holds a line break.", "Mend it in the guide.")
    reply = http.request(
        config.method,
        source.base.rstrip("/") + config.path,
        timeout=question.timeout,
        headers=headers,
        content=content,
        body_max=_BODY_MAX,
        ca_file=source.ca_file,
    )
    if reply.status == _TOO_MANY_REQUESTS and _TOO_MANY_REQUESTS not in (*config.found.status, *config.fine.status):
        raise Throttled("It says that we ask too often (429).", "Survey again in a quarter of an hour.")
    is_found, is_fine = _matches(reply, config.found), _matches(reply, config.fine)
    body = f" with {content.decode()}" if content else ""
    return Seen(
        found=True if is_found else False if is_fine else None,
        asked=f"{config.method} {config.path or '/'}{body}",
        came=_told(reply),
    )


def _matches(reply: Reply, wanted: Match) -> bool:
    text = reply.body
    return (
        (not wanted.status or reply.status in wanted.status)
        and (not wanted.body or wanted.body.encode() in text)
        and (not wanted.body_not or wanted.body_not.encode() not in text)
        and not wrong_json(text, Expect(json=wanted.json))
        and all(name.lower() in reply.headers for name in wanted.has_header)
        and not any(name.lower() in reply.headers for name in wanted.no_header)
        and (not wanted.sets_cookie or wanted.sets_cookie in reply.cookies)
        and (not wanted.no_cookie or wanted.no_cookie not in reply.cookies)
    )


def _told(reply: Reply) -> str:
    parts = [str(reply.status)]
    if location := reply.headers.get("location"):
        parts.append(f"to {scrub(place(location), limit=_EXCERPT)}")
    if kind := reply.headers.get("content-type"):
        parts.append(scrub(kind, limit=40))
    if reply.cookies:
        parts.append("sets " + scrub(", ".join(reply.cookies), limit=_EXCERPT))
    if reply.body:
        parts.append(f"begins “{scrub(reply.body[:2000].decode(errors='replace'), limit=_EXCERPT)}”")
    return "; ".join(parts)
