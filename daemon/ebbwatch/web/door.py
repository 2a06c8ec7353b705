"""The door: lets in so many connections at a time and closes all others at once.

Whoever opens thousands of them would otherwise leave the daemon no descriptor to send with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Door:
    """Counts connections."""

    def __init__(self, inside: Callable[[], asyncio.Protocol], most: int) -> None:
        """Take what makes the protocol of a connection, and how many there may be."""
        self._inside, self._most = inside, most
        self._open = 0

    def connection(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        if self._open >= self._most:
            return _TurnedAway()
        self._open += 1
        return _CountedConnection(self._inside(), self._left)

    def _left(self) -> None:
        self._open -= 1


class _CountedConnection(asyncio.Protocol):
    """A connection that says when it is over."""

    def __init__(self, inner: asyncio.Protocol, left: Callable[[], None]) -> None:
        self._inner, self._left = inner, left

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._left()
        self._inner.connection_lost(exc)


class _TurnedAway(asyncio.Protocol):
    """A connection that there is no room for."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
