"""A source's page shows how far its feeds were read, what they rejected and when they were not read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from django.test import Client
from tests.console import scenes
from tests.console.reading import text

from nigrani.api import seen
from nigrani.cli import watch
from nigrani.guide import Feed, Where, current
from nigrani.lib import clock
from nigrani.sources import queries
from nigrani.sources.models import Feed as FeedRow
from nigrani.sources.models import Gap, Source

pytestmark = pytest.mark.django_db
FEED = Feed("audit", "SELECT 1", "at", "id", {"action": "action"}, Where("website.yaml", 1, 1))


@pytest.fixture
def fed(morning: object) -> FeedRow:
    """Let the website of a bad morning have a feed that is blind, with everything that can be wrong with one."""
    now, guide = clock.now(), current.get()
    website = replace(guide.sources["website"], feeds={"audit": FEED})
    current.set(replace(guide, sources={**guide.sources, "website": website}))
    row = FeedRow.objects.create(
        source=Source.objects.get(name="website"), feed="audit", since=now, is_caught_up=True, rows=1234, late=2,
        late_by=timedelta(minutes=7), cursor=now - timedelta(hours=3), read_to=now - timedelta(hours=2), ahead=3,
        timeless=4, rejected={scenes.HOSTILE: 5}, error=f"No column {scenes.HOSTILE}.", error_kind="refused",
        failing_since=now - timedelta(hours=2), last_rows=7, last_ms=12.5,
    )  # fmt: skip
    start = now - timedelta(days=1)
    Gap.objects.create(
        feed=row,
        start=start,
        end=start + timedelta(hours=2),
        lost_to=start + timedelta(hours=1),
        because=scenes.HOSTILE,
    )
    return row


def test_the_page_says_what_is_wrong_and_escapes_it(fed: FeedRow, admin: Client) -> None:
    page = text(admin, "/sources/website")
    for said in ("1234", "2 came later than 2 min", "3 lie more than an hour in the future", "4 have no time",
                 "5 rejected", "gone by then"):  # fmt: skip
        assert said in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_the_api_and_the_command_line_say_the_same(fed: FeedRow) -> None:
    guide = current.get()
    view = next(each for each in queries.sources(guide, clock.now()) if each.name == "website")
    shown = msgspec.to_builtins(seen.source(view, guide.sources["website"].where), enc_hook=str)["feeds"][0]
    assert (shown["state"], shown["rows"], shown["late"], shown["ahead"]) == ("blind", 1234, 2, 3)
    assert shown["gaps"][0]["lost_to"] is not None
    said = "\n".join(watch.remarks(view.feeds[0]))
    assert "5 rows rejected because" in said
    assert "rows were gone by then" in said
