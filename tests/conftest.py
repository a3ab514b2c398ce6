"""One PostgreSQL and one telemetry engine for the whole run, on a home of its own, started before Django is."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# No timing assertions: a slow machine is not a mistake.
hypothesis.settings.register_profile("nigrani", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("nigrani")

_HOME_VARIABLE = "NIGRANI_TEST_HOME"


def _fresh_home() -> Path:
    # Not pytest's tmp_path: its parents are 0700, and for root PostgreSQL runs as a user who must pass them.
    path = Path(tempfile.mkdtemp(prefix="nigrani-test-"))
    path.chmod(0o711)
    return path


def _owner_starts_postgres() -> Path:
    """Start PostgreSQL once: the first process makes the home, xdist workers inherit it by the environment."""
    if inherited := os.environ.get(_HOME_VARIABLE):
        return Path(inherited)
    given = os.environ.get("NIGRANI_TEST_DATABASE_URL")
    for name in [name for name in os.environ if name.startswith("NIGRANI_") or name.lower().endswith("_proxy")]:
        del os.environ[name]
    path = _fresh_home()
    os.environ[_HOME_VARIABLE] = str(path)
    os.environ["NIGRANI_HOME"] = str(path)

    from nigrani.lib.home import Home
    from nigrani.node import postgres

    home = Home(path)
    home.ensure()
    for own in ("SIGNING_KEY", "LEDGER_KEY"):
        home.own_secret(own)
    if given:  # another PostgreSQL than ours, started and stopped by whoever asks
        os.environ["NIGRANI_DATABASE_URL"] = given
        postgres.ensure(home)  # some tests start servers of the release we bring, whatever holds our own state
        atexit.register(shutil.rmtree, path, ignore_errors=True)
        return path
    server = postgres.start(home)

    def stop() -> None:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        shutil.rmtree(path, ignore_errors=True)

    atexit.register(stop)
    return path


_HOME = _owner_starts_postgres()
# Set here and not in pyproject.toml: pytest-django would read the settings before the home above exists.
os.environ["DJANGO_SETTINGS_MODULE"] = "nigrani.settings"


def pytest_configure() -> None:
    """Make password hashing cheap: what is tested is never the hash's strength."""
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the journeys of real processes: they wait for clocks; a worker that met them last would wait alone.

    Those on this process's own database keep the place that pytest-django gave them. Otherwise the order stays random.
    """

    def waits(item: pytest.Item) -> bool:
        return "journeys" in item.path.parts and item.get_closest_marker("django_db") is None

    items.sort(key=lambda item: not waits(item))


@pytest.fixture
def home() -> Iterator[object]:
    """Yield an empty home of the test's own."""
    from nigrani.lib.home import Home

    path = _fresh_home()
    fresh = Home(path)
    fresh.ensure()
    yield fresh
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def telemetry_server() -> Iterator[str]:
    """Start the telemetry engine of this process (each xdist worker has one) and yield its address."""
    from nigrani.lib.home import Home
    from nigrani.telemetry import server

    path = _fresh_home()
    own = Home(path)
    own.ensure()
    engine = server.start(own)
    password = own.own_secret("TELEMETRY_PASSWORD").reveal()
    port = (own.run / "telemetry.port").read_text().strip()
    address = f"http://nigrani:{password}@127.0.0.1:{port}/nigrani"
    os.environ["NIGRANI_CLICKHOUSE_URL"] = address
    yield address
    engine.send_signal(signal.SIGTERM)
    try:
        engine.wait(10)
    except subprocess.TimeoutExpired:
        engine.kill()
        engine.wait()
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def telemetry(telemetry_server: str, db: None) -> str:
    """Yield the address of a telemetry engine whose tables are empty."""
    from nigrani.telemetry import journal, migrate, store, tables

    migrate.run()
    journal.ship(store)  # what an earlier test left in the journal must not arrive in this one
    filled = "SELECT name FROM system.tables WHERE database = currentDatabase() AND total_rows > 0"
    for name in tables.TABLES.keys() & {row["name"] for row in store.query(filled)}:
        store.command(f"TRUNCATE TABLE {name}")
    return telemetry_server
