"""News: what somebody is to be told of one alert, and how long it is worth telling."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ebbwatch.model.alert import Level, Transition
from ebbwatch.model.message import Reason

#: Moves that are nobody's news.

#: How long a message is worth delivering, by the level it tells of (of what is over, the one
#: left): a watch of the day before yesterday is history, a critical one still explains a weekend.
_LASTS = {
    Level.NONE: timedelta(days=1),
    Level.WATCH: timedelta(days=1),
    Level.WARNING: timedelta(days=2),
    Level.CRITICAL: timedelta(days=3),
}
#: A reminder or an easing that is a day late says nothing that the table does not.
_LASTS_OF_MINOR = timedelta(days=1)
_MINOR = (Reason.REMINDER, Reason.EASED)

#: A program must hear of all that it was told a part of, however long it was away.
LASTS_FOR_PROGRAMS = timedelta(days=30)

#: Of several alerts told together, the reason that counts.
_WEIGHTIEST = (
    Reason.ESCALATED, Reason.FIRST, Reason.CORRECTION, Reason.REMINDER, Reason.EASED,
    Reason.RESOLVED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class News:
    """What somebody is to be told of one alert.

    Attributes:
        reason: Why.
        moves: Of the alert, oldest first, at least one.
        told_value: The reading the listener was told before.
    """

    reason: Reason
    moves: tuple[Transition, ...]
    told_value: float | None = None

    @property
    def last(self) -> Transition:
        """Return the newest move."""
        return self.moves[-1]

    @property
    def key(self) -> str:
        """Return what identifies the telling, from logical time only."""
        last = self.last
        return f"{last.episode}/{self.reason}/{last.period}/{stamp(last.at)}"


def base_of(group: str, news: Sequence[News], at: datetime) -> str:
    """Return what the rows of a telling have in common; alone an alert goes by its episode."""
    if len(news) == 1:
        return news[0].key
    members = "\n".join(one.key for one in news)
    return f"{group}/{stamp(at)}/{hashlib.sha256(members.encode()).hexdigest()[:12]}"


def weightiest(news: Sequence[News]) -> Reason:
    """Return the reason that counts, of several alerts told together."""
    return min((one.reason for one in news), key=_WEIGHTIEST.index)


def worth_of(reason: Reason, level: Level) -> timedelta:
    """Return how long a message is worth delivering."""
    return _LASTS_OF_MINOR if reason in _MINOR else _LASTS[level]


def stamp(at: datetime) -> str:
    """Return an instant as it stands in keys."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
