"""Deadlines: wait for work on the clock, and give it up when it takes too long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ebbwatch.ports import Clock

T = TypeVar("T")


async def in_time(work: asyncio.Future[Any], patience: timedelta, clock: Clock) -> bool:
    """Return whether work ended in time; what takes longer is cancelled first."""
    deadline = asyncio.ensure_future(clock.wait_until(clock.now() + patience))
    try:
        await asyncio.wait({work, deadline}, return_when=asyncio.FIRST_COMPLETED)
        return work.done()
    finally:
        deadline.cancel()
        if not work.done():
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)


class Patience:
    """The same patience with many pieces of work: one task looks after all their deadlines."""

    def __init__(self, length: timedelta, clock: Clock) -> None:
        """Take how long each may take, and by whose time."""
        self._length = length
        self._clock = clock
        # In the order in which they end.
        self._deadlines: dict[asyncio.Timeout, datetime] = {}
        self._watching: asyncio.Task[None] | None = None

    async def wait_for(self, work: Awaitable[T]) -> T:
        """Return what work comes to; what takes longer is cancelled.

        Raises:
            TimeoutError: If it took longer.
        """
        async with asyncio.timeout(None) as limit:
            self._deadlines[limit] = self._clock.now() + self._length
            if self._watching is None:
                self._watching = asyncio.create_task(self._watch())
            try:
                return await work
            finally:
                self._deadlines.pop(limit, None)
                if not self._deadlines and self._watching is not None:
                    self._watching.cancel()
                    self._watching = None

    async def _watch(self) -> None:
        """Wait for one deadline after the other, the first first."""
        while self._deadlines:
            limit, deadline = next(iter(self._deadlines.items()))
            await self._clock.wait_until(deadline)
            if limit in self._deadlines and self._clock.now() >= deadline:
                del self._deadlines[limit]
                limit.reschedule(asyncio.get_running_loop().time())
        self._watching = None
