"""Real sites on loopback that behave as told: a plain HTTP server, a TLS one, and raw sockets that misbehave."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Reply:
    """What a path answers: a body, or chunks without a length until the other side leaves."""

    status: int = 200
    body: bytes = b"fine"
    headers: dict[str, str] = field(default_factory=dict)
    chunks: Callable[[], Iterator[bytes]] | None = None


@dataclass
class Site:
    """A running server: its address, what it answers by path, what it was asked."""

    base: str
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def site(*, certificate: Path | None = None) -> Iterator[Site]:
    """Run a site; over TLS with a PEM file that holds key and certificate."""
    found = Site("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with contextlib.suppress(OSError, ssl.SSLError):
                super().handle()

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            found.asked.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
            reply = found.replies.get(self.path.partition("?")[0], Reply())
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.chunks is None:
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body)
                return
            self.close_connection = True
            self.end_headers()
            for chunk in reply.chunks():
                self.wfile.write(chunk)

        do_POST = do_HEAD = do_PUT = do_GET  # noqa: N815 - the names http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 512

        def handle_error(self, request: object, client_address: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    scheme = "https" if certificate else "http"
    found.base = f"{scheme}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def raw(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """Accept connections and let `behave` treat each in a thread of its own; yield the port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    taken: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                each, _ = listener.accept()
            except OSError:
                return
            taken.append(each)
            threading.Thread(target=treat, args=(each,), daemon=True).start()

    def treat(each: socket.socket) -> None:
        with contextlib.suppress(OSError):
            behave(each)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for each in taken:
            each.close()
        thread.join()


def silent(each: socket.socket) -> None:
    """Accept and say nothing until the other side leaves."""
    while each.recv(4096):
        pass


def resets(each: socket.socket) -> None:
    """Read a little and break the connection off with a reset."""
    each.recv(16)
    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    each.close()


def closes(each: socket.socket) -> None:
    """Read a little and close without a word."""
    each.recv(4096)
    each.close()


def says(text: bytes) -> Callable[[socket.socket], None]:
    """Return a behaviour that answers the same bytes whatever is asked."""

    def behave(each: socket.socket) -> None:
        each.recv(4096)
        each.sendall(text)
        each.shutdown(socket.SHUT_WR)
        silent(each)

    return behave


def trickles(text: bytes, *, every_s: float) -> Callable[[socket.socket], None]:
    """Return a behaviour that sends `text` and then one byte more, again and again."""
    pause = threading.Event()

    def behave(each: socket.socket) -> None:
        each.recv(4096)
        each.sendall(text)
        while True:
            pause.wait(every_s)
            each.sendall(b".")

    return behave


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
