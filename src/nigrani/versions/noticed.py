"""What the loop of this process saw last of what wants a person: every page shows it, and no page asks for it."""

from __future__ import annotations

from datetime import datetime

from .queries import Pending
from .queries import pending as ask

_pending = Pending()


def refresh(*, now: datetime) -> Pending:
    """Look again, and return what there is. One query."""
    global _pending
    _pending = ask(now=now)
    return _pending


def pending() -> Pending:
    """Return what was seen last: seconds ago, where the loop runs."""
    return _pending


def forget() -> None:
    """See nothing until the next look."""
    global _pending
    _pending = Pending()
