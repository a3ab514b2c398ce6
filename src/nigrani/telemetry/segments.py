"""The journal's disk: one folder a process, held by a lock, and segments that many threads fill with one fsync.

The folder of a process that died can be taken over: its lock is free then, whatever way it died.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from nigrani.lib import units
from nigrani.lib.errors import NigraniError

from . import frames

SEGMENT_MAX = 32 * 2**20
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Full(NigraniError):
    """The journal has no room; nothing of this append was kept. Try again when the store has taken some."""


@dataclass
class Segment:
    """A file of frames. `size` counts acknowledged bytes only."""

    path: Path
    rows: int = 0
    size: int = 0
    oldest_at: datetime | None = None
    file: int = -1

    @classmethod
    def found(cls, path: Path) -> Segment:
        """Return a segment that another process left behind."""
        whole = [part for part in frames.read(path.read_bytes()) if isinstance(part, frames.Frame)]
        oldest = min((frame.received_at for frame in whole), default=None)
        return cls(path, sum(frame.rows for frame in whole), path.stat().st_size, oldest)

    def grow(self, group: _Group) -> None:
        """Count a group that is on disk."""
        self.size += group.size
        self.rows += group.rows
        self.oldest_at = min(self.oldest_at or group.oldest_at, group.oldest_at)


@dataclass
class _Group:
    """Appends that share one fsync. It failed until it is known to be on disk."""

    oldest_at: datetime
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    rows: int = 0
    done: threading.Event = field(default_factory=threading.Event)
    failure: Callable[[], NigraniError] | None = lambda: NigraniError("The journal's writer was interrupted.")

    def join(self, data: bytes, rows: int) -> None:
        self.parts.append(data)
        self.size += len(data)
        self.rows += rows


class Writer:
    """Writes into `folder`, which is ours alone. `limit` bounds what is held until it is shipped, in bytes."""

    def __init__(self, folder: Path, *, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self._lock = threading.Lock()  # guards what follows; never held while the disk works
        self._group: _Group | None = None
        self._unwritten = 0
        self._current: Segment | None = None
        self._sealed: list[Segment] = []
        self._is_closed = False
        self._disk = threading.Lock()  # held while writing
        self._numbers = itertools.count(1)

    def commit(self, data: bytes, rows: int, received_at: datetime) -> None:
        """Return when `data` is on disk. Raises Full or NigraniError; then it is not, and never will be."""
        with self._lock:
            self._check_room(len(data))
            leads = self._group is None
            group = self._group = self._group or _Group(received_at)
            group.join(data, rows)
            self._unwritten += len(data)
        if leads:  # the first of a group writes for all that join while the disk is busy
            with self._disk:
                with self._lock:
                    self._group = None
                try:
                    self._write(group)
                finally:
                    group.done.set()
                    with self._lock:
                        self._unwritten -= group.size
        else:
            group.done.wait()
        if group.failure:
            raise group.failure()

    def seal(self) -> None:
        """Close the current segment; the next commit opens another."""
        with self._disk:
            self._seal()

    def close(self) -> None:
        """Seal and take no more."""
        with self._lock:
            self._is_closed = True
        self.seal()

    def adopt(self, segments: list[Segment]) -> None:
        """Hold segments of a process that died, before our own."""
        with self._lock:
            self._sealed[:0] = segments

    def sealed(self) -> list[Segment]:
        """Return the segments ready to ship, oldest first."""
        with self._lock:
            return list(self._sealed)

    def remove(self, segment: Segment) -> None:
        """Delete a shipped segment."""
        segment.path.unlink()
        with self._lock:
            self._sealed.remove(segment)

    def held(self) -> list[Segment]:
        """Return every segment that holds acknowledged rows."""
        with self._lock:
            return [each for each in (*self._sealed, self._current) if each is not None and each.rows]

    def _check_room(self, size: int) -> None:
        if self._is_closed:
            raise NigraniError("The journal is closed.", "The process is stopping; try again at another.")
        held = sum(each.size for each in (*self._sealed, self._current) if each is not None)
        if held + self._unwritten + size > self.limit:
            raise _full(f"{units.show_size(held)} wait to be shipped, of {units.show_size(self.limit)} allowed")

    def _write(self, group: _Group) -> None:
        try:
            current = self._current or self._open()
            view = memoryview(b"".join(group.parts))
            while view:
                view = view[os.write(current.file, view) :]
            os.fsync(current.file)
        except OSError as error:
            self._give_up()
            reason = error.strerror or str(error)
            group.failure = (
                (lambda: _full(reason)) if error.errno in _NO_ROOM
                else lambda: NigraniError(f"The journal can't be written: {reason}.", f"Look at {self.folder}.")
            )  # fmt: skip
            return
        with self._lock:
            current.grow(group)
        group.failure = None
        if current.size >= SEGMENT_MAX:
            self._seal()

    def _open(self) -> Segment:
        path = self.folder / f"{next(self._numbers):08d}.seg"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        current = Segment(path, file=file)
        with self._lock:
            self._current = current
        sync_folder(self.folder)
        return current

    def _give_up(self) -> None:
        """After a failed write or fsync: cut off what was not acknowledged, and never write to that file again."""
        if self._current is None:
            return
        with contextlib.suppress(OSError):  # then a whole frame may stay: rows stored that nobody was promised
            os.ftruncate(self._current.file, self._current.size)
            os.fsync(self._current.file)
        self._seal()

    def _seal(self) -> None:
        with self._lock:
            current, self._current = self._current, None
            if current is None:
                return
            if current.rows:
                self._sealed.append(current)
        os.close(current.file)
        if not current.rows:
            current.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Held:
    """A folder we hold by its lock file."""

    folder: Path
    lock: int

    def let_go(self) -> bool:
        """Release the folder and remove it, unless it holds segments; then it stays ours. Returns whether it went."""
        if any(self.folder.glob("*.seg")):
            return False
        (self.folder / "lock").unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()
        os.close(self.lock)
        return True


def claim(parent: Path) -> Held:
    """Make a folder of our own, locked before others can see it."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = os.urandom(6).hex()
    draft = parent / f".{name}"
    draft.mkdir(mode=0o700)
    lock = os.open(draft / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    final = draft.rename(parent / name)
    sync_folder(parent)
    return Held(final, lock)


def abandoned(parent: Path, *, but: set[Path]) -> list[Held]:
    """Lock and return the folders whose process is gone."""
    found = []
    for path in sorted(parent.glob("[!.]*/lock")):
        if path.parent not in but and (lock := _try_lock(path)) is not None:
            found.append(Held(path.parent, lock))
    return found


def sync_folder(folder: Path) -> None:
    """Put a folder's entries on disk."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _try_lock(path: Path) -> int | None:
    """Return the locked file, or None if its process lives or another one removed it meanwhile."""
    with contextlib.suppress(OSError):
        lock = os.open(path, os.O_RDWR)
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock).st_nlink:
                return lock
        os.close(lock)
    return None


def _full(reason: str) -> Full:
    return Full(f"The journal has no room: {reason}.", "Is the telemetry store up, and is there room on the disk?")
