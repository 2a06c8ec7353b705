"""Calendars: which days are business days, and which days are known to strain funding.

Two business calendars are built in. ``federal-reserve`` is that of the banks and of EFFR;
``sifma`` is that of the market for Treasuries, hence of SOFR and of the Desk's operations.
They differ on a dozen days since 2018: Good Fridays, days of mourning, and Fridays before
a Saturday holiday, which the Federal Reserve does not observe.
"""

from __future__ import annotations

import calendar
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache

from ebbwatch.model.closed_days import CLOSED, LAST
from ebbwatch.model.periods import EPOCH, Every, Minutes, Rank, day_of

FEDERAL_RESERVE = "federal-reserve"
SIFMA = "sifma"

#: Built-in business calendars, and what the holidays package calls them.
_MARKETS = {FEDERAL_RESERVE: "XFED", SIFMA: "XSIF"}

#: Turns by strength: of several that hold, messages name the first.
STRONGEST_FIRST = ("year-end", "quarter-end", "month-end", "tax-date", "coupon-settlement")

_DAY = timedelta(days=1)
_WEEKEND = 5  # weekday() of Saturday


def good_friday(year: int) -> date:
    """Return the Friday before Easter, by the Gregorian computus."""
    century = year // 100
    golden = year % 19
    correction = century - century // 4 - (8 * century + 13) // 25
    epact = (19 * golden + correction + 15) % 30
    epact -= epact // 28 * (1 - 29 // (epact + 1) * ((21 - golden) // 11))
    weekday = (year + year // 4 + epact + 2 - century + century // 4) % 7
    offset = epact - weekday
    month = 3 + (offset + 40) // 44
    return date(year, month, offset + 28 - 31 * (month // 4)) - 2 * _DAY


@cache
def _holidays(name: str, year: int) -> frozenset[date]:
    """Return the days of a year on which a market is closed, weekends apart."""
    if year <= LAST:
        # The package holds no closed days before 1999: nothing is known of years before the table.
        texts = CLOSED[name].get(year, "").split()
        days = {date(year, int(text[:2]), int(text[2:])) for text in texts}
    else:
        import holidays  # noqa: PLC0415 - costs 150 ms and 10 MiB, which no year of the table needs

        days = set(holidays.financial_holidays(_MARKETS[name], years=year))
    if name == SIFMA:
        # The package calls three Good Fridays business days (2021-04-02, 2023-04-07,
        # 2026-04-03: payrolls came out and trading stopped at noon). SOFR has no value on
        # any of them. Source: markets.newyorkfed.org API, as recorded 2026-09-28.
        days.add(good_friday(year))
    return frozenset(days)


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """Which days are business days.

    Attributes:
        name: ``federal-reserve`` or ``sifma``.
        closed: Days closed beyond its holidays.
        opened: Holidays (or weekend days) that are business days all the same.
        moved: Pairs: what was scheduled for the first day came out on the second.
    """

    name: str
    closed: frozenset[date] = frozenset()
    opened: frozenset[date] = frozenset()
    moved: tuple[tuple[date, date], ...] = ()

    def is_open(self, day: date) -> bool:
        """Return whether a day is a business day."""
        if day in self.opened:
            return True
        return (
            day.weekday() < _WEEKEND
            and day not in self.closed
            and day not in _holidays(self.name, day.year)
        )

    def on_or_after(self, day: date) -> date:
        """Return the day itself if it is a business day, else the next one."""
        while not self.is_open(day):
            day += _DAY
        return day

    def on_or_before(self, day: date) -> date:
        """Return the day itself if it is a business day, else the one before."""
        while not self.is_open(day):
            day -= _DAY
        return day

    def add(self, day: date, n: int) -> date:
        """Return the n-th business day strictly after a day, or before it for a negative n.

        Zero gives the day itself, or the next business day where it is none.
        """
        if n == 0:
            return self.on_or_after(day)
        step = _DAY if n > 0 else -_DAY
        for _ in range(abs(n)):
            day += step
            while not self.is_open(day):
                day += step
        return day

    def landing(self, day: date) -> date:
        """Return when a release scheduled for a day comes out.

        A moved day counts first, else a day that is no business day gives the next one.
        """
        return dict(self.moved).get(day) or self.on_or_after(day)

    def open_days(self, year: int) -> array[int]:
        """Return the business days of a year, in days since 1970-01-01, in order."""
        return _open_days(self, year)


@cache
def _open_days(business: BusinessCalendar, year: int) -> array[int]:
    first = (date(year, 1, 1) - EPOCH).days
    length = 366 if calendar.isleap(year) else 365
    days = range(first, first + length)
    return array("q", (day for day in days if business.is_open(EPOCH + day * _DAY)))


def business_calendar(
    name: str,
    closed: tuple[date, ...] = (),
    moved: tuple[tuple[date, date], ...] = (),
    opened: tuple[date, ...] = (),
) -> BusinessCalendar:
    """Return a built-in business calendar with single days changed.

    Raises:
        ValueError: If there is no calendar of that name.
    """
    if name not in _MARKETS:
        message = f"there is no business calendar {name!r}; there are {', '.join(_MARKETS)}"
        raise ValueError(message)
    return BusinessCalendar(name, frozenset(closed), frozenset(opened), moved)


@dataclass(frozen=True, slots=True)
class TurnCalendar:
    """Days around which funding is known to be dear: a month end, a tax date.

    Attributes:
        name: ``quarter-end``.
        anchors: Where the windows hang: ``last business day`` of the month, a day of the
            month (``15 or next`` business day), ``last calendar day or next`` business day.
        months: In which months, 1 to 12.
        before: Business days before the anchor that still belong to the window.
        after: Business days after it that do.
        dates: Further anchors, by date: deadlines that were moved.
    """

    name: str
    anchors: tuple[str, ...]
    months: tuple[int, ...] = tuple(range(1, 13))
    before: int = 0
    after: int = 0
    dates: tuple[date, ...] = ()

    def anchor_days(self, business: BusinessCalendar, year: int) -> Iterator[date]:
        """Yield the anchors that belong to the months of a year, in no order."""
        for month in self.months:
            for anchor in self.anchors:
                yield _anchored(anchor, business, year, month)
        for day in self.dates:
            if day.year == year:
                yield business.on_or_after(day)

    def fault(self) -> str | None:
        """Return why an anchor cannot be understood, or None."""
        for anchor in self.anchors:
            head, _, rest = anchor.partition(" ")
            if anchor in (_LAST_BUSINESS, _LAST_CALENDAR):
                continue
            if not (rest == "or next" and head.isdecimal() and 1 <= int(head) <= 28):
                return (
                    f"cannot read anchor {anchor!r}; expected '{_LAST_BUSINESS}', "
                    f"'{_LAST_CALENDAR}' or a day of the month such as '15 or next'"
                )
        return None


_LAST_BUSINESS = "last business day"
_LAST_CALENDAR = "last calendar day or next"


def _anchored(anchor: str, business: BusinessCalendar, year: int, month: int) -> date:
    last = date(year, month, calendar.monthrange(year, month)[1])
    match anchor:
        case "last business day":
            return business.on_or_before(last)
        case "last calendar day or next":
            return business.on_or_after(last)
        case _:
            return business.on_or_after(date(year, month, int(anchor.split(maxsplit=1)[0])))


def _strength(turn: TurnCalendar) -> int:
    """Return where a turn stands among the strongest; the user's own come last."""
    named = STRONGEST_FIRST.index(turn.name) if turn.name in STRONGEST_FIRST else None
    return len(STRONGEST_FIRST) if named is None else named


@lru_cache(maxsize=1024)
def _turns_by_day(
    turns: tuple[TurnCalendar, ...], business: BusinessCalendar, year: int, weekday: int
) -> Mapping[date, tuple[str, ...]]:
    """Return the names of turns by date of the reading, for a year.

    Args:
        turns: Of the ruleset, in the order of its files.
        business: In whose business days windows are counted.
        year: Of the reading's date.
        weekday: By which weeks are written; -1 for series of days or faster.
    """
    names: dict[date, tuple[str, ...]] = {}
    for turn in sorted(turns, key=_strength):
        # A window may reach over New Year: the anchors of three years matter.
        anchors = (a for y in (year - 1, year, year + 1) for a in turn.anchor_days(business, y))
        days: set[date] = set()
        for anchor in anchors:
            if weekday >= 0:
                days.add(anchor + (weekday - anchor.weekday()) % 7 * _DAY)
                continue
            first = business.add(anchor, -turn.before) if turn.before else anchor
            last = business.add(anchor, turn.after) if turn.after else anchor
            days.update(first + n * _DAY for n in range((last - first).days + 1))
        for day in days:
            if day.year == year:
                names[day] = (*names.get(day, ()), turn.name)
    return names


def turns_of(
    period: Minutes,
    every: Every,
    calendars: Mapping[str, TurnCalendar],
    business: BusinessCalendar,
) -> tuple[str, ...]:
    """Return the turns that a reading's period lies in, strongest first.

    The period is judged, never the hour of publication. A week is in a turn when the
    anchor is one of its seven days; months, quarters and years never are; minutes and
    hours count by their UTC date.

    Args:
        period: Of the reading.
        every: Its frequency.
        calendars: By name, in the order of the files, which ranks those of users.
        business: In whose business days windows are counted: SIFMA's.
    """
    if every.rank > Rank.WEEK:
        return ()
    day = day_of(period)
    names = _turns_by_day(tuple(calendars.values()), business, day.year, every.weekday)
    return names.get(day, ())
