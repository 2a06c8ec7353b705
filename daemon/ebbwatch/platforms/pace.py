"""Pace: how fast messages may go to one chat."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from ebbwatch.ports import Clock, RetryLater

#: Longest wait for a turn inside a send; beyond it the row goes back, so that a flooded chat
#: holds no claims that other targets could use.
PATIENCE = timedelta(seconds=10)


class Pace:
    """Gives out turns for each chat: a least gap, and at most so many in a window.

    A window of exact instants and not a leaky bucket: a full bucket that refills while it
    is emptied lets nearly twice the number through in its first window.
    """

    def __init__(self, clock: Clock, *, gap: timedelta, window: timedelta, most: int) -> None:
        """Take the limits; `most` turns in any `window` apply to crowded chats only."""
        self._clock = clock
        self._gap = gap
        self._window = window
        self._most = most
        self._turns: dict[str, deque[datetime]] = {}
        self._rests: dict[str, datetime] = {}

    def rest(self, chat: str, after: timedelta | None) -> None:
        """Give no turns for a chat for a while: it asked for patience."""
        if after is not None:
            until = self._clock.now() + after
            self._rests[chat] = max(until, self._rests.get(chat, until))

    async def turn(self, chat: str, *, crowded: bool) -> None:
        """Return when the next message may go to a chat; turns come in the order asked for.

        Args:
            chat: Which.
            crowded: Whether many people read it (a group), for which the window holds.

        Raises:
            RetryLater: If that is more than `PATIENCE` away, and then no turn was taken; or if
                the chat asked for patience meanwhile.
        """
        turns = self._turns.setdefault(chat, deque(maxlen=self._most))
        now = self._clock.now()
        when = self._rested(chat, max(now, turns[-1] + self._gap) if turns else now)
        if crowded and len(turns) == self._most:
            when = max(when, turns[0] + self._window)
        if when - now > PATIENCE:
            raise RetryLater("many messages wait for this chat", after=when - now)
        turns.append(when)
        await self._clock.wait_until(when)
        # Others may have been asked for patience while this one waited.
        if (rested := self._rested(chat, when)) > when:
            raise RetryLater("the chat asked for patience", after=rested - self._clock.now())

    def _rested(self, chat: str, when: datetime) -> datetime:
        return max(when, self._rests.get(chat, when))
