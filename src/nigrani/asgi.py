"""The application a server runs: health and static files answered at once, everything else by Django's threads.

Django's views are synchronous. Each request borrows one of a few threads, which keep their database connections; a
request's body is read before it borrows one, so that slow senders hold nothing but memory, and little of that.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import msgspec
from asgiref.sync import ThreadSensitiveContext, sync_to_async

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nigrani.settings")

import django
from django.core.handlers.asgi import ASGIHandler
from django.db import connections
from django.http import HttpRequest, HttpResponseBase

from nigrani import __version__
from nigrani.console.assets import Asset, assets

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_BODY_BYTES = 1 << 20
BODY_WITHIN_S = 10.0
_THREADS = 4


class Application:
    """Routes one connection: lifespan, health, a static file, or Django."""

    def __init__(self) -> None:
        django.setup(set_prefix=False)
        self._django: Any = _InOneThread()
        self._assets = assets()
        self._health = msgspec.json.encode({"ok": True, "version": __version__})
        self._free: asyncio.Queue[ThreadPoolExecutor] | None = None
        self._made: list[ThreadPoolExecutor] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] != "http":
            raise ValueError(f"There is nothing here for {scope['type']}.")
        elif scope["path"] == "/healthz":
            await _answer(send, 200, self._health, scope, kind="application/json")
        elif (asset := self._assets.get(scope["path"])) and scope["method"] in ("GET", "HEAD"):
            await _answer_asset(send, asset, scope)
        else:
            await self._ask_django(scope, receive, send)

    async def _ask_django(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await asyncio.wait_for(_read(receive), BODY_WITHIN_S)
        except TimeoutError:
            await _answer(send, 408, b"The request took too long to arrive.\n", scope)
            return
        except _TooLargeError:
            await _answer(send, 413, b"The request is larger than 1 MiB.\n", scope)
            return
        if body is None:  # the client left
            return
        thread = await self._threads().get()
        try:
            async with ThreadSensitiveContext(executor=thread):
                await self._django.handle(scope, _replay(body, receive), send)
        finally:
            self._threads().put_nowait(thread)

    def close(self) -> None:
        """End the threads and with them their database connections. The process's end does the same."""
        for thread in self._made:
            thread.submit(connections.close_all)
            thread.shutdown()

    def _threads(self) -> asyncio.Queue[ThreadPoolExecutor]:
        """Return the free threads; made at first use, inside the loop that serves."""
        if self._free is None:
            self._free = asyncio.Queue()
            for number in range(_THREADS):
                self._made.append(ThreadPoolExecutor(1, thread_name_prefix=f"console-{number}"))
                self._free.put_nowait(self._made[-1])
        return self._free


class _InOneThread(ASGIHandler):
    """Django, every step of a request in the one thread that it borrowed.

    Left alone, Django makes the page of a 404 or 500 in another thread, whose database connection nobody closes.
    """

    async def read_body(self, receive: Callable[[], Awaitable[Mapping[str, Any]]]) -> BytesIO:
        """Return the body that was read already. Django's own file is left open when an answer can't be sent."""
        return BytesIO((await receive())["body"])

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def run_get_response(self, request: HttpRequest) -> HttpResponseBase:
        response: Any = await sync_to_async(self.get_response, thread_sensitive=True)(request)
        response._handler_class = type(self)
        return response  # type: ignore[no-any-return]


class _TooLargeError(Exception):
    pass


async def _read(receive: Receive) -> bytes | None:
    """Return the whole body, or None when the client left before its end."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            raise _TooLargeError
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body that was read, and then whatever comes."""
    told = False

    async def replayed() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _answer_asset(send: Send, asset: Asset, scope: Scope) -> None:
    sent = dict(scope["headers"])
    more = [(b"etag", asset.etag), (b"cache-control", b"public, max-age=31536000"), (b"vary", b"accept-encoding")]
    if sent.get(b"if-none-match") == asset.etag:
        await _answer(send, 304, b"", scope, kind=asset.kind, more=more)
    elif b"gzip" in sent.get(b"accept-encoding", b""):
        await _answer(send, 200, asset.packed, scope, kind=asset.kind, more=[*more, (b"content-encoding", b"gzip")])
    else:
        await _answer(send, 200, asset.plain, scope, kind=asset.kind, more=more)


async def _answer(
    send: Send,
    status: int,
    body: bytes,
    scope: Scope,
    *,
    kind: str = "text/plain; charset=utf-8",
    more: list[tuple[bytes, bytes]] | None = None,
) -> None:
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        *(more or [(b"cache-control", b"no-store")]),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


application = Application()
