"""Fakes with behaviour, for the ports."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from ebbwatch.model.message import Target


class ManualClock:
    """A clock that a test moves; whoever waits on it wakes when its instant has come."""

    def __init__(self, start: datetime | None = None) -> None:
        """Start at an instant, by default a Tuesday noon in November 2026."""
        self._now = start or datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
        self._waiters: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """Return the instant the clock stands at."""
        return self._now

    async def wait_until(self, when: datetime) -> None:
        """Return once the clock was moved to `when` or past it."""
        if when <= self._now:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((when, future))
        await future

    @property
    def next_wake(self) -> datetime | None:
        """Return the earliest instant that anybody waits for."""
        return min((when for when, future in self._waiters if not future.done()), default=None)

    def advance_to(self, when: datetime) -> None:
        """Move the clock, never backwards, and wake who waited for that."""
        assert when >= self._now, "the clock does not go backwards"
        self._now = when
        due = [future for at, future in self._waiters if at <= when and not future.done()]
        self._waiters = [(at, f) for at, f in self._waiters if at > when and not f.done()]
        for future in due:
            future.set_result(None)

    def advance(self, by: timedelta) -> None:
        """Move the clock on."""
        self.advance_to(self._now + by)


def place_of(target: Target) -> str:
    """Return the place of a target, as notifiers would say it."""
    options = [
        target.options[name] for name in ("chat", "channel", "url") if name in target.options
    ]
    return ":".join([target.kind, *map(str, options)])
