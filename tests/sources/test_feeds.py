"""Feeds, from rows of a real watched PostgreSQL to facts in telemetry: every row once, whatever happens between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.integrations import databases
from tests.sources.feed_world import World, turn

from nigrani.guide import Guide
from nigrani.lib import clock
from nigrani.sources import actions, feed_turn, queries
from nigrani.sources.feed_queries import FeedView
from nigrani.sources.models import Feed, Gap, Source
from nigrani.telemetry import journal, store
from nigrani.telemetry.segments import Full

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("asking"), pytest.mark.timeout(600)]
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
Facts = Callable[[], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def server() -> Iterator[databases.Server]:
    """Yield one watched server for all of these tests."""
    with databases.server(databases.shipped(), settings={"max_connections": "30"}) as found:
        found.run(f"CREATE ROLE watcher LOGIN PASSWORD '{databases.PASSWORD}'")
        yield found


@pytest.fixture
def world(server: databases.Server) -> Iterator[World]:
    """Yield an empty watched table, and forget what this process remembers of feeds."""
    made = World(server)
    made.create()
    feed_turn.forget()
    yield made
    feed_turn.forget()


@pytest.fixture
def facts(telemetry: str) -> Facts:
    """Return the facts of the feed as they stand, oldest first, each as often as it is kept."""

    def read() -> list[dict[str, Any]]:
        journal.ship(store)
        return store.query("SELECT * FROM audit FINAL ORDER BY at, id")

    return read


def keys(facts: Facts) -> list[str]:
    return [row["id"].removeprefix("audit/") for row in facts()]


def view(guide: Guide, at: datetime) -> FeedView:
    [source] = queries.sources(guide, at)
    [found] = source.feeds
    return found


def begun(world: World, at: datetime = NOW, **changes: Any) -> Guide:
    guide = world.guide(**changes)
    actions.sync(guide, now=at)
    return guide


def test_a_row_becomes_a_fact_and_the_feed_says_how_far_it_was_read(world: World, facts: Facts) -> None:
    guide = begun(world)
    assert view(guide, NOW).state == "new"
    world.write(NOW - MINUTE, "a", said="for asha@school.example, +91 98765 43210", name="asha@school.example")
    assert turn(guide, NOW) == 1
    [fact] = facts()
    assert (fact["id"], fact["source"], fact["action"], fact["actor"]) == ("audit/a", "database", "LOGIN", "u1")
    assert fact["at"] == NOW - MINUTE
    assert "asha" not in str(fact)
    assert "98765" not in str(fact)
    assert fact["reason"].startswith("for email:")
    assert fact["attrs"]["name"] == fact["reason"].split()[1].rstrip(",")  # the same address, the same pseudonym
    seen = view(guide, NOW + timedelta(seconds=5))
    assert (seen.state, seen.watermark, seen.read_to, seen.rows) == ("fresh", NOW - MINUTE, NOW, 1)
    assert turn(guide, NOW + timedelta(seconds=5)) == 0  # not due yet


def test_late_out_of_order_and_repeated_rows_come_out_once(world: World, facts: Facts) -> None:
    guide = begun(world)
    world.write(NOW - timedelta(seconds=20), "b")
    turn(guide, NOW)
    world.write(NOW - timedelta(seconds=80), "a")  # before what was read, within the overlap
    world.write(NOW + timedelta(seconds=10), "c", "c")  # the same row twice
    turn(guide, NOW + timedelta(seconds=15))
    assert keys(facts) == ["a", "b", "c"]
    turn(guide, NOW + timedelta(seconds=30))
    assert store.query("SELECT count() AS n FROM audit")[0]["n"] == 3  # what is read again is not kept again
    assert view(guide, NOW + timedelta(seconds=30)).rows == 3


def test_a_page_that_ends_within_one_instant_loses_nothing(world: World, facts: Facts) -> None:
    guide = begun(world, page=7)
    wanted = [f"k{number:03}" for number in range(100)]
    world.write(NOW - MINUTE, *wanted)
    turn(guide, NOW)
    assert keys(facts) == wanted
    assert view(guide, NOW).rows == 100


def test_a_process_that_died_after_the_journal_keeps_each_row_once(
    world: World, facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = begun(world, page=10)
    world.write(NOW - MINUTE, *(f"k{number:02}" for number in range(35)))

    def dies(self: feed_turn.Turn, **also: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(feed_turn.Turn, "_save", dies)
        row = Feed.objects.get()
        Feed.objects.update(leased_until=NOW + timedelta(hours=1))
        row.refresh_from_db()
        source = guide.sources["database"]
        with pytest.raises(KeyboardInterrupt):
            feed_turn.Turn(row, source, source.feeds["audit"], NOW).run()
    assert keys(facts) == [f"k{number:02}" for number in range(10)]  # in the journal, and the cursor has not moved
    assert Feed.objects.get().cursor is None
    feed_turn.forget()
    Feed.objects.update(leased_until=None)
    turn(guide, NOW)
    assert keys(facts) == [f"k{number:02}" for number in range(35)]


def test_what_the_journal_can_t_take_is_read_again(world: World, facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = begun(world)
    world.write(NOW - MINUTE, "a")

    def full(table: str, rows: object) -> None:
        raise Full("The journal is full.")

    with monkeypatch.context() as patched:
        patched.setattr(journal, "append", full)
        turn(guide, NOW)
    assert (view(guide, NOW).state, view(guide, NOW).error_kind) == ("blind", "journal")
    assert Feed.objects.get().cursor is None
    turn(guide, NOW + timedelta(seconds=15))
    assert keys(facts) == ["a"]
    assert view(guide, NOW + timedelta(seconds=15)).error == ""


def test_another_worker_s_feed_is_left_alone(world: World, facts: Facts) -> None:
    guide = begun(world)
    world.write(NOW - MINUTE, "a")
    source = guide.sources["database"]
    stale = Feed.objects.get()
    stale.leased_until = NOW - timedelta(hours=1)  # thought dead: the row has another lease by now
    Feed.objects.update(leased_until=NOW + timedelta(hours=1), cursor=NOW - timedelta(hours=2), cursor_id="x")
    with clock.standing_at(NOW):
        feed_turn.Turn(stale, source, source.feeds["audit"], NOW).run()
    assert Feed.objects.get().cursor_id == "x"


def test_rows_later_than_the_overlap_are_taken_in_and_counted(world: World, facts: Facts) -> None:
    guide = begun(world)
    world.write(NOW - timedelta(seconds=10), "a")
    turn(guide, NOW)
    turn(guide, NOW + timedelta(seconds=15))
    assert keys(facts) == ["a"]
    world.write(NOW - timedelta(minutes=20), "late1", "late2")
    turn(guide, NOW + timedelta(seconds=30))
    assert keys(facts) == ["a"]  # not looked for at every turn
    turn(guide, NOW + timedelta(minutes=11))
    assert keys(facts) == ["late1", "late2", "a"]
    seen = view(guide, NOW + timedelta(minutes=11))
    assert (seen.late, seen.rows) == (2, 3)
    assert seen.late_by_s == timedelta(minutes=31).total_seconds()
    turn(guide, NOW + timedelta(minutes=22))
    assert view(guide, NOW + timedelta(minutes=22)).late == 2


def test_rows_without_an_id_are_rejected_once_and_counted(world: World, facts: Facts) -> None:
    guide = begun(world, page=3)
    world.write(NOW - MINUTE, "a", None, None, "b")
    world.run("INSERT INTO events (key, verb) VALUES ('nowhere', 'LOGIN')")
    turn(guide, NOW)
    assert keys(facts) == ["a", "b"]
    world.write(NOW, "c")
    turn(guide, NOW + timedelta(seconds=15))
    assert keys(facts) == ["a", "b", "c"]
    seen = view(guide, NOW + timedelta(seconds=15))
    assert set(seen.rejected) == {"it has no id"}
    assert seen.rejected["it has no id"] in (1, 2)  # those that a page boundary within their instant hides are not seen
    assert seen.timeless == 1


def test_a_row_from_the_future_waits_and_holds_nobody_up(world: World, facts: Facts) -> None:
    guide = begun(world)
    world.write(NOW + timedelta(days=365), "far")
    world.write(NOW + timedelta(minutes=50), "near")
    world.write(NOW - MINUTE, "a")
    turn(guide, NOW)
    assert keys(facts) == ["a", "near"]
    assert view(guide, NOW).ahead == 1
    for number in range(1, 5):
        at = NOW + number * timedelta(seconds=15)
        world.write(at - timedelta(seconds=5), f"n{number}")
        turn(guide, at)
    assert keys(facts) == ["a", "n1", "n2", "n3", "n4", "near"]


def test_a_database_whose_clock_is_wrong_is_read_all_the_same(world: World, facts: Facts) -> None:
    guide = begun(world)
    for number in range(6):
        at = NOW + number * timedelta(seconds=15)
        world.write(at + timedelta(minutes=40) - number * timedelta(seconds=1), f"k{number}")
        turn(guide, at)
    assert keys(facts) == [f"k{number}" for number in range(6)]


def test_a_column_that_is_gone_is_named_with_the_nearest_and_heals_by_itself(world: World, facts: Facts) -> None:
    guide = begun(world)
    world.write(NOW - MINUTE, "a")
    turn(guide, NOW)
    world.run('ALTER TABLE events RENAME COLUMN "writtenAt" TO "written_at"')
    turn(guide, NOW + timedelta(seconds=15))
    seen = view(guide, NOW + timedelta(seconds=15))
    assert (seen.state, seen.error_kind, seen.watermark) == ("blind", "refused", NOW - MINUTE)
    assert "The column writtenAt is missing in events." in seen.error
    assert "The nearest there is: written_at." in seen.error
    assert seen.failing_since == NOW + timedelta(seconds=15)
    world.run('ALTER TABLE events RENAME COLUMN written_at TO "writtenAt"')
    world.write(NOW, "b")
    turn(guide, NOW + timedelta(seconds=30))
    assert keys(facts) == ["a", "b"]
    assert (view(guide, NOW + timedelta(seconds=30)).state, Gap.objects.count()) == ("fresh", 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('ALTER TABLE events ALTER "writtenAt" TYPE text', "A column is of another type than the feed says"),
        ('ALTER TABLE events ALTER "writtenAt" TYPE date', "The watermark writtenAt is of another type than a time."),
        ('ALTER TABLE events ALTER "writtenAt" TYPE timestamptz', "has a time zone of its own. Take out: zone: UTC"),
        ("ALTER TABLE events RENAME TO happenings", "The table is missing: relation"),
        ("REVOKE SELECT ON events FROM watcher", "The role may not read it: permission denied for table events."),
        ("ALTER TABLE events DROP COLUMN said", "The column said is missing in events."),
    ],
)
def test_a_table_that_changed_is_told_and_the_cursor_stays(world: World, facts: Facts, change: str, said: str) -> None:
    guide = begun(world)
    world.write(NOW - MINUTE, "a")
    turn(guide, NOW)
    world.run("DROP TABLE IF EXISTS happenings")
    world.run(change)
    turn(guide, NOW + timedelta(seconds=15))
    seen = view(guide, NOW + timedelta(seconds=15))
    assert said in seen.error
    assert (seen.state, seen.watermark) == ("blind", NOW - MINUTE)


def test_a_database_away_for_a_day_is_caught_up_with_in_steps_and_the_gap_is_marked(
    world: World, facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_turn, "PAGES", 2)
    guide = begun(world, page=10)
    world.write(NOW - MINUTE, "a")
    turn(guide, NOW)
    world.run("ALTER ROLE watcher NOLOGIN")
    turn(guide, NOW + timedelta(seconds=15))
    assert view(guide, NOW + timedelta(minutes=5)).state == "blind"
    for number in range(50):
        world.write(NOW + number * timedelta(minutes=20), f"k{number:02}")
    world.run("ALTER ROLE watcher LOGIN")
    back = NOW + timedelta(days=1)
    turn(guide, back)
    seen = view(guide, back)
    assert seen.state == "behind"
    assert "is caught up to 2026-11-23" in seen.says
    assert seen.read_to is not None
    assert seen.read_to < back - timedelta(hours=12)
    [gap] = seen.gaps
    assert (gap.start, gap.end, gap.filled_at, gap.lost_to) == (NOW, back, None, None)
    assert "refused us" in gap.because
    for number in range(1, 4):
        turn(guide, back + timedelta(seconds=number))
    assert keys(facts) == ["a", *(f"k{number:02}" for number in range(50))]
    seen = view(guide, back + timedelta(seconds=4))
    assert (seen.state, seen.rows) == ("fresh", 51)
    assert seen.gaps[0].filled_at is not None
    turn(guide, back + timedelta(minutes=1))
    assert Gap.objects.count() == 1


def test_rows_purged_meanwhile_are_said_to_be_gone(world: World, facts: Facts) -> None:
    guide = begun(world)
    world.write(NOW - MINUTE, "a")
    turn(guide, NOW)
    back = NOW + timedelta(days=1)
    world.write(NOW + timedelta(hours=2), "purged")
    world.write(NOW + timedelta(hours=20), "kept")
    world.run('DELETE FROM events WHERE "writtenAt" < %s', (NOW + timedelta(hours=10)).replace(tzinfo=None))
    turn(guide, back)
    assert keys(facts) == ["a", "kept"]
    [gap] = view(guide, back).gaps
    assert (gap.start, gap.lost_to) == (NOW, NOW + timedelta(hours=20))


def test_ids_that_are_numbers_and_times_with_a_zone_of_their_own(world: World, facts: Facts) -> None:
    world.run("DROP TABLE IF EXISTS journal")
    world.run("CREATE TABLE journal (n bigint PRIMARY KEY, at timestamptz, who jsonb, verb text)")
    world.run("GRANT SELECT ON journal TO watcher")
    world.run(
        "INSERT INTO journal SELECT n, %s, jsonb_build_object('mail', 'asha@school.example'), 'SEEN'"
        " FROM generate_series(1, 25) n",
        NOW - MINUTE,
    )
    guide = begun(
        world, sql="SELECT n, at, who, verb FROM journal", watermark="at", id="n", zone=None, page=4,
        map={"action": "verb", "reason": "who"}, attrs=(), hide=(),
    )  # fmt: skip
    turn(guide, NOW)
    assert len(facts()) == 25
    assert all("asha" not in str(row) for row in facts())


def test_times_of_a_zone_without_a_mark_are_read_in_that_zone(world: World, facts: Facts) -> None:
    local = datetime(2026, 11, 23, 14, 29, tzinfo=UTC).replace(tzinfo=None)  # on a clock in India: 08:59 in UTC
    world.run("INSERT INTO events VALUES ('a', %s, 'u1', 'LOGIN', '', NULL)", local)
    guide = begun(world, zone=ZoneInfo("Asia/Kolkata"))
    turn(guide, NOW)
    assert [row["at"] for row in facts()] == [NOW - MINUTE]


def test_hostile_text_is_kept_short_and_harms_nothing(world: World, facts: Facts) -> None:
    guide = begun(world)
    world.write(NOW - MINUTE, "a", said="<script>\x1b[31m\u202e" + "x" * 10_000)
    world.write(NOW - MINUTE, "b" * 3000)
    turn(guide, NOW)
    found = facts()
    assert len(found) == 2
    assert len(found[0]["reason"]) == 1000


def test_a_page_of_huge_rows_is_read_in_smaller_ones(world: World, facts: Facts) -> None:
    guide = begun(world)
    world.write(NOW - MINUTE, *(f"k{number:02}" for number in range(40)), said="x" * 2**20)
    turn(guide, NOW)
    assert len(keys(facts)) == 40


def test_a_feed_that_left_the_guide_is_read_no_more_and_comes_back_where_it_stood(world: World, facts: Facts) -> None:
    guide = begun(world)
    world.write(NOW - MINUTE, "a")
    turn(guide, NOW)
    bare = replace(guide.sources["database"], feeds={})
    actions.sync(replace(guide, sources={"database": bare}), now=NOW)
    assert turn(guide, NOW + MINUTE) == 0
    actions.sync(guide, now=NOW + MINUTE)
    world.write(NOW + timedelta(seconds=30), "b")
    turn(guide, NOW + MINUTE)
    assert keys(facts) == ["a", "b"]


def test_a_blind_feed_makes_its_source_dark_for_the_watchman(world: World, facts: Facts) -> None:
    guide = begun(world)
    world.run("REVOKE SELECT ON events FROM watcher")
    turn(guide, NOW)
    Source.objects.update(last_ok_at=NOW + timedelta(minutes=5))
    never = queries.darkness(guide, NOW + timedelta(minutes=5), asking_for=timedelta(hours=1))
    assert never["database"] <= 1  # a grant that was never given is shown, and wakes nobody
    world.run("GRANT SELECT ON events TO watcher")
    turn(guide, NOW + timedelta(seconds=15))
    world.run("REVOKE SELECT ON events FROM watcher")
    turn(guide, NOW + timedelta(seconds=30))
    later = NOW + timedelta(minutes=5)
    Source.objects.update(last_ok_at=later)
    assert queries.darkness(guide, later, asking_for=timedelta(hours=1))["database"] > 1
    assert queries.darkness(guide, NOW + timedelta(seconds=60), asking_for=timedelta(hours=1))["database"] <= 1
