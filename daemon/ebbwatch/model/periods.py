"""Periods: the spans that numbers describe, and the axis they lie on.

A period is one integer: minutes since 1970-01-01T00:00Z of its publisher's date, at
midnight UTC for dates, or of its UTC start for hours and minutes. Instants, by contrast,
are microseconds since the epoch. ``Every`` knows where a period starts and ends.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from typing import NewType

#: An instant: microseconds since 1970-01-01T00:00Z.
Micros = NewType("Micros", int)
#: A period, or where one ends: minutes since 1970-01-01T00:00Z, as described above.
Minutes = NewType("Minutes", int)

DAY_MINUTES = 1440
#: µs of a minute.
MINUTE = 60_000_000
EPOCH = date(1970, 1, 1)
_EPOCH_ORDINAL = EPOCH.toordinal()
_EPOCH_INSTANT = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Rank(IntEnum):
    """How fast a series moves, fastest first; equal ranks align period by period."""

    MINUTES = 0
    HOUR = 1
    DAILY = 2
    WEEK = 3
    MONTH = 4
    QUARTER = 5
    YEAR = 6


def period_of(day: date) -> Minutes:
    """Return the period that a publisher's date stands for."""
    return Minutes((day.toordinal() - _EPOCH_ORDINAL) * DAY_MINUTES)


def day_of(period: Minutes) -> date:
    """Return the date on which a period lies (its UTC date, for hours and minutes)."""
    return date.fromordinal(period // DAY_MINUTES + _EPOCH_ORDINAL)


def micros(instant: datetime) -> Micros:
    """Return an aware instant as microseconds since the epoch."""
    return Micros((instant - _EPOCH_INSTANT) // _MICROSECOND)


def instant(at: Micros) -> datetime:
    """Return microseconds since the epoch as an aware UTC instant."""
    return _EPOCH_INSTANT + timedelta(microseconds=at)


def add_months(day: date, months: int) -> date:
    """Return the same day some months away, or that month's last day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@dataclass(frozen=True, slots=True)
class Every:
    """How often a series has a period.

    Attributes:
        name: As the catalogue writes it: ``business day``, ``week ending Wednesday``.
        rank: Its place among the frequencies.
        minutes: Length of a period of minutes or hours; 0 for dates.
        weekday: Of weeks, the weekday they are written by; Monday is 0.
    """

    name: str
    rank: Rank
    minutes: int = 0
    weekday: int = -1

    @property
    def dated(self) -> bool:
        """Return whether periods are dates, not instants."""
        return self.rank >= Rank.DAILY

    def end(self, period: Minutes) -> Minutes:
        """Return the minute at which a period is over (exclusive)."""
        match self.rank:
            case Rank.MINUTES | Rank.HOUR:
                return Minutes(period + self.minutes)
            case Rank.DAILY | Rank.WEEK:
                return Minutes(period + DAY_MINUTES)
            case Rank.MONTH:
                return period_of(add_months(day_of(period), 1))
            case Rank.QUARTER:
                return period_of(add_months(day_of(period), 3))
            case Rank.YEAR:
                return period_of(add_months(day_of(period), 12))

    def fault(self, period: Minutes) -> str | None:
        """Return why an integer cannot be a period of this frequency, or None."""
        match self.rank:
            case Rank.MINUTES | Rank.HOUR:
                return None if period % self.minutes == 0 else f"is no start of {self.name}"
            case Rank.DAILY:
                return None if period % DAY_MINUTES == 0 else "is no date"
            case Rank.WEEK:
                day = day_of(period)
                if day.weekday() == self.weekday:
                    return None
                return f"is a {WEEKDAYS[day.weekday()]}, not a {WEEKDAYS[self.weekday]}"
            case Rank.MONTH | Rank.QUARTER | Rank.YEAR:
                day = day_of(period)
                step = {Rank.MONTH: 1, Rank.QUARTER: 3, Rank.YEAR: 12}[self.rank]
                if day.day == 1 and (day.month - 1) % step == 0:
                    return None
                return f"is not the first day of a {self.name}"

    def text(self, period: Minutes) -> str:
        """Return a period as it is written: a date, or an instant in UTC."""
        if self.dated:
            return day_of(period).isoformat()
        return instant(Micros(period * MINUTE)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def written(self, text: str) -> Minutes:
        """Return the date or instant that a publisher wrote, be it a period or not.

        Raises:
            ValueError: If it is no date, or no instant with its offset.
        """
        period = period_of(date.fromisoformat(text[:10])) if self.dated else begin_of(text)
        if not self.dated and datetime.fromisoformat(text).tzinfo is None:
            message = f"{text} has no offset: write {text}Z for UTC"
            raise ValueError(message)
        return period

    def around(self, period: Minutes) -> Minutes:
        """Return the month, quarter or year that a date lies in; other periods as they are."""
        step = {Rank.MONTH: 1, Rank.QUARTER: 3, Rank.YEAR: 12}.get(self.rank)
        if step is None:
            return period
        day = day_of(period)
        return period_of(date(day.year, day.month - (day.month - 1) % step, 1))

    def parse(self, text: str) -> Minutes:
        """Return the period that a text stands for.

        Raises:
            ValueError: If it is no date (or instant with its offset) or not one of this
                frequency.
        """
        period = self.written(text)
        if (fault := self.fault(period)) is not None:
            message = f"{text} {fault}"
            raise ValueError(message)
        return period


def begin_of(text: str) -> Minutes:
    """Return the minute at which a period begins, by whatever frequency it was written.

    What is kept of an alert outlives an edit after which its figures come more often, or less.

    Raises:
        ValueError: If it is neither a date nor an instant.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return Minutes(micros(moment) // MINUTE)


def _frequencies() -> dict[str, Every]:
    rows = [
        Every("1 min", Rank.MINUTES, 1),
        Every("15 min", Rank.MINUTES, 15),
        Every("hour", Rank.HOUR, 60),
        Every("day", Rank.DAILY),
        Every("business day", Rank.DAILY),
        *(
            Every(f"week ending {name}", Rank.WEEK, weekday=number)
            for number, name in enumerate(WEEKDAYS)
        ),
        Every("month", Rank.MONTH),
        Every("quarter", Rank.QUARTER),
        Every("year", Rank.YEAR),
    ]
    return {every.name: every for every in rows}


#: Every frequency that a catalogue entry may name.
FREQUENCIES = _frequencies()
