"""The guide that runs is put back after each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.versions.world import Process


@pytest.fixture(autouse=True)
def _guide_put_back() -> Iterator[None]:
    from nigrani.guide import current
    from nigrani.versions import noticed

    before = current._current
    yield
    noticed.forget()
    current._current = before


@pytest.fixture
def process(db: None, tmp_path: Path) -> Process:
    """A process that runs by version 1."""
    from tests.versions.world import Process

    made = Process(tmp_path)
    made.write()
    made.begin()
    return made
