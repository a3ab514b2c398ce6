"""One yard for the whole folder; every test leaves it without faults."""

from collections.abc import Iterator

import pytest
from tests.eventually import eventually
from tests.schoolyard.client import Yard, boot, remove


@pytest.fixture(scope="session")
def booted() -> Iterator[Yard]:
    yard = boot("--traffic-rate", "0", "--pool-timeout", "0.5")
    yield yard
    assert yard.end() == 0
    remove(yard)


@pytest.fixture
def yard(booted: Yard) -> Iterator[Yard]:
    yield booted
    booted.close_browsers()
    booted.reset()
    eventually(lambda: booted.validate().status_code == 200)  # connections that died in a fault are found out
