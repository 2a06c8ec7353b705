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

    def __str__(self) -> str:
        """Return it as it is written."""
        unit = "release" if self.unit == "releases" and self.count == 1 else self.unit
        return f"{self.count if self.count.denominator != 1 else self.count.numerator} {unit}"
