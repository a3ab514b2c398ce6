"""What the environment's settings make of Django's."""

from __future__ import annotations

import runpy
from typing import Any

import pytest
from django.test import Client, override_settings

from nigrani import settings


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


@pytest.mark.django_db
def test_browsers_are_told_to_stay_with_https() -> None:
    with override_settings(SECURE_HSTS_SECONDS=31_536_000):
        assert Client().get("/login", secure=True)["Strict-Transport-Security"] == "max-age=31536000"
        assert not Client().get("/login").has_header("Strict-Transport-Security")
