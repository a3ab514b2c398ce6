"""Sites to ask, and the facts that asking left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.integrations import sites
from tests.integrations.sites import Site

from nigrani.telemetry import journal, store


@pytest.fixture
def site() -> Iterator[Site]:
    """Yield a site on loopback that answers 200 until told otherwise."""
    with sites.site() as found:
        yield found


@pytest.fixture
def asking(transactional_db: None) -> Iterator[None]:
    """End this process's asking after the test, with its threads and their connections."""
    from nigrani.sources import actions  # models can be imported only after Django is set up, which conftests precede

    yield
    assert actions.settle(timeout_s=10)
    actions.stop()


@pytest.fixture
def facts(telemetry: str) -> Callable[[str], list[dict[str, Any]]]:
    """Return what has come into a telemetry table since the test began, oldest first."""
    journal.ship(store)
    store.command("TRUNCATE TABLE probes")
    store.command("TRUNCATE TABLE gauges")

    def read(table: str) -> list[dict[str, Any]]:
        journal.ship(store)
        return store.query(f"SELECT * FROM {table} ORDER BY at")

    return read
