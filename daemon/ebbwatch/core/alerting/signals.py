"""Signals: for each reading and each level, whether it breaches the threshold or may leave it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ebbwatch.core.alerting.ladder import Ladder
from ebbwatch.expr.logic import FALSE, TRUE, UNKNOWN
from ebbwatch.expr.numbers import KNOWN, Bytes, Longs, Numbers, distinct
from ebbwatch.expr.readings import Readings

Flags = NDArray[np.bool_]


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
        unsure: Of a range, and of a reading that is known in part, where a rung's verdict is
            not known; None where `known` says all.
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

    def so_far(self, partial: Flags) -> Signals:
        """Return these with some readings known in part: they may breach, and leave nothing.

        A rung that such a reading does not breach is not decided by it: its level is not left,
        its count goes on, and the whole of the period counts in its place.
        """
        if not bool(partial.any()):
            return self
        unsure = partial & ~self.breach
        if self.unsure is not None:
            unsure |= self.unsure
        return replace(self, stay=self.stay | partial, unsure=unsure)

    def decided(self, row: int) -> Flags:
        """Return where it is known whether a reading breaches a rung."""
        return self.known if self.unsure is None else self.known & ~self.unsure[row]


def signals_of_value(ladder: Ladder, readings: Readings, held: Flags) -> Signals:
    """Return what readings of a value say of a ladder."""
    size = len(readings)
    breach, stay = (np.empty((len(ladder.rungs), size), np.bool_) for _ in range(2))
    known = readings.why == KNOWN
    assert readings.numbers is not None
    numbers = readings.numbers
    if readings.high is not None:
        # A range is past a threshold, or back inside, when all of it is.
        near, far = (numbers, readings.high)[:: 1 if ladder.rising else -1]
        unsure, unknown = np.zeros_like(breach), numbers.unknown()
        for row, rung in enumerate(ladder.rungs):
            assert rung.threshold is not None
            assert rung.exit is not None
            breach[row] = near.beyond(rung.threshold, above=ladder.rising)
            stay[row] = far.beyond(rung.exit, above=ladder.rising) | unknown
            unsure[row] = far.beyond(rung.threshold, above=ladder.rising) & ~breach[row] | unknown
        known = np.asarray(breach.any(axis=0) | ~unsure.any(axis=0), np.bool_)
        return Signals(
            readings.at, readings.periods, breach, stay, known, held, numbers.values,
            readings.why, unsure=unsure if bool(unsure.any()) else None,
        )  # fmt: skip
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


def signals_of_condition(when: Readings, clear: Readings | None, held: Flags) -> Signals:
    """Return what readings of a condition say; with those of `clear_when`, at its instants too."""
    truth, why = when.truth, when.why
    assert truth is not None
    if clear is None:
        return Signals(
            when.at, when.periods, (truth == TRUE)[None, :], (truth != FALSE)[None, :],
            truth != UNKNOWN, held, None, why,
        )  # fmt: skip
    assert clear.truth is not None
    ends = distinct(clear.at)
    place = np.searchsorted(when.at, ends, "right")
    extra = np.searchsorted(when.at, ends) == place
    extra, place = ends[extra], place[extra]
    extra, place = extra[place > 0], place[place > 0]
    # Where only `clear_when` is read, the reading of `when` that stands is repeated.
    index = np.insert(np.arange(len(when)), place, place - 1)
    at = np.insert(when.at, place, extra)
    truth, why = truth[index], why[index]
    where = np.searchsorted(clear.at, at, "right") - 1
    cleared = np.zeros(len(at), np.bool_)
    if len(clear):
        cleared = (where >= 0) & (clear.truth[np.maximum(where, 0)] == TRUE)
    stay = ~(cleared & (truth != TRUE))
    return Signals(
        at, when.periods[index], (truth == TRUE)[None, :], stay[None, :], truth != UNKNOWN,
        held[index], None, why,
    )  # fmt: skip


def latched(up: Flags, down: Flags, *, begin: bool) -> Flags:
    """Return a latch: true from where it is set until it is reset; set wins."""
    told = np.flatnonzero(up | down)
    if len(told) == len(up):
        return up
    if len(told) == 0:
        return np.full(len(up), begin)
    lasts = np.append(told[1:], len(up)) - told
    return np.concatenate([np.full(told[0], begin), np.repeat(up[told], lasts)])
