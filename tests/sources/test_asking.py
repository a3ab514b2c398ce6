"""Probes from the row that is due to the fact that is kept, over real sockets and a real PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Max, Min
from django.test.utils import CaptureQueriesContext
from tests.eventually import ends_within, eventually
from tests.integrations import sites
from tests.integrations.sites import Reply, Site
from tests.sources import guides

from nigrani.guide import Guide
from nigrani.integrations.web.config import Expect, ProbeConfig
from nigrani.lib import clock, due
from nigrani.sources import actions, queries
from nigrani.sources.models import Probe, Source
from nigrani.telemetry import journal

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("asking")]
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
Facts = Callable[[str], list[dict[str, Any]]]


def turn(guide: Guide, at: datetime) -> int:
    """Ask what is due at a moment, and wait until it is kept."""
    with clock.standing_at(at):
        asked = actions.probe_due(guide, now=at)
        assert actions.settle(timeout_s=10)
    return asked


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_an_answer_becomes_a_fact_and_a_fresh_source(site: Site, facts: Facts) -> None:
    guide = guides.guide(guides.web(site.base))
    actions.sync(guide, now=NOW)
    assert queries.ages(guide, NOW) == {"website": None}
    assert queries.sources(guide, NOW)[0].state == "new"
    assert turn(guide, NOW) == 1

    [fact] = facts("probes")
    assert (fact["source"], fact["probe"], fact["outcome"], fact["up"]) == ("website", "login", "ok", 1)
    assert (fact["status"], fact["failure"], fact["size_bytes"]) == (200, "", 4)
    assert fact["total_ms"] > 0
    assert fact["tls_ms"] is None
    [view] = queries.sources(guide, after(20))
    assert (view.state, view.age_s, view.error) == ("fresh", 20, "")
    [probe] = view.probes
    assert (probe.state, probe.last_outcome, probe.next_at) == ("up", "ok", after(15))
    assert queries.sources(guide, after(61))[0].state == "stale"


def test_nothing_is_asked_before_it_is_due(site: Site) -> None:
    guide = guides.guide(guides.web(site.base))
    actions.sync(guide, now=NOW)
    assert [turn(guide, after(each)) for each in (0, 1, 14.999, 15, 15.5)] == [1, 0, 0, 1, 0]
    assert len(site.asked) == 2


def test_only_the_second_failure_is_believed_and_it_comes_sooner(site: Site, facts: Facts) -> None:
    guide = guides.guide(guides.web(site.base))
    actions.sync(guide, now=NOW)
    turn(guide, NOW)
    site.replies["/"] = Reply(500)
    assert turn(guide, after(15)) == 1
    assert Probe.objects.get().state == "up"
    assert turn(guide, after(20)) == 0
    assert turn(guide, after(22.5)) == 1
    row = Probe.objects.get()
    assert (row.state, row.since, row.last_detail) == ("down", after(22.5), "Status 500 instead of 200.")
    site.replies["/"] = Reply()
    assert turn(guide, after(37.5)) == 1
    assert turn(guide, after(45)) == 1
    assert Probe.objects.get().state == "up"
    told = [(fact["outcome"], fact["up"], fact["failure"]) for fact in facts("probes")]
    assert told == [("ok", 1, ""), ("fail", 1, "status"), ("fail", 0, "status"), ("ok", 0, ""), ("ok", 1, "")]
    assert queries.sources(guide, after(45))[0].state == "fresh"


def test_a_broken_system_is_an_answer_and_not_darkness() -> None:
    guide = guides.guide(guides.web(f"http://127.0.0.1:{sites.closed_port()}"))
    actions.sync(guide, now=NOW)
    turn(guide, NOW)
    turn(guide, after(7.5))
    [view] = queries.sources(guide, after(8))
    assert (view.state, view.probes[0].state, view.probes[0].last_failure) == ("fresh", "down", "refused")


def test_when_the_reference_is_gone_too_it_is_us(site: Site, facts: Facts) -> None:
    dead = f"http://127.0.0.1:{sites.closed_port()}"
    guide = guides.guide(guides.web(dead), reference=(f"http://127.0.0.1:{sites.closed_port()}",))
    actions.sync(guide, now=NOW)
    for at in (0, 15, 30):
        turn(guide, after(at))
    row = Probe.objects.get()
    assert (row.state, row.last_outcome, row.last_failure) == ("new", "blind", "cut_off")
    assert {(fact["outcome"], fact["up"], fact["failure"]) for fact in facts("probes")} == {("blind", None, "cut_off")}
    [view] = queries.sources(guide, after(61))
    assert (view.state, view.error_kind, view.failing_since) == ("stale", "cut_off", NOW)
    assert view.error == "We are cut off: no reference address answers either. Its port is closed."


def test_when_the_reference_answers_it_is_them(site: Site) -> None:
    site.replies["/"] = Reply(503)  # any answer proves the way out
    guide = guides.guide(guides.web(f"http://127.0.0.1:{sites.closed_port()}"), reference=(site.base,))
    actions.sync(guide, now=NOW)
    turn(guide, NOW)
    turn(guide, after(7.5))
    assert Probe.objects.get().state == "down"
    assert {method for method, *_ in site.asked} == {"HEAD"}


def test_a_wrong_status_is_no_reason_to_doubt_ourselves(site: Site) -> None:
    site.replies["/"] = Reply(500)
    guide = guides.guide(guides.web(site.base), reference=(f"http://127.0.0.1:{sites.closed_port()}",))
    actions.sync(guide, now=NOW)
    turn(guide, NOW)
    turn(guide, after(7.5))
    assert Probe.objects.get().state == "down"


def test_being_throttled_is_blindness_that_waits(site: Site) -> None:
    site.replies["/"] = Reply(429, headers={"Retry-After": "600"})
    guide = guides.guide(guides.web(site.base))
    actions.sync(guide, now=NOW)
    turn(guide, NOW)
    row = Probe.objects.get()
    assert (row.state, row.last_outcome, row.last_failure, row.next_at) == ("new", "blind", "throttled", after(600))
    assert turn(guide, after(300)) == 0
    assert queries.sources(guide, after(300))[0].state == "stale"


def test_a_slow_site_holds_up_nobody(site: Site) -> None:
    quick = guides.web(site.base, name="quick")
    with sites.raw(sites.silent) as port, clock.standing_at(NOW):
        guide = guides.guide(guides.web(f"http://127.0.0.1:{port}", name="slow", timeout_s=3), quick)
        actions.sync(guide, now=NOW)
        with ends_within(0.5):
            assert actions.probe_due(guide, now=NOW) == 2
        eventually(lambda: queries.ages(guide, NOW)["quick"] is not None, timeout_s=1)
        assert queries.ages(guide, NOW)["slow"] is None
        assert actions.probe_due(guide, now=after(1)) == 0
        assert actions.settle(timeout_s=5)
    assert Probe.objects.get(source__name="slow").last_failure == "timeout"


def test_a_clock_that_steps_brings_neither_a_burst_nor_silence(site: Site) -> None:
    guide = guides.guide(guides.web(site.base))
    actions.sync(guide, now=NOW)
    turn(guide, NOW)
    an_hour_later = [turn(guide, after(3600 + each)) for each in (0, 1, 2, 14)]
    assert an_hour_later == [1, 0, 0, 0]
    back_again = [turn(guide, after(each)) for each in (16, 17, 30, 31)]
    assert back_again == [1, 0, 0, 1]
    assert queries.ages(guide, after(31)) == {"website": 0}


def test_a_shorter_interval_is_followed_at_once(site: Site) -> None:
    actions.sync(guides.guide(guides.web(site.base, every_s=3600)), now=NOW)
    turn(guides.guide(guides.web(site.base, every_s=3600)), NOW)
    quicker = guides.guide(guides.web(site.base, every_s=15))
    actions.sync(quicker, now=after(20))
    assert turn(quicker, after(20)) == 1


def test_two_workers_never_ask_the_same_row(site: Site) -> None:
    probes = {f"p{each}": ProbeConfig(path=f"/{each}") for each in range(40)}
    guide = guides.guide(guides.web(site.base, probes))
    actions.sync(guide, now=NOW)
    claimed: list[list[int]] = []
    both = threading.Barrier(4)

    def work() -> None:
        both.wait()
        for _ in range(4):
            rows = due.claim(Probe, now=NOW, lease=timedelta(seconds=30), limit=10)
            claimed.append([row.pk for row in rows])
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    flat = [each for some in claimed for each in some]
    assert len(flat) == len(set(flat)) == 40
    assert turn(guide, NOW) == 0


def test_a_worker_thought_dead_does_not_overwrite_the_one_that_took_over(site: Site) -> None:
    guide = guides.guide(guides.web(site.base))
    actions.sync(guide, now=NOW)
    release = threading.Event()

    def late() -> Any:
        release.wait(5)
        yield b"fine"

    site.replies["/"] = Reply(500, chunks=late)
    actions.probe_due(guide, now=NOW)
    eventually(lambda: site.asked)
    taken_over = NOW + timedelta(hours=1)
    Probe.objects.update(leased_until=taken_over, state="up", last_detail="of the other")
    release.set()
    assert actions.settle(timeout_s=5)
    row = Probe.objects.get()
    assert (row.leased_until, row.state, row.last_detail) == (taken_over, "up", "of the other")


def test_a_full_journal_leaves_the_row_due_again(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    guide = guides.guide(guides.web(site.base))
    actions.sync(guide, now=NOW)
    before = Probe.objects.get()
    real = journal.append

    def full(table: str, rows: Any) -> None:
        raise journal.Full("The journal is full.", "Free some space.")

    monkeypatch.setattr(journal, "append", full)
    with clock.standing_at(NOW):
        assert actions.probe_due(guide, now=NOW) == 1
        assert actions.settle(timeout_s=5)
    row = Probe.objects.get()
    assert (row.next_at, row.state, row.last_at) == (before.next_at, "new", None)
    assert "Facts of probes can't be kept: The journal is full." in caplog.text
    monkeypatch.setattr(journal, "append", real)
    Probe.objects.update(leased_until=NOW - timedelta(days=1))  # the lease runs out by the database's clock
    assert turn(guide, after(1)) == 1
    assert Probe.objects.get().state == "up"


def test_a_database_that_restarts_under_us_costs_one_round(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    guide = guides.guide(guides.web(site.base))
    actions.sync(guide, now=NOW)
    turn(guide, NOW)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert turn(guide, after(15)) == 1
    assert Probe.objects.get().last_at == after(15)


def test_one_answer_that_can_not_be_kept_stops_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    guide = guides.guide(guides.web(site.base))
    actions.sync(guide, now=NOW)
    real = journal.append

    def broken(table: str, rows: Any) -> None:
        monkeypatch.setattr(journal, "append", real)
        raise TypeError("a bug")

    monkeypatch.setattr(journal, "append", broken)
    turn(guide, NOW)
    assert "Probes' answers were not kept." in caplog.text
    Probe.objects.update(leased_until=None)
    assert turn(guide, after(1)) == 1
    assert Probe.objects.get().state == "up"


def test_the_reference_is_asked_once_for_many_failures(site: Site) -> None:
    probes = {f"p{n}": ProbeConfig() for n in range(30)}
    guide = guides.guide(guides.web(f"http://127.0.0.1:{sites.closed_port()}", probes), reference=(site.base,))
    actions.sync(guide, now=NOW)
    turn(guide, NOW)
    assert len(site.asked) == 1
    assert Probe.objects.filter(last_outcome="fail").count() == 30


def test_a_source_that_is_not_set_up_is_not_asked(site: Site) -> None:
    bare = guides.guide(guides.web("", missing=("ERP_URL",)))
    actions.sync(bare, now=NOW)
    assert turn(bare, NOW) == 0
    [view] = queries.sources(bare, NOW)
    assert (view.state, view.missing, view.age_s) == ("no_source", ("ERP_URL",), None)
    ready = guides.guide(guides.web(site.base))
    actions.sync(ready, now=after(3600))
    assert queries.sources(ready, after(3601))[0].state == "new"
    assert queries.sources(ready, after(3661))[0].state == "stale"
    assert turn(ready, after(3601)) == 1
    actions.sync(bare, now=after(3610))
    assert turn(bare, after(3700)) == 0
    assert queries.ages(bare, after(3700)) == {"website": None}


def test_what_left_the_guide_is_kept_and_no_longer_asked(site: Site) -> None:
    both = guides.guide(guides.web(site.base), guides.web(site.base, name="other"))
    one = guides.guide(guides.web(site.base))
    actions.sync(both, now=NOW)
    turn(both, NOW)
    actions.sync(one, now=after(10))
    assert turn(one, after(15)) == 1
    assert Source.objects.get(name="other").gone_at == after(10)
    assert [view.name for view in queries.sources(one, after(15))] == ["website"]
    actions.sync(both, now=after(20))
    assert Source.objects.get(name="other").gone_at is None
    assert Probe.objects.get(source__name="other").state == "new"


def test_syncing_twice_changes_nothing(site: Site) -> None:
    guide = guides.guide(guides.web(site.base))
    actions.sync(guide, now=NOW)
    turn(guide, NOW)
    before = list(Probe.objects.values()), list(Source.objects.values())
    actions.sync(guide, now=after(5))
    assert (list(Probe.objects.values()), list(Source.objects.values())) == before


def test_many_probes_begin_spread_over_their_interval() -> None:
    guide = guides.guide(guides.web("http://127.0.0.1:1", {f"p{n}": ProbeConfig() for n in range(150)}))
    actions.sync(guide, now=NOW)
    first = Probe.objects.aggregate(Min("next_at"), Max("next_at"))
    assert first == {"next_at__min": NOW, "next_at__max": after(15 * 149 / 150)}


def test_an_integration_that_breaks_leaves_its_probes_blind_and_alive(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    guide = guides.guide(guides.source("website", "web", object(), {"login": ProbeConfig()}))
    actions.sync(guide, now=NOW)
    turn(guide, NOW)
    row = Probe.objects.get()
    assert (row.last_outcome, row.last_failure, row.next_at) == ("blind", "unreadable", after(15))
    assert "failed itself" in caplog.text


def test_loss_and_return_are_logged_once_each(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "nigrani.sources")
    guide = guides.guide(guides.web(site.base))
    actions.sync(guide, now=NOW)
    for at, reply in enumerate((Reply(), Reply(429), Reply(429), Reply(429), Reply(), Reply())):
        site.replies["/"] = reply
        turn(guide, after(15 * at))
    said = [getattr(record, "action", "") for record in caplog.records]
    assert said == ["source.lost", "source.returned"]


def test_a_thousand_probes_cost_a_few_statements(site: Site, facts: Facts) -> None:
    probes = {f"p{n}": ProbeConfig(expect=Expect(status=(200,))) for n in range(400)}
    guide = guides.guide(guides.web(site.base, probes, timeout_s=10))
    actions.sync(guide, now=NOW)
    with CaptureQueriesContext(connection) as captured:
        assert turn(guide, after(14.99)) == 400
    assert len(captured) <= 10
    assert len(facts("probes")) == 400
    assert Probe.objects.filter(state="up").count() == 400
    assert Source.objects.get().answers == 400
