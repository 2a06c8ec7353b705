"""Functions over windows of a column; element i depends on elements up to i only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ebbwatch.expr.numbers import EXACT, NEVER, Floats, Longs, Numbers, distinct
from ebbwatch.model.calendars import BusinessCalendar
from ebbwatch.model.durations import Duration
from ebbwatch.model.periods import DAY_MINUTES

_EPS = 2.0**-52
#: Digits in which square roots and half-lives are computed when a comparison is close.
_DIGITS = 50


def starts(periods: Longs, reach: Duration, business: BusinessCalendar) -> Longs:
    """Return where each period's window begins, exclusive: the period less the duration."""
    if reach.days is not None:
        return periods - int(reach.days * DAY_MINUTES)
    count = int(reach.count)
    days, minute = np.divmod(periods, DAY_MINUTES)
    if reach.unit == "bd":
        return _business_days_before(days, count, business) * DAY_MINUTES + minute
    months = count * (12 if reach.unit == "y" else 1)
    return months_before(days, months) * DAY_MINUTES + minute


def months_before(days: Longs, months: int) -> Longs:
    """Return the same day of the month some months before, or that month's last day."""
    first = days.astype("datetime64[D]").astype("datetime64[M]")
    in_month = days - first.astype("datetime64[D]").astype(np.int64)
    there = first - np.timedelta64(months, "M")
    begin = there.astype("datetime64[D]").astype(np.int64)
    length = (there + np.timedelta64(1, "M")).astype("datetime64[D]").astype(np.int64) - begin
    return np.asarray(begin + np.minimum(in_month, length - 1), np.int64)


def _business_days_before(days: Longs, count: int, business: BusinessCalendar) -> Longs:
    if days.size == 0:
        return days
    first = 1970 + int(days.min()) // 366 - 1 - count // 200
    last = 1970 + int(days.max()) // 365 + 1
    opened = np.array(
        [day for year in range(first, last + 1) for day in business.open_days(year)], np.int64
    )
    return opened[np.searchsorted(opened, days, "left") - count]


class Window:
    """The windows of a column: for each element, which elements it looks back on.

    Only known elements are in it; windows pass over the others.

    Attributes:
        x: The known elements.
        periods: Theirs.
        low: First index of each window.
        high: One past the last, the element itself.
        reached: Where history reaches back to the window's start.
    """

    __slots__ = ("high", "low", "periods", "reached", "x")

    def __init__(self, x: Numbers, periods: Longs, low: Longs, reached: NDArray[np.bool_]) -> None:
        """Take the known elements and where their windows begin."""
        self.x = x
        self.periods = periods
        self.low = low
        self.high = np.arange(1, len(periods) + 1)
        self.reached = reached

    @staticmethod
    def back(x: Numbers, periods: Longs, reach: Duration, business: BusinessCalendar) -> Window:
        """Return windows of a length in time or in releases."""
        size = len(periods)
        if reach.unit == "releases":
            low = np.arange(size) - int(reach.count) + 1
            return Window(x, periods, np.maximum(low, 0), low >= 0)
        low = np.searchsorted(periods, starts(periods, reach, business), "right")
        return Window(x, periods, low, low > 0)

    @staticmethod
    def whole(x: Numbers, periods: Longs, reached: NDArray[np.bool_]) -> Window:
        """Return windows over all history."""
        return Window(x, periods, np.zeros(len(periods), np.int64), reached)

    @property
    def counts(self) -> Longs:
        """Return how many elements each window has."""
        return self.high - self.low

    def reduce(self, ufunc: np.ufunc, values: Floats) -> Floats:
        """Return a reduction of each window, the same whatever stands before it."""
        if len(values) == 0:
            return values
        pairs = np.empty(2 * len(self.low), np.int64)
        pairs[0::2] = self.low
        pairs[1::2] = self.high
        padded = np.append(values, 0.0)
        return np.asarray(ufunc.reduceat(padded, pairs)[0::2])

    def by_length(self) -> Iterator[tuple[Longs, Longs]]:
        """Yield (elements, matrix of the indices in their windows), windows of one length each."""
        counts = self.counts
        for length in distinct(counts):
            rows = np.flatnonzero(counts == length)
            for chunk in np.array_split(rows, max(1, len(rows) * int(length) // 2_000_000)):
                yield chunk, self.low[chunk][:, None] + np.arange(length)

    def inside(self, index: int) -> range:
        """Return the indices of one element's window."""
        return range(int(self.low[index]), int(self.high[index]))


def total(w: Window) -> Numbers:
    """Return the sum of each window."""
    num = w.x.num
    most = EXACT if num is None else float(np.max(np.abs(num), initial=0.0))
    if num is not None and most * int(w.counts.max(initial=1)) < EXACT:
        return Numbers.whole(w.reduce(np.add, num), w.x.scale)
    return _rough_sum(w)


def _rough_sum(w: Window) -> Numbers:
    size = w.reduce(np.add, np.abs(w.x.values))
    error = w.reduce(np.add, w.x.error) + size * w.counts * _EPS
    return Numbers.rough(
        w.reduce(np.add, w.x.values), error,
        lambda i: sum((w.x.exact(j) for j in w.inside(i)), Fraction(0)),
    )  # fmt: skip


def mean(w: Window) -> Numbers:
    """Return the mean of each window."""
    whole = total(w)
    return whole.over(Numbers.whole(w.counts.astype(np.float64), Fraction(1)))


def least(w: Window) -> Numbers:
    """Return the least value of each window."""
    return _extreme(w, np.minimum, min)


def greatest(w: Window) -> Numbers:
    """Return the greatest value of each window."""
    return _extreme(w, np.maximum, max)


def _extreme(w: Window, ufunc: np.ufunc, of: Callable[[list[Fraction]], Fraction]) -> Numbers:
    if w.x.num is not None:
        return Numbers.whole(_running(w, ufunc, w.x.num), w.x.scale)
    # Over floats: as far off as the worst element in the window.
    return Numbers.rough(
        _running(w, ufunc, w.x.values), _running(w, np.maximum, w.x.error),
        lambda i: of([w.x.exact(j) for j in w.inside(i)]),
    )  # fmt: skip


def _running(w: Window, ufunc: np.ufunc, values: Floats) -> Floats:
    """Return extremes; over all history they accumulate."""
    if len(values) and int(w.low.max()) == 0:
        return np.asarray(ufunc.accumulate(values))
    return w.reduce(ufunc, values)


def middle(w: Window) -> Numbers:
    """Return the median of each window."""
    num = w.x.num
    values = w.x.values if num is None else num
    twice = np.empty(len(values))
    for rows, matrix in w.by_length():
        length = matrix.shape[1]
        half = length // 2
        block = np.partition(values[matrix], [max(half - 1, 0), half], axis=1)
        twice[rows] = 2 * block[:, half] if length % 2 else block[:, half - 1] + block[:, half]
    if num is not None:
        return Numbers.whole(twice, w.x.scale / 2)
    error = _running(w, np.maximum, w.x.error) * 2

    def exact(index: int) -> Fraction:
        ordered = sorted(w.x.exact(j) for j in w.inside(index))
        half, odd = divmod(len(ordered), 2)
        return ordered[half] if odd else (ordered[half - 1] + ordered[half]) / 2

    return Numbers.rough(twice / 2, error, exact)


def deviation(w: Window) -> tuple[Numbers, NDArray[np.bool_]]:
    """Return the sample standard deviation of each window, and where it has two elements."""
    counts = w.counts
    enough = counts >= 2
    variance = np.full(len(counts), np.nan)
    values = w.x.values
    for rows, matrix in w.by_length():
        if matrix.shape[1] < 2:
            continue
        block = values[matrix]
        around = block - block.mean(axis=1, keepdims=True)
        # A mean of equal floats may differ from them by its rounding; their spread is zero.
        around[(block == block[:, :1]).all(axis=1)] = 0.0
        variance[rows] = (around * around).sum(axis=1) / (matrix.shape[1] - 1)
    found = np.sqrt(variance)
    size = w.reduce(np.maximum, np.abs(values)) if len(values) else values

    def exact(index: int) -> Fraction:
        inside = [w.x.exact(j) for j in w.inside(index)]
        average = sum(inside, Fraction(0)) / len(inside)
        squares = sum(((v - average) ** 2 for v in inside), Fraction(0)) / (len(inside) - 1)
        return _root(squares)

    error = np.where(found > 0, 1e-12 * size + 1e-12 * found, 1e-6 * size)
    return Numbers.rough(found, error, exact), enough


def _root(square: Fraction) -> Fraction:
    with localcontext() as context:
        context.prec = _DIGITS
        return Fraction((Decimal(square.numerator) / Decimal(square.denominator)).sqrt())


def rank(w: Window) -> Numbers:
    """Return the share of each window's values at or below its last."""
    values = w.x.values if w.x.num is None else w.x.num
    below = np.empty(len(values))
    for rows, matrix in w.by_length():
        below[rows] = (values[matrix] <= values[rows][:, None]).sum(axis=1)
    return Numbers.whole(below, Fraction(1), den=w.counts.astype(np.float64))


def slope(w: Window) -> tuple[Numbers, NDArray[np.bool_]]:
    """Return the least-squares change per day over each window, and where there are two."""
    counts = w.counts
    num = w.x.num
    step = int(np.gcd.reduce(np.diff(w.periods), initial=0)) if len(w.periods) > 1 else 0
    step = step or DAY_MINUTES
    top, bottom = np.full(len(counts), np.nan), np.full(len(counts), np.nan)
    values = w.x.values if num is None else num
    largest = 0.0
    for rows, matrix in w.by_length():
        n = matrix.shape[1]
        if n < 2:
            continue
        # Times count back from the window's own end, so that nothing before it matters.
        t = ((w.periods[matrix] - w.periods[rows][:, None]) // step).astype(np.float64)
        x = values[matrix]
        st, sx = t.sum(axis=1), x.sum(axis=1)
        stx, stt = (t * x).sum(axis=1), (t * t).sum(axis=1)
        top[rows] = n * stx - st * sx
        bottom[rows] = n * stt - st * st
        reach = float(np.abs(t).max(initial=0.0))
        largest = max(largest, n * n * reach * float(np.abs(x).max(initial=1.0)), n * n * reach**2)
    per_day = Fraction(DAY_MINUTES, step)
    enough = counts >= 2
    if num is not None and largest < EXACT / 4:
        return Numbers.whole(top, w.x.scale * per_day, den=bottom), enough
    scale = float(per_day) * (1.0 if num is None else float(w.x.scale))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = top / bottom * scale
        size = w.reduce(np.maximum, np.abs(w.x.values)) if len(values) else values
        error = np.abs(found) * 1e-12 + size * counts * 1e-12

    def exact(index: int) -> Fraction:
        inside = w.inside(index)
        t = [Fraction(int(w.periods[j] - w.periods[index]), DAY_MINUTES) for j in inside]
        x = [w.x.exact(j) for j in inside]
        n = len(x)
        stx = sum((a * b for a, b in zip(t, x, strict=True)), Fraction(0))
        stt = sum((a * a for a in t), Fraction(0))
        st, sx = sum(t, Fraction(0)), sum(x, Fraction(0))
        return (n * stx - st * sx) / (n * stt - st * st)

    return Numbers.rough(found, error, exact), enough


def half_life(x: Numbers, periods: Longs, reach: Duration) -> Numbers:
    """Return the mean over all history, weights halving every `reach`."""
    size = len(periods)
    if reach.unit == "releases":
        gaps = np.ones(size)
        life = float(reach.count)
    else:
        gaps = np.diff(periods, prepend=periods[:1]).astype(np.float64)
        life = float(_fixed_days(reach) * DAY_MINUTES)
    decays = np.exp2(-gaps / life).tolist()
    found, total_weight, total_value = [0.0] * size, 0.0, 0.0
    for i, (value, decay) in enumerate(zip(x.values.tolist(), decays, strict=True)):
        total_weight = total_weight * decay + 1.0
        total_value = total_value * decay + value
        found[i] = total_value / total_weight
    values = np.array(found)
    error = np.maximum.accumulate(np.abs(x.values) + x.error) * 1e-12 if size else values

    def exact(index: int) -> Fraction:
        with localcontext() as context:
            context.prec = _DIGITS
            weight, value = Decimal(0), Decimal(0)
            for j in range(index + 1):
                back = (
                    Fraction(index - j) / reach.count
                    if reach.unit == "releases"
                    else Fraction(int(periods[index] - periods[j]))
                    / (_fixed_days(reach) * DAY_MINUTES)
                )
                share = Decimal(2) ** -(Decimal(back.numerator) / Decimal(back.denominator))
                published = x.exact(j)
                weight += share
                value += share * Decimal(published.numerator) / Decimal(published.denominator)
            return Fraction(value / weight)

    return Numbers.rough(values, error, exact)


def _fixed_days(reach: Duration) -> Fraction:
    """Return a half-life in days; months, years and business days by their mean length."""
    if reach.days is not None:
        return reach.days
    mean_days = {"bd": Fraction(7, 5), "mo": Fraction(1461, 48), "y": Fraction(1461, 4)}
    return reach.count * mean_days[reach.unit]


def until(x: Numbers, gradient: Numbers, level: Fraction, *, below: bool) -> Numbers:
    """Return the days until x lies past the level at its slope: 0 where it does, or never."""
    limit = Numbers.constant(level)
    side = x.order(limit)
    past = side < 0 if below else side > 0
    going = gradient.order(Numbers.constant(Fraction(0)))
    away = going >= 0 if below else going <= 0
    left = limit.plus(x, -1).over(gradient)
    unknown = x.unknown() | gradient.unknown()
    values = np.where(past, 0.0, np.where(away, NEVER, left.values))
    values = np.where(unknown, np.nan, values)
    error = np.where(past | away, 0.0, left.error)

    def exact(index: int) -> Fraction:
        return Fraction(0) if past[index] else left.exact(index)

    why = gradient.why if x.why is None else x.why
    if why is not None:
        why = np.where(np.isnan(values), why, 0).astype(np.int8)
    return Numbers.rough(values, error, exact, why)
