"""The journal: facts are acknowledged when they are on disk here, and shipped to the store every second.

Each process that appends also ships: its folder below `<home>/journal` is its own (segments.py). What a process left
behind when it died is shipped by the next one that looks. A row is stored once: a batch carries the same token at
every try, and a fact's id collapses what comes later still.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from nigrani.lib import clock, units
from nigrani.lib.errors import NigraniError, Unreadable
from nigrani.lib.home import Home

from . import frames, segments, tables
from .segments import Full, Segment

__all__ = ["Backlog", "Full", "Journal", "append", "backlog", "current", "limit_bytes", "ship"]

log = logging.getLogger(__name__)

LIMIT = 2**30
_FRAME_MAX = 32 * 2**20


class Takes(Protocol):
    """What ships go to: a Store, or the module nigrani.telemetry.store."""

    def insert_lines(self, table: str, lines: bytes, *, token: str | None = None) -> None:
        """Store JSON lines, all or none; the same token again stores nothing."""


@dataclass(frozen=True)
class Backlog:
    """What was acknowledged and is not in the store yet. `oldest_at` is None when nothing waits."""

    rows: int
    size_bytes: int
    oldest_at: datetime | None


class Journal:
    """The journal of this process in `folder`. `limit` is in bytes, for what this process holds."""

    def __init__(self, folder: Path, *, limit: int | None = None) -> None:
        self.folder = folder
        self._own = segments.claim(folder)
        self._writer = segments.Writer(self._own.folder, limit=limit if limit is not None else limit_bytes())
        self._adopted: list[segments.Held] = []
        self._shipping = threading.Lock()
        self._sent: set[str] = set()
        self._ids = itertools.count(1)
        self._take_over()  # at once: what a dead process left counts as backlog before anybody trusts a watermark

    def append(self, table: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Keep rows; return when they are on disk. Adds `received_at`, and `id` where a row has none.

        Raises Unreadable (a row does not fit its table) or Full; then nothing was kept.
        """
        if not rows:
            return
        now = clock.now()
        kind = tables.find(table)
        converted = tables.convert(kind, rows)
        for row in converted:
            row.received_at = now
            if "id" in kind.columns and not row.id:
                row.id = f"{self._own.folder.name}{next(self._ids):x}"
        data = b"".join(frames.pack(frame) for frame in _frames(table, converted, now))
        self._writer.commit(data, len(rows), now)

    def ship(self, store: Takes) -> int:
        """Seal what was appended and send all that waits. Returns the number of rows the store took.

        Raises what the store raises when it can't be reached or refuses us; what was not sent stays. A batch it
        can't read goes to `rejected/` with the reason and is passed over.
        """
        with self._shipping:
            self._take_over()
            self._writer.seal()
            shipped = 0
            for segment in self._writer.sealed():
                shipped += self._send(store, segment)
            self._adopted = [held for held in self._adopted if not held.let_go()]
            return shipped

    def backlog(self) -> Backlog:
        """Return what this process holds that is not in the store, with what it took over from those that died.

        A watermark over `received_at` must not pass `oldest_at`.
        """
        held = self._writer.held()
        oldest = min((each.oldest_at for each in held if each.oldest_at is not None), default=None)
        return Backlog(sum(each.rows for each in held), sum(each.size for each in held), oldest)

    def rejected(self) -> int:
        """Return how many batches lie in `rejected/`, where only a person clears them away."""
        return sum(1 for _ in (self.folder / "rejected").glob("*.reason"))

    def close(self) -> None:
        """Take no more rows and let go of the folder; what was not shipped is for the next process."""
        with self._shipping:
            self._writer.close()
            for held in (*self._adopted, self._own):
                if not held.let_go():
                    os.close(held.lock)
            self._adopted.clear()

    def _take_over(self) -> None:
        ours = {held.folder for held in (*self._adopted, self._own)}
        for held in segments.abandoned(self.folder, but=ours):
            found = [Segment.found(path) for path in sorted(held.folder.glob("*.seg"))]
            self._adopted.append(held)
            self._writer.adopt(found)
            if rows := sum(each.rows for each in found):
                log.info(
                    "Took over the journal of a process that is gone.",
                    extra={"action": "journal.taken_over", "rows": rows},
                )

    def _send(self, store: Takes, segment: Segment) -> int:
        shipped = 0
        name = f"{segment.path.parent.name}-{segment.path.stem}"
        for batch in frames.batches(self._whole(segment.path, name)):
            token = f"{name}-{batch.table}-{batch.number}"
            if token in self._sent:
                continue
            try:
                store.insert_lines(batch.table, batch.lines, token=token)
            except Unreadable as error:
                self._reject(token, batch.lines, str(error))
            else:
                shipped += batch.rows
            self._sent.add(token)
        self._writer.remove(segment)
        self._sent.clear()  # segments go one at a time: what was sent of this one is of no more use
        return shipped

    def _whole(self, path: Path, name: str) -> Iterator[frames.Frame]:
        for index, part in enumerate(frames.read(path.read_bytes())):
            if isinstance(part, frames.Frame):
                yield part
            elif part.is_tail:
                log.info(
                    "Dropped a torn tail of the journal, which nobody was promised.",
                    extra={"action": "journal.tail_dropped", "segment": name, "size_bytes": len(part.raw)},
                )
            else:
                self._reject(f"{name}-damage-{index}", part.raw, f"The segment is damaged at byte {part.offset}.")

    def _reject(self, name: str, raw: bytes, reason: str) -> None:
        folder = self.folder / "rejected"
        folder.mkdir(mode=0o700, exist_ok=True)
        for suffix, content in (("rows", raw), ("reason", f"{reason}\n".encode())):
            path = folder / f"{name}.{suffix}"
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
        segments.sync_folder(folder)
        log.error(
            "A batch could not be stored and is kept aside.",
            extra={"action": "journal.rejected", "batch": name, "reason": reason},
        )


def _frames(table: str, converted: list[Any], now: datetime) -> Iterator[frames.Frame]:
    for start in range(0, len(converted), frames.BATCH_ROWS):
        part = converted[start : start + frames.BATCH_ROWS]
        lines = tables.lines(part)
        if len(lines) > _FRAME_MAX:
            raise Unreadable(
                f"{len(part)} rows of {table} take {units.show_size(len(lines))}.", "Append fewer at once."
            )
        yield frames.Frame(table, len(part), now, lines)


def limit_bytes() -> int:
    """Return how much a journal holds before it takes no more: NIGRANI_JOURNAL_LIMIT, else LIMIT."""
    text = os.environ.get("NIGRANI_JOURNAL_LIMIT")
    try:
        return units.size(text) if text else LIMIT
    except ValueError as error:
        raise NigraniError(f"NIGRANI_JOURNAL_LIMIT: {error}") from None


_journals: dict[tuple[int, Path], Journal] = {}
_opening = threading.Lock()


def current() -> Journal:
    """Return this process's journal of the current home."""
    key = os.getpid(), Home.from_environment().journal
    with _opening:
        if key not in _journals:
            _journals[key] = Journal(key[1])
        return _journals[key]


def append(table: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Keep rows in the current home's journal; see Journal.append."""
    current().append(table, rows)


def ship(store: Takes) -> int:
    """Send what waits in the current home's journal; see Journal.ship."""
    return current().ship(store)


def backlog() -> Backlog:
    """Return what waits in the current home's journal."""
    return current().backlog()
