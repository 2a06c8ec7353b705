"""The ladder of a rule, and where an alert stands on it."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ebbwatch.expr.view import BEGINNING, NO_PERIOD
from ebbwatch.model.alert import Level, State
from ebbwatch.model.durations import Duration
from ebbwatch.model.periods import Micros, Minutes
from ebbwatch.ruleset.rules import Rule

#: Readings in a row that are unknown for no good reason before a rule is called broken.
BROKEN_AFTER = 3


@dataclass(frozen=True, slots=True)
class Rung:
    """One level of a ladder.

    Attributes:
        level: Which.
        threshold: Entered beyond this; None for a condition.
        exit: Left at this or further inside; None for a condition.
        releases: Periods in a row that must breach it; 1 for at once.
        hold: Time for which it must be breached; None for none.
    """

    level: Level
    threshold: Fraction | None = None
    exit: Fraction | None = None
    releases: int = 1
    hold: Duration | None = None


@dataclass(frozen=True, slots=True)
class Ladder:
    """A rule's levels, lowest first.

    Attributes:
        rungs: At least one.
        rising: True when greater is worse.
    """

    rungs: tuple[Rung, ...]
    rising: bool = True

    @property
    def timed(self) -> bool:
        """Return whether any level is held for a time."""
        return any(rung.hold is not None for rung in self.rungs)

    @property
    def crossed(self) -> bool:
        """Return whether a higher level can stay where a lower one is left, by its wider clear."""
        exits = [rung.exit for rung in self.rungs if rung.exit is not None]
        exits = exits if self.rising else [-e for e in exits]
        return any(above < below for below, above in itertools.pairwise(exits))

    @property
    def counts(self) -> bool:
        """Return whether any level is held for a number of periods."""
        return any(rung.releases > 1 for rung in self.rungs)

    @property
    def waits(self) -> bool:
        """Return whether any level is held at all."""
        return self.timed or self.counts

    def rung(self, level: Level) -> Rung:
        """Return the rung of a level."""
        return next(rung for rung in self.rungs if rung.level is level)


def ladder_of(rule: Rule) -> Ladder:
    """Return the ladder of a rule; a condition has one level."""

    def rung(level: Level, threshold: Fraction | None, leave: Fraction | None) -> Rung:
        hold = rule.hold.get(level)
        if hold is None:
            return Rung(level, threshold, leave)
        if hold.unit == "releases":
            return Rung(level, threshold, leave, releases=int(hold.count))
        return Rung(level, threshold, leave, hold=hold)

    if rule.value is None:
        return Ladder((rung(rule.level, None, None),))
    inward = -1 if rule.rising else 1
    rungs = []
    for level, threshold in rule.thresholds:
        clear = rule.clear.get(level)
        room = Fraction(0) if clear is None else clear.value
        rungs.append(rung(level, threshold.value, threshold.value + inward * room))
    return Ladder(tuple(rungs), rule.rising)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """Where an alert stands, between readings.

    Attributes:
        level: Where it rests.
        period: Newest period stepped.
        read_at: µs of the newest reading.
        base: For each rung, periods in a row that breached it before `period`.
        count: The same with `period`.
        since: For each rung held in time, µs of the first breach; None for none.
        breached: For each rung, whether the newest reading breaches it, known and not held.
        known: Whether the newest reading was known.
        begun_at: µs at which it left inactive; None while inactive.
        entered_at: µs at which it entered its first level.
        entry: Reading then, in base units; None for a condition.
        extreme: Furthest reading since then.
        value: Newest known reading.
        value_period: Its period, which later ones that are unknown do not change.
        previous: The known reading of the period before.
        why: Reason code of the newest reading; 0 where it was known.
        astray: Readings in a row unknown for no good reason; saturated.
    """

    level: Level = Level.NONE
    period: Minutes = NO_PERIOD
    read_at: Micros = BEGINNING
    base: tuple[int, ...] = ()
    count: tuple[int, ...] = ()
    since: tuple[Micros | None, ...] = ()
    breached: tuple[bool, ...] = ()
    known: bool = False
    begun_at: Micros | None = None
    entered_at: Micros | None = None
    entry: float | None = None
    extreme: float | None = None
    value: float | None = None
    value_period: Minutes = NO_PERIOD
    previous: float | None = None
    why: int = 0
    astray: int = 0

    @property
    def state(self) -> State:
        """Return the alert's state."""
        if self.level is not Level.NONE:
            return State.FIRING
        return State.INACTIVE if self.begun_at is None else State.PENDING

    @property
    def broken(self) -> bool:
        """Return whether its readings are unknown without a good reason."""
        return self.astray >= BROKEN_AFTER

    def to_json(self) -> str:
        """Return the state as text."""
        return json.dumps(
            {name: getattr(self, name) for name in self.__dataclass_fields__}, separators=(",", ":")
        )

    @staticmethod
    def from_json(text: str) -> AlertState:
        """Return the state that a text stands for."""
        raw: dict[str, Any] = json.loads(text)
        for name in ("base", "count", "since", "breached"):
            raw[name] = tuple(raw[name])
        return AlertState(**{**raw, "level": Level(raw["level"])})
