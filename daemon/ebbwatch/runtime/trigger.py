"""When the next visit is due, in the form that the scheduling library APScheduler asks for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from apscheduler.triggers.base import BaseTrigger

#: How long a job rests after it was started; the visit itself plans the next one sooner, when
#: it is over and knows what it found. Longer than any visit may take.
REST = timedelta(minutes=15)


class ReleaseTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler 3 is not typed
    """Fires when a plan says so.

    APScheduler asks for the next instant when it has just started a job, at which time the
    plan cannot know yet what the visit will find: then the answer is `REST`. It is asked
    again, without a previous instant, when the visit is over and the job is rescheduled.
    """

    def __init__(self, next_visit: Callable[[datetime], datetime]) -> None:
        """Take the plan: given now, when to visit next."""
        self._next_visit = next_visit

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return when to fire next."""
        return self._next_visit(now) if previous_fire_time is None else now + REST

    def __str__(self) -> str:
        """Return its name, for APScheduler's log."""
        return "release clock"
