"""Why an alert is not told now: history, a silence, another alert, flapping, quiet hours."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from ebbwatch.core.routing import matches
from ebbwatch.model.alert import Change, Level
from ebbwatch.ruleset.rules import Inhibition, Quiet

#: An alert that fired and resolved this often ...
FLAPS = 3
#: ... within this many of its periods is flapping ...
FLAP_PERIODS = 20
#: ... until it has not moved for this many.
REST_PERIODS = 10


class Mute(StrEnum):
    """Kinds of reason for saying nothing."""

    HISTORY = "history"
    SILENCE = "silence"
    INHIBITED = "inhibited"
    FLAPPING = "flapping"
    QUIET_HOURS = "quiet hours"


@dataclass(frozen=True, slots=True)
class MutedBy:
    """The named reason for which an alert is not told now.

    Attributes:
        kind: What kind of reason.
        by: Id of the silence, or name of the alert that inhibits; else empty.
        until: UTC instant at which it is to be told after all; None where it is not
            (quiet hours defer, the others drop).
    """

    kind: Mute
    by: str = ""
    until: datetime | None = None

    def __str__(self) -> str:
        """Return the reason as it is recorded with the transition."""
        match self.kind:
            case Mute.SILENCE | Mute.INHIBITED:
                return f"{self.kind} by {self.by}"
            case Mute.QUIET_HOURS:
                assert self.until is not None
                return f"{self.kind} until {self.until.isoformat()}"
            case Mute.HISTORY | Mute.FLAPPING:
                return str(self.kind)


class Hush(Protocol):
    """A silence, as far as muting looks at it."""

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


def muted_by(
    labels: Mapping[str, str],
    *,
    level: Level,
    at: datetime,
    silences: Sequence[Hush] = (),
    inhibitions: Sequence[Inhibition] = (),
    firing: Mapping[str, Mapping[str, str]] | None = None,
    quiet: Quiet | None = None,
    flapping: bool = False,
    history: bool = False,
) -> MutedBy | None:
    """Return why an alert is not told now, or None when it is.

    Reasons that drop come before the one that defers, so that what a person silenced does
    not come back in the morning.

    Args:
        labels: Of the alert, with ``name`` and ``level`` (`routing.labels_of`).
        level: Of the change: for resolved and withdrawn, the one that was left.
        at: Logical instant.
        silences: In the order they were made; ended ones do nothing.
        inhibitions: In the order of the files.
        firing: Labels of every alert now firing, by name. An alert never inhibits itself.
        quiet: Hours of the route; None for none.
        flapping: Whether the alert is flapping: mutes its watch level.
        history: Whether the past is being walked for a rule that is new.
    """
    if history:
        return MutedBy(Mute.HISTORY)
    for silence in silences:
        if at < silence.until and silence.matcher and matches(labels, dict(silence.matcher)):
            return MutedBy(Mute.SILENCE, silence.id)
    for inhibition in inhibitions:
        if not inhibition.mute or not matches(labels, inhibition.mute):
            continue
        for name, others in (firing or {}).items():
            if name != labels.get("name") and matches(others, inhibition.source):
                return MutedBy(Mute.INHIBITED, name)
    if flapping and level <= Level.WATCH:
        return MutedBy(Mute.FLAPPING)
    if quiet is not None and level < quiet.below:
        until = quiet_until(quiet, at)
        if until is not None:
            return MutedBy(Mute.QUIET_HOURS, until=until)
    return None


def quiet_until(quiet: Quiet, at: datetime) -> datetime | None:
    """Return the UTC instant at which the quiet hours around `at` end, or None outside them.

    Start included, end excluded. Both are instants on the zone's own clock, so that a night
    in which clocks change is an hour shorter or longer; a time that the clocks skip stands
    for the instant after the gap, one that they repeat for its first pass.
    """
    zone = ZoneInfo(quiet.zone)
    today = at.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        over_midnight = quiet.end < quiet.start
        last = day + timedelta(days=1) if over_midnight else day
        start = datetime.combine(day, quiet.start, zone).astimezone(UTC)
        end = datetime.combine(last, quiet.end, zone).astimezone(UTC)
        if start <= at < end:
            return end
    return None


def is_flapping(moves: Collection[tuple[int, Change]], *, now: int) -> bool:
    """Return whether an alert is flapping.

    It starts when a third stay within 20 of its periods ends, and is over when the alert
    has not moved for 10.

    Args:
        moves: (number of the period among the alert's readings, change), oldest first.
        now: Number of the newest reading.
    """
    fired_at: list[int] = []
    stays: list[tuple[int, int]] = []
    flapping = False
    last: int | None = None
    for number, change in moves:
        if change not in (Change.FIRED, Change.ESCALATED, Change.EASED, Change.RESOLVED):
            continue
        if last is not None and number - last >= REST_PERIODS:
            flapping = False
        last = number
        if change is Change.FIRED:
            fired_at.append(number)
        elif change is Change.RESOLVED and fired_at:
            stays.append((fired_at[-1], number))
            recent = stays[-FLAPS:]
            if len(recent) == FLAPS and number - recent[0][0] < FLAP_PERIODS:
                flapping = True
    return flapping and last is not None and now - last < REST_PERIODS
