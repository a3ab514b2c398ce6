"""A dead-man receiver in the shape of healthchecks.io: it is told "alive" and notices by itself when that stops.

Answers as the service gives them (healthchecks.io docs, Pinging API): 200 `OK`, 404 `not found`, 400
`invalid url format` for an exit status above 255; bodies are kept to 10 kB; `start` without a success inside the
grace time is down too.
"""

import asyncio
import re
import uuid
from dataclasses import dataclass, field

from schoolyard import clock
from schoolyard.http import Request, Response, answer_text
from schoolyard.receivers.journal import Journal
from schoolyard.receivers.trouble import Trouble, lose_answer

BODY_LIMIT = 10_000
HEADERS = {"Access-Control-Allow-Origin": "*", "Ping-Body-Limit": str(BODY_LIMIT)}
PATH = re.compile(r"^/(?:ping/)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/([a-z]+|[0-9]+))?$")


@dataclass
class Deadman:
    """One check. state: new (never pinged: does not go down), up, down; period and grace in seconds."""

    journal: Journal
    uuid: uuid.UUID
    period_s: float = 60.0
    grace_s: float = 60.0
    state: str = "new"
    last_ping_at: str | None = None
    trouble: Trouble = field(default_factory=Trouble)
    _pinged: float | None = None
    _started: float | None = None
    _timer: asyncio.TimerHandle | None = None

    def schedule(self, *, period_s: float, grace_s: float) -> None:
        """Change period and grace; the present deadline moves with them."""
        self.period_s, self.grace_s = period_s, grace_s
        self._arm()

    def show(self) -> dict[str, object]:
        return {
            "uuid": str(self.uuid),
            "state": self.state,
            "period_s": self.period_s,
            "grace_s": self.grace_s,
            "last_ping_at": self.last_ping_at,
        }

    async def answer(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD", "POST"):
            return answer_text("method not allowed", status=405)
        match = PATH.match(request.path)
        if match is None or match[1] != str(self.uuid):
            return answer_text("not found", status=404, headers=HEADERS)
        action = match[2] or "success"
        if action.isdigit() and int(action) > 255:
            return answer_text("invalid url format", status=400, headers=HEADERS)
        if not action.isdigit() and action not in ("success", "start", "fail", "log"):
            return answer_text("not found", status=404, headers=HEADERS)
        if not _is_uuid(request.query.get("rid")):
            return answer_text("invalid uuid format", status=400, headers=HEADERS)
        kind = self.trouble.take()
        spoilt = await self.trouble.spoil(kind)
        if spoilt is not None:
            return spoilt
        self._take(_word(action), request.body[:BODY_LIMIT].decode("utf-8", "replace"))
        lose_answer(kind)
        return answer_text("OK", headers=HEADERS)

    def _take(self, action: str, body: str) -> None:
        self.journal.add(event="ping", action=action, body=body)
        if action == "log":
            return
        self.last_ping_at = clock.stamp()
        now = asyncio.get_running_loop().time()
        if action == "start":
            self._started = now
        else:
            self._pinged, self._started = now, None
            self._become("up" if action == "success" else "down")
        self._arm()

    def _arm(self) -> None:
        """Set the timer to the moment after which silence means down."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        deadlines = []
        if self._pinged is not None and self.state == "up":
            deadlines.append(self._pinged + self.period_s + self.grace_s)
        if self._started is not None:
            deadlines.append(self._started + self.grace_s)
        if deadlines:
            self._timer = asyncio.get_running_loop().call_at(min(deadlines), self._expire)

    def _expire(self) -> None:
        self._timer, self._started = None, None
        self._become("down")

    def _become(self, state: str) -> None:
        """Change state; going down and coming back are journalled, the first `up` as well."""
        if state != self.state:
            self.state = state
            self.journal.add(event="status", status=state)


def _word(action: str) -> str:
    if action.isdigit():
        return "success" if int(action) == 0 else "fail"
    return action


def _is_uuid(text: str | None) -> bool:
    try:
        uuid.UUID(text or "00000000-0000-0000-0000-000000000000")
    except ValueError:
        return False
    return True
