"""Slack as far as alerts meet it: an incoming webhook, chat.postMessage and chat.update.

The webhook answers text (`ok`, or a word with 4xx); the Web API answers HTTP 200 with `ok` false, but for 429.
Limits as in Slack's API docs and slack_sdk's models: see `blocks`. About one message a second for each channel, with
short bursts.
"""

import asyncio
import random
import re
from dataclasses import dataclass, field
from typing import Any

from schoolyard import clock
from schoolyard.http import Request, Response, answer_json, answer_text
from schoolyard.receivers import blocks
from schoolyard.receivers.journal import Journal
from schoolyard.receivers.trouble import Trouble, lose_answer

BURST = 20
TS = re.compile(r"^\d{10}\.\d{6}$")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
WEBHOOK_GONE = {
    "archived": (410, "channel_is_archived"),
    "channel_gone": (404, "channel_not_found"),
    "prohibited": (403, "action_prohibited"),
}
API_GONE = {"archived": "is_archived", "channel_gone": "channel_not_found", "prohibited": "restricted_action"}


@dataclass
class Channel:
    id: str
    name: str
    is_member: bool = True
    is_archived: bool = False
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    allowance: float = BURST
    allowed_at: float = 0.0

    def is_flooded(self, now: float) -> bool:
        """Take one message from the allowance (one a second, at most BURST); tell whether there was none."""
        self.allowance = min(BURST, self.allowance + now - self.allowed_at)
        self.allowed_at = now
        if self.allowance < 1:
            return True
        self.allowance -= 1
        return False


class Slack:
    """A workspace with a bot: member of #alerts, #incidents and #leads, not of #random; #old-alerts is archived."""

    def __init__(self, journal: Journal, rng: random.Random) -> None:
        self.journal = journal
        self.trouble = Trouble()
        self.token = f"xoxb-{rng.randrange(10**11):011d}-{_word(rng, 24)}"
        self.hook_path = f"/services/T{_word(rng, 10)}/B{_word(rng, 10)}/{_word(rng, 24)}"
        self.channels = [
            Channel(f"C{_word(rng, 10)}", name, is_member=name != "random", is_archived=name == "old-alerts")
            for name in ("alerts", "incidents", "leads", "random", "old-alerts")
        ]
        self._last_ts = 0

    async def answer(self, request: Request) -> Response:
        if request.path.startswith("/services/"):
            return await self._webhook(request)
        if request.path in ("/api/chat.postMessage", "/api/chat.update", "/api/auth.test"):
            return await self._api(request)
        return answer_json({"ok": False, "error": "unknown_method", "req_method": request.path.rsplit("/", 1)[-1]})

    async def _webhook(self, request: Request) -> Response:
        kind = self._take_trouble("webhook", request)
        spoilt = await self.trouble.spoil(kind)
        if spoilt is None:
            status, word, payload = self._judge_webhook(request, kind)
        else:
            word = "rate_limited" if kind == "429" else "rollup_error"
            status, payload = spoilt.status, _safe_payload(request)
        self._keep("webhook", payload, answer=word, status=status, channel="alerts" if status == 200 else None)
        lose_answer(kind)
        headers = dict(spoilt.headers) if spoilt is not None and kind == "429" else {}
        headers.pop("content-type", None)
        return answer_text(word, status=status, headers=headers)

    def _judge_webhook(self, request: Request, kind: str) -> tuple[int, str, Any]:
        """Return status, answering word and payload of a webhook call."""
        if request.path != self.hook_path:
            is_ours = request.path.rsplit("/", 1)[0] == self.hook_path.rsplit("/", 1)[0]
            return (403, "invalid_token", None) if is_ours else (404, "no_service", None)
        if request.method != "POST":
            return 405, "method_not_allowed", None
        try:
            payload = _payload(request)
        except ValueError:
            return 400, "invalid_payload", None
        if kind in WEBHOOK_GONE:
            return *WEBHOOK_GONE[kind], payload
        error = blocks.fault(payload)
        if error:
            return 400, error, payload
        channel = self.channels[0]
        if channel.is_flooded(asyncio.get_running_loop().time()):
            return 429, "rate_limited", payload
        channel.messages[self._new_ts()] = payload
        return 200, "ok", payload

    async def _api(self, request: Request) -> Response:
        method = request.path.rsplit("/", 1)[-1]
        kind = self._take_trouble(method, request)
        spoilt = await self.trouble.spoil(kind)
        if spoilt is not None:
            word = "ratelimited" if spoilt.status == 429 else "internal_error"
            self._keep(method, _safe_payload(request), answer=word, status=spoilt.status)
            retry = {"Retry-After": str(self.trouble.retry_after_s)} if spoilt.status == 429 else {}
            return answer_json({"ok": False, "error": word}, status=spoilt.status, headers=retry)
        payload = _safe_payload(request)
        result = self._judge_api(request, method, kind, payload)
        status = 429 if result.get("error") == "ratelimited" else 200
        kept = {key: result[key] for key in ("ts", "channel") if key in result}
        self._keep(method, payload, answer=result.get("error", "ok"), status=status, **kept)
        lose_answer(kind)
        return answer_json(result, status=status, headers={"Retry-After": "1"} if status == 429 else {})

    def _judge_api(self, request: Request, method: str, kind: str, payload: Any) -> dict[str, Any]:
        """Return the document that Slack answers with."""
        authorization = request.headers.get("authorization", "")
        if not authorization.startswith("Bearer "):
            return _no("not_authed")
        if authorization != f"Bearer {self.token}":
            return _no("invalid_auth")
        if kind == "token_revoked":
            return _no("token_revoked")
        if method == "auth.test":
            return {"ok": True, "team": "Schoolyard", "user": "oncall-bot", "user_id": "U0BOT", "bot_id": "B0BOT"}
        if not isinstance(payload, dict):
            return _no("invalid_json")
        channel = self._channel(payload.get("channel"), by_name=method == "chat.postMessage")
        if channel is None:
            return _no("channel_not_found")
        if kind in API_GONE or channel.is_archived:
            return _no(API_GONE.get(kind, "is_archived"))
        if not channel.is_member:
            return _no("not_in_channel")
        error = blocks.fault(payload, api=True)
        if error:
            return _no(error)
        if channel.is_flooded(asyncio.get_running_loop().time()):
            return _no("ratelimited")
        return self._post(channel, payload) if method == "chat.postMessage" else self._update(channel, payload)

    def _post(self, channel: Channel, payload: dict[str, Any]) -> dict[str, Any]:
        thread = payload.get("thread_ts")
        if thread is not None:
            if not isinstance(thread, str) or not TS.match(thread):
                return _no("invalid_thread_ts")
            if thread not in channel.messages:
                return _no("thread_not_found")
        ts = self._new_ts()
        channel.messages[ts] = payload
        return {"ok": True, "channel": channel.id, "ts": ts, "message": {**payload, "ts": ts, "type": "message"}}

    def _update(self, channel: Channel, payload: dict[str, Any]) -> dict[str, Any]:
        ts = payload.get("ts")
        if not isinstance(ts, str) or ts not in channel.messages:
            return _no("message_not_found")
        channel.messages[ts] = {**channel.messages[ts], **payload}
        return {"ok": True, "channel": channel.id, "ts": ts, "text": payload.get("text", "")}

    def _channel(self, given: object, *, by_name: bool) -> Channel | None:
        for channel in self.channels:
            if given == channel.id or (by_name and given in (channel.name, f"#{channel.name}")):
                return channel
        return None

    def _new_ts(self) -> str:
        """Return a message id: seconds and microseconds as text, never the same twice."""
        self._last_ts = max(self._last_ts + 1, int(clock.now().timestamp() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def _take_trouble(self, method: str, request: Request) -> str:
        """Return the trouble for this request; one that leaves it without an answer is journalled here."""
        kind = self.trouble.take()
        if kind in ("hang", "reset"):
            self._keep(method, _safe_payload(request), answer=None, status=None, trouble=kind)
        return kind

    def _keep(self, method: str, payload: Any, **result: object) -> None:
        text = payload.get("text") if isinstance(payload, dict) else None
        self.journal.add(method=method, accepted=result.get("answer") == "ok", text=text, payload=payload, **result)


def _payload(request: Request) -> Any:
    """Return the JSON of a request: its body, or the field `payload` of a form. Raises ValueError."""
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        form = request.form()
        return Request.json(_with_body(request, form.get("payload", ""))) if "payload" in form else dict(form)
    return request.json()


def _with_body(request: Request, text: str) -> Request:
    return Request(
        request.method, request.target, request.path, request.query, request.headers, text.encode(), request.peer
    )


def _safe_payload(request: Request) -> Any:
    try:
        return _payload(request)
    except ValueError:
        return None


def _no(error: str) -> dict[str, Any]:
    return {"ok": False, "error": error}


def _word(rng: random.Random, length: int) -> str:
    return "".join(rng.choices(ALPHABET, k=length))
