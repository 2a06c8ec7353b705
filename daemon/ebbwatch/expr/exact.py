"""Exact results, element by element, for comparisons that are too close to call in floats."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np

from ebbwatch.expr.numbers import Longs, Numbers
from ebbwatch.expr.windows import Window

#: Digits in which square roots and half-lives are computed.
_DIGITS = 50


def root(square: Fraction) -> Fraction:
    """Return a square root to fifty digits."""
    with localcontext() as context:
        context.prec = _DIGITS
        return Fraction(_decimal(square).sqrt())


@dataclass(slots=True)
class Flatness:
    """Knows of which windows all elements are the same number: they neither spread nor slope."""

    w: Window
    first: int = 0
    last: int = -1

    def of(self, index: int) -> bool:
        """Return whether all of one element's window is the same number."""
        inside = self.w.inside(index)
        if not self._may_be(inside):
            return False
        x, end = self.w.x, inside.stop - 1
        if not self.first <= inside.start <= self.last <= end:
            self.first = self.last = inside.start
        # From `first` to `last` all are known to be the same: only the rest is looked at.
        while self.last < end and x.exact(self.last + 1) == x.exact(self.last):
            self.last += 1
        return self.last == end

    @np.errstate(invalid="ignore")  # never less never
    def _may_be(self, inside: range) -> bool:
        values, error = self.w.x.values, self.w.x.error
        part, end = slice(inside.start, inside.stop), inside.stop - 1
        return bool((np.abs(values[part] - values[end]) <= error[part] + error[end]).all())


@dataclass(slots=True)
class ExactSums:
    """Exact sums of windows, each from the one before where less is to be added that way."""

    w: Window
    low: int = 0
    high: int = 0
    sum: Fraction = Fraction(0)

    def of(self, index: int) -> Fraction:
        """Return the sum of one element's window."""
        inside = self.w.inside(index)
        if abs(inside.start - self.low) + abs(inside.stop - self.high) >= len(inside):
            self.low = self.high = inside.start
            self.sum = Fraction(0)
        self.sum += self._between(self.high, inside.stop) - self._between(self.low, inside.start)
        self.low, self.high = inside.start, inside.stop
        return self.sum

    def _between(self, start: int, stop: int) -> Fraction:
        if stop < start:
            return -self._between(stop, start)
        return sum((self.w.x.exact(j) for j in range(start, stop)), Fraction(0))


@dataclass(slots=True)
class ExactExtremes:
    """Exact least or greatest values of windows; those that only grow go on from the last one."""

    w: Window
    choose: Callable[[Iterable[Fraction]], Fraction]
    low: int = -1
    high: int = 0
    found: Fraction = Fraction(0)

    def of(self, index: int) -> Fraction:
        """Return the extreme of one element's window."""
        inside = self.w.inside(index)
        if inside.start == self.low and inside.stop >= self.high:
            more = [self.w.x.exact(j) for j in range(self.high, inside.stop)]
            self.found = self.choose([self.found, *more])
        else:
            self.found = self.choose([self.w.x.exact(j) for j in inside])
        self.low, self.high = inside.start, inside.stop
        return self.found


@dataclass(slots=True)
class ExactHalfLives:
    """Means with half-lives to fifty digits, each from the one before.

    They are taken of the distance to the first element, so that equal elements have exactly
    their own value for a mean.
    """

    x: Numbers
    gaps: Longs
    life: Fraction
    shares: dict[int, Decimal] = field(default_factory=dict)
    weights: list[Decimal] = field(default_factory=list)
    totals: list[Decimal] = field(default_factory=list)

    def of(self, index: int) -> Fraction:
        """Return the mean at one element."""
        first = self.x.exact(0)
        with localcontext() as context:
            context.prec = _DIGITS
            for j in range(len(self.weights), index + 1):
                share = self._share(int(self.gaps[j]))
                away = _decimal(self.x.exact(j) - first)
                self.weights.append((self.weights[-1] * share if j else Decimal(0)) + 1)
                self.totals.append((self.totals[-1] * share if j else Decimal(0)) + away)
            return first + Fraction(self.totals[index] / self.weights[index])

    def _share(self, gap: int) -> Decimal:
        if gap not in self.shares:
            self.shares[gap] = Decimal(2) ** -_decimal(gap / self.life)
        return self.shares[gap]


def _decimal(number: Fraction) -> Decimal:
    return Decimal(number.numerator) / Decimal(number.denominator)
