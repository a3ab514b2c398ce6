"""What can go wrong, sorted by what the person or the loop above should do next.

NigraniError             something a person can mend; carries a hint
├── GuideError           the guide has mistakes; carries every one of them
├── Conflict             someone else changed it first, or another instance holds it
└── SourceError          something outside failed, in four kinds with one consequence each
    ├── Unreachable      no answer in time: try again, the reading is unknown
    ├── Refused          our credentials or our request were rejected: stop, ask the owner
    ├── Throttled        too many requests: wait until .retry_at
    └── Unreadable       an answer we do not understand: keep it, tell the developers
"""

from __future__ import annotations

from datetime import datetime


class NigraniError(Exception):
    """A failure told in one sentence, with a hint that says what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip() if self.hint else self.message


class GuideError(NigraniError):
    """The guide has mistakes. `problems` holds one line for each: file:line:column: what, nearest name."""

    def __init__(self, problems: list[str]) -> None:
        count = len(problems)
        super().__init__(f"The guide has {count} mistake{'s' if count != 1 else ''}.", "\n".join(problems))
        self.problems = problems


class Conflict(NigraniError):
    """Somebody else holds or changed the thing first; nothing was done."""


class SourceError(NigraniError):
    """Something outside did not do what we asked. Raised as one of the four kinds below."""


class Unreachable(SourceError):
    """No answer in time.

    uncertain: True when the request had left us, so that it may have taken effect.
    """

    def __init__(self, message: str, hint: str = "", *, uncertain: bool = False) -> None:
        super().__init__(message, hint)
        self.uncertain = uncertain


class Refused(SourceError):
    """Our credentials or our request were rejected; trying again unchanged is useless."""


class Throttled(SourceError):
    """Too many requests. `retry_at` is when to try again (aware UTC), or None when not told."""

    def __init__(self, message: str, hint: str = "", *, retry_at: datetime | None = None) -> None:
        super().__init__(message, hint)
        self.retry_at = retry_at


class Unreadable(SourceError):
    """An answer we do not understand."""
