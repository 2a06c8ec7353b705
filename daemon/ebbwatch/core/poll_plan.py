"""When to visit a source next: dense where a figure is expected, sparse elsewhere.

::

    sparse        expected            waiting, ever more patiently           held: sparse again
    ──┴──────────────┃┴┴┴┴┴─┴─┴──┴──┴───┴─────┴──────┴────────┴───────────────┴────────────

While a figure is awaited, the gap between visits is an eighth of the time waited so far, so
that it is found within an eighth of its delay, and a figure that never comes costs little. A
plan depends on its arguments alone: a restart changes nothing, and chance is an argument too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ebbwatch.model.periods import DAY_MINUTES, Every, Rank, instant, micros, period_of
from ebbwatch.model.series import Series

_SECOND = 1_000_000

#: A gap is this part of the time waited for a figure.
_PATIENCE = 8

_NEW_YORK = ZoneInfo("America/New_York")
_WEEKEND = 5  # weekday() of Saturday

#: When else a source is worth a visit, on weekdays, in New York: what it publishes then is no
#: new period and so not on the release clock.
#:
#: - ``nyfed``: rates may be revised the same day until 14:30.
#: - ``bea``: second and third estimates come at the hour of the first.
#: - ``fed_policy``: the implementation note comes with the FOMC's statement, at 14:00.
#:
#: Source: the publishers' pages, as recorded 2026-11-22.
_REVISIONS = {"nyfed": time(14, 35), "bea": time(8, 30), "fed_policy": time(14, 0)}


#: How far before the period due a plain visit reaches for certain, in days; sources give at
#: least ten days, five weeks, a quarter, three quarters.
_REACH_DAYS = {Rank.DAILY: 7, Rank.WEEK: 35, Rank.MONTH: 92, Rank.QUARTER: 275, Rank.YEAR: 731}

#: Sources whose plain visit reaches back to what is held however old that is: candles resume,
#: tables are read whole.
_WHOLE = frozenset({"coinbase", "kraken", "csv", "http_json"})

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
    due_at: int | None,
    held: bool,
    next_due_at: int | None,
    last_poll_at: int | None,
    at: int,
    every: Every,
    jitter: float,
    revision_at: int | None = None,
) -> int:
    """Return when to visit next, never before `at`; all instants in microseconds.

    Args:
        due_at: When the newest figure that should be out was expected; None for a series
            that nothing is expected of.
        held: Whether that figure is held.
        next_due_at: When the one after it is expected; None likewise.
        last_poll_at: The last visit; None for none yet.
        at: Now.
        every: Frequency of the series.
        jitter: From [0, 1): spreads visits, so that many daemons do not knock at once.
        revision_at: A visit that is due for revisions (`revision_visit`).
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
    if revision_at is not None and revision_at > last_poll_at:
        candidates.append(revision_at + _spread(first, jitter))
    return max(at, min(candidates))


def catch_up_from(
    series: Series, source: str, *, newest: int | None, due: int | None, at: int
) -> int | None:
    """Return the period from which history is to be read to leave no hole; None for no need.

    Args:
        series: To be asked for.
        source: Whom it is to be asked of.
        newest: The newest period held; None for none.
        due: The newest period that should be out; None where nothing says.
        at: Now, in microseconds.
    """
    if source in _WHOLE or not series.every.dated:
        return None
    today = at // (60 * _SECOND) // DAY_MINUTES * DAY_MINUTES
    reach = _REACH_DAYS[series.every.rank] * DAY_MINUTES
    if newest is not None and (today if due is None else due) - newest <= reach:
        return None
    start = today - LONGEST_CATCH_UP_DAYS * DAY_MINUTES
    if series.history_from is not None:
        start = max(start, period_of(series.history_from))
    return start if newest is None else max(start, newest)


def _spread(gap: int, jitter: float) -> int:
    """Return a gap made longer by up to a quarter, and by a minute at most."""
    return gap + int(min(gap // 4, 60 * _SECOND) * jitter)


def revision_visit(series: Series, after: int) -> int | None:
    """Return the next instant, later than another, at which revisions are worth a visit.

    None for sources that revise at no set time.
    """
    of_day = _REVISIONS.get(series.source.name)
    if of_day is None:
        return None
    day = instant(after).astimezone(_NEW_YORK).date()
    while True:
        visit = micros(datetime.combine(day, of_day, _NEW_YORK).astimezone(UTC))
        if visit > after and day.weekday() < _WEEKEND:
            return visit
        day += timedelta(days=1)
