"""What the environment's settings make of Django's."""

from __future__ import annotations

import re
import runpy
from typing import Any

import pytest
from django.test import Client, override_settings

from nigrani import settings
from nigrani.lib.errors import NigraniError


def read(monkeypatch: pytest.MonkeyPatch, **given: str) -> dict[str, Any]:
    for name, text in given.items():
        monkeypatch.setenv(name, text)
    return runpy.run_path(settings.__file__)


def test_https_makes_cookies_secure_and_browsers_remember(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = read(monkeypatch)
    assert (plain["SECURE_HSTS_SECONDS"], plain["SESSION_COOKIE_SECURE"]) == (0, False)
    behind = read(monkeypatch, NIGRANI_HTTPS="1")
    assert (behind["SECURE_HSTS_SECONDS"], behind["SESSION_COOKIE_SECURE"]) == (31_536_000, True)
    assert behind["SECURE_PROXY_SSL_HEADER"] == ("HTTP_X_FORWARDED_PROTO", "https")


def test_proxies_are_addresses_or_networks_and_none_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch)["PROXIES"] == ()
    found = read(monkeypatch, NIGRANI_PROXIES="10.0.0.5, 192.168.7.9/24,fd00::/8,")["PROXIES"]
    assert [str(each) for each in found] == ["10.0.0.5/32", "192.168.7.0/24", "fd00::/8"]
    with pytest.raises(NigraniError, match="NIGRANI_PROXIES can't be read"):
        read(monkeypatch, NIGRANI_PROXIES="proxy.example.org")


@pytest.mark.django_db
def test_browsers_are_told_to_stay_with_https() -> None:
    with override_settings(SECURE_HSTS_SECONDS=31_536_000):
        assert Client().get("/login", secure=True)["Strict-Transport-Security"] == "max-age=31536000"
        assert not Client().get("/login").has_header("Strict-Transport-Security")


def test_every_page_of_the_navigation_has_a_key_of_its_own(admin: Client) -> None:
    links = re.findall(r'<a href="([^"]+)" data-go="(\w)"', admin.get("/keys").content.decode())
    assert len(links) == len({key for _, key in links}) >= 14
    listed = re.findall(r"<kbd>g</kbd> then <kbd>(\w)</kbd>", admin.get("/keys").content.decode())
    assert set(listed) == {key for _, key in links}
