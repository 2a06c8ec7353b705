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

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from ebbwatch.expr.evaluate import FALSE, TRUE, UNKNOWN, Readings
from ebbwatch.expr.numbers import KNOWN, ZERO, Bytes, Longs, Numbers
from ebbwatch.expr.view import BEGINNING, FOREVER, Spells
from ebbwatch.model.alert import Change, Level, State
from ebbwatch.model.durations import Duration
from ebbwatch.ruleset.rules import Rule

#: Readings in a row that are unknown for no good reason before a rule is called broken.
BROKEN_AFTER = 3

Flags = NDArray[np.bool_]

#: Returns the µs at which holds in time that began at some instants are over.
Deadlines = Callable[[Longs, Duration], Longs]


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
    def crossed(self) -> bool:
        """Return whether a higher level can stay where a lower one is left, by its wider clear."""
        exits = [rung.exit for rung in self.rungs if rung.exit is not None]
        exits = exits if self.rising else [-e for e in exits]
        return any(above < below for below, above in itertools.pairwise(exits))

    @property
    def counts(self) -> bool:
        """Return whether any level is held for a number of periods."""
        return any(rung.releases > 1 for rung in self.rungs)

    @property
    def waits(self) -> bool:
        """Return whether any level is held at all."""
        return self.timed or self.counts

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
        breached: For each rung, whether the newest reading breaches it, known and not held.
        known: Whether the newest reading was known.
        begun_at: µs at which it left inactive; None while inactive.
        entered_at: µs at which it entered its first level.
        entry: Reading then, in base units; None for a condition.
        extreme: Furthest reading since then.
        value: Newest known reading.
        value_period: Its period, which later ones that are unknown do not change.
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
    value_period: int = BEGINNING
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
        numbers: The same as `values`, exactly; None where there is no more to them.
        unsure: Of a range, where a rung's verdict is not known; None where `known` says all.
    """

    at: Longs
    periods: Longs
    breach: Flags
    stay: Flags
    known: Flags
    held: Flags
    values: NDArray[np.float64] | None
    why: Bytes
    numbers: Numbers | None = None
    unsure: Flags | None = None

    def __len__(self) -> int:
        """Return how many readings there are."""
        return len(self.at)

    def is_first(self) -> Flags:
        """Return which readings are the first of their period among these."""
        later = self.periods[1:] > self.periods[:-1]
        if not bool(later.all()):
            later = self.periods[1:] > np.maximum.accumulate(self.periods)[:-1]
        return np.append(True, later)[: len(self)]

    def chosen(self, index: Longs) -> Signals:
        """Return some of the readings, in that order."""
        return Signals(
            self.at[index], self.periods[index], self.breach[:, index], self.stay[:, index],
            self.known[index], self.held[index],
            None if self.values is None else self.values[index], self.why[index],
            None if self.numbers is None else self.numbers.take(index),
            None if self.unsure is None else self.unsure[:, index],
        )  # fmt: skip

    def decided(self, row: int) -> Flags:
        """Return where it is known whether a reading breaches a rung."""
        return self.known if self.unsure is None else ~self.unsure[row]


def signals_of_value(ladder: Ladder, readings: Readings, held: Flags) -> Signals:
    """Return what readings of a value say of a ladder."""
    size = len(readings)
    breach, stay = np.empty((len(ladder.rungs), size), np.bool_), None
    stay = np.empty_like(breach)
    known = readings.why == KNOWN
    if readings.low is not None and readings.high is not None:
        low, high = readings.low, readings.high
        # A range is past a threshold, or back inside, when all of it is.
        unsure = np.zeros_like(breach)
        for row, rung in enumerate(ladder.rungs):
            assert rung.threshold is not None
            assert rung.exit is not None
            t, e = float(rung.threshold), float(rung.exit)
            near, far = (low, high) if ladder.rising else (-high, -low)
            t, e = (t, e) if ladder.rising else (-t, -e)
            breach[row], stay[row] = near > t, far > e
            unsure[row] = (near <= t) & (far > t)
        known = np.asarray(breach.any(axis=0) | ~unsure.any(axis=0), np.bool_)
        return Signals(
            readings.at, readings.periods, breach, stay, known, held, low, readings.why,
            unsure=unsure if bool(unsure.any()) else None,
        )  # fmt: skip
    assert readings.numbers is not None
    numbers = readings.numbers
    for row, rung in enumerate(ladder.rungs):
        assert rung.threshold is not None
        assert rung.exit is not None
        breach[row] = numbers.beyond(rung.threshold, above=ladder.rising)
        if rung.exit == rung.threshold:
            stay[row] = breach[row]
        else:
            stay[row] = numbers.beyond(rung.exit, above=ladder.rising)
    if not bool(known.all()):
        breach &= known
        stay |= ~known
    return Signals(
        readings.at, readings.periods, breach, stay, known, held, numbers.values, readings.why,
        numbers,
    )  # fmt: skip


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
        return Signals(
            at, when.periods[index], (truth == TRUE)[None, :], stay[None, :], truth != UNKNOWN,
            held[index], None, why,
        ), index  # fmt: skip
    return Signals(
        at, when.periods, (truth == TRUE)[None, :], stay[None, :], truth != UNKNOWN, held, None, why
    ), index


class Moves(Sequence[Move]):
    """How an alert moved, as columns; a `Move` is made when one is looked at.

    Attributes:
        at: µs.
        reading: Index of the reading that made it, or that a timer confirmed; -1 for one
            before these readings.
        change: Index into `CHANGES`.
        before: Level before.
        after: Level after.
        timer: Whether a hold in time came to its end.
        begun: µs at which the episode began.
        entered: Index of the move that entered its first level; -1 for one of before.
    """

    __slots__ = ("_rising", "_signals", "_state", "after", "at", "before", "begun", "change",
                 "entered", "reading", "timer")  # fmt: skip

    def __init__(
        self, state: AlertState, signals: Signals, *, rising: bool, at: Longs, reading: Longs,
        change: Bytes, before: Bytes, after: Bytes, timer: Flags, begun: Longs, entered: Longs,
    ) -> None:  # fmt: skip
        """Take the columns, and what `Move` needs beyond them."""
        self._state, self._signals, self._rising = state, signals, rising
        self.at, self.reading, self.change = at, reading, change
        self.before, self.after, self.timer = before, after, timer
        self.begun, self.entered = begun, entered

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.at)

    @overload
    def __getitem__(self, index: int) -> Move: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Move]: ...

    def __getitem__(self, index: int | slice) -> Move | Sequence[Move]:
        """Return one move, or some."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        change = CHANGES[int(self.change[index])]
        entered_at, entry, extreme = self._since_entry(index, change)
        return Move(
            int(self.at[index]), int(self.reading[index]), change,
            Level(int(self.before[index])), Level(int(self.after[index])),
            bool(self.timer[index]), int(self.begun[index]), entered_at, entry, extreme,
        )  # fmt: skip

    def _since_entry(
        self, index: int, change: Change
    ) -> tuple[int | None, float | None, float | None]:
        """Return when the episode entered its first level, the reading then, and its extreme."""
        if change in (Change.ARMED, Change.DISARMED):
            return None, None, None
        entered = int(self.entered[index])
        if entered < 0:
            state = self._state
            extreme = self._furthest(0, int(self.reading[index]), state.extreme)
            return state.entered_at, state.entry, extreme
        first = int(self.reading[entered])
        values = self._signals.values
        entry = None
        if values is not None:
            entry = self._state.value if first < 0 else float(values[first])
        extreme = self._furthest(max(first, 0), int(self.reading[index]), entry)
        return int(self.at[entered]), entry, extreme

    def _furthest(self, first: int, last: int, extreme: float | None) -> float | None:
        """Return the furthest known reading of a stretch, and of what stood before it."""
        return furthest(self._signals, first, last, extreme, rising=self._rising)


def furthest(
    signals: Signals, first: int, last: int, extreme: float | None, *, rising: bool
) -> float | None:
    """Return the furthest known value from one reading to another, and of one before them."""
    if signals.values is None or last < first:
        return extreme
    part = signals.values[first : last + 1][signals.known[first : last + 1]]
    if len(part) == 0:
        return extreme
    found = float(part.max() if rising else part.min())
    if extreme is None:
        return found
    return max(extreme, found) if rising else min(extreme, found)


#: What `Moves.change` counts through.
CHANGES = (
    Change.ARMED, Change.DISARMED, Change.FIRED, Change.ESCALATED, Change.EASED, Change.RESOLVED,
)  # fmt: skip
_ARMED, _DISARMED, _FIRED, _ESCALATED, _EASED, _RESOLVED = range(len(CHANGES))


@dataclass(frozen=True, slots=True)
class Walk:
    """What readings made of an alert.

    Attributes:
        state: Where it stands after them.
        moves: How it got there, in order of time.
    """

    state: AlertState
    moves: Moves


def walk(
    ladder: Ladder,
    state: AlertState,
    signals: Signals,
    *,
    upto: int,
    deadlines: Deadlines,
    frozen: Spells,
) -> Walk:
    """Return where an alert goes over some readings, and how it stands after them.

    Args:
        ladder: Of the rule.
        state: Before the first reading.
        signals: In order of time.
        upto: µs up to which timers run; readings lie at or before it.
        deadlines: Tells when holds in time are over.
        frozen: When the rule's inputs were late: timers stop.
    """
    rungs = len(ladder.rungs)
    if len(state.count) != rungs:
        none = (0,) * rungs
        state = replace(state, base=none, count=none, since=(None,) * rungs,
                        breached=(False,) * rungs)  # fmt: skip
    counted = _counts(state, signals) if ladder.counts else _uncounted(state, signals)
    if ladder.timed:
        holds = _Holds(ladder, state, signals, counted, upto, deadlines, frozen)
        steps = holds.steps()
        since = holds.since
    else:
        low, high = _ranges(ladder, signals, counted)
        waiting = _waiting(ladder, counted)
        every = np.arange(len(signals))
        steps = _Steps(signals.at, every, low, high, waiting, np.zeros(len(signals), np.bool_))
        since = state.since
    moves, level, begun_at = _clamped(ladder, state, signals, steps)
    rests = _resting(ladder, state, signals, moves, level)
    left = _left_behind(ladder, state, signals, counted)
    return Walk(replace(state, begun_at=begun_at, since=since, **rests, **left), moves)


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
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


def _clamped(
    ladder: Ladder, state: AlertState, signals: Signals, steps: _Steps
) -> tuple[Moves, Level, int | None]:
    """Return how an alert moves through the ranges, its level after them, and since when.

    A clamp over levels is a latch for each of them: being at level k or above is set where
    `low` says so, reset where `high` does not allow it, and stays as it was in between.
    """
    size = len(steps.at)
    level = np.zeros(size + 1, np.int8)
    level[0] = state.level
    if ladder.crossed:
        level[1:] = _singly(ladder, state, signals, steps)
    else:
        for rung in ladder.rungs:
            own = int(rung.level)
            at_or_above = _latched(steps.low >= own, steps.high < own, begin=state.level >= own)
            level[1:][at_or_above] = own
    pending = np.empty(size + 1, np.bool_)
    pending[0] = state.level is Level.NONE and state.begun_at is not None
    pending[1:] = steps.waiting & (level[1:] == 0)
    before, after = level[:-1], level[1:]
    index = np.flatnonzero((before != after) | (pending[1:] != pending[:-1]))
    change = _CHANGE[before[index], after[index], pending[1:][index].view(np.int8)]
    begun, ends_begun = _begun(state, steps, level, pending, index)
    moved = change >= 0
    index, change, begun = index[moved], change[moved], begun[moved]
    entered = np.maximum.accumulate(np.where(change == _FIRED, np.arange(len(index)), -1))
    moves = Moves(
        state, signals, rising=ladder.rising, at=steps.at[index], reading=steps.reading[index],
        change=change, before=before[index], after=after[index], timer=steps.timer[index],
        begun=begun, entered=entered,
    )  # fmt: skip
    return moves, Level(int(level[-1])), ends_begun


def _singly(ladder: Ladder, state: AlertState, signals: Signals, steps: _Steps) -> list[int]:
    """Return the level after each step, one by one: exits that cross make no range."""
    stays = {int(r.level): signals.stay[row].tolist() for row, r in enumerate(ladder.rungs)}
    level, found = int(state.level), []
    for reading, low, timer in zip(
        steps.reading.tolist(), steps.low.tolist(), steps.timer.tolist(), strict=True
    ):
        if level and not timer and not stays[level][reading]:
            level = max((n for n in stays if n < level and stays[n][reading]), default=0)
        level = max(level, low)
        found.append(level)
    return found


def _latched(up: Flags, down: Flags, *, begin: bool) -> Flags:
    """Return a latch: true from where it is set until it is reset; set wins."""
    told = np.flatnonzero(up | down)
    if len(told) == len(up):
        return up
    if len(told) == 0:
        return np.full(len(up), begin)
    lasts = np.append(told[1:], len(up)) - told
    return np.concatenate([np.full(told[0], begin), np.repeat(up[told], lasts)])


def _change(before: int, after: int, *, pending: bool) -> int:
    """Return what a change of level, or of waiting, is called; -1 for nothing."""
    if after > before:
        return _ESCALATED if before else _FIRED
    if after < before:
        return _EASED if after else _RESOLVED
    if after:
        return -1
    return _ARMED if pending else _DISARMED


#: The same for every level before, level after, and whether the alert waits afterwards.
_CHANGE = np.array(
    [[[_change(before, after, pending=pending) for pending in (False, True)]
      for after in Level] for before in Level], np.int8,
)  # fmt: skip


def _begun(
    state: AlertState, steps: _Steps, level: Bytes, pending: Flags, index: Longs
) -> tuple[Longs, int | None]:
    """Return when the episode of each change began, and that of the stay at the end.

    A stay begins where the alert leaves inactive, and where it resolves into waiting.
    """
    outside = (level > 0) | pending
    begins = outside[1:] & (~outside[:-1] | ((level[:-1] > 0) & (level[1:] == 0)))
    starts = np.flatnonzero(begins)
    # The stay that a change ends, or is in: the last one begun before it, or at it for those
    # that begin one; a resolution belongs to the stay it ends.
    ends = (level[:-1][index] > 0) & (level[1:][index] == 0)
    ends |= ~outside[1:][index]
    place = np.searchsorted(starts, index - ends, "right") - 1
    first = state.begun_at if state.begun_at is not None else 0
    found = np.full(len(index), first, np.int64)
    if len(starts):
        found = np.where(place >= 0, steps.at[starts[np.maximum(place, 0)]], first)
    if not outside[-1]:
        return found, None
    return found, int(steps.at[starts[-1]]) if len(starts) else state.begun_at


def _resting(
    ladder: Ladder, state: AlertState, signals: Signals, moves: Moves, level: Level
) -> dict[str, Any]:
    """Return what the state says of the level it rests at, and of the way there."""
    if level is Level.NONE:
        return {"level": level, "entered_at": None, "entry": None, "extreme": None}
    entered_at, entry, extreme, first = state.entered_at, state.entry, state.extreme, 0
    if len(moves) and moves.entered[-1] >= 0:
        last = moves[int(moves.entered[-1])]
        entered_at, entry, extreme = last.entered_at, last.entry, last.extreme
        first = max(last.reading, 0)
    extreme = furthest(signals, first, len(signals) - 1, extreme, rising=ladder.rising)
    return {"level": level, "entered_at": entered_at, "entry": entry, "extreme": extreme}


# ---- counts ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Counted:
    """For each rung and reading, periods in a row that breach it, this one included."""

    run: NDArray[np.int64]
    counts: Flags
    base: tuple[int, ...]
    count: tuple[int, ...]
    period: int


def _uncounted(state: AlertState, signals: Signals) -> _Counted:
    """Return what a ladder that counts nothing needs: the newest period."""
    rungs, size = signals.breach.shape
    newest = max(state.period, int(signals.periods.max())) if size else state.period
    none = np.broadcast_to(np.zeros((1, 1), np.int64), (rungs, size))
    return _Counted(none, signals.known & ~signals.held, (0,) * rungs, (0,) * rungs, newest)


def _counts(state: AlertState, signals: Signals) -> _Counted:
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


def _each_counts(state: AlertState, signals: Signals, counts: Flags) -> _Counted:
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
    return _Counted(run, counts, before, tuple(run[:, -1].tolist()), int(signals.periods[-1]))


def _counts_singly(state: AlertState, signals: Signals, counts: Flags) -> _Counted:
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
    return _Counted(run, counts, tuple(base), tuple(count), newest)


def _ranges(ladder: Ladder, signals: Signals, counted: _Counted) -> tuple[Bytes, Bytes]:
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


def _waiting(ladder: Ladder, counted: _Counted) -> Flags:
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
    since: int | None


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
        self, ladder: Ladder, state: AlertState, signals: Signals, counted: _Counted, upto: int,
        deadlines: Deadlines, frozen: Spells,
    ) -> None:  # fmt: skip
        self.since: tuple[int | None, ...] = ()
        self._ladder = ladder
        self._state = state
        self._signals = signals
        self._counted = counted
        self._upto = upto
        self._deadlines = deadlines
        self._frozen = frozen

    def steps(self) -> _Steps:
        """Return the ranges of all readings, and of the timers between them."""
        signals, ladder = self._signals, self._ladder
        low, high = _ranges(ladder, signals, self._counted)
        waiting = _waiting(ladder, self._counted)
        ticks: list[tuple[Longs, Level]] = []
        since: list[int | None] = []
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
        steps = _Steps(signals.at, every, low, np.maximum(high, low), waiting,
                       np.zeros(len(signals), np.bool_))  # fmt: skip
        return self._with_ticks(steps, ticks) if ticks else steps

    def _run(self, row: int, hold: Duration) -> _Run:
        """Return what one rung's hold makes of the readings."""
        signals, at = self._signals, self._signals.at
        breach = signals.breach[row] & self._counted.counts
        ended = signals.decided(row) & ~signals.breach[row]
        carried = self._state.since[row]
        held = _latched(breach, ended, begin=carried is not None)
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
        return _Run(met, held, ticks, int(begun[-1]) if open_ else None)

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
            due[run] = self._thawed(int(begun[run]), int(due[run]), int(spell[run]))
        return due

    def _thawed(self, begun: int, due: int, spell: int) -> int:
        """Return when a hold is over that spells from a certain one on put off."""
        starts, ends = self._frozen.starts, self._frozen.ends
        while spell < len(starts) and starts[spell] < due:
            due += int(ends[spell]) - max(int(starts[spell]), begun)
            spell += 1
        return min(due, FOREVER)

    def _with_ticks(self, steps: _Steps, ticks: list[tuple[Longs, Level]]) -> _Steps:
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

        return _Steps(
            merged(steps.at, at), merged(steps.reading, reading), merged(steps.low, low),
            merged(steps.high, int(top)), merged(steps.waiting, 1), merged(steps.timer, 1),
        )  # fmt: skip


# ---- afterwards ------------------------------------------------------------------------


def _left_behind(
    ladder: Ladder, state: AlertState, signals: Signals, counted: _Counted
) -> dict[str, Any]:
    """Return what readings leave behind for the next ones."""
    if len(signals) == 0:
        return {}
    known = np.flatnonzero(signals.known)
    value, previous = state.value, state.previous
    if signals.values is not None:
        value, previous = _last_two(state, signals, known)
    most = max(rung.releases for rung in ladder.rungs)
    return {
        "period": counted.period,
        "read_at": int(signals.at[-1]),
        "base": tuple(min(c, most) for c in counted.base),
        "count": tuple(min(c, most) for c in counted.count),
        "breached": tuple((signals.breach[:, -1] & ~signals.held[-1]).tolist()),
        "known": bool(signals.known[-1]),
        "value": value,
        "value_period": int(signals.periods[known[-1]]) if len(known) else state.value_period,
        "previous": previous,
        "why": 0 if signals.known[-1] else int(signals.why[-1]),
        "astray": _astray(state, signals),
    }


def _last_two(
    state: AlertState, signals: Signals, known: Longs
) -> tuple[float | None, float | None]:
    """Return the newest known value and that of the period before it."""
    assert signals.values is not None
    if len(known) == 0:
        return state.value, state.previous
    value = float(signals.values[known[-1]])
    newest = signals.periods[known[-1]]
    if len(known) > 1 and signals.periods[known[-2]] < newest:
        return value, float(signals.values[known[-2]])
    earlier = known[signals.periods[known] < newest]
    if len(earlier):
        return value, float(signals.values[earlier[-1]])
    return value, state.previous if newest <= state.value_period else state.value


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
            found.append(state.previous if period <= state.value_period else state.value)
    return found
