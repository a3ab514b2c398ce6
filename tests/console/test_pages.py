"""Every page: who may see it, what it costs, how it is built, and where its links lead."""

from __future__ import annotations

from itertools import pairwise

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import resolve
from tests.console import scenes, world
from tests.console.reading import DECIDES, READS, Reader, text

from nigrani.alerts.models import Alert
from nigrani.guide import current
from nigrani.lib import clock, links

pytestmark = pytest.mark.django_db


def test_every_page_opens_within_its_budget(morning: Alert, admin: Client) -> None:
    text(admin, "/")  # what is made once and kept is not a page's cost
    costs = {}
    for address in (*READS, *DECIDES):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            page = text(admin, address.format(alert=morning.pk))
        costs[address] = (len(asked), len(page.encode()))
    assert {address: cost for address, cost in costs.items() if cost[0] > 12 or cost[1] > 100_000} == {}


def test_every_page_is_built_as_a_page_should_be(morning: Alert, admin: Client) -> None:
    for address in (*READS, *DECIDES):
        if address == "/now":
            continue
        page = text(admin, address.format(alert=morning.pk))
        reader = Reader(page)
        assert len(reader.all("h1")) == 1, address
        levels = [int(tag[1]) for tag, _ in reader.all("h1", "h2", "h3") if tag]
        body = levels[levels.index(1) :]
        assert all(after <= before + 1 for before, after in pairwise(body)), (address, body)
        identities = [attrs["id"] for _, attrs in reader.tags if "id" in attrs]
        assert len(identities) == len(set(identities)), address
        labelled = {attrs.get("for") for _, attrs in reader.all("label")}
        for _, attrs in reader.all("input", "select"):
            assert attrs.get("type") == "hidden" or attrs.get("id") in labelled, (address, attrs)
        for _, attrs in reader.all("th"):
            assert attrs.get("scope") in ("col", "row", "rowgroup"), address
        assert len(reader.all("table")) == len(reader.all("caption")), address
        assert not [attrs for _, attrs in reader.tags if "style" in attrs], address
        assert not [attrs for _, attrs in reader.tags if any(name.startswith("on") for name in attrs)], address
        assert all(attrs.get("src") for _, attrs in reader.all("script")), address
        assert not reader.all("style"), address
        for name in ("aria-labelledby", "aria-describedby"):
            for _, attrs in reader.tags:
                for each in (attrs.get(name) or "").split():
                    assert each in identities, (address, name, each)


def test_every_link_of_every_page_leads_somewhere(morning: Alert, admin: Client) -> None:
    seen: dict[str, str] = {}
    for address in (*READS, *DECIDES):
        for _, attrs in Reader(text(admin, address.format(alert=morning.pk))).all("a"):
            href = (attrs.get("href") or "").partition("#")[0]
            if href.startswith("/") and href not in seen:
                seen[href] = address
    broken = {href: where for href, where in seen.items() if admin.get(href).status_code != 200}
    assert broken == {}
    assert len(seen) > 25


@pytest.mark.parametrize("address", [*READS, *DECIDES])
def test_nobody_reads_without_signing_in(address: str, client: Client) -> None:
    answer = client.get(address.format(alert=1))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login?next=")


@pytest.mark.parametrize("address", DECIDES)
def test_deciding_takes_an_admin(address: str, responder: Client, viewer: Client) -> None:
    for client in (responder, viewer):
        answer = client.get(address)
        assert answer.status_code == 403
        assert "This needs the role Admin." in answer.content.decode()
        assert client.post(address.partition("?")[0]).status_code in (403, 405)


def test_a_viewer_is_not_offered_what_they_may_not_do(viewer: Client) -> None:
    scenes.calm(clock.now())
    page = text(viewer, "/rules/system-down")
    assert "Put in shadow" not in page
    assert 'href="/people"' not in page


def test_every_route_that_messages_link_to_is_a_page() -> None:
    filled = {"id": 7, "name": "website", "token": "abc"}
    for route in links.ROUTES:
        parts = {key: value for key, value in filled.items() if f"{{{key}}}" in links.ROUTES[route]}
        found = resolve(links.link("", route, **parts))
        assert found.url_name == route


@pytest.mark.parametrize(("asked", "says"), [("0", "<path"), ("3", ">3</text>"), ("12", ">9+</text>"), ("x", "<path")])
def test_the_favicon_carries_the_count(client: Client, asked: str, says: str) -> None:
    answer = client.get("/favicon.svg", {"firing": asked})
    assert says in answer.content.decode()
    assert answer["Content-Type"] == "image/svg+xml"


def test_find_goes_straight_to_what_is_named(viewer: Client) -> None:
    assert viewer.get("/find", {"q": "A01"})["Location"] == "/cover#A01"
    assert viewer.get("/find", {"q": "system-down"})["Location"] == "/rules/system-down"
    assert "Nothing the guide names contains" in text(viewer, "/find?q=zzz")
    assert "Write the name" in text(viewer, "/find")


def test_a_page_that_breaks_says_so_and_nothing_else(viewer: Client) -> None:
    viewer.raise_request_exception = False
    current._current = None
    answer = viewer.get("/guide")
    assert answer.status_code == 500
    assert "This page failed" in answer.content.decode()
    assert "Traceback" not in answer.content.decode()


def test_the_guide_that_ships_fits_its_pages(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGRANI_CLICKHOUSE_URL", "http://nigrani:x@127.0.0.1:9/nigrani")
    shipped = world.shipped()
    current.set(shipped)
    addresses = [each for each in READS if "website" not in each and "{" not in each and "system" not in each]
    addresses = [each for each in addresses if not any(part in each for part in ("measures/", "versions/", "database"))]
    addresses += [f"/guide/{name}" for name in shipped.text]
    addresses += [f"/rules/{name}" for name in shipped.alerts]
    addresses += [f"/measures/{name}" for name in shipped.measures]
    addresses += [f"/sources/{name}" for name in shipped.sources]
    large = {}
    for address in addresses:
        with CaptureQueriesContext(connection) as asked:
            page = text(admin, address)
        if len(page.encode()) > 100_000 or len(asked) > 12:
            large[address] = (len(page.encode()), len(asked))
    assert large == {}
