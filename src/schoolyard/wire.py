"""The wire between the database and whoever uses it: passes bytes on, can be slow, can be cut."""

import asyncio
from contextlib import suppress

from schoolyard.http import HOST, Port


class Wire:
    """A TCP port in front of another one. The ERP and every operator reach PostgreSQL through it."""

    def __init__(self, upstream_port: int) -> None:
        self.port = Port(self._carry)
        self.delay_s = 0.0
        self._upstream_port = upstream_port

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(HOST, self._upstream_port)
        back = asyncio.create_task(self._pump(far_reader, writer))
        try:
            await self._pump(reader, far_writer, delayed=True)
            await back
        finally:
            back.cancel()
            far_writer.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, delayed: bool = False) -> None:
        """Copy until the source ends. delayed: hold each chunk, so that every round trip takes the delay."""
        with suppress(ConnectionError):
            while chunk := await source.read(262144):
                if delayed and self.delay_s:
                    await asyncio.sleep(self.delay_s)
                sink.write(chunk)
                await sink.drain()
        with suppress(OSError, RuntimeError):
            sink.write_eof()
