"""The small guide runs, and somebody of each role is signed in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

# Django is not ready when this file is read: what needs it is imported by the fixtures.
if TYPE_CHECKING:
    from django.test import Client

    from nigrani.alerts.models import Alert
    from nigrani.guide.model import Guide


@pytest.fixture(autouse=True)
def guide() -> Iterator[Guide]:
    """Let the tests' guide be the one that runs."""
    from tests.console import world

    with world.running() as loaded:
        yield loaded


def _signed_in(name: str, role: str) -> Client:
    from tests.console import world

    from nigrani.access.models import Role

    return world.client_of(world.person(name, Role(role)))


@pytest.fixture
def admin(db: None) -> Client:
    """Asha, who may decide."""
    return _signed_in("Asha", "admin")


@pytest.fixture
def responder(db: None) -> Client:
    """Ravi, who may act on alerts."""
    return _signed_in("Ravi", "responder")


@pytest.fixture
def viewer(db: None) -> Client:
    """Vera, who may read."""
    return _signed_in("Vera", "viewer")


@pytest.fixture
def morning(telemetry: str, guide: Guide) -> Alert:
    """A bad morning with readings: System Down fires and was told."""
    from tests.console import scenes

    from nigrani.lib import clock

    now = clock.now()
    down = scenes.storm(now)
    scenes.readings(guide, now)
    scenes.surveyed(guide, now)
    return down
