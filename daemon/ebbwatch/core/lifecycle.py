"""The lifecycle of an alert: from readings to levels, one clamp at a time.

Every reading says two things of a ladder: ``low``, the highest level whose ``for`` is met, and
``high``, the highest level whose exit is not met. An alert then rests at its level, moved
into that range::

    level = min(max(level, low), high)

That one line is the ladder, hysteresis, easing, and several levels at once. A reading that is
unknown says 0 and the top: it moves nothing. Everything here is a function of readings and
of the state they found.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ebbwatch.expr.evaluate import FALSE, TRUE, UNKNOWN, Readings
from ebbwatch.expr.numbers import KNOWN, ZERO, Bytes, Longs, Numbers
from ebbwatch.expr.view import BEGINNING, Spells
from ebbwatch.model.alert import Change, Level, State
from ebbwatch.model.durations import Duration
from ebbwatch.ruleset.rules import Rule

#: Readings in a row that are unknown for no good reason before a rule is called broken.
BROKEN_AFTER = 3

Flags = NDArray[np.bool_]

#: Returns the µs at which a hold in time that began at an instant is over.
Deadline = Callable[[int, Duration], int]


@dataclass(frozen=True, slots=True)
class Rung:
    """One level of a ladder.

    Attributes:
        level: Which.
        threshold: Entered beyond this; None for a condition.
        exit: Left at this or further inside; None for a condition.
        releases: Periods in a row that must breach it; 1 for at once.
        hold: Time for which it must be breached; None for none.
    """

    level: Level
    threshold: Fraction | None = None
    exit: Fraction | None = None
    releases: int = 1
    hold: Duration | None = None


@dataclass(frozen=True, slots=True)
class Ladder:
    """A rule's levels, lowest first.

    Attributes:
        rungs: At least one.
        rising: True when greater is worse.
    """

    rungs: tuple[Rung, ...]
    rising: bool = True

    @property
    def timed(self) -> bool:
        """Return whether any level is held for a time."""
        return any(rung.hold is not None for rung in self.rungs)

    @property
    def waits(self) -> bool:
        """Return whether any level is held at all."""
        return any(rung.hold is not None or rung.releases > 1 for rung in self.rungs)

    def rung(self, level: Level) -> Rung:
        """Return the rung of a level."""
        return next(rung for rung in self.rungs if rung.level is level)


def ladder_of(rule: Rule) -> Ladder:
    """Return the ladder of a rule; a condition has one level."""

    def rung(level: Level, threshold: Fraction | None, leave: Fraction | None) -> Rung:
        hold = rule.hold.get(level)
        if hold is None:
            return Rung(level, threshold, leave)
        if hold.unit == "releases":
            return Rung(level, threshold, leave, releases=int(hold.count))
        return Rung(level, threshold, leave, hold=hold)

    if rule.value is None:
        return Ladder((rung(rule.level, None, None),))
    inward = -1 if rule.rising else 1
    rungs = []
    for level, threshold in rule.thresholds:
        clear = rule.clear.get(level)
        room = Fraction(0) if clear is None else clear.value
        rungs.append(rung(level, threshold.value, threshold.value + inward * room))
    return Ladder(tuple(rungs), rule.rising)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """Where an alert stands, between readings.

    Attributes:
        level: Where it rests.
        period: Newest period stepped.
        read_at: µs of the newest reading.
        base: For each rung, periods in a row that breached it before `period`.
        count: The same with `period`.
        since: For each rung held in time, µs of the first breach; None for none.
        breached: For each rung, whether the newest known reading breaches it.
        known: Whether the newest reading was known.
        begun_at: µs at which it left inactive; None while inactive.
        entered_at: µs at which it entered its first level.
        entry: Reading then, in base units; None for a condition.
        extreme: Furthest reading since then.
        value: Newest known reading.
        previous: The known reading of the period before.
        why: Reason code of the newest reading; 0 where it was known.
        astray: Readings in a row unknown for no good reason; saturated.
    """

    level: Level = Level.NONE
    period: int = BEGINNING
    read_at: int = BEGINNING
    base: tuple[int, ...] = ()
    count: tuple[int, ...] = ()
    since: tuple[int | None, ...] = ()
    breached: tuple[bool, ...] = ()
    known: bool = False
    begun_at: int | None = None
    entered_at: int | None = None
    entry: float | None = None
    extreme: float | None = None
    value: float | None = None
    previous: float | None = None
    why: int = 0
    astray: int = 0

    @property
    def state(self) -> State:
        """Return the alert's state."""
        if self.level is not Level.NONE:
            return State.FIRING
        return State.INACTIVE if self.begun_at is None else State.PENDING

    @property
    def broken(self) -> bool:
        """Return whether its readings are unknown without a good reason."""
        return self.astray >= BROKEN_AFTER

    def to_json(self) -> str:
        """Return the state as text."""
        return json.dumps(
            {name: getattr(self, name) for name in self.__dataclass_fields__}, separators=(",", ":")
        )

    @staticmethod
    def from_json(text: str) -> AlertState:
        """Return the state that a text stands for."""
        raw: dict[str, Any] = json.loads(text)
        for name in ("base", "count", "since", "breached"):
            raw[name] = tuple(raw[name])
        return AlertState(**{**raw, "level": Level(raw["level"])})


@dataclass(frozen=True, slots=True)
class Move:
    """One change of an alert.

    Attributes:
        at: µs.
        reading: Index of the reading that made it, or that a timer confirmed.
        change: How it moved.
        before: Level before.
        after: Level after.
        timer: Whether a hold in time came to its end.
        begun_at: µs at which the episode began.
        entered_at: µs at which it entered its first level; None before that.
        entry: Reading then.
        extreme: Furthest reading of the episode, this one included.
    """

    at: int
    reading: int
    change: Change
    before: Level
    after: Level
    timer: bool
    begun_at: int
    entered_at: int | None
    entry: float | None
    extreme: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """What readings say of a ladder; one row a rung, one column a reading.

    Attributes:
        at: µs.
        periods: Of the readings.
        breach: Whether a reading lies past the rung's threshold.
        stay: Whether the rung's exit is not met.
        known: Whether the verdict is known.
        held: Whether a turn holds it: it cannot raise, and does not count.
        values: In base units; None for a condition.
        why: Reason codes.
    """

    at: Longs
    periods: Longs
    breach: Flags
    stay: Flags
    known: Flags
    held: Flags
    values: NDArray[np.float64] | None
    why: Bytes


def signals_of_value(ladder: Ladder, readings: Readings, held: Flags) -> Signals:
    """Return what readings of a value say of a ladder."""
    size = len(readings)
    breach, stay = np.empty((len(ladder.rungs), size), np.bool_), None
    stay = np.empty_like(breach)
    known = readings.why == KNOWN
    if readings.low is not None and readings.high is not None:
        low, high = readings.low, readings.high
        # A range is past a threshold, or back inside, when all of it is.
        known = np.ones(size, np.bool_)
        unsure = np.zeros(size, np.bool_)
        for row, rung in enumerate(ladder.rungs):
            assert rung.threshold is not None
            assert rung.exit is not None
            t, e = float(rung.threshold), float(rung.exit)
            near, far = (low, high) if ladder.rising else (-high, -low)
            t, e = (t, e) if ladder.rising else (-t, -e)
            breach[row], stay[row] = near > t, far > e
            unsure |= (near <= t) & (far > t)
        return Signals(
            readings.at, readings.periods, breach, stay, known & ~(unsure & ~breach.any(axis=0)),
            held, low, readings.why,
        )  # fmt: skip
    assert readings.numbers is not None
    numbers = readings.numbers
    sign = 1 if ladder.rising else -1
    for row, rung in enumerate(ladder.rungs):
        assert rung.threshold is not None
        assert rung.exit is not None
        order = numbers.order(Numbers.constant(rung.threshold))
        breach[row] = order * sign > 0
        if rung.exit == rung.threshold:
            stay[row] = breach[row]
        else:
            stay[row] = numbers.order(Numbers.constant(rung.exit)) * sign > 0
    breach &= known
    stay |= ~known
    return Signals(
        readings.at, readings.periods, breach, stay, known, held, numbers.values, readings.why
    )


def signals_of_condition(when: Readings, clear: Readings | None, held: Flags) -> tuple[
    Signals, Longs
]:  # fmt: skip
    """Return what readings of a condition say, and which of `when`'s readings each repeats."""
    assert when.truth is not None
    index = np.arange(len(when))
    at = when.at
    truth, why = when.truth, when.why
    if clear is None:
        stay = truth != FALSE
    else:
        assert clear.truth is not None
        extra = np.setdiff1d(clear.at, when.at)
        place = np.searchsorted(when.at, extra, "right")
        extra, place = extra[place > 0], place[place > 0]
        index = np.insert(index, place, place - 1)
        at = np.insert(at, place, extra)
        truth, why = truth[index], why[index]
        where = np.searchsorted(clear.at, at, "right") - 1
        cleared = (
            (where >= 0) & (clear.truth[np.maximum(where, 0)] == TRUE)
            if len(clear)
            else (np.zeros(len(at), np.bool_))
        )
        stay = ~(cleared & (truth != TRUE))
        # Clearing is its own verdict: it counts even while `when` is unknown.
        known = (truth != UNKNOWN) | cleared
        return Signals(
            at, when.periods[index], (truth == TRUE)[None, :], stay[None, :], known, held[index],
            None, why,
        ), index  # fmt: skip
    return Signals(
        at, when.periods, (truth == TRUE)[None, :], stay[None, :], truth != UNKNOWN, held, None, why
    ), index


@dataclass(frozen=True, slots=True)
class Walk:
    """What readings made of an alert.

    Attributes:
        state: Where it stands after them.
        moves: How it got there, in order of time.
    """

    state: AlertState
    moves: tuple[Move, ...]


def walk(
    ladder: Ladder,
    state: AlertState,
    signals: Signals,
    *,
    upto: int,
    deadline: Deadline,
    frozen: Spells,
) -> Walk:
    """Return where an alert goes over some readings, and how it stands after them.

    Args:
        ladder: Of the rule.
        state: Before the first reading.
        signals: In order of time.
        upto: µs up to which timers run; readings lie at or before it.
        deadline: Tells when a hold in time is over.
        frozen: When the rule's inputs were late: timers stop.
    """
    rungs = len(ladder.rungs)
    if len(state.count) != rungs:
        none = (0,) * rungs
        state = replace(state, base=none, count=none, since=(None,) * rungs,
                        breached=(False,) * rungs)  # fmt: skip
    counted = _counts(state, signals)
    steps = _timed_steps if ladder.timed else _plain_steps
    moves, state = steps(ladder, state, signals, counted, upto, deadline, frozen)
    return Walk(_closed(ladder, state, signals, counted), tuple(moves))


@dataclass(frozen=True, slots=True, eq=False)
class _Counted:
    """For each rung and reading, periods in a row that breach it, this one included."""

    run: NDArray[np.int64]
    counts: Flags
    base: tuple[int, ...]
    count: tuple[int, ...]
    period: int


def _counts(state: AlertState, signals: Signals) -> _Counted:
    """Count breaching periods in a row; a second reading of a period replaces its verdict.

    An unknown or held reading neither adds to a count nor starts it again.
    """
    counts = signals.known & ~signals.held
    rungs, size = signals.breach.shape
    run = np.zeros((rungs, size), np.int64)
    index = np.flatnonzero(counts)
    periods = (
        np.maximum.accumulate(np.maximum(signals.periods, state.period))
        if size
        else (signals.periods)
    )
    last_period = int(periods[-1]) if size else state.period
    if len(index) == 0:
        base = state.count if last_period > state.period else state.base
        return _Counted(np.broadcast_to(np.array(state.count)[:, None], (rungs, size)), counts,
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
    return _Counted(run, counts, tuple(base_out), tuple(count_out), last_period)


def _plain_steps(
    ladder: Ladder, state: AlertState, signals: Signals, counted: _Counted, _upto: int,
    _deadline: Deadline, _frozen: Spells,
) -> tuple[list[Move], AlertState]:  # fmt: skip
    """Step through readings of a ladder without timers."""
    low, high = _ranges(ladder, signals, counted)
    waiting = (counted.run > 0).any(axis=0) if ladder.waits else np.zeros(len(low), np.bool_)
    walker = _Walker(ladder, state, signals)
    # Between two readings that say the same, nothing moves: look at the others only.
    told = np.ones(len(low), np.bool_)
    told[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1]) | (waiting[1:] != waiting[:-1])
    index = np.flatnonzero(told)
    for i, lo, hi, wait in zip(
        index.tolist(), low[index].tolist(), high[index].tolist(), waiting[index].tolist(),
        strict=True,
    ):  # fmt: skip
        walker.step(int(signals.at[i]), i, lo, hi, waiting=wait, timer=False)
    return walker.moves, walker.end()


def _ranges(ladder: Ladder, signals: Signals, counted: _Counted) -> tuple[Bytes, Bytes]:
    """Return the lowest and highest level each reading allows."""
    size = len(signals.at)
    low, high = np.zeros(size, np.int8), np.zeros(size, np.int8)
    for row, rung in enumerate(ladder.rungs):
        met = signals.breach[row] & counted.counts
        if rung.releases > 1:
            met &= counted.run[row] >= rung.releases
        low = np.where(met, rung.level, low)
        high = np.where(signals.stay[row], rung.level, high)
    top = ladder.rungs[-1].level
    high = np.where(signals.known, high, top)
    return low.astype(np.int8), np.maximum(high, low).astype(np.int8)


def _timed_steps(
    ladder: Ladder, state: AlertState, signals: Signals, counted: _Counted, upto: int,
    deadline: Deadline, frozen: Spells,
) -> tuple[list[Move], AlertState]:  # fmt: skip
    """Step through readings and through the timers between them."""
    walker = _Walker(ladder, state, signals)
    holds = _Holds(ladder, list(state.since), list(state.breached), deadline, frozen)
    holds.known = state.known
    low, high = _ranges(ladder, signals, counted)
    size = len(signals.at)
    reading = -1
    for i in range(size + 1):
        until = int(signals.at[i]) if i < size else upto + 1
        while (due := holds.next_due(walker.level)) is not None and due < until:
            walker.step(due, reading, holds.met(due), ladder.rungs[-1].level, waiting=True,
                        timer=True)  # fmt: skip
        if i == size:
            break
        at, reading = int(signals.at[i]), i
        if not signals.known[i]:
            holds.known = False
            continue
        if not signals.held[i]:
            holds.read(at, signals.breach[:, i])
        untimed = _untimed_low(ladder, signals, counted, i)
        lo = max(untimed, holds.met(at)) if not signals.held[i] else 0
        waiting = bool((counted.run[:, i] > 0).any()) or any(s is not None for s in holds.since)
        walker.step(at, i, lo, max(int(high[i]), lo), waiting=waiting, timer=False)
    del low
    ended = replace(walker.end(), since=tuple(holds.since), breached=tuple(holds.breached))
    return walker.moves, ended


def _untimed_low(ladder: Ladder, signals: Signals, counted: _Counted, i: int) -> int:
    """Return the highest level without a hold in time that a reading enters."""
    low = 0
    for row, rung in enumerate(ladder.rungs):
        met = rung.hold is None and bool(signals.breach[row, i]) and bool(counted.counts[i])
        if met and counted.run[row, i] >= rung.releases:
            low = max(low, int(rung.level))
    return low


@dataclass(slots=True)
class _Holds:
    """The holds in time of one alert."""

    ladder: Ladder
    since: list[int | None]
    breached: list[bool]
    deadline: Deadline
    frozen: Spells
    known: bool = True

    def read(self, at: int, breach: Flags) -> None:
        """Take a known reading: a breach begins a hold or goes on with it, else it ends."""
        self.known = True
        for row, rung in enumerate(self.ladder.rungs):
            self.breached[row] = bool(breach[row])
            if rung.hold is None or not breach[row]:
                self.since[row] = None
            elif self.since[row] is None:
                self.since[row] = at

    def due(self, row: int) -> int | None:
        """Return when a rung's hold is over, the time it stood frozen added."""
        begun, hold = self.since[row], self.ladder.rungs[row].hold
        if begun is None or hold is None:
            return None
        due = self.deadline(begun, hold)
        for start, end in zip(self.frozen.starts.tolist(), self.frozen.ends.tolist(), strict=True):
            if end <= begun:
                continue
            if start >= due:
                break
            due += end - max(start, begun)
        return due

    def met(self, at: int) -> int:
        """Return the highest level whose hold is over at an instant."""
        low = 0
        for row, rung in enumerate(self.ladder.rungs):
            due = self.due(row)
            if due is not None and due <= at and self.breached[row]:
                low = max(low, int(rung.level))
        return low

    def next_due(self, level: Level) -> int | None:
        """Return when the next hold that would raise the alert is over; None while unknown."""
        if not self.known:
            return None
        found = [
            due
            for row, rung in enumerate(self.ladder.rungs)
            if rung.level > level and self.breached[row] and (due := self.due(row)) is not None
        ]
        return min(found, default=None)


class _Walker:
    """Moves one alert and notes how."""

    def __init__(self, ladder: Ladder, state: AlertState, signals: Signals) -> None:
        self.moves: list[Move] = []
        self.level = state.level
        self._ladder = ladder
        self._state = state
        self._values = signals.values
        self._known = signals.known
        self._begun_at = state.begun_at
        self._entered_at = state.entered_at
        self._entry = state.entry
        self._extreme = state.extreme
        self._from = 0

    def step(self, at: int, reading: int, low: int, high: int, *, waiting: bool, timer: bool
             ) -> None:  # fmt: skip
        """Take one reading's range, or a timer's."""
        before = self.level
        after = min(max(int(before), low), high)
        if after == before:
            if before == Level.NONE and waiting != (self._begun_at is not None):
                self._arm(at, reading, waiting=waiting)
            return
        self._look(reading)
        if self._begun_at is None:
            self._begun_at = at
        if before == Level.NONE:
            change = Change.FIRED
            self._entered_at, self._entry = at, self._value(reading)
            self._extreme, self._from = self._entry, max(reading, 0)
        elif after == Level.NONE:
            change = Change.RESOLVED
        else:
            change = Change.ESCALATED if after > before else Change.EASED
        self.level = Level(after)
        self._note(at, reading, change, before, timer=timer)
        if after == Level.NONE:
            self._begun_at = self._entered_at = self._entry = self._extreme = None
            if waiting:
                self._begun_at = at

    def _arm(self, at: int, reading: int, *, waiting: bool) -> None:
        if waiting:
            self._begun_at = at
            self._note(at, reading, Change.ARMED, Level.NONE, timer=False)
        else:
            self._note(at, reading, Change.DISARMED, Level.NONE, timer=False)
            self._begun_at = None

    def _note(self, at: int, reading: int, change: Change, before: Level, *, timer: bool) -> None:
        assert self._begun_at is not None
        self.moves.append(
            Move(at, reading, change, before, self.level, timer, self._begun_at,
                 self._entered_at, self._entry, self._extreme)
        )  # fmt: skip

    def _value(self, reading: int) -> float | None:
        if self._values is None:
            return None
        return self._state.value if reading < 0 else float(self._values[reading])

    def _look(self, reading: int) -> None:
        """Bring the extreme up to a reading."""
        if self._values is None or self._entered_at is None or reading < 0:
            return
        part = self._values[self._from : reading + 1][self._known[self._from : reading + 1]]
        self._from = reading + 1
        if len(part) == 0:
            return
        found = float(part.max() if self._ladder.rising else part.min())
        if self._extreme is None:
            self._extreme = found
        else:
            pick = max if self._ladder.rising else min
            self._extreme = pick(self._extreme, found)

    def end(self) -> AlertState:
        """Return the state after the last step."""
        if self._values is not None:
            self._look(len(self._values) - 1)
        return replace(
            self._state, level=self.level, begun_at=self._begun_at, entered_at=self._entered_at,
            entry=self._entry, extreme=self._extreme,
        )  # fmt: skip


def _closed(ladder: Ladder, state: AlertState, signals: Signals, counted: _Counted) -> AlertState:
    """Return the state with what the readings leave behind for the next ones."""
    size = len(signals.at)
    if size == 0:
        return state
    value, previous = state.value, state.previous
    if signals.values is not None:
        value, previous = _last_two(state, signals)
    known = np.flatnonzero(signals.known & ~signals.held)
    breached = state.breached
    if not ladder.timed and len(known):
        breached = tuple(bool(b) for b in signals.breach[:, known[-1]])
    most = max(rung.releases for rung in ladder.rungs)
    return replace(
        state,
        period=counted.period,
        read_at=int(signals.at[-1]),
        base=tuple(min(c, most) for c in counted.base),
        count=tuple(min(c, most) for c in counted.count),
        breached=breached,
        known=bool(signals.known[-1]),
        value=value,
        previous=previous,
        why=0 if signals.known[-1] else int(signals.why[-1]),
        astray=_astray(state, signals),
    )


def _last_two(state: AlertState, signals: Signals) -> tuple[float | None, float | None]:
    """Return the newest known value and that of the period before it."""
    assert signals.values is not None
    known = np.flatnonzero(signals.known)
    if len(known) == 0:
        return state.value, state.previous
    value = float(signals.values[known[-1]])
    newest = signals.periods[known[-1]]
    earlier = known[signals.periods[known] < newest]
    if len(earlier):
        return value, float(signals.values[earlier[-1]])
    return value, state.previous if newest == state.period else state.value


def _astray(state: AlertState, signals: Signals) -> int:
    """Return how many readings in a row end unknown for no good reason."""
    lost = (~signals.known) & (signals.why == ZERO)
    if not bool(lost[-1]):
        return 0
    fine = np.flatnonzero(~lost)
    run = len(lost) - 1 - int(fine[-1]) if len(fine) else len(lost) + state.astray
    return min(run, BROKEN_AFTER)


def previous_values(state: AlertState, signals: Signals, at: Sequence[int]) -> list[float | None]:
    """Return, for some readings, the known value of the period before each."""
    if signals.values is None:
        return [None] * len(at)
    found: list[float | None] = []
    known = np.flatnonzero(signals.known)
    for index in at:
        if index < 0:
            found.append(state.previous)
            continue
        period = signals.periods[index]
        place = int(np.searchsorted(known, index))
        while place > 0 and signals.periods[known[place - 1]] >= period:
            place -= 1
        if place > 0:
            found.append(float(signals.values[known[place - 1]]))
        else:
            found.append(state.previous if period == state.period else state.value)
    return found


@dataclass(frozen=True, slots=True)
class Resting:
    """What becomes of an alert whose rule was edited, judged on its newest reading.

    Attributes:
        state: After the edit.
        move: How it moved; None where it stays.
    """

    state: AlertState
    move: Move | None = field(default=None)
