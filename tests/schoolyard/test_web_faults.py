"""The website misbehaving in the ways a probe must survive."""

import time

import httpx
import pytest
from tests.schoolyard.client import Yard


def test_web_down_refuses_on_the_same_port(yard: Yard) -> None:
    yard.fault("web_down")
    with pytest.raises(httpx.ConnectError):
        yard.get("/login")
    assert yard.http.get(yard.document["elsewhere"]["url"]).status_code == 200
    yard.reset()
    assert yard.get("/login").status_code == 200


def test_web_latency(yard: Yard) -> None:
    yard.fault("web_latency", ms=200)
    began = time.monotonic()
    assert yard.get("/login").status_code == 200
    assert time.monotonic() - began > 0.2


def test_web_errors_are_a_share(yard: Yard) -> None:
    yard.fault("web_errors", share=0.5, status=503)
    statuses = [yard.get("/login").status_code for _ in range(60)]
    assert set(statuses) == {200, 503}
    assert 10 < statuses.count(503) < 50


def test_web_redirect_loop(yard: Yard) -> None:
    yard.fault("web_redirect_loop")
    with pytest.raises(httpx.TooManyRedirects):
        yard.get("/login", follow_redirects=True)


def test_web_trickle_sends_a_byte_at_a_time(yard: Yard) -> None:
    yard.fault("web_trickle", ms=10)
    with yard.http.stream("GET", yard.url + "/login") as answer:
        chunks = answer.iter_raw()
        assert [next(chunks) for _ in range(3)] == [b"<", b"!", b"D"]


def test_web_huge_declares_its_size_and_streams(yard: Yard) -> None:
    yard.fault("web_huge")
    with yard.http.stream("GET", yard.url + "/login") as answer:
        assert answer.headers["content-length"] == str(1024**3)
        assert next(answer.iter_raw())
    yard.reset()
    assert yard.get("/login").status_code == 200


def test_the_elsewhere_page_alone(yard: Yard) -> None:
    yard.fault("elsewhere_down")
    with pytest.raises(httpx.ConnectError):
        yard.http.get(yard.document["elsewhere"]["url"])
    assert yard.get("/login").status_code == 200
