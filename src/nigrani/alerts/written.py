"""What a pass decided, written by the thousand: new alerts, changed alerts, their transitions. Three statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from .batch import records
from .models import Alert
from .state import LOUD, Found, Next


@dataclass(slots=True)
class Fresh:
    """An alert that has no row yet, with what its row will begin with. Lighter than a row: a storm makes thousands."""

    rule_id: int
    labels: Mapping[str, str]
    key: str
    state: str
    since: datetime
    read_at: datetime
    pk: None = None
    pending_since: datetime | None = None
    value: float | None = None
    worst: float | None = None
    known: str = "unknown"
    level: str = ""
    higher: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """What one alert is to become. `before` is the row it was decided on; for an alert without a row, what it will
    begin with.

    worst: the value furthest beyond the level since it began to fire. level, higher: as in the row.
    """

    before: Alert | Fresh
    after: Next
    found: Found
    value: float | None
    worst: float | None
    level: str = ""
    higher: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_move(self) -> bool:
        """Whether the state or the level changes."""
        return bool(self.after.because)

    @property
    def is_told(self) -> bool:
        """Whether somebody may have to hear of it."""
        is_over = self.after.state == "ok" and self.before.state in LOUD
        return self.is_move and (self.after.state == "firing" or is_over)


_COLUMNS = "key, state, since, pending_since, value, worst, known, says, level, higher"
_NEW = """key text, state text, since timestamptz, pending_since timestamptz, value float8, worst float8, known text,
        says text, level text, higher jsonb"""

# Each in the state that it takes at once. One that is there by now was made by another worker, who told its story.
_INSERT = f"""
    INSERT INTO alerts_alert (rule_id, labels, read_at, {_COLUMNS})
    SELECT rule, labels, %s, {_COLUMNS} FROM json_to_recordset(%s) AS new ({_NEW}, rule bigint, labels jsonb)
    ON CONFLICT DO NOTHING RETURNING key, id
"""  # noqa: S608 - our own words

# Every changed alert in one statement, each only if it is still as it was seen. Returns those that were.
_COMPARE_AND_SET = f"""
    UPDATE alerts_alert AS alert
    SET state = new.state, level = new.level, higher = new.higher, since = new.since,
        pending_since = new.pending_since, value = new.value, worst = new.worst, known = new.known, says = new.says,
        read_at = %s
    FROM json_to_recordset(%s) AS new ({_NEW}, seen_state text, seen_since timestamptz, seen_level text)
    WHERE alert.key = new.key AND alert.state = new.seen_state AND alert.since = new.seen_since
        AND alert.level = new.seen_level
    RETURNING alert.key, alert.id
"""  # noqa: S608 - our own words

_TRANSITIONS = """
    INSERT INTO alerts_transition (at, alert_id, old, new, old_level, level, because, value, worst, known, awaits)
    SELECT %s, alert, old, new, old_level, level, because, value, worst, known, awaits
    FROM json_to_recordset(%s) AS each (alert bigint, old text, new text, old_level text, level text,
        because text, value float8, worst float8, known text, awaits bool)
"""


def apply(changes: Iterable[Change], *, now: datetime) -> list[Change]:
    """Write the changes whose alert is still as it was seen, with their transitions. Returns those that moved."""
    changes = list(changes)
    fresh = [each for each in changes if each.before.pk is None]
    known = [each for each in changes if each.before.pk is not None]
    ids: dict[str, int] = {}
    with connection.cursor() as cursor:
        if fresh:
            cursor.execute(_INSERT, [now, records(map(_new, fresh))])
            ids |= dict(cursor.fetchall())
        if known:
            cursor.execute(_COMPARE_AND_SET, [now, records(map(_changed, known))])
            ids |= dict(cursor.fetchall())
        # Who is missing was moved by another worker first, which has told the story.
        moved = [each for each in changes if each.is_move and each.before.key in ids]
        if moved:
            cursor.execute(_TRANSITIONS, [now, records(_transition(each, ids[each.before.key]) for each in moved)])
    return moved


def _new(change: Change) -> dict[str, Any]:
    return {**_row(change), "rule": change.before.rule_id, "labels": change.before.labels}


def _changed(change: Change) -> dict[str, Any]:
    before = change.before
    seen = {"seen_state": before.state, "seen_since": before.since, "seen_level": before.level}
    return {**_row(change), **seen}


def _row(change: Change) -> dict[str, Any]:
    after, found = change.after, change.found
    return {
        "key": change.before.key, "state": after.state, "since": after.since, "pending_since": after.pending_since,
        "value": change.value, "worst": change.worst, "known": found.known, "says": found.says, "level": change.level,
        "higher": change.higher,
    }  # fmt: skip


def _transition(change: Change, alert: int) -> dict[str, Any]:
    before, after = change.before, change.after
    return {
        "alert": alert, "old": before.state, "new": after.state, "old_level": before.level, "level": change.level,
        "because": after.because, "value": change.value, "worst": change.worst, "known": change.found.known,
        "awaits": change.is_told,
    }  # fmt: skip
