"""The rows of dispatch, by the thousand: changes that wait to be told, decisions, and what is held back.

A storm is ten thousand alerts in one pass, so nothing here makes an object of Django's for each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from django.db import connection

from nigrani.guide.model import URGENCIES

LOST = ("failed", "given_up")  # states of a message that nobody will ever have
_LOCK = 0x6E676469  # one dispatch at a time: PostgreSQL's advisory lock


class Change(NamedTuple):
    """A change of an alert that somebody may have to hear of."""

    id: int
    alert: int
    key: str
    labels: Mapping[str, str]
    rule: str
    rule_id: int
    phase: str
    is_gone: bool
    old: str
    new: str
    at: datetime
    because: str
    value: float | None
    worst: float | None
    level: str
    old_level: str
    flapping_since: datetime | None

    @property
    def is_worse(self) -> bool:
        """Whether it fired before, and rose to a worse level."""
        if not self.old_level or not self.level or self.new != "firing":
            return False
        return URGENCIES.index(self.level) < URGENCIES.index(self.old_level)


class Held(NamedTuple):
    """A decision that was put off: its fate's row, and the change it is about."""

    fate: int
    receiver: str
    turn: int
    muted_by: str
    change: Change


class Backlog(NamedTuple):
    """How many decisions wait for one thing, for one rule and receiver, and since when the first of them does."""

    muted_by: str
    rule: str
    rule_id: int
    receiver: str
    alerts: int
    since: datetime


class Decided(msgspec.Struct, frozen=True):
    """What becomes of telling one receiver of one change. waits: decided anew when what holds it back is over."""

    transition: int
    receiver: str
    kind: str
    turn: int
    fate: str
    because: str
    muted_by: str = ""
    waits: bool = False
    message: int | None = None


_CHANGE = """
    t.id, t.alert_id, a.key, a.labels, r.name, r.id, r.phase, r.gone_at IS NOT NULL, t.old, t.new, t.at, t.because,
    t.value, t.worst, t.level, t.old_level, a.flapping_since
"""
_JOINED = "JOIN alerts_alert a ON a.id = t.alert_id JOIN alerts_rule r ON r.id = a.rule_id"


def lock() -> None:
    """Let nobody else decide until this transaction is over.

    Its queries begin with the few rows that wait, in the order in which they are written: in a storm the tables have
    grown since their statistics were taken, and a planner that expects one row goes through all for each.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute("SET LOCAL join_collapse_limit = 1")


def waiting(limit: int) -> list[Change]:
    """Return the changes that wait to be told, oldest first."""
    sql = f"SELECT {_CHANGE} FROM alerts_transition t {_JOINED} WHERE t.awaits ORDER BY t.id LIMIT %s"  # noqa: S608
    return [_change(row) for row in _rows(sql, [limit])]


def latest(alerts: Collection[int]) -> list[Change]:
    """Return the last change of each alert between firing and over."""
    sql = f"""SELECT DISTINCT ON (t.alert_id) {_CHANGE} FROM alerts_transition t {_JOINED}
        WHERE t.alert_id = ANY(%s) AND {CHANGES} ORDER BY t.alert_id, t.id DESC"""  # noqa: S608 - our own words
    return [_change(row) for row in _rows(sql, [list(alerts)])]


# A change between firing and over; one that comes back while it recovers never stopped.
CHANGES = (
    "(t.new = 'firing' AND t.old NOT IN ('firing', 'recovering') OR t.new = 'ok' AND t.old IN ('firing', 'recovering'))"
)


def told(changes: Iterable[int]) -> None:
    """Note that what becomes of these changes is decided."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE alerts_transition SET awaits = false WHERE id = ANY(%s)", [list(changes)])


def backlog() -> list[Backlog]:
    """Return what is held back, counted."""
    sql = """SELECT f.muted_by, r.name, r.id, f.receiver, count(*), min(t.at) FROM alerts_fate f
        JOIN alerts_transition t ON t.id = f.transition_id JOIN alerts_alert a ON a.id = t.alert_id
        JOIN alerts_rule r ON r.id = a.rule_id WHERE f.waits GROUP BY 1, 2, 3, 4"""
    return [Backlog(*row) for row in _rows(sql, [])]


def held(*, alerts: Collection[int] = (), muted_by: Collection[str] = ()) -> list[Held]:
    """Return what is held back about these alerts, or by these things; oldest first."""
    sql = f"""SELECT f.id, f.receiver, f.turn, f.muted_by, {_CHANGE} FROM alerts_fate f
        JOIN alerts_transition t ON t.id = f.transition_id {_JOINED}
        WHERE f.waits AND (t.alert_id = ANY(%s) OR f.muted_by = ANY(%s)) ORDER BY f.id"""  # noqa: S608 - our own words
    return [Held._make((*row[:4], _change(row[4:]))) for row in _rows(sql, [list(alerts), list(muted_by)])]


def in_threads(alerts: Collection[int]) -> set[int]:
    """Return those of these alerts whose beginning waits for a thread's next message."""
    sql = """SELECT t.alert_id FROM alerts_fate f JOIN alerts_transition t ON t.id = f.transition_id
        WHERE f.waits AND f.muted_by LIKE 'thread:%%' AND t.new = 'firing' AND t.alert_id = ANY(%s)"""
    return {alert for (alert,) in _rows(sql, [list(alerts)])}


def put_off(alerts: Collection[int]) -> set[int]:
    """Return those of these alerts whose beginning waits to be told."""
    sql = """SELECT t.alert_id FROM alerts_fate f JOIN alerts_transition t ON t.id = f.transition_id
        WHERE f.waits AND t.new = 'firing' AND t.alert_id = ANY(%s)"""
    return {alert for (alert,) in _rows(sql, [list(alerts)])}


def let_go(fates: Iterable[int]) -> None:
    """Note that these decisions wait no longer."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE alerts_fate SET waits = false WHERE id = ANY(%s)", [list(fates)])


def write(decided: Collection[Decided], *, now: datetime) -> int:
    """Write decisions; one that stands already is left as it is. Returns how many were new."""
    if not decided:
        return 0
    sql = """INSERT INTO alerts_fate
        (transition_id, receiver, kind, turn, fate, because, muted_by, waits, message_id, at)
        SELECT transition, receiver, kind, turn, fate, because, muted_by, waits, message, %s
        FROM json_to_recordset(%s) AS new (transition bigint, receiver text, kind text, turn int, fate text,
        because text, muted_by text, waits bool, message bigint) ON CONFLICT DO NOTHING"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [now, records(decided)])
        return int(cursor.rowcount)


def records(rows: Iterable[Mapping[str, Any] | msgspec.Struct]) -> str:
    """Return rows as one JSON text, which the store takes apart: arrays of a column each cost ten times as much."""
    return msgspec.json.encode(list(rows)).decode()


def _change(row: tuple[Any, ...]) -> Change:
    labels = row[3] if isinstance(row[3], dict) else msgspec.json.decode(row[3])
    return Change._make((*row[:3], labels, *row[4:]))


def _rows(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
