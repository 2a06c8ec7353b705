"""Failures of places: which fail, since when, and how long each is left alone."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import datetime, timedelta

#: Waits for a far side that gives no delay of its own: doubling from the first to the last.
_FIRST_WAIT = timedelta(seconds=1)
_LEAST_WAIT = timedelta(milliseconds=500)
_LAST_WAIT = timedelta(minutes=5)


class Resting:
    """Remembers, for each place, until when it rests and since when it fails."""

    def __init__(self) -> None:
        """Begin with every place well."""
        self._until: dict[str, datetime] = {}
        self._since: dict[str, datetime] = {}
        self._failures: Counter[str] = Counter()

    def until(self, place: str, now: datetime) -> datetime:
        """Return when a place may be sent to again; may have passed."""
        return self._until.get(place, now)

    def over_at(self, now: datetime) -> datetime | None:
        """Return when the first of the rests that run is over; None where none runs."""
        return min((until for until in self._until.values() if until > now), default=None)

    def fails(self, place: str) -> bool:
        """Return whether the last attempt at a place failed."""
        return place in self._since

    def rest(self, place: str, after: timedelta | None, *, chance: str, now: datetime) -> timedelta:
        """Leave a place alone for as long as it asks, or for a doubling wait; return how long.

        Of several sends that fail together only the first counts: the wait doubles with each
        new try after a rest, not with each message.

        Args:
            place: Its key.
            after: How long the far side asks; None where it does not say.
            chance: A text from which the jitter comes.
            now: Wall time.
        """
        until = self._until.get(place, now)
        if after is None and until <= now:
            self._failures[place] += 1
            after = _backoff(self._failures[place], chance)
        if after is not None:
            # A far side that asks for no delay at all is not hammered either.
            until = max(until, now + max(after, _LEAST_WAIT))
        self._until[place] = until
        return until - now

    def note(self, place: str, *, delivered: bool, now: datetime) -> datetime | None:
        """Note how an attempt ended; return since when the place fails, or failed until now."""
        if delivered:
            self._until.pop(place, None)
            self._failures.pop(place, None)
            return self._since.pop(place, None)
        return self._since.setdefault(place, now)


def _backoff(failures: int, chance: str) -> timedelta:
    """Return how long to leave a far side alone that asked for no delay of its own.

    The jitter, a quarter either way, comes from a text: it spreads the processes that share
    an outbox, and repeats in a test.
    """
    doubled = min(_FIRST_WAIT * (1 << min(failures - 1, 16)), _LAST_WAIT)
    digest = hashlib.sha256(chance.encode()).digest()
    return doubled * (0.75 + 0.5 * int.from_bytes(digest[:4]) / 2**32)
