"""PostgreSQL servers of a test's own, on loopback: the one we ship, and the system's where there is one."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from tests.eventually import eventually
from tests.integrations import sites

from nigrani.lib.home import Home
from nigrani.lib.secret import Secret
from nigrani.node import postgres

PASSWORD = "Ab!s3cret%20/:@"  # every sign that an address must quote


def shipped() -> Path:
    """Return the binaries of the PostgreSQL we ship, as the suite's own server runs them."""
    return Path(postgres.command(Home.from_environment()).argv[0]).parent


def all_binaries() -> list[Path]:
    """Return the binaries of every PostgreSQL on this machine, ours first."""
    return [shipped(), *sorted(Path("/usr/lib/postgresql").glob("*/bin"))]


@dataclass(frozen=True)
class Server:
    """A running server. `process` is the postmaster."""

    port: int
    process: subprocess.Popen[bytes]

    def dsn(self, user: str = "owner", *, password: str = PASSWORD, database: str = "erp") -> Secret:
        """Return an address as a team would write it."""
        return Secret(f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}")

    def connect(self, user: str = "owner", *, database: str = "erp") -> psycopg.Connection[Any]:
        """Connect as somebody, in autocommit."""
        return psycopg.connect(self.dsn(user, database=database).reveal(), autocommit=True, connect_timeout=10)

    def fill(self, user: str) -> list[psycopg.Connection[Any]]:
        """Take every connection the role can have, and return them."""
        held: list[psycopg.Connection[Any]] = []
        while True:
            try:
                held.append(self.connect(user))
            except psycopg.OperationalError:
                return held

    def run(self, sql: str, *, user: str = "owner", database: str = "erp") -> None:
        """Run statements that return nothing."""
        with self.connect(user, database=database) as connection:
            connection.execute(sql.encode())


@contextmanager
def encrypted(port: int, certificate: Path) -> Iterator[int]:
    """Put TLS in front of a server, as a managed host's entrance does, and yield the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def behave(outside: socket.socket) -> None:
        outside.recv(8)  # the request for encryption
        outside.sendall(b"S")
        with (
            context.wrap_socket(outside, server_side=True) as client,
            socket.create_connection(("127.0.0.1", port)) as inside,
        ):
            back = threading.Thread(target=_pour, args=(inside, client), daemon=True)
            back.start()
            _pour(client, inside)
            back.join(5)

    with sites.raw(behave) as entrance:
        yield entrance


def _pour(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := one.recv(65536):
            other.sendall(part)
        other.shutdown(socket.SHUT_WR)


def _account() -> tuple[pwd.struct_passwd | None, dict[str, Any]]:
    """Return whom servers that refuse to be root run as, and how to say so to subprocess."""
    if os.geteuid() != 0:
        return None, {}
    account = pwd.getpwnam("nobody")
    return account, {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


@contextmanager
def pooled(behind: Server, user: str) -> Iterator[Secret]:
    """Put a PgBouncer that pools by transaction before a server, and yield the address of a role through it."""
    folder, port = Path(tempfile.mkdtemp(prefix="nigrani-pooled-")), sites.closed_port()
    account, who = _account()
    (folder / "users").write_text(f'"{user}" "{PASSWORD}"\n')
    (folder / "pooler.ini").write_text(
        f"[databases]\nerp = host=127.0.0.1 port={behind.port} dbname=erp\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\npool_mode = transaction\n"
        f"default_pool_size = 1\nauth_type = scram-sha-256\nauth_file = {folder / 'users'}\n"
    )
    for path in (folder, *folder.iterdir()):
        if account:
            os.chown(path, account.pw_uid, account.pw_gid)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["pgbouncer", folder / "pooler.ini"], cwd=folder, stdout=log, stderr=log, **who)
    try:
        through = Server(port, process)

        def answers() -> bool:
            through.run("SELECT", user=user)
            return True

        eventually(answers)
        yield through.dsn(user)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def replica(binaries: Path, of: Server, *, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a standby that streams from a server by a slot of its name."""
    folder, port = Path(tempfile.mkdtemp(prefix="nigrani-replica-")), sites.closed_port()
    account, who = _account()
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)
    data = folder / "data"
    primary = f"{of.dsn(database='').reveal()}?application_name={name}"
    copying = ("-D", data, "--checkpoint=fast", "--no-sync", "-R", "-C", "-S", name, "-d", primary)
    subprocess.run([binaries / "pg_basebackup", *copying], cwd=folder, check=True, capture_output=True, **who)
    options = ("-c", f"port={port}", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [binaries / "postgres", "-D", data, *options], cwd=folder, stdout=log, stderr=log, **who
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def server(binaries: Path, *, settings: Mapping[str, str]) -> Iterator[Server]:
    """Run a server with a superuser `owner` and a database `erp`."""
    folder = Path(tempfile.mkdtemp(prefix="nigrani-watched-"))
    account, who = _account()
    (folder / "password").write_text(PASSWORD)
    if account:
        for path in (folder, folder / "password"):
            os.chown(path, account.pw_uid, account.pw_gid)
    data, port = folder / "data", sites.closed_port()
    identity = ("-U", "owner", "-E", "UTF8", "--locale=C", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}")
    made: list[str | Path] = [binaries / "initdb", "-D", data, "--no-sync", *identity]
    subprocess.run(made, cwd=folder, check=True, capture_output=True, **who)
    chosen = {
        "port": str(port), "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off",
        "shared_buffers": "16MB", **settings,
    }  # fmt: skip
    options = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [binaries / "postgres", "-D", data, *options], cwd=folder, stdout=log, stderr=log, **who
        )
    found = Server(port, process)

    def create() -> bool:
        found.run("CREATE DATABASE erp", database="postgres")
        return True

    try:
        eventually(create, timeout_s=30)
        yield found
    finally:
        process.send_signal(signal.SIGCONT)  # a test may have stopped it
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)
