"""The journal's files: frames that carry their own length and checksum, and batches cut from them.

A frame is MAGIC, the payload's length and CRC-32 (little-endian, 4 bytes each), then the payload: one line
`table rows received_at_ms`, then as many JSON lines. MAGIC begins with a byte that no UTF-8 text contains, so that
frames behind a damaged place are found again.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
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


def read(path: Path) -> Iterator[Frame | Damage]:
    """Yield what a segment holds, in order."""
    raw = path.read_bytes()
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


def batches(frames: Iterator[Frame]) -> Iterator[Batch]:
    """Cut frames into batches by table. The cuts depend on the frames alone, never on when they are made."""
    open_frames: dict[str, list[Frame]] = {}
    numbers: dict[str, int] = {}
    for frame in frames:
        waiting = open_frames.setdefault(frame.table, [])
        rows = sum(each.rows for each in waiting) + frame.rows
        size = sum(len(each.lines) for each in waiting) + len(frame.lines)
        if waiting and (rows > BATCH_ROWS or size > BATCH_BYTES):
            yield _batch(frame.table, numbers, waiting)
            waiting.clear()
        waiting.append(frame)
    for table, waiting in open_frames.items():
        yield _batch(table, numbers, waiting)


def _batch(table: str, numbers: dict[str, int], frames: list[Frame]) -> Batch:
    number = numbers.get(table, 0)
    numbers[table] = number + 1
    return Batch(table, number, sum(each.rows for each in frames), b"".join(each.lines for each in frames))


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
    head, _, lines = payload.partition(b"\n")
    table, rows, received_ms = head.split(b" ")
    return Frame(table.decode(), int(rows), datetime.fromtimestamp(int(received_ms) / 1000, UTC), lines)
