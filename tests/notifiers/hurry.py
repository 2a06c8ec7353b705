"""A clock for whoever waits: time passes at once."""

from __future__ import annotations

from datetime import datetime

from tests.fakes import ManualClock


class HurriedClock(ManualClock):
    """Moves on to whatever instant is waited for."""

    async def wait_until(self, when: datetime) -> None:
        """Move on to an instant and return."""
        self.advance_to(max(when, self.now()))
