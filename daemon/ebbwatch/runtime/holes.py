"""Holes in the figures: what lies between those held and those that a plain visit reaches.

After downtime, and on a first start, when the bundled history is months old, a source is asked
for more than its newest figures. Asked in vain once, it is not asked again until something
newer comes, for then more may have come than a plain visit saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from ebbwatch.core.facts.edge import HeldFigures
from ebbwatch.core.facts.poll_plan import catch_up_from
from ebbwatch.model.periods import Minutes, micros
from ebbwatch.model.series import Series
from ebbwatch.runtime.following import Following


class Holes:
    """Knows from which period each series of a source has a hole."""

    def __init__(self, following: Following, history: HeldFigures) -> None:
        """Take what is watched, and what is held."""
        self._following = following
        self._history = history
        #: From which period a source was asked in vain for anything newer, and the newest
        #: period held then; None for none.
        self._in_vain: dict[tuple[str, str], tuple[Minutes, Minutes | None]] = {}

    def begin(self, name: str, wanted: Iterable[Series], at: datetime) -> dict[str, Minutes]:
        """Return the period from which each series that has a hole is to be asked for."""
        starts: dict[str, Minutes] = {}
        for series in wanted:
            newest = self._newest(series)
            in_vain = self._in_vain.get((name, series.name))
            if in_vain is None:
                start = self._hole(name, series, newest, at)
            else:
                start = None if newest == in_vain[1] else in_vain[0]
            if start is not None:
                starts[series.name] = start
        return starts

    def asked(self, name: str, starts: Mapping[str, Minutes], at: datetime) -> None:
        """Note that a source answered, and what had nothing newer though it was asked."""
        for series in self._following.series:
            if (start := starts.get(series.name)) is None:
                continue
            newest = self._newest(series)
            if self._hole(name, series, newest, at) is None:
                self._in_vain.pop((name, series.name), None)
            else:
                self._in_vain[name, series.name] = (start, newest)

    def _newest(self, series: Series) -> Minutes | None:
        held = self._history.newest(series.name)
        return None if held is None else held[0]

    def _hole(
        self, name: str, series: Series, newest: Minutes | None, at: datetime
    ) -> Minutes | None:
        if self._following.sources[name].facts.whole:
            return None
        due = self._following.release.due_period(series, micros(at))
        return catch_up_from(series, newest=newest, due=due, at=micros(at))
