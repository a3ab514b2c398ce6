"""Database access in the manner of Prisma: few connections, a wait with an end, errors by their P-codes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

Connection = psycopg.AsyncConnection[DictRow]


class PrismaError(Exception):
    """A database failure as Prisma's client reports it: `code` (P1001, P1017, P2024 ...) and a sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Pool:
    """At most `limit` connections to one database; a caller waits `timeout_s` for a free one, then gets P2024.

    Prisma documents both as URL parameters: connection_limit, pool_timeout (10 s by default).
    """

    def __init__(self, dsn: str, *, limit: int, timeout_s: float) -> None:
        self._dsn = dsn
        self.limit = limit
        self.timeout_s = timeout_s
        self.slots = asyncio.Semaphore(limit)
        self.slow_s = 0.0
        self._idle: list[Connection] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction. Raises PrismaError for every failure of the database."""
        try:
            async with asyncio.timeout(self.timeout_s):
                await self.slots.acquire()
        except TimeoutError:
            raise self._timed_out() from None
        try:
            async with self._lend() as connection:
                yield connection
        finally:
            self.slots.release()

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[Connection]:
        connection = self._idle.pop() if self._idle else await self._connect()
        try:
            async with connection.transaction():
                if self.slow_s:
                    await connection.execute("SELECT pg_sleep(%s)", (self.slow_s,))
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            await connection.close()
            await self.close()  # the others of that server are as dead
            raise PrismaError("P1017", "Server has closed the connection.") from error
        except BaseException:
            if connection.closed:
                raise
            self._idle.append(connection)
            raise
        self._idle.append(connection)

    async def _connect(self) -> Connection:
        try:
            return await psycopg.AsyncConnection.connect(
                self._dsn,
                row_factory=dict_row,
                autocommit=True,
                connect_timeout=5,
                application_name="sikshamitra",
            )
        except psycopg.OperationalError as error:
            if "too many clients" in str(error) or "remaining connection slots" in str(error):
                raise PrismaError("P2037", f"Too many database connections opened: {error}") from error
            where = psycopg.conninfo.conninfo_to_dict(self._dsn)
            raise PrismaError("P1001", f"Can't reach database server at `{where['host']}:{where['port']}`") from error

    def _timed_out(self) -> PrismaError:
        return PrismaError(
            "P2024",
            "Timed out fetching a new connection from the connection pool. More info: http://pris.ly/d/connection-pool "
            f"(Current connection pool timeout: {self.timeout_s:g}, connection limit: {self.limit})",
        )

    async def one(self, query: str, *parameters: Any) -> DictRow | None:
        """Return the first row of a query, or None. Raises PrismaError."""
        async with self.connection() as connection:
            return await (await connection.execute(query, parameters)).fetchone()

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().close()
