"""Where a feed's next reading begins, and what is said of what was missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from nigrani.sources import feed_state
from nigrani.sources.feed_state import Place, Start

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OVERLAP, FIRST = 2 * MINUTE, timedelta(days=2)


def begin(place: Place) -> Start:
    return feed_state.begin(place, overlap=OVERLAP, first=FIRST, now=NOW)


def test_the_first_reading_begins_days_back_and_the_next_an_overlap_before_the_last_row() -> None:
    assert begin(Place(None, "", None, False)) == Start(NOW - FIRST, None)
    assert begin(Place(NOW - 5 * MINUTE, "k", NOW - MINUTE, True)) == Start(NOW - 7 * MINUTE, None)
    assert begin(Place(NOW - 5 * MINUTE, "k", NOW - 6 * MINUTE, False)) == Start(NOW - 5 * MINUTE, "k")
    assert begin(Place(None, "", NOW - MINUTE, True)) == Start(NOW - 3 * MINUTE, None)


def test_a_row_from_the_future_does_not_pull_the_next_reading_along() -> None:
    assert begin(Place(NOW + 50 * MINUTE, "k", NOW, True)) == Start(NOW - 2 * MINUTE, None)


def test_a_gap_is_what_is_longer_than_borne() -> None:
    place = Place(NOW - 9 * MINUTE, "k", NOW - 5 * MINUTE, True)
    assert feed_state.gap(place, borne=5 * MINUTE, now=NOW) is None
    assert feed_state.gap(place, borne=5 * MINUTE - timedelta(seconds=1), now=NOW) == NOW - 5 * MINUTE
    assert feed_state.gap(Place(None, "", None, False), borne=MINUTE, now=NOW) is None


def test_rows_are_gone_when_the_oldest_is_newer_than_what_was_read() -> None:
    place, start = Place(NOW - 60 * MINUTE, "k", NOW - 50 * MINUTE, True), NOW - 50 * MINUTE
    assert feed_state.lost(place, NOW - 90 * MINUTE, start=start, end=NOW) is None
    assert feed_state.lost(place, NOW - 20 * MINUTE, start=start, end=NOW) == NOW - 20 * MINUTE
    assert feed_state.lost(place, None, start=start, end=NOW) == NOW
    assert feed_state.lost(Place(None, "", start, True), None, start=start, end=NOW) is None


moments = st.integers(-5000, 3600).map(lambda seconds: NOW + timedelta(seconds=seconds))


@given(st.lists(moments, max_size=20), st.booleans(), moments)
def test_the_cursor_never_goes_back_and_nothing_is_claimed_beyond_it(
    rows: list[datetime], was_caught_up: bool, read_to: datetime
) -> None:
    place = Place(None, "", min(read_to, NOW) if was_caught_up else None, was_caught_up)
    for at in rows:
        before, place = place, feed_state.past(place, at, "k", now=NOW)
        assert place.cursor is not None
        assert before.cursor is None or place.cursor >= before.cursor
        if not was_caught_up:
            assert place.read_to is not None
            assert place.read_to <= min(max(rows), NOW)
        assert place.read_to is None or before.read_to is None or place.read_to >= before.read_to
