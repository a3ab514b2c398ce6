"""Columns sort by links, in the database and in memory alike; lists page; deliveries narrow."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from tests.console import crowd, scenes
from tests.console.reading import Reader, plain, text

from nigrani.alerts.models import Alert
from nigrani.console.paging import Page
from nigrani.console.sorting import Order, arrange
from nigrani.lib import clock
from nigrani.outbox.models import Message

KEYS = {"name": lambda row: row[0], "size": lambda row: row[1]}
ROWS = [("b", 2), ("A", None), ("c", 1), ("B", 2)]


def test_an_order_is_read_turned_and_refused() -> None:
    assert Order.asked("size", KEYS) == Order("size")
    assert Order.asked("-size", KEYS) == Order("size", "descending")
    assert [Order.asked(text, KEYS) for text in ("", "-", "--size", "<b>", "colour")] == [Order()] * 5
    assert Order().after_click("size") == "size"
    assert Order("size").after_click("size") == "-size"
    assert Order("size", "descending").after_click("size") == "size"
    assert Order("name").after_click("size") == "size"


def test_rows_are_arranged_equal_ones_kept_and_what_has_no_value_last() -> None:
    assert arrange(ROWS, Order(), KEYS) == ROWS
    assert arrange(ROWS, Order("size"), KEYS) == [("c", 1), ("b", 2), ("B", 2), ("A", None)]
    assert arrange(ROWS, Order("size", "descending"), KEYS) == [("b", 2), ("B", 2), ("c", 1), ("A", None)]
    assert [row[0] for row in arrange(ROWS, Order("name"), KEYS)] == ["A", "b", "B", "c"]


@pytest.mark.parametrize(
    ("asked", "number", "first", "links"),
    [("", 1, 0, ({}, {"page": 2})), ("2", 2, 50, ({"page": 1}, {"page": 3})), ("3", 3, 100, ({"page": 2}, {}))],
)
def test_a_list_is_cut_into_pages(asked: str, number: int, first: int, links: tuple[object, object]) -> None:
    page = Page.of(list(range(120)), asked)
    assert (page.number, page.rows[0], (page.earlier, page.later)) == (number, first, links)


@pytest.mark.parametrize("asked", ["0", "-1", "x", "²", "1e3", "9" * 30])
def test_what_is_no_page_is_the_first(asked: str) -> None:
    assert Page.of([1], asked).number == 1


def _names(page: str) -> list[str]:
    return re.findall(r'<th scope="row"[^>]*>\s*<a[^>]*>([^<]+)</a>', page)


def _sorted_by(page: str) -> list[tuple[str | None, str | None]]:
    heads = [attrs for _, attrs in Reader(page).all("th") if "aria-sort" in attrs]
    return [(attrs.get("aria-sort"), attrs.get("scope")) for attrs in heads]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "column"),
    [
        ("/rules", "rule"),
        ("/rules", "urgency"),
        ("/sources", "source"),
        ("/measures", "measure"),
        ("/measures", "used"),
        ("/promises", "promise"),
        ("/alerts", "alert"),
        ("/alerts", "urgency"),
    ],
)
def test_a_click_sorts_and_the_next_one_turns_it_round(address: str, column: str, viewer: Client) -> None:
    scenes.storm(clock.now())
    plain_page = text(viewer, address)
    assert _sorted_by(plain_page) == []
    assert f'href="?sort={column}"' in plain_page
    up, down = text(viewer, f"{address}?sort={column}"), text(viewer, f"{address}?sort=-{column}")
    assert _sorted_by(up) == [("ascending", "col")]
    assert _sorted_by(down) == [("descending", "col")]
    assert f'href="?sort=-{column}"' in up
    assert sorted(_names(up)) == sorted(_names(down)) == sorted(_names(plain_page))
    if column in ("rule", "source", "measure", "alert", "promise"):
        assert _names(up) == _names(down)[::-1] == sorted(_names(up), key=str.casefold)


@pytest.mark.django_db
def test_a_filter_stays_when_a_column_is_clicked_and_a_page_does_not(viewer: Client) -> None:
    down = scenes.storm(clock.now())
    crowd.alerts(down.rule, range(60), clock.now())
    page = text(viewer, "/alerts?show=open&page=2")
    assert 'href="?show=open&amp;sort=value"' in page
    assert 'href="?show=open&amp;page=1" rel="prev"' in page
    first = text(viewer, "/alerts?show=open&sort=-value")
    assert 'href="?show=open&amp;sort=-value&amp;page=2" rel="next"' in first
    assert len(_names(first)) == 50
    assert first.index("web-59") < first.index("web-12")


@pytest.mark.django_db
def test_the_overview_shows_the_worst_and_says_how_many_there_are(viewer: Client) -> None:
    down = scenes.storm(clock.now())
    crowd.alerts(down.rule, range(1_000), clock.now())
    page = text(viewer, "/")
    assert "1001 alerts are firing" in page
    assert "All 1001 that are not ok" in page
    assert len(page.encode()) < 100_000
    Alert.objects.update(state="unknown", known="unknown")
    assert "All 1002 that can't be told" in text(viewer, "/")


@pytest.mark.django_db
def test_deliveries_narrow_to_a_receiver_a_fate_and_a_span(viewer: Client) -> None:
    down = scenes.storm(clock.now())
    everything = plain(text(viewer, "/deliveries"))
    assert "[critical] System Down" in everything
    assert "Database Down" in everything
    waiting = plain(text(viewer, "/deliveries?fate=waiting"))
    assert "Database Down" in waiting
    assert "[critical] System Down" not in waiting
    assert "Database Down" not in plain(text(viewer, "/deliveries?over=1h"))
    assert "Nothing matches to “The spare pager”, sent, in the last 1h." in plain(
        text(viewer, "/deliveries?receiver=spare&fate=sent&over=1h")
    )
    not_sent = text(viewer, "/deliveries?fate=not_sent&receiver=spare")
    assert "The receiver The spare pager is not set up" in not_sent
    assert f'href="/alerts/{down.pk}"' in not_sent
    assert "would have sent" not in not_sent


@pytest.mark.django_db
def test_deliveries_begin_at_a_message_and_go_on_to_older_ones(viewer: Client) -> None:
    down = scenes.storm(clock.now())
    crowd.changes(down, range(120), clock.now())
    newest = Message.objects.latest("id").pk
    page = text(viewer, "/deliveries?fate=sent")
    assert f'href="?fate=sent&amp;from={newest - 50}"' in page
    older = text(viewer, f"/deliveries?fate=sent&from={newest - 50}")
    assert f'id="m{newest - 50}"' in older
    assert f'id="m{newest}"' not in older
    assert 'href="?fate=sent"' in older
    assert "Nothing matches" in text(viewer, "/deliveries?fate=failed&from=0")


@pytest.mark.django_db
@pytest.mark.parametrize("asked", ["from=²", "from=-3", "from=x&fate=zzz&over=zzz", "sort=%3Cb%3E"])
def test_nonsense_narrows_to_nothing_worse_than_an_empty_list(asked: str, viewer: Client) -> None:
    scenes.storm(clock.now())
    assert viewer.get(f"/deliveries?{asked}").status_code == 200
    assert viewer.get(f"/alerts?{asked}").status_code == 200


@pytest.mark.django_db
def test_a_nul_is_refused_before_anything_is_asked(viewer: Client) -> None:
    for address in ("/deliveries?receiver=%00", "/alerts?rule=a%00b", "/find?q=%00"):
        assert viewer.get(address).status_code == 400
    assert viewer.post("/theme", {"theme": "da\0rk"}).status_code == 400
    assert viewer.get("/rules/%00").status_code == 404
