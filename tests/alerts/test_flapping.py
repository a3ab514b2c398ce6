"""An alert that changes all the time is told once, and once more when it has settled."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.alerts.crowd import Crowd, fates, titles
from tests.measures.making import MINUTE

from nigrani.alerts.models import Alert

pytestmark = pytest.mark.django_db


def flutter(crowd: Crowd, changes: int, *, begin: int = 0) -> list[str]:
    said: list[str] = []
    for number in range(begin, begin + changes):
        crowd.change("web", "firing" if number % 2 == 0 else "ok", value=0.1 * number)
        said += titles(crowd.tell(after=MINUTE))
    return said


def test_it_is_told_once_that_it_flaps_with_the_count_and_the_range() -> None:
    crowd = Crowd({"web": ()})
    assert flutter(crowd, 4) == ["firing: [high] Web", "resolved: Web"] * 2
    crowd.change("web", "firing", value=0.4)
    [notice] = crowd.tell(after=MINUTE)
    assert notice["title"] == "[high] Web flaps"
    assert notice["lines"][1] == "It changed 5 times within 5 min, between 0 % and 40 %."
    assert notice["lines"][2] == "Its changes are told no more until it has not changed for 30 min."
    assert flutter(crowd, 6, begin=5) == []
    assert {because[:15] for _, _, because in fates("web")[5:]} == {"It flaps since "}


@pytest.mark.parametrize(("state", "said"), [("ok", "resolved: Web has settled, over"),
                                             ("firing", "firing: [high] Web has settled, and fires")])  # fmt: skip
def test_it_is_told_how_it_settled(state: str, said: str) -> None:
    crowd = Crowd({"web": ()})
    flutter(crowd, 6 if state == "ok" else 7)
    assert crowd.tell(after=28 * MINUTE) == []
    assert titles(crowd.tell(after=MINUTE)) == [said]
    assert Alert.objects.get().flapping_since is None
    assert crowd.tell(after=timedelta(hours=1)) == []
    crowd.change("web", "firing" if state == "ok" else "ok")
    [notice] = crowd.tell(after=MINUTE)
    assert notice["kind"] == ("firing" if state == "ok" else "resolved")


def test_several_that_flap_are_one_message() -> None:
    crowd = Crowd({"web": ()})
    said: list[str] = []
    for number in range(5):
        crowd.change("web", "firing" if number % 2 == 0 else "ok", "a", "b")
        said += titles(crowd.tell(after=MINUTE))
    assert said[-1] == "firing: [high] Web flap — a, b"
    crowd.change("web", "ok", "a", "b")
    assert crowd.tell(after=MINUTE) == []
    assert titles(crowd.tell(after=30 * MINUTE)) == ["resolved: Web has settled, over — a, b"]


def test_slow_changes_are_no_flapping() -> None:
    crowd = Crowd({"web": ()})
    for number in range(12):
        crowd.change("web", "firing" if number % 2 == 0 else "ok")
        [notice] = crowd.tell(after=8 * MINUTE)
        assert "flap" not in notice["title"]


def test_one_that_flaps_still_mutes_its_effects() -> None:
    crowd = Crowd({"web": (), "slow": ("web",)})
    flutter(crowd, 5)
    crowd.change("slow", "firing")
    assert crowd.tell(after=MINUTE) == []
