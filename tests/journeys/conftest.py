"""One house for the journeys that can share it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.journeys import house
from tests.journeys.house import House


@pytest.fixture(scope="session")
def shared_house() -> Iterator[House]:
    """Yield a running house whose every secret holds the canary; a test leaves it running and mended."""
    with house.opened(house.canaries) as found:
        yield found


@pytest.fixture
def whole(shared_house: House) -> House:
    """Yield the shared house with nothing broken and nothing open."""
    shared_house.settle()
    return shared_house
