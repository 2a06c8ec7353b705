"""A wire: a TCP connection's way through this process, which can be cut or left dead."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Wire:
    """Hands bytes on between a port of its own and another one.

    Attributes:
        port: To connect to.
    """

    def __init__(self, to_port: int) -> None:
        self.port = 0
        self._to_port = to_port
        self._alive = asyncio.Event()
        self._alive.set()
        self._cut = False
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no more, and end what there is."""
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """End every connection, and take no new one until `mend`."""
        self._cut = True
        for writer in list(self._writers):
            writer.transport.abort()

    def go_dead(self) -> None:
        """Hand on nothing, and end nothing, until `mend`."""
        self._alive.clear()

    def mend(self) -> None:
        """Work again."""
        self._cut = False
        self._alive.set()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))
        finally:
            self._writers -= {writer, far_writer}
            for end in (writer, far_writer):
                end.transport.abort()

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                await self._alive.wait()
                sink.write(data)
                await sink.drain()
        sink.transport.abort()
