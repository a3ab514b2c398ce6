"""Ask a child whether it lives, without waiting for it: the supervisor has one thread and others to look after."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Word = Literal["ready", "alive", "silent"]
_CONNECT_S = 0.3  # all our children are on this machine: the kernel accepts at once or its queue is full


@dataclass(frozen=True)
class Target:
    """Where to ask, what to say, and how to read the answer.

    address: (host, port) for TCP, a path for a unix socket. read: None while the answer is not whole; `ended` says
    that no more will come.
    """

    address: tuple[str, int] | str
    question: bytes
    read: Callable[[bytes, bool], Word | None]


class Pulse:
    """One question at a time to one target."""

    def __init__(self, *, patience_s: float = 10.0) -> None:
        self._patience_s = patience_s
        self._socket: socket.socket | None = None
        self._read: Callable[[bytes, bool], Word | None] = _read_http
        self._heard = b""
        self._asked_at = 0.0

    @property
    def waiting(self) -> socket.socket | None:
        """The socket on which an answer is awaited, for select()."""
        return self._socket

    def ask(self, target: Target, *, now_s: float) -> Word | None:
        """Send the question. Returns "silent" if nobody listens, else None: look again with `hear`."""
        self.drop()
        family = socket.AF_UNIX if isinstance(target.address, str) else socket.AF_INET
        if isinstance(target.address, tuple) and ":" in target.address[0]:
            family = socket.AF_INET6
        line = socket.socket(family, socket.SOCK_STREAM)
        try:
            line.settimeout(_CONNECT_S)
            line.connect(target.address)
            line.sendall(target.question)
            line.setblocking(False)
        except OSError:
            line.close()
            return "silent"
        self._socket, self._read, self._heard, self._asked_at = line, target.read, b"", now_s
        return None

    def hear(self, *, now_s: float) -> Word | None:
        """Return the answer if it is there, "silent" if it never will be, None if it may still come."""
        if self._socket is None:
            return None
        ended = False
        try:
            heard = self._socket.recv(65536)
            self._heard += heard
            ended = not heard
        except BlockingIOError:
            pass
        except OSError:
            ended = True
        word = self._read(self._heard, ended)
        if word is None and (ended or now_s - self._asked_at > self._patience_s):
            word = "silent"
        if word is not None:
            self.drop()
        return word

    def drop(self) -> None:
        """Stop waiting."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def http(host: str, port: int, path: str) -> Target:
    """Return the target that is ready when `GET path` answers 200, and alive when it answers anything."""
    question = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    return Target((host, port), question.encode(), _read_http)


def _read_http(heard: bytes, ended: bool) -> Word | None:
    # Read to the end, so that the server never sees us hang up on it.
    if not ended and len(heard) < 65536:
        return None
    if not heard.startswith(b"HTTP/1."):
        return "silent"
    return "ready" if heard[9:12] == b"200" else "alive"


def postgres(socket_folder: Path, *, role: str) -> Target:
    """Return the target that is ready when PostgreSQL asks for a password, as pg_isready does it."""
    words = b"".join(part.encode() + b"\0" for part in ("user", role, "database", "postgres", ""))
    packet = (196608).to_bytes(4, "big") + words
    return Target(str(socket_folder / ".s.PGSQL.5432"), (len(packet) + 4).to_bytes(4, "big") + packet, _read_postgres)


def _read_postgres(heard: bytes, ended: bool) -> Word | None:
    if heard.startswith(b"R"):
        return "ready"
    if heard.startswith(b"E") and (ended or b"\0\0" in heard):
        # 57P03: starting up, shutting down or recovering. Any other refusal comes from a server that works.
        return "alive" if b"57P03" in heard else "ready"
    return None


def port_from(path: Path) -> int | None:
    """Return the port a child wrote into its file ("8200" or "host:8200"), or None."""
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text().strip().rpartition(":")[2]) or None
    return None
