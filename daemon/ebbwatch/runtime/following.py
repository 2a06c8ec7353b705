"""Which series and texts polling has to fetch, and which source is asked for each.

A series is asked of its first choice, and of its fallback while the first choice fails, from
the instant its figure is due, until the first choice answers again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ebbwatch.core.facts.edge import HeldFigures
from ebbwatch.core.facts.release_clock import ReleaseClock
from ebbwatch.model.periods import Micros, micros
from ebbwatch.model.series import Series, SourceRef
from ebbwatch.ports import FigureSource, Source, TextSource, Wanted
from ebbwatch.runtime.source_failures import Failures, HostFailure


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that a source is asked for.

    Attributes:
        source: Name of the source.
        host: Who of it is asked; empty for a provider that is one.
        wanted: The series, and what it is called there; None for the texts of the host.
    """

    source: str
    host: str
    wanted: Wanted | None = None

    @property
    def whom(self) -> str:
        """Return who is asked, in words: a source, or one host of it."""
        return f"{self.source} {self.host}" if self.host else self.source

    @property
    def series(self) -> str:
        """Return the name of the series; empty for texts."""
        return "" if self.wanted is None else self.wanted.series.name

    @property
    def key(self) -> tuple[str, str]:
        """Return what tells this question from others: a series of a source, texts of a host."""
        return (self.whom if self.wanted is None else self.source), self.series


class Following:
    """Knows what is watched, and whom to ask for it at any instant."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        failures: Failures,
        history: HeldFigures,
        release: ReleaseClock,
    ) -> None:
        """Take who can be asked; `take` says what is watched."""
        self.sources = sources
        self.release = release
        self.series: tuple[Series, ...] = ()
        self._texts: frozenset[str] = frozenset()
        self._failures = failures
        self._history = history

    def take(
        self, series: Iterable[Series], texts: Collection[str], release: ReleaseClock | None
    ) -> None:
        """Watch these series and the texts of these sources from now on."""
        self.series = tuple(series)
        self._texts = frozenset(texts)
        self.release = release or self.release

    def asked(self, name: str, at: datetime) -> list[Question]:
        """Return what a source is to be asked for, series it stands in for included."""
        found: list[Question] = []
        if name in self._texts and isinstance(source := self.sources[name], TextSource):
            found += [Question(name, host) for host in source.facts.hosts]
        for series in self.series:
            if series.source.name == name:
                found.append(self.question(series.source, series))
            elif (ref := self.stand_in(series, at)) is not None and ref.name == name:
                found.append(self.question(ref, series))
        return found

    def hosts(self, at: datetime) -> set[str]:
        """Return who is asked for anything at an instant."""
        return {each.whom for name in self.sources for each in self.asked(name, at)}

    def question(self, ref: SourceRef, series: Series) -> Question:
        """Return what a source that there is is asked for a series."""
        source = self.sources[ref.name]
        host = source.host(ref.argument) if isinstance(source, FigureSource) else ""
        return Question(ref.name, host, Wanted(series, ref.argument))

    def stand_in(self, series: Series, at: datetime) -> SourceRef | None:
        """Return the fallback of a series if it is needed, else None."""
        fallback = series.fallback
        if fallback is None or fallback.name not in self.sources:
            return None
        if series.source.name not in self.sources:
            return fallback
        question = self.question(series.source, series)
        failure = self._failures.of(question)
        if failure is None:
            return None
        due_at, held, _ = self.due(series, micros(at))
        if held:
            return None
        rest = self._failures.rest(question)
        failed_since_due = due_at is None or micros(failure.last_at) >= due_at
        return fallback if failed_since_due or (rest is not None and rest > at) else None

    def stood_in_by(self, name: str) -> set[str]:
        """Return the sources that are the fallback of any series of another."""
        return {
            series.fallback.name
            for series in self.series
            if series.source.name == name
            and series.fallback is not None
            and series.fallback.name in self.sources
        }

    def due(self, series: Series, at: Micros) -> tuple[Micros | None, bool, Micros | None]:
        """Return when the newest figure was due, whether it is held, and when the next is due."""
        due = self.release.due(series, at)
        if due is None:
            return None, False, None
        period, due_at, lacking = due
        newest = self._history.newest(series.name)
        held = newest is not None and newest[0] >= period
        if held and newest is not None and newest[0] == period and series.in_parts:
            known_at = self._history.known_at(series.name, period)
            assert known_at is not None
            held = self.release.lacking_at(series, period, known_at) <= lacking
        return due_at, held, self.release.next_at(series, period, due_at)

    def served_by(self, series: Series) -> Question | None:
        """Return what the first of a series' sources that can be asked is asked; None for none."""
        ref = next((ref for ref in self._refs(series)), None)
        return None if ref is None else self.question(ref, series)

    def unserved(self, failure: HostFailure) -> list[str]:
        """Return the series that nobody serves while a host fails, in order of name."""
        return sorted(
            series.name
            for series in self.series
            if (failure.source, series.name) in failure.keys
            and all(
                self._failures.of(self.question(ref, series)) is not None
                for ref in self._refs(series)
                if ref.name != failure.source
            )
        )

    def _refs(self, series: Series) -> list[SourceRef]:
        """Return where a series can be asked for, first choice first."""
        return [ref for ref in (series.source, series.fallback) if ref and ref.name in self.sources]
