"""Dimensions, units and quantities: what a number is, and how it is written.

Base units, in which every value inside Ebbwatch is kept, exactly:

========  ===========================  ==========================
kind      base unit                    written as
========  ===========================  ==========================
money     US dollar                    ``$2.8tn``, ``$500mn``
rate      1 per year (5 % is 0.05)     ``5 %``, ``20 bp``
ratio     1 (10 % is 0.1)              ``10 %``
price     US dollar per ounce, coin    ``$4000/oz``
time      day                          ``6 h``, ``30 d``, ``13 w``
count     1                            ``3``
========  ===========================  ==========================
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import inf


class Kind(StrEnum):
    """What a number measures."""

    MONEY = "money"
    RATE = "rate"
    RATIO = "ratio"
    PRICE = "price"
    TIME = "time"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Dimension:
    """What a quantity measures, and how readers expect it printed.

    Attributes:
        kind: Money, rate, ratio, price, time or count.
        thing: Of a price, what one pays for: ``oz`` or ``BTC``; else empty.
        per_time: True for a change per time, which only ``slope`` makes.
        plain: A ratio that is printed as a bare number (an index, a zscore), not in
            percent. It takes no part in whether two dimensions fit.
    """

    kind: Kind
    thing: str = ""
    per_time: bool = False
    plain: bool = False

    def fits(self, other: Dimension) -> bool:
        """Return whether the two can be added or compared."""
        return (self.kind, self.thing, self.per_time) == (other.kind, other.thing, other.per_time)

    def per(self) -> Dimension:
        """Return this dimension per time."""
        return replace(self, per_time=True)

    def __str__(self) -> str:
        """Return the dimension in words, for people: ``price per oz``."""
        words = f"{self.kind} per {self.thing}" if self.thing else str(self.kind)
        return f"{words} per time" if self.per_time else words


MONEY = Dimension(Kind.MONEY)
RATE = Dimension(Kind.RATE)
RATIO = Dimension(Kind.RATIO)
NUMBER = Dimension(Kind.RATIO, plain=True)
TIME = Dimension(Kind.TIME)
COUNT = Dimension(Kind.COUNT)


@dataclass(frozen=True, slots=True)
class Quantity:
    """An exact number with its dimension, as a person wrote it.

    Attributes:
        value: In the base unit of its dimension.
        dimension: What it measures.
        unit: The unit it was written in, as in printed output: ``bp``, ``%``, ``USD``,
            ``USD/oz``, ``USD/BTC``, ``d``, or empty for a bare number.
    """

    value: Fraction
    dimension: Dimension
    unit: str

    @property
    def bare(self) -> bool:
        """Return whether it was written without a unit: ``0.1``, ``3``."""
        return self.unit == ""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit that a series is published in.

    Attributes:
        name: As the catalogue writes it: ``USD millions``.
        dimension: What it measures.
        factor: How many base units one of it is.
    """

    name: str
    dimension: Dimension
    factor: Decimal

    def to_base(self, value: Decimal) -> Decimal:
        """Return a published value in base units, exactly."""
        return value * self.factor


def _units() -> dict[str, Unit]:
    percent = Decimal("0.01")
    rows = [
        ("percent per year", RATE, percent),
        ("percent", RATIO, percent),
        ("basis points", RATE, Decimal("0.0001")),
        ("USD", MONEY, Decimal(1)),
        ("USD thousands", MONEY, Decimal("1E+3")),
        ("USD millions", MONEY, Decimal("1E+6")),
        ("USD billions", MONEY, Decimal("1E+9")),
        ("USD trillions", MONEY, Decimal("1E+12")),
        ("USD per troy ounce", Dimension(Kind.PRICE, "oz"), Decimal(1)),
        ("USD per bitcoin", Dimension(Kind.PRICE, "BTC"), Decimal(1)),
        ("number", NUMBER, Decimal(1)),
        ("index", NUMBER, Decimal(1)),
    ]
    return {name: Unit(name, dimension, factor) for name, dimension, factor in rows}


#: Every unit that a catalogue entry may name.
UNITS = _units()

#: How many base units one printed unit is.
PRINTED_FACTORS: dict[str, Fraction] = {
    "bp": Fraction(1, 10_000),
    "%": Fraction(1, 100),
    "USD": Fraction(1),
    "USD/oz": Fraction(1),
    "USD/BTC": Fraction(1),
    "d": Fraction(1),
    "": Fraction(1),
    "bp/d": Fraction(1, 10_000),
    "%/d": Fraction(1, 100),
    "USD/d": Fraction(1),
    "USD/oz/d": Fraction(1),
    "USD/BTC/d": Fraction(1),
    "1/d": Fraction(1),
}


def printed_unit(dimension: Dimension, *, difference: bool = False, own: str | None = None) -> str:
    """Return the unit in which a value of this dimension is printed.

    Args:
        dimension: Of the value.
        difference: True for a difference of rates, which is printed in ``bp``.
        own: The unit of the rule's own thresholds, where there is a rule.
    """
    match dimension.kind:
        case Kind.RATE:
            unit = own if own in ("bp", "%") else ("bp" if difference else "%")
        case Kind.MONEY:
            unit = "USD"
        case Kind.PRICE:
            unit = f"USD/{dimension.thing}"
        case Kind.TIME:
            unit = "d"
        case Kind.COUNT:
            unit = ""
        case Kind.RATIO:
            unit = "" if dimension.plain or own == "" else "%"
    if dimension.per_time:
        return f"{unit}/d" if unit else "1/d"
    return unit


def printed(value: float | Fraction, unit: str) -> float:
    """Return a base-unit value in a printed unit, rounded to 12 significant digits.

    What no float is large enough for is infinite.
    """
    exact = Fraction(value) / PRINTED_FACTORS[unit]
    try:
        return float(f"{float(exact):.12g}")
    except OverflowError:
        return inf if exact > 0 else -inf
