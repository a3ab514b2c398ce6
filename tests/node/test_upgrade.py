"""An old state upgraded: saved first, refused when it should be, put back when something fails or is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.node import old

from nigrani.lib.errors import Conflict, NigraniError
from nigrani.lib.home import Home
from nigrani.node import postgres, standing
from nigrani.node.upgrade import saved, stores, work
from nigrani.node.upgrade.state import Look

pytestmark = pytest.mark.slow("each upgrade is a process of its own, with pg_dump and psql below it")

STATE, UPGRADE = "upgrade_old", "nigrani.node.upgrade"
# A process that is killed when it comes to a step: the command line itself, with that step replaced.
KILLED = """
import os, signal, sys
from nigrani import cli
from {package} import {module}
real = {module}.{step}
def killed(*given, **named):
    if {after}: real(*given, **named)
    os.kill(os.getpid(), signal.SIGKILL)
{module}.{step} = killed
sys.argv = ["nigrani", "upgrade"]
cli.main()
"""
FAILED = KILLED.replace("os.kill(os.getpid(), signal.SIGKILL)", "raise ValueError('made to fail')")


class Old:
    """A home whose state lies in a database of the session's server, as the first version left it."""

    def __init__(self, home: Home, address: str, telemetry: str) -> None:
        self.home, self.address = home, address
        self.environ = os.environ | {
            "NIGRANI_HOME": str(home.path),
            "NIGRANI_DATABASE_URL": address,
            "NIGRANI_CLICKHOUSE_URL": telemetry,
        }

    def run(self, *words: str, code: str = "") -> subprocess.CompletedProcess[str]:
        argv = ["-c", code] if code else ["-m", "nigrani.cli", *words]
        return subprocess.run(
            [sys.executable, *argv], env=self.environ, capture_output=True, text=True, timeout=300, check=False
        )

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.address, autocommit=True) as connection:
            found = connection.execute(sql.encode())
            return found.fetchall() if found.description else []

    def applied(self) -> set[tuple[object, ...]]:
        return set(self.ask("SELECT app, name FROM django_migrations"))

    def alert(self) -> tuple[object, ...]:
        return self.ask(f"SELECT state, since, says FROM alerts_alert WHERE key = '{old.ALERT}'")[0]


def _urls(name: str) -> tuple[str, str]:
    own = postgres.url(Home(Path(os.environ["NIGRANI_TEST_HOME"])))
    given = os.environ.get("NIGRANI_DATABASE_URL") or own
    parts = conninfo_to_dict(given)
    host, rest = str(parts.get("host", "")), f"{parts['user']}:{parts.get('password', '')}"
    port = f":{parts['port']}" if parts.get("port") else ""
    place = f"@/{name}?host={host}" if host.startswith("/") else f"@{host}{port}/{name}"
    return make_conninfo(given, dbname="postgres"), f"postgresql://{rest}{place}"


@pytest.fixture
def place(home: Home, telemetry_server: str) -> Iterator[Old]:
    """Yield the old state, on the session's server, and drop it afterwards."""
    name = f"{STATE}_{os.getpid()}"
    server, address = _urls(name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}".encode())
        connection.execute(f"CREATE DATABASE {name}".encode())
        old.load(address)
        yield Old(home, address, telemetry_server.rpartition("/")[0] + f"/{name}")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_an_old_state_is_told_saved_upgraded_and_can_be_gone_back_to(place: Old) -> None:
    before, firing = place.applied(), place.alert()
    told = place.run("upgrade", "--check", "--json")
    assert told.returncode == 1, told.stderr
    plan = json.loads(told.stdout)
    assert plan["needed"]
    assert "alerts.0002_silences" in plan["state"]
    assert 0 < plan["need_bytes"] < plan["free_bytes"]
    assert place.applied() == before
    assert not place.home.upgrades.exists()

    done = place.run("upgrade", "--json")
    assert done.returncode == 0, done.stderr
    assert place.applied() > before
    assert place.alert() == firing
    [kept] = saved.every(place.home)
    assert (kept.phase, json.loads(done.stdout)["saved"]) == ("done", kept.name)
    assert kept.counts["alerts_alert"] == 12
    assert saved.dump(place.home, kept.name).stat().st_mode & 0o777 == 0o600
    assert place.home.upgrades.stat().st_mode & 0o777 == 0o700
    assert place.run("upgrade", "--check").returncode == 0

    place.ask("UPDATE alerts_alert SET says = 'written after the upgrade'")
    back = place.run("upgrade", "--rollback", "--yes")
    assert back.returncode == 0, back.stderr
    assert place.applied() == before
    assert place.alert() == firing
    assert "Install Nigrani" in back.stdout
    assert {path.name for path in saved.folder(place.home, kept.name).iterdir()} == {"saved.json", "state.dump"}


@pytest.mark.parametrize(
    ("package", "module", "step", "after"),
    [
        (UPGRADE, "state", "migrate", True),
        ("nigrani.telemetry", "migrate", "run", False),
        (UPGRADE, "work", "check", False),
    ],
    ids=["state", "telemetry", "check"],
)
def test_a_step_that_fails_puts_the_state_back(place: Old, package: str, module: str, step: str, after: bool) -> None:
    before, firing = place.applied(), place.alert()
    code = FAILED.format(package=package, module=module, step=step, after=after)
    failed = place.run(code=code)
    assert failed.returncode == 2, failed.stderr
    assert "The upgrade failed and the state is as before: made to fail" in failed.stderr
    assert (place.applied(), place.alert()) == (before, firing)
    assert [kept.phase for kept in saved.every(place.home)] == ["rolled_back"]


def test_killed_at_any_step_the_next_one_says_so_and_mends_it(place: Old) -> None:
    before, firing = place.applied(), place.alert()
    steps = [
        ("state", "save", "True", None),  # the dump is written, and nothing says what it holds
        ("state", "migrate", "True", "migrating"),
        ("state", "restore", "False", "rolling_back"),  # while it mends what the one before left
        ("work", "check", "False", "checking"),
    ]
    for module, step, after, phase in steps:
        died = place.run(code=KILLED.format(package=UPGRADE, module=module, step=step, after=after))
        assert died.returncode == -signal.SIGKILL, died.stderr
        left = saved.unfinished(place.home)
        assert (left.phase if left else None) == phase, step
    told = place.run("upgrade", "--check")
    assert told.returncode == 1
    assert "An upgrade was killed when it had changed the stores and was checking them" in told.stdout
    mended = place.run("upgrade")
    assert mended.returncode == 0, mended.stderr
    assert "An earlier upgrade was killed: went back to the state of" in mended.stdout
    assert place.applied() > before
    assert place.alert() == firing
    assert len(list(saved.every(place.home))) <= saved.KEPT


def test_a_newer_state_and_one_that_others_use_are_refused(place: Old) -> None:
    with psycopg.connect(place.address, application_name="nigrani"):
        told = place.run("upgrade")
        assert told.returncode == 3
        assert "1 other session of Nigrani" in told.stderr
    place.ask("INSERT INTO django_migrations (app, name, applied) VALUES ('alerts', '9999_later', now())")
    told = place.run("upgrade")
    assert told.returncode == 2
    assert "made by a newer version: it knows alerts.9999_later" in told.stderr
    assert not place.home.upgrades.exists()


@pytest.mark.parametrize(
    ("look", "says"),
    [
        (Look((), (), (), 0), "The state database is empty."),
        (Look((), ("access.0001_initial",), (), 4), "they are not Nigrani's"),
        (Look(("access.0001_initial",), (), ("alerts.0999_x",), 9), "made by a newer version: it knows alerts.0999_x"),
    ],
)
def test_a_state_that_no_upgrade_can_start_from_is_named(look: Look, says: str) -> None:
    with pytest.raises(NigraniError, match=re.escape(says)):
        work.refuse_strange(look)


def test_who_runs_on_a_home_is_named(home: Home) -> None:
    with (
        standing.held(home),
        pytest.raises(Conflict, match=rf"Another Nigrani \(pid {os.getpid()}"),
        stores.alone(home),
    ):
        pass
    with standing.apart(home), standing.apart(home):
        (home.run / "apart-999999999").write_text("1")  # killed: forgotten
        with pytest.raises(Conflict, match=rf"web or worker runs on .*: pid {os.getpid()}\."), stores.alone(home):
            pass
    with stores.alone(home), pytest.raises(Conflict, match="An upgrade of"), standing.apart(home):
        pass
    with standing.apart(home):
        assert not (home.run / "apart-999999999").exists()


def test_a_home_without_a_database_is_no_home_to_upgrade(home: Home, tmp_path: Path) -> None:
    with pytest.raises(NigraniError, match="There is no home at"):
        stores.check_home(Home(tmp_path / "none"))
    with pytest.raises(NigraniError, match="holds no database yet"):
        stores.check_home(home)
    (home.postgres / "data").mkdir(parents=True)
    (home.postgres / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(NigraniError, match="is of PostgreSQL 9; this version brings PostgreSQL 18"):
        stores.check_home(home)


def test_a_console_or_worker_apart_does_not_upgrade_by_itself(place: Old) -> None:
    before = place.applied()
    told = place.run("worker")
    assert told.returncode == 2
    assert "The state is of an older version" in told.stderr
    assert "nigrani upgrade" in told.stderr
    assert place.applied() == before


def test_a_guide_this_version_does_not_take_stops_it_before_anything_is_changed(place: Old) -> None:
    before = place.applied()
    place.home.guide.mkdir()
    (place.home.guide / "guide.yaml").write_text("guide: 1\nname: Wrong\nalertz: {}\n")
    told = place.run("upgrade")
    assert told.returncode == 2
    assert "This version does not take the guide." in told.stderr
    assert "alertz" in told.stderr
    assert place.applied() == before
    assert not place.home.upgrades.exists()


def test_a_changed_dump_is_not_put_back(place: Old) -> None:
    assert place.run("upgrade").returncode == 0
    [kept] = saved.every(place.home)
    after = place.applied()
    with saved.dump(place.home, kept.name).open("ab") as dump:
        dump.write(b"x")
    told = place.run("upgrade", "--rollback", "--yes")
    assert told.returncode == 2
    assert "is missing or was changed" in told.stderr
    assert place.applied() == after
