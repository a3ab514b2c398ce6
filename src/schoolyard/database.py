"""The ERP's database: its owner, its contents, and the ways in which it can be taken from others."""

import asyncio
import random
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

import psycopg
from psycopg import sql

from schoolyard.faults import FaultError
from schoolyard.http import HOST
from schoolyard.pool import Pool
from schoolyard.postgres import Postgres
from schoolyard.renames import Renames
from schoolyard.rows import World
from schoolyard.seed import fill
from schoolyard.wire import Wire

OWNER = "erp"
NAME = "erp"
KEPT_ROLES = [OWNER, "postgres"]


class Database:
    """PostgreSQL with the wire in front of it. `dsn` is the owner's way through the wire, as for any operator."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.wire = Wire(server.port)
        self.password = secrets.token_urlsafe(18)
        self._revoked: list[str] = []

    @property
    def dsn(self) -> str:
        return self._dsn(self.wire.port.number)

    @property
    def direct_dsn(self) -> str:
        """The owner's way past the wire: not slowed, not cut, faster for bulk work."""
        return self._dsn(self.server.port)

    def _dsn(self, port: int) -> str:
        return f"postgresql://{OWNER}:{self.password}@{HOST}:{port}/{NAME}"

    async def create(self, *, seed: int, scale: str, now: datetime, renames: Renames) -> World:
        """Make the cluster, the owner and the filled database, and open the wire.

        The owner may create roles and pass pg_monitor on, as the owner of a managed database may.
        """
        await self.server.create()
        await self.server.start()
        async with await self._superuser() as connection:
            owner, name = sql.Identifier(OWNER), sql.Identifier(NAME)
            secret = sql.Literal(self.password)
            await connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN CREATEROLE CREATEDB PASSWORD {}").format(owner, secret)
            )
            await connection.execute(
                sql.SQL("GRANT pg_monitor, pg_signal_backend TO {} WITH ADMIN OPTION").format(owner)
            )
            await connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))
        async with await self._superuser(NAME) as connection:
            await connection.execute("CREATE EXTENSION pg_stat_statements")
        world = fill(self.direct_dsn, seed=seed, scale=scale, now=now)
        await self.execute([each.as_string() for each in renames.statements(OWNER, NAME)])
        await self.wire.port.open()
        return world

    async def execute(self, statements: Sequence[str]) -> None:
        """Run statements on the ERP's database as its superuser, all or none. Raises FaultError when it is away."""
        async with await self._superuser(NAME) as connection, connection.transaction():
            for each in statements:
                await connection.execute(each.encode())

    async def revoke_logins(self) -> None:
        """Take LOGIN from every role but the owner and the superuser and end their sessions. Raises FaultError."""
        async with await self._superuser() as connection:
            found = await connection.execute(
                "SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname <> ALL(%s)", (KEPT_ROLES,)
            )
            self._revoked = [str(row[0]) for row in await found.fetchall()]
            for role in self._revoked:
                await connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(role)))
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ANY(%s)", (self._revoked,)
            )

    async def restore_logins(self) -> None:
        """Give LOGIN back to those it was taken from and who still exist. Raises FaultError."""
        async with await self._superuser() as connection:
            for role in self._revoked:
                with suppress(psycopg.errors.UndefinedObject):
                    await connection.execute(sql.SQL("ALTER ROLE {} LOGIN").format(sql.Identifier(role)))
        self._revoked = []

    async def _superuser(self, database: str = "postgres") -> psycopg.AsyncConnection[tuple[object, ...]]:
        dsn = f"postgresql://postgres:{self.server.password}@{HOST}:{self.server.port}/{database}"
        try:
            return await psycopg.AsyncConnection.connect(dsn, autocommit=True, connect_timeout=2)
        except psycopg.OperationalError as error:
            hint = "switch database_down and database_hang off first"
            raise FaultError(409, f"the database does not answer: {error}", hint) from error


class Hog:
    """Uses connections up: those of the server by leaked ones, those of the ERP's pool by holding its slots."""

    REFILL_S = 0.2

    def __init__(self, database: Database, pool: Pool) -> None:
        self._database = database
        self._pool = pool
        self._held: list[psycopg.AsyncConnection[tuple[object, ...]]] = []
        self._slots = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def hold(self, scope: str) -> None:
        """Begin; `scope` is both, server or pool. Goes on taking whatever becomes free."""
        await self.let_go()
        if scope in ("both", "pool"):
            self._tasks.append(asyncio.create_task(self._take_slots()))
        if scope in ("both", "server"):
            await self._fill()
            self._tasks.append(asyncio.create_task(self._keep_filling()))

    async def let_go(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        while self._held:
            await self._held.pop().close()
        for _ in range(self._slots):
            self._pool.slots.release()
        self._slots = 0

    async def _take_slots(self) -> None:
        while self._slots < self._pool.limit:
            await self._pool.slots.acquire()
            self._slots += 1

    async def _keep_filling(self) -> None:
        while True:
            await asyncio.sleep(self.REFILL_S)
            await self._fill()

    async def _fill(self) -> None:
        """Leak connections (idle in transaction) until the server has none left for ordinary roles."""
        with suppress(psycopg.OperationalError):
            while True:
                connection = await psycopg.AsyncConnection.connect(
                    self._database.direct_dsn, application_name="sikshamitra", connect_timeout=5
                )
                self._held.append(connection)
                await connection.execute("SELECT 1")


def new_rng(seed: int, purpose: str) -> random.Random:
    """Return a generator of its own for one purpose, so that one's use does not shift another's numbers."""
    return random.Random(f"{seed}/{purpose}")
