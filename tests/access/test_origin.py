"""From which address a request comes: a header counts only when a proxy of ours wrote it."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from django.test import Client, RequestFactory, override_settings
from hypothesis import given
from hypothesis import strategies as some

from nigrani.access.models import LoginAttempt
from nigrani.access.origin import address_of

PROXIES = tuple(ip_network(each) for each in ("127.0.0.1/32", "10.1.0.0/16", "fd00::/8"))


def came(peer: str, forwarded: str | None = None) -> str:
    more = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    with override_settings(PROXIES=PROXIES):
        return address_of(RequestFactory().get("/", REMOTE_ADDR=peer, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("peer", "forwarded", "sender"),
    [
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "1.2.3.4, 198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "1.2.3.4, 198.51.100.7, 10.1.2.3", "198.51.100.7"),
        ("127.0.0.1", "10.1.0.1, 10.1.0.2", "10.1.0.1"),
        ("203.0.113.9", "198.51.100.7", "203.0.113.9"),
        ("203.0.113.9", "127.0.0.1", "203.0.113.9"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.7, unknown", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.7, junk, 10.1.0.9", "10.1.0.9"),
        ("127.0.0.1", "198.51.100.7:55123", "198.51.100.7"),
        ("127.0.0.1", "fe80::1%" + "x" * 900, "fe80::1%" + "x" * 37),
        ("fd00::1", "[2001:db8::7]:443", "2001:db8::7"),
        ("::ffff:127.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"),
        ("", "198.51.100.7", ""),
    ],
)
def test_the_sender_is_the_last_address_that_is_no_proxy_of_ours(peer: str, forwarded: str | None, sender: str) -> None:
    assert came(peer, forwarded) == sender


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.1.0.1", "203.0.113.9"])
def test_without_the_setting_no_header_counts(peer: str) -> None:
    assert address_of(RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR="198.51.100.7")) == peer


@given(forwarded=some.text(alphabet="0123456789abcdef.:,[]% x", max_size=80))
def test_whatever_stands_there_is_an_address_or_left_alone(forwarded: str) -> None:
    found = came("127.0.0.1", forwarded)
    assert ip_address(found)
    assert came("203.0.113.9", forwarded) == "203.0.113.9"


@pytest.mark.django_db
def test_the_door_counts_each_sender_behind_a_proxy_apart() -> None:
    def guess(sender: str) -> int:
        return (
            Client()
            .post("/login", {"email": "asha@example.org", "password": "x"}, headers={"X-Forwarded-For": sender})
            .status_code
        )

    with override_settings(PROXIES=PROXIES):
        assert [guess("198.51.100.7") for _ in range(6)] == [401] * 5 + [429]
        assert guess("1.1.1.1, 198.51.100.7") == 429
        assert guess("198.51.100.8") == 401
    assert set(LoginAttempt.objects.values_list("ip", flat=True)) == {"198.51.100.7", "198.51.100.8"}
