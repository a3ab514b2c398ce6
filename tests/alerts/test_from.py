"""A measure that reads a watched database itself, from the guide's text to an alert, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.integrations import databases
from tests.integrations.databases import Server
from tests.measures.making import MINUTE, T0

from nigrani import guide as guides
from nigrani.alerts import actions as alerts
from nigrani.alerts.models import Alert
from nigrani.guide import Guide
from nigrani.lib import clock
from nigrani.lib.errors import GuideError
from nigrani.lib.secret import Secret, Vault
from nigrani.measures import readings
from nigrani.sources import actions
from nigrani.sources.models import Probe
from nigrani.telemetry import journal, store
from nigrani.vocabulary import vocabulary

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("telemetry")]

GUIDE = """\
guide: 1
name: School
zone: Asia/Kolkata
people: {dba: {title: The DBA, receivers: []}}
sources:
  school:
    kind: postgres
    title: The database
    dsn: "${SCHOOL_DSN}"
    stale_after: 5m
    probes: {answers: {ask: responsive, every: 1m}}
measures:
  late_fees:
    means: Fees that are late, by class.
    unit: count
    combine: last
    from: school
    by: [class]
    sql: SELECT class, count(*) AS num FROM fees WHERE late GROUP BY class
alerts:
  late-fees:
    title: Many late fees
    means: Too many fees of a class are late.
    urgency: high
    when: {measure: late_fees, over: 5m, above: 2}
    owner: dba
    action: Call the parents.
    starts: live
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with databases.server(databases.shipped(), settings={"max_connections": "20"}) as found:
        found.run(f"CREATE ROLE watcher LOGIN PASSWORD '{databases.PASSWORD}'")
        found.run("CREATE TABLE fees (class text, late bool); CREATE SCHEMA secret; CREATE TABLE secret.pay (n int)")
        yield found


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    assert actions.settle(timeout_s=30)
    actions.stop()


@pytest.fixture
def folder(server: Server, tmp_path: Path) -> Path:
    server.run("TRUNCATE fees; GRANT SELECT ON fees TO watcher")
    return tmp_path


def loaded(folder: Path, server: Server, *, old: str = "", new: str = "") -> Guide:
    text = GUIDE.replace(old, new) if old else GUIDE
    assert not old or text != GUIDE
    (folder / "guide.yaml").write_text(text)
    vault = Vault(folder / "secrets")
    (folder / "secrets").mkdir(mode=0o700, exist_ok=True)
    vault.put("SCHOOL_DSN", Secret(server.dsn("watcher").reveal()))
    return guides.load(folder, vocabulary=vocabulary(), vault=vault)


def minute(guide: Guide, number: int) -> dict[str, tuple[str, str]]:
    """Let a minute pass: ask, ship, compute, judge. Returns state and finding of each alert."""
    at = T0 + number * MINUTE
    with clock.standing_at(at):
        if not number:
            actions.sync(guide, now=at)
        actions.probe_due(guide, now=at)
        assert actions.settle(timeout_s=60)
        journal.ship(store)
    later = at + timedelta(seconds=5)
    with clock.standing_at(later):
        readings.compute(guide, now=later)
        alerts.evaluate(guide, now=later)
    return {each.key: (each.state, each.says) for each in Alert.objects.all()}


def test_what_the_database_says_is_read_judged_and_told_by_its_labels(folder: Path, server: Server) -> None:
    guide = loaded(folder, server)
    server.run("INSERT INTO fees VALUES ('5B', true), ('6A', true), ('6A', false)")
    for number in range(6):  # what was not recorded is not judged: first the window must be full
        assert minute(guide, number) == {}
    server.run("INSERT INTO fees SELECT '5B', true FROM generate_series(1, 3)")
    assert minute(guide, 6) == {"late-fees{class=5B}": ("firing", "4 over 5 min is above 2")}
    server.run("DELETE FROM fees WHERE class = '5B' AND ctid NOT IN (SELECT min(ctid) FROM fees WHERE class = '5B')")
    assert minute(guide, 7)["late-fees{class=5B}"][0] == "ok", "the last value counts, and it is read anew each minute"


def test_without_the_grant_it_has_no_source_and_says_what_to_grant(folder: Path, server: Server) -> None:
    server.run("REVOKE SELECT ON fees FROM watcher")
    guide = loaded(folder, server)
    minute(guide, 0)
    [probe] = [each for each in guide.sources["school"].probes if each.startswith("measure:")]
    row = Probe.objects.get(probe=probe)
    assert row.last_outcome == "absent"
    assert "GRANT SELECT" in row.last_detail
    assert Probe.objects.get(probe="answers").last_outcome == "ok", "the database itself is well"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("SELECT class, count(*) AS num FROM fees WHERE late GROUP BY class", "DELETE FROM fees", "no SELECT"),
        ("FROM fees WHERE", "FROM secret.pay WHERE", "secret"),
        ("combine: last", "combine: sum", "can't be combined by sum"),
        ("from: school", "from: scool", "nearest: school"),
        ("    from: school\n", "    from: school\n    every: 5s\n", "shorter than 1m"),
        ("    from: school\n", "    every: 5m\n", "for measures with `from` only"),
    ],
)
def test_a_reading_that_can_not_be_is_a_mistake_with_its_place(
    folder: Path, server: Server, old: str, new: str, says: str
) -> None:
    with pytest.raises(GuideError) as caught:
        loaded(folder, server, old=old, new=new)
    lines = str(caught.value).splitlines()
    assert any(says in line and "guide.yaml:" in line for line in lines), lines
