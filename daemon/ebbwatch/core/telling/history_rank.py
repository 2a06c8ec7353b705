"""How unusual a reading is, told against the readings before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ebbwatch.model.periods import Minutes, add_months, day_of, period_of

#: Years that "unusual" is judged over.
YEARS = 5
#: Past readings below which nothing is said: a rank among a handful is no news.
ENOUGH = 20
#: Readings that differ by less than this share are equal; readings come as rounded floats.
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusual:
    """Where a reading stands among the past ones of its alert.

    Attributes:
        rising: True when high readings are the unusual ones; False for low ones.
        since: Newest earlier period (minutes, `model.periods`) whose reading went as far;
            None when none ever did.
        first: Earliest period compared with.
        begun: Whether `first` is that of the first observation, what was before being filled in.
        years: Years that `rank` and `share` look back; fewer than 5 where history is
            shorter, and 0 for less than one.
        count: Past readings in those years, the new one left out.
        rank: Place of the reading among them and itself, 1 being the furthest.
        share: Share of the past readings that it went beyond, 0 to 1.
    """

    rising: bool
    since: Minutes | None
    first: Minutes
    begun: bool
    years: int
    count: int
    rank: int
    share: float

    @property
    def beyond_all(self) -> bool:
        """Return whether it went beyond every reading of those years."""
        return self.rank == 1


def unusual(
    periods: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    *,
    period: Minutes,
    value: float,
    rising: bool,
    observed_from: Minutes | None = None,
) -> Unusual | None:
    """Return how unusual a reading is, or None where too little came before it.

    Args:
        periods: Of the past readings, oldest first, in minutes (`model.periods`). Periods
            at or after `period` are left out, so that a whole array may be handed over.
        values: Of the past readings; NaN where unknown.
        period: Of the reading.
        value: Of the reading, in the same unit.
        rising: True where high readings are the unusual ones.
        observed_from: Period of the first observation, where those before it were filled in:
            they are no record, and are left out. None where none was.
    """
    begun = observed_from is not None and bool((periods < observed_from).any())
    if observed_from is not None:
        values = np.where(periods < observed_from, np.nan, values)
    past = (periods < period) & np.isfinite(values)
    when, sizes = periods[past], values[past] if rising else -values[past]
    size = value if rising else -value
    if len(when) < ENOUGH or not np.isfinite(value):
        return None
    slack = TOLERANCE * max(1.0, abs(value))
    as_far = when[sizes >= size - slack]
    today = day_of(period)
    years = next(
        (n for n in range(YEARS, 0, -1) if when[0] <= period_of(add_months(today, -12 * n))), 0
    )
    window = when > period_of(add_months(today, -12 * years)) if years else when >= when[0]
    recent = sizes[window]
    beyond = int(np.count_nonzero(recent >= size - slack))
    return Unusual(
        rising=rising,
        since=Minutes(int(as_far[-1])) if len(as_far) else None,
        first=Minutes(int(when[0])),
        begun=begun,
        years=years,
        count=len(recent),
        rank=beyond + 1,
        share=1 - beyond / len(recent) if len(recent) else 0.0,
    )
