"""PostgreSQL's own programs that save and restore a database: pg_dump, pg_restore, psql."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo

from nigrani.lib.errors import NigraniError
from nigrani.node import postgres


@dataclass(frozen=True)
class Clients:
    """Where the programs are, and how they reach the state database. The password travels in the environment."""

    folder: Path
    address: str
    environ: Mapping[str, str] = field(repr=False)

    def command(self, program: str, *words: str) -> list[str]:
        """Return a command that acts on our database."""
        return [str(self.folder / program), *words, "--dbname", self.address]


def is_elsewhere() -> bool:
    """Whether the state database is another server than the home's own."""
    return bool(os.environ.get("NIGRANI_DATABASE_URL"))


def find() -> Clients:
    """Return programs that fit the server. Raises NigraniError naming the package where there are none."""
    where, environ = address()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
        major = int(cursor.fetchone()[0])
        cursor.execute("SELECT coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)")
        is_tls = bool(cursor.fetchone()[0])
    if not is_elsewhere():
        return Clients(postgres.programs(), where, environ)
    places = [Path(found).parent for found in (shutil.which("pg_dump"),) if found]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if not is_tls:  # which the embedded ones do not speak
        with contextlib.suppress(NigraniError):
            places.append(postgres.programs())
    for place in places:
        if all((place / program).exists() for program in ("pg_dump", "pg_restore", "psql")) and _major(place) >= major:
            return Clients(place, where, environ)
    raise NigraniError(
        f"No pg_dump of PostgreSQL {major} or newer was found, and the state is saved with it.",
        f"Install postgresql-client-{major} (Debian, Ubuntu) or postgresql{major} (Fedora), then try again.",
    )


def address() -> tuple[str, dict[str, str]]:
    """Return the state database's address without its password, and an environment that holds it."""
    database = settings.DATABASES["default"]
    options: dict[str, str] = {**database["OPTIONS"], "application_name": "nigrani-upgrade"}  # type: ignore[dict-item]
    parts = {"host": database["HOST"], "port": database["PORT"], "user": database["USER"], "dbname": database["NAME"]}
    where = make_conninfo("", **options | {key: str(value) for key, value in parts.items() if value})
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return where, kept | {"PGPASSWORD": str(database["PASSWORD"]), "PGCLIENTENCODING": "UTF8", "LC_ALL": "C.UTF-8"}


def _major(place: Path) -> int:
    told = run([str(place / "pg_dump"), "--version"], os.environ)
    found = re.search(r"\) (\d+)", told)
    return int(found[1]) if found else 0


def run(command: Sequence[str], environ: Mapping[str, str]) -> str:
    """Run a short command and return what it printed; "" when it can't be run."""
    try:
        return subprocess.run(
            command, env=dict(environ), capture_output=True, text=True, timeout=60, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
