"""History as it became known: columns of facts, their lateness, and reads as of an instant."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from ebbwatch.core.facts.release_clock import NEVER, ReleaseClock
from ebbwatch.expr.numbers import EXACT, Floats, Longs, distinct
from ebbwatch.expr.view import LAST_PERIOD, Column, Spells
from ebbwatch.model.calendars import BusinessCalendar
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import (
    DAY_MINUTES,
    MINUTE,
    Micros,
    Minutes,
    Rank,
    day_of,
    instant,
    micros,
    period_of,
)
from ebbwatch.model.series import Released, Series
from ebbwatch.model.zones import NEW_YORK

#: Where a publisher's day begins: all of ours are in New York.
#: First day for which "before its first period" is filled in.
_FIRST_DAY = period_of(datetime(2000, 1, 1, tzinfo=UTC).date())
#: More than any period has parts.
_PARTS = 1024
#: Midnight in New York is 04:00 or 05:00 UTC; nothing known later than that waits for its day.
_LATEST_MIDNIGHT = 5 * 60 * MINUTE
_NO_SPELLS = Spells(np.empty(0, np.int64), np.empty(0, np.int64))


@dataclass(slots=True, eq=False)
class Facts:
    """Facts of one series, in any order, as they are handed in.

    Attributes:
        periods: Minutes.
        known: µs.
        quanta: Whole quanta; NaN for no value.
        quantum: In base units.
        assumed: Whether `known` comes from the release rule.
        source: Index into `sources`.
        sources: Names.
    """

    periods: Longs
    known: Longs
    quanta: Floats
    quantum: Fraction
    assumed: NDArray[np.bool_]
    source: NDArray[np.int16]
    sources: tuple[str, ...]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.periods)


@dataclass(frozen=True, slots=True)
class Figure:
    """One fact, to be shown or compared.

    Attributes:
        period: Minutes.
        value: In base units; None where it was withdrawn.
        known_at: UTC.
        assumed: Whether that comes from the release rule.
        source: Who gave it.
    """

    period: Minutes
    value: Fraction | None
    known_at: datetime
    assumed: bool
    source: str


def facts_of(observations: Sequence[Observation]) -> Facts:
    """Return the observations of one series as columns."""
    exponents = [o.value.as_tuple().exponent for o in observations if o.value is not None]
    exponent = min((int(e) for e in exponents if isinstance(e, int)), default=0)
    scale = Decimal(1).scaleb(-exponent)
    sources = tuple(dict.fromkeys(o.source for o in observations))
    return Facts(
        np.array([o.period for o in observations], np.int64),
        np.array([micros(o.known_at) for o in observations], np.int64),
        np.array(
            [np.nan if o.value is None else float(o.value * scale) for o in observations],
            np.float64,
        ),
        Fraction(10) ** exponent,
        np.array([o.assumed for o in observations], np.bool_),
        np.array([sources.index(o.source) for o in observations], np.int16),
        sources,
    )


@dataclass(slots=True)
class _Lateness:
    late: Spells
    stale: Spells
    lapsed: Spells
    edges: Longs


@dataclass(frozen=True, slots=True)
class Tip:
    """The newest figure of a series.

    Attributes:
        period: Minutes.
        effect: µs from which it can be read.
        quanta: Its value, in whole quanta.
        quantum: What one of them is, in base units.
        stale_at: µs at which the series is stale if nothing newer comes.
        number: How many tips the series had before; one more with every change of its facts.
        added: Whether it was one figure more, newer than all: nothing of before has changed.
    """

    period: Minutes
    effect: Micros
    quanta: float
    quantum: Fraction
    stale_at: Micros
    number: int
    added: bool


@dataclass(slots=True)
class _End:
    """What it takes to add to a series whose newest figure stands last in its column.

    Attributes:
        tip: Its newest figure; None where that is not the last to take effect.
        exponent: Of the quantum, a power of ten.
        sources: Index of each source.
        tail: Observations that are not in the column yet, oldest first.
    """

    tip: Tip | None
    exponent: int
    sources: Mapping[str, int]
    tail: list[_Added] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Added:
    """A figure newer than all of its series.

    Attributes:
        quanta: Its value.
        period: Minutes.
        known: µs at which it became known, and took effect.
        assumed: Whether that comes from the release rule.
        source: Index of who gave it.
        lateness: µs at which the series is late, stale and lapsed if nothing newer comes.
    """

    quanta: float
    period: Minutes
    known: Micros
    assumed: bool
    source: int
    lateness: tuple[Micros, Micros, Micros]


@dataclass(slots=True)
class History:
    """Everything known, series by series; the `View` that expressions are evaluated over.

    Attributes:
        catalogue: Series by name.
        business: Business calendars by name.
        clock: Knows when figures come out.
    """

    catalogue: Mapping[str, Series]
    business: Mapping[str, BusinessCalendar]
    clock: ReleaseClock
    _facts: dict[str, Facts] = field(default_factory=dict)
    _columns: dict[str, Column] = field(default_factory=dict)
    _lateness: dict[str, _Lateness] = field(default_factory=dict)
    _interned: dict[bytes, Longs] = field(default_factory=dict)
    _ends: dict[str, _End] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)
    _ahead: dict[str, tuple[Micros, list[Micros]]] = field(default_factory=dict)
    _partial: dict[str, Spells] = field(default_factory=dict)
    _due: dict[tuple[str, tuple[Released, ...]], tuple[Minutes, tuple[Micros, Micros]]] = field(
        default_factory=dict
    )

    # ---- facts in --------------------------------------------------------------------

    def add(self, series: str, facts: Facts) -> None:
        """Add facts of a series, in any order."""
        if len(facts) == 0:
            return
        self._settle(series)
        held = self._facts.get(series)
        self._facts[series] = facts if held is None else _joined(held, facts)
        self._numbers[series] = self._numbers.get(series, 0) + 1
        for made in (self._columns, self._lateness, self._ends, self._ahead, self._partial):
            made.pop(series, None)

    def observe(self, observations: Iterable[Observation]) -> None:
        """Add observations of any series."""
        by_series: dict[str, list[Observation]] = {}
        for observation in observations:
            by_series.setdefault(observation.series, []).append(observation)
        for series, some in by_series.items():
            if len(some) > 1 or not self._append(some[0]):
                self.add(series, facts_of(some))

    def version(self, series: str) -> int:
        """Return a number that changes whenever the facts of a series do; 0 without any."""
        return self._numbers.get(series, 0)

    def tip(self, series: str) -> Tip | None:
        """Return the newest figure of a series, if it stands last in its column."""
        end = self._end(series)
        return None if end is None else end.tip

    def _end(self, name: str) -> _End | None:
        end = self._ends.get(name)
        if end is None and (column := self.column(name)) is not None and len(column):
            end = self._ends[name] = self._find_end(name, column)
        return end

    def _find_end(self, name: str, column: Column) -> _End:
        last = len(column) - 1
        period, quantum = Minutes(int(column.periods[last])), column.quantum
        facts, exponent = self._facts[name], _exponent(quantum)
        sources = {source: index for index, source in enumerate(facts.sources)}
        plain = period == int(column.periods.max()) and not np.isnan(column.quanta[last])
        if not plain or exponent is None or facts.quantum != quantum:
            return _End(None, 0, sources)
        lateness = self._lateness_of(name)
        assert lateness is not None
        stale = lateness.stale
        stale_at = Micros(int(stale.starts[-1])) if stale and stale.ends[-1] >= NEVER else NEVER
        tip = Tip(period, Micros(int(column.effect[last])), float(column.quanta[last]), quantum, stale_at,
                  self._numbers.get(name, 0), added=False)  # fmt: skip
        return _End(tip, exponent, sources)

    def _append(self, new: Observation) -> bool:
        """Take a figure newer than all of its series; return False where it is not plainly so.

        Only its end is looked at: the column is extended when somebody reads it.
        """
        end = self._end(new.series)
        series, known = self.catalogue[new.series], micros(new.known_at)
        if end is None or end.tip is None or new.value is None or series.in_parts:
            return False
        tip, source = end.tip, end.sources.get(new.source)
        begin = new.period * MINUTE + (_LATEST_MIDNIGHT if series.every.dated else 0)
        if source is None or new.period <= tip.period or known < max(tip.effect, begin):
            return False
        quanta = new.value.scaleb(-end.exponent)
        if quanta != quanta.to_integral_value() or abs(quanta) >= EXACT:
            return False
        late = self._late_from(series, new.period, known)
        added = _Added(float(quanta), new.period, known, new.assumed, source, late)
        number = self._numbers[new.series] = tip.number + 1
        end.tip = Tip(new.period, known, added.quanta, tip.quantum, late[1], number, added=True)
        end.tail.append(added)
        if (ahead := self._ahead.get(new.series)) is not None:
            later = sorted({at for at in late if known < at < NEVER})
            ahead[1][:] = [*(at for at in ahead[1] if at < known), known, *later]
        return True

    def _late_from(
        self, series: Series, newest: Minutes, known: Micros
    ) -> tuple[Micros, Micros, Micros]:
        """Return when a series is late, stale and lapsed if nothing follows its newest period."""
        key = (series.every.name, series.released)
        made = self._due.get(key)
        if made is None or made[0] != newest:
            # Many series share a release rule, and get their figures together.
            _, late, stale = self.clock.lateness_columns(
                replace(series, stale_after=None), np.array([newest]), np.array([known])
            )
            made = self._due[key] = (newest, (Micros(int(late[0])), Micros(int(stale[0]))))
        late_at, stale_at = made[1]
        lapsed = NEVER
        if series.stale_after is not None:
            lapsed = Micros(known + series.stale_after // timedelta(microseconds=1))
        begins = (late_at, min(stale_at, lapsed), lapsed)
        return max(begins[0], known), max(begins[1], known), max(begins[2], known)

    def _settle(self, name: str) -> None:
        """Put into a series' column, and its lateness, what was added to its end."""
        end = self._ends.get(name)
        if end is None or not end.tail:
            return
        tail, end.tail = end.tail, []
        facts = _facts_of(tail, self._facts[name])
        self._facts[name] = _joined(self._facts[name], facts)
        if self.catalogue[name].before is not None:
            self._columns.pop(name, None)
        elif (column := self._columns.get(name)) is not None:
            self._columns[name] = _extended(column, facts)
        if (lateness := self._lateness.get(name)) is not None:
            news = [(added.known, added.lateness) for added in tail]
            spells = [
                _continued(held, [(known, begins[kind]) for known, begins in news])
                for kind, held in enumerate((lateness.late, lateness.stale, lateness.lapsed))
            ]
            self._lateness[name] = _lateness(*spells)

    def assumed_known(self, series: Series, periods: Longs) -> Longs:
        """Return when periods became known by the release rule, as µs."""
        return self.clock.release_instants(series, periods)

    def intern(self, array: Longs) -> Longs:
        """Return the one array of this content, so that equal axes are the same object."""
        key = blake2b(array.tobytes(), digest_size=16).digest()
        return self._interned.setdefault(key, array)

    # ---- the view --------------------------------------------------------------------

    def calendar(self, name: str) -> BusinessCalendar:
        """Return a business calendar."""
        return self.business[name]

    def column(self, series: str) -> Column | None:
        """Return the facts of a series in the order they took effect; None for none."""
        self._settle(series)
        column = self._columns.get(series)
        if column is None and series in self._facts:
            column = self._columns[series] = self._column(self.catalogue[series])
        return column

    def stale(self, series: str, *, carried: bool) -> Spells:
        """Return when a series was stale; carried quarters and years only by `stale_after`."""
        lateness = self._lateness_of(series)
        if lateness is None:
            return _NO_SPELLS
        slow = self.catalogue[series].every.rank >= Rank.QUARTER
        return lateness.lapsed if carried and slow else lateness.stale

    def late(self, series: str) -> Spells:
        """Return when a series was late, stale included."""
        lateness = self._lateness_of(series)
        return _NO_SPELLS if lateness is None else lateness.late

    def partial(self, series: str) -> Spells:
        """Return when parts of the newest period of a series were still to come."""
        entry = self.catalogue[series]
        column = self.column(series) if entry.in_parts else None
        if column is None:
            return _NO_SPELLS
        found = self._partial.get(series)
        if found is None:
            lacking = self.clock.lacking(entry, column.periods, column.known)
            rank = np.maximum.accumulate(column.periods * _PARTS - lacking)
            last = np.append(column.effect[1:] != column.effect[:-1], True)
            effect, open_ = column.effect[last], rank[last] % _PARTS != 0
            begins = open_ & ~np.append(False, open_[:-1])
            ends = np.append(effect[1:], NEVER)[open_ & ~np.append(open_[1:], False)]
            found = self._partial[series] = Spells(effect[begins], ends)
        return found

    # ---- reads -----------------------------------------------------------------------

    @property
    def held(self) -> tuple[str, ...]:
        """Return the names of the series that have facts."""
        return tuple(self._facts)

    def figure(self, series: str, fact: int) -> Figure:
        """Return a fact by its place in the series' column."""
        column = self.column(series)
        assert column is not None
        quanta = column.quanta[fact]
        return Figure(
            Minutes(int(column.periods[fact])),
            None if np.isnan(quanta) else int(quanta) * column.quantum,
            instant(Micros(int(column.known[fact]))),
            bool(column.assumed[fact]),
            column.sources[int(column.source[fact])],
        )

    def newest(self, series: str, *, as_of: Micros, before: Minutes = LAST_PERIOD) -> Figure | None:
        """Return the newest figure known at an instant (µs), future periods included.

        Args:
            series: Its name.
            as_of: µs; nothing known later is used.
            before: Period (minutes) that it must lie before.
        """
        column = self.column(series)
        if column is None:
            return None
        usable = (column.known <= as_of) & ~np.isnan(column.quanta) & (column.periods < before)
        known = np.flatnonzero(usable)
        if len(known) == 0:
            return None
        newest = column.periods[known].max()
        return self.figure(series, int(known[column.periods[known] == newest][-1]))

    def figure_for(self, series: str, period: Minutes, *, as_of: Micros) -> Figure | None:
        """Return the figure of one period as known at an instant (µs)."""
        column = self.column(series)
        if column is None:
            return None
        found = np.flatnonzero((column.periods == period) & (column.known <= as_of))
        if len(found) == 0:
            return None
        return self.figure(series, int(found[np.argmax(column.known[found])]))

    def known_instants(self, *, after: Micros, upto: Micros) -> Longs:
        """Return the distinct µs in (after, upto] at which any fact takes effect."""
        found = [
            column.effect[(column.effect > after) & (column.effect <= upto)]
            for name in self._facts
            if (column := self.column(name)) is not None
        ]
        return distinct(np.concatenate(found)) if found else np.empty(0, np.int64)

    def changed(self, *, after: Micros, upto: Micros) -> set[str]:
        """Return the series of which something changed in (after, upto]."""
        return {name for name in self._facts if self._moves(name, after, upto)}

    def _moves(self, name: str, after: Micros, upto: Micros) -> bool:
        kept = self._ahead.get(name)
        if kept is not None and kept[0] <= after:
            edges_ahead = kept[1]
            next_one = bisect_right(edges_ahead, after)
            return next_one < len(edges_ahead) and edges_ahead[next_one] <= upto
        column = self.column(name)
        if column is None:
            return False
        low = int(np.searchsorted(column.effect, after, "right"))
        if low < len(column) and column.effect[low] <= upto:
            return True
        lateness = self._lateness_of(name)
        if lateness is None:
            return False
        edges = lateness.edges
        place = int(np.searchsorted(edges, after, "right"))
        return place < len(edges) and int(edges[place]) <= upto

    def next_edge(self, after: Micros) -> Micros | None:
        """Return the next µs at which time alone changes something; None for never."""
        found = [edges[0] for name in self._facts if (edges := self._edges_after(name, after))]
        return min(found, default=None)

    def _edges_after(self, name: str, after: Micros) -> list[Micros]:
        """Return the µs after an instant at which a series changes, as far as is known now."""
        kept = self._ahead.get(name)
        if kept is not None and kept[0] <= after:
            edges = kept[1]
            if edges and edges[0] <= after:
                del edges[: bisect_right(edges, after)]
            self._ahead[name] = (after, edges)
            return edges
        column, lateness = self.column(name), self._lateness_of(name)
        parts = [] if column is None else [column.effect]
        parts += [] if lateness is None else [lateness.edges]
        later = [part[int(np.searchsorted(part, after, "right")) :] for part in parts]
        edges = [at for at in distinct(np.concatenate(later)).tolist() if at < NEVER]
        self._ahead[name] = (after, edges)
        return edges

    def known(self, series: str) -> set[tuple[Minutes, datetime]]:
        """Return (period, instant it became known) of every fact held of a series."""
        self._settle(series)
        facts = self._facts.get(series)
        if facts is None:
            return set()
        pairs = zip(facts.periods.tolist(), facts.known.tolist(), strict=True)
        return {(period, instant(known)) for period, known in pairs}

    def observed_from(self, series: str, at: Micros) -> Minutes | None:
        """Return the first period observed by an instant (µs) where those before are filled in.

        None where nothing is filled in before the first; LAST_PERIOD where nothing was observed yet.
        """
        if self.catalogue[series].before is None:
            return None
        self._settle(series)
        facts = self._facts.get(series)
        if facts is None or not bool((facts.known <= at).any()):
            return LAST_PERIOD
        return Minutes(int(facts.periods[facts.known <= at].min()))

    def observations(self, series: str) -> Iterator[Figure]:
        """Return the facts of a series in the order they took effect."""
        column = self.column(series)
        return iter(()) if column is None else (
            self.figure(series, i) for i in range(len(column))
        )  # fmt: skip

    # ---- columns ---------------------------------------------------------------------

    def _column(self, series: Series) -> Column:
        facts = self._facts[series.name]
        if series.before is not None:
            facts = _joined(self._before(series, facts, series.before), facts)
        effect = _effects(series, facts)
        ordered = bool((np.diff(effect) >= 0).all()) and bool((np.diff(facts.periods) > 0).all())
        if ordered:
            # Most columns are: they share their memory with the facts.
            return Column(
                self.intern(effect), self.intern(facts.periods), facts.quanta, facts.quantum, facts.known,
                facts.assumed, facts.source, facts.sources,
            ).mark_boundaries()  # fmt: skip
        order = np.lexsort((facts.known, facts.periods, effect))
        e, p = effect[order], facts.periods[order]
        # Of one period's facts that take effect together, the last known counts.
        last = np.append((e[1:] != e[:-1]) | (p[1:] != p[:-1]), True)
        keep = order[last]
        lacking = self.clock.lacking(series, facts.periods[keep], facts.known[keep])
        keep = keep[_news(facts.periods[keep], facts.quanta[keep], lacking)]
        return Column(
            self.intern(np.ascontiguousarray(effect[keep])),
            self.intern(np.ascontiguousarray(facts.periods[keep])),
            facts.quanta[keep], facts.quantum, facts.known[keep], facts.assumed[keep],
            facts.source[keep], facts.sources,
        ).mark_boundaries()  # fmt: skip

    def _before(self, series: Series, facts: Facts, value: Decimal) -> Facts:
        """Return one fact for each period before the first, with the declared value."""
        first = Minutes(int(facts.periods.min()))
        axis = self._expected(series, first)
        size = len(axis)
        if series.released:
            known = self.clock.release_instants(series, axis)
        else:
            known = np.array([series.every.end(p) * MINUTE for p in axis.tolist()], np.int64)
        number = Fraction(value)
        quantum = facts.quantum if number == 0 else Fraction(1, number.denominator)
        return Facts(
            axis, known, np.full(size, float(number / quantum)), quantum,
            np.ones(size, np.bool_), np.zeros(size, np.int16), ("before",),
        )  # fmt: skip

    def _expected(self, series: Series, end: Minutes) -> Longs:
        """Return the periods a series should have from the first day filled in to a period."""
        period = _first_period(series)
        if series.calendar is not None and series.every.name == "business day":
            business = self.business[series.calendar]
            years = range(day_of(period).year, day_of(end).year + 1)
            days = np.array([day for year in years for day in business.open_days(year)], np.int64)
            axis = days * DAY_MINUTES
            return axis[(axis >= period) & (axis < end)]
        periods: list[Minutes] = []
        while period < end:
            periods.append(period)
            period = self.clock.next_period(series, period)
        return np.array(periods, np.int64)

    def _lateness_of(self, name: str) -> _Lateness | None:
        self._settle(name)
        found = self._lateness.get(name)
        if found is None and (column := self.column(name)) is not None:
            found = self._lateness[name] = self._find_lateness(self.catalogue[name], column)
        return found

    def _find_lateness(self, series: Series, column: Column) -> _Lateness:
        present = np.flatnonzero(~np.isnan(column.quanta))
        order = present[np.lexsort((column.periods[present], column.known[present]))]
        known, periods = column.known[order], column.periods[order]
        # Of a period in parts, each part is a rise of its own.
        rank = periods * _PARTS - self.clock.lacking(series, periods, known)
        newest = np.maximum.accumulate(rank) if len(rank) else rank
        rises = np.append(True, newest[1:] > newest[:-1])[: len(newest)]
        newest = -(-newest // _PARTS)
        known, newest = known[rises], newest[rises]
        last = np.append(known[1:] != known[:-1], True)[: len(known)]
        known, newest = known[last], newest[last]
        if len(known) == 0:
            return _Lateness(_NO_SPELLS, _NO_SPELLS, _NO_SPELLS, np.empty(0, np.int64))
        _, late, stale = self.clock.lateness_columns(series, newest, known)
        lapsed = np.full(len(known), NEVER, np.int64)
        if series.stale_after is not None:
            lapsed = known + series.stale_after // timedelta(microseconds=1)
        until = np.append(known[1:], NEVER)
        return _lateness(*(_spells(begin, known, until) for begin in (late, stale, lapsed)))


def _lateness(late: Spells, stale: Spells, lapsed: Spells) -> _Lateness:
    edges = [edge for s in (late, stale, lapsed) for edge in (s.starts, s.ends)]
    return _Lateness(late, stale, lapsed, distinct(np.concatenate(edges)))


def _spells(begin: Longs, known: Longs, until: Longs) -> Spells:
    begin = np.maximum(begin, known)
    real = begin < until
    return Spells(begin[real], until[real])


def _continued(held: Spells, news: Sequence[tuple[Micros, Micros]]) -> Spells:
    """Return spells with those that newer figures end, cut off, and begin.

    Args:
        held: Up to then; the last may be open.
        news: When each figure became known, and from when on a further one is missing.
    """
    last = [(Micros(int(held.starts[-1])), NEVER)] if held and held.ends[-1] >= NEVER else []
    kept = len(held.starts) - len(last)
    for known, begin in news:
        if last and last[-1][1] == NEVER:
            start, _ = last.pop()
            last += [(start, known)] if start < known else []
        last += [(begin, NEVER)] if begin < NEVER else []
    return Spells(
        np.append(held.starts[:kept], np.array([start for start, _ in last], np.int64)),
        np.append(held.ends[:kept], np.array([end for _, end in last], np.int64)),
    )


def _facts_of(tail: Sequence[_Added], held: Facts) -> Facts:
    """Return what was added to a series as facts in its own quantum and of its sources."""
    return Facts(
        np.array([a.period for a in tail], np.int64),
        np.array([a.known for a in tail], np.int64),
        np.array([a.quanta for a in tail], np.float64),
        held.quantum,
        np.array([a.assumed for a in tail], np.bool_),
        np.array([a.source for a in tail], np.int16),
        held.sources,
    )


def _extended(column: Column, facts: Facts) -> Column:
    """Return a column with newer facts at its end; its past changes where it did."""
    return replace(
        column,
        effect=np.append(column.effect, facts.known),
        periods=np.append(column.periods, facts.periods),
        quanta=np.append(column.quanta, facts.quanta),
        known=np.append(column.known, facts.known),
        assumed=np.append(column.assumed, facts.assumed),
        source=np.append(column.source, facts.source),
    )


def _exponent(quantum: Fraction) -> int | None:
    """Return the power of ten that a quantum is, or None where it is none."""
    digits = len(str(max(quantum.numerator, quantum.denominator))) - 1
    exponent = digits if quantum >= 1 else -digits
    return exponent if Fraction(10) ** exponent == quantum else None


def _news(periods: Longs, quanta: Floats, lacking: Longs) -> Longs:
    """Return which facts say something new; the same value told again by another is none.

    That a period is whole is new, also where its last part adds nothing.
    """
    order = np.lexsort((np.arange(len(periods)), periods))
    p, q = periods[order], quanta[order]
    same = np.zeros(len(order), np.bool_)
    same[1:] = (p[1:] == p[:-1]) & ((q[1:] == q[:-1]) | (np.isnan(q[1:]) & np.isnan(q[:-1])))
    if lacking.any():
        whole = lacking[order]
        same[1:] &= whole[1:] == whole[:-1]
    return np.sort(order[~same])


def _first_period(series: Series) -> Minutes:
    """Return a period of the series around the first day that is filled in."""
    period = _FIRST_DAY
    if series.every.rank is Rank.WEEK:
        away = (series.every.weekday - day_of(period).weekday()) % 7
        return Minutes(period + away * DAY_MINUTES)
    return period


def _effects(series: Series, facts: Facts) -> Longs:
    """Return from when facts can be read: no reading is later than the day it is made on."""
    begin = facts.periods * MINUTE
    if not series.every.dated:
        return np.maximum(facts.known, begin)
    early = np.flatnonzero(facts.known < begin + _LATEST_MIDNIGHT)
    if len(early) == 0:
        return facts.known
    effect = facts.known.copy()
    midnights = {p: _midnight(p) for p in distinct(facts.periods[early]).tolist()}
    effect[early] = np.maximum(effect[early], [midnights[p] for p in facts.periods[early].tolist()])
    return effect


def _midnight(period: Minutes) -> Micros:
    day = day_of(period)
    return micros(datetime(day.year, day.month, day.day, tzinfo=NEW_YORK))


def _joined(a: Facts, b: Facts) -> Facts:
    """Return two lots of facts of one series as one."""
    quantum = min(a.quantum, b.quantum)
    # Quanta are powers of ten, so the finer one divides the other.
    ka, kb = a.quantum / quantum, b.quantum / quantum
    if ka.denominator != 1 or kb.denominator != 1:
        quantum = Fraction(1, a.quantum.denominator * b.quantum.denominator)
        ka, kb = a.quantum / quantum, b.quantum / quantum
    sources = tuple(dict.fromkeys((*a.sources, *b.sources)))
    mapped = np.array([sources.index(name) for name in b.sources], np.int16)
    return Facts(
        np.concatenate((a.periods, b.periods)),
        np.concatenate((a.known, b.known)),
        np.concatenate((a.quanta * float(ka), b.quanta * float(kb))),
        quantum,
        np.concatenate((a.assumed, b.assumed)),
        np.concatenate((a.source, mapped[b.source] if len(b.source) else b.source)),
        sources,
    )
