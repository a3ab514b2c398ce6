"""Send a notice to Slack: one message of a header, the body, the facts and a link."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from nigrani.integrations import REPEAT_NOTE, Notice, Receipt
from nigrani.lib import clock, http
from nigrani.lib.errors import Refused, SourceError, Throttled, Unreachable, Unreadable

from .config import ReceiverConfig

HEADER_MAX, SECTION_MAX, LINE_MAX = 150, 3000, 1000  # the last one is ours
_WORD = re.compile(r"[a-z_]{1,60}\Z")  # Slack's error words; anything else is not repeated to people
_WAIT = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_TROUBLE = frozenset({"internal_error", "service_unavailable", "team_added_to_org", "request_timeout"})
_FINAL = """
access_denied account_inactive as_user_not_supported blocked_from_posting channel_is_archived channel_not_found
ekm_access_denied enterprise_is_restricted invalid_arguments invalid_auth invalid_blocks invalid_blocks_format
invalid_metadata_format is_archived metadata_must_be_sent_from_app missing_scope msg_blocks_too_long msg_too_long
no_permission no_text not_allowed_token_type not_authed not_in_channel org_login_required restricted_action
team_access_not_granted token_expired token_revoked too_many_attachments two_factor_setup_required
"""
_REFUSALS = frozenset(_FINAL.split())
_HINTS = {
    "not_in_channel": "Invite the bot into the channel.",
    "channel_not_found": "Give the channel's id, and invite the bot into it.",
    "is_archived": "Unarchive the channel, or choose another.",
    "invalid_auth": "Put a valid bot token in place.",
    "token_revoked": "Put a valid bot token in place.",
    "missing_scope": "Give the app the right chat:write.",
}
_JSON = {"Content-Type": "application/json; charset=utf-8"}
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def send(config: ReceiverConfig, notice: Notice, *, key: str, timeout: timedelta) -> Receipt:
    """Deliver one notice. See SendFace; with a webhook Slack tells no message id."""
    if config.webhook_url is not None:
        return _by_webhook(config.webhook_url.reveal(), notice, timeout)
    return _as_bot(config, notice, key, timeout)


def _by_webhook(url: str, notice: Notice, timeout: timedelta) -> Receipt:
    reply = http.request("POST", url, timeout=timeout, headers=_JSON, content=msgspec.json.encode(message(notice)))
    said = reply.text.strip()
    http.raise_unless_taken(reply, who="Slack", now=clock.now(), because=said if _WORD.match(said) else "")
    if said != "ok":
        raise Unreadable("Slack answered 200, but not with its ok.", "Is something between us and Slack answering?")
    return Receipt(answer="ok")


def _as_bot(config: ReceiverConfig, notice: Notice, key: str, timeout: timedelta) -> Receipt:
    assert config.bot_token is not None  # ReceiverConfig.check
    body = message(notice) | {
        "channel": config.channel,
        "parse": "none",
        "link_names": False,
        # Slack knows no idempotency key; this lets a person or a later search tell two copies of one message.
        "metadata": {"event_type": "nigrani_notice", "event_payload": {"key": key}},
    }
    reply = http.request(
        "POST",
        f"{config.api_url.rstrip('/')}/chat.postMessage",
        timeout=timeout,
        headers=_JSON | {"Authorization": f"Bearer {config.bot_token.reveal()}"},
        content=msgspec.json.encode(body),
    )
    http.raise_unless_taken(reply, who="Slack", now=clock.now())
    return _receipt(reply)


class _Answer(msgspec.Struct):
    ok: bool
    error: str = ""
    channel: str = ""
    ts: str = ""


def _receipt(reply: http.Reply) -> Receipt:
    """Read what chat.postMessage says: it answers 200 whether or not it took the message."""
    try:
        answer = msgspec.json.decode(reply.body, type=_Answer)
    except msgspec.DecodeError:
        answer = None
    if answer is None:
        raise Unreadable("Slack answered 200 without its JSON.", "Is something between us and Slack answering?")
    if not answer.ok:
        raise _failure(answer.error, reply)
    return Receipt(id=f"{answer.channel}/{answer.ts}", answer="ok")


def _failure(word: str, reply: http.Reply) -> SourceError:
    if word in _WAIT:
        return Throttled("Slack asks us to wait.", retry_at=http.retry_at(reply, now=clock.now()))
    if word in _TROUBLE:
        return Unreachable(f"Slack is in trouble: {word}.")
    if word == "fatal_error":  # "some aspect of the operation may have succeeded"
        return Unreachable("Slack failed half-way: fatal_error.", uncertain=True)
    if word in _REFUSALS:
        return Refused(f"Slack refused the message: {word}.", _HINTS.get(word, ""))
    return Unreadable(f"Slack refused with {word if _WORD.match(word) else 'a word'} that we do not know.")


def message(notice: Notice) -> dict[str, Any]:
    """Lay the notice out in blocks. What others wrote is escaped, so that it can neither mention nor link."""
    headline = flat(notice.headline)
    title = {"type": "plain_text", "text": cut(headline, HEADER_MAX), "emoji": False}
    facts = [*([("Urgency", notice.urgency)] if notice.urgency else []), *notice.facts]
    sections = [
        pack(escape(line) for line in notice.lines),
        pack(f"*{escape(flat(label))}:* {escape(flat(value))}" for label, value in facts),
        f"<{escape(notice.link).replace('|', '%7C')}|Open in Nigrani>" if notice.link else "",
        f"_{REPEAT_NOTE}_" if notice.repeat else "",
    ]
    return {
        "text": escape(" — ".join([headline, *map(flat, notice.lines[:1])]), SECTION_MAX),
        # verbatim: Slack makes no links, mentions or channel names out of plain words.
        "blocks": [
            {"type": "header", "text": title},
            *(
                {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
                for text in sections
                if text
            ),
        ],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def flat(text: str) -> str:
    """Return the text on one line."""
    return " ".join(text.split())


def escape(text: str, limit: int = LINE_MAX) -> str:
    """Replace the three signs that mean something to Slack, and cut the outcome, never inside a replacement."""
    return cut([_ESCAPES.get(sign, sign) for sign in text], limit)


def cut(signs: Sequence[str], limit: int) -> str:
    """Join the signs, or as many as fit with a … behind them. Counts UTF-16 units, the larger of the usual counts."""
    whole = "".join(signs)
    if _length(whole) <= limit:
        return whole
    kept, room = "", limit - 1
    for sign in signs:
        room -= _length(sign)
        if room < 0:
            break
        kept += sign
    return f"{kept}…"


def pack(lines: Iterable[str]) -> str:
    """Join as many whole lines as one section holds; a … says that some are left out."""
    packed = ""
    for line in lines:
        longer = f"{packed}\n{line}" if packed else line
        if _length(longer) > SECTION_MAX - 2:
            return f"{packed}\n…"
        packed = longer
    return packed


def _length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
