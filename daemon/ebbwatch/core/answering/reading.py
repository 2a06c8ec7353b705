"""Readings: what an expression says at an instant, or why that is not known.

Every room asks here: a table, an explanation, a message and an answer by hand say the same of
the same expression at the same instant.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from ebbwatch.core.alerting.judging import NO_SPELLS, every_of
from ebbwatch.core.answering.expected import Expected
from ebbwatch.core.facts.asof import History
from ebbwatch.expr.evaluate import Evaluation, as_known
from ebbwatch.expr.graph import Node
from ebbwatch.expr.logic import TRUE, UNKNOWN
from ebbwatch.expr.numbers import ABSENT, KNOWN, REASONS, STALE, Numbers
from ebbwatch.expr.readings import Readings
from ebbwatch.expr.view import NO_PERIOD, Column, Spells, View
from ebbwatch.model.calendars import BusinessCalendar
from ebbwatch.model.periods import MINUTE, Every, Micros, Minutes, day_of, instant
from ebbwatch.model.series import Series
from ebbwatch.model.units import printed
from ebbwatch.model.zones import NEW_YORK


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What an expression said for a period, where it is known.

    Attributes:
        period: As its publisher writes it.
        value: In the reading's unit; infinite for a trend that never gets there; None for a
            condition.
        most: Of a count with unknown parts, the most that it can be, `value` being the least;
            None for everything else.
        truth: Of a condition; None for a number.
        ended_at: UTC instant at which the period was over, by New York's days.
    """

    period: str
    value: float | None
    most: float | None
    truth: bool | None
    ended_at: datetime

    @property
    def never(self) -> bool:
        """Return whether it is a trend that never gets there."""
        return self.value is not None and math.isinf(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an expression says at an instant.

    Attributes:
        unit: Printed unit, empty for a pure number; None for a condition.
        every: Frequency of its periods.
        period: Newest one, as its publisher writes it; empty where there is none yet.
        found: What it says for that period; None where that is unknown.
        reason: Why it is unknown; empty where it is known.
        culprits: Names of the series that make it unknown, where it is for them.
        last: Where it is unknown, what it would be for the newest period of which that is known
            if no figure were too old; None where that is unknown, too.
    """

    unit: str | None
    every: Every
    period: str
    found: Found | None
    reason: str
    culprits: tuple[str, ...]
    last: Found | None

    @property
    def known(self) -> bool:
        """Return whether it is known."""
        return self.found is not None

    @property
    def value(self) -> float | None:
        """Return the number in `unit`; None for a condition, and where unknown."""
        return None if self.found is None else self.found.value

    @property
    def truth(self) -> bool | None:
        """Return the verdict of a condition; None for a number, and where unknown."""
        return None if self.found is None else self.found.truth

    @property
    def at_least(self) -> bool:
        """Return whether `value` is the least that a count with unknown parts can be."""
        return self.found is not None and self.found.most is not None

    @property
    def newest(self) -> Found | None:
        """Return what is known now or, where it is unknown now, what was known last."""
        return self.found or self.last


@dataclass(frozen=True, slots=True)
class _NothingStale:
    """A history in which no figure is ever too old: what would be read if none were stale."""

    history: History

    @property
    def catalogue(self) -> Mapping[str, Series]:
        """Return the series by name."""
        return self.history.catalogue

    def column(self, series: str) -> Column | None:
        """Return the facts of a series."""
        return self.history.column(series)

    def calendar(self, name: str) -> BusinessCalendar:
        """Return a business calendar."""
        return self.history.calendar(name)

    def stale(self, series: str, *, carried: bool) -> Spells:  # noqa: ARG002  it never is
        """Return that a series never was."""
        return NO_SPELLS

    def late(self, series: str) -> Spells:
        """Return when a series was late."""
        return self.history.late(series)


@dataclass(slots=True)
class Reader:
    """Reads expressions as known at one instant; what several share is computed once.

    Attributes:
        history: What is known.
        at: The instant (µs); nothing known later is used.
        evaluation: As known then.
        expected: What is to come, as known then.
    """

    history: History
    at: Micros
    evaluation: Evaluation = field(init=False)
    expected: Expected = field(init=False)
    _timeless: Evaluation = field(init=False)

    def __post_init__(self) -> None:
        """Begin."""
        self.evaluation = as_known(self.history, self.at)
        self._timeless = as_known(_NothingStale(self.history), self.at)
        self.expected = Expected(self.history, self.at)

    def read(self, node: Node, unit: str | None) -> Reading:
        """Return what a node says.

        Args:
            node: Whose value or truth is wanted.
            unit: To print it in; None for a condition.
        """
        every, now = every_of(node), self.evaluation.current(node)
        period = Minutes(int(now.periods[0])) if len(now) else NO_PERIOD
        found = _found(node, now, unit, every) if period > NO_PERIOD else None
        why = int(now.why[0]) if len(now) else ABSENT
        why = ABSENT if why == KNOWN else why
        unknown = found is None
        return Reading(
            unit=unit,
            every=every,
            period=every.text(period) if period > NO_PERIOD else "",
            found=found,
            reason=REASONS[why] if unknown else "",
            culprits=self._culprits(node, why) if unknown else (),
            last=self._last(node, unit, every) if unknown and period > NO_PERIOD else None,
        )

    def forget(self, node: Node) -> None:
        """Let go of what a node came to; it is computed anew should it be asked for."""
        self.evaluation.forget(node)
        self._timeless.forget(node)

    def _culprits(self, node: Node, why: int) -> tuple[str, ...]:
        if why == STALE:
            return stale_series(self.history, node, self.at)
        if why == ABSENT:
            names = dict.fromkeys(node.series)
            return tuple(name for name in names if self.expected.newest(name) is None)
        return ()

    def _last(self, node: Node, unit: str | None, every: Every) -> Found | None:
        """Return the newest that is known of a node, were no figure too old."""
        if node.momentary:
            now = self._timeless.current(node)
            return _found(node, now, unit, every) if len(now) else None
        periods, numbers, truth = self._timeless.elements(node)
        if truth is not None:
            known = np.flatnonzero(truth != UNKNOWN)
        else:
            assert numbers is not None
            known = np.flatnonzero(~numbers.unknown())
        if len(known) == 0:
            return None
        place = int(known[-1])
        period = Minutes(int(periods[place]))
        if truth is not None:
            return _made(every, period, truth=bool(truth[place] == TRUE))
        assert numbers is not None
        assert unit is not None
        return _made(every, period, value=_element(numbers, place, unit))


def stale_series(view: View, node: Node, at: Micros) -> tuple[str, ...]:
    """Return the series of a node that are too old to be read at an instant (µs), in order."""
    instants = np.array([at], np.int64)
    return tuple(
        name
        for name in dict.fromkeys(node.series)
        if view.stale(name, carried=name not in node.setters).cover(instants)[0]
    )


def _found(node: Node, now: Readings, unit: str | None, every: Every) -> Found | None:
    """Return what the one reading that stands says, or None where it is unknown."""
    period = Minutes(int(now.periods[0]))
    if node.is_condition:
        assert now.truth is not None
        if now.truth[0] == UNKNOWN:
            return None
        return _made(every, period, truth=bool(now.truth[0] == TRUE))
    assert unit is not None
    assert now.numbers is not None
    if now.high is not None:
        if now.numbers.unknown()[0]:
            return None
        low, high = _element(now.numbers, 0, unit), _element(now.high, 0, unit)
        # "At least none of them" is another word for unknown.
        if node.op == "count" and (low, high) == (0, len(node.args)):
            return None
        return _made(every, period, value=low, most=high if now.at_least[0] else None)
    if int(now.why[0]) != KNOWN:
        return None
    return _made(every, period, value=_element(now.numbers, 0, unit))


def _element(numbers: Numbers, place: int, unit: str) -> float:
    """Return a known element in a printed unit, exactly rounded."""
    value = float(numbers.values[place])
    return value if math.isinf(value) else printed(numbers.exact(place), unit)


def _made(
    every: Every, period: Minutes, *, value: float | None = None, most: float | None = None,
    truth: bool | None = None,
) -> Found:  # fmt: skip
    return Found(
        period=every.text(period), value=value, most=most, truth=truth,
        ended_at=_ended_at(every, period),
    )  # fmt: skip


def _ended_at(every: Every, period: Minutes) -> datetime:
    """Return when a period is over; days end at midnight in New York, where they are counted."""
    end = every.end(period)
    if not every.dated:
        return instant(Micros(end * MINUTE))
    day = day_of(end)
    return datetime(day.year, day.month, day.day, tzinfo=NEW_YORK).astimezone(UTC)
