"""Sites that answer, and sites that do everything wrong, over real sockets."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.eventually import ends_within
from tests.integrations import certificates, sites
from tests.integrations.sites import Reply, Site

from nigrani.integrations import Answer, ProbeJob, web
from nigrani.integrations.web import probe
from nigrani.integrations.web.config import Expect, ProbeConfig, SourceConfig
from nigrani.lib import clock
from nigrani.lib.errors import Refused, SourceError, Throttled
from nigrani.lib.secret import Secret


@pytest.fixture
def site() -> Iterator[Site]:
    with sites.site() as found:
        yield found


def job(
    base: str, path: str = "/", *, timeout_s: float = 5, source: dict[str, Any] | None = None, **config: Any
) -> ProbeJob:
    return ProbeJob(
        "website",
        path,
        SourceConfig(base=base, **(source or {})),
        ProbeConfig(path=path, **config),
        timedelta(seconds=timeout_s),
    )


def ask(one: ProbeJob) -> Answer | SourceError:
    [(asked, answer)] = probe.probe([one])
    assert asked is one
    return answer


def answer_of(one: ProbeJob) -> Answer:
    answer = ask(one)
    assert isinstance(answer, Answer), answer
    return answer


def test_a_right_answer_has_its_phases(site: Site) -> None:
    answer = answer_of(job(site.base))
    assert (answer.ok, answer.failure, answer.status, answer.size_bytes) == (True, "", 200, 4)
    assert set(answer.ms) == {"dns", "connect", "first_byte", "total"}
    parts = answer.ms["dns"] + answer.ms["connect"] + answer.ms["first_byte"]
    assert 0 < parts <= answer.ms["total"] + 0.01 < 5000


def test_the_request_is_what_the_guide_says(site: Site) -> None:
    source = {"headers": {"X-One": "source", "X-Two": "source"}, "secret_headers": {"X-Key": Secret("s3cret")}}
    answer = answer_of(
        job(site.base, "/api?x=1", source=source, method="POST", json={"code": "PROBE"}, headers={"x-two": "probe"})
    )
    [(method, path, headers, body)] = site.asked
    assert answer.ok
    assert (method, path, body) == ("POST", "/api?x=1", b'{"code":"PROBE"}')
    assert (headers["X-One"], headers["x-two"], headers["X-Key"]) == ("source", "probe", "s3cret")
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("Nigrani/")
    assert "X-Two" not in headers
    assert "Expect" not in headers


def test_a_head_asks_for_no_body(site: Site) -> None:
    assert answer_of(job(site.base, method="HEAD")).ok
    assert site.asked[0][0] == "HEAD"


@pytest.mark.parametrize(
    ("reply", "expect", "failure", "detail"),
    [
        (Reply(500), Expect(), "status", "Status 500 instead of 200."),
        (Reply(404), Expect(status=(404, 200)), "", ""),
        (Reply(401), Expect(), "status", "Status 401 instead of 200."),
        (Reply(200, b"Invalid school code"), Expect(body="school code"), "", ""),
        (Reply(200, b"other"), Expect(body="school code"), "body", "The expected text does not stand in its body."),
        (Reply(200, b"boom"), Expect(body_not="boom"), "body", "Its body holds a text that must not be there."),
        (Reply(200, b'{"a":{"b":[1,{"c":"up"}]}}'), Expect(json={"a.b.1.c": "up"}), "", ""),
        (Reply(200, b'{"a":"degraded"}'), Expect(json={"a": ["healthy", "degraded"]}), "", ""),
        (Reply(200, b'{"a":"x"}'), Expect(json={"a": "y"}), "json", "Its JSON has another a than expected."),
        (Reply(200, b'{"a":1}'), Expect(json={"a": True}), "json", "Its JSON has another a than expected."),
        (Reply(200, b'{"a":[1]}'), Expect(json={"a.7": 1}), "json", "Its JSON has no a.7."),
        (Reply(200, b'{"a":null}'), Expect(json={"a": None}), "", ""),
        (Reply(200, b"<html>"), Expect(json={"a": 1}), "json", "Its body is no JSON."),
        (Reply(200, b"[" * 5000), Expect(json={"a": 1}), "json", "Its body is no JSON."),
    ],
)  # fmt: skip
def test_an_answer_is_held_against_what_was_expected(
    site: Site, reply: Reply, expect: Expect, failure: str, detail: str
) -> None:
    site.replies["/"] = reply
    answer = answer_of(job(site.base, expect=expect))
    assert (answer.ok, answer.failure, answer.detail) == (not failure, failure, detail)


CAPTURED = Path(web.__file__).parent / "captured"


@pytest.mark.parametrize(
    ("file", "status", "expect"),
    [
        ("schools-validate.404.json", 404, Expect(status=(404,), body="Invalid school code", json={"success": False})),
        ("subdomain-validate.404.json", 404, Expect(status=(404,), json={"error": "School not found or inactive"})),
        ("csrf.403.json", 403, Expect(status=(403,), json={"code": "CSRF_TOKEN_INVALID"})),
    ],
)
def test_the_erps_own_answers_are_right_when_expected(site: Site, file: str, status: int, expect: Expect) -> None:
    site.replies["/"] = Reply(status, (CAPTURED / file).read_bytes())
    assert answer_of(job(site.base, expect=expect)).ok
    assert answer_of(job(site.base)).failure == "status"


def test_a_redirect_is_a_failure_that_names_the_place_without_its_secrets(site: Site) -> None:
    site.replies["/"] = Reply(307, headers={"Location": "https://me:pw@login.example/in?token=abc#frag"})
    answer = answer_of(job(site.base))
    assert (answer.failure, answer.detail) == ("redirect", "It redirects (307) to login.example/in.")


def test_an_expected_redirect_is_right(site: Site) -> None:
    site.replies["/"] = Reply(307, headers={"Location": "/login"})
    assert answer_of(job(site.base, expect=Expect(status=(307,)))).ok


def test_redirects_are_followed_only_when_told_and_only_within_the_host(site: Site) -> None:
    site.replies |= {"/a": Reply(302, headers={"Location": "/b"}), "/b": Reply(200, b"here")}
    site.replies["/out"] = Reply(302, headers={"Location": "http://localhost:1/b"})
    assert answer_of(job(site.base, "/a")).failure == "redirect"
    followed = answer_of(job(site.base, "/a", follow=True, expect=Expect(body="here")))
    assert followed.ok
    away = answer_of(job(site.base, "/out", follow=True, source={"secret_headers": {"X-Key": Secret("k")}}))
    assert (away.failure, away.detail) == ("redirect", "It redirects (302) to another place: localhost:1/b.")


def test_a_post_that_is_sent_elsewhere_becomes_a_get(site: Site) -> None:
    site.replies["/a"] = Reply(303, headers={"Location": "/b"})
    assert answer_of(job(site.base, "/a", follow=True, method="POST", body="x")).ok
    assert [(method, path) for method, path, _, _ in site.asked] == [("POST", "/a"), ("GET", "/b")]


def test_a_site_that_redirects_for_ever_ends(site: Site) -> None:
    site.replies["/"] = Reply(302, headers={"Location": "/"})
    answer = answer_of(job(site.base, follow=True))
    assert answer.failure == "redirect"
    assert answer.detail.startswith("It redirects more than 5 times, now to 127.0.0.1:")
    assert len(site.asked) == 6


def test_a_body_of_a_gigabyte_is_not_read(site: Site) -> None:
    sent = 0

    def gigabyte() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(16384):
            yield b"x" * 65536
            sent += 65536

    site.replies["/"] = Reply(chunks=gigabyte)
    answer = answer_of(job(site.base, max_body=2**20))
    assert (answer.failure, answer.detail) == ("size", "Its body is larger than 1.05 MB.")
    assert answer.size_bytes == 2**20
    assert sent < 50 * 2**20


def test_a_small_body_that_unpacks_into_a_huge_one_is_not_unpacked(site: Site) -> None:
    site.replies["/"] = Reply(body=gzip.compress(b"\0" * 50 * 2**20), headers={"Content-Encoding": "gzip"})
    answer = answer_of(job(site.base, max_body=2**20))
    assert (answer.failure, answer.size_bytes) == ("size", 2**20)


def test_a_compressed_body_is_read_as_text(site: Site) -> None:
    site.replies["/"] = Reply(body=gzip.compress(b"hello"), headers={"Content-Encoding": "gzip"})
    assert answer_of(job(site.base, expect=Expect(body="hello"))).ok


def test_too_many_requests_says_nothing_about_the_site(site: Site) -> None:
    site.replies["/"] = Reply(429, headers={"Retry-After": "900"})
    before = clock.now()
    answer = ask(job(site.base))
    assert isinstance(answer, Throttled)
    assert answer.message == "It says that we ask too often (429)."
    assert answer.retry_at is not None
    assert timedelta(seconds=899) < answer.retry_at - before < timedelta(seconds=905)


def test_too_many_requests_may_be_what_is_expected(site: Site) -> None:
    site.replies["/"] = Reply(429)
    assert answer_of(job(site.base, expect=Expect(status=(429,)))).ok


RAW = [
    (sites.silent, "timeout", "No answer within 400 ms: waiting for the first byte."),
    (sites.resets, "reset", "It broke the connection off."),
    (sites.closes, "reset", "It closed the connection without a word."),
    (sites.says(b"\x00\x01\x02garbage\r\n\r\n"), "protocol", "What it sent is no HTTP."),
    (sites.says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), "reset",
     "It closed the connection in the middle of the body."),
    (sites.says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"), "protocol",
     "Its compressed body can't be read."),
    (sites.trickles(b"HTTP/1.1 200 OK\r\n\r\n", every_s=0.05), "timeout",
     "No answer within 400 ms: reading the answer."),
    (sites.trickles(b"HTTP/1.1 200 OK\r\nX-Slow: ", every_s=0.05), "timeout",
     "No answer within 400 ms: reading the answer."),
]  # fmt: skip


@pytest.mark.parametrize(("behave", "failure", "detail"), RAW, ids=[f"{n}-{row[1]}" for n, row in enumerate(RAW)])
def test_a_site_that_misbehaves_costs_its_timeout_and_no_more(behave: Any, failure: str, detail: str) -> None:
    with sites.raw(behave) as port, ends_within(2):
        answer = answer_of(job(f"http://127.0.0.1:{port}", timeout_s=0.4))
    assert (answer.ok, answer.failure, answer.detail) == (False, failure, detail)


def test_a_tls_handshake_that_hangs_says_so() -> None:
    with sites.raw(sites.silent) as port:
        answer = answer_of(job(f"https://127.0.0.1:{port}", timeout_s=0.3))
    assert (answer.failure, answer.detail) == ("timeout", "No answer within 300 ms: agreeing on encryption.")


def test_a_closed_port_is_refused() -> None:
    answer = answer_of(job(f"http://127.0.0.1:{sites.closed_port()}"))
    assert (answer.failure, answer.detail) == ("refused", "Its port is closed.")
    assert "first_byte" not in answer.ms


def test_an_unknown_name_is_a_failure_of_dns() -> None:
    answer = answer_of(job("http://no-such-host.invalid"))
    assert (answer.failure, answer.detail) == ("dns", "Its name is unknown.")


def test_a_slow_site_does_not_delay_a_quick_one(site: Site) -> None:
    with sites.raw(sites.silent) as port:
        slow, quick = job(f"http://127.0.0.1:{port}", timeout_s=1), job(site.base)
        answers = probe.probe([slow, quick])
        first, _ = next(answers)
        assert first is quick
        last, answer = next(answers)
        assert last is slow
        assert isinstance(answer, Answer)
        assert answer.failure == "timeout"


def test_what_can_not_be_asked_is_our_fault() -> None:
    for one, words in (
        (job("file:///etc/passwd"), "begins neither with http:// nor with https://"),
        (job("http://127.0.0.1:1", headers={"X": "a\r\nHost: b"}), "the header 'X' holds a line break"),
    ):
        answer = ask(one)
        assert isinstance(answer, Refused)
        assert words in answer.message


def test_the_environment_does_not_send_probes_through_a_proxy(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{sites.closed_port()}")
    assert answer_of(job(site.base)).ok


def test_many_are_asked_side_by_side_and_leave_nothing_open(site: Site) -> None:
    threads = threading.active_count()
    before = len(list(Path("/proc/self/fd").iterdir()))
    answers = [answer for _, answer in probe.probe([job(site.base) for _ in range(300)])]
    assert sum(isinstance(each, Answer) and each.ok for each in answers) == 300
    list(probe.probe([job(site.base)]))
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 20  # the site's own threads still close theirs
    assert threading.active_count() <= threads + 20


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("authority")
    certificates.authority(folder)
    return folder


def test_a_valid_certificate_tells_how_long_it_lasts(authority: Path) -> None:
    pem = certificates.certificate(authority, valid_from=-timedelta(days=1), valid_to=timedelta(days=20))
    with sites.site(certificate=pem) as site:
        answer = answer_of(job(site.base, source={"ca_file": str(authority / "ca.pem")}))
        assert answer.ok, answer.detail
        assert "tls" in answer.ms
        [gauge] = answer.gauges
        assert gauge.name == "web.certificate.days_left"
        assert 19.9 < gauge.value <= 20
        assert answer_of(job(site.base, source={"ca_file": str(authority / "ca.pem")}, certificate=False)).gauges == ()


@pytest.mark.parametrize(
    ("start", "end", "name", "detail"),
    [
        (-30, -1, "IP:127.0.0.1", "Its certificate is not valid: it has expired."),
        (2, 30, "IP:127.0.0.1", "Its certificate is not valid: it is not valid yet."),
        (-2, 30, "DNS:other.example", "Its certificate is not valid: it is for another name."),
    ],
)
def test_a_certificate_that_is_not_valid_is_a_failure(
    authority: Path, start: int, end: int, name: str, detail: str
) -> None:
    pem = certificates.certificate(authority, valid_from=timedelta(days=start), valid_to=timedelta(days=end), name=name)
    with sites.site(certificate=pem) as site:
        answer = answer_of(job(site.base, source={"ca_file": str(authority / "ca.pem")}))
        assert (answer.failure, answer.detail) == ("tls", detail)
        assert answer_of(job(site.base, verify=False)).ok


def test_an_unknown_authority_and_a_missing_file_are_told_apart(authority: Path) -> None:
    pem = certificates.certificate(authority, valid_from=-timedelta(days=1), valid_to=timedelta(days=20))
    with sites.site(certificate=pem) as site:
        answer = answer_of(job(site.base))
        assert (answer.failure, answer.detail) == ("tls", "Its certificate is not valid: no known authority signed it.")
        assert isinstance(ask(job(site.base, source={"ca_file": "/nowhere.pem"})), Refused)
