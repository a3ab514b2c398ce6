"""How long a source has been silent: what makes it dark, also when it never spoke."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.sources import guides

from nigrani.sources import actions, queries

NOW = datetime(2026, 2, 15, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.django_db
def test_a_source_that_never_answered_is_silent_since_we_began_to_ask() -> None:
    guide = guides.guide(guides.web("http://127.0.0.1:9"))
    actions.sync(guide, now=NOW)
    assert queries.ages(guide, NOW + HOUR) == {"website": None}
    assert queries.silences(guide, NOW + HOUR) == {"website": 3600.0}


@pytest.mark.django_db
def test_a_source_set_up_later_is_silent_only_since_then() -> None:
    unset = guides.guide(guides.web("", missing=("ERP_URL",)))
    actions.sync(unset, now=NOW)
    assert queries.silences(unset, NOW + HOUR) == {}
    ready = guides.guide(guides.web("http://127.0.0.1:9"))
    actions.sync(ready, now=NOW + HOUR)
    assert queries.silences(ready, NOW + HOUR + timedelta(seconds=5)) == {"website": 5.0}


@pytest.mark.django_db
def test_a_source_that_spoke_is_silent_since_its_last_usable_answer() -> None:
    from nigrani.sources.models import Source

    guide = guides.guide(guides.web("http://127.0.0.1:9"))
    actions.sync(guide, now=NOW)
    Source.objects.update(last_ok_at=NOW + HOUR)
    assert queries.silences(guide, NOW + HOUR + timedelta(seconds=30)) == {"website": 30.0}
