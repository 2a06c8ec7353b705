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
        """Return once an instant has come, waking up now and then to look again.

        Or once as much time has run as lay before it, where the clock was set back meanwhile:
        what waits for a moment must not wait for hours.
        """
        began_s, whole_s = elapsed_s(), (when - self.now()).total_seconds()
        while True:
            left_s = min((when - self.now()).total_seconds(), whole_s - (elapsed_s() - began_s))
            if left_s <= 0:
                return
            await asyncio.sleep(min(left_s, _NAP_S))


def elapsed_s() -> float:
    """Return the seconds that ran, from any beginning, on a clock that nobody can set."""
    return time.monotonic()
