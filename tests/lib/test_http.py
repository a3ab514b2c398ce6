"""The one way out: deadlines, kinds of failure, and nothing secret in their words."""

from __future__ import annotations

import re
import socket
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.eventually import ends_within
from tests.outbox.far_end import DRIP, HANG, RESET, FarEnd, Says

import nigrani
from nigrani.lib import http
from nigrani.lib.errors import Refused, SourceError, Throttled, Unreachable, Unreadable

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
SOON, LONG = timedelta(milliseconds=400), timedelta(seconds=5)
CANARY = "canary-7f3a"


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    with FarEnd().serving() as far_end:
        yield far_end


def test_a_call_returns_status_headers_and_body(far_end: FarEnd) -> None:
    far_end.script.append(Says(201, "made", (("X-Seen", "yes"),)))
    reply = http.request("POST", f"{far_end.url}/a?b=c", timeout=LONG, headers={"X-Own": "1"}, content=b"body")
    assert (reply.status, reply.text, reply.headers["x-seen"]) == (201, "made", "yes")
    [got] = far_end.got
    assert (got.method, got.path, got.body, got.headers["x-own"]) == ("POST", "/a?b=c", b"body", "1")
    assert got.headers["user-agent"].startswith("Nigrani/")
    assert got.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("fault", [HANG, DRIP], ids=["hang", "drip"])
def test_the_deadline_holds_whatever_pace_the_far_end_keeps(far_end: FarEnd, fault: object) -> None:
    far_end.script.append(fault)
    with ends_within(1.5), pytest.raises(Unreachable, match=r"127\.0\.0\.1 did not answer in time") as caught:
        http.request("POST", far_end.url, timeout=SOON, content=b"{}")
    assert caught.value.uncertain, "it was sent: it may have taken effect"


def test_a_reset_after_sending_is_uncertain(far_end: FarEnd) -> None:
    far_end.script.append(RESET)
    with pytest.raises(Unreachable, match="broke") as caught:
        http.request("POST", far_end.url, timeout=LONG, content=b"{}")
    assert caught.value.uncertain


def test_no_connection_is_certain() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match="takes no connection") as caught:
            http.request("POST", f"http://127.0.0.1:{taken.getsockname()[1]}", timeout=LONG, content=b"{}")
    assert not caught.value.uncertain


def test_a_far_end_that_never_begins_tls_is_late_and_certain() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Unreachable, match="in time") as caught:
        http.request("POST", f"https://127.0.0.1:{silent.getsockname()[1]}/{CANARY}", timeout=SOON, content=b"{}")
    assert not caught.value.uncertain
    _has_no_canary(caught.value)


def test_a_far_end_that_speaks_no_tls_takes_no_connection(far_end: FarEnd) -> None:
    with pytest.raises(Unreachable, match="takes no connection") as caught:
        http.request("POST", far_end.url.replace("http:", "https:"), timeout=LONG)
    assert not caught.value.uncertain


def test_a_name_without_an_address_says_so() -> None:
    with pytest.raises(Unreachable, match=r"nowhere\.invalid has no address"):
        http.request("GET", "http://nowhere.invalid/", timeout=LONG)


def test_a_name_look_up_that_hangs_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()

    def hang(*_: object, flags: int = 0, **__: object) -> list[object]:
        if flags == socket.AI_NUMERICHOST:
            raise socket.gaierror  # the name is no address, which is known without asking anybody
        free.wait(5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with pytest.raises(Unreachable, match="in time") as caught:
        http.request("GET", "http://slow.example/", timeout=timedelta(milliseconds=100))
    free.set()
    assert not caught.value.uncertain


def test_a_redirect_is_not_followed(far_end: FarEnd) -> None:
    far_end.script.append(Says(302, "", (("Location", f"{far_end.url}/elsewhere"),)))
    assert http.request("GET", far_end.url, timeout=LONG).status == 302
    assert len(far_end.got) == 1


def test_a_body_beyond_the_cap_is_unreadable(far_end: FarEnd) -> None:
    far_end.script.append(Says(200, "x" * 2000))
    with pytest.raises(Unreadable, match="more than 1000 bytes"):
        http.request("GET", far_end.url, timeout=LONG, body_max=1000)


def test_an_answer_that_is_no_http_is_uncertain() -> None:
    with socket.create_server(("127.0.0.1", 0)) as odd:

        def answer() -> None:
            connection, _ = odd.accept()
            connection.recv(65536)
            connection.sendall(b"220 mail.example ESMTP\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(Unreachable, match="no HTTP") as caught:
            http.request("GET", f"http://127.0.0.1:{odd.getsockname()[1]}", timeout=LONG)
        thread.join()
    assert caught.value.uncertain


def test_no_proxy_is_taken_from_the_environment(far_end: FarEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert http.ping(far_end.url, LONG).status == 200


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        (f"http://user:{CANARY}@127.0.0.1/", {}),
        (f"ftp://127.0.0.1/{CANARY}", {}),
        (f"http:///{CANARY}", {}),
        (f"http://127.0.0.1:port/{CANARY}", {}),
        (f"http://[{CANARY}", {}),
        (f"http://127.0.0.1:1/{CANARY}", {"Authorization": f"{CANARY}\r\nX-More: 1"}),
        (f"http://127.0.0.1:1/{CANARY}", {"Authorization": f"{CANARY}é"}),
        (f"http://127.0.0.1:1/{CANARY}", {}),
    ],
)
def test_no_failure_quotes_an_address_or_a_header(url: str, headers: dict[str, str]) -> None:
    with pytest.raises(SourceError) as caught:
        http.request("GET", url, timeout=LONG, headers=headers)
    _has_no_canary(caught.value)


def _has_no_canary(error: BaseException) -> None:
    seen: BaseException | None = error
    while seen is not None:
        assert CANARY not in f"{seen}{seen!r}{seen.args}"
        seen = seen.__cause__ or seen.__context__
    assert CANARY not in "".join(traceback.format_exception_only(error))


@pytest.mark.parametrize(
    ("status", "kind", "uncertain"),
    [
        (429, Throttled, None), (408, Unreachable, False), (500, Unreachable, False), (502, Unreachable, True),
        (503, Unreachable, False), (504, Unreachable, True), (302, Refused, None), (400, Refused, None),
        (403, Refused, None), (404, Refused, None), (410, Refused, None),
    ],
)  # fmt: skip
def test_a_status_means_one_kind_of_failure(status: int, kind: type[SourceError], uncertain: bool | None) -> None:
    with pytest.raises(kind, match=str(status)) as caught:
        http.raise_unless_taken(http.Reply(status, {}, b""), who="It", now=NOW)
    if uncertain is not None:
        assert getattr(caught.value, "uncertain", None) is uncertain


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("30", NOW + timedelta(seconds=30)),
        (" 0 ", NOW),
        ("Tue, 03 Nov 2026 09:01:00 GMT", NOW + timedelta(minutes=1)),
        ("9" * 30, NOW + timedelta(days=7)),
        ("", None), ("soon", None), ("-5", None), ("1.5", None), ("²", None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date_or_nothing(value: str, at: datetime | None) -> None:
    assert http.retry_at(http.Reply(429, {"retry-after": value}, b""), now=NOW) == at


def test_nobody_else_calls_http_by_a_client_of_their_own() -> None:
    own = re.compile(r"^\s*(?:import|from) (?:httpx|httpcore|requests|aiohttp|urllib\.request|http\.client)\b", re.M)
    package = Path(nigrani.__file__).parent
    users = {str(path.relative_to(package)) for path in package.rglob("*.py") if own.search(path.read_text("utf-8"))}
    assert users == {"lib/http.py"}, "use nigrani.lib.http"
