"""Whether something is news to a receiver, and by what name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ebbwatch.model.alert import OVER, QUIET, Cause, Level, Transition
from ebbwatch.model.message import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """As what an alert was shown to a program, for as long as its episode lasts.

    An edit of the rules may change labels, groups and receivers meanwhile; what a program knows
    the alert by must not change.

    Attributes:
        group: Labels of the group it was told in.
        labels: The rule's.
        starts_at: UTC instant at which it is said to have begun.
        levels: That it was told at, in order.
    """

    group: Mapping[str, str]
    labels: Mapping[str, str]
    starts_at: datetime
    levels: tuple[Level, ...]

    def to_map(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {
            "group": dict(self.group),
            "labels": dict(self.labels),
            "starts_at": self.starts_at.isoformat(),
            "levels": [level.word for level in self.levels],
        }

    @classmethod
    def from_map(cls, row: Mapping[str, Any]) -> Shown:
        """Return what `to_map` gave."""
        return cls(
            group=row["group"],
            labels=row["labels"],
            starts_at=datetime.fromisoformat(row["starts_at"]),
            levels=tuple(Level[word.upper()] for word in row["levels"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one receiver was last told of one alert: a line of the nflog.

    An alert that is over, and whose end was news, has no entry.

    Attributes:
        episode: The stay it was told of.
        level: The level it was told.
        at: Logical instant of the telling.
        value: The reading it was told; None for a `when` or text rule.
        period: Of that reading, as its publisher writes it.
        shown: As what a program was told of it; None where people were.
    """

    episode: str
    level: Level
    at: datetime
    value: float | None
    period: str
    shown: Shown | None = None

    def to_json(self) -> str:
        """Return the entry as a text that `from_json` reads."""
        row: dict[str, Any] = {
            "episode": self.episode,
            "level": self.level.word,
            "at": self.at.isoformat(),
            "value": self.value,
            "period": self.period,
        }
        if self.shown is not None:
            row["shown"] = self.shown.to_map()
        return json.dumps(row)

    @classmethod
    def from_json(cls, text: str) -> Entry:
        """Return the entry that `to_json` wrote."""
        row = json.loads(text)
        return cls(
            episode=row["episode"],
            level=Level[row["level"].upper()],
            at=datetime.fromisoformat(row["at"]),
            value=row["value"],
            period=row["period"],
            shown=Shown.from_map(row["shown"]) if "shown" in row else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Where an alert stands now, after whatever moved it since the last telling.

    Attributes:
        episode: Its stay; of an alert that is over, the one that ended.
        level: It fires at; NONE when it is over.
        highest: Highest level since the last telling, `level` included.
        value: Its newest reading; None for a `when` or text rule.
        period: Of that reading.
        cause: Of the newest move; for a mere reading, why there is one.
    """

    episode: str
    level: Level
    highest: Level
    value: float | None
    period: str
    cause: Cause = Cause.NEW_PERIOD


def situation_after(moves: Sequence[Transition]) -> Situation | None:
    """Return where an alert stands after its moves, or None when none is worth telling.

    Args:
        moves: Of one alert, oldest first, since the last telling; of several episodes only
            the newest counts. Arming and disarming are nobody's news.
    """
    told = [move for move in moves if move.change not in QUIET]
    if not told:
        return None
    last = told[-1]
    over = last.change in OVER
    rose = [move.level for move in told if move.episode == last.episode and move.change not in OVER]
    return Situation(
        episode=last.episode,
        level=Level.NONE if over else last.level,
        highest=max(rose, default=Level.NONE),
        value=last.value,
        period=last.period,
        cause=last.cause,
    )


def reason_to_tell(
    last: Entry | None, now: Situation, *, at: datetime, remind_at: datetime | None = None
) -> Reason | None:
    """Return what makes an alert news to a receiver, or None when nothing does.

    The caller rewrites the nflog (`remembered`) whenever this is not None, even for a
    receiver that wants no resolutions: otherwise the log keeps an alert that is over, and
    the next time it fires looks like old news. Whether to send is the route's setting;
    whether it is news is not.

    Args:
        last: What the receiver was last told of this alert; None when it knows of none.
        now: Where the alert stands.
        at: Logical instant.
        remind_at: Instant from which a reminder is due; None where the rule wants none.
    """
    if last is None or last.episode != now.episode:
        # A stay that began and ended while the telling waited is news all the same; the end
        # of one that the receiver never heard of is not.
        return Reason.FIRST if now.highest > Level.NONE else None
    if now.highest > last.level:
        return Reason.ESCALATED
    corrected = now.cause is Cause.REVISION and now.period == last.period
    if now.level < last.level:
        if corrected:
            return Reason.CORRECTION
        return Reason.EASED if now.level > Level.NONE else Reason.RESOLVED
    if corrected and now.value != last.value:
        return Reason.CORRECTION
    # A reminder without a new figure would say what was said already.
    if remind_at is not None and at >= remind_at and now.period > last.period:
        return Reason.REMINDER
    return None


def remembered(now: Situation, *, at: datetime, shown: Shown | None = None) -> Entry | None:
    """Return the nflog entry after a telling; None where there is nothing to remember."""
    if now.level is Level.NONE:
        return None
    return Entry(
        episode=now.episode, level=now.level, at=at, value=now.value, period=now.period,
        shown=shown,
    )  # fmt: skip
