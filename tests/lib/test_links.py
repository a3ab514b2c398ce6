"""Addresses in messages: whole, quoted, and where the console really listens."""

from __future__ import annotations

import pytest
from django.urls import resolve

from nigrani.lib import links


def test_every_route_that_messages_name_is_a_page() -> None:
    for route, pattern in links.ROUTES.items():
        path = pattern.format(id=7, name="website", token="abc")
        assert resolve(path).url_name == route


def test_parts_are_quoted() -> None:
    assert links.link("https://n.example.in/", "source", name="a/b?c") == "https://n.example.in/sources/a%2Fb%3Fc"


def test_the_console_is_where_it_listens_unless_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGRANI_LISTEN", "127.0.0.1:9000")
    assert links.console() == "http://127.0.0.1:9000"
    monkeypatch.setenv("NIGRANI_CONSOLE_URL", "https://n.example.in/")
    assert links.console() == "https://n.example.in"
