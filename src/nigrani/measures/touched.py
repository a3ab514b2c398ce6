"""Which minutes new facts fell into, found by when the facts were received.

A fact may be stored later than it was received: a write to the journal takes its moment, and a store that was away
gets its facts when it is back. So every look goes back over what was received lately, and remembers of each group how
many facts it had and the sum of their instants: only a group that changed is touched. What is remembered saves work
and decides nothing; a process without it computes the last minutes once more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from nigrani.telemetry import store
from nigrani.telemetry.tables import TABLES

OVERLAP = timedelta(minutes=2)
LOOKBACK = timedelta(hours=48)  # facts about an older past are kept, but no reading is computed anew for them
AHEAD = timedelta(hours=1)  # a watched system's clock may be ahead of ours
_GROUP = timedelta(seconds=10)


@dataclass(frozen=True)
class Group:
    """Facts of one table, source and minute that were received within the same few seconds.

    topic: of gauges, the first two parts of their names, as postgres.connections; "" of other facts.
    """

    table: str
    source: str
    topic: str
    minute: datetime
    received: datetime


_TOPIC = "arrayStringConcat(arraySlice(splitByChar('.', name), 1, 2), '.')"
_NAMED = re.compile(r"'([\w-]+\.[\w-]+)(?:\.[\w.-]+)?'")
_CHOOSES_OTHERWISE = re.compile(r"like|match|startswith|endswith|position|regexp|substring|%", re.IGNORECASE)

Counts = Mapping[Group, tuple[int, int]]


def look(tables: Iterable[str], *, since: datetime, now: datetime) -> Counts:
    """Count the facts received from `since` (and the overlap before it) on, by group. One query."""
    wanted = sorted(table for table in set(tables) if table in TABLES and table != "readings")
    if not wanted:
        return {}
    sql = " UNION ALL ".join(
        f"""SELECT '{table}' AS kind, source, {_TOPIC if table == "gauges" else "''"} AS topic,
        toUnixTimestamp(toStartOfMinute(at)) AS minute,
        toUnixTimestamp(toStartOfInterval(received_at, INTERVAL {_GROUP.seconds} SECOND)) AS received, count() AS facts,
        sum(toUnixTimestamp64Milli(received_at)) AS instants
        FROM {table} WHERE received_at >= {{since:DateTime64(3)}}
        AND at >= {{oldest:DateTime64(3)}} AND at < {{newest:DateTime64(3)}}
        GROUP BY source, topic, minute, received"""  # noqa: S608 - names of our own tables
        for table in wanted
    )
    start = since - OVERLAP
    start -= timedelta(seconds=start.second % _GROUP.seconds, microseconds=start.microsecond)
    rows = store.query(sql, {"since": start, "oldest": now - LOOKBACK, "newest": now + AHEAD})
    return {
        Group(row["kind"], row["source"], row["topic"], _instant(row["minute"]), _instant(row["received"])): (
            int(row["facts"]),
            int(row["instants"]),
        )
        for row in rows
    }


def changed(before: Counts, after: Counts) -> list[Group]:
    """Return the groups whose facts are others than before."""
    return [group for group, facts in after.items() if before.get(group) != facts]


@lru_cache(maxsize=512)
def topics(sql: str) -> frozenset[str]:
    """Return the topics of the gauges that a measure's SQL names in full; none when it chooses them in another way."""
    return frozenset() if _CHOOSES_OTHERWISE.search(sql) else frozenset(_NAMED.findall(sql))


def spans(minutes: Iterable[datetime], *, gap: timedelta, most: timedelta) -> list[tuple[datetime, datetime]]:
    """Join minutes into half-open spans: over gaps up to `gap`, no span longer than `most`; newest first."""
    found: list[tuple[datetime, datetime]] = []
    for minute in sorted(set(minutes)):
        end = minute + timedelta(minutes=1)
        if found and minute - found[-1][1] <= gap and end - found[-1][0] <= most:
            found[-1] = (found[-1][0], end)
        else:
            found.append((minute, end))
    return found[::-1]


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
