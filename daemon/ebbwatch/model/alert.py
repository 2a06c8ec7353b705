"""Alerts: verdicts, states, levels, changes, transitions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum


class State(StrEnum):
    """Where an alert rests."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


class Level(IntEnum):
    """A rung of a rule's ladder; NONE is the ground."""

    NONE = 0
    WATCH = 1
    WARNING = 2
    CRITICAL = 3

    @property
    def word(self) -> str:
        """Return the level as rule files and outputs write it."""
        return self.name.lower()


LEVELS = {level.word: level for level in Level if level is not Level.NONE}


class Change(StrEnum):
    """How an alert moved."""

    ARMED = "armed"
    DISARMED = "disarmed"
    FIRED = "fired"
    ESCALATED = "escalated"
    EASED = "eased"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"


#: Told to nobody: the readings breach, but not yet for as long as the rule asks.
QUIET = (Change.ARMED, Change.DISARMED)
#: A level is entered, from below.
UP = (Change.FIRED, Change.ESCALATED)
#: The alert is no more.
OVER = (Change.RESOLVED, Change.WITHDRAWN)


class Cause(StrEnum):
    """What moved it."""

    NEW_PERIOD = "new period"
    REVISION = "revision"
    HOLD_ELAPSED = "hold elapsed"
    RULE_CHANGED = "rule changed"
    HISTORY_ADDED = "history added"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One figure that went into a reading.

    Attributes:
        series: Name in the catalogue.
        period: As written by its publisher: a date, or an instant for hours and minutes.
        value: In `unit`.
        unit: Printed unit: ``%``, ``USD``.
        known_at: UTC instant it became known.
        assumed: Whether that instant comes from the release rule.
        source: Who gave it.
    """

    series: str
    period: str
    value: float
    unit: str
    known_at: datetime
    assumed: bool
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One change of one alert at one instant; appended, never edited.

    Attributes:
        at: Logical UTC instant.
        rule: Name of the alert (rule name with its foreach values filled in).
        change: How it moved.
        level: The level after the change; for resolved and withdrawn, the one left.
        before: The level before the change.
        value: The reading, in `unit`; None for a `when` or text rule.
        unit: Printed unit of value and threshold; None for a `when` or text rule.
        threshold: The one crossed; on the way down, threshold and clear combined.
        period: Of the reading, as its publisher writes it.
        episode: Identifies this stay outside inactive.
        cause: What moved it.
        inputs: The figures the reading was made of.
        previous: The reading of the period before, in `unit`, if there is one.
        extreme: The furthest reading of the episode so far, in `unit`.
        entered_at: UTC instant at which the episode entered its first level.
        entry: The reading at that instant, in `unit`.
        turns: Names of the calendars in whose window the period lies, strongest first.
        muted: Named reason for having no outbox row; None when it is told.
    """

    at: datetime
    rule: str
    change: Change
    level: Level
    before: Level
    value: float | None
    unit: str | None
    threshold: float | None
    period: str
    episode: str
    cause: Cause
    inputs: tuple[Input, ...] = ()
    previous: float | None = None
    extreme: float | None = None
    entered_at: datetime | None = None
    entry: float | None = None
    turns: tuple[str, ...] = ()
    muted: str | None = None
