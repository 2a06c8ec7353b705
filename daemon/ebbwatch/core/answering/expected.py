"""Figures to come, as known at an instant: which are expected next, and which are late."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from ebbwatch.core.alerting.judging import waits_for
from ebbwatch.core.facts.asof import Figure, History
from ebbwatch.core.facts.release_clock import Freshness, FreshnessState
from ebbwatch.expr.graph import Node
from ebbwatch.model.periods import Every, Micros, Minutes, instant, micros
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
        part: Up to which part of its period the newest figure goes; empty for all of it.
    """

    series: Series
    found: Freshness
    newest: Figure | None
    due_at: datetime | None = None
    part: str = ""

    @property
    def state(self) -> FreshnessState:
        """Return how fresh it is, in a word."""
        return self.found.state


@dataclass(frozen=True, slots=True)
class Release:
    """A figure that is to come.

    Attributes:
        at: UTC instant at which it is expected.
        series: Whose.
        period: Minutes.
    """

    at: datetime
    series: Series
    period: Minutes


@dataclass(frozen=True, slots=True)
class Due:
    """When the next reading of an expression is due: ahead, passed, or known to nobody.

    A figure that is overdue is not promised again: it may come at any time.

    Attributes:
        ahead: UTC instant at which it is expected; None where it is overdue or nobody knows.
        passed: UTC instant at which it should have come; None where it is not overdue.
    """

    ahead: datetime | None
    passed: datetime | None


@dataclass(slots=True)
class Expected:
    """Answers for one instant which figures are to come; each series is looked up once.

    Attributes:
        history: What is known.
        at: The instant (µs); nothing known later is used.
    """

    history: History
    at: Micros
    _newest: dict[str, Figure | None] = field(default_factory=dict)
    _late: dict[str, Late | None] = field(default_factory=dict)
    _dues: dict[frozenset[str], Due] = field(default_factory=dict)

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
        late = found.state in (FreshnessState.LATE, FreshnessState.STALE)
        due_at = self._whole_at(name) if late else self.due_at(name)
        return SeriesStanding(
            series, found, newest, None if due_at is None else instant(due_at), self.part(name)
        )

    def part(self, name: str) -> str:
        """Return up to which part of its period the newest figure goes; empty for all of it."""
        series = self.history.catalogue[name]
        newest = self.newest(name) if series.in_parts else None
        if newest is None:
            return ""
        return self.history.clock.part(series, newest.period, micros(newest.known_at))

    def part_of(self, series: Iterable[str]) -> str:
        """Return up to which part of its period one of some series is known; empty for none."""
        return next((part for name in sorted(series) if (part := self.part(name))), "")

    def _missing(self, name: str) -> Minutes | None:
        """Return the first period of a series that is not known whole; None without figures."""
        newest, entry, clock = self.newest(name), self.history.catalogue[name], self.history.clock
        if newest is None:
            return None
        if clock.lacking_at(entry, newest.period, micros(newest.known_at)):
            return newest.period
        return clock.next_period(entry, newest.period)

    def _whole_at(self, name: str) -> Micros | None:
        """Return the µs at which the first period not known whole should be."""
        missing = self._missing(name)
        if missing is None:
            return None
        return self.history.clock.expected_at(self.history.catalogue[name], missing)

    def due_at(self, series: str) -> Micros | None:
        """Return the µs at which the figure after the newest one comes, or should have come, out.

        None where nothing says so, and where there is no figure yet. The next figure of a
        period that is known in part is its next part.
        """
        newest, entry = self.newest(series), self.history.catalogue[series]
        if newest is None:
            return None
        return self.history.clock.next_at(entry, newest.period, micros(newest.known_at))

    def releases(self, name: str, until: Micros) -> Iterator[Release]:
        """Yield the figures of a series that are expected up to an instant (µs), soonest first.

        What is overdue is promised by nobody, and candles of minutes and hours are no releases.
        """
        entry, clock = self.history.catalogue[name], self.history.clock
        period = clock.due_period(entry, self.at) if entry.every.dated else None
        while period is not None:
            period = clock.next_period(entry, period)
            at = clock.expected_at(entry, period)
            if at is None or at > until:
                return
            if at > self.at:
                yield Release(instant(at), entry, period)

    def late(self, series: str) -> Late | None:
        """Return which figure of a series is late, and since when; None where none is."""
        if series not in self._late:
            self._late[series] = self._find_late(series)
        return self._late[series]

    def _find_late(self, series: str) -> Late | None:
        if not bool(self.history.late(series).cover(np.array([self.at], np.int64))[0]):
            return None
        newest, missing, due_at = self.newest(series), self._missing(series), self._whole_at(series)
        # Only a series that has figures and a release rule is ever late.
        assert newest is not None
        assert missing is not None
        assert due_at is not None
        entry = self.history.catalogue[series]
        return Late(
            series=series, held=entry.every.text(newest.period), missing=entry.every.text(missing),
            every=entry.every, since=instant(due_at),
        )  # fmt: skip

    def all_late(self, series: Iterable[str]) -> tuple[Late, ...]:
        """Return those of some series that are late, in their order, each once."""
        found = (self.late(name) for name in dict.fromkeys(series))
        return tuple(late for late in found if late is not None)

    def frozen(self, node: Node) -> bool:
        """Return whether a node has no new reading to wait for but late ones."""
        return waits_for(node, {name for name in node.setters if self.late(name) is not None})

    def due(self, node: Node) -> Due:
        """Return when the next reading of a node is due.

        A reading needs a figure of every series that sets its periods; a count is read anew
        with the first of its conditions, and is overdue when the last of them is.
        """
        if not node.momentary:
            if node.setters not in self._dues:
                self._dues[node.setters] = self._find_due(sorted(node.setters))
            return self._dues[node.setters]
        parts = [self.due(arg) for arg in node.args if not arg.is_constant]
        ahead = min((part.ahead for part in parts if part.ahead is not None), default=None)
        passed = max((part.passed for part in parts if part.passed is not None), default=None)
        return Due(ahead, passed if ahead is None else None)

    def _find_due(self, names: list[str]) -> Due:
        """Return when the period after the newest that some series all have is out."""
        newest = [self.newest(name) for name in names]
        held = [figure.period for figure in newest if figure is not None]
        if not held or len(held) < len(names):
            return Due(None, None)
        clock = self.history.clock
        series = [self.history.catalogue[name] for name in names]
        # Their calendars may differ: for a day that one of them skips, the others wait with it.
        period = max(clock.next_period(one, min(held)) for one in series)
        expected = [at for one in series if (at := clock.first_at(one, period)) is not None]
        # A part of a period that is held already makes a further reading of it.
        parts = [
            at
            for one, figure in zip(series, newest, strict=True)
            if figure is not None
            and clock.lacking_at(one, figure.period, micros(figure.known_at))
            and (at := clock.next_at(one, figure.period, micros(figure.known_at))) is not None
        ]
        if not expected and not parts:
            return Due(None, None)
        last = min([*parts, *([max(expected)] if expected else [])])
        return Due(instant(last), None) if last > self.at else Due(None, instant(last))
