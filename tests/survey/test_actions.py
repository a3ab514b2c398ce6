"""A survey's life: asked for, claimed, carried out, begun again after a death, kept and forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from tests.guide.real import vocabulary
from tests.integrations import sites

from nigrani.access.models import LedgerLine
from nigrani.guide import Guide, load, shipped
from nigrani.lib import clock
from nigrani.lib.errors import Conflict
from nigrani.lib.secret import Secret, Vault
from nigrani.survey import actions, asking, queries
from nigrani.survey.background import Background
from nigrani.survey.models import Survey

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Guide:
    """The shipped guide, with a website where nothing listens."""
    monkeypatch.setattr(asking, "PACE", timedelta())
    vault = Vault(tmp_path)
    vault.put("ERP_URL", Secret(f"http://127.0.0.1:{sites.closed_port()}"))
    return load(shipped(), vocabulary=vocabulary(), vault=vault)


def carry_out(guide: Guide, now: datetime) -> Survey | None:
    with clock.standing_at(now):
        row = actions.take(guide, now=now)
        if row is not None:
            actions.carry_out(row, guide)
        return row


def test_one_that_was_asked_for_is_carried_out_and_kept(guide: Guide) -> None:
    number = actions.ask_for(guide, by="ravi@example.org", tries=False, now=NOW)
    under_way = queries.under_way(now=NOW)
    assert under_way is not None
    assert (under_way.number, under_way.state) == (number, "planned")
    assert carry_out(guide, NOW) is not None
    assert queries.under_way(now=NOW) is None
    found = queries.latest()
    assert found is not None
    assert (found.number, found.report.by, len(found.report.rows)) == (number, "ravi@example.org", 93)
    assert {each.state for each in found.report.findings} == {"could not look", "waits for a try", "no source"}
    assert queries.past()[0].unseen == len(found.report.unseen()) > 0


def test_two_at_once_are_a_conflict_and_leave_no_line(guide: Guide) -> None:
    actions.ask_for(guide, by="ravi@example.org", tries=False, now=NOW)
    with pytest.raises(Conflict, match="under way"):
        actions.ask_for(guide, by="asha@example.org", tries=True, now=NOW)
    assert not LedgerLine.objects.filter(action="survey.tried").exists()


def test_tries_leave_a_line_that_says_what_was_allowed(guide: Guide) -> None:
    actions.ask_for(guide, by="asha@example.org", tries=True, now=NOW)
    line = LedgerLine.objects.filter(action="survey.tried").latest("seq")
    assert "Posts an unsigned event named nigrani.survey" in line.detail_json


def test_each_day_one_is_made_by_itself(guide: Guide) -> None:
    assert carry_out(guide, NOW) is None, "a new installation has enough to look at"
    assert carry_out(guide, NOW + actions.FIRST_AFTER) is not None
    assert carry_out(guide, NOW + DAY) is None
    assert carry_out(guide, NOW + actions.FIRST_AFTER + DAY) is not None
    assert Survey.objects.filter(daily=True, state="done").count() == 2
    assert Survey.objects.filter(daily=True, state="planned").count() <= 1


def test_nothing_is_planned_while_no_source_is_set_up(tmp_path: Path) -> None:
    bare = load(shipped(), vocabulary=vocabulary(), vault=Vault(tmp_path / "none"))
    assert actions.take(bare, now=NOW) is None
    assert not Survey.objects.exists()


def test_whoever_claims_one_has_it_alone_until_its_lease_runs_out(guide: Guide) -> None:
    actions.ask_for(guide, by="ravi@example.org", tries=False, now=NOW)
    assert actions.take(guide, now=NOW) is not None
    assert actions.take(guide, now=NOW) is None
    with transaction.atomic(), connection.cursor() as cursor:  # its worker died, and the lease ran out
        cursor.execute("UPDATE survey_survey SET leased_until = now() - interval '1 second', begun = 1 WHERE NOT daily")
    row = carry_out(guide, NOW)
    assert row is not None
    assert Survey.objects.get(pk=row.pk).begun == 2
    assert Survey.objects.get(pk=row.pk).state == "done"


def test_one_that_never_ends_is_given_up(guide: Guide) -> None:
    number = actions.ask_for(guide, by="ravi@example.org", tries=False, now=NOW)
    Survey.objects.filter(pk=number).update(begun=3)
    assert actions.take(guide, now=NOW) is None
    row = Survey.objects.get(pk=number)
    assert (row.state, row.error) == ("failed", "It was begun 3 times and never came to its end.")
    actions.ask_for(guide, by="ravi@example.org", tries=False, now=NOW)


def test_our_own_failure_is_written_and_makes_room(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    number = actions.ask_for(guide, by="ravi@example.org", tries=False, now=NOW)

    def broken(*_: object) -> list[object]:
        raise RuntimeError("out of paper")

    row = actions.take(guide, now=NOW)
    assert row is not None
    monkeypatch.setattr(asking.Asking, "ask_all", broken)
    with pytest.raises(RuntimeError):
        actions.carry_out(row, guide)
    assert Survey.objects.get(pk=number).error == "Nigrani itself failed: RuntimeError. See the log."
    assert "paper" not in queries.past()[0].error


def test_the_last_ten_are_kept(guide: Guide) -> None:
    numbers = []
    for back in range(12):
        now = NOW + timedelta(hours=back)
        with clock.standing_at(now):
            number, _ = actions.carry_out_here(guide, by="command line", tries=False, now=now)
        numbers.append(number)
    assert [each.number for each in queries.past()] == numbers[:1:-1]
    assert queries.survey(numbers[0]) is None
    assert queries.survey(numbers[-1]) is not None


def test_findings_are_counted_for_the_watchman(guide: Guide) -> None:
    assert queries.standing() is None
    with clock.standing_at(NOW):
        actions.carry_out_here(guide, by="command line", tries=False, now=NOW)
    assert queries.standing() == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_in_the_background_no_loop_waits_for_it(guide: Guide) -> None:
    runner = Background()
    assert runner.turn(guide, now=NOW) == 0
    actions.ask_for(guide, by="ravi@example.org", tries=False, now=NOW)
    assert runner.turn(guide, now=NOW) == 1
    assert runner.wait(120)
    assert Survey.objects.get(daily=False).state == "done"
    assert runner.turn(guide, now=NOW) == 0
