"""Backfill: asking sources for history, and figures that a person hands over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np

from ebbwatch.core.facts.asof import Facts, History
from ebbwatch.core.facts.edge import Notice, Present
from ebbwatch.core.facts.period_parts import admit_by_parts
from ebbwatch.core.facts.release_clock import NEVER
from ebbwatch.model.observation import Observation, Published
from ebbwatch.model.periods import Micros, Minutes, day_of, instant
from ebbwatch.model.series import Series
from ebbwatch.ports import Clock, FigureSource, Held, Poll, SourceError, Store, Wanted
from ebbwatch.runtime.additions import note_added

#: From when on figures are asked for where the catalogue names no first period.
_FIRST_DAY = date(2000, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What one source brought.

    Attributes:
        source: Its name.
        fault: Why it could not be asked; empty where it answered.
        read: Figures in its answer.
        new: Of these, those that were not held.
        held: Of these, those that went into quarantine.
        notices: What people should know of its numbers, in words.
    """

    source: str
    fault: str = ""
    read: int = 0
    new: int = 0
    held: int = 0
    notices: tuple[str, ...] = ()

    @property
    def reached(self) -> bool:
        """Return whether it answered."""
        return not self.fault


async def backfill(
    sources: Mapping[str, FigureSource],
    wanted: Sequence[Series],
    history: History,
    store: Store,
    *,
    clock: Clock,
    since: datetime | None,
    on_begin: Callable[[str, int], None],
) -> list[Brought]:
    """Ask sources for history, one after the other; keep each answer in one transaction.

    Args:
        sources: That can be asked, by name.
        wanted: The series; each is asked of its first choice.
        history: What is held already.
        store: Where to.
        clock: Who says when an answer came.
        since: First instant asked for; None for the day of the newest figure held.
        on_begin: Told each source's name and how many series it is asked for.
    """
    brought = []
    for name, source in sorted(sources.items()):
        asked = [series for series in wanted if series.source.name == name]
        on_begin(name, len(asked))
        start = since or min(_begin(series, history) for series in asked)
        try:
            poll = await source.poll(
                [Wanted(series, series.source.argument) for series in asked],
                cursor=None,
                since=start,
            )
        except SourceError as error:
            brought.append(Brought(source=name, fault=str(error)))
            continue
        ahead = source.facts.ahead
        brought.append(_kept(name, asked, poll, history, store, clock.now(), ahead))
    return brought


def _begin(series: Series, history: History) -> datetime:
    """Return from when on a series' figures are asked for."""
    newest = history.newest(series.name, as_of=NEVER)
    first = series.history_from or _FIRST_DAY
    return datetime.combine(first if newest is None else day_of(newest.period), time(), UTC)


def _kept(
    name: str,
    asked: Sequence[Series],
    poll: Poll,
    history: History,
    store: Store,
    at: datetime,
    ahead: timedelta,
) -> Brought:
    observations: list[Observation] = []
    held: list[Held] = []
    notices: list[Notice] = []
    for series in asked:
        published = [p for p in poll.published if p.series == series.name]
        admitted = admit_by_parts(
            series, published, Present(history), history.clock,
            at=at, source=name, first_choice=True, ahead=ahead,
        )  # fmt: skip
        observations += _known(series, admitted.observations, published, history, at)
        held += admitted.held
        notices += admitted.notices
    with store.transaction():
        new = store.record(observations)
        store.hold(held)
        note_added(store, {o.series for o in observations})
    return Brought(
        source=name, read=len(poll.published), new=new, held=len(held),
        notices=(
            *(f"{n.series}: {n.found} where {n.expected} was expected" for n in notices),
            *(f"{series}: {error}" for series, error in poll.faults.items()),
        ),
    )  # fmt: skip


def _known(
    series: Series,
    observations: Sequence[Observation],
    published: Sequence[Published],
    history: History,
    at: datetime,
) -> list[Observation]:
    """Return observations with the instants at which their figures came out.

    That is the provider's own instant, or for a period that nothing is held of, what the
    release rule says, and then it is assumed. A revision of a period that is held became known
    when it was seen: nobody says when it was published.
    """
    own = {(p.period, p.vintage): p.known_at for p in published}
    found = []
    for observation in observations:
        # A version that the answer itself replaces has its own instant already.
        replaced = observation.known_at < at
        given = None if replaced else own.get((observation.period, observation.vintage))
        if given is not None:
            found.append(replace(observation, known_at=min(given, at)))
            continue
        due = history.clock.expected_at(series, observation.period)
        before = history.figure_for(series.name, observation.period, as_of=NEVER)
        if due is None or before is not None or replaced:
            found.append(observation)
            continue
        found.append(replace(observation, known_at=min(instant(due), at), assumed=True))
    return found


def observations_of(series: Series, facts: Facts) -> list[Observation]:
    """Return the facts of a table as observations, in its order."""
    quantum = _decimal(facts.quantum)
    return [
        Observation(
            series=series.name,
            period=Minutes(int(facts.periods[i])),
            value=None if np.isnan(facts.quanta[i]) else Decimal(int(facts.quanta[i])) * quantum,
            known_at=instant(Micros(int(facts.known[i]))),
            source=facts.sources[int(facts.source[i])],
            assumed=bool(facts.assumed[i]),
        )
        for i in range(len(facts))
    ]


def _decimal(quantum: Fraction) -> Decimal:
    """Return a quantum, which is a power of ten times a unit's factor, exactly."""
    return Decimal(quantum.numerator) / Decimal(quantum.denominator)
