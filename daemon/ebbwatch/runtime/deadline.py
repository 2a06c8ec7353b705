"""Deadlines: wait for work on the clock, and give it up when it takes too long."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from ebbwatch.ports import Clock


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
