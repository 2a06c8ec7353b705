"""Holds: has a threshold been breached for as long as a rule's `for` asks, in releases or time?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ebbwatch.core.alerting.ladder import AlertState, Ladder
from ebbwatch.core.alerting.signals import Flags, Signals, latched
from ebbwatch.expr.numbers import Bytes, Longs
from ebbwatch.expr.view import FOREVER, Spells
from ebbwatch.model.alert import Level
from ebbwatch.model.durations import Duration
from ebbwatch.model.periods import Micros, Minutes

#: Returns the µs at which holds in time that began at some instants are over.
Deadlines = Callable[[Longs, Duration], Longs]


@dataclass(frozen=True, slots=True, eq=False)
class LevelSteps:
    """What readings, and timers between them, allow: one range of levels each.

    Attributes:
        at: µs.
        reading: Which reading; a timer's is the one it confirms, -1 for one of before.
        low: Highest level whose `for` is met.
        high: Highest level whose exit is not met.
        waiting: Whether any level's `for` has begun.
        timer: Whether a timer made it.
    """

    at: Longs
    reading: Longs
    low: Bytes
    high: Bytes
    waiting: Flags
    timer: Flags


def steps_of(
    ladder: Ladder, state: AlertState, signals: Signals, *, upto: Micros, deadlines: Deadlines,
    frozen: Spells,
) -> tuple[LevelSteps, Counted, tuple[Micros | None, ...]]:  # fmt: skip
    """Return what readings and timers allow, their counts, and since when holds are open.

    Args:
        ladder: Of the rule.
        state: Before the first reading.
        signals: In order of time.
        upto: µs up to which timers run.
        deadlines: Tells when holds in time are over.
        frozen: When the rule's inputs were late: timers stop.
    """
    counted = _counts(state, signals) if ladder.counts else _uncounted(state, signals)
    if ladder.timed:
        holds = _Holds(ladder, state, signals, counted, upto, deadlines, frozen)
        return holds.steps(), counted, holds.since
    low, high = _ranges(ladder, signals, counted)
    waiting = _waiting(ladder, counted)
    every = np.arange(len(signals))
    none = np.zeros(len(signals), np.bool_)
    return LevelSteps(signals.at, every, low, high, waiting, none), counted, state.since


# ---- counts ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """For each rung and reading, periods in a row that breach it, this one included."""

    run: NDArray[np.int64]
    counts: Flags
    base: tuple[int, ...]
    count: tuple[int, ...]
    period: Minutes


def _uncounted(state: AlertState, signals: Signals) -> Counted:
    """Return what a ladder that counts nothing needs: the newest period."""
    rungs, size = signals.breach.shape
    newest = max(state.period, Minutes(int(signals.periods.max()))) if size else state.period
    none = np.broadcast_to(np.zeros((1, 1), np.int64), (rungs, size))
    return Counted(none, signals.known & ~signals.held, (0,) * rungs, (0,) * rungs, newest)


def _counts(state: AlertState, signals: Signals) -> Counted:
    """Count breaching periods in a row; a second reading of a period replaces its verdict.

    An unknown or held reading neither adds to a count nor starts it again.
    """
    counts = signals.known & ~signals.held
    rungs, size = signals.breach.shape
    steps = np.diff(signals.periods)
    back = size > 0 and (bool(signals.periods[0] < state.period) or bool((steps < 0).any()))
    if back or signals.unsure is not None:
        return _counts_singly(state, signals, counts)
    fresh = size > 0 and bool(signals.periods[0] > state.period)
    if fresh and bool(counts.all()) and bool((steps > 0).all()):
        return _each_counts(state, signals, counts)
    run = np.zeros((rungs, size), np.int64)
    index = np.flatnonzero(counts)
    periods = (
        np.maximum.accumulate(np.maximum(signals.periods, state.period))
        if size
        else (signals.periods)
    )
    last_period = Minutes(int(periods[-1])) if size else state.period
    if len(index) == 0:
        base = state.count if last_period > state.period else state.base
        return Counted(np.broadcast_to(np.array(state.count)[:, None], (rungs, size)), counts,
                       base, state.count, last_period)  # fmt: skip
    axis = periods[index]
    starts = np.append(True, axis[1:] != axis[:-1])
    group = np.cumsum(starts) - 1
    last = np.append(np.flatnonzero(starts)[1:] - 1, len(axis) - 1)
    continued = bool(axis[0] == state.period)
    base_out, count_out = [], []
    for row in range(rungs):
        breach = signals.breach[row, index]
        final = breach[last]
        begin = state.base[row] if continued else state.count[row]
        # Run length of the periods' final verdicts, each with what stood before it.
        order = np.arange(1, len(final) + 1)
        fallen = np.maximum.accumulate(np.where(final, 0, order))
        length = np.where(final, order - fallen + np.where(fallen == 0, begin, 0), 0)
        before = np.append(begin, length[:-1])
        counted = np.where(breach, before[group] + 1, 0)
        run[row, index] = counted
        count_out.append(int(length[-1]))
        newest_counts = int(axis[-1]) == last_period
        base_out.append(int(before[-1]) if newest_counts else int(length[-1]))
    # A reading that does not count keeps what stood before it.
    filled = np.maximum.accumulate(np.where(counts, np.arange(size), -1))
    for row in range(rungs):
        run[row] = np.where(filled >= 0, run[row, np.maximum(filled, 0)], state.count[row])
    return Counted(run, counts, tuple(base_out), tuple(count_out), last_period)


def _each_counts(state: AlertState, signals: Signals, counts: Flags) -> Counted:
    """Count where every reading is known and of a period of its own."""
    size = len(signals)
    order = np.arange(1, size + 1)
    run = np.empty(signals.breach.shape, np.int64)
    for row, breach in enumerate(signals.breach):
        fallen = np.maximum.accumulate(np.where(breach, 0, order))
        run[row] = order - fallen
        if state.count[row]:
            run[row] += np.where(fallen == 0, state.count[row], 0)
    before = state.count if size == 1 else tuple(run[:, -2].tolist())
    return Counted(
        run, counts, before, tuple(run[:, -1].tolist()), Minutes(int(signals.periods[-1]))
    )


def _counts_singly(state: AlertState, signals: Signals, counts: Flags) -> Counted:
    """Count reading by reading: where values are withdrawn, or a verdict is known by rung."""
    rungs, size = signals.breach.shape
    run = np.zeros((rungs, size), np.int64)
    base, count, newest = list(state.base), list(state.count), state.period
    decided = [(signals.decided(row) & ~signals.held).tolist() for row in range(rungs)]
    for i, period in enumerate(signals.periods.tolist()):
        if period > newest:
            base = list(count)
        elif period < newest:
            # The newest value was withdrawn: the one before it stands again, and its count.
            count = list(base)
            base = [max(c - 1, 0) for c in count]
        newest = period
        for row in range(rungs):
            if decided[row][i]:
                count[row] = base[row] + 1 if signals.breach[row, i] else 0
        run[:, i] = count
    return Counted(run, counts, tuple(base), tuple(count), newest)


def _ranges(ladder: Ladder, signals: Signals, counted: Counted) -> tuple[Bytes, Bytes]:
    """Return the lowest and highest level each reading allows."""
    size = len(signals.at)
    low, high = np.zeros(size, np.int8), np.zeros(size, np.int8)
    for row, rung in enumerate(ladder.rungs):
        high[signals.stay[row]] = rung.level
        if rung.hold is not None:
            continue
        met = signals.breach[row] & counted.counts
        if rung.releases > 1:
            met &= counted.run[row] >= rung.releases
        low[met] = rung.level
    return low, np.maximum(high, low)


def _waiting(ladder: Ladder, counted: Counted) -> Flags:
    """Return after which readings any count of releases has begun."""
    rows = [row for row, rung in enumerate(ladder.rungs) if rung.releases > 1]
    return np.asarray((counted.run[rows] > 0).any(axis=0), np.bool_)


# ---- holds in time ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """What the hold of one rung makes of readings.

    Attributes:
        met: Where it is over, and the reading breaches.
        held: Where it has begun.
        ticks: µs of the timers that bring it to its end between readings.
        since: µs at which the hold that is still open began; None for none.
    """

    met: Flags
    held: Flags
    ticks: Longs
    since: Micros | None


_NEVER = np.empty(0, np.int64)

_Scalar = TypeVar("_Scalar", bound=np.generic)


class _Holds:
    """The holds in time of one alert, and the timers they make.

    A hold begins with the first breach and goes on through unknown and held readings until
    one is known not to breach. It is over at its deadline, which every frozen spell puts off;
    the level is then entered at once where the newest reading breaches it, else with the next
    that does.
    """

    def __init__(
        self, ladder: Ladder, state: AlertState, signals: Signals, counted: Counted, upto: Micros,
        deadlines: Deadlines, frozen: Spells,
    ) -> None:  # fmt: skip
        self.since: tuple[Micros | None, ...] = ()
        self._ladder = ladder
        self._state = state
        self._signals = signals
        self._counted = counted
        self._upto = upto
        self._deadlines = deadlines
        self._frozen = frozen

    def steps(self) -> LevelSteps:
        """Return the ranges of all readings, and of the timers between them."""
        signals, ladder = self._signals, self._ladder
        low, high = _ranges(ladder, signals, self._counted)
        waiting = _waiting(ladder, self._counted)
        ticks: list[tuple[Longs, Level]] = []
        since: list[Micros | None] = []
        for row, rung in enumerate(ladder.rungs):
            if rung.hold is None:
                since.append(None)
                continue
            run = self._run(row, rung.hold)
            low[run.met] = np.maximum(low[run.met], rung.level)
            waiting = waiting | run.held
            since.append(run.since)
            if len(run.ticks):
                ticks.append((run.ticks, rung.level))
        self.since = tuple(since)
        every = np.arange(len(signals))
        steps = LevelSteps(signals.at, every, low, np.maximum(high, low), waiting,
                      np.zeros(len(signals), np.bool_))  # fmt: skip
        return self._with_ticks(steps, ticks) if ticks else steps

    def _run(self, row: int, hold: Duration) -> _Run:
        """Return what one rung's hold makes of the readings."""
        signals, at = self._signals, self._signals.at
        breach = signals.breach[row] & self._counted.counts
        ended = signals.decided(row) & ~signals.breach[row]
        carried = self._state.since[row]
        held = latched(breach, ended, begin=carried is not None)
        # Where holds begin and stop; one that was carried in begins before the first reading.
        was = np.append(carried is not None, held[:-1])[: len(held)]
        begins = held & ~was
        begun, stops = at[begins], at[was & ~held]
        if carried is not None:
            begun = np.append(carried, begun)
        if len(begun) == 0:
            return _Run(held, held, _NEVER, None)
        due = self._due(begun, hold)
        number = np.cumsum(begins) - (carried is None)
        met = breach & (at >= due[number])
        open_ = len(stops) < len(begun)
        until = np.append(stops, self._upto + 1) if open_ else stops
        ticks = due[due < until]
        ticks = ticks[self._stand(row, ticks, breach)]
        return _Run(met, held, ticks, Micros(int(begun[-1])) if open_ else None)

    def _stand(self, row: int, due: Longs, breach: Flags) -> Flags:
        """Return whether the newest reading at each deadline breaches a rung, and came before."""
        at = self._signals.at
        last = np.searchsorted(at, due, "right") - 1
        if len(at) == 0:
            return np.full(len(due), self._state.breached[row])
        return np.where(last < 0, self._state.breached[row], breach[last] & (at[last] < due))

    def _due(self, begun: Longs, hold: Duration) -> Longs:
        """Return when holds are over, the time they stood frozen added."""
        due = self._deadlines(begun, hold)
        starts, ends = self._frozen.starts, self._frozen.ends
        if len(starts) == 0:
            return due
        # The first spell that ends after a hold began, where it begins before the hold is over.
        spell = np.searchsorted(ends, begun, "right")
        frozen = np.append(starts, FOREVER)[spell] < due
        for run in np.flatnonzero(frozen).tolist():
            due[run] = self._thawed(Micros(int(begun[run])), int(due[run]), int(spell[run]))
        return due

    def _thawed(self, begun: Micros, due: int, spell: int) -> int:
        """Return when a hold is over that spells from a certain one on put off."""
        starts, ends = self._frozen.starts, self._frozen.ends
        while spell < len(starts) and starts[spell] < due:
            due += int(ends[spell]) - max(int(starts[spell]), begun)
            spell += 1
        return min(due, FOREVER)

    def _with_ticks(self, steps: LevelSteps, ticks: list[tuple[Longs, Level]]) -> LevelSteps:
        """Return readings and timers in order of time; a timer comes after its instant's."""
        at = np.concatenate([due for due, _ in ticks])
        low = np.concatenate([np.full(len(due), level, np.int8) for due, level in ticks])
        if len(ticks) > 1:
            # At one instant, the highest level counts.
            order = np.lexsort((low, at))
            order = order[np.append(at[order][1:] != at[order][:-1], True)]
            at, low = at[order], low[order]
        reading = np.searchsorted(steps.at, at) - 1
        top = self._ladder.rungs[-1].level
        # Where the timers go, and, between them, the readings.
        size = len(steps.at) + len(at)
        place = np.searchsorted(steps.at, at, "right") + np.arange(len(at))
        others = np.ones(size, np.bool_)
        others[place] = False

        def merged(column: NDArray[_Scalar], ours: NDArray[_Scalar] | int) -> NDArray[_Scalar]:
            both = np.empty(size, column.dtype)
            both[others], both[place] = column, ours
            return both

        return LevelSteps(
            merged(steps.at, at), merged(steps.reading, reading), merged(steps.low, low),
            merged(steps.high, int(top)), merged(steps.waiting, 1), merged(steps.timer, 1),
        )  # fmt: skip
