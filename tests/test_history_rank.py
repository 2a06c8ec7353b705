"""How unusual a reading is."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from ebbwatch.core.telling.history_rank import Unusual, unusual
from ebbwatch.model.periods import period_of
from tests.paths import ROOT

TODAY = date(2025, 10, 31)


def day(ago: int) -> int:
    """Return the period so many days before 31 October 2025."""
    return period_of(TODAY - timedelta(days=ago))


def rank(days: int, high: dict[int, float], value: float, *, rising: bool = True) -> Unusual | None:
    """Rank a reading after so many days of zeros, some of them other than zero."""
    agos = range(days, 0, -1)
    periods = np.array([day(ago) for ago in agos], dtype=np.int64)
    values = np.array([high.get(ago, 0.0) for ago in agos])
    return unusual(periods, values, period=day(0), value=value, rising=rising)


SIX_YEARS = 2192
FIVE_YEARS = 1826


@pytest.mark.parametrize(
    ("name", "days", "others", "value", "rising", "expected"),
    [
        ("beyond all five years, not beyond the sixth", SIX_YEARS, {2000: 45.0}, 36.0, True,
         {"since": day(2000), "years": 5, "rank": 1, "share": 1.0}),
        ("an equal reading went as far", SIX_YEARS, {2000: 36.0}, 36.0, True,
         {"since": day(2000), "years": 5, "rank": 1, "share": 1.0}),
        ("equal but for the rounding of floats", SIX_YEARS, {2000: 36.0 - 1e-12}, 36.0, True,
         {"since": day(2000), "years": 5, "rank": 1, "share": 1.0}),
        ("never as far before", SIX_YEARS, {}, 36.0, True,
         {"since": None, "years": 5, "rank": 1, "share": 1.0}),
        ("third of the last five years", SIX_YEARS, {10: 40.0, 500: 41.0, 2000: 45.0}, 36.0, True,
         {"since": day(10), "years": 5, "rank": 3, "share": 1 - 2 / (FIVE_YEARS - 1)}),
        ("a low is unusual where low is bad", SIX_YEARS, {2000: -9.0}, -5.0, False,
         {"since": day(2000), "years": 5, "rank": 1, "share": 1.0}),
        ("three years of history speak for three", 1200, {}, 36.0, True,
         {"since": None, "years": 3, "rank": 1, "share": 1.0}),
        ("a few weeks speak for no year", 30, {5: 50.0}, 36.0, True,
         {"since": day(5), "years": 0, "rank": 2, "share": 1 - 1 / 30}),
        ("unknown readings are passed over", SIX_YEARS, {10: float("nan")}, 36.0, True,
         {"since": None, "years": 5, "rank": 1, "share": 1.0}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_reading_is_ranked_among_those_before_it(
    name: str,
    days: int,
    others: dict[int, float],
    value: float,
    rising: bool,
    expected: dict[str, object],
) -> None:
    """The rank counts the years before the reading, the reading itself included."""
    found = rank(days, others, value, rising=rising)
    assert found is not None
    assert {key: getattr(found, key) for key in expected} == expected
    assert found.beyond_all is (expected["rank"] == 1)


def test_a_handful_of_readings_ranks_nothing() -> None:
    """Highest of nineteen is no news."""
    assert rank(19, {}, 36.0) is None
    assert rank(20, {}, 36.0) is not None


def test_a_reading_that_never_comes_is_not_ranked() -> None:
    """Infinity, for a time that a trend leads away from, has no rank."""
    assert rank(100, {}, float("inf")) is None


def test_later_readings_are_left_out() -> None:
    """A whole array may be handed over: what lies at or after the period is no past."""
    periods = np.array([day(ago) for ago in range(40, -10, -1)], dtype=np.int64)
    values = np.where(periods >= day(0), 99.0, 1.0)
    found = unusual(periods, values, period=day(0), value=36.0, rising=True)
    assert found == Unusual(
        rising=True, since=None, first=day(40), begun=False, years=0, count=40, rank=1, share=1.0
    )


def test_what_was_filled_in_before_the_first_observation_is_no_record() -> None:
    """It is neither compared with nor counted, and the record says that it begins there."""
    periods = np.array([day(ago) for ago in range(4000, 0, -1)], dtype=np.int64)
    values = np.where(periods < day(30), 0.0, 1.0)
    found = unusual(periods, values, period=day(0), value=36.0, rising=True, observed_from=day(30))
    assert found is not None
    assert (found.first, found.begun, found.count, found.years) == (day(30), True, 30, 0)
    assert unusual(
        periods, values, period=day(0), value=36.0, rising=True, observed_from=day(10)
    ) is None  # fmt: skip


def published(name: str) -> dict[str, Decimal]:
    path: Path = ROOT.parent / "shared" / "history" / f"{name}.csv"
    if not path.is_file():
        pytest.skip("the figures of the archive's origin are not beside this checkout")
    with path.open() as file:
        rows = list(csv.reader(file))[1:]
    return {row[0]: Decimal(row[1]) for row in rows if row[1] not in ("", ".")}


def test_the_example_of_31_october_2025_holds_on_the_published_figures() -> None:
    """36 bp: the highest since 30 September 2019, above every day of five years."""
    sofr, effr = published("SOFR"), published("EFFR")
    both = sorted(set(sofr) & set(effr))
    periods = np.array([period_of(date.fromisoformat(d)) for d in both], dtype=np.int64)
    values = np.array([float((sofr[d] - effr[d]) * 100) for d in both])
    found = unusual(periods, values, period=period_of(TODAY), value=36.0, rising=True)
    assert found is not None
    assert (found.since, found.years, found.rank) == (period_of(date(2019, 9, 30)), 5, 1)
