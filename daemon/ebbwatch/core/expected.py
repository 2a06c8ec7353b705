"""Figures to come, as known at an instant: which are expected next, and which are late."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from ebbwatch.core.asof import Figure, History
from ebbwatch.core.release_clock import Freshness, State
from ebbwatch.expr.graph import Node
from ebbwatch.model.periods import Every, instant, micros
from ebbwatch.model.series import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """A series whose next figure should have come and has not.

    Attributes:
        series: Its name.
        held: The newest period held, as its publisher writes it.
        missing: The period that is late.
        every: Its frequency.
        since: UTC instant at which the missing figure was due.
    """

    series: str
    held: str
    missing: str
    every: Every
    since: datetime


@dataclass(frozen=True, slots=True)
class SeriesStanding:
    """How a series stands.

    Attributes:
        series: Its catalogue entry.
        found: How fresh it is, and what is due of it.
        newest: The newest figure held; None for none.
        due_at: UTC instant at which the one after it comes, or should have come, out; None
            where nothing says so.
    """

    series: Series
    found: Freshness
    newest: Figure | None
    due_at: datetime | None = None

    @property
    def state(self) -> State:
        """Return how fresh it is, in a word."""
        return self.found.state


@dataclass(slots=True)
class Expected:
    """Answers for one instant which figures are to come; each series is looked up once.

    Attributes:
        history: What is known.
        at: The instant (µs); nothing known later is used.
    """

    history: History
    at: int
    _newest: dict[str, Figure | None] = field(default_factory=dict)
    _late: dict[str, Late | None] = field(default_factory=dict)

    def newest(self, series: str) -> Figure | None:
        """Return the newest figure of a series; None where there is none yet."""
        if series not in self._newest:
            self._newest[series] = self.history.newest(series, as_of=self.at)
        return self._newest[series]

    def series(self, name: str) -> SeriesStanding:
        """Return how a series stands."""
        newest, series = self.newest(name), self.history.catalogue[name]
        known_at = None if newest is None else micros(newest.known_at)
        period = None if newest is None else newest.period
        found = self.history.clock.freshness(series, period, known_at, self.at)
        due_at = self.due_at(name)
        return SeriesStanding(series, found, newest, None if due_at is None else instant(due_at))

    def due_at(self, series: str) -> int | None:
        """Return the µs at which the figure after the newest one comes, or should have come, out.

        None where nothing says so, and where there is no figure yet.
        """
        newest, entry = self.newest(series), self.history.catalogue[series]
        if newest is None:
            return None
        clock = self.history.clock
        return clock.expected_at(entry, clock.next_period(entry, newest.period))

    def late(self, series: str) -> Late | None:
        """Return which figure of a series is late, and since when; None where none is."""
        if series not in self._late:
            self._late[series] = self._find_late(series)
        return self._late[series]

    def _find_late(self, series: str) -> Late | None:
        if not bool(self.history.late(series).cover(np.array([self.at], np.int64))[0]):
            return None
        newest, due_at = self.newest(series), self.due_at(series)
        # Only a series that has figures and a release rule is ever late.
        assert newest is not None
        assert due_at is not None
        entry = self.history.catalogue[series]
        missing = self.history.clock.next_period(entry, newest.period)
        return Late(
            series=series, held=entry.every.text(newest.period), missing=entry.every.text(missing),
            every=entry.every, since=instant(due_at),
        )  # fmt: skip

    def all_late(self, series: Iterable[str]) -> tuple[Late, ...]:
        """Return those of some series that are late, in their order, each once."""
        found = (self.late(name) for name in dict.fromkeys(series))
        return tuple(late for late in found if late is not None)

    def next_due(self, node: Node) -> datetime | None:
        """Return when the next reading of an expression is expected; None where nobody knows.

        A reading needs a figure of every series that sets its periods; a count is read anew
        with the first of its conditions. A figure that is overdue is not promised again: it may
        come at any time, and until then nothing is expected but it.
        """
        ahead = self._due(node)[0]
        return None if ahead is None else instant(ahead)

    def overdue_since(self, node: Node) -> datetime | None:
        """Return since when the next reading of an expression is overdue; None where it is not.

        Of a count, since when that of its last condition is.
        """
        ahead, passed = self._due(node)
        return None if ahead is not None or passed is None else instant(passed)

    def _due(self, node: Node) -> tuple[int | None, int | None]:
        """Return the µs at which the next reading is due: ahead of the instant, or passed."""
        if node.momentary:
            parts = [self._due(arg) for arg in node.args if not arg.is_constant]
            ahead = min((at for at, _ in parts if at is not None), default=None)
            return ahead, max((at for _, at in parts if at is not None), default=None)
        due = self._reading_due(node)
        if due is None:
            return None, None
        return (due, None) if due > self.at else (None, due)

    def _reading_due(self, node: Node) -> int | None:
        """Return the µs at which the period after the newest that all setters have is out."""
        newest = [self.newest(name) for name in sorted(node.setters)]
        held = [figure.period for figure in newest if figure is not None]
        if not held or len(held) < len(newest):
            return None
        clock = self.history.clock
        series = [self.history.catalogue[name] for name in sorted(node.setters)]
        # Their calendars may differ: what one of them skips, the others wait with it.
        period = max(clock.next_period(one, min(held)) for one in series)
        expected = (clock.expected_at(one, period) for one in series)
        return max((at for at in expected if at is not None), default=None)
