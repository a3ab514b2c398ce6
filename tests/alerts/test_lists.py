"""A list of alerts says of each whether something keeps its messages back, and what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.alerts.crowd import Crowd
from tests.measures.making import MINUTE

from nigrani.alerts import lists
from nigrani.alerts.models import Alert, Silence

pytestmark = pytest.mark.django_db


def kept(crowd: Crowd) -> dict[str, str]:
    listed = lists.page(crowd.guide)
    found = lists.kept_back(crowd.guide, listed, now=crowd.at)
    return {each.key: found[each.id].word for each in listed if each.id in found}


def silence(crowd: Crowd, rule: str, kind: str = "silence") -> None:
    hour = timedelta(hours=1)
    Silence.objects.create(
        kind=kind, by="asha", why="a deploy", rules=[rule], made_at=crowd.at, starts_at=crowd.at, until=crowd.at + hour
    )


def test_what_is_told_is_not_marked_and_what_is_not_says_why() -> None:
    crowd = Crowd({"down": (), "slow": ("down",), "disk": (), "late": (), "well": ()})
    crowd.change("down", "firing")
    crowd.change("slow", "firing", "a")
    silence(crowd, "disk")
    silence(crowd, "late", "window")
    silence(crowd, "well")
    for rule in ("disk", "late"):
        crowd.change(rule, "firing")
    crowd.change("well", "ok")
    crowd.tell()
    assert kept(crowd) == {"slow{probe=a}": "Muted as an effect", "disk": "Silenced", "late": "In maintenance"}
    crowd.at += timedelta(hours=2)
    assert kept(crowd) == {"slow{probe=a}": "Muted as an effect"}


def test_one_that_comes_with_the_next_message_says_so_until_it_came() -> None:
    crowd = Crowd({"web": ()})
    crowd.change("web", "firing", "a")
    crowd.tell()
    crowd.change("web", "firing", "b")
    crowd.tell(after=MINUTE)
    assert kept(crowd) == {"web{probe=b}": "With the next message"}
    crowd.tell(after=5 * MINUTE)
    assert kept(crowd) == {}


def test_one_that_flaps_is_marked_until_it_has_settled() -> None:
    crowd = Crowd({"web": ()})
    for number in range(7):
        crowd.change("web", "firing" if number % 2 == 0 else "ok")
        crowd.tell(after=MINUTE)
    assert kept(crowd) == {"web": "Flapping"}
    crowd.tell(after=30 * MINUTE)
    assert Alert.objects.get().flapping_since is None
    assert kept(crowd) == {}
