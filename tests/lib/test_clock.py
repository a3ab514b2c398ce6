"""One clock for everybody."""

from __future__ import annotations

from datetime import UTC, datetime

from nigrani.lib import clock


def test_now_is_aware_and_keeps_milliseconds() -> None:
    now = clock.now()
    assert now.tzinfo is UTC
    assert now.microsecond % 1000 == 0


def test_it_stands_where_a_test_puts_it_and_goes_on_afterwards() -> None:
    then = datetime(2026, 2, 15, 9, 0, 0, 123456, tzinfo=UTC)
    with clock.standing_at(then):
        assert clock.now() == then.replace(microsecond=123000)
    assert clock.now() != then
