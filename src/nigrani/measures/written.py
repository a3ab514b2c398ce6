"""Write readings to telemetry: the newest computation of a minute stands, and what it no longer returns is erased."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from nigrani.telemetry import store

from .rows import Reading

Spans = Sequence[tuple[datetime, datetime]]
_BATCH = 20_000
_PLAIN = re.compile(r"[a-z0-9_-]+")


def write(computed: Iterable[tuple[str, str, Sequence[Reading]]], *, at: datetime) -> int:
    """Insert the readings of (measure, sql_hash) pairs as computed at `at`. Returns how many."""
    rows = [row for measure, sql_hash, found in computed for row in _rows(measure, sql_hash, found, at)]
    for start in range(0, len(rows), _BATCH):
        store.insert("readings", rows[start : start + _BATCH])
    return len(rows)


def erase_vanished(computed: Iterable[tuple[str, str, Spans]], *, before: datetime) -> None:
    """Let readings count nothing that were computed earlier than `before` and not again.

    A fact may change (a later version of the same id), and with it the label set of its minute; the earlier reading
    would stand for ever. It is replaced by one with n = 0, which no window counts.
    """
    by_spans: dict[tuple[tuple[datetime, datetime], ...], list[tuple[str, str]]] = {}
    for measure, sql_hash, spans in computed:
        by_spans.setdefault(tuple(spans), []).append((measure, sql_hash))
    if not by_spans:
        return
    stamp = f"fromUnixTimestamp64Milli({round(before.timestamp() * 1000)}, 'UTC')"
    chosen = " OR ".join(
        f"((measure, sql_hash) IN ({', '.join(map(_pair, members))}) AND ({' OR '.join(map(_within, spans))}))"
        for spans, members in by_spans.items()
    )
    store.command(
        f"""INSERT INTO readings (measure, sql_hash, labels, labels_key, minute, num, den, n, digest, computed_at)
        SELECT measure, sql_hash, labels, labels_key, minute, 0, 0, 0, '', {stamp} FROM readings FINAL
        WHERE ({chosen}) AND n > 0 AND computed_at < {stamp}"""  # noqa: S608 - names, marks and numbers of our own
    )


def _pair(member: tuple[str, str]) -> str:
    assert all(_PLAIN.fullmatch(part) for part in member), member
    return f"('{member[0]}', '{member[1]}')"


def _within(span: tuple[datetime, datetime]) -> str:
    return f"(minute >= toDateTime({span[0].timestamp():.0f}) AND minute < toDateTime({span[1].timestamp():.0f}))"


def _rows(measure: str, sql_hash: str, found: Iterable[Reading], at: datetime) -> Iterator[dict[str, Any]]:
    for each in found:
        yield {
            "measure": measure, "sql_hash": sql_hash, "labels": dict(each.labels), "labels_key": each.key,
            "minute": each.minute, "num": each.num, "den": each.den, "n": round(each.n), "digest": each.digest,
            "computed_at": at,
        }  # fmt: skip
