"""Far ends over real sockets, as strict as what they stand for and as faulty as a test asks."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Got:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Says:
    """A fixed answer."""

    status: int = 200
    body: str = "ok"
    headers: tuple[tuple[str, str], ...] = ()


HANG, RESET, DRIP = object(), object(), object()


class FarEnd:
    """Takes every request and answers by script, then with `usual`. Hanging requests end when the test does."""

    def __init__(self, usual: object = None) -> None:
        self.usual = usual or Says()
        self.script: deque[object] = deque()
        self.got: list[Got] = []
        self.released = threading.Event()
        far_end = self

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                far_end.answer(self, Got(self.command, self.path, headers, body))

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: object, client_address: object) -> None:
                """A broken connection is what some tests are about."""

        self._server = Server(("127.0.0.1", 0), Door)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def judge(self, got: Got) -> object:
        """What to answer when the script is at its end."""
        return self.usual

    def answer(self, door: BaseHTTPRequestHandler, got: Got) -> None:
        self.got.append(got)
        says = self.script.popleft() if self.script else self.judge(got)
        door.close_connection = True
        if says is HANG:
            self.released.wait(30)
        elif says is RESET:
            door.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            door.connection.close()
        elif says is DRIP:
            door.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not self.released.wait(0.05):
                door.wfile.write(b"X-Drip: 1\r\n")
        elif isinstance(says, Says):
            body = says.body.encode()
            door.send_response(says.status)
            for name, value in says.headers:
                door.send_header(name, value)
            door.send_header("Content-Length", str(len(body)))
            door.end_headers()
            door.wfile.write(body)

    @contextmanager
    def serving(self) -> Iterator[FarEnd]:
        self._thread.start()
        try:
            yield self
        finally:
            self.released.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()


class SlackEnd(FarEnd):
    """Slack's two doors, with its limits on blocks (slack_sdk's models) and its answers."""

    token = "xoxb-right"

    def judge(self, got: Got) -> object:
        posted = got.path == "/api/chat.postMessage"
        wrong = wrong_with(got.json)
        if not posted:
            return Says(400, "invalid_blocks") if wrong else Says(200, "ok")
        if got.headers.get("authorization") != f"Bearer {self.token}":
            return _api(ok=False, error="invalid_auth")
        if wrong:
            return _api(ok=False, error="invalid_blocks")
        if got.json["channel"] != "C1":
            return _api(ok=False, error="channel_not_found")
        return _api(ok=True, channel="C1", ts=f"1700000000.{len(self.got):06}")


def _api(**answer: object) -> Says:
    return Says(200, json.dumps(answer), (("Content-Type", "application/json"),))


def wrong_with(message: Any) -> str:
    """Say what Slack would not take about a message; "" if nothing."""
    blocks = message.get("blocks", [])
    if not message.get("text") or not 1 <= len(blocks) <= 50 or len(message["text"]) > 40_000:
        return "text or blocks"
    for block in blocks:
        text = block["text"]
        length = len(text["text"])
        match block["type"], text["type"]:
            case "header", "plain_text" if 1 <= length <= 150:
                continue
            case "section", "mrkdwn" if 1 <= length <= 3000:
                continue
        return f"{block['type']} with {length} characters"
    return ""
