"""The clock watch: notices that the machine slept, or that its clock was set.

What waits for an instant naps and looks again, but timers of libraries run by a clock that
stands still while the machine sleeps. After a jump everything that is due is due now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from ebbwatch.ports import Clock

#: How often the clock is looked at.
LOOK_EVERY = timedelta(seconds=5)
#: Less than this is no jump: a busy machine, or a clock that is being steered.
LEAST = timedelta(seconds=3)

log = structlog.get_logger()


class ClockWatch:
    """Compares the wall clock with one that only ever runs."""

    def __init__(
        self, clock: Clock, elapsed_s: Callable[[], float], wake: Sequence[Callable[[], object]]
    ) -> None:
        """Take the clocks, and who must look again after a jump.

        Args:
            clock: The wall clock.
            elapsed_s: Seconds on a clock that nobody can set, and that may stand still while
                the machine sleeps.
            wake: Called after a jump.
        """
        self._clock = clock
        self._elapsed_s = elapsed_s
        self._wake = tuple(wake)
        self._began, self._ran_s = clock.now(), elapsed_s()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self._began, self._ran_s = self._clock.now(), self._elapsed_s()
            await self._clock.wait_until(self._began + LOOK_EVERY)
            jump = self._jump()
            if abs(jump) >= LEAST:
                log.warning("clock.jumped", by_s=round(jump.total_seconds()))
                for wake in self._wake:
                    wake()

    def steady(self) -> bool:
        """Return whether no jump is to be noticed: who wakes first need not be this watch."""
        return abs(self._jump()) < LEAST

    def _jump(self) -> timedelta:
        """Return by how much the clocks differ since the last look."""
        ran = timedelta(seconds=self._elapsed_s() - self._ran_s)
        return (self._clock.now() - self._began) - ran
