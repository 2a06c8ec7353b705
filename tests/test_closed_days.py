"""The table of closed days says what the holidays package says."""

from __future__ import annotations

import holidays
import pytest

from ebbwatch.model.closed_days import CLOSED, FIRST, LAST


@pytest.mark.parametrize(("name", "market"), [("federal-reserve", "XFED"), ("sifma", "XSIF")])
def test_the_table_of_closed_days_equals_the_holidays_package(name, market):
    """A new release of the package that knows a day more must be noticed."""
    for year in range(FIRST, LAST + 1):
        closed = holidays.financial_holidays(market, years=year)
        days = sorted(d for d in closed if d.year == year and d.weekday() < 5)
        assert CLOSED[name][year].split() == [d.strftime("%m%d") for d in days], year


def test_the_package_knows_no_closed_day_before_the_table():
    """Years before it have none, then: nothing is left out by not asking."""
    for market in ("XFED", "XSIF"):
        assert not holidays.financial_holidays(market, years=range(1940, FIRST))
