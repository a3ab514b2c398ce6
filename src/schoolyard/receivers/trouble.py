"""Trouble that a receiver makes on purpose: for the next so many requests, or until switched off."""

import asyncio
from dataclasses import dataclass

from schoolyard.http import Hang, Request, Reset, Response, answer_text


@dataclass
class Trouble:
    """kind: "" (none) or a word the receiver knows; count: how many requests it spoils, 0 for all."""

    kind: str = ""
    count: int = 0
    retry_after_s: int = 1
    delay_s: float = 5.0

    def take(self) -> str:
        """Return the kind of trouble for this request ("" for none) and count it."""
        kind = self.kind
        if kind and self.count:
            self.count -= 1
            if self.count == 0:
                self.kind = ""
        return kind

    async def spoil(self, kind: str) -> Response | None:
        """Act out the kinds every HTTP receiver knows; None when the request is to be handled after all.

        Raises Hang or Reset, which the server acts out.
        """
        if kind == "hang":
            raise Hang
        if kind == "reset":
            raise Reset
        if kind == "slow":
            await asyncio.sleep(self.delay_s)
            return None
        if kind == "429":
            return answer_text("rate_limited", status=429, headers={"Retry-After": str(self.retry_after_s)})
        if kind.isdigit():
            return answer_text("error", status=int(kind))
        return None


def lose_answer(kind: str) -> None:
    """Raise Reset for "lost_answer": the request was handled, but its sender cannot know."""
    if kind == "lost_answer":
        raise Reset


def describe(request: Request) -> dict[str, object]:
    """Return what a journal keeps of any HTTP request."""
    return {"method": request.method, "path": request.path, "query": dict(request.query)}
