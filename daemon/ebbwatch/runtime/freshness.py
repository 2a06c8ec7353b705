"""Freshness: how the series that are watched stand, for the self-watch."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.answering.expected import Expected, SeriesStanding
from ebbwatch.core.facts.asof import History
from ebbwatch.core.facts.release_clock import NEVER
from ebbwatch.model.periods import Micros, instant, micros
from ebbwatch.model.series import Series
from ebbwatch.runtime.selfwatch import SelfWatch


class FreshnessWatch:
    """Reports how fresh the figures of each source are that can be heard."""

    def __init__(self, watch: SelfWatch, hears: Callable[[Series], bool]) -> None:
        """Take who is told, and who knows whether any source of a series answers."""
        self._watch = watch
        self._hears = hears
        self._judge: Judge | None = None
        self._wanted: list[str] = []
        self._seen: dict[str, tuple[SeriesStanding, Micros]] = {}

    def report(self, judge: Judge, at: Micros, moved: Collection[str] = ()) -> None:
        """Report how the series of some rules stand.

        A series is judged anew where something came of it, or at the instant at which time
        alone changes how it stands.

        Args:
            judge: The rules over the history.
            at: µs.
            moved: Series of which something came.
        """
        if self._judge is not judge:
            self._judge, self._seen = judge, {}
            self._wanted = sorted({name for r in judge.watched.values() for name in r.series})
        for name in moved:
            self._seen.pop(name, None)
        heard: dict[str, list[SeriesStanding]] = {}
        unheard: dict[str, list[str]] = {}
        for name in self._wanted:
            series = judge.history.catalogue[name]
            source = series.source.name
            heard.setdefault(source, [])
            # What we lack says nothing about the publisher while he cannot be reached.
            if not self._hears(series):
                unheard.setdefault(source, []).append(name)
                continue
            seen = self._seen.get(name)
            if seen is None or seen[1] <= at:
                seen = self._seen[name] = _standing(judge.history, series, at)
            heard[source].append(seen[0])
        for source, found in heard.items():
            self._watch.freshness(source, found, at=instant(at), unheard=unheard.get(source, ()))


def _standing(history: History, series: Series, at: Micros) -> tuple[SeriesStanding, Micros]:
    """Return how a series stands, and until which µs, if nothing comes of it."""
    stands = Expected(history, at).series(series.name)
    edges = [stands.found.next_due_at]
    if (newest := stands.newest) is not None:
        ends = history.clock.lateness(series, newest.period, micros(newest.known_at))
        edges += [ends.due_at, ends.late_at, ends.stale_at]
    until = min((edge for edge in edges if edge is not None and edge > at), default=NEVER)
    return stands, until
