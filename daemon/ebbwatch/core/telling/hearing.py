"""What somebody hears of an alert now: told, later, or untold, always with the reason.

Everything that tells asks `what_is_heard`. Its `STAGES` are one list and stand in the order in
which they are asked: whether there is news at all, then everything that may keep it back.
Whoever asks records the answer; nothing is looked up or remembered here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ebbwatch.core.telling.dedup import Entry, Situation, reason_to_tell
from ebbwatch.core.telling.muting import quiet_until
from ebbwatch.core.telling.routing import matches
from ebbwatch.model.alert import Level
from ebbwatch.model.message import Reason
from ebbwatch.ruleset.rules import Inhibition, Route


class Why(StrEnum):
    """Named reasons for telling nothing."""

    HISTORY = "history"
    ARMED = "armed"
    NO_RECEIVER = "no receiver"
    EDITED = "withdrawn by an edit"
    NOT_NEWS = "not news"
    SILENCE = "silence"
    INHIBITED = "inhibited"
    FLAPPING = "flapping"
    ACKNOWLEDGED = "acknowledged"
    QUIET_HOURS = "quiet hours"
    NO_RESOLUTIONS = "resolutions not wanted"
    BROKEN = "could not be told"


@dataclass(frozen=True, slots=True)
class Told:
    """It is told now.

    Attributes:
        reason: What makes it news.
    """

    reason: Reason


@dataclass(frozen=True, slots=True)
class Later:
    """It is put off, and asked about again.

    Attributes:
        until: UTC instant at which to ask again.
    """

    until: datetime

    def __str__(self) -> str:
        """Return the reason as it is recorded with the transition."""
        return f"{Why.QUIET_HOURS} until {self.until.isoformat()}"


@dataclass(frozen=True, slots=True)
class Untold:
    """It is not told.

    Attributes:
        why: The named reason.
        by: Id of the silence, or name of the alert that inhibits; else empty.
        again_at: UTC instant at which the reason ends, where that is known: what is still news
            then is told.
    """

    why: Why
    by: str = ""
    again_at: datetime | None = None

    def __str__(self) -> str:
        """Return the reason as it is recorded with the transition."""
        return f"{self.why} by {self.by}" if self.by else str(self.why)

    @property
    def owed(self) -> bool:
        """Return whether it is to be told after all once the reason is gone."""
        return self.why in (Why.SILENCE, Why.INHIBITED, Why.FLAPPING)


class Silencing(Protocol):
    """A silence, as far as telling looks at it."""

    @property
    def id(self) -> str:
        """Return what people call it by."""
        ...

    @property
    def matcher(self) -> tuple[tuple[str, str], ...]:
        """Return label names and values that must all be equal; empty matches nothing."""
        ...

    @property
    def until(self) -> datetime:
        """Return its end, UTC, exclusive."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One alert and one listener, at an instant: all that the answer depends on.

    Attributes:
        at: Logical UTC instant.
        labels: Of the alert, with ``name`` and ``level`` (`routing.labels_of`).
        level: Of the newest changes: for resolved and withdrawn, the one that was left.
        situation: Where the alert stands.
        last: What the listener was last told of it; None for nothing.
        route: By which the listener hears of it.
        remind_at: Instant from which a reminder is due; None where the rule wants none.
        silences: In the order they were made; ended ones do nothing.
        inhibitions: In the order of the files.
        firing: Labels of every alert now firing, by name. An alert never inhibits itself.
        flapping: Whether the alert is flapping: its watch level is not told.
        acknowledged: Whether somebody has seen the episode: it needs no reminder.
    """

    at: datetime
    labels: Mapping[str, str]
    level: Level
    situation: Situation
    last: Entry | None
    route: Route
    remind_at: datetime | None = None
    silences: Sequence[Silencing] = ()
    inhibitions: Sequence[Inhibition] = ()
    firing: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    flapping: bool = False
    acknowledged: bool = False


def what_is_heard(case: Case) -> Told | Later | Untold:
    """Return whether a listener hears of an alert now, and why or why not."""
    reason = reason_to_tell(case.last, case.situation, at=case.at, remind_at=case.remind_at)
    if reason is None:
        return Untold(Why.NOT_NEWS)
    for stage in STAGES:
        answer = stage(case, reason)
        if answer is not None:
            return answer
    return Told(reason)


def silenced(case: Case, reason: Reason) -> Untold | None:  # noqa: ARG001
    """Somebody asked for silence: told after its end."""
    for silence in case.silences:
        hushes = silence.matcher and matches(case.labels, dict(silence.matcher))
        if case.at < silence.until and hushes:
            return Untold(Why.SILENCE, silence.id, silence.until)
    return None


def inhibited(case: Case, reason: Reason) -> Untold | None:  # noqa: ARG001
    """Another alert that fires says it all: told when that one does no more."""
    for inhibition in case.inhibitions:
        if not inhibition.mute or not matches(case.labels, inhibition.mute):
            continue
        for name, others in case.firing.items():
            if name != case.labels.get("name") and matches(others, inhibition.source):
                return Untold(Why.INHIBITED, name)
    return None


def flapping(case: Case, reason: Reason) -> Untold | None:  # noqa: ARG001
    """It goes up and down all the time: its watch level stands in the digest only."""
    return Untold(Why.FLAPPING) if case.flapping and case.level <= Level.WATCH else None


def acknowledged(case: Case, reason: Reason) -> Untold | None:
    """Somebody has seen it: no reminder."""
    seen = case.acknowledged and reason is Reason.REMINDER
    return Untold(Why.ACKNOWLEDGED) if seen else None


def unwanted(case: Case, reason: Reason) -> Untold | None:
    """The route wants no resolutions: it counts as told all the same."""
    over = reason is Reason.RESOLVED and not case.route.resolved
    return Untold(Why.NO_RESOLUTIONS) if over else None


def quiet_hours(case: Case, reason: Reason) -> Later | None:  # noqa: ARG001
    """The night of the route: told in the morning."""
    quiet = case.route.quiet
    if quiet is None or case.level >= quiet.below:
        return None
    until = quiet_until(quiet, case.at)
    return None if until is None else Later(until)


#: What may keep news back. Reasons that drop come before the one that puts off, so that what a
#: person silenced does not come back in the morning.
STAGES: tuple[Callable[[Case, Reason], Later | Untold | None], ...] = (
    silenced,
    inhibited,
    flapping,
    acknowledged,
    unwanted,
    quiet_hours,
)
