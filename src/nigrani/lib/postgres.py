"""Ask a PostgreSQL that is not ours one statement, within a deadline that holds whatever the server does.

The conversation is libpq's own, driven here over a non-blocking socket, so that a server that accepts and says
nothing, hangs in the middle of a query or trickles bytes costs `deadline` and no more, and leaves neither a thread
nor a connection behind. Everything travels by the extended protocol, as unnamed statements within one transaction:
nothing is left in a pooler's connection.
"""

from __future__ import annotations

import select
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from . import clock, postgres_errors
from .names import resolve
from .postgres_errors import PostgresError
from .secret import Secret

_DONE = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK, pq.ExecStatus.SINGLE_TUPLE)
_SETTINGS = (
    b"SELECT set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true),"
    b" set_config('IntervalStyle', 'postgres', true), set_config('statement_timeout', $1, true)"
)
_PATH = b", set_config('search_path', $2, true)"
MAX_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Rows:
    """What a statement returned.

    is_complete: False when there were more rows than asked for; the rest was not read.
    ms: connect (until the server took the connection), login (until it let us in), first_byte (until the first row
        or the end), total. Each counts from the end of the one before, total from the beginning; dns when looked up.
    greeted_by: the process id we were told when we logged in; behind a pooler it is not the server's own.
    types: the columns' type OIDs (1114: timestamp without a zone).
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    is_complete: bool = True
    ms: Mapping[str, float] = field(default_factory=dict)
    server_version: int = 0
    is_superuser: bool = False
    greeted_by: int = 0
    types: tuple[int, ...] = ()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in self.rows:
            yield dict(zip(self.columns, row, strict=True))


def run(
    dsn: Secret,
    sql: str,
    params: Sequence[object] = (),
    *,
    deadline: timedelta,
    max_rows: int,
    max_bytes: int = MAX_BYTES,
    read_only: bool = True,
    may_be_superuser: bool = True,
    search_path: str = "",
) -> Rows:
    """Connect, run one statement in a transaction of its own, disconnect.

    sql: parameters are written $1, $2. A read-only run cannot write even if the role may.
    deadline: wall clock for everything; the server is told to stop the statement a little earlier.
    max_bytes: of all values together; more is an error, and is not kept. One row is read whole.
    may_be_superuser: False breaks off right after the login of a superuser, before anything is asked.
    search_path: where unqualified names are looked up, as PostgreSQL writes it; "" leaves the role's own.
    Raises one of the four kinds of SourceError, caused by a PostgresError that keeps the phase, a closed word and
    the SQLSTATE. No message quotes the address or the password.
    """
    talk = _Talk(dsn, deadline)
    try:
        talk.connect()
        if talk.is_superuser and not may_be_superuser:
            raise PostgresError("superuser", "login", "The role is a superuser, which may do anything.")
        return talk.ask(
            sql, params, max_rows=max_rows, max_bytes=max_bytes, read_only=read_only, search_path=search_path
        )
    except PostgresError as error:
        error.ms = talk.ms
        raise postgres_errors.kind(error, uncertain=talk.sent and not read_only) from error
    finally:
        talk.close()


def address_problems(dsn: Secret) -> Iterator[str]:
    """Yield what is wrong with an address, never quoting it."""
    try:
        parts = conninfo_to_dict(dsn.reveal())
    except psycopg.ProgrammingError:
        yield "the address is no PostgreSQL address; write postgresql://role:password@host:5432/database"
        return
    for key, what in (("host", "a host"), ("user", "a role"), ("dbname", "a database")):
        if not parts.get(key) and not (key == "host" and parts.get("hostaddr")):
            yield f"the address names no {what.split()[-1]}; write postgresql://role:password@host:5432/database"


class _Talk:
    """One connection's life. Each step raises PostgresError; close() is always right."""

    def __init__(self, dsn: Secret, deadline: timedelta) -> None:
        self._dsn = dsn
        self._began = self._mark = clock.monotonic()
        self._until = self._began + deadline.total_seconds()
        self._conn: pq.abc.PGconn | None = None
        self._phase = "connect"
        self.ms: dict[str, float] = {}
        self.sent = False

    def connect(self) -> None:
        """Log in. A refusal in a language we do not read is asked for once more, with its code."""
        conninfo = self._conninfo()
        said = self._login(conninfo)
        if said is None:
            return
        code = postgres_errors.code_of(said, lambda: self._code_by_trace(conninfo))
        raise postgres_errors.at_login(said, code, phase=self._phase)

    @property
    def is_superuser(self) -> bool:
        """Whether the role that logged in is one."""
        return self._open.parameter_status(b"is_superuser") == b"on"

    def ask(
        self, sql: str, params: Sequence[object], *, max_rows: int, max_bytes: int, read_only: bool, search_path: str
    ) -> Rows:
        """Run the statement. All of its parts leave at once, so it costs one journey there and back."""
        conn = self._open
        self._phase = "query"
        left_ms = max(1, int((self._until - clock.monotonic()) * 900))
        try:
            values, types, formats = _bound(params)
            conn.nonblocking = 1
            conn.enter_pipeline_mode()
            conn.send_query_params(b"BEGIN READ ONLY" if read_only else b"BEGIN", None)
            conn.send_query_params(
                _SETTINGS + (_PATH if search_path else b""),
                [str(left_ms).encode(), *([search_path.encode()] if search_path else [])],
            )
            conn.send_query_params(sql.encode(), values, types, formats)
            conn.send_query_params(b"COMMIT", None)
            conn.pipeline_sync()
            self.sent = True
            return self._results(max_rows, max_bytes)
        except psycopg.Error as error:
            raise postgres_errors.from_text(_text(conn) or str(error), phase=self._phase) from None

    def close(self) -> None:
        """Give the connection up, whatever state it is in."""
        if self._conn is not None:
            self._conn.finish()
            self._conn = None

    @property
    def _open(self) -> pq.abc.PGconn:
        assert self._conn is not None
        return self._conn

    def _conninfo(self) -> bytes:
        """Return the address with names looked up, since libpq would look them up without a deadline."""
        try:
            parts: dict[str, Any] = dict(conninfo_to_dict(self._dsn.reveal()))
        except psycopg.ProgrammingError:
            raise PostgresError("setting", "connect", "The address is no PostgreSQL address.") from None
        hosts, ports = str(parts.get("host", "")).split(","), str(parts.get("port", "")).split(",")
        if not parts.get("hostaddr") and any(host and not host.startswith(("/", "@")) for host in hosts):
            ports = ports * len(hosts) if len(ports) == 1 else ports
            found = [(host, port, at) for host, port in zip(hosts, ports, strict=False) for at in self._look_up(host)]
            parts["host"], parts["port"], parts["hostaddr"] = (",".join(part) for part in zip(*found, strict=True))
            if not parts["port"].strip(","):
                del parts["port"]
        # A pooler passes client_encoding and application_name through; other settings travel in the transaction.
        parts |= {"application_name": "nigrani", "client_encoding": "UTF8"}
        parts.setdefault("gssencmode", "disable")  # asking Kerberos would block
        return make_conninfo("", **parts).encode()

    def _look_up(self, host: str) -> list[str]:
        if not host or host.startswith(("/", "@")):
            return [""]
        try:
            found = resolve(host, timeout_s=self._left())
        except TimeoutError:
            raise PostgresError("timeout", "dns", "The name was not resolved in time.") from None
        except OSError:
            raise PostgresError("dns", "dns", f"The name {host} is unknown.") from None
        self._lap("dns")
        return found

    def _login(self, conninfo: bytes, trace: int | None = None) -> str | None:
        """Connect and log in; return None, or what the failure's text is."""
        self.close()
        self._conn = conn = pq.PGconn.connect_start(conninfo)
        self._phase = "connect"
        if trace is not None:
            conn.trace(trace)
        while conn.status != pq.ConnStatus.BAD:
            wanted = conn.connect_poll()
            if self._phase == "connect" and conn.status not in (pq.ConnStatus.STARTED, pq.ConnStatus.BAD):
                self._lap("connect")
                self._phase = "login"
            if wanted == pq.PollingStatus.OK:
                self._lap("login")
                return None
            if wanted == pq.PollingStatus.FAILED:
                break
            self._wait(select.POLLOUT if wanted == pq.PollingStatus.WRITING else select.POLLIN)
        return _text(conn)

    def _code_by_trace(self, conninfo: bytes) -> str:
        with postgres_errors.trace_file() as (fileno, code):
            said = self._login(conninfo, trace=fileno)
            self._open.untrace()
            return code() if said is not None else ""

    def _results(self, max_rows: int, max_bytes: int) -> Rows:
        """Read the results in the order the parts were sent; only the third part's rows are wanted."""
        conn = self._open
        rows: list[tuple[Any, ...]] = []
        columns: tuple[str, ...] = ()
        part, complete, transformer, size = 0, True, Transformer(), 0
        types: tuple[int, ...] = ()
        while part < 4:
            self._await_result()
            result = conn.get_result()
            if result is None:
                part += 1
                if part == 2:
                    conn.set_single_row_mode()
                continue
            if result.status not in _DONE:
                raise postgres_errors.from_result(result)
            if part != 2:
                continue
            if "first_byte" not in self.ms:
                self._lap("first_byte")
            if not columns:
                columns = tuple((result.fname(at) or b"").decode() for at in range(result.nfields))
                types = tuple(result.ftype(at) for at in range(result.nfields))
                transformer.set_pgresult(result)
            if result.ntuples and len(rows) >= max_rows:
                complete = False
                break
            size += sum(
                len(result.get_value(at, each) or b"") for at in range(result.ntuples) for each in range(result.nfields)
            )
            if size > max_bytes:
                raise PostgresError("size", "query", f"The answer is larger than {max_bytes // 2**20} MiB.")
            if result.ntuples:
                transformer.set_pgresult(result, set_loaders=not rows)
                rows += transformer.load_rows(0, result.ntuples, tuple)
        self.ms["total"] = (clock.monotonic() - self._began) * 1000
        version, pid = conn.server_version, conn.backend_pid
        return Rows(columns, rows, complete, self.ms, version, self.is_superuser, pid, types)

    def _await_result(self) -> None:
        conn = self._open
        while conn.flush():
            self._wait(select.POLLIN | select.POLLOUT)
            conn.consume_input()
        while conn.is_busy():
            self._wait(select.POLLIN)
            conn.consume_input()

    def _wait(self, events: int) -> None:
        poll = select.poll()
        poll.register(self._open.socket, events)
        if self._left() <= 0 or not poll.poll(max(1, int(self._left() * 1000))):
            raise PostgresError("timeout", self._phase, f"No answer in time ({self._phase}).")

    def _left(self) -> float:
        return self._until - clock.monotonic()

    def _lap(self, phase: str) -> None:
        now = clock.monotonic()
        self.ms[phase] = (now - self._mark) * 1000
        self._mark = now


def _bound(params: Sequence[object]) -> tuple[Any, Any, Any]:
    if not params:
        return None, None, None
    transformer = Transformer()
    values = transformer.dump_sequence(params, [PyFormat.AUTO] * len(params))
    return values, transformer.types, transformer.formats


def _text(conn: pq.abc.PGconn) -> str:
    return conn.get_error_message("utf-8").strip()
