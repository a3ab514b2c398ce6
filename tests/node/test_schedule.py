"""The driver of every room: when each decides, and how a rotated secret is taken."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nigrani import schedule
from nigrani.alerts import actions as alerts
from nigrani.alerts.models import Rule
from nigrani.guide import Guide, current
from nigrani.lib import clock
from nigrani.lib.errors import NigraniError
from nigrani.lib.home import Home
from nigrani.lib.secret import Secret
from nigrani.measures import readings

NOW = datetime(2026, 2, 15, 9, tzinfo=UTC)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Home]:
    """Yield a home of its own whose guide runs, and let the earlier guide run again afterwards."""
    made = Home(tmp_path / "own")
    made.ensure()
    before = current._current
    current.set(schedule.load_guide(made))
    yield made
    current._current = before


@pytest.mark.django_db
def test_a_secret_that_others_may_read_is_taken_once_that_is_mended(own: Home, caplog: Any) -> None:
    keeping, secrets = schedule.keeper(own, syncs=True)
    keeping.begin(now=NOW)
    path = own.vault.put("ERP_URL", Secret("https://erp.example"))
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        assert [secrets.rotate(), secrets.rotate()] == [0, 0]
    assert [getattr(record, "action", "") for record in caplog.records] == ["secret.waiting"]
    assert "can be read by other users" in caplog.text
    assert not current.get().sources["website"].is_set_up
    path.chmod(0o600)
    assert [secrets.rotate(), secrets.rotate()] == [1, 0]
    assert current.get().sources["website"].is_set_up


@pytest.mark.parametrize("url", ["mysql://x:secret@host/db", "postgresql://x:secret/1@host:5432/db"])
def test_an_address_of_postgresql_that_is_none_is_told_without_its_password(url: str) -> None:
    from nigrani import settings

    with pytest.raises(NigraniError, match="NIGRANI_DATABASE_URL is no PostgreSQL address") as caught:
        settings.database(url)
    assert "secret" not in f"{caught.value!r} {caught.value} {caught.value.__context__!r}"


@pytest.mark.django_db
def test_a_long_computation_looks_to_nobody_like_a_clock_set_back(
    own: Home, telemetry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = NOW

    def computed_slowly(guide: Guide, *, now: datetime) -> int:
        nonlocal moment
        moment += timedelta(seconds=40)
        alerts.evaluate(guide, now=moment)  # another worker's pass, meanwhile
        moment += timedelta(seconds=1)
        return 0

    monkeypatch.setattr(readings, "compute", computed_slowly)
    with clock.standing_at(lambda: moment):
        schedule.evaluate(current.get())
    assert not Rule.objects.exclude(unsettled_until=None).exists()
    assert set(Rule.objects.values_list("evaluated_at", flat=True)) == {moment}
