"""Doubts: why a published figure must not reach a rule by itself.

Operations, facilities and prices jump, and are believed: on 18 September 2019 ten times as much
was lent against repo as the day before. Rates, and levels that the catalogue marks with
``scale_check``, do not jump by a power of ten; where one seems to, its publisher changed units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import DAY_MINUTES, MINUTE, Every, Minutes, Rank, micros, period_of
from ebbwatch.model.series import Series
from ebbwatch.model.units import Kind
from ebbwatch.ports import Held

#: How far a new value of a series with ``scale_check: level`` may lie from the last.
LEVEL_FACTOR = 50

#: Bounds of what anything measures, in base units; beyond them a text was misread.
LARGEST = Decimal("1e18")
SMALLEST = Decimal("1e-18")

#: Before the first year of any series that rules are made of.
EARLIEST = period_of(date(1900, 1, 1))

#: No figure is given for a later day, not by announcement either.
_LATEST = period_of(date(2200, 1, 1))

#: The farthest east that a publisher's day begins before UTC's.
_FARTHEST_EAST = timedelta(hours=14)
#: How much a publisher's clock may be ahead of ours.
_SKEW = timedelta(minutes=5)

#: How near a power of ten the ratio of two values must lie to be taken for a change of units:
#: interest on reserves did go from 1.10 % to 0.10 %, but nothing goes to a hundredth.
_NEAR_TEN = Decimal("0.05")
_NEAR_MORE = Decimal("0.25")
#: Least change of a rate, as a rate per year, that can be told from its ordinary steps: rates
#: near zero did go from 0.10 % to 0.01 %.
_LEAST_TENFOLD = Decimal("0.005")
_LEAST_HUNDREDFOLD = Decimal("0.0005")


class Doubt(StrEnum):
    """What is wrong with a figure that is held back."""

    SIZE = "size"
    FUTURE = "future"
    ANCIENT = "ancient"
    TWICE = "twice"
    FAR = "far"
    SCALE = "scale"
    IMPLAUSIBLE = "implausible"


@dataclass(frozen=True, slots=True)
class HeldBack:
    """The figures of one answer that are held back for one cause.

    Attributes:
        series: Name in the catalogue.
        cause: Why.
        example: The first of those that were not interrupted by a good one.
        count: How many there are.
        newest: Period of the newest.
        since: Period of the example: good figures lie before it, and none behind.
    """

    series: str
    cause: Doubt
    example: Held
    count: int
    newest: Minutes
    since: Minutes


def fits(observation: Observation) -> bool:
    """Return whether a figure can be reckoned with; the edge lets no other pass."""
    value = observation.value
    sized = not value or SMALLEST <= abs(value) < LARGEST
    return sized and EARLIEST <= observation.period < _LATEST


def doubt_of_value(series: Series, value: Decimal, last: Decimal | None) -> Doubt | None:
    """Return what is wrong with a value, or None.

    Args:
        series: Its catalogue entry.
        value: In base units.
        last: The value that was believed last before its period; None for none.
    """
    if value and not SMALLEST <= abs(value) < LARGEST:
        return Doubt.SIZE
    if last:
        near, far = sorted((abs(value), abs(last)))
        if series.scale_check and near * LEVEL_FACTOR < far:
            return Doubt.FAR
        if value and looks_rescaled(series, value, last):
            return Doubt.SCALE
    if series.plausible is not None:
        low, high = series.plausible
        if not low <= value <= high:
            return Doubt.IMPLAUSIBLE
    return None


def keeps_its_scale(series: Series) -> bool:
    """Return whether a series never truly moves by a power of ten from one figure to the next."""
    return series.scale_check or series.unit.dimension.kind is Kind.RATE


def looks_rescaled(series: Series, value: Decimal, last: Decimal) -> bool:
    """Return whether a value looks like the last one in another unit; neither may be zero."""
    if not keeps_its_scale(series) or (value < 0) != (last < 0):
        return False
    near, far = sorted((abs(value), abs(last)))
    ratio = far / near
    power = (ratio * (1 + _NEAR_MORE)).adjusted()
    off = abs(ratio / Decimal(10) ** power - 1)
    if power < 1 or off > (_NEAR_TEN if power == 1 else _NEAR_MORE):
        return False
    if series.scale_check:
        return True
    return far - near >= (_LEAST_TENFOLD if power == 1 else _LEAST_HUNDREDFOLD)


def doubt_of_period(
    every: Every, period: Minutes, *, at: datetime, ahead: timedelta = timedelta(0)
) -> Doubt | None:
    """Return what is wrong with a period that a figure is given for, or None.

    Args:
        every: Its series' frequency.
        period: Minutes.
        at: UTC instant at which the figure was seen.
        ahead: How far ahead of their day this source gives figures.
    """
    if period < EARLIEST:
        return Doubt.ANCIENT
    newest = at + (_FARTHEST_EAST if every.dated else _SKEW) + ahead
    begins = period - 6 * DAY_MINUTES if every.rank is Rank.WEEK else period
    return Doubt.FUTURE if begins > micros(newest) // MINUTE else None


def reason(
    series: Series, doubt: Doubt, value: Decimal | None, period: Minutes, last: Decimal | None
) -> str:
    """Return a doubt in words, for whoever decides whether the figure is right."""
    found, before = _words(series, value), _words(series, last)
    match doubt:
        case Doubt.SIZE:
            return f"{found} is not of a size that anything measures"
        case Doubt.FUTURE:
            return f"{series.every.text(period)} lies in the future"
        case Doubt.ANCIENT:
            return f"{series.every.text(period)} lies before 1900"
        case Doubt.TWICE:
            return f"{found} is not the only value of the answer for {series.every.text(period)}"
        case Doubt.FAR:
            return f"{found} lies more than {LEVEL_FACTOR} times from the last value, {before}"
        case Doubt.SCALE:
            return f"{found} looks like the last value, {before}, in another unit"
        case Doubt.IMPLAUSIBLE:
            assert series.plausible is not None
            low, high = (_words(series, bound) for bound in series.plausible)
            return f"{found} is not plausible: expected {low} to {high}"


def gathered(
    series: str, held: Sequence[tuple[Doubt, Held]], good: Sequence[Minutes]
) -> tuple[HeldBack, ...]:
    """Return what is held back by cause.

    Args:
        series: Name in the catalogue.
        held: With the cause of each.
        good: Periods of the answer's figures that are believed.
    """
    found = []
    for cause in dict.fromkeys(doubt for doubt, _ in held):
        rows = sorted(
            (one for doubt, one in held if doubt is cause), key=lambda one: one.observation.period
        )
        newest = rows[-1].observation.period
        begun = max((period for period in good if period < newest), default=None)
        example = next(r for r in rows if begun is None or r.observation.period > begun)
        found.append(
            HeldBack(series, cause, example, len(rows), newest, example.observation.period)
        )
    return tuple(found)


def _words(series: Series, value: Decimal | None) -> str:
    """Return a base value as its publisher would write it: ``3010000 USD millions``."""
    if value is None:
        return "no value"
    plain = (value / series.unit.factor).normalize()
    written = f"{plain:f}" if abs(plain.adjusted()) <= _LONGEST else f"{plain:e}"
    return f"{written} {series.unit.name}"


#: A number of more digits than this is written with a power of ten.
_LONGEST = 20
