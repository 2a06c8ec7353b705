"""What the evaluator reads: columns of facts, and nothing else of the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ebbwatch.expr.numbers import Floats, Longs, distinct
from ebbwatch.model.calendars import BusinessCalendar
from ebbwatch.model.periods import Micros, Minutes
from ebbwatch.model.series import Series

#: An instant after every other, and one before.
FOREVER = Micros(np.iinfo(np.int64).max)
BEGINNING = Micros(np.iinfo(np.int64).min)
#: A period before every other, none yet, and one after.
NO_PERIOD = Minutes(np.iinfo(np.int64).min)
LAST_PERIOD = Minutes(np.iinfo(np.int64).max)


@dataclass(slots=True, eq=False)
class Column:
    """The facts of one series, in the order in which they took effect.

    Attributes:
        effect: µs from which a fact can be read: when it became known, or the start of its
            period where that comes later. Ascending; equal instants by period.
        periods: Minutes; at most one fact per period and instant.
        quanta: Whole quanta; NaN where the publisher withdrew the value.
        quantum: What one of them is, in base units.
        known: µs at which each fact became known.
        assumed: Whether that comes from the release rule.
        source: Index into `sources`.
        sources: Names of who gave the facts.
        boundaries: µs at which facts take effect that change the past: at or before the newest
            period of before. Ascending; `mark_boundaries` fills it in.
    """

    effect: Longs
    periods: Longs
    quanta: Floats
    quantum: Fraction
    known: Longs
    assumed: NDArray[np.bool_]
    source: NDArray[np.int16]
    sources: tuple[str, ...]
    boundaries: Longs = field(default_factory=lambda: np.empty(0, np.int64))

    def __len__(self) -> int:
        """Return how many facts there are."""
        return len(self.effect)

    def mark_boundaries(self) -> Column:
        """Note where the past changes: facts at or before the newest period of before."""
        if len(self.effect) == 0:
            return self
        newest = np.maximum.accumulate(self.periods)
        first = np.flatnonzero(np.diff(self.effect, prepend=self.effect[0] - 1))
        group = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(self.effect))))
        before = np.where(group == 0, BEGINNING, newest[np.maximum(first[group] - 1, 0)])
        self.boundaries = distinct(self.effect[self.periods <= before])
        return self


@dataclass(frozen=True, slots=True)
class Spells:
    """Stretches of time, half open: from `starts` until `ends`, in order, apart."""

    starts: Longs
    ends: Longs

    def cover(self, at: Longs) -> NDArray[np.bool_]:
        """Return which instants lie in a spell."""
        if len(self.starts) == 0 or len(at) == 0 or at.max() < self.starts[0]:
            return np.zeros(len(at), np.bool_)
        index = np.searchsorted(self.starts, at, "right") - 1
        return (index >= 0) & (at < self.ends[np.maximum(index, 0)])

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return len(self.starts) > 0


class View(Protocol):
    """Facts as they became known, and how late they were."""

    @property
    def catalogue(self) -> Mapping[str, Series]:
        """Return the series by name."""
        ...

    def column(self, series: str) -> Column | None:
        """Return the facts of a series; None where there are none."""
        ...

    def calendar(self, name: str) -> BusinessCalendar:
        """Return a business calendar."""
        ...

    def stale(self, series: str, *, carried: bool) -> Spells:
        """Return when a series was stale.

        Args:
            series: Its name.
            carried: True where it is carried forward under a faster one.
        """
        ...

    def late(self, series: str) -> Spells:
        """Return when a series was late."""
        ...
