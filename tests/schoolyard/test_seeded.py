"""What follows from the seed alone, and small pure rules."""

import base64
import random
from itertools import islice

import pytest

from schoolyard.faults import FaultError, Faults, nearest
from schoolyard.people import make_schools, people_of, totp
from schoolyard.receivers import blocks
from schoolyard.rows import World, make_id
from schoolyard.traffic import Visit, demand, visits


def world(seed: int) -> World:
    rng = random.Random(seed)
    schools = make_schools(lambda: make_id(rng))
    people = [p for school in schools for p in people_of(school, 5, rng, lambda: make_id(rng), seed)]
    return World(schools, people)


def plan(seed: int) -> list[Visit]:
    return list(islice(visits(world(seed), random.Random(seed)), 50))


def test_the_same_seed_gives_the_same_people_and_visits() -> None:
    assert plan(3) == plan(3)
    assert plan(3) != plan(4)


@pytest.mark.parametrize(("hour", "busier_than"), [(9, 12), (20, 12), (12, 2), (9, 20)])
def test_demand_follows_school_hours(hour: float, busier_than: float) -> None:
    assert demand(hour) > demand(busier_than)


def test_ids_are_cuids() -> None:
    identity = make_id(random.Random(1))
    assert (len(identity), identity[0]) == (25, "c")


def test_totp_of_rfc_6238() -> None:
    secret = base64.b32encode(b"12345678901234567890").decode()
    assert totp(secret, 59) == "287082"


def test_settings_take_the_type_of_their_default() -> None:
    assert Faults().read("web_latency", {"on": True, "ms": "250"}) == {"ms": 250}
    assert Faults().read("web_latency", {"on": False}) is None
    with pytest.raises(FaultError, match="sideways"):
        Faults().read("database_down", {"on": True, "how": "sideways"})
    assert nearest("pool_exausted") == "pool_exhausted"


@pytest.mark.parametrize("size", [150, 151])
def test_a_header_block_holds_150_characters(size: int) -> None:
    block = {"type": "header", "text": {"type": "plain_text", "text": "x" * size}}
    assert (blocks.fault({"blocks": [block]}) is None) == (size == 150)


def test_a_button_is_checked() -> None:
    button = {"type": "button", "text": {"type": "plain_text", "text": "Acknowledge"}, "value": "v"}
    good = {"type": "actions", "elements": [button]}
    bad = {"type": "actions", "elements": [{**button, "style": "loud"}]}
    assert list(blocks.problems(good)) == []
    assert list(blocks.problems(bad)) == ["button style"]
