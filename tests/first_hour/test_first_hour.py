"""The first hour against a real school: what is refused, what is kept, and a link that really signs in."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo
from tests.eventually import eventually
from tests.integrations import sites
from tests.journeys.browser import Browser
from tests.journeys.house import OWN_STORES, run
from tests.node.upping import Up

from nigrani.demo import yard as yards
from nigrani.demo.yard import Yard
from nigrani.lib import clock
from nigrani.lib.home import Home

pytestmark = [
    pytest.mark.slow("starts a school, and a state database for each home"),
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("first hour"),
]
_LINK = re.compile(r"^ +(http://\S+/welcome/\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def yard() -> Iterator[Yard]:
    path = Path(tempfile.mkdtemp(prefix="nigrani-school-"))
    path.chmod(0o711)
    with yards.opened(path, mode="real") as found:
        yield found
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def monitor(yard: Yard) -> str:
    """Return the address of the role that the printed SQL makes, run as it says by a superuser."""
    owner = yard.state["database"]["dsn"]
    told = subprocess.run(
        [sys.executable, "-m", "nigrani.cli", "init", "--sql"], capture_output=True, text=True, check=True
    )
    database = yard.state["database"]["superuser_dsn"]
    parts = conninfo.conninfo_to_dict(owner)
    with psycopg.connect(database, dbname=str(parts["dbname"]), autocommit=True) as connection:
        connection.execute(told.stdout.encode())
        connection.execute("ALTER ROLE nigrani_monitor PASSWORD 'looks-only'")
    return f"postgresql://nigrani_monitor:looks-only@{parts['host']}:{parts['port']}/{parts['dbname']}"


def _taken(yard: Yard) -> list[str]:
    return [str(item["text"]) for item in yard.journal("slack") if item["accepted"]]


@pytest.mark.parametrize(
    ("whose", "words"), [("superuser_dsn", "is a superuser and may do anything."), ("dsn", "erp may create roles.")]
)
def test_a_role_that_may_do_more_than_look_is_refused_with_the_sql_of_the_right_one(
    home: Home, yard: Yard, whose: str, words: str
) -> None:
    told = run(home, "init", "--skip", "--dsn", yard.state["database"][whose])
    assert told.returncode == 2
    assert "This role may do more than look: " in told.stderr
    assert words in told.stderr
    assert "CREATE ROLE nigrani_monitor" in told.stderr
    assert "GRANT pg_monitor TO nigrani_monitor;" in told.stderr
    assert home.vault.get("ERP_DATABASE_URL") is None


def test_an_owner_is_taken_with_a_warning_if_one_insists(home: Home, yard: Yard) -> None:
    told = run(home, "init", "--skip", "--insist", "--dsn", "-", said=f"{yard.state['database']['dsn']}\n")
    assert told.returncode == 0, told.stderr
    assert "warning: erp may create roles." in told.stdout
    assert "erp may do more than look at " in told.stdout
    kept = home.vault.get("ERP_DATABASE_URL")
    assert kept is not None
    assert kept.reveal() == yard.state["database"]["dsn"]


def test_a_site_that_does_not_answer_is_told_and_kept(home: Home) -> None:
    address = f"http://127.0.0.1:{sites.closed_port()}"
    told = run(home, "init", "--skip", "--url", address)
    assert told.returncode == 1
    assert "It does not answer: " in told.stdout
    assert "Kept all the same." in told.stdout
    kept = home.vault.get("ERP_URL")
    assert kept is not None
    assert kept.reveal() == address
    assert _LINK.search(told.stdout), told.stdout


def test_an_address_that_holds_a_password_is_refused_and_not_kept(home: Home) -> None:
    told = run(home, "init", "--skip", "--url", "http://asha:wrong-place@127.0.0.1:9")
    assert told.returncode == 2
    assert "The website wants an address without a password in it." in told.stderr
    assert "wrong-place" not in told.stderr
    assert home.vault.get("ERP_URL") is None


def test_everything_given_is_tried_and_the_link_signs_the_first_person_in(home: Home, yard: Yard, monitor: str) -> None:
    listen = f"127.0.0.1:{sites.closed_port()}"
    before = len(_taken(yard))
    given = (
        *("--url", yard.state["website"]["url"]),
        *("--dsn", "-"),
        *("--channel", yard.state["receivers"]["slack"]["webhook_url"]),
        *("--person", "asha@example.in"),
    )
    told = run(home, "init", *given, said=f"{monitor}\n", NIGRANI_LISTEN=listen)
    assert told.returncode == 0, told.stdout + told.stderr
    for words in (
        "It answers 200 in",
        "nigrani_monitor may look at",
        "A test message was delivered to #production-alerts (ok).",
        "The first sign-in for asha@example.in",
        "Start it with: nigrani up",
    ):
        assert words in told.stdout
    assert "looks-only" not in told.stdout + told.stderr
    arrived = _taken(yard)[before:]
    assert len(arrived) == 1
    assert "Nigrani can reach you" in arrived[0]

    link = _LINK.search(told.stdout)
    assert link is not None
    up = Up(home, "-m", "nigrani.cli", "up", env=OWN_STORES | {"NIGRANI_LISTEN": listen})
    try:
        eventually(up.all_ready, timeout_s=60)
        browser = Browser(f"http://{listen}")
        assert browser.get(link[1])[0] == 200
        status, page = browser.post(link[1], name="Asha", email="asha@example.in", password="a long enough pass 1")
        assert status == 200
        assert "Asha" in page
        people = json.loads(run(home, "person", "--json").stdout)["items"]
        assert [(each["email"], each["role"]) for each in people] == [("asha@example.in", "admin")]
        assert Browser(f"http://{listen}").get(link[1])[0] == 410  # once

        again = run(home, "init", "--skip", NIGRANI_LISTEN=listen)
        assert again.returncode == 0, again.stderr
        assert "Somebody can sign in already." in again.stdout
    finally:
        up.process.terminate()
        up.process.wait(20)
        up.end()


def test_asked_at_a_terminal_the_same_comes_out(home: Home, yard: Yard, monitor: str) -> None:
    before = len(_taken(yard))
    answers = [
        ("1. The website's address", yard.state["website"]["url"]),
        ("2. A read-only address", monitor),
        ("3. Where to tell you", yard.state["receivers"]["slack"]["webhook_url"]),
        ("4. Your own mail address", ""),
    ]
    code, screen = _typed(home, answers)
    assert code == 0, screen
    assert "A test message was delivered to #production-alerts (ok)." in screen
    assert "The first sign-in, by this link, once and within 24 hours:" in screen
    assert len(_taken(yard)) == before + 1


def _typed(home: Home, answers: list[tuple[str, str]]) -> tuple[int, str]:
    """Run `nigrani init` at a terminal and answer each question when it is asked; return its code and the screen."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "nigrani.cli", "init"],
        env=os.environ | OWN_STORES | {"NIGRANI_HOME": str(home.path)},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    screen, waiting, until = "", list(answers), clock.monotonic() + 60
    try:
        while clock.monotonic() < until:
            if select.select([ours], [], [], 0.2)[0]:
                try:
                    part = os.read(ours, 65536)
                except OSError:  # the other end is closed: it is over
                    break
                screen += part.decode(errors="replace")
            if waiting and waiting[0][0] in screen and screen.rstrip(" ").endswith(":"):
                os.write(ours, f"{waiting.pop(0)[1]}\n".encode())
        return process.wait(10), screen
    finally:
        process.kill()
        process.wait()
        os.close(ours)
