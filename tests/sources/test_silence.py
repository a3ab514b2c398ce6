"""How long a source has been silent: what makes it dark, also when it never spoke."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.sources import guides

from nigrani.guide import Guide
from nigrani.integrations.web.config import ProbeConfig
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


def _answered(guide: Guide, **probes: dict[str, object]) -> None:
    from nigrani.sources.models import Probe, Source

    actions.sync(guide, now=NOW)
    Source.objects.update(last_ok_at=NOW + HOUR)
    for name, row in probes.items():
        Probe.objects.filter(probe=name).update(**row)


@pytest.mark.django_db
def test_what_fell_silent_while_we_were_stopped_is_dark_only_after_we_asked_in_vain() -> None:
    guide = guides.guide(guides.web("http://127.0.0.1:9"))
    _answered(guide)
    later = NOW + 2 * HOUR
    assert queries.darkness(guide, later, asking_for=timedelta(seconds=1)) == {}
    assert queries.darkness(guide, later, asking_for=timedelta(seconds=60)) == {}
    assert queries.darkness(guide, later, asking_for=timedelta(seconds=61)) == {"website": 60.0}


@pytest.mark.django_db
def test_a_source_that_answers_is_seen_from_the_first_moment() -> None:
    guide = guides.guide(guides.web("http://127.0.0.1:9"))
    _answered(guide)
    seen = queries.darkness(guide, NOW + HOUR + timedelta(seconds=30), asking_for=timedelta())
    assert seen == {"website": 0.5}


@pytest.mark.django_db
def test_one_question_we_are_blind_to_makes_its_source_dark_though_the_others_are_answered() -> None:
    both = guides.web("http://127.0.0.1:9", {"login": ProbeConfig(), "health": ProbeConfig()})
    guide = guides.guide(both)
    _answered(guide, health={"last_outcome": "blind", "blind_since": NOW + HOUR - timedelta(minutes=3)})
    assert queries.darkness(guide, NOW + HOUR, asking_for=HOUR) == {"website": 3.0}
    _answered(guide, health={"last_outcome": "ok", "blind_since": None})
    assert queries.darkness(guide, NOW + HOUR, asking_for=HOUR) == {"website": 0.0}


@pytest.mark.django_db
def test_what_a_failing_system_keeps_from_us_is_a_part_of_its_failure_and_counts_from_its_end_on() -> None:
    both = guides.web("http://127.0.0.1:9", {"login": ProbeConfig(), "health": ProbeConfig()})
    guide = guides.guide(both)
    blind = {"last_outcome": "blind", "blind_since": NOW + HOUR - timedelta(minutes=3)}
    _answered(guide, health=blind, login={"last_outcome": "fail"})
    assert queries.darkness(guide, NOW + HOUR, asking_for=HOUR) == {"website": 0.0}
    _answered(guide, login={"last_outcome": "ok", "since": NOW + HOUR - timedelta(seconds=90)})
    assert queries.darkness(guide, NOW + HOUR, asking_for=HOUR) == {"website": 1.5}


@pytest.mark.django_db
def test_a_question_asked_seldom_may_be_missed_once() -> None:
    guide = guides.guide(guides.web("http://127.0.0.1:9", every_s=300))
    _answered(guide, login={"last_outcome": "blind", "blind_since": NOW + HOUR - timedelta(minutes=5)})
    assert queries.darkness(guide, NOW + HOUR, asking_for=HOUR) == {"website": 0.5}
