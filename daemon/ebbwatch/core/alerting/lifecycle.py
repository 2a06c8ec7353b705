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

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np

from ebbwatch.core.alerting.holds import Counted, Deadlines, LevelSteps, steps_of
from ebbwatch.core.alerting.ladder import BROKEN_AFTER, AlertState, Ladder
from ebbwatch.core.alerting.signals import Flags, Signals, latched
from ebbwatch.expr.numbers import ZERO, Bytes, Longs
from ebbwatch.expr.view import Spells
from ebbwatch.model.alert import QUIET, Change, Level
from ebbwatch.model.periods import Micros


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

    at: Micros
    reading: int
    change: Change
    before: Level
    after: Level
    timer: bool
    begun_at: Micros
    entered_at: Micros | None
    entry: float | None
    extreme: float | None


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
            Micros(int(self.at[index])), int(self.reading[index]), change,
            Level(int(self.before[index])), Level(int(self.after[index])),
            bool(self.timer[index]), Micros(int(self.begun[index])), entered_at, entry, extreme,
        )  # fmt: skip

    def _since_entry(
        self, index: int, change: Change
    ) -> tuple[Micros | None, float | None, float | None]:
        """Return when the episode entered its first level, the reading then, and its extreme."""
        if change in QUIET:
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
        return Micros(int(self.at[entered])), entry, extreme

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
    upto: Micros,
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
    steps, counted, since = steps_of(
        ladder, state, signals, upto=upto, deadlines=deadlines, frozen=frozen
    )
    moves, level, begun_at = _clamped(ladder, state, signals, steps)
    rests = _resting(ladder, state, signals, moves, level)
    left = _left_behind(ladder, state, signals, counted)
    return Walk(replace(state, begun_at=begun_at, since=since, **rests, **left), moves)


def _clamped(
    ladder: Ladder, state: AlertState, signals: Signals, steps: LevelSteps
) -> tuple[Moves, Level, Micros | None]:
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
            at_or_above = latched(steps.low >= own, steps.high < own, begin=state.level >= own)
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


def _singly(ladder: Ladder, state: AlertState, signals: Signals, steps: LevelSteps) -> list[int]:
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
    state: AlertState, steps: LevelSteps, level: Bytes, pending: Flags, index: Longs
) -> tuple[Longs, Micros | None]:
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
    return found, Micros(int(steps.at[starts[-1]])) if len(starts) else state.begun_at


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


# ---- afterwards ------------------------------------------------------------------------


def _left_behind(
    ladder: Ladder, state: AlertState, signals: Signals, counted: Counted
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
