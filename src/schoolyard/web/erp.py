"""What the routes of the website share: the database, the secrets, the mode, the log."""

import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Literal

from schoolyard import clock
from schoolyard.pool import Pool, PrismaError
from schoolyard.rows import make_id
from schoolyard.web.sessions import Sessions

Mode = Literal["real", "repaired"]
KEPT = 20_000  # entries of the log that can be read back by the control port


class Lines:
    """The ERP's stdout: plain console lines in a file, and echoed when asked."""

    def __init__(self, path: Path, *, echo: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", buffering=1, encoding="utf-8")
        self._echo = echo
        self._entries: deque[dict[str, object]] = deque(maxlen=KEPT)
        self._said = 0

    def say(self, line: str) -> None:
        """Say one thing, which may be several lines: a stack trace is one entry."""
        self._said += 1
        self._entries.append({"n": self._said, "at": clock.stamp(), "text": line})
        self._file.write(line + "\n")
        if self._echo:
            print(line, flush=True)

    def entries(self, *, after: int, limit: int) -> list[dict[str, object]]:
        """Return what was said after the entry `after`, oldest first, at most `limit`; the oldest are forgotten."""
        return list(islice((each for each in self._entries if int(str(each["n"])) > after), limit))

    def prisma(self, call: str, error: PrismaError) -> None:
        """Write a database failure as Prisma's client logs it: several lines, the code near the end."""
        self.say(f"prisma:error \nInvalid `prisma.{call}()` invocation:\n\n\n{error}")
        self.say(f"PrismaClientKnownRequestError: {error}\n  code: '{error.code}',\n  clientVersion: '5.22.0'")

    def close(self) -> None:
        self._file.close()


@dataclass
class Erp:
    """mode: `real` is the ERP as observed, `repaired` what its guide asks of it. plants: what is amiss now."""

    pool: Pool
    mode: Mode
    lines: Lines
    sessions: Sessions
    origin: Callable[[], str]
    rng: random.Random
    started_at: float = field(default_factory=lambda: clock.now().timestamp())
    health_route_flipped: bool = False
    audit_fails: bool = False
    ahead: timedelta = timedelta()
    plants: frozenset[str] = frozenset()
    answered: Counter[str] = field(default_factory=Counter)

    @property
    def has_health_route(self) -> bool:
        """The real ERP has no /api/health and no /api/status: only its public list names them."""
        return ("no-health-route" not in self.plants) != self.health_route_flipped

    def new_id(self) -> str:
        return make_id(self.rng)
