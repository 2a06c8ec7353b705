"""Failures of targets: which fail, since when, and how long each is left alone."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import datetime, timedelta

#: Waits for a far side that gives no delay of its own: doubling from the first to the last.
_FIRST_WAIT = timedelta(seconds=1)
_LEAST_WAIT = timedelta(milliseconds=500)
_LAST_WAIT = timedelta(minutes=5)


class Resting:
    """Remembers, for each target, until when it rests and since when it fails."""

    def __init__(self) -> None:
        """Begin with every target well."""
        self._until: dict[str, datetime] = {}
        self._since: dict[str, datetime] = {}
        self._failures: Counter[str] = Counter()

    def until(self, target: str, now: datetime) -> datetime:
        """Return when a target may be sent to again; may have passed."""
        return self._until.get(target, now)

    def fails(self, target: str) -> bool:
        """Return whether the last attempt at a target failed."""
        return target in self._since

    def rest(
        self, target: str, after: timedelta | None, *, chance: str, now: datetime
    ) -> timedelta:
        """Leave a target alone for as long as it asks, or for a doubling wait; return how long.

        Of several sends that fail together only the first counts: the wait doubles with each
        new try after a rest, not with each message.

        Args:
            target: Key of the target.
            after: How long the far side asks; None where it does not say.
            chance: A text from which the jitter comes.
            now: Wall time.
        """
        until = self._until.get(target, now)
        if after is None and until <= now:
            self._failures[target] += 1
            after = _backoff(self._failures[target], chance)
        if after is not None:
            # A far side that asks for no delay at all is not hammered either.
            until = max(until, now + max(after, _LEAST_WAIT))
        self._until[target] = until
        return until - now

    def note(self, target: str, *, delivered: bool, now: datetime) -> datetime | None:
        """Note how an attempt ended; return since when the target fails, or failed until now."""
        if delivered:
            self._until.pop(target, None)
            self._failures.pop(target, None)
            return self._since.pop(target, None)
        return self._since.setdefault(target, now)


def _backoff(failures: int, chance: str) -> timedelta:
    """Return how long to leave a far side alone that asked for no delay of its own.

    The jitter, a quarter either way, comes from a text: it spreads the processes that share
    an outbox, and repeats in a test.
    """
    doubled = min(_FIRST_WAIT * (1 << min(failures - 1, 16)), _LAST_WAIT)
    digest = hashlib.sha256(chance.encode()).digest()
    return doubled * (0.75 + 0.5 * int.from_bytes(digest[:4]) / 2**32)
