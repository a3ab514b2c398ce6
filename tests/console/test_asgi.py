"""What stands before Django: health, static files, limits; and that Django's threads keep their connections."""

from __future__ import annotations

import asyncio
import gc
import gzip
import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from tests.console import server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def served() -> Iterator[str]:
    with server.serving() as address:
        yield address.removeprefix("http://")


BAD = {"authorization": "Bearer ngr_x"}
NONE: Mapping[str, str] = {}
Answer = tuple[int, bytes, dict[str, str]]


def ask(served: str, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = NONE) -> Answer:
    line = http.client.HTTPConnection(served, timeout=20)
    try:
        line.request(method, path, body, dict(headers))
        answer = line.getresponse()
        return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
    finally:
        line.close()


def test_health_needs_no_sign_in_and_no_database(served: str) -> None:
    status, body, headers = ask(served, "GET", "/healthz")
    assert (status, json.loads(body)["ok"]) == (200, True)
    assert headers["cache-control"] == "no-store"


def test_static_files_are_packed_and_known_again(served: str) -> None:
    path = "/static/console/console.css"
    status, body, headers = ask(served, "GET", path, headers={"accept-encoding": "gzip"})
    assert (status, headers["content-encoding"], headers["content-type"]) == (200, "gzip", "text/css; charset=utf-8")
    plain = ask(served, "GET", path)[1]
    assert gzip.decompress(body) == plain
    assert ask(served, "GET", path, headers={"if-none-match": headers["etag"]})[0] == 304
    assert ask(served, "HEAD", path)[1] == b""
    assert ask(served, "GET", "/static/../settings.py")[0] == 404
    assert ask(served, "GET", "/static/console/")[0] == 404


def test_django_answers_behind_it(served: str) -> None:
    status, body, headers = ask(served, "GET", "/login")
    assert status == 200
    assert b"Sign in" in body
    assert "content-security-policy" in headers
    assert ask(served, "GET", "/")[0] == 302


def test_a_body_over_a_mebibyte_is_refused(served: str) -> None:
    assert ask(served, "POST", "/login", b"x" * (1 << 20 | 1))[0] == 413


def test_a_client_that_leaves_midway_holds_nothing(served: str) -> None:
    host, _, port = served.partition(":")
    for _ in range(8):
        line = socket.create_connection((host, int(port)))
        line.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf")
        line.close()
    assert ask(served, "GET", "/login")[0] == 200


def test_slow_senders_do_not_hold_up_others(served: str) -> None:
    host, _, port = served.partition(":")
    lines = [socket.create_connection((host, int(port))) for _ in range(8)]
    try:
        for line in lines:
            line.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf")
        assert ask(served, "GET", "/login")[0] == 200
    finally:
        for line in lines:
            line.close()


def test_many_requests_share_a_few_connections(served: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(served, "GET", "/api/v1/status", headers=BAD)[0], range(60)))
    assert set(answers) == {401}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        assert cursor.fetchone()[0] <= 6


def test_what_is_missing_or_refused_takes_no_more_connections(served: str) -> None:
    from tests.console import world

    from nigrani.access.models import Role

    cookie = world.client_of(world.person("Vera", Role.VIEWER)).cookies["nigrani_session"].value
    known = {"cookie": f"nigrani_session={cookie}"}
    with ThreadPoolExecutor(8) as pool:
        paths = ["/nowhere", "/people"] * 20
        answers = list(pool.map(lambda path: ask(served, "GET", path, headers=known)[0], paths))
    assert answers == [404, 403] * 20
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        assert cursor.fetchone()[0] <= 5


def test_an_answer_that_can_not_be_sent_leaves_nothing_open() -> None:
    from nigrani.asgi import Application

    told = [{"type": "http.request", "body": b"half=1", "more_body": False}]

    async def receive() -> dict[str, Any]:
        return told.pop() if told else await asyncio.Future()  # the client stays

    async def send(_: object) -> None:
        raise BrokenPipeError

    application = Application()
    headers = [(b"host", b"localhost"), (b"content-type", b"application/x-www-form-urlencoded")]
    scope = {"type": "http", "method": "GET", "path": "/nowhere", "query_string": b"", "headers": headers}
    try:
        with pytest.raises(BrokenPipeError):
            asyncio.run(application(scope, receive, send))
        gc.collect()  # what was left open warns here, and a warning fails the test
    finally:
        application.close()
