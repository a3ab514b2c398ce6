"""Each thing that may be amiss with the ERP is found when it is there, alone and in mixtures, and not when it is not.

The yard stands on ports of its own and calls half of its tables otherwise.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest
from tests.survey.yards import Surveyed

from schoolyard.plants import PLANTS, REAL

MIXTURES = 20


def found(yard: Surveyed, names: set[str]) -> set[str]:
    """Plant, ask everything, and return what was found; everything else must have been looked for in vain."""
    yard.plant(names)
    results = yard.ask()
    unseen = {name: each.because for name, each in results.items() if each.state not in ("found", "clear")}
    hidden = {"login-no-proof"} if "monitor-blind" in names else set()  # whether others work is what it hides
    assert set(unseen) == hidden, unseen
    return {name for name, each in results.items() if each.state == "found"} | (hidden & names)


def test_every_finding_of_the_guide_can_be_planted(planted: Surveyed) -> None:
    assert set(planted.known()) == set(planted.guide.findings) == set(PLANTS)


def test_a_repaired_system_has_none(planted: Surveyed) -> None:
    assert found(planted, set()) == set()


@pytest.mark.slow
def test_each_is_found_alone(planted: Surveyed) -> None:
    """Slow: forty surveys of a running school."""
    wrong = {name: seen for name in PLANTS if (seen := found(planted, {name})) != {name}}
    assert wrong == {}


@pytest.mark.slow
def test_each_is_found_in_mixtures(planted: Surveyed) -> None:
    """Slow: twenty surveys of a running school."""
    seed = random.randrange(2**32)
    rng, planted_in = random.Random(seed), Counter[str]()
    for _ in range(MIXTURES):
        names = {name for name in PLANTS if rng.random() < 0.5}
        names -= {other for name in sorted(names) if name in names for other in PLANTS[name].excludes}
        planted_in.update(names)
        seen = found(planted, names)
        assert seen == names, (seed, sorted(seen ^ names))


def test_the_real_system_has_all_that_it_was_seen_with(planted: Surveyed) -> None:
    assert found(planted, set(REAL)) == REAL


def test_its_tables_were_known_by_their_columns(planted: Surveyed) -> None:
    from datetime import timedelta

    from nigrani.survey.asking import Asking

    asked = Asking(planted.guide, tries=False, pace=timedelta())
    asked.ask_all()
    assert asked.tables() == {
        "audit": "school_events", "users": "users", "fees": "fee_entries", "message_logs": "sent_messages",
        "login_failures": "refused_logins", "otps": "codes", "usage": "storage_use", "sessions": "Session",
        **{name: name for name in ("auth_sessions", "blocked_identifiers", "performance_metrics", "rate_limit_logs",
                                   "system_health", "system_metrics")},
    }  # fmt: skip
    assert asked.grants() == ""
