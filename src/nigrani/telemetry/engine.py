"""The embedded ClickHouse engine (chDB): opened once in this process, one short-lived connection a request.

Opening a connection costs 0.1 ms and a SET as much (measured), so that no setting ever leaks into the next request.
Never fork a process that has imported this: a child's first query hangs.
"""

from __future__ import annotations

import ctypes
import mmap
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chdb

from . import statement

_CODE = re.compile(r"Code: (\d+)\. DB::")
_SETTING = re.compile(r"[a-z][a-z0-9_]*\Z")
_DEFAULTS = {
    "max_execution_time": "60",
    "max_memory_usage": str(192 * 2**20),
    "max_result_bytes": str(64 * 2**20),
    "result_overflow_mode": "throw",
    "max_threads": "2",
    "max_partitions_per_insert_block": "1000",
    "implicit_select": "0",  # a terminal's convenience: "nonsense" would mean SELECT nonsense
}


class Failed(Exception):
    """The engine refused or failed a statement; `code` is ClickHouse's error code (1002 when it told none)."""

    def __init__(self, message: str) -> None:
        found = _CODE.search(message)
        self.code = int(found[1]) if found else 1002
        super().__init__(message[found.start() :] if found else message)


@dataclass(frozen=True)
class Result:
    """What a statement gave. `read` and `written` are (rows, bytes)."""

    body: bytes
    read: tuple[int, int] = (0, 0)
    written: tuple[int, int] = (0, 0)


class Engine:
    """One data folder, opened. `running` statements are counted so that a stop can wait for them."""

    def __init__(self, folder: Path, options: Mapping[str, str], *, at_once: int = 8) -> None:
        self._address = f"{folder}?" + "&".join(f"{name}={value}" for name, value in options.items())
        self._anchor = chdb.connect(self._address)  # the engine lives as long as one connection does
        self._turns = threading.BoundedSemaphore(at_once)
        self._quiet = threading.Condition()
        self._running = 0
        self._closing = False
        _forget_loading()

    def query(
        self, sql: str, format_name: str, *, params: Mapping[str, str], settings: Mapping[str, str], database: str
    ) -> Result:
        """Run one statement. Raises Failed or Rejected."""
        statement.check(sql, reads_only=settings.get("readonly", "0") != "0")
        with self._connection(settings, database) as connection:
            try:
                answer = connection.query(sql, format_name, params=dict(params))
            except (chdb.ChdbError, RuntimeError) as error:
                raise Failed(str(error)) from None
            return Result(answer.bytes(), read=(answer.rows_read(), answer.bytes_read()))

    def insert(self, insert: statement.Insert, *, settings: Mapping[str, str], database: str) -> Result:
        """Store an INSERT's data. Raises Failed or Rejected; then nothing of it is stored."""
        statement.check(insert.sql, reads_only=settings.get("readonly", "0") != "0")
        with self._connection(settings, database) as connection:
            try:
                with connection.send_insert(insert.sql, insert.format) as stream:
                    if insert.data:
                        stream.append(insert.data)
                    done = stream.finish()
            except (chdb.ChdbError, RuntimeError) as error:
                raise Failed(str(error)) from None
            return Result(b"", written=(done.rows_written, done.bytes_written))

    def close(self, *, timeout_s: float) -> bool:
        """Wait for running statements at most `timeout_s` seconds, then close. Returns whether all had ended."""
        with self._quiet:
            self._closing = True
            ended = self._quiet.wait_for(lambda: not self._running, timeout_s)
        if ended:
            self._anchor.close()
        return ended

    @contextmanager
    def _connection(self, settings: Mapping[str, str], database: str) -> Iterator[Any]:
        if not self._turns.acquire(timeout=10):
            raise Failed("Code: 202. DB::Exception: Too many simultaneous queries. (TOO_MANY_SIMULTANEOUS_QUERIES)")
        with self._quiet:
            if self._closing:
                self._turns.release()
                raise Failed("Code: 439. DB::Exception: The server is stopping. (CANNOT_SCHEDULE_TASK)")
            self._running += 1
        try:
            connection = chdb.connect(self._address)
            try:
                self._prepare(connection, settings, database)
                yield connection
            finally:
                connection.close()
        finally:
            with self._quiet:
                self._running -= 1
                self._quiet.notify_all()
            self._turns.release()

    def _prepare(self, connection: Any, settings: Mapping[str, str], database: str) -> None:
        wanted = {**_DEFAULTS, **settings}
        if unfit := [name for name in wanted if not _SETTING.match(name)]:
            raise Failed(f"Code: 115. DB::Exception: Setting {unfit[0]!r} is not known. (UNKNOWN_SETTING)")
        readonly = wanted.pop("readonly", "0")
        try:
            if database:
                connection.query(f"USE {_name(database)}")
            connection.query("SET " + ", ".join(f"{name} = {_text(value)}" for name, value in wanted.items()))
            if readonly != "0":
                connection.query(f"SET readonly = {_text(readonly)}")
        except (chdb.ChdbError, RuntimeError) as error:
            raise Failed(str(error)) from None


def _forget_loading() -> None:
    """Hand back the library's pages that only its loading touched (160 of 220 MB, measured); the rest comes back.

    Only mappings that no one can have written to: what is dropped is read again from the file.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        for line in maps:
            place, rights, *_ = line.split(None, 2)
            if rights == "r-xp" and "/chdb/" in line:
                start, end = (int(part, 16) for part in place.split("-"))
                libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _name(value: str) -> str:
    return "`" + value.replace("\\", "\\\\").replace("`", "\\`") + "`"
