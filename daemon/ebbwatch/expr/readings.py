"""Readings: what a node said over a stretch of time, one reading after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ebbwatch.expr import ranges
from ebbwatch.expr.definition import AtOnce, Pointwise
from ebbwatch.expr.functions import computed_as
from ebbwatch.expr.graph import Node
from ebbwatch.expr.logic import UNKNOWN, Verdicts, combined
from ebbwatch.expr.numbers import ABSENT, Bytes, Longs, Numbers, distinct, joined
from ebbwatch.expr.ranges import Ranges
from ebbwatch.expr.view import BEGINNING


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """What a node said, reading by reading, in order of time.

    Attributes:
        at: Instant (µs) of each reading.
        periods: Its period.
        why: Reason code of each reading that is unknown, wholly or in part; 0 where it is known.
        numbers: Values; None for a condition. Where `high` is given, the least they can be.
        truth: Verdicts of a condition; None for a number.
        high: The most the values can be, for a count with unknown conditions and for what is
            computed from one. None for values that are known or unknown and nothing between.
    """

    at: Longs
    periods: Longs
    why: Bytes
    numbers: Numbers | None = None
    truth: Bytes | None = None
    high: Numbers | None = None

    def __len__(self) -> int:
        """Return how many readings there are."""
        return len(self.at)

    @property
    def verdicts(self) -> Verdicts:
        """Return the readings of a condition."""
        assert self.truth is not None
        return Verdicts(self.truth, self.why)

    @property
    def ranges(self) -> Ranges:
        """Return the readings of a number."""
        assert self.numbers is not None
        return Ranges(self.numbers, self.numbers if self.high is None else self.high, self.why)

    @property
    def at_least(self) -> NDArray[np.bool_]:
        """Return which values may be more than `numbers` says."""
        if self.high is None or self.numbers is None:
            return np.zeros(len(self), np.bool_)
        return self.numbers.order(self.high) < 0

    def chosen(self, index: Longs) -> Readings:
        """Return some of the readings, in that order."""
        return Readings(
            self.at[index], self.periods[index], self.why[index],
            None if self.numbers is None else self.numbers.take(index),
            None if self.truth is None else self.truth[index],
            None if self.high is None else self.high.take(index),
        )  # fmt: skip

    def followed_by(self, then: Readings) -> Readings:
        """Return these readings and then some more of the same node."""
        if len(self) == 0 or len(then) == 0:
            return then if len(self) == 0 else self

        def both(a: NDArray[Any] | None, b: NDArray[Any] | None) -> Any:
            return None if a is None or b is None else np.concatenate((a, b))

        def all_of(a: Numbers | None, b: Numbers | None) -> Numbers | None:
            return None if a is None or b is None else joined([a, b])

        return Readings(
            both(self.at, then.at), both(self.periods, then.periods), both(self.why, then.why),
            all_of(self.numbers, then.numbers), both(self.truth, then.truth),
            all_of(self.high, then.high),
        )  # fmt: skip

    def held(self, at: Longs) -> Readings:
        """Return what stood at some instants; unknown before the first reading."""
        if len(self) == 0:
            size = len(at)
            return Readings(at, np.full(size, BEGINNING), np.full(size, ABSENT, np.int8),
                            truth=np.full(size, UNKNOWN),
                            numbers=Numbers.whole(np.full(size, np.nan), Fraction(1)))  # fmt: skip
        index = np.searchsorted(self.at, at, "right") - 1
        held = self.chosen(np.maximum(index, 0))
        before = index < 0
        if not bool(before.any()):
            return held
        return Readings(
            at, np.where(before, BEGINNING, held.periods),
            np.where(before, ABSENT, held.why).astype(np.int8),
            None if held.numbers is None else held.numbers.without(before, ABSENT),
            None if held.truth is None
            else np.where(before, UNKNOWN, held.truth).astype(np.int8),
            None if held.high is None else held.high.without(before, ABSENT),
        )  # fmt: skip


def together(node: Node, parts: Sequence[Readings | Fraction]) -> Readings:
    """Return what a momentary node says: a new reading whenever one of its parts has one.

    Args:
        node: A count, `breaches`, or what is made of them.
        parts: The readings of each of its arguments, or the number that it is.
    """
    moving = [part for part in parts if isinstance(part, Readings)]
    at = distinct(np.concatenate([part.at for part in moving]))
    held = [part.held(at) if isinstance(part, Readings) else part for part in parts]
    periods = np.full(len(at), BEGINNING)
    for part in held:
        if isinstance(part, Readings):
            periods = np.maximum(periods, part.periods)
    found = _computed(node.op, held, len(at))
    if isinstance(found, Verdicts):
        return Readings(at, periods, found.why, truth=found.truth)
    return Readings(at, periods, found.why, found.low, high=found.high)


def _computed(op: str, parts: Sequence[Readings | Fraction], size: int) -> Verdicts | Ranges:
    function = computed_as(op)
    if op in ("and", "or", "not") or (function and isinstance(function.means, AtOnce)):
        verdicts = [part.verdicts for part in parts if isinstance(part, Readings)]
        if function and isinstance(function.means, AtOnce):
            return function.means.compute(verdicts)
        return verdicts[0].negated() if op == "not" else combined(op, verdicts[0], verdicts[1])
    numbers = [
        part.ranges if isinstance(part, Readings) else Ranges.constant(part, size)
        for part in parts
    ]  # fmt: skip
    if function is None:
        return ranges.combined(op, numbers)
    assert isinstance(function.means, Pointwise)
    assert function.means.of_ranges is not None
    return function.means.of_ranges(*numbers)
