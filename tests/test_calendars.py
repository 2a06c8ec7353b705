"""Business days and turns, against what the publishers did."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from ebbwatch.model.calendars import (
    BusinessCalendar,
    TurnCalendar,
    business_calendar,
    good_friday,
    turns_of,
)
from ebbwatch.model.periods import FREQUENCIES, period_of
from tests.paths import ROOT

FED = business_calendar("federal-reserve")
SIFMA = business_calendar("sifma")

YEAR_END = TurnCalendar("year-end", ("last business day",), (12,), 3, 2)
QUARTER_END = TurnCalendar("quarter-end", ("last business day",), (3, 6, 9), 0, 2)
MONTH_END = TurnCalendar("month-end", ("last business day",), (1, 2, 4, 5, 7, 8, 10, 11), 0, 2)
TAX_DATE = TurnCalendar(
    "tax-date",
    ("15 or next",),
    (3, 4, 6, 9, 12),
    0,
    1,
    (date(2020, 7, 15), date(2021, 5, 17)),
)
SETTLEMENT = TurnCalendar("coupon-settlement", ("15 or next", "last calendar day or next"), after=1)
#: In an order that is not that of strength.
TURNS = {t.name: t for t in (SETTLEMENT, TAX_DATE, MONTH_END, QUARTER_END, YEAR_END)}


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "fed", "sifma"),
    [
        ("2018-12-05", True, False),  # day of mourning
        ("2019-04-19", True, False),  # Good Friday
        ("2020-07-03", True, False),  # the Fed does not observe a Saturday holiday on Friday
        ("2021-04-02", True, False),  # Good Friday with payrolls: SOFR has no value
        ("2021-06-18", True, True),  # Juneteenth of 2021 fell on a Saturday
        ("2021-07-05", False, False),  # a Sunday holiday is observed on Monday
        ("2021-12-24", True, False),
        ("2021-12-31", True, True),  # New Year's Day of 2022 fell on a Saturday
        ("2023-04-07", True, False),
        ("2024-02-19", False, False),
        ("2025-01-09", True, True),  # day of mourning with an early close
        ("2026-04-03", True, False),
        ("2026-06-19", False, False),
        ("2026-07-03", True, False),
        ("2026-07-04", False, False),
        ("2026-11-26", False, False),
        ("2026-11-27", True, True),
    ],
)
def test_a_day_is_open_where_the_publishers_were(text: str, fed: bool, sifma: bool) -> None:
    """The two calendars differ exactly where EFFR came out and SOFR did not."""
    assert (FED.is_open(day(text)), SIFMA.is_open(day(text))) == (fed, sifma)


def _days_with_a_figure(series: str) -> set[date]:
    path = ROOT.parent / "shared" / "history" / f"{series}.csv"
    if not path.is_file():
        pytest.skip("the collected history is not beside this checkout")
    with path.open(encoding="utf-8", newline="") as lines:
        return {day(row["period"]) for row in csv.DictReader(lines)}


def _open_days(calendar: BusinessCalendar, first: date, last: date) -> Iterator[date]:
    for n in range((last - first).days + 1):
        if calendar.is_open(first + timedelta(days=n)):
            yield first + timedelta(days=n)


@pytest.mark.parametrize(("calendar", "series"), [(FED, "EFFR"), (SIFMA, "SOFR")])
def test_every_open_day_has_a_rate_and_no_other(calendar: BusinessCalendar, series: str) -> None:
    """Over its whole history a rate has a value on the open days of its calendar alone."""
    figures = _days_with_a_figure(series)
    figures.discard(date(2003, 7, 20))  # a Sunday that stands in EFFR's history
    assert set(_open_days(calendar, min(figures), max(figures))) == figures


def test_good_friday_is_two_days_before_easter() -> None:
    """The earliest and latest Easters and the years around now are right."""
    expected = {
        1818: "1818-03-20",
        1943: "1943-04-23",
        1981: "1981-04-17",
        2008: "2008-03-21",
        2024: "2024-03-29",
        2025: "2025-04-18",
        2026: "2026-04-03",
        2038: "2038-04-23",
        2049: "2049-04-16",
    }
    assert {year: good_friday(year).isoformat() for year in expected} == expected


@pytest.mark.parametrize(
    ("start", "n", "expected"),
    [
        ("2026-07-02", 1, "2026-07-06"),  # over the Friday that SIFMA closes, and a weekend
        ("2026-07-03", 0, "2026-07-06"),
        ("2026-07-06", 0, "2026-07-06"),
        ("2026-07-06", -1, "2026-07-02"),
        ("2026-07-05", 1, "2026-07-06"),
        ("2026-07-05", -1, "2026-07-02"),
        ("2025-12-31", 1, "2026-01-02"),
        ("2025-12-31", -3, "2025-12-26"),
        ("2025-09-30", 8, "2025-10-10"),
    ],
)
def test_business_days_are_counted_strictly_after_or_before(
    start: str, n: int, expected: str
) -> None:
    """Zero stays, or moves on to the next open day."""
    assert SIFMA.add(day(start), n) == day(expected)


def test_single_days_can_be_closed_opened_and_moved() -> None:
    """What a calendar file changes counts before weekends and holidays."""
    changed = business_calendar(
        "federal-reserve",
        closed=(day("2018-12-05"),),
        opened=(day("2026-11-26"),),
        moved=((day("2020-12-24"), day("2020-12-28")),),
    )
    assert [
        changed.is_open(day("2018-12-05")),
        changed.is_open(day("2026-11-26")),
        changed.landing(day("2020-12-24")),
        changed.landing(day("2020-12-25")),
        changed.landing(day("2020-12-23")),
        changed.on_or_after(day("2020-12-24")),
        changed.on_or_before(day("2018-12-05")),
    ] == [
        False,
        True,
        day("2020-12-28"),
        day("2020-12-28"),
        day("2020-12-23"),
        day("2020-12-24"),
        day("2018-12-04"),
    ]
    assert FED.is_open(day("2018-12-05"))


def test_an_unknown_business_calendar_is_refused_with_what_there_is() -> None:
    """The complaint names both calendars."""
    with pytest.raises(
        ValueError,
        match="no business calendar 'target2'; there are federal-reserve, sifma",
    ):
        business_calendar("target2")


def test_open_days_of_a_year_are_those_that_are_open_one_by_one() -> None:
    """The listing and the question agree, leap day included."""
    listed = [date(1970, 1, 1) + timedelta(days=n) for n in SIFMA.open_days(2024)]
    assert listed == list(_open_days(SIFMA, date(2024, 1, 1), date(2024, 12, 31)))
    assert date(2024, 2, 29) in listed


# ---- turns -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        # Year end: three business days before to two after.
        ("2025-12-24", ()),
        ("2025-12-26", ("year-end",)),
        ("2025-12-31", ("year-end", "coupon-settlement")),
        ("2026-01-02", ("year-end", "coupon-settlement")),
        ("2026-01-05", ("year-end",)),
        ("2026-01-06", ()),
        # The first quarter of 2024 ends on Thursday the 28th: Good Friday is no business day.
        # The Sunday's settlement moves to Monday the 1st.
        ("2024-03-27", ()),
        ("2024-03-28", ("quarter-end",)),
        ("2024-04-01", ("quarter-end", "coupon-settlement")),
        ("2024-04-02", ("quarter-end", "coupon-settlement")),
        ("2024-04-03", ()),
        # Month end and settlement differ when the month ends on a weekend.
        ("2025-10-31", ("month-end", "coupon-settlement")),
        ("2025-11-28", ("month-end",)),
        ("2025-12-01", ("month-end", "coupon-settlement")),
        # The tax date falls with the mid-month settlement.
        ("2019-09-16", ("tax-date", "coupon-settlement")),
        ("2019-09-17", ("tax-date", "coupon-settlement")),
        ("2019-09-18", ()),
        ("2025-11-17", ("coupon-settlement",)),
        # Deadlines that were moved, by date.
        ("2020-07-15", ("tax-date", "coupon-settlement")),
        ("2021-05-17", ("tax-date", "coupon-settlement")),
        ("2021-05-18", ("tax-date", "coupon-settlement")),
        ("2022-05-17", ("coupon-settlement",)),
    ],
)
def test_a_day_lies_in_the_turns_around_it_strongest_first(
    text: str, turns: tuple[str, ...]
) -> None:
    """Windows are counted in SIFMA business days and include both ends."""
    period = period_of(day(text))
    assert turns_of(period, FREQUENCIES["business day"], TURNS, SIFMA) == turns


def test_a_weekend_inside_a_window_is_in_the_turn() -> None:
    """A series with seven days a week is in the turn on the days between."""
    saturday = period_of(day("2025-11-29"))
    assert turns_of(saturday, FREQUENCIES["day"], TURNS, SIFMA) == ("month-end",)


@pytest.mark.parametrize(
    ("every", "text", "turns"),
    [
        # Thursday to Wednesday: the week holds Tuesday 30 September 2025.
        ("week ending Wednesday", "2025-10-01", ("quarter-end", "coupon-settlement")),
        # Wednesday 8 October lies after it, though 2 October still is in the daily window.
        ("week ending Wednesday", "2025-10-08", ()),
        ("week ending Wednesday", "2025-09-24", ()),
        # The anchor is the last of the seven days, and the first.
        ("week ending Wednesday", "2025-12-31", ("year-end", "coupon-settlement")),
        ("week ending Thursday", "2026-01-01", ("year-end", "coupon-settlement")),
        ("week ending Tuesday", "2026-01-06", ("year-end", "coupon-settlement")),
        ("week ending Tuesday", "2025-12-30", ()),
        ("month", "2025-12-01", ()),
        ("quarter", "2025-10-01", ()),
        ("year", "2025-01-01", ()),
    ],
)
def test_a_week_is_in_the_turn_of_an_anchor_among_its_days(
    every: str, text: str, turns: tuple[str, ...]
) -> None:
    """Weeks are judged by the anchor alone; months and slower never."""
    assert turns_of(period_of(day(text)), FREQUENCIES[every], TURNS, SIFMA) == turns


def test_minutes_count_by_their_utc_date() -> None:
    """A candle late on 31 December belongs to the year end, one of the 7th to nothing."""
    minutes = FREQUENCIES["15 min"]
    assert turns_of(minutes.parse("2025-12-31T23:45:00Z"), minutes, TURNS, SIFMA) == (
        "year-end",
        "coupon-settlement",
    )
    assert turns_of(minutes.parse("2026-01-07T00:00:00Z"), minutes, TURNS, SIFMA) == ()


def test_turns_of_users_come_last_in_the_order_of_their_files() -> None:
    """Built-in turns are the stronger ones."""
    own = {
        "refunding": TurnCalendar("refunding", ("15 or next",), (2, 5, 8, 11)),
        "auction": TurnCalendar("auction", ("15 or next",), (11,)),
        **TURNS,
    }
    period = period_of(day("2024-11-15"))
    assert turns_of(period, FREQUENCIES["business day"], own, SIFMA) == (
        "coupon-settlement",
        "refunding",
        "auction",
    )


@pytest.mark.parametrize(
    ("anchor", "fault"),
    [
        ("last business day", None),
        ("last calendar day or next", None),
        ("1 or next", None),
        ("28 or next", None),
        ("29 or next", "cannot read anchor '29 or next'"),
        ("15 or before", "cannot read anchor '15 or before'"),
        ("", "cannot read anchor ''"),
    ],
)
def test_an_anchor_that_cannot_be_understood_is_named(anchor: str, fault: str | None) -> None:
    """A day that not every month has is no anchor."""
    found = TurnCalendar("t", (anchor,)).fault()
    assert (found or "").partition(";")[0] == (fault or "")
