"""An alert's levels as they are kept in its row, and back again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from nigrani.guide.model import URGENCIES
from nigrani.guide.model import Alert as Declared

from .ladder import Climbed
from .models import Alert
from .state import LOUD, Seen, State
from .written import Fresh


def seen(declared: Declared, row: Alert | Fresh, *, at: datetime | None) -> tuple[Seen, ...]:
    """Return where each level of the rule stands by its alert's row, the mildest first. at: of the pass before.

    A level that the guide got since then stands where the row's present level puts it.
    """
    state: State = row.state  # type: ignore[assignment]  # one of its choices
    first = Seen(state, row.since, row.pending_since, at)
    return (first, *(_seen(row, each.urgency, at) for each in declared.higher))


def level(declared: Declared, height: int) -> str:
    """Return the urgency of the level that is `height` levels high; "" for none."""
    return declared.levels[height - 1].urgency if height else ""


def kept(declared: Declared, climbed: Climbed) -> dict[str, list[str | None]]:
    """Return what the row keeps of the levels above the mildest: those that are not ok."""
    return {
        each.urgency: [after.state, after.pending_since.isoformat() if after.pending_since else None]
        for each, after in zip(declared.higher, climbed.levels[1:], strict=True)
        if after.state != "ok"
    }


def _seen(row: Alert | Fresh, urgency: str, at: datetime | None) -> Seen:
    stored: Any = row.higher.get(urgency)
    if stored is not None:
        return Seen(stored[0], row.since, datetime.fromisoformat(stored[1]) if stored[1] else None, at)
    is_reached = row.state in LOUD and row.level in URGENCIES and _rank(row.level) >= _rank(urgency)
    return Seen("firing" if is_reached else "ok", row.since, None, at)


def _rank(urgency: str) -> int:
    return -[*URGENCIES].index(urgency)  # type: ignore[arg-type]  # asked for its own names only
