"""Clocks: the only module that may ask what time it is."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

#: Longest single sleep, so that a step of the system's clock, or the machine's own sleep, is
#: noticed soon.
_NAP_S = 5.0


class SystemClock:
    """The computer's clock."""

    def now(self) -> datetime:
        """Return the current instant, UTC."""
        return datetime.now(UTC)

    async def wait_until(self, when: datetime) -> None:
        """Return once an instant has come, waking up now and then to look again."""
        while (left_s := (when - self.now()).total_seconds()) > 0:  # noqa: ASYNC110  time passes by itself
            await asyncio.sleep(min(left_s, _NAP_S))


def elapsed_s() -> float:
    """Return the seconds that ran, from any beginning, on a clock that nobody can set."""
    return time.monotonic()
