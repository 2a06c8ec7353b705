"""Periods of a series, from the dates that providers write."""

from __future__ import annotations

from datetime import date

from ebbwatch.model.periods import period_of
from ebbwatch.model.series import Series
from ebbwatch.ports import SourceChanged


def period(series: Series, day: date, *, of: str) -> int:
    """Return the period of a series that a publisher's date stands for.

    Raises:
        SourceChanged: If it is none of the series' frequency, such as a Thursday in a series
            by weeks ending Wednesday.
    """
    found = period_of(day)
    if (fault := series.every.fault(found)) is not None:
        raise SourceChanged(f"{of}: {day} {fault}, as `every: {series.every.name}` expects")
    return found
