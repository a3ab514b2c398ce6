"""The client of the telemetry store: one way to ask and to insert, embedded engine or ClickHouse server alike."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.exceptions import Error as ClientError
from clickhouse_connect.driver.httputil import get_pool_manager

from nigrani.lib.errors import NigraniError, Refused, Unreachable, Unreadable
from nigrani.lib.home import Home
from nigrani.lib.secret import Secret

from . import guard, tables

_PLACEHOLDER = re.compile(r"\{(\w+):\s*([^}]+)\}")
_CONNECT_S, _ANSWER_S = 3, 90
_OWN_SECONDS = 60
_GUARDED_MEMORY = 128 * 2**20
# ClickHouse's error codes by what we should do next.
_AGAIN = frozenset({3, 159, 201, 202, 209, 210, 225, 241, 242, 243, 252, 319, 394, 425, 439, 473, 999, 1000, 1002})
_CREDENTIALS = frozenset({164, 192, 193, 194, 291, 497, 516})
_NO_SUCH_TABLE = frozenset({60, 81})


@dataclass(frozen=True)
class Address:
    """Where the store answers."""

    host: str
    port: int
    database: str
    user: str
    password: Secret
    is_tls: bool

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read http(s)://user:password@host:port/database. Raises NigraniError."""
        try:
            parts = urlsplit(url)
            port = parts.port
            is_ours = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:  # its words quote the address: an unquoted / or # in a password looks like a port
            is_ours = False
        if not is_ours:
            raise NigraniError(
                "NIGRANI_CLICKHOUSE_URL is no ClickHouse address.",
                "Write http://user:password@host:8123/nigrani, odd signs of the password as %XX.",
            )
        return cls(
            host=parts.hostname or "",
            port=port or (8443 if parts.scheme == "https" else 8123),
            database=parts.path.strip("/") or "nigrani",
            user=unquote(parts.username or "default"),
            password=Secret(unquote(parts.password or "")),
            is_tls=parts.scheme == "https",
        )

    @classmethod
    def of(cls, home: Home) -> Address:
        """Return the home's own engine. Raises Unreachable when it never ran."""
        try:
            port = int((home.run / "telemetry.port").read_text())
        except (OSError, ValueError):
            raise Unreachable("The telemetry process is not running.", "Start it with: nigrani up") from None
        password = home.vault.get("TELEMETRY_PASSWORD") or Secret("")
        return cls("127.0.0.1", port, "nigrani", "nigrani", password, is_tls=False)

    @classmethod
    def current(cls) -> Address:
        """Return NIGRANI_CLICKHOUSE_URL, or the current home's own engine."""
        url = os.environ.get("NIGRANI_CLICKHOUSE_URL")
        return cls.parse(url) if url else cls.of(Home.from_environment())


class Store:
    """A store at an address that is looked up at every call, so that a restarted engine is found. Thread-safe."""

    def __init__(self, address: Callable[[], Address] = Address.current) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._client: tuple[Address, Any] | None = None

    @classmethod
    def of(cls, home: Home) -> Store:
        """Return the store of a home's own engine."""
        return cls(partial(Address.of, home))

    def query(self, sql: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run our own SQL and return its rows. Times come back aware, UTC.

        params: for `{name:Type}`; datetimes must be aware. Raises Unreachable or Refused.
        """
        return self._query(sql, params or {}, {"max_execution_time": _OWN_SECONDS})

    def guarded(
        self, sql: str, params: Mapping[str, Any], *, max_seconds: float, max_rows: int
    ) -> list[dict[str, Any]]:
        """Run a guide's SQL within limits, without the right to change or reach anything.

        Raises NigraniError if it is no SELECT over our tables, Refused if it is wrong or gives more than `max_rows`,
        Unreachable if it took longer than `max_seconds` or more memory than one query may have.
        """
        guard.inspect(sql)
        settings = {
            "readonly": 1,
            "max_execution_time": max_seconds,
            "max_result_rows": max_rows,
            "result_overflow_mode": "throw",
            "max_memory_usage": _GUARDED_MEMORY,
        }
        return self._query(sql, params, settings)

    def insert(self, table: str, rows: Sequence[Mapping[str, object]], *, token: str | None = None) -> None:
        """Store rows at once, past the journal. The same token again stores nothing.

        Raises Unreadable (a row that does not fit), Unreachable (`uncertain`: it may be stored), Refused.
        """
        if rows:
            self.insert_lines(table, tables.lines(tables.convert(tables.find(table), rows)), token=token)

    def insert_lines(self, table: str, lines: bytes, *, token: str | None = None) -> None:
        """Store JSON lines, all or none. Raises as `insert`; a table not made yet is Unreachable: it will be."""
        settings: dict[str, Any] = {
            "date_time_input_format": "best_effort",
            "input_format_null_as_default": 0,
            "input_format_skip_unknown_fields": 0,
            "max_partitions_per_insert_block": 1000,
        }
        if token:
            settings["insert_deduplication_token"] = token
        try:
            self._connected().raw_insert(table, insert_block=lines, settings=settings, fmt="JSONEachRow")
        except ClientError as error:
            self._raise(error, insert=True)

    def command(self, sql: str) -> None:
        """Run our own statement that gives no rows (DDL)."""
        try:
            self._connected().command(sql)
        except ClientError as error:
            self._raise(error)

    def ping(self) -> str:
        """Return the engine's version. Raises Unreachable or Refused."""
        return str(self.query("SELECT version() AS version")[0]["version"])

    def create_database(self) -> None:
        """Make the address's database where it is missing."""
        address = self._address()
        try:
            client = _connect(address, database="")
            client.command(f"CREATE DATABASE IF NOT EXISTS `{address.database}`")
        except ClientError as error:
            self._raise(error)

    def _query(self, sql: str, params: Mapping[str, Any], settings: Mapping[str, Any]) -> list[dict[str, Any]]:
        bound = _bound(sql, params)
        try:
            answer = self._connected().query(sql, parameters=bound or None, settings=dict(settings))
        except ClientError as error:
            self._raise(error)
        names = answer.column_names
        return [dict(zip(names, row, strict=True)) for row in answer.result_rows]

    def _connected(self) -> Any:
        address = self._address()
        with self._lock:
            if self._client is None or self._client[0] != address:
                self._client = None
                try:
                    self._client = address, _connect(address, database=address.database)
                except ClientError as error:
                    self._raise(error)
            return self._client[1]

    def _raise(self, error: ClientError, *, insert: bool = False) -> NoReturn:
        code = getattr(error, "code", None)
        said = _short(str(error))
        if not code:
            self._client = None
            raise Unreachable("The telemetry store does not answer.", said, uncertain=insert) from None
        if code in _CREDENTIALS:
            raise Refused(f"The telemetry store refused us: {said}") from None
        if code in _AGAIN or (insert and code in _NO_SUCH_TABLE):
            raise Unreachable(f"The telemetry store could not do it now: {said}") from None
        if insert:
            raise Unreadable(f"The telemetry store can't read the rows: {said}") from None
        raise Refused(f"The telemetry store refused the query: {said}") from None


def _connect(address: Address, *, database: str) -> Any:
    return clickhouse_connect.get_client(
        host=address.host,
        port=address.port,
        username=address.user,
        password=address.password.reveal(),
        database=database or "__default__",
        secure=address.is_tls,
        compress=address.host not in ("127.0.0.1", "localhost", "::1"),
        connect_timeout=_CONNECT_S,
        send_receive_timeout=_ANSWER_S,
        query_limit=0,
        query_retries=0,
        autogenerate_session_id=False,
        autogenerate_query_id=False,
        tz_mode="aware",
        pool_mgr=get_pool_manager(maxsize=16),  # ours: a proxy in the environment is not for the store
    )


def _bound(sql: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that the SQL asks for; what it does not ask for is left out."""
    kinds: dict[str, str] = {}
    for name, kind in _PLACEHOLDER.findall(sql):
        if kinds.setdefault(name, kind.strip()) != kind.strip():
            raise Refused(f"The SQL asks for {{{name}}} as {kinds[name]} and as {kind}.", "Write one type throughout.")
    return {name: _bind(name, kind, params) for name, kind in kinds.items()}


def _bind(name: str, kind: str, params: Mapping[str, Any]) -> Any:
    """Return a value as the client should send it: times as epoch seconds, which no server's zone can bend."""
    if name not in params:
        raise Refused(f"The SQL asks for {{{name}:{kind}}}, which is not given.", f"Given: {', '.join(params)}.")
    value = params[name]
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise Refused(f"The time {name} has no zone.", "Give aware datetimes.")
        return f"{value.timestamp():.3f}" if "64" in kind else str(int(value.timestamp()))
    return value


def _short(text: str) -> str:
    """Keep what the engine said, not the client's frame around it, the address or the engine's version."""
    found = re.search(r"DB::Exception: (.*?)(?: \(version [\d.]+.*| \(for url .*)?\Z", text, re.DOTALL)
    said = found[1] if found else text.split(" (for url")[0]
    return said.strip()[:600]


_default = Store()


def current() -> Store:
    """Return the store of NIGRANI_CLICKHOUSE_URL, or of the current home."""
    return _default


query, guarded, insert, insert_lines = _default.query, _default.guarded, _default.insert, _default.insert_lines
command, ping = _default.command, _default.ping
