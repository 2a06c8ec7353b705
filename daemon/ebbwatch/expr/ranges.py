"""Ranges: numbers of which only the least and the most that they can be is known.

A count of conditions of which some are unknown is one: at least those that are true, at most
those and the unknown ones. What is computed from a range is a range, and a comparison is
decided only where it comes out the same for every number in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ebbwatch.expr.logic import COMPARISONS, FALSE, TRUE, UNKNOWN, Verdicts
from ebbwatch.expr.numbers import KNOWN, ZERO, Bytes, Numbers, joined


@dataclass(frozen=True, slots=True, eq=False)
class Ranges:
    """A column of ranges.

    Attributes:
        low: The least that each can be; unknown where nothing is known.
        high: The most it can be; the same column as `low` where all are single numbers.
        why: Reason code of each that is more than one number, or unknown; 0 where it is known.
    """

    low: Numbers
    high: Numbers
    why: Bytes

    @staticmethod
    def constant(number: Fraction, size: int) -> Ranges:
        """Return one number, over and over."""
        sign = float((number > 0) - (number < 0))
        column = Numbers.whole(np.full(size, sign), abs(number) or Fraction(1))
        return Ranges(column, column, np.zeros(size, np.int8))

    @property
    def single(self) -> bool:
        """Return whether each is one number, or unknown."""
        return self.low is self.high

    def negated(self) -> Ranges:
        """Return the ranges with the other sign."""
        low = self.high.negated()
        return Ranges(low, low if self.single else self.low.negated(), self.why)

    def absolute(self) -> Ranges:
        """Return the ranges without their sign."""
        a = self.low.absolute()
        if self.single:
            return Ranges(a, a, self.why)
        b = self.high.absolute()
        return Ranges(_zeroed(a.lesser(b), self._spans_zero()), _greater(a, b), self.why)

    def _spans_zero(self) -> NDArray[np.bool_]:
        zero = Numbers.constant(Fraction(0))
        return (self.low.order(zero) < 0) & (self.high.order(zero) > 0)

    def plus(self, other: Ranges, sign: int = 1) -> Ranges:
        """Return the sums, or the differences with sign -1."""
        why = _first(self.why, other.why)
        near, far = (other.low, other.high) if sign > 0 else (other.high, other.low)
        low = self.low.plus(near, sign)
        if self.single and other.single:
            return Ranges(low, low, why)
        return Ranges(low, self.high.plus(far, sign), why)

    def times(self, other: Ranges) -> Ranges:
        """Return the products."""
        return self._corners(other, Numbers.times, _first(self.why, other.why))

    def over(self, other: Ranges) -> Ranges:
        """Return the quotients; unknown where the divisor can be zero."""
        zero = Numbers.constant(Fraction(0))
        signs = other.low.order(zero), other.high.order(zero)
        may_be = (signs[0] <= 0) & (signs[1] >= 0) & ~other.low.unknown()
        is_zero = may_be & (signs[0] == signs[1]) & ~self.low.unknown()
        why = np.where(is_zero, ZERO, _first(self.why, other.why)).astype(np.int8)
        low = other.low.without(may_be, ZERO)
        high = low if other.single else other.high.without(may_be, ZERO)
        return self._corners(Ranges(low, high, other.why), Numbers.over, why)

    def _corners(
        self, other: Ranges, of: Callable[[Numbers, Numbers], Numbers], why: Bytes
    ) -> Ranges:
        firsts = [self.low] if self.single else [self.low, self.high]
        seconds = [other.low] if other.single else [other.low, other.high]
        corners = [of(a, b) for a in firsts for b in seconds]
        low = high = corners[0]
        for corner in corners[1:]:
            low, high = low.lesser(corner), _greater(high, corner)
        return Ranges(low, high, why)

    def compared(self, op: str, other: Ranges) -> Verdicts:
        """Return where a comparison holds, or not, whatever the numbers in the ranges are."""
        a, b, c, d = self.low, self.high, other.low, other.high
        known = ~(a.unknown() | b.unknown() | c.unknown() | d.unknown())
        below, above = b.order(c), a.order(d)
        same = (a.order(b) == 0) & (c.order(d) == 0) & (a.order(c) == 0)
        apart = (below < 0) | (above > 0)
        match op:
            case "<":
                yes, no = below < 0, above >= 0
            case "<=":
                yes, no = below <= 0, above > 0
            case ">":
                yes, no = above > 0, below <= 0
            case ">=":
                yes, no = above >= 0, below < 0
            case "==":
                yes, no = same, apart
            case _:
                yes, no = apart, same
        truth = np.where(known & yes, TRUE, np.where(known & no, FALSE, UNKNOWN)).astype(np.int8)
        why = np.where(truth == UNKNOWN, _first(self.why, other.why), KNOWN).astype(np.int8)
        return Verdicts(truth, why)


def counted(conditions: Sequence[Verdicts]) -> Ranges:
    """Return how many conditions are true: at least those that are, at most the unknown too."""
    size = len(conditions[0].truth)
    true, unsure, why = np.zeros(size), np.zeros(size), np.zeros(size, np.int8)
    for truth, reason in conditions:
        true += truth == TRUE
        unsure += truth == UNKNOWN
        why = _first(why, np.where(truth == UNKNOWN, reason, KNOWN))
    low = Numbers.whole(true, Fraction(1))
    return Ranges(low, Numbers.whole(true + unsure, Fraction(1)), why)


def combined(op: str, parts: Sequence[Ranges]) -> Ranges | Verdicts:
    """Return what an operator of the language makes of one or two columns of ranges."""
    first, last = parts[0], parts[-1]
    if op in COMPARISONS:
        return first.compared(op, last)
    match op:
        case "neg":
            return first.negated()
        case "+":
            return first.plus(last)
        case "-":
            return first.plus(last, -1)
        case "*":
            return first.times(last)
        case _:
            return first.over(last)


def _first(a: Bytes, b: Bytes) -> Bytes:
    return np.where(a == KNOWN, b, a).astype(np.int8)


def _greater(a: Numbers, b: Numbers) -> Numbers:
    return a.negated().lesser(b.negated()).negated()


def _zeroed(numbers: Numbers, where: NDArray[np.bool_]) -> Numbers:
    zero = Numbers.whole(np.zeros(len(where)), Fraction(1))
    index = np.arange(len(where)) + np.where(where, 0, len(where))
    return joined([zero, numbers]).take(index)
