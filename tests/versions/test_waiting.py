"""What a change would do at once is found out before it runs; what would wake somebody waits for a person."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from tests.measures.making import MINUTE, answered, probe, put
from tests.versions.world import GUIDE, RULES, SECOND, Process, newest, standing, states

from nigrani import schedule
from nigrani.access.models import LedgerLine
from nigrani.alerts.models import Alert, Rule, Transition
from nigrani.guide import current
from nigrani.lib import clock
from nigrani.lib.errors import Conflict, GuideError, NigraniError
from nigrani.lib.home import Home
from nigrani.lib.secret import Secret, Vault
from nigrani.node.doctor import stores
from nigrani.versions import actions, keeper, queries
from nigrani.versions import standing as stands
from nigrani.versions.models import Version

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("telemetry")]

LOWER = RULES.replace("above: 3}", "above: 1}")
RULE_TWO = """\
  odd:
    title: Odd
    means: It is odd.
    urgency: high
    when: {measure: failed, over: 5m, above: 100}
    owner: lead
    action: Look.
"""
TWO = RULES.replace("alerts:\n", "alerts:\n" + RULE_TWO)


def failing(process: Process, count: int) -> None:
    put(*(probe(process.now - SECOND, "fail", name=f"p{each}") for each in range(count)))


def judge(process: Process) -> None:
    """One pass of the loop that judges."""
    with clock.standing_at(process.now):
        schedule.evaluate(process.follower.guide())


def confirm(process: Process, number: int) -> Version:
    return actions.confirm(number, by="asha@example.in", reader=process.follower.reader, now=process.now)


def test_a_level_that_holds_now_waits_and_says_why(process: Process) -> None:
    failing(process, 2)
    judge(process)
    process.save(LOWER)
    assert states() == [(1, "standing"), (2, "waiting")]
    assert newest().reasons == [
        {"rule": "failing", "why": "fires", "says": "It would fire at once: 2 over 5 min is above 1."}
    ]
    assert [change["says"] for change in newest().changes] == ["alert failing: when.above 3 → 1"]
    assert current.get().version == 1
    judge(process)
    assert not Transition.objects.filter(new="firing").exists(), "what waits never runs"
    confirm(process, 2)
    judge(process)
    assert Transition.objects.get(new="firing").because == "2 over 5 min is above 1."
    assert current.get().version == 2
    line = LedgerLine.objects.latest("seq")
    assert (line.by, line.action, line.what) == ("asha@example.in", "guide.confirmed", "guide version 2")


def test_a_level_that_does_not_hold_now_runs_at_once(process: Process) -> None:
    failing(process, 1)
    judge(process)
    process.save(LOWER)
    assert states() == [(1, "superseded"), (2, "standing")]


def test_a_new_measure_is_judged_by_the_facts_that_are_kept(process: Process) -> None:
    failing(process, 2)
    judge(process)
    more = RULE_TWO.replace("failed", "wrong").replace("100", "1")
    measure = RULES[RULES.index("  failed:") : RULES.index("alerts:")].replace("  failed:", "  wrong:")
    both = RULES.replace("measures:\n", "measures:\n" + measure).replace("alerts:\n", "alerts:\n" + more)
    process.save(both)
    assert states() == [(1, "standing"), (2, "waiting")]
    assert newest().reasons[0]["says"] == "It would fire at once: 2 over 5 min is above 1."
    process.now += 10 * MINUTE
    process.save(both + "# later\n")
    assert states() == [(1, "superseded"), (2, "withdrawn"), (3, "standing")]


def test_what_can_not_be_judged_waits_once_the_start_is_over(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(process, 1)
    process.save(RULES.replace("countIf(outcome = 'fail')", "countIf(throwIf(outcome = 'fail') = 1)"))
    assert states() == [(1, "standing")], "after a start it is looked at again"
    monkeypatch.setattr(keeper, "PATIENCE_S", 0.0)
    process.keeper._again_at = 0.0
    process.looks()
    assert states() == [(1, "standing"), (2, "waiting")]
    [reason] = newest().reasons
    assert reason["why"] == "unknown"
    assert reason["says"].startswith("Whether it would fire can't be judged: its SQL fails: ")


def test_without_telemetry_nothing_can_be_judged(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGRANI_CLICKHOUSE_URL", "http://nigrani:x@127.0.0.1:9/nigrani")
    monkeypatch.setattr(keeper, "PATIENCE_S", 0.0)
    process.save(LOWER)
    [reason] = newest().reasons
    assert (newest().state, reason["why"]) == ("waiting", "unknown")


def test_an_alert_that_fires_survives_a_change_of_its_rule(process: Process) -> None:
    failing(process, 9)
    judge(process)
    process.save(RULES.replace("above: 3", "above: 5").replace("title: Failing", "title: Worse"))
    assert states() == [(1, "superseded"), (2, "standing")], "it fires already: nothing new would"
    judge(process)
    assert list(Transition.objects.values_list("old", "new")) == [("unknown", "firing")]
    assert Alert.objects.get().state == "firing"


def test_an_alert_that_would_rise_at_once_waits(process: Process) -> None:
    failing(process, 9)
    judge(process)
    process.save(RULES.replace("urgency: high", "urgency: medium"))
    assert standing().number == 2, "it falls"
    judge(process)
    process.save(RULES)
    [reason] = newest().reasons
    assert reason["says"] == "It would rise: 9 over 5 min is above 3."


@pytest.mark.parametrize("after", [RULES.replace("  failing:", "  failed-much:"), RULES[: RULES.index("alerts:")]])
def test_a_rule_that_fires_is_not_removed_or_renamed_by_the_way(process: Process, after: str) -> None:
    failing(process, 9)
    judge(process)
    process.save(after)
    assert states() == [(1, "standing"), (2, "waiting")]
    [reason, *others] = newest().reasons
    assert reason["says"] == "It fires now, and the change removes or renames it."
    assert [each["rule"] for each in others] == (["failed-much"] if "failed-much" in after else [])
    confirm(process, 2)
    judge(process)
    assert Alert.objects.get(key="failing").state == "ok"


def test_a_rule_that_is_quiet_may_go(process: Process) -> None:
    judge(process)
    process.save(TWO)
    process.save(RULES)
    assert [state for _, state in states()] == ["superseded", "superseded", "standing"]


def test_the_newer_text_replaces_the_one_that_waits(process: Process) -> None:
    failing(process, 2)
    judge(process)
    process.save(LOWER)
    process.save(LOWER.replace("above: 1}", "above: 0}"))
    assert states() == [(1, "standing"), (2, "withdrawn"), (3, "waiting")]
    assert Version.objects.get(number=2).because == "A newer text replaced it."
    with pytest.raises(Conflict, match="No folder holds version 2 any more"):
        confirm(process, 2)


def test_going_back_to_what_stands_withdraws_what_waits(process: Process) -> None:
    failing(process, 2)
    judge(process)
    process.save(LOWER)
    process.save(RULES)
    assert states() == [(1, "standing"), (2, "withdrawn")]
    assert Version.objects.get(number=2).because == "The folder holds again what stands."
    assert queries.pending(now=process.now).waiting is None


def test_mistakes_leave_what_waits_waiting(process: Process, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "close", lambda: None)  # the doctor closes its own, and this one is the test's
    assert [each.verdict for each in stores.versions(home, process.now)] == ["ok"]
    failing(process, 2)
    judge(process)
    process.save(LOWER)
    process.save("alerts: [\n")
    told = {each.verdict: each.what for each in stores.versions(home, process.now)}
    assert told["warn"] == "Version 2 waits for confirmation."
    assert told["bad"].startswith("The folder's text was refused as version 3: rules.yaml:2:1: ")
    assert states() == [(1, "standing"), (2, "waiting"), (3, "refused")]
    with pytest.raises(Conflict, match="No folder holds version 2 any more"):
        confirm(process, 2)
    process.save(LOWER)
    confirm(process, 2)
    assert standing().number == 2


def test_what_waits_waits_still_after_a_restart(process: Process) -> None:
    failing(process, 2)
    judge(process)
    process.save(LOWER)
    process.restart()
    process.begin()
    assert states() == [(1, "standing"), (2, "waiting")]
    assert current.get().version == 1
    confirm(process, 2)
    process.looks(1)
    assert current.get().version == 2


def test_a_withdrawn_change_stays_withdrawn_until_somebody_wants_it(process: Process) -> None:
    failing(process, 2)
    judge(process)
    process.save(LOWER)
    actions.withdraw(2, by="ravi@example.in", now=process.now)
    process.looks()
    process.restart()
    process.begin()
    assert states() == [(1, "standing"), (2, "withdrawn")]
    assert LedgerLine.objects.latest("seq").action == "guide.withdrawn"
    with pytest.raises(Conflict, match="does not wait: it is withdrawn"):
        actions.withdraw(2, by="ravi@example.in", now=process.now)
    confirm(process, 2)
    assert states() == [(1, "superseded"), (2, "standing")]


@pytest.mark.parametrize(
    ("number", "told"),
    [(1, "stands already"), (7, "There is no version 7"), (10**12, "There is no version"), (2, "has mistakes")],
)
def test_what_can_not_be_confirmed_says_why(process: Process, number: int, told: str) -> None:
    process.save("alerts: [\n")
    with pytest.raises(NigraniError, match=told):
        confirm(process, number)


def test_a_waiting_version_of_a_newer_release_can_not_be_confirmed(process: Process) -> None:
    failing(process, 2)
    judge(process)
    process.save(LOWER)
    Version.objects.filter(number=2).update(texts={"later.yaml": "oracles: {}\n"}, release="9.0.0")
    with pytest.raises(NigraniError, match=r"can't read version 2, which Nigrani 9\.0\.0 kept"):
        confirm(process, 2)
    assert states() == [(1, "standing"), (2, "waiting")]


def test_a_process_that_is_behind_judges_nothing(process: Process) -> None:
    judge(process)
    behind = current.get()
    process.save(TWO)
    failing(process, 500)
    judge(process)
    assert Alert.objects.get(key="odd").state == "firing"
    process.now += 2 * SECOND
    with clock.standing_at(process.now):
        assert schedule.evaluate(behind) == 0
    assert Alert.objects.get(key="odd").state == "firing"
    assert Rule.objects.get(name="odd").gone_at is None


@pytest.mark.django_db(transaction=True)
def test_what_stands_does_not_change_during_a_pass(tmp_path: Path, telemetry: str) -> None:
    process = Process(tmp_path)
    process.write()
    process.begin()
    process.write(RULES.replace("Look.", "Look again."))
    done = threading.Event()

    def edit() -> None:
        try:
            process.looks()
        finally:
            connection.close()
            done.set()

    with stands.steady(current.get()) as is_ours:
        assert is_ours
        thread = threading.Thread(target=edit)
        thread.start()
        assert not done.wait(0.5)
        assert states() == [(1, "standing")]
    assert done.wait(120)
    thread.join()
    assert states() == [(1, "superseded"), (2, "standing")]


def test_the_start_of_a_new_text_leaves_no_gap_in_what_fires(process: Process) -> None:
    failing(process, 9)
    judge(process)
    process.save(RULES.replace("outcome = 'fail'", "outcome IN ('fail')"))
    judge(process)
    assert Alert.objects.get().known == "known"
    assert Transition.objects.count() == 1


def test_a_dependency_on_a_source_that_is_not_set_up_waits_for_nobody(process: Process) -> None:
    source = """\
sources:
  school:
    kind: web
    title: The school
    base: "${SCHOOL_URL}"
    every: 15s
    timeout: 5s
    stale_after: 1m
    probes: {home: {path: /}}
"""
    process.save(TWO.replace("    unit: count", "    needs: [school]\n    unit: count", 1), school=source)
    assert states() == [(1, "superseded"), (2, "standing")]


def test_references_that_lead_nowhere_are_told_together(process: Process) -> None:
    process.save(RULES.replace("owner: lead", "owner: leed").replace("measure: failed", "measure: faild"))
    assert [line.split(": ", 1)[0] for line in newest().mistakes] == ["rules.yaml:15:21", "rules.yaml:16:12"]
    with pytest.raises(GuideError):
        process.follower.reader.read(newest())
    assert GUIDE in newest().texts.values()
    assert timedelta() <= process.now - newest().at


def test_a_measure_that_reads_a_database_itself_has_no_past_to_judge_by(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "PATIENCE_S", 0.0)
    Vault(process.secrets).put("SCHOOL_DSN", Secret("postgresql://m:x@127.0.0.1:9/school"))
    source = """\
sources:
  school:
    kind: postgres
    title: The database
    dsn: "${SCHOOL_DSN}"
    stale_after: 2m
    probes: {answers: {ask: responsive, every: 1m}}
measures:
  late:
    means: Fees that are late.
    unit: count
    combine: last
    from: school
    sql: SELECT count(*) AS num FROM fees
"""
    rule = RULE_TWO.replace("measure: failed", "measure: late")
    process.save(RULES, school=source)
    assert standing().number == 2
    answered(process.now, "school")
    process.save(RULES, school=source + "alerts:\n" + rule)
    assert [each["says"] for each in newest().reasons] == [
        "Whether it would fire can't be judged: it reads The database itself, and nothing is recorded of that yet."
    ]
