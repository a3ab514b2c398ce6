"""A webhook receiver that takes everything: `/hook/<name>` answers 200 `ok` and keeps the raw body."""

from dataclasses import dataclass, field

from schoolyard.http import Request, Response, answer_text
from schoolyard.receivers.journal import Journal
from schoolyard.receivers.trouble import Trouble, describe, lose_answer

KEPT_HEADERS = ("content-type", "user-agent", "authorization", "idempotency-key", "x-request-id")
KEPT_PREFIXES = ("x-", "webhook-")


@dataclass
class Hook:
    journal: Journal
    trouble: Trouble = field(default_factory=Trouble)

    async def answer(self, request: Request) -> Response:
        if not request.path.startswith("/hook/"):
            return answer_text("not found", status=404)
        kind = self.trouble.take()
        self.journal.add(
            name=request.path.removeprefix("/hook/"),
            **describe(request),
            headers={k: v for k, v in request.headers.items() if k in KEPT_HEADERS or k.startswith(KEPT_PREFIXES)},
            body=request.body.decode("utf-8", "replace"),
            accepted=kind in ("", "slow", "lost_answer"),
            trouble=kind or None,
        )
        answer = await self.trouble.spoil(kind) or answer_text("ok")
        lose_answer(kind)
        return answer
