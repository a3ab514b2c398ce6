"""ClickHouse's HTTP interface over the engine: as much of it as clickhouse-connect and curl use."""

from __future__ import annotations

import base64
import binascii
import gzip
import hmac
import logging
import re
import socketserver
import sys
import threading
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import lz4.frame
import msgspec
from backports import zstd

from nigrani.lib import clock
from nigrani.lib.secret import Secret

from . import statement
from .engine import Engine, Failed, Result

log = logging.getLogger(__name__)

DATABASE = "nigrani"  # where a request that names none is served
CONNECTIONS_MAX = 256
BODY_MAX = 128 * 2**20
_TRANSPORT = frozenset({
    "query", "database", "default_format", "query_id", "session_id", "session_timeout", "session_check", "user",
    "password", "wait_end_of_query", "client_protocol_version", "buffer_size", "compress", "decompress", "quota_key",
    "enable_http_compression", "send_progress_in_http_headers", "http_headers_progress_interval_ms", "role",
    "stacktrace",
})  # fmt: skip
_STATUS = {516: 403, 497: 403, 164: 403, 481: 403, 60: 404, 81: 404, 46: 404, 57: 409, 159: 408, 202: 503, 439: 503}
_THEIR_FAULT = frozenset({6, 26, 27, 36, 38, 41, 42, 43, 47, 53, 62, 72, 73, 115, 117, 130, 131, 456, 457, 471})
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*\Z", re.IGNORECASE)
_AUTHENTICATION_FAILED = (
    "Code: 516. DB::Exception: Authentication failed: password is incorrect, or there is no user with such name."
    " (AUTHENTICATION_FAILED)"
)
_DECODERS = {"gzip": gzip.decompress, "lz4": lz4.frame.decompress, "zstd": zstd.decompress}


class Unfit(Exception):
    """A request that is no use to us; answered with `status` and its text."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Server(ThreadingHTTPServer):
    """Listens on loopback; a thread a connection, since clients keep theirs open."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, port: int, engine: Engine, *, user: str, password: Secret) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.engine = engine
        self._user = user.encode()
        self._password = password

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def server_bind(self) -> None:
        """Bind without looking up our own host's name, which may wait for a name server."""
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection, unless there are more than any client of ours opens."""
        if threading.active_count() > CONNECTIONS_MAX:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """Log what ended a connection; the next one is not touched by it."""
        log.error("A connection failed.", exc_info=sys.exc_info(), extra={"action": "telemetry.connection_failed"})

    def admits(self, user: str, password: str) -> bool:
        """Whether these are the credentials, compared in constant time."""
        right_user = hmac.compare_digest(user.encode(), self._user)
        return hmac.compare_digest(password.encode(), self._password.reveal().encode()) and right_user


class Handler(BaseHTTPRequestHandler):
    """One connection: requests one after another."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "nigrani-telemetry"
    sys_version = ""
    wbufsize = 65536  # with Nagle off: headers and body leave in one packet (48 ms a query otherwise)
    disable_nagle_algorithm = True
    timeout = 120  # seconds an idle connection is kept

    def do_GET(self) -> None:
        """Answer a ping, or a query in the address; reading statements only."""
        if urlsplit(self.path).path == "/ping":
            self._answer(200, b"Ok.\n", {})
        else:
            self._serve(reads_only=True)

    def do_POST(self) -> None:
        """Answer a query in the body, or in the address with data in the body."""
        self._serve(reads_only=False)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing per request: a statement may hold what nobody should read in a log."""

    def _serve(self, *, reads_only: bool) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        if not self.server.admits(*self._credentials(asked)):
            self.close_connection = True  # the body is not read: a stranger can't make us hold it
            self._fail(516, _AUTHENTICATION_FAILED)
            return
        started = clock.monotonic()
        try:
            result, format_name = self._run(asked, b"" if reads_only else self._body(), reads_only=reads_only)
        except Unfit as unfit:
            self.close_connection = True
            self._answer(unfit.status, f"{unfit}\n".encode(), {})
        except (Failed, statement.Rejected) as error:
            self._fail(error.code, str(error))
        except UnicodeDecodeError:
            self._fail(62, "Code: 62. DB::Exception: The statement is not UTF-8. (SYNTAX_ERROR)")
        else:
            headers = {
                "X-ClickHouse-Query-Id": asked.get("query_id") or str(uuid.uuid4()),
                "X-ClickHouse-Summary": _summary(result, clock.monotonic() - started),
            }
            self._answer(200, result.body, headers | ({"X-ClickHouse-Format": format_name} if format_name else {}))

    def _run(self, asked: Mapping[str, str], body: bytes, *, reads_only: bool) -> tuple[Result, str]:
        engine = self.server.engine
        settings = {k: v for k, v in asked.items() if k not in _TRANSPORT and not k.startswith("param_")}
        if reads_only and settings.get("readonly", "0") == "0":
            settings["readonly"] = "2"
        database = asked.get("database") or self.headers.get("X-ClickHouse-Database") or DATABASE
        raw = asked["query"].encode() + (b"\n" + body if body else b"") if asked.get("query") else body
        if insert := statement.split_insert(raw):
            return engine.insert(insert, settings=settings, database=database), ""
        sql = raw.decode()
        chosen = _FORMAT.search(sql)
        format_name = asked.get("default_format") or self.headers.get("X-ClickHouse-Format") or "TabSeparated"
        params = {key.removeprefix("param_"): value for key, value in asked.items() if key.startswith("param_")}
        result = engine.query(sql, format_name, params=params, settings=settings, database=database)
        return result, chosen[1] if chosen else format_name if result.body else ""

    def _credentials(self, asked: Mapping[str, str]) -> tuple[str, str]:
        if user := self.headers.get("X-ClickHouse-User"):
            return user, self.headers.get("X-ClickHouse-Key", "")
        scheme, _, word = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                user, _, password = base64.b64decode(word, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return "", ""
            return user, password
        return asked.get("user", ""), asked.get("password", "")

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            raw = self._chunks()
        else:
            try:
                length = int(self.headers.get("Content-Length", "0"))
            except ValueError:
                raise Unfit(400, "Content-Length is no number.") from None
            if not 0 <= length <= BODY_MAX:
                raise Unfit(413, f"The body may have at most {BODY_MAX} bytes.")
            raw = self.rfile.read(length)
            if len(raw) != length:
                raise Unfit(400, "The body ended early.")
        encoding = self.headers.get("Content-Encoding", "identity").lower()
        if encoding in ("identity", ""):
            return raw
        if encoding not in _DECODERS:
            raise Unfit(415, f"The encoding {encoding} is not known; send gzip, lz4, zstd or none.")
        try:
            return bytes(_DECODERS[encoding](raw))
        except (OSError, EOFError, RuntimeError, ValueError, zstd.ZstdError) as error:
            raise Unfit(400, f"The body is no {encoding}: {error}") from None

    def _chunks(self) -> bytes:
        whole = bytearray()
        while True:
            line = self.rfile.readline(1024).split(b";")[0].strip()
            if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", line):
                raise Unfit(400, "The chunked body ended early or is malformed.")
            size = int(line, 16)
            if len(whole) + size > BODY_MAX:
                raise Unfit(413, f"The body may have at most {BODY_MAX} bytes.")
            chunk = self.rfile.read(size + 2) if size else b"\r\n"
            if len(chunk) != size + 2 or chunk[-2:] != b"\r\n":
                raise Unfit(400, "The chunked body ended early or is malformed.")
            whole += chunk[:-2]
            if not size:
                while self.rfile.readline(1024).strip():
                    pass
                return bytes(whole)

    def _fail(self, code: int, message: str) -> None:
        status = _STATUS.get(code, 400 if code in _THEIR_FAULT else 500)
        self._answer(status, f"{message}\n".encode(), {"X-ClickHouse-Exception-Code": str(code)})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, re.sub(r"[^\x20-\x7e]", "?", value))
            self.send_header("X-ClickHouse-Timezone", "UTC")
            self.send_header("Content-Type", "text/plain; charset=UTF-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:
            self.close_connection = True  # the client went away; its statement was run all the same


def _summary(result: Result, elapsed_s: float) -> str:
    read, written = result.read, result.written
    return msgspec.json.encode({
        "read_rows": str(read[0]), "read_bytes": str(read[1]),
        "written_rows": str(written[0]), "written_bytes": str(written[1]),
        "elapsed_ns": str(int(elapsed_s * 1e9)),
    }).decode()  # fmt: skip
