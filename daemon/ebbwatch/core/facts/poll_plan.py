"""When to ask a source next: often where a figure is expected, seldom elsewhere.

::

    sparse        expected            waiting, ever more patiently           held: sparse again
    ──┴──────────────┃┴┴┴┴┴─┴─┴──┴──┴───┴─────┴──────┴────────┴───────────────┴────────────

While a figure is awaited, the gap between visits is an eighth of the time waited so far, so
that it is found within an eighth of its delay, and a figure that never comes costs little. A
plan depends on its arguments alone: a restart changes nothing, and chance is an argument too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ebbwatch.model.periods import (
    DAY_MINUTES,
    MINUTE,
    Every,
    Micros,
    Minutes,
    Rank,
    instant,
    micros,
    period_of,
)
from ebbwatch.model.series import Series
from ebbwatch.model.source import Planned

_SECOND = 1_000_000

#: A gap is this part of the time waited for a figure.
_PATIENCE = 8

_WEEKEND = 5  # weekday() of Saturday

#: How often a source of texts is asked, in seconds: most of them come unannounced.
_TEXTS_EVERY = 60

#: How far before the period due a plain visit reaches for certain, in days; sources give at
#: least ten days, five weeks, a quarter, three quarters.
_REACH_DAYS = {Rank.DAILY: 7, Rank.WEEK: 35, Rank.MONTH: 92, Rank.QUARTER: 275, Rank.YEAR: 731}

#: How far back a source is asked by itself; further is for ``ebbwatch backfill``.
LONGEST_CATCH_UP_DAYS = 731


@dataclass(frozen=True, slots=True)
class _Pace:
    """How often series of some frequency are asked for, in seconds.

    Attributes:
        first: From the expected instant to the first visit.
        dense: Shortest gap while waiting.
        sparse: Longest gap ever.
    """

    first: int
    dense: int
    sparse: int


#: Slow series are large files: the national accounts are 35 MB where nothing can be skipped.
_PACES = {
    Rank.MINUTES: _Pace(2, 2, 900),
    Rank.HOUR: _Pace(2, 2, 3600),
    Rank.DAILY: _Pace(2, 2, 3600),
    Rank.WEEK: _Pace(2, 3, 6 * 3600),
    Rank.MONTH: _Pace(3, 10, 24 * 3600),
    Rank.QUARTER: _Pace(4, 30, 24 * 3600),
    Rank.YEAR: _Pace(4, 30, 24 * 3600),
}


def next_poll(
    *,
    due_at: Micros | None,
    held: bool,
    next_due_at: Micros | None,
    last_poll_at: Micros | None,
    at: Micros,
    every: Every,
    jitter: float,
    planned_at: Micros | None = None,
) -> Micros:
    """Return when to visit next, never before `at`; all instants in microseconds.

    Args:
        due_at: When the newest figure that should be out was expected; None for a series
            that nothing is expected of.
        held: Whether that figure is held.
        next_due_at: When the figure after that is expected; None where nothing is.
        last_poll_at: The last visit; None for none yet.
        at: Now.
        every: Frequency of the series.
        jitter: From [0, 1): spreads visits, so that many daemons do not knock at once.
        planned_at: The first visit after the last one that is planned (`planned_visit`).
    """
    if last_poll_at is None:
        return at
    pace = _PACES[every.rank]
    sparse = (min(pace.sparse, every.minutes * 60) if every.minutes else pace.sparse) * _SECOND
    first = pace.first * _SECOND
    candidates = [last_poll_at + _spread(sparse, jitter)]
    if due_at is not None and not held:
        if last_poll_at < due_at + first:
            candidates.append(due_at + _spread(first, jitter))
        else:
            waited = last_poll_at - due_at
            gap = min(max(pace.dense * _SECOND, waited // _PATIENCE), sparse)
            candidates.append(last_poll_at + _spread(gap, jitter))
    if next_due_at is not None:
        candidates.append(next_due_at + _spread(first, jitter))
    if planned_at is not None and planned_at > last_poll_at:
        candidates.append(planned_at + _spread(first, jitter) - first)
    return max(at, Micros(min(candidates)))


def next_texts(
    *, last_poll_at: Micros | None, at: Micros, jitter: float, planned_at: Micros | None = None
) -> Micros:
    """Return when to look for texts next, never before `at`; takes what `next_poll` does."""
    if last_poll_at is None:
        return at
    regular = Micros(last_poll_at + _spread(_TEXTS_EVERY * _SECOND, jitter))
    return max(at, regular if planned_at is None else min(regular, planned_at))


def planned_visit(planned: Sequence[Planned], after: Micros) -> Micros | None:
    """Return the first µs later than another for which a visit is planned; None for none."""
    moment = instant(after)
    return min((micros(_next(each, moment)) for each in planned), default=None)


def _next(planned: Planned, after: datetime) -> datetime:
    zone = ZoneInfo(planned.zone)
    day = after.astimezone(zone).date()
    while True:
        begins = datetime.combine(day, planned.at, zone).astimezone(UTC)
        if day.weekday() < _WEEKEND:
            if after < begins:
                return begins
            if after < begins + planned.lasts:
                return after + planned.every
        day += timedelta(days=1)


def catch_up_from(
    series: Series, *, newest: Minutes | None, due: Minutes | None, at: Micros
) -> Minutes | None:
    """Return the period from which history is to be read to leave no hole; None for no need.

    Args:
        series: To be asked for, of a source whose plain visits reach back a little only.
        newest: The newest period held; None for none.
        due: The newest period that should be out; None where nothing says.
        at: Now, in microseconds.
    """
    if not series.every.dated:
        return None
    today = at // MINUTE // DAY_MINUTES * DAY_MINUTES
    reach = _REACH_DAYS[series.every.rank] * DAY_MINUTES
    if newest is not None and (today if due is None else due) - newest <= reach:
        return None
    start = Minutes(today - LONGEST_CATCH_UP_DAYS * DAY_MINUTES)
    if series.history_from is not None:
        start = max(start, period_of(series.history_from))
    return start if newest is None else max(start, newest)


def _spread(gap: int, jitter: float) -> int:
    """Return a gap made longer by up to a quarter, and by a minute at most."""
    return gap + int(min(gap // 4, 60 * _SECOND) * jitter)
