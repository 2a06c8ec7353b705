"""When figures come out, and when their absence is news."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbwatch.core.facts.release_clock import (
    NEVER,
    Freshness,
    FreshnessState,
    Lateness,
    ReleaseClock,
)
from ebbwatch.model.calendars import business_calendar
from ebbwatch.model.periods import DAY_MINUTES, FREQUENCIES, instant, micros, period_of
from ebbwatch.model.series import Released, Series, SourceRef, Weekly
from ebbwatch.model.units import UNITS

NEW_YORK = ZoneInfo("America/New_York")
CLOCK = ReleaseClock(
    {
        "federal-reserve": business_calendar(
            "federal-reserve", moved=((date(2020, 12, 24), date(2020, 12, 28)),)
        ),
        "sifma": business_calendar("sifma"),
    }
)


def series(
    every: str,
    released: Released | None,
    *,
    stale_after: timedelta | None = None,
) -> Series:
    return Series(
        "x",
        SourceRef("csv", "x.csv"),
        UNITS["number"],
        FREQUENCIES[every],
        released=() if released is None else (released,),
        stale_after=stale_after,
    )


def rule(
    count: int,
    at: str,
    calendar: str = "federal-reserve",
    *,
    business: bool = True,
    zone: str = "America/New_York",
    on: Weekly | None = None,
) -> Released:
    return Released(count, business, time.fromisoformat(at), zone, calendar, on)


SOFR = series("business day", rule(1, "08:00", "sifma"))
EFFR = series("business day", rule(1, "09:00"))
REVERSE_REPO = series("business day", rule(0, "13:15", "sifma"))
H41 = series("week ending Wednesday", rule(1, "16:30", business=False))
DEFICIT = series("month", rule(8, "14:00"))
GDP = series("quarter", rule(30, "08:30", business=False), stale_after=timedelta(days=240))
THIRD_THURSDAY = rule(0, "10:00", business=False, on=Weekly(3, 3))
ELASTICITY = series("month", THIRD_THURSDAY)
ELASTICITY_DAILY = series("business day", THIRD_THURSDAY)
FRIDAYS = series("week ending Wednesday", rule(0, "16:15", business=False, on=Weekly(4)))
LAST_MONDAY = series("month", rule(0, "09:00", business=False, on=Weekly(0, -1)))
FOURTH_THURSDAY = series("month", rule(0, "09:00", business=False, on=Weekly(3, 4)))
ANNUAL = series("year", rule(60, "08:30", business=False))
EVERY_DAY = series("day", rule(0, "08:00", business=False))
PRICE = series("15 min", None, stale_after=timedelta(hours=26))
ANNOUNCED = series("day", None, stale_after=timedelta(days=60))


def ny(text: str) -> int:
    return micros(datetime.fromisoformat(text).replace(tzinfo=NEW_YORK))


def text(at: int | None) -> str | None:
    """Return an instant as a clock in New York shows it."""
    return None if at is None else instant(at).astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M")


def period(day: str) -> int:
    return period_of(date.fromisoformat(day))


@pytest.mark.parametrize(
    ("which", "day", "released"),
    [
        # Business days of SIFMA: Good Friday, and Friday 3 July 2026, are none.
        (SOFR, "2026-04-02", "2026-04-06 08:00"),
        (SOFR, "2026-07-02", "2026-07-06 08:00"),
        (SOFR, "2018-12-04", "2018-12-06 08:00"),
        (SOFR, "2025-10-31", "2025-11-03 08:00"),
        # The Federal Reserve is open on both.
        (EFFR, "2026-04-02", "2026-04-03 09:00"),
        (EFFR, "2026-07-02", "2026-07-03 09:00"),
        (EFFR, "2025-11-10", "2025-11-12 09:00"),
        # Year ends.
        (SOFR, "2025-12-31", "2026-01-02 08:00"),
        (SOFR, "2021-12-31", "2022-01-03 08:00"),
        # A moved day is the exception to a schedule by date, not to daily rates.
        (EFFR, "2020-12-23", "2020-12-24 09:00"),
        # Operations: the same day.
        (REVERSE_REPO, "2025-10-31", "2025-10-31 13:15"),
        (REVERSE_REPO, "2026-07-03", "2026-07-06 13:15"),
        # H.4.1: Thursday, or the next business day; once the Monday after.
        (H41, "2025-10-29", "2025-10-30 16:30"),
        (H41, "2020-12-23", "2020-12-28 16:30"),
        (H41, "2025-01-01", "2025-01-02 16:30"),
        (H41, "2026-11-25", "2026-11-27 16:30"),
        (H41, "2020-12-30", "2020-12-31 16:30"),
        # Monthly Treasury Statement: the eighth business day of the next month.
        (DEFICIT, "2025-08-01", "2025-09-11 14:00"),
        (DEFICIT, "2025-09-01", "2025-10-10 14:00"),
        (DEFICIT, "2025-12-01", "2026-01-13 14:00"),
        (DEFICIT, "2024-02-01", "2024-03-12 14:00"),
        # GDP: thirty days after the quarter, weekends moved on.
        (GDP, "2025-07-01", "2025-10-30 08:30"),
        (GDP, "2025-10-01", "2026-01-30 08:30"),
        (GDP, "2025-04-01", "2025-07-30 08:30"),
        (GDP, "2022-01-01", "2022-05-02 08:30"),
        (ANNUAL, "2023-01-01", "2024-02-29 08:30"),
        # A weekday of the month: the first one after the period's end.
        (ELASTICITY, "2026-10-01", "2026-11-19 10:00"),
        (ELASTICITY, "2025-12-01", "2026-01-15 10:00"),
        (ELASTICITY_DAILY, "2026-11-18", "2026-11-19 10:00"),
        (ELASTICITY_DAILY, "2026-11-19", "2026-12-17 10:00"),
        (FRIDAYS, "2026-11-18", "2026-11-20 16:15"),
        (LAST_MONDAY, "2026-04-01", "2026-05-26 09:00"),  # Memorial Day
        (LAST_MONDAY, "2026-07-01", "2026-08-31 09:00"),
        (FOURTH_THURSDAY, "2026-10-01", "2026-11-27 09:00"),  # Thanksgiving
    ],
)
def test_a_figure_comes_out_when_its_rule_says(which: Series, day: str, released: str) -> None:
    """Rules count from the period's last day and land on business days."""
    assert text(CLOCK.release_at(which, period(day))) == released


@pytest.mark.parametrize(
    ("which", "day", "utc"),
    [
        (SOFR, "2026-03-05", "2026-03-06 13:00"),  # the last winter day
        (SOFR, "2026-03-06", "2026-03-09 12:00"),  # clocks went forward on the 8th
        (SOFR, "2026-10-29", "2026-10-30 12:00"),  # the last summer day
        (SOFR, "2026-10-30", "2026-11-02 13:00"),  # clocks went back on the 1st
        (H41, "2026-03-04", "2026-03-05 21:30"),
        (H41, "2026-03-11", "2026-03-12 20:30"),
    ],
)
def test_local_times_stay_where_they_are_when_clocks_change(
    which: Series, day: str, utc: str
) -> None:
    """Eight in the morning in New York is another instant in summer."""
    assert instant(CLOCK.release_at(which, period(day))).strftime("%Y-%m-%d %H:%M") == utc


def test_clocks_that_change_on_the_day_itself_are_right_on_either_side() -> None:
    """A release on the Sunday of a change takes the offset of its own hour."""
    early = series("day", rule(0, "01:30", business=False, zone="Asia/Taipei"))
    at = CLOCK.release_at(early, period("2026-03-09"))
    assert instant(at) == datetime(2026, 3, 8, 17, 30, tzinfo=UTC)

    # London changes at 01:00 UTC on Sunday 29 March 2026; 00:30 is before, 03:00 after.
    open_sunday = ReleaseClock(
        {"sifma": business_calendar("sifma", opened=(date(2026, 3, 29),))},
    )
    found = [
        instant(
            open_sunday.release_at(
                series("day", rule(0, at, "sifma", business=False, zone="Europe/London")),
                period("2026-03-29"),
            )
        )
        for at in ("00:30", "03:00")
    ]
    assert found == [
        datetime(2026, 3, 29, 0, 30, tzinfo=UTC),
        datetime(2026, 3, 29, 2, 0, tzinfo=UTC),
    ]


def test_a_series_without_a_release_rule_is_refused_by_name() -> None:
    """Its data must carry known_at, and the complaint says so."""
    with pytest.raises(ValueError, match="series x has no release rule; its data must carry known"):
        CLOCK.release_at(PRICE, 0)


@given(
    which=st.sampled_from([SOFR, EFFR, REVERSE_REPO, H41]),
    days=st.lists(st.dates(date(2000, 1, 1), date(2030, 12, 31)), min_size=1, max_size=40),
)
def test_columns_and_single_periods_agree_with_the_calendar(
    which: Series, days: list[date]
) -> None:
    """The arithmetic on arrays is that of `BusinessCalendar`, one day at a time."""
    (released,) = which.released
    business = CLOCK._business[released.calendar]
    columns = CLOCK.release_instants(which, np.array([period_of(d) for d in days], np.int64))
    expected = []
    for day in days:
        if released.business:
            landing = business.add(day, released.count)
        else:
            landing = business.landing(day + timedelta(days=released.count))
        expected.append(micros(datetime.combine(landing, released.at, NEW_YORK)))
    assert columns.tolist() == expected


def test_no_periods_have_no_instants() -> None:
    """An empty column stays empty."""
    empty = np.array([], np.int64)
    assert CLOCK.release_instants(SOFR, empty).tolist() == []
    assert CLOCK.next_periods(SOFR, empty).tolist() == []


@pytest.mark.parametrize(
    ("which", "day", "following"),
    [
        (SOFR, "2026-07-02", "2026-07-06"),
        (EFFR, "2026-07-02", "2026-07-03"),
        (EFFR, "2003-07-20", "2003-07-21"),
        (series("business day", None), "2026-07-02", "2026-07-03"),
        (ANNOUNCED, "2026-02-28", "2026-03-01"),
        (H41, "2025-12-31", "2026-01-07"),
        (DEFICIT, "2025-12-01", "2026-01-01"),
        (GDP, "2025-10-01", "2026-01-01"),
        (ANNUAL, "2025-01-01", "2026-01-01"),
    ],
)
def test_the_next_period_follows_the_series_own_calendar(
    which: Series, day: str, following: str
) -> None:
    """Business days skip what their publisher skips."""
    assert CLOCK.next_period(which, period(day)) == period(following)


def test_the_next_candle_starts_where_one_ends() -> None:
    """Minutes and hours go on without a break."""
    assert CLOCK.next_period(PRICE, 15) == 30
    assert CLOCK.next_period(series("hour", None), 60) == 120


@pytest.mark.parametrize(
    ("which", "at", "due"),
    [
        (SOFR, "2025-11-03 07:59", "2025-10-30"),
        (SOFR, "2025-11-03 08:00", "2025-10-31"),
        (SOFR, "2026-07-04 12:00", "2026-07-01"),
        (SOFR, "2026-07-06 08:00", "2026-07-02"),
        (REVERSE_REPO, "2026-07-03 18:00", "2026-07-02"),
        (H41, "2020-12-27 12:00", "2020-12-16"),
        (H41, "2020-12-28 16:30", "2020-12-23"),
        (DEFICIT, "2025-09-11 13:59", "2025-07-01"),
        (DEFICIT, "2025-09-11 14:00", "2025-08-01"),
        (GDP, "2025-12-01 00:00", "2025-07-01"),
        # A figure for every day that comes out on business days: Sunday's and Saturday's with
        # Monday's.
        (EVERY_DAY, "2026-11-22 12:00", "2026-11-20"),
        (EVERY_DAY, "2026-11-23 08:00", "2026-11-23"),
        (ANNUAL, "2024-02-29 08:00", "2022-01-01"),
    ],
)
def test_the_newest_period_due_is_the_last_whose_instant_has_passed(
    which: Series, at: str, due: str
) -> None:
    """The instant itself counts as passed."""
    assert CLOCK.due_period(which, ny(at)) == period(due)


def test_candles_are_due_when_they_end_and_announcements_never() -> None:
    """A price has no release rule and yet is expected; an announced rate is not."""
    at = micros(datetime(2026, 11, 24, 12, 29, 59, tzinfo=UTC))
    due = CLOCK.due_period(PRICE, at)
    assert due is not None
    assert FREQUENCIES["15 min"].text(due) == "2026-11-24T12:00:00Z"
    assert CLOCK.due_period(ANNOUNCED, at) is None


@pytest.mark.parametrize(
    ("which", "day", "known", "due", "late", "stale"),
    [
        # Two hours for business days; the second release is Wednesday's.
        (
            SOFR,
            "2025-10-30",
            "2025-10-31 08:00",
            "2025-11-03 08:00",
            "2025-11-03 10:00",
            "2025-11-04 10:00",
        ),
        (
            H41,
            "2025-10-22",
            "2025-10-23 16:30",
            "2025-10-30 16:30",
            "2025-10-31 16:30",
            "2025-11-07 16:30",
        ),
        (
            DEFICIT,
            "2025-07-01",
            "2025-08-12 14:00",
            "2025-09-11 14:00",
            "2025-09-18 14:00",
            "2025-10-17 14:00",
        ),
        # A second missed release comes before 240 days; a grace of seven days is elapsed time.
        (
            GDP,
            "2025-04-01",
            "2025-09-25 08:30",
            "2025-10-30 08:30",
            "2025-11-06 07:30",
            "2026-02-06 08:30",
        ),
        # `stale_after` comes first where the figure is old.
        (
            GDP,
            "2025-04-01",
            "2025-03-01 08:30",
            "2025-10-30 08:30",
            "2025-11-06 07:30",
            "2025-10-27 09:30",
        ),
        # No release rule: never due, never late.
        (ANNOUNCED, "2026-11-24", "2026-10-28 14:00", None, None, "2026-12-27 13:00"),
        (series("day", None), "2026-11-24", "2026-10-28 14:00", None, None, None),
    ],
)
def test_lateness_says_what_time_alone_will_do(
    which: Series, day: str, known: str, due: str | None, late: str | None, stale: str | None
) -> None:
    """Due, late and stale, if nothing newer comes."""
    found = CLOCK.lateness(which, period(day), ny(known))
    assert [text(found.due_at), text(found.late_at), text(found.stale_at)] == [due, late, stale]


def test_columns_of_lateness_are_those_of_single_figures() -> None:
    """Many figures at once give what each alone gives; never is `NEVER`."""
    days = [period(day) for day in ("2025-10-30", "2026-07-02", "2026-03-06")]
    known = [CLOCK.release_at(SOFR, day) for day in days]
    columns = CLOCK.lateness_columns(SOFR, np.array(days, np.int64), np.array(known, np.int64))
    assert [Lateness(*(int(column[n]) for column in columns)) for n in range(len(days))] == [
        CLOCK.lateness(SOFR, *pair) for pair in zip(days, known, strict=True)
    ]
    never = CLOCK.lateness_columns(series("day", None), np.array(days), np.array(known))
    assert [column.tolist() for column in never] == [[NEVER] * 3] * 3


# The newest figure held is SOFR of Thursday 30 October 2025; Friday's is due on Monday at 8.
@pytest.mark.parametrize(
    ("at", "state"),
    [
        ("2025-10-31 08:00", FreshnessState.FRESH),
        ("2025-11-03 07:59", FreshnessState.FRESH),
        ("2025-11-03 08:00", FreshnessState.DUE),
        ("2025-11-03 09:59", FreshnessState.DUE),
        ("2025-11-03 10:00", FreshnessState.LATE),
        ("2025-11-04 09:59", FreshnessState.LATE),
        ("2025-11-04 10:00", FreshnessState.STALE),
        ("2026-11-04 10:00", FreshnessState.STALE),
    ],
)
def test_a_figure_ages_from_fresh_to_stale(at: str, state: FreshnessState) -> None:
    """Each boundary belongs to what it begins."""
    found = CLOCK.freshness(SOFR, period("2025-10-30"), ny("2025-10-31 08:00"), ny(at))
    assert found.state is state


def test_freshness_names_what_is_due_and_what_comes_next() -> None:
    """The whole answer, for a figure that is late."""
    found = CLOCK.freshness(
        GDP, period("2025-04-01"), ny("2025-09-25 08:30"), ny("2025-11-20 12:00")
    )
    assert found == Freshness(
        FreshnessState.LATE,
        period("2025-07-01"),
        ny("2025-10-30 08:30"),
        period("2025-10-01"),
        ny("2026-01-30 08:30"),
    )


def test_a_series_that_holds_nothing_is_empty() -> None:
    """Empty is no kind of late, and still names what is expected."""
    at = ny("2026-11-24 12:00")
    assert CLOCK.freshness(SOFR, None, None, at) == Freshness(
        FreshnessState.EMPTY,
        period("2026-11-23"),
        ny("2026-11-24 08:00"),
        period("2026-11-24"),
        ny("2026-11-25 08:00"),
    )
    assert CLOCK.freshness(ANNOUNCED, None, None, at) == Freshness(
        FreshnessState.EMPTY, None, None, None, None
    )


def test_a_price_is_expected_every_quarter_of_an_hour_and_stale_after_a_day() -> None:
    """No release rule: fresh until `stale_after`, with the next candle named all the same."""
    at = micros(datetime(2026, 11, 24, 12, 20, tzinfo=UTC))
    noon = at // 60_000_000 - 20
    held = CLOCK.freshness(PRICE, noon - 15, noon * 60_000_000, at)
    assert held == Freshness(
        FreshnessState.FRESH, noon, (noon + 15) * 60_000_000, noon + 15, (noon + 30) * 60_000_000
    )
    later = CLOCK.freshness(PRICE, noon - 15, noon * 60_000_000, at + 26 * 3_600_000_000)
    assert later.state is FreshnessState.STALE


def test_a_rate_that_is_dated_into_the_future_is_fresh() -> None:
    """Announced rates lie ahead of the clock until the next meeting."""
    ahead = period("2026-12-09")
    found = CLOCK.freshness(ANNOUNCED, ahead, ny("2026-10-28 14:00"), ny("2026-11-24 12:00"))
    assert found.state is FreshnessState.FRESH


@given(
    which=st.sampled_from(
        [
            SOFR,
            EFFR,
            REVERSE_REPO,
            H41,
            DEFICIT,
            GDP,
            ANNUAL,
            ELASTICITY,
            ELASTICITY_DAILY,
            LAST_MONDAY,
        ]
    ),
    minutes=st.integers(period("2001-01-01"), period("2029-12-31")),
)
def test_the_due_period_is_out_and_the_next_one_is_not(which: Series, minutes: int) -> None:
    """At any instant the due period has been released and its successor has not."""
    at = minutes * 60_000_000
    due = CLOCK.due_period(which, at)
    assert due is not None
    assert which.every.fault(due) is None
    following = CLOCK.next_period(which, due)
    assert CLOCK.release_at(which, due) <= at < CLOCK.release_at(which, following)
    assert due % DAY_MINUTES == 0
