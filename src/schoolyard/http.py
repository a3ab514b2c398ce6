"""A small HTTP/1.1 server that can also misbehave: refuse, reset, hang, trickle.

The protocol is h11's; what is ours is the socket. A port is kept bound while it is closed, so that a refused
connection is a real one and no other process can take the port meanwhile.
"""

import asyncio
import json
import logging
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import h11

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
MAX_BODY_BYTES = 10 * 1024 * 1024


class Reset(Exception):
    """Raised by a handler: drop the connection with a TCP reset."""


class Hang(Exception):
    """Raised by a handler: read the request and never answer; the connection ends when the client gives up."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    peer: str

    def cookie(self, name: str) -> str | None:
        for part in self.headers.get("cookie", "").split(";"):
            key, _, value = part.strip().partition("=")
            if key == name:
                return value
        return None

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def json(self) -> Any:
        """Return the body read as JSON. Raises ValueError if it is none."""
        return json.loads(self.body)


@dataclass(slots=True)
class Response:
    status: int
    body: bytes | AsyncIterator[bytes] = b""
    headers: list[tuple[str, str]] = field(default_factory=list)


Handler = Callable[[Request], Awaitable[Response]]


def answer_json(document: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(document, ensure_ascii=False).encode()
    return Response(status, body, [("content-type", "application/json"), *(headers or {}).items()])


def answer_text(text: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, text.encode(), [("content-type", "text/plain; charset=utf-8"), *(headers or {}).items()])


def answer_html(text: str, *, status: int = 200) -> Response:
    return Response(status, text.encode(), [("content-type", "text/html; charset=utf-8")])


def reserve(port: int) -> socket.socket:
    """Return a socket bound to the loopback port (0: any free one) but not listening: connections are refused.

    Raises OSError when another process has the port.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sets TCP_NODELAY by it
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
    except OSError:
        sock.close()
        raise
    return sock


class Port:
    """A TCP port that can be opened and closed at will, always refusing (never free) while closed."""

    def __init__(
        self, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], port: int = 0
    ) -> None:
        self._serve = serve
        self._sock = reserve(port)
        self.number: int = self._sock.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._live: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}

    @property
    def is_open(self) -> bool:
        return self._server is not None

    async def open(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, sock=self._sock)

    async def close(self, *, keep: bool = True) -> None:
        """Refuse new connections and cut the present ones. keep: hold the number for a later open()."""
        server, self._server = self._server, None
        if server is None:
            if not keep:
                self._sock.close()
            return
        server.close()
        tasks = list(self._live.values())
        for writer, task in list(self._live.items()):
            abort(writer)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if keep:
            self._sock = reserve(self.number)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._live[writer] = task
        try:
            with suppress(ConnectionError, TimeoutError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            del self._live[writer]
            writer.close()


def abort(writer: asyncio.StreamWriter) -> None:
    """Drop a connection with a reset: linger off, no goodbye."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Site(Port):
    """A port that speaks HTTP/1.1 and gives each request to one handler."""

    def __init__(self, handler: Handler, port: int = 0) -> None:
        super().__init__(self._converse, port)
        self._handler = handler

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.number}"

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        while True:
            try:
                request = await _read(connection, reader, writer)
                if request is None:
                    return
                response = await self._respond(request)
            except Reset:
                abort(writer)
                return
            except Hang:
                await reader.read()
                return
            except h11.RemoteProtocolError as error:
                if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                    sorry = answer_text("Bad Request", status=error.error_status_hint)
                    await _write(connection, writer, sorry, method="GET")
                return
            await _write(connection, writer, response, method=request.method)
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return
            connection.start_next_cycle()

    async def _respond(self, request: Request) -> Response:
        try:
            return await self._handler(request)
        except (Reset, Hang):
            raise
        except Exception:
            log.exception("unexpected failure on %s %s", request.method, request.path)
            return answer_text("Internal Server Error", status=500)


async def _read(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    """Read one whole request; None when the client has gone. Raises h11.RemoteProtocolError on nonsense."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                writer.write(connection.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            connection.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY_BYTES:
                raise h11.RemoteProtocolError("body too large", error_status_hint=413)
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return _request(head, bytes(body), writer)
        else:
            return None


def _request(head: h11.Request, body: bytes, writer: asyncio.StreamWriter) -> Request:
    target = head.target.decode("latin-1")
    parts = urlsplit(target)
    peer = writer.get_extra_info("peername")
    return Request(
        method=head.method.decode("ascii"),
        target=target,
        path=parts.path or "/",
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in head.headers},
        body=body,
        peer=peer[0] if peer else "",
    )


async def _write(connection: h11.Connection, writer: asyncio.StreamWriter, response: Response, *, method: str) -> None:
    headers = list(response.headers)
    whole = response.body if isinstance(response.body, bytes) else None
    if whole is not None and not any(name.lower() == "content-length" for name, _ in headers):
        headers.append(("content-length", str(len(whole))))
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    writer.write(connection.send(h11.Response(status_code=response.status, headers=encoded)) or b"")
    if method == "HEAD" or response.status in (204, 304):
        pass
    elif isinstance(response.body, bytes):
        writer.write(connection.send(h11.Data(data=response.body)) or b"")
    else:
        async for chunk in response.body:
            writer.write(connection.send(h11.Data(data=chunk)) or b"")
            await writer.drain()
    writer.write(connection.send(h11.EndOfMessage()) or b"")
    await writer.drain()
