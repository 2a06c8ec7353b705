"""The release clock: which period is due, at what instant, and is what we hold fresh?

Everything here is a pure function of the catalogue and of instants handed in. Instants are
microseconds since the epoch, periods minutes (`model.periods`).

A rule that counts business days (``after: 1 business day``) cannot land on a closed day. One
that counts calendar days (``after: 1 day``, ``after: 30 days``) or names a weekday (``on: third Thursday``) can, and then
moves to the next open day; single days that a calendar file moves are honoured for these alone,
because they are the publisher's exceptions to a schedule by date (the H.4.1 of 24 December 2020
came on the 28th, while the daily rates came out as always).
"""

from __future__ import annotations

import calendar as gregorian
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ebbwatch.model.calendars import FEDERAL_RESERVE, BusinessCalendar
from ebbwatch.model.periods import (
    DAY_MINUTES,
    EPOCH,
    MINUTE,
    Every,
    Micros,
    Minutes,
    Rank,
    period_of,
)
from ebbwatch.model.series import Released, Series, Weekly

Longs = NDArray[np.int64]

_DAY = DAY_MINUTES * MINUTE
_MONTHS = {Rank.MONTH: 1, Rank.QUARTER: 3, Rank.YEAR: 12}

#: Stands in columns for an instant that never comes.
NEVER = Micros(np.iinfo(np.int64).max)

#: How long after its instant a figure is merely due, and only then late.
_GRACE_HOURS = {Rank.WEEK: 24, Rank.MONTH: 168, Rank.QUARTER: 168, Rank.YEAR: 168}
_GRACE_HOURS_OF_DAYS = 2


class FreshnessState(StrEnum):
    """How fresh the newest figure held is."""

    FRESH = "fresh"
    DUE = "due"
    LATE = "late"
    STALE = "stale"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Lateness:
    """When, if nothing newer comes, a series changes its state; None for never.

    Attributes:
        due_at: The next figure should come out.
        late_at: The grace after that is over.
        stale_at: A second release was missed as well, or `stale_after` has passed.
    """

    due_at: Micros | None
    late_at: Micros | None
    stale_at: Micros | None


@dataclass(frozen=True, slots=True)
class Freshness:
    """How a series stands at an instant.

    Attributes:
        state: Of the newest figure held.
        due_period: Newest period whose figure should be out; None where nothing says so.
        due_at: When that one came, or should have come, out.
        next_period: The one after it.
        next_due_at: When that one is expected.
    """

    state: FreshnessState
    due_period: Minutes | None
    due_at: Micros | None
    next_period: Minutes | None
    next_due_at: Micros | None


class ReleaseClock:
    """Answers for a catalogue and its business calendars."""

    def __init__(self, business: Mapping[str, BusinessCalendar]) -> None:
        """Take the business calendars by name."""
        self._business = business

    def release_at(self, series: Series, period: Minutes) -> Micros:
        """Return the instant at which a period's figure comes out.

        Raises:
            ValueError: If the series has no release rule.
        """
        return Micros(int(self.release_instants(series, np.array([period], np.int64))[0]))

    def release_instants(self, series: Series, periods: Longs) -> Longs:
        """Return the instants at which the figures of periods come out, whole.

        Raises:
            ValueError: If the series has no release rule.
        """
        if not series.released:
            message = f"series {series.name} has no release rule; its data must carry known_at"
            raise ValueError(message)
        found = np.empty(periods.shape, np.int64)
        for rules, index in _by_rules(series, periods):
            found[index] = self._parts(series, rules, periods[index]).max(axis=0)
        return found

    def _parts(self, series: Series, rules: Sequence[Released], periods: Longs) -> Longs:
        """Return the instants of each release of some periods, one row a release, in no order."""
        last_days = (_ends(series.every, periods) - 1) // DAY_MINUTES
        rows = [
            _instants(self._landings(rule, last_days), rule.at, rule.zone)
            if periods.size
            else periods
            for rule in rules
        ]
        return np.stack(rows)

    # ---- periods that are published in parts -------------------------------------------

    def parts(self, series: Series, period: Minutes) -> list[tuple[Micros, str]]:
        """Return when the parts of a period come out, and their names; none for a whole one."""
        if not series.in_parts:
            return []
        axis = np.array([period], np.int64)
        ((rules, _),) = _by_rules(series, axis)
        if len(rules) == 1:
            return []
        instants = self._parts(series, rules, axis)[:, 0].tolist()
        return sorted(zip(instants, (rule.part for rule in rules), strict=True))

    def lacking(self, series: Series, periods: Longs, known: Longs) -> Longs:
        """Return how many parts of periods were still to come when figures became known.

        0 for what is whole. The first part is in any figure, however early it is known.
        """
        found = np.zeros(periods.shape, np.int64)
        for rules, index in _by_rules(series, periods) if series.in_parts else ():
            if len(rules) > 1:
                out = (self._parts(series, rules, periods[index]) <= known[index]).sum(axis=0)
                found[index] = len(rules) - np.maximum(out, 1)
        return found

    def lacking_at(self, series: Series, period: Minutes, known_at: Micros) -> int:
        """Return how many parts of a period were still to come at an instant."""
        if not series.in_parts:
            return 0
        return int(self.lacking(series, np.array([period]), np.array([known_at]))[0])

    def part(self, series: Series, period: Minutes, known_at: Micros) -> str:
        """Return up to which part of a period a figure goes; empty for one that is whole."""
        if not (lacking := self.lacking_at(series, period, known_at)):
            return ""
        return self.parts(series, period)[-1 - lacking][1]

    def first_at(self, series: Series, period: Minutes) -> Micros | None:
        """Return when to look for anything of a period; None where nothing says so."""
        parts = self.parts(series, period)
        return parts[0][0] if parts else self.expected_at(series, period)

    def next_at(self, series: Series, newest: Minutes, known_at: Micros) -> Micros | None:
        """Return when to look for what follows a figure: a part of its period, or the next one.

        Args:
            series: Of the catalogue.
            newest: The newest period held.
            known_at: When its figure became known.
        """
        if lacking := self.lacking_at(series, newest, known_at):
            return self.parts(series, newest)[-lacking][0]
        return self.first_at(series, self.next_period(series, newest))

    def due(self, series: Series, at: Micros) -> tuple[Minutes, Micros, int] | None:
        """Return which figure should be out at an instant, as far as it is published by then.

        Returns:
            Its period, when it came out last, and how many of its parts are still to come.
            None for a series of days or slower that has no release rule.
        """
        period = self.due_period(series, at)
        if period is None:
            return None
        following = self.next_period(series, period)
        out = [instant for instant, _ in self.parts(series, following) if instant <= at]
        if out:
            return following, out[-1], self.lacking_at(series, following, at)
        expected = self.expected_at(series, period)
        assert expected is not None
        return period, expected, 0

    def _landings(self, released: Released, last_days: Longs) -> Longs:
        """Return the days on which figures come out, from the last days of their periods."""
        business = self._calendar(released.calendar)
        if released.business:
            return _business_days_after(business, last_days, released.count)
        if released.on is not None:
            days = _weekdays(released.on, *_decades(last_days, more=1))
            scheduled = days[np.searchsorted(days, last_days, side="right")]
        else:
            scheduled = last_days + released.count
        landings = _business_days_after(business, scheduled, 0)
        for day, instead in business.moved:
            landings[scheduled == (day - EPOCH).days] = (instead - EPOCH).days
        return landings

    def _calendar(self, name: str) -> BusinessCalendar:
        return self._business[name]

    def next_period(self, series: Series, period: Minutes) -> Minutes:
        """Return the period after one; of business days, the next open one."""
        return Minutes(int(self.next_periods(series, np.array([period], np.int64))[0]))

    def next_periods(self, series: Series, periods: Longs) -> Longs:
        """Return the period after each of some."""
        every = series.every
        if every.name == "business day" and periods.size:
            name = series.calendar or FEDERAL_RESERVE
            days = _business_days_after(self._calendar(name), periods // DAY_MINUTES, 1)
            return days * DAY_MINUTES
        if every.rank == Rank.WEEK:
            return periods + 7 * DAY_MINUTES
        return _ends(every, periods)

    def expected_at(self, series: Series, period: Minutes) -> Micros | None:
        """Return when to look for a period's figure; None where nothing says so.

        That is its release instant; candles of minutes and hours, which have no release
        rule, are out when they end.
        """
        if series.released:
            return self.release_at(series, period)
        return None if series.every.dated else Micros(series.every.end(period) * MINUTE)

    def due_period(self, series: Series, at: Micros) -> Minutes | None:
        """Return the newest period whose figure should be out at an instant.

        None for a series of days or slower that has no release rule.
        """
        if not series.released and series.every.dated:
            return None
        period = self._period_around(series, at)
        while (expected := self.expected_at(series, period)) is None or expected > at:
            period = self._previous(series, period)
        return period

    def _period_around(self, series: Series, at: Micros) -> Minutes:
        """Return a period that is not out yet at an instant, or the newest one that is."""
        every = series.every
        if not every.dated:
            return Minutes(at // MINUTE // every.minutes * every.minutes)
        zone = ZoneInfo(series.released[-1].zone) if series.released else UTC
        day = (datetime.fromtimestamp(at // 1_000_000, UTC).astimezone(zone).date() - EPOCH).days
        match every.rank:
            case Rank.WEEK:
                # 1970-01-01 was a Thursday, weekday 3.
                return Minutes((day + (every.weekday - (day + 3)) % 7) * DAY_MINUTES)
            case Rank.MONTH | Rank.QUARTER | Rank.YEAR:
                months = np.array([day], "datetime64[D]").astype("datetime64[M]").astype(np.int64)
                return Minutes(
                    int(_from_months(months // _MONTHS[every.rank] * _MONTHS[every.rank])[0])
                )
            case _ if every.name == "business day" and series.calendar:
                open_day = self._calendar(series.calendar).on_or_before(EPOCH + timedelta(days=day))
                return period_of(open_day)
            case _:
                return Minutes(day * DAY_MINUTES)

    def _previous(self, series: Series, period: Minutes) -> Minutes:
        every = series.every
        match every.rank:
            case Rank.MINUTES | Rank.HOUR:
                return Minutes(period - every.minutes)
            case Rank.WEEK:
                return Minutes(period - 7 * DAY_MINUTES)
            case Rank.MONTH | Rank.QUARTER | Rank.YEAR:
                months = _to_months(np.array([period], np.int64)) - _MONTHS[every.rank]
                return Minutes(int(_from_months(months)[0]))
            case _ if every.name == "business day" and series.calendar:
                before = EPOCH + timedelta(days=period // DAY_MINUTES - 1)
                day = self._calendar(series.calendar).on_or_before(before)
                return period_of(day)
            case _:
                return Minutes(period - DAY_MINUTES)

    def lateness(self, series: Series, newest: Minutes, known_at: Micros) -> Lateness:
        """Return when a series becomes due, late and stale if nothing newer comes.

        Args:
            series: Of the catalogue.
            newest: The newest period held.
            known_at: When its figure became known.
        """
        columns = self.lateness_columns(
            series, np.array([newest], np.int64), np.array([known_at], np.int64)
        )
        due, late, stale = (None if c[0] == NEVER else Micros(int(c[0])) for c in columns)
        return Lateness(due, late, stale)

    def lateness_columns(
        self, series: Series, newest: Longs, known_at: Longs
    ) -> tuple[Longs, Longs, Longs]:
        """Return due, late and stale instants, each as if that period were the newest.

        `NEVER` stands for an instant that never comes.
        """
        never = np.full(newest.shape, NEVER, np.int64)
        lapsed = never
        if series.stale_after is not None:
            lapsed = known_at + series.stale_after // timedelta(microseconds=1)
        if not series.released:
            return never, never, lapsed
        grace = _GRACE_HOURS.get(series.every.rank, _GRACE_HOURS_OF_DAYS) * 60 * MINUTE
        following = self.next_periods(series, newest)
        if series.in_parts:
            # Of a period that is not whole, the rest is due.
            following = np.where(self.lacking(series, newest, known_at), newest, following)
        due = self.release_instants(series, following)
        second = self.release_instants(series, self.next_periods(series, following))
        return due, due + grace, np.minimum(second + grace, lapsed)

    def freshness(
        self, series: Series, newest: Minutes | None, known_at: Micros | None, at: Micros
    ) -> Freshness:
        """Return how a series stands.

        Args:
            series: Of the catalogue.
            newest: The newest period held; None for nothing.
            known_at: When its figure became known; None with `newest`.
            at: The instant to judge at.
        """
        due = self.due_period(series, at)
        following = None if due is None else self.next_period(series, due)
        return Freshness(
            self._state(series, newest, known_at, at),
            due,
            None if due is None else self.expected_at(series, due),
            following,
            None if following is None else self.expected_at(series, following),
        )

    def _state(
        self, series: Series, newest: Minutes | None, known_at: Micros | None, at: Micros
    ) -> FreshnessState:
        if newest is None or known_at is None:
            return FreshnessState.EMPTY
        lateness = self.lateness(series, newest, known_at)
        for state, since in (
            (FreshnessState.STALE, lateness.stale_at),
            (FreshnessState.LATE, lateness.late_at),
            (FreshnessState.DUE, lateness.due_at),
        ):
            if since is not None and since <= at:
                return state
        return FreshnessState.FRESH


def _by_rules(series: Series, periods: Longs) -> list[tuple[tuple[Released, ...], Longs]]:
    """Return the release rules that hold together, and the places of the periods they hold for."""
    begins = sorted({_since(rule) for rule in series.released})
    if len(begins) == 1:
        return [(series.released, np.arange(periods.size))]
    # What lies before the first of them goes by it.
    which = np.searchsorted(np.array(begins[1:]), periods // DAY_MINUTES, side="right")
    found = []
    for number, begin in enumerate(begins):
        index = np.flatnonzero(which == number)
        if index.size:
            rules = tuple(rule for rule in series.released if _since(rule) == begin)
            found.append((rules, index))
    return found


def _since(rule: Released) -> int:
    """Return the day since the epoch from which a rule holds."""
    return ((rule.since or date.min) - EPOCH).days


def _ends(every: Every, periods: Longs) -> Longs:
    """Return the minutes at which periods are over, as `Every.end` does for one."""
    if every.rank in _MONTHS:
        return _from_months(_to_months(periods) + _MONTHS[every.rank])
    return periods + (every.minutes or DAY_MINUTES)


def _to_months(periods: Longs) -> Longs:
    """Return the months since January 1970 in which periods begin."""
    days = (periods // DAY_MINUTES).astype("datetime64[D]")
    return days.astype("datetime64[M]").astype(np.int64)


def _from_months(months: Longs) -> Longs:
    """Return the periods that begin with months."""
    days = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return days * DAY_MINUTES


def _business_days_after(business: BusinessCalendar, days: Longs, count: int) -> Longs:
    """Return the count-th business day after each day; for 0, the day itself or the next."""
    # Even a calendar closed half the year has a hundred days in it.
    open_days = _open_days(business, *_decades(days, more=1 + count // 100))
    if count == 0:
        return open_days[np.searchsorted(open_days, days, side="left")]
    return open_days[np.searchsorted(open_days, days, side="right") + count - 1]


@cache
def _open_days(business: BusinessCalendar, first_year: int, last_year: int) -> Longs:
    years = range(first_year, last_year + 1)
    return np.fromiter((day for year in years for day in business.open_days(year)), np.int64)


@cache
def _weekdays(on: Weekly, first_year: int, last_year: int) -> Longs:
    """Return the days of some years that are such a weekday, as days since the epoch."""
    # 1970-01-01 was a Thursday, weekday 3.
    first = (date(first_year, 1, 1) - EPOCH).days
    last = (date(last_year, 12, 31) - EPOCH).days
    days = np.arange(first + (on.weekday - (first + 3)) % 7, last + 1, 7, dtype=np.int64)
    if on.nth == 0:
        return days
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    if on.nth < 0:
        chosen = (dates + 7).astype("datetime64[M]") != months
    else:
        chosen = (dates - months.astype("datetime64[D]")).astype(np.int64) // 7 == on.nth - 1
    found: Longs = days[chosen]
    return found


def _instants(days: Longs, at: time, zone: str) -> Longs:
    """Return the instants of a time of day in a zone, on days since the epoch."""
    changes, offsets = _offsets(zone, at, *_decades(days))
    clock = ((at.hour * 60 + at.minute) * 60 + at.second) * 1_000_000
    return days * _DAY + clock - offsets[np.searchsorted(changes, days, side="right") - 1]


@cache
def _offsets(zone: str, at: time, first_year: int, last_year: int) -> tuple[Longs, Longs]:
    """Return the offset from UTC at a local time in some years, in microseconds.

    Returns:
        Days since the epoch from which another offset holds, the years' first among them, and
        those offsets.
    """

    def offset(day: date) -> int:
        delta = datetime.combine(day, at, ZoneInfo(zone)).utcoffset()
        assert delta is not None
        return delta // timedelta(microseconds=1)

    changes: list[tuple[int, int]] = []
    for year in range(first_year, last_year + 1):
        for month in range(1, 13):
            length = gregorian.monthrange(year, month)[1]
            days = [date(year, month, day) for day in range(1, length + 1)]
            found = [(day, offset(day)) for day in (days[0], days[-1])]
            # Only months whose ends differ are looked at day by day.
            if found[0][1] != found[1][1]:
                found = [(day, offset(day)) for day in days]
            for day, microseconds in found:
                if not changes or microseconds != changes[-1][1]:
                    changes.append(((day - EPOCH).days, microseconds))
    return (np.array([day for day, _ in changes], np.int64),
            np.array([microseconds for _, microseconds in changes], np.int64))  # fmt: skip


def _decades(days: Longs, *, more: int = 0) -> tuple[int, int]:
    """Return the first and last year of whole decades around days: so series share tables.

    Args:
        days: Since the epoch.
        more: Years after the last day that are wanted, too.
    """
    first, last = ((EPOCH + timedelta(days=int(day))).year for day in (days.min(), days.max()))
    return max(first // 10 * 10, 1), min((last + more) // 10 * 10 + 9, 9999)
