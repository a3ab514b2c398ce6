"""The journal: facts are acknowledged when they are on disk here, and shipped to the store every second.

Every process has a folder of its own below `<home>/journal`, held by a lock; the folder of a process that died is
taken over by the next one that ships. Many threads append at once; one fsync serves all that wait for it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from nigrani.lib import clock, units
from nigrani.lib.errors import NigraniError, Unreadable
from nigrani.lib.home import Home

from . import segment, tables

log = logging.getLogger(__name__)

SEGMENT_MAX = 32 * 2**20
LIMIT = 2**30
_FRAME_ROWS = segment.BATCH_ROWS
_FRAME_MAX = 32 * 2**20
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Full(NigraniError):
    """The journal has no room; nothing of this append was kept. Try again when the store has taken some."""


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


@dataclass
class _Segment:
    path: Path
    rows: int = 0
    size: int = 0
    oldest_at: datetime | None = None
    file: int = -1

    def grew(self, size: int, rows: int, oldest_at: datetime) -> None:
        self.size += size
        self.rows += rows
        self.oldest_at = min(self.oldest_at or oldest_at, oldest_at)


@dataclass
class _Group:
    """Appends that share one fsync."""

    oldest_at: datetime
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    rows: int = 0
    done: threading.Event = field(default_factory=threading.Event)
    failure: Callable[[], NigraniError] | None = None


class Journal:
    """The journal of this process in `folder`. `limit` is in bytes, for what this process holds."""

    def __init__(self, folder: Path, *, limit: int | None = None) -> None:
        self.folder = folder
        self.limit = limit if limit is not None else _limit()
        self._lock = threading.Lock()  # guards what follows, never held while the disk works
        self._group: _Group | None = None
        self._unwritten = 0
        self._current: _Segment | None = None
        self._sealed: list[_Segment] = []
        self._disk = threading.Lock()  # held while writing
        self._shipping = threading.Lock()
        self._sent: set[str] = set()
        self._numbers = itertools.count(1)
        self._ids = itertools.count(1)
        self._taken: list[tuple[int, Path]] = []
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.own = self._claim_folder()

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
                row.id = f"{self.own.name}{next(self._ids):x}"
        data = b"".join(segment.pack(frame) for frame in _frames(table, converted, now))
        self._commit(data, len(rows), now)

    def ship(self, store: Takes) -> int:
        """Seal what was appended and send all that waits. Returns the number of rows the store took.

        Raises what the store raises when it can't be reached or refuses us; what was not sent stays. A batch it
        can't read goes to `rejected/` with the reason and is passed over.
        """
        with self._shipping:
            self._take_over()
            with self._disk:
                self._seal()
            shipped = 0
            for each in list(self._sealed):
                shipped += self._send(store, each)
            self._let_go()
            return shipped

    def backlog(self) -> Backlog:
        """Return what this process holds that is not in the store."""
        with self._lock:
            held = [each for each in (*self._sealed, self._current) if each is not None]
            oldest = [each.oldest_at for each in held if each.oldest_at is not None]
            return Backlog(
                rows=sum(each.rows for each in held),
                size_bytes=sum(each.size for each in held),
                oldest_at=min(oldest, default=None),
            )

    def settled_to(self) -> datetime:
        """Return an instant before which every fact received by any process on this home is in the store.

        A watermark over `received_at` must not pass it.
        """
        until = clock.now() - timedelta(seconds=1)  # an append in another process may be between clock and disk
        with self._lock:
            held = [each.oldest_at for each in (*self._sealed, self._current, self._group) if each is not None]
        others = (path for path in self.folder.glob("[!.]*/*.seg") if path.parent != self.own)
        for path in others:
            held.append(_oldest(path))
        return min([until, *(each for each in held if each is not None)])

    def rejected(self) -> int:
        """Return how many batches the store could not read, since they were last cleared away by a person."""
        return sum(1 for _ in (self.folder / "rejected").glob("*.reason"))

    def close(self) -> None:
        """Seal what was appended and let go of the folder, so that another process may ship it."""
        with self._shipping, self._disk:
            self._seal()
            for file, folder in self._taken:
                _remove_if_empty(folder)
                os.close(file)
            self._taken.clear()

    def _commit(self, data: bytes, rows: int, now: datetime) -> None:
        with self._lock:
            held = sum(each.size for each in (*self._sealed, self._current) if each is not None)
            if held + self._unwritten + len(data) > self.limit:
                raise _full(f"it holds {units.show_size(held)}, its limit")
            leads = self._group is None
            group = self._group = self._group or _Group(now)
            group.parts.append(data)
            group.size += len(data)
            group.rows += rows
            self._unwritten += len(data)
        if leads:  # the first of a group writes for all that join before the disk is free
            with self._disk:
                with self._lock:
                    self._group = None
                self._write(group)
            group.done.set()
        else:
            group.done.wait()
        if group.failure:
            raise group.failure()

    def _write(self, group: _Group) -> None:
        try:
            current = self._current or self._open()
            _write_all(current.file, b"".join(group.parts))
            os.fsync(current.file)
        except OSError as error:
            self._give_up_segment()
            reason, number = error.strerror or str(error), error.errno
            group.failure = (
                (lambda: _full(reason)) if number in _NO_ROOM
                else lambda: NigraniError(f"The journal can't be written: {reason}.", f"Look at {self.folder}.")
            )  # fmt: skip
        else:
            with self._lock:
                current.grew(group.size, group.rows, group.oldest_at)
            if current.size >= SEGMENT_MAX:
                self._seal()
        finally:
            with self._lock:
                self._unwritten -= group.size

    def _open(self) -> _Segment:
        path = self.own / f"{next(self._numbers):08d}.seg"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        _sync_folder(self.own)
        current = _Segment(path, file=file)
        with self._lock:
            self._current = current
        return current

    def _seal(self) -> None:
        """Close the current segment; the next append opens another. Call with the disk held."""
        with self._lock:
            current, self._current = self._current, None
            if current is None:
                return
            if current.rows:
                self._sealed.append(current)
        os.close(current.file)
        if not current.rows:
            current.path.unlink(missing_ok=True)

    def _give_up_segment(self) -> None:
        """After a failed write or fsync, cut off what was not acknowledged and never write to that file again."""
        if self._current is None:
            return
        with contextlib.suppress(OSError):  # then a whole frame may stay: rows stored that nobody was promised
            os.ftruncate(self._current.file, self._current.size)
            os.fsync(self._current.file)
        self._seal()

    def _send(self, store: Takes, each: _Segment) -> int:
        shipped = 0
        for batch in segment.batches(self._frames_of(each)):
            token = f"{each.path.parent.name}-{each.path.stem}-{batch.table}-{batch.number}"
            if token in self._sent:
                continue
            try:
                store.insert_lines(batch.table, batch.lines, token=token)
            except Unreadable as error:
                self._reject(token, batch.lines, str(error))
            else:
                shipped += batch.rows
            self._sent.add(token)
        each.path.unlink()
        with self._lock:
            self._sealed.remove(each)
        self._sent.clear()  # one segment at a time: what was sent of it is of no more use
        return shipped

    def _frames_of(self, each: _Segment) -> Iterator[segment.Frame]:
        for index, part in enumerate(segment.read(each.path)):
            if isinstance(part, segment.Frame):
                yield part
            elif part.is_tail:
                log.info("Dropped a torn tail of the journal, which nobody was promised.", extra={
                    "action": "journal.tail_dropped", "segment": each.path.name, "size_bytes": len(part.raw)})  # fmt: skip
            else:
                name = f"{each.path.parent.name}-{each.path.stem}-damage-{index}"
                self._reject(name, part.raw, f"The journal is damaged at byte {part.offset}.")

    def _reject(self, name: str, raw: bytes, reason: str) -> None:
        folder = self.folder / "rejected"
        folder.mkdir(mode=0o700, exist_ok=True)
        for suffix, content in (("rows", raw), ("reason", f"{reason}\n".encode())):
            with os.fdopen(
                os.open(folder / f"{name}.{suffix}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
            ) as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
        _sync_folder(folder)
        log.error("The store could not read a batch; it is kept aside.", extra={
            "action": "journal.rejected", "batch": name, "reason": reason})  # fmt: skip

    def _claim_folder(self) -> Path:
        """Make a folder of our own, locked before others can see it."""
        name = os.urandom(6).hex()
        draft = self.folder / f".{name}"
        draft.mkdir(mode=0o700)
        file = os.open(draft / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        final = draft.rename(self.folder / name)
        _sync_folder(self.folder)
        self._taken.append((file, final))
        return final

    def _take_over(self) -> None:
        """Adopt the folders whose process is gone."""
        ours = {folder for _, folder in self._taken}
        for folder in sorted(self.folder.glob("[!.]*/lock")):
            if folder.parent in ours or (file := _try_lock(folder)) is None:
                continue
            found = [_scan(path) for path in sorted(folder.parent.glob("*.seg"))]
            with self._lock:
                self._taken.append((file, folder.parent))
                self._sealed[:0] = found
            if found:
                log.info("Took over the journal of a process that is gone.", extra={
                    "action": "journal.taken_over", "rows": sum(each.rows for each in found)})  # fmt: skip

    def _let_go(self) -> None:
        """Remove adopted folders that are shipped."""
        kept = []
        for file, folder in self._taken:
            if folder != self.own and _remove_if_empty(folder):
                os.close(file)
            else:
                kept.append((file, folder))
        self._taken[:] = kept


def _frames(table: str, converted: list[Any], now: datetime) -> Iterator[segment.Frame]:
    for start in range(0, len(converted), _FRAME_ROWS):
        part = converted[start : start + _FRAME_ROWS]
        lines = tables.lines(part)
        if len(lines) > _FRAME_MAX:
            raise Unreadable(
                f"{len(part)} rows of {table} take {units.show_size(len(lines))}.", "Append fewer at once."
            )
        yield segment.Frame(table, len(part), now, lines)


def _full(reason: str) -> Full:
    return Full(f"The journal has no room: {reason}.", "Is the telemetry store up, and is there room on the disk?")


def _limit() -> int:
    text = os.environ.get("NIGRANI_JOURNAL_LIMIT")
    try:
        return units.size(text) if text else LIMIT
    except ValueError as error:
        raise NigraniError(f"NIGRANI_JOURNAL_LIMIT: {error}") from None


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _try_lock(path: Path) -> int | None:
    """Lock a dead process's folder and return the open lock file; None if it lives or was removed meanwhile."""
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file).st_nlink:
            return file
    except OSError:
        pass
    os.close(file)
    return None


def _scan(path: Path) -> _Segment:
    frames = [part for part in segment.read(path) if isinstance(part, segment.Frame)]
    oldest = min((frame.received_at for frame in frames), default=None)
    return _Segment(path, sum(frame.rows for frame in frames), path.stat().st_size, oldest)


def _oldest(path: Path) -> datetime | None:
    """Return when the first frame of another process's segment was received; None if it is gone or has none yet."""
    try:
        first: Iterable[segment.Frame | segment.Damage] = itertools.islice(segment.read(path), 1)
        return next((part.received_at for part in first if isinstance(part, segment.Frame)), None)
    except OSError:
        return None


def _remove_if_empty(folder: Path) -> bool:
    if any(folder.glob("*.seg")):
        return False
    (folder / "lock").unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()
    return True


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


def settled_to() -> datetime:
    """Return the instant a watermark over `received_at` must not pass; see Journal.settled_to."""
    return current().settled_to()
