"""One house for the journeys that can share it."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from tests.journeys import house
from tests.journeys.house import House

_open = ExitStack()
_shared: list[House] = []


@pytest.fixture
def whole() -> House:
    """Return a running house with nothing broken and nothing open, whose every secret holds the canary."""
    if not _shared:
        _shared.append(_open.enter_context(house.opened(house.canaries)))
    _shared[0].settle()
    return _shared[0]


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Close the house when the next test does not live in it: it would only take time from the others."""
    if _shared and "whole" not in getattr(nextitem, "fixturenames", ()):
        _open.close()
        _shared.clear()
