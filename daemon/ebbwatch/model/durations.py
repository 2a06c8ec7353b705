"""Durations: how long, in time, in business days, in months, or in releases."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

#: Days in one of each unit of time that has a fixed length.
DAYS = {
    "min": Fraction(1, 1440),
    "h": Fraction(1, 24),
    "d": Fraction(1),
    "w": Fraction(7),
}
#: Days in one of each other unit of time, on the average.
MEAN_DAYS = {"bd": Fraction(7, 5), "mo": Fraction(1461, 48), "y": Fraction(1461, 4)}

#: Longest and shortest duration: two centuries, a second. Within them every sum of an instant
#: and a duration is an instant, in whole microseconds.
LONGEST_DAYS = Fraction(73_050)
SHORTEST_DAYS = Fraction(1, 86_400)
#: Most releases that are counted.
MOST_RELEASES = 1_000_000


@dataclass(frozen=True, slots=True)
class Duration:
    """A length as rule files write it: ``6 h``, ``26 w``, ``2 bd``, ``3 mo``, ``2 releases``.

    Attributes:
        count: How many; whole for bd, mo, y and releases.
        unit: ``min``, ``h``, ``d``, ``w``, ``bd``, ``mo``, ``y`` or ``releases``.
    """

    count: Fraction
    unit: str

    @property
    def days(self) -> Fraction | None:
        """Return its length in days, or None where that depends on where one stands."""
        factor = DAYS.get(self.unit)
        return None if factor is None else self.count * factor

    @property
    def mean_days(self) -> Fraction:
        """Return its length in days, business days, months and years by their mean length.

        Raises:
            KeyError: If it is counted in releases.
        """
        days = self.days
        return self.count * MEAN_DAYS[self.unit] if days is None else days

    def beyond_bounds(self) -> str:
        """Return how long or short it may be at most where it is beyond that, or nothing."""
        if self.unit == "releases":
            most = Fraction(MOST_RELEASES)
        else:
            most = LONGEST_DAYS / (DAYS.get(self.unit) or MEAN_DAYS[self.unit])
        if self.count > most:
            return f"at most {most.__floor__()} {self.unit}"
        days = self.days
        return "at least a second" if days is not None and 0 < days < SHORTEST_DAYS else ""

    def __str__(self) -> str:
        """Return it as it is written."""
        unit = "release" if self.unit == "releases" and self.count == 1 else self.unit
        return f"{self.count if self.count.denominator != 1 else self.count.numerator} {unit}"
