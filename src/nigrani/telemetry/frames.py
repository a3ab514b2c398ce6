"""The journal's files: frames that carry their own length and checksum, and batches cut from them.

A frame is MAGIC, the payload's length and CRC-32 (little-endian, 4 bytes each), then the payload: one line
`table rows received_at_ms`, then as many JSON lines. MAGIC begins with a byte that no UTF-8 text contains, so that
frames behind a damaged place are found again.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

MAGIC = b"\xfeNJ1"
BATCH_ROWS = 10_000
BATCH_BYTES = 16 * 2**20
_HEAD = struct.Struct("<4sII")


@dataclass(frozen=True)
class Frame:
    """Rows of one table that were appended together."""

    table: str
    rows: int
    received_at: datetime
    lines: bytes


@dataclass(frozen=True)
class Damage:
    """Bytes that are no whole frame: the torn end of a write nobody was told had succeeded, or a spoiled disk."""

    offset: int
    raw: bytes
    is_tail: bool


@dataclass(frozen=True)
class Batch:
    """What is sent at once: the `number`th batch of its table in its segment, the same at every try."""

    table: str
    number: int
    rows: int
    lines: bytes


def pack(frame: Frame) -> bytes:
    """Return a frame as bytes."""
    received_ms = round(frame.received_at.timestamp() * 1000)
    payload = b"%s %d %d\n%s" % (frame.table.encode(), frame.rows, received_ms, frame.lines)
    return _HEAD.pack(MAGIC, len(payload), zlib.crc32(payload)) + payload


def read(raw: bytes) -> Iterator[Frame | Damage]:
    """Yield what a segment's bytes hold, in order."""
    at = 0
    while at < len(raw):
        if (end := _whole(raw, at)) is not None:
            yield _unpack(raw[at + _HEAD.size : end])
            at = end
            continue
        following = raw.find(MAGIC, at + 1)
        while following != -1 and _whole(raw, following) is None:
            following = raw.find(MAGIC, following + 1)
        until = len(raw) if following == -1 else following
        yield Damage(at, raw[at:until], is_tail=following == -1)
        at = until


def first_received(path: Path) -> datetime | None:
    """Return when the first frame of a segment was received, reading its head only; None if it has none (yet)."""
    try:
        with path.open("rb") as file:
            head, line, rest = file.read(_HEAD.size), *file.read(200).partition(b"\n")[:2]
    except OSError:
        return None
    return _head_line(line)[2] if head[:4] == MAGIC and rest else None


def batches(frames: Iterable[Frame]) -> Iterator[Batch]:
    """Cut frames into batches by table. The cuts depend on the frames alone, never on when they are made."""
    waiting: dict[str, list[Frame]] = {}
    numbers: dict[str, int] = {}

    def cut(table: str) -> Batch:
        cuts = waiting.pop(table)
        number = numbers[table] = numbers.get(table, -1) + 1
        return Batch(table, number, sum(each.rows for each in cuts), b"".join(each.lines for each in cuts))

    for frame in frames:
        before = waiting.get(frame.table, [])
        rows = frame.rows + sum(each.rows for each in before)
        size = len(frame.lines) + sum(len(each.lines) for each in before)
        if before and (rows > BATCH_ROWS or size > BATCH_BYTES):
            yield cut(frame.table)
        waiting.setdefault(frame.table, []).append(frame)
    for table in list(waiting):
        yield cut(table)


def _whole(raw: bytes, at: int) -> int | None:
    """Return where the frame at `at` ends, or None if there is no whole, unspoiled frame."""
    if at + _HEAD.size > len(raw):
        return None
    magic, length, checksum = _HEAD.unpack_from(raw, at)
    start = at + _HEAD.size
    if magic != MAGIC or start + length > len(raw):
        return None
    return start + length if zlib.crc32(raw[start : start + length]) == checksum else None


def _unpack(payload: bytes) -> Frame:
    line, _, lines = payload.partition(b"\n")
    return Frame(*_head_line(line), lines)


def _head_line(line: bytes) -> tuple[str, int, datetime]:
    table, rows, received_ms = line.split(b" ")
    return table.decode(), int(rows), datetime.fromtimestamp(int(received_ms) / 1000, UTC)
