"""One yard for the whole folder, whose tables have other names; every test plants what it wants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.survey.yards import RENAMES, Surveyed, surveyed


@pytest.fixture(scope="session")
def planted() -> Iterator[Surveyed]:
    options = [word for old, new in RENAMES.items() for word in ("--rename", f"{old}={new}")]
    with surveyed(*options) as found:
        yield found
