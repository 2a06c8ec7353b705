"""Columns of numbers that compare as exact arithmetic would.

A published figure is a whole number of quanta: 4.35 % is 435 quanta of 1/10,000. Whole
numbers below 2**53 are exact in a float64, and so are their sums, differences and products;
a quotient of two keeps both. Such columns are *rational*: ``num / den * scale``, nothing
rounded. What is too large for that, or irrational (a square root, a half-life), is kept as
floats with a bound on their error, and can be computed exactly, element by element, when a
comparison is too close to call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd, lcm

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]
Bytes = NDArray[np.int8]

#: Whole numbers up to here are exact in a float64.
EXACT = float(2**53)
_EPS = 2.0**-52

#: Why an element is unknown; 0 where it is known.
KNOWN, SHORT, ZERO, STALE, ABSENT = range(5)

#: Those reasons in words.
REASONS = {
    SHORT: "the history is too short for its window",
    ZERO: "division by zero",
    STALE: "an input is stale",
    ABSENT: "there is no figure yet",
}

#: A known value greater than every other: a trend that never gets there.
NEVER = float("inf")


#: Whole numbers up to here can be made a float64.
_LARGEST = 10**300


@dataclass(slots=True, eq=False)
class _Rational:
    num: Floats
    den: Floats | None
    scale: Fraction


class _Kept:
    """Computes elements exactly, each once."""

    __slots__ = ("_found", "_of")

    def __init__(self, of: Callable[[int], Fraction]) -> None:
        self._of = of
        self._found: dict[int, Fraction] | None = None

    def __call__(self, index: int) -> Fraction:
        """Return one element."""
        if self._found is None:
            self._found = {}
        found = self._found.get(index)
        if found is None:
            found = self._found[index] = self._of(index)
        return found


def distinct(values: Longs) -> Longs:
    """Return each value once, in order: `numpy.unique`, which would load `numpy.ma` for it."""
    ordered = np.sort(values)
    first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


class Numbers:
    """A column of numbers in base units, NaN where unknown.

    Attributes:
        why: Reason codes of the unknown elements; None when all are known.
    """

    __slots__ = ("__dict__", "_error", "_exact", "_rational", "_values", "why")

    def __init__(
        self,
        *,
        rational: _Rational | None = None,
        values: Floats | None = None,
        error: Floats | None = None,
        exact: Callable[[int], Fraction] | None = None,
        why: Bytes | None = None,
    ) -> None:
        """Take a rational column, or floats with their error bound and exact computation."""
        self._rational = rational
        self._values = values
        self._error = error
        self._exact = exact
        self.why = why

    # ---- making ----------------------------------------------------------------------

    @staticmethod
    def whole(num: Floats, scale: Fraction, *, den: Floats | None = None,
              why: Bytes | None = None) -> Numbers:  # fmt: skip
        """Return ``num / den * scale``, all whole and below 2**53."""
        return Numbers(rational=_Rational(num, den, scale), why=why)

    @staticmethod
    def constant(number: Fraction) -> Numbers:
        """Return one number, to be used with columns of any length."""
        num = np.float64((number > 0) - (number < 0))
        return Numbers(rational=_Rational(np.asarray(num), None, abs(number) or Fraction(1)))

    @staticmethod
    def rough(values: Floats, error: Floats, exact: Callable[[int], Fraction],
              why: Bytes | None = None) -> Numbers:  # fmt: skip
        """Return floats that are within `error` of what `exact` computes, element by element.

        What was computed is kept: windows over windows ask for the same elements again and again.
        """
        return Numbers(values=values, error=error, exact=_Kept(exact), why=why)

    # ---- reading ---------------------------------------------------------------------

    @property
    def num(self) -> Floats | None:
        """Return the numerators where the column is rational without denominators."""
        rational = self._rational
        return rational.num if rational is not None and rational.den is None else None

    @property
    def scale(self) -> Fraction:
        """Return the quantum of a rational column."""
        assert self._rational is not None
        return self._rational.scale

    @property
    def rational(self) -> _Rational | None:
        """Return numerators, denominators and scale; None for a rough column."""
        return self._rational

    @cached_property
    def values(self) -> Floats:
        """Return the column as floats in base units."""
        if self._values is not None:
            return self._values
        return self.in_units(Fraction(1))

    def in_units(self, unit: Fraction) -> Floats:
        """Return the column in multiples of a unit, rounded once."""
        rational = self._rational
        if rational is None:
            return self.values * (unit.denominator / 1) / unit.numerator
        factor = rational.scale / unit
        top: Floats = rational.num
        if max(factor.numerator, factor.denominator) > _LARGEST:
            with np.errstate(over="ignore", invalid="ignore"):
                return top * _rounded(factor) / (1.0 if rational.den is None else rational.den)
        if factor.numerator != 1:
            top = top * factor.numerator
        bottom = float(factor.denominator)
        if rational.den is not None:
            return top / (rational.den * bottom)
        return top / bottom

    @cached_property
    def error(self) -> Floats:
        """Return a bound on what `values` are off by."""
        if self._error is not None:
            return self._error
        return np.abs(self.values) * (3 * _EPS)

    def exact(self, index: int) -> Fraction:
        """Return a known, finite element exactly."""
        rational = self._rational
        if rational is None:
            assert self._exact is not None
            return self._exact(index)
        at = () if rational.num.ndim == 0 else index
        value = int(rational.num[at]) * rational.scale
        return value if rational.den is None else value / int(rational.den[at])

    def take(self, index: Longs | slice) -> Numbers:
        """Return some elements, in that order."""
        why = None if self.why is None else self.why[index]
        rational = self._rational
        if rational is not None:
            if rational.num.ndim == 0:
                return self
            den = None if rational.den is None else rational.den[index]
            return Numbers(rational=_Rational(rational.num[index], den, rational.scale), why=why)
        assert self._values is not None
        assert self._error is not None
        values, error, exact = self._values[index], self._error[index], self._exact
        assert exact is not None
        if isinstance(index, slice):
            start = index.start or 0
            return Numbers.rough(values, error, lambda i: exact(start + i), why)
        return Numbers.rough(values, error, lambda i: exact(int(index[i])), why)

    def without(self, unknown: NDArray[np.bool_], reason: int) -> Numbers:
        """Return the numbers with some made unknown for a reason."""
        if not bool(unknown.any()):
            return self
        why = np.zeros(len(unknown), np.int8) if self.why is None else self.why.copy()
        why[unknown & (why == KNOWN)] = reason
        rational = self._rational
        if rational is not None:
            num = np.where(unknown, np.nan, rational.num)
            return Numbers.whole(num, rational.scale, den=rational.den, why=why)
        return Numbers.rough(np.where(unknown, np.nan, self.values), self.error, self.exact, why)

    def spread(self, known: Longs, size: int, why: Bytes | None) -> Numbers:
        """Return a column that holds these numbers at some places, unknown at the others.

        Args:
            known: Where each number goes, ascending.
            size: How long the column is.
            why: Reason codes of the other places; None for a history too short.
        """
        if len(known) == 0:
            reasons = np.full(size, SHORT, np.int8) if why is None else why
            return Numbers.whole(np.full(size, np.nan), Fraction(1), why=reasons)
        missing = np.ones(size, np.bool_)
        missing[known] = False
        index = np.maximum(np.cumsum(~missing) - 1, 0)
        wide = self.take(index).without(missing, SHORT)
        if why is not None and wide.why is not None:
            wide.why = np.where(missing & (why != KNOWN), why, wide.why).astype(np.int8)
        return wide

    # ---- arithmetic ------------------------------------------------------------------

    def plus(self, other: Numbers, sign: int = 1) -> Numbers:
        """Return the sum, or the difference with sign -1."""
        why = _either(self, other)
        a, b = self._rational, other._rational
        if a is not None and b is not None:
            common, ka, kb = common_quantum(a.scale, b.scale)
            if a.den is None and b.den is None:
                if _fits_times(a.num, ka) and _fits_times(b.num, kb):
                    top = _times(a.num, ka) + sign * _times(b.num, kb)
                    if _fits(top):
                        return Numbers.whole(top, common, why=why)
            elif _small(a.num, b.den, ka) and _small(b.num, a.den, kb) and _small(a.den, b.den, 1):
                top = _over(a.num, b.den, ka) + sign * _over(b.num, a.den, kb)
                if _fits(top):
                    return Numbers.whole(top, common, den=_over(a.den, b.den, 1), why=why)
        with np.errstate(over="ignore", invalid="ignore"):
            values = self.values + sign * other.values
            error = self.error + other.error + np.abs(values) * _EPS
        return Numbers.rough(
            values, error, lambda i: self.exact(i) + sign * other.exact(i), _unknown(values, why)
        )

    def times(self, other: Numbers) -> Numbers:
        """Return the product."""
        why = _either(self, other)
        a, b = self._rational, other._rational
        if a is not None and b is not None and _small(a.num, b.num, 1) and _small(a.den, b.den, 1):
            den = None if a.den is None and b.den is None else _over(a.den, b.den, 1)
            return Numbers.whole(a.num * b.num, a.scale * b.scale, den=den, why=why)
        with np.errstate(over="ignore", invalid="ignore"):
            values = self.values * other.values
            error = (
                np.abs(self.values) * other.error
                + np.abs(other.values) * self.error
                + np.abs(values) * _EPS
            )
        return Numbers.rough(
            values, error, lambda i: self.exact(i) * other.exact(i), _unknown(values, why)
        )

    def over(self, other: Numbers) -> Numbers:
        """Return the quotient; unknown where the divisor is zero."""
        a, b = self._rational, other._rational
        if b is not None and b.num.ndim == 0 and b.num != 0:
            return self.times(Numbers.constant(1 / other.exact(0)))
        zero = other.values == 0
        if b is None:
            for index in np.flatnonzero(zero).tolist():
                zero[index] = other.exact(index) == 0
        shape = np.broadcast_shapes(self.values.shape, other.values.shape)
        why = _either(self, other)
        if bool(zero.any()):
            why = np.zeros(shape, np.int8) if why is None else why.copy()
            why[np.broadcast_to(zero, shape) & (why == KNOWN)] = ZERO
        if a is not None and b is not None and _small(a.num, b.den, 1) and _small(a.den, b.num, 1):
            top = _over(a.num, b.den, 1)
            bottom = _over(a.den, b.num, 1)
            sign = np.sign(bottom)
            bottom = np.where(sign == 0, np.nan, np.abs(bottom))
            return Numbers.whole(
                top * np.where(sign == 0, np.nan, sign), a.scale / b.scale,
                den=bottom, why=why,
            )  # fmt: skip
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            values = np.where(zero, np.nan, self.values / other.values)
            error = (self.error + np.abs(values) * other.error) / np.abs(other.values)
            error = np.where(zero, np.nan, error + np.abs(values) * _EPS)
        return Numbers.rough(values, error, lambda i: self.exact(i) / other.exact(i), why)

    def negated(self) -> Numbers:
        """Return the numbers with the other sign."""
        rational = self._rational
        if rational is not None:
            return Numbers.whole(-rational.num, rational.scale, den=rational.den, why=self.why)
        return Numbers.rough(-self.values, self.error, lambda i: -self.exact(i), self.why)

    def absolute(self) -> Numbers:
        """Return the numbers without their sign."""
        rational = self._rational
        if rational is not None:
            num = np.abs(rational.num)
            return Numbers.whole(num, rational.scale, den=rational.den, why=self.why)
        return Numbers.rough(
            np.abs(self.values), self.error, lambda i: abs(self.exact(i)), self.why
        )

    # ---- comparing -------------------------------------------------------------------

    def lesser(self, other: Numbers) -> Numbers:
        """Return the lesser of both, element by element; unknown where either is."""
        size = len(self.values)
        index = np.arange(size) + np.where(self.order(other) <= 0, 0, size)
        chosen = joined([self, other]).take(index)
        chosen.why = _either(self, other)
        return chosen.without(self.unknown() | other.unknown(), SHORT)

    def order(self, other: Numbers) -> Bytes:
        """Return -1, 0 or 1 where self is less than, equal to or greater than other.

        Where either is unknown the answer is 0 and means nothing; ask `unknown`.
        """
        a, b = self._rational, other._rational
        if a is not None and b is not None and a.den is None and b.den is None:
            _, ka, kb = common_quantum(a.scale, b.scale)
            if _fits_times(a.num, ka) and _fits_times(b.num, kb):
                return _signs(_times(a.num, ka) - _times(b.num, kb))
        with np.errstate(invalid="ignore"):
            away = self.values - other.values
            close = np.abs(away) <= 2 * (self.error + other.error)
        signs = _signs(away)
        for index in np.flatnonzero(close & np.isfinite(away)):
            i = int(index)
            x, y = self.exact(i), other.exact(i)
            signs[i] = (x > y) - (x < y)
        return signs

    def beyond(self, limit: Fraction, *, above: bool) -> NDArray[np.bool_]:
        """Return where a number is greater (or less) than a limit; false where it is unknown."""
        rational = self._rational
        if rational is not None and rational.den is None:
            # A whole number is beyond a limit exactly when it is beyond its whole part.
            quanta = limit / rational.scale
            whole = quanta.__floor__() if above else quanta.__ceil__()
            if abs(whole) < EXACT:
                return rational.num > whole if above else rational.num < whole
        if rational is not None:
            assert rational.den is not None or abs(limit / rational.scale) >= EXACT
            values = rational.num if rational.den is None else rational.num / rational.den
            bound = _rounded(limit / rational.scale)
            close = np.asarray(abs(bound) * (4 * _EPS))
        else:
            values, bound = self.values, float(limit)
            close = 2 * self.error + abs(bound) * _EPS
        with np.errstate(invalid="ignore"):
            found = values > bound if above else values < bound
            near = np.abs(values - bound) <= close
        if bool(near.any()):
            for index in np.flatnonzero(near).tolist():
                exact = self.exact(index)
                found[index] = exact > limit if above else exact < limit
        return np.asarray(found, np.bool_)

    def unknown(self) -> NDArray[np.bool_]:
        """Return where an element is unknown."""
        rational = self._rational
        if rational is None:
            return np.isnan(self.values)
        mask = np.isnan(rational.num)
        return mask if rational.den is None else mask | np.isnan(rational.den)


def joined(columns: list[Numbers]) -> Numbers:
    """Return columns one after the other."""
    columns = [c for c in columns if c.unknown().size] or columns[:1]
    if len(columns) == 1:
        return columns[0]
    sizes = [len(c.values) for c in columns]
    why = None
    if any(c.why is not None for c in columns):
        why = np.concatenate(
            [np.zeros(n, np.int8) if c.why is None else c.why
             for c, n in zip(columns, sizes, strict=True)]
        )  # fmt: skip
    rationals = [c.rational for c in columns]
    first = rationals[0]
    if first is not None and all(r is not None and r.scale == first.scale for r in rationals):
        num = np.concatenate([r.num for r in rationals if r is not None])
        den = None
        if any(r is not None and r.den is not None for r in rationals):
            den = np.concatenate(
                [np.ones(n) if r is None or r.den is None else np.broadcast_to(r.den, (n,))
                 for r, n in zip(rationals, sizes, strict=True)]
            )  # fmt: skip
        return Numbers.whole(num, first.scale, den=den, why=why)
    edges = np.cumsum([0, *sizes])

    def exact(index: int) -> Fraction:
        which = int(np.searchsorted(edges, index, "right")) - 1
        return columns[which].exact(index - int(edges[which]))

    return Numbers.rough(
        np.concatenate([c.values for c in columns]),
        np.concatenate([c.error for c in columns]), exact, why,
    )  # fmt: skip


def _rounded(factor: Fraction) -> float:
    """Return a fraction as a float, infinite where none is large enough."""
    try:
        return float(factor)
    except OverflowError:
        return float("inf")


def _signs(away: Floats) -> Bytes:
    return np.sign(np.nan_to_num(away, nan=0.0)).astype(np.int8)


def common_quantum(a: Fraction, b: Fraction) -> tuple[Fraction, int, int]:
    """Return the largest quantum that divides both, and how many of it each is."""
    if a == b:
        return a, 1, 1
    bottom = lcm(a.denominator, b.denominator)
    top = gcd(a.numerator * (bottom // a.denominator), b.numerator * (bottom // b.denominator))
    common = Fraction(top, bottom)
    return common, int(a / common), int(b / common)


def _times(num: Floats, factor: int) -> Floats:
    return num if factor == 1 else num * float(factor)


def _most(num: Floats | None) -> float:
    if num is None:
        return 1.0
    if num.size == 0:
        return 0.0
    high, low = float(np.fmax.reduce(num, axis=None)), float(np.fmin.reduce(num, axis=None))
    most = max(high, -low)
    return 0.0 if most != most else most  # noqa: PLR0124  NaN: nothing is known


def _fits(num: Floats) -> bool:
    return _most(num) < EXACT


def _fits_times(num: Floats, factor: int) -> bool:
    return factor < EXACT and _most(num) * factor < EXACT


def _small(a: Floats | None, b: Floats | None, factor: int) -> bool:
    return factor < EXACT and _most(a) * _most(b) * factor < EXACT


def _over(a: Floats | None, b: Floats | None, factor: int) -> Floats:
    if a is None:
        product = np.asarray(1.0) if b is None else b
    else:
        product = a if b is None else a * b
    return _times(product, factor)


def _either(a: Numbers, b: Numbers) -> Bytes | None:
    """Return why the result is unknown where either operand is."""
    if a.why is None:
        return b.why
    if b.why is None:
        return a.why
    return np.where(a.why == KNOWN, b.why, a.why).astype(np.int8)


def _unknown(values: Floats, why: Bytes | None) -> Bytes | None:
    return why if why is None or why.shape == values.shape else np.broadcast_to(why, values.shape)
