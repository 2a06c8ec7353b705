"""Windows: for each element of a column, the earlier elements that it is computed from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ebbwatch.expr.numbers import Floats, Longs, Numbers, distinct
from ebbwatch.model.calendars import BusinessCalendar
from ebbwatch.model.durations import Duration
from ebbwatch.model.periods import DAY_MINUTES


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

    Only known elements are in it; windows pass over the others. What can be computed again is
    not kept: exact results hold on to their windows for as long as somebody may ask for them.

    Attributes:
        x: The known elements.
        periods: Their periods.
        reach: Length of each window; None for windows over all history.
        low: First index of each window, whose last is the element itself.
        reached: Where history is known to reach back to the window's start.
    """

    __slots__ = ("low", "periods", "reach", "reached", "x")

    def __init__(
        self, x: Numbers, periods: Longs, reach: Duration | None, *, low: Longs,
        reached: NDArray[np.bool_],
    ) -> None:  # fmt: skip
        """Take the known elements and where their windows begin."""
        self.x = x
        self.periods = periods
        self.reach = reach
        self.low = low
        self.reached = reached

    @staticmethod
    def back(x: Numbers, periods: Longs, reach: Duration, business: BusinessCalendar) -> Window:
        """Return windows of a length in time or in releases."""
        if reach.unit == "releases":
            low = np.arange(1, len(periods) + 1) - int(reach.count)
            return Window(x, periods, reach, low=np.maximum(low, 0), reached=low >= 0)
        low = np.searchsorted(periods, starts(periods, reach, business), "right")
        return Window(x, periods, reach, low=low, reached=low > 0)

    @staticmethod
    def whole(
        x: Numbers, periods: Longs, reach: Duration | None, *,
        reached: NDArray[np.bool_] | None = None,
    ) -> Window:  # fmt: skip
        """Return windows over all history.

        Args:
            x: The known elements.
            periods: Their periods.
            reach: A length that the function takes for something else: a half-life.
            reached: Where all history is held; None where a part of it will do.
        """
        size = len(periods)
        reached = np.ones(size, np.bool_) if reached is None else reached
        return Window(x, periods, reach, low=np.zeros(size, np.int64), reached=reached)

    @property
    def high(self) -> Longs:
        """Return one past the last index of each window."""
        return np.arange(1, len(self.periods) + 1)

    @property
    def counts(self) -> Longs:
        """Return how many elements each window has."""
        return self.high - self.low

    @property
    def last_before(self) -> Longs:
        """Return the index of the last element before each window; negative where there is none."""
        if self.reach is not None and self.reach.unit == "releases":
            return self.high - 1 - int(self.reach.count)
        return self.low - 1

    def reduce(self, ufunc: np.ufunc, values: Floats) -> Floats:
        """Return a reduction of each window, the same whatever stands before it."""
        if len(values) == 0:
            return values
        pairs = np.empty(2 * len(self.low), np.int64)
        pairs[0::2] = self.low
        pairs[1::2] = np.arange(1, len(self.low) + 1)
        padded = np.append(values, 0.0)
        return np.asarray(ufunc.reduceat(padded, pairs)[0::2])

    def extremes(self, ufunc: np.ufunc, values: Floats) -> Floats:
        """Return the least or greatest of each window; over all history they accumulate."""
        if len(values) and int(self.low.max()) == 0:
            return np.asarray(ufunc.accumulate(values))
        return self.reduce(ufunc, values)

    def by_length(self) -> Iterator[tuple[Longs, Longs]]:
        """Yield (elements, matrix of the indices in their windows), windows of one length each."""
        counts = self.counts
        for length in distinct(counts):
            rows = np.flatnonzero(counts == length)
            for chunk in np.array_split(rows, max(1, len(rows) * int(length) // 2_000_000)):
                yield chunk, self.low[chunk][:, None] + np.arange(length)

    def inside(self, index: int) -> range:
        """Return the indices of one element's window."""
        return range(int(self.low[index]), index + 1)
