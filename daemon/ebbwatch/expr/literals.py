"""Quantities and durations as people write them."""

from __future__ import annotations

import re
from fractions import Fraction

from ebbwatch.expr.misspelt import meant, phrase_fault
from ebbwatch.expr.signs import foreign_signs
from ebbwatch.expr.tree import CharRange, Fault, Faulty, Literal
from ebbwatch.model.durations import DAYS, Duration
from ebbwatch.model.units import MONEY, RATE, RATIO, TIME, Dimension, Kind, Quantity

_MONEY = re.compile(r"\$(\d+(?:\.\d+)?)([A-Za-z]*)(?:/([A-Za-z]+))?")
_MEASURE = re.compile(r"(\d+(?:\.\d+)?)\s*(%|[A-Za-z]*)")
_SCALES = {
    "": Fraction(1),
    "k": Fraction(10**3),
    "mn": Fraction(10**6),
    "bn": Fraction(10**9),
    "tn": Fraction(10**12),
}
_THINGS = ("oz", "BTC")
#: More digits than any figure has.
_MOST_DIGITS = 40
#: Longest text of a quantity or duration on its own.
_MOST_CHARS = 100
_UNITS = "units are %, bp, min, h, d, w, bd, mo, y, release, releases"


def literal(text: str, place: CharRange) -> Literal:
    """Return the quantity or duration that a token stands for.

    Raises:
        Faulty: If its unit is unknown or ambiguous, or it is too large.
    """
    if text.startswith("$"):
        return _money(text, place)
    match = _MEASURE.fullmatch(text)
    assert match is not None, text
    _bound_digits(match[1], place)
    number, unit = Fraction(match[1]), match[2]
    match unit:
        case "":
            return Literal(place, Quantity(number, RATIO, ""), None)
        case "%":
            return Literal(place, Quantity(number / 100, RATIO, "%"), None)
        case "bp":
            return Literal(place, Quantity(number / 10_000, RATE, "bp"), None)
        case "min" | "h" | "d" | "w":
            quantity = Quantity(number * DAYS[unit], TIME, "d")
            return Literal(place, quantity, _duration(number, unit, text, place))
        case "bd" | "mo" | "y" | "release" | "releases":
            if number.denominator != 1 or number == 0:
                raise place.fault("bad-duration", f"{unit} are counted in whole numbers from 1")
            unit = "releases" if unit == "release" else unit
            return Literal(place, None, _duration(number, unit, text, place))
        case "m" | "M":
            raise place.fault(
                "ambiguous-unit", f"{text} is ambiguous",
                f"write {match[1]} min for minutes, {match[1]} mo for months, "
                f"${match[1]}mn for millions",
            )  # fmt: skip
        case _:
            hint = meant(match[1], unit) or _UNITS
            raise place.fault("unknown-unit", f"{unit} is no unit", hint)


def _money(text: str, place: CharRange) -> Literal:
    match = _MONEY.fullmatch(text)
    assert match is not None, text
    number, scale, thing = match[1], match[2], match[3]
    _bound_digits(number, place)
    if scale not in _SCALES:
        raise place.fault(
            "unknown-unit",
            f"expected k, mn, bn or tn after ${number}, found {scale}",
            meant(number, scale, thing or "", money=True) or "write $2.8tn, $150bn, $500mn",
        )
    if thing is not None and thing not in _THINGS:
        raise place.fault(
            "unknown-unit",
            f"expected a price per oz or BTC, found /{thing}",
            meant(number, scale, thing, money=True) or "write $4000/oz or $100000/BTC",
        )
    dimension = MONEY if thing is None else Dimension(Kind.PRICE, thing)
    unit = "USD" if thing is None else f"USD/{thing}"
    return Literal(place, Quantity(Fraction(number) * _SCALES[scale], dimension, unit), None)


def _bound_digits(number: str, place: CharRange) -> None:
    if len(number) > _MOST_DIGITS:
        raise place.fault("bad-quantity", f"a number has at most {_MOST_DIGITS} digits")


def _duration(count: Fraction, unit: str, text: str, place: CharRange) -> Duration:
    duration = Duration(count, unit)
    if bounds := duration.beyond_bounds():
        raise place.fault("bad-duration", f"expected a duration of {bounds}, found {text}")
    return duration


_QUANTITY = re.compile(r"\s*(-?)\s*(\$\S+|\d+(?:\.\d+)?\s*(?:%|[A-Za-z]*))\s*")


def _one(text: str, expected: str) -> tuple[bool, Literal]:
    place = CharRange(0, max(1, len(text)))
    if len(text) > _MOST_CHARS:
        found = f"{text[:20].strip()}... ({len(text)} characters)"
        raise place.fault("bad-quantity", f"expected {expected}, found {found}")
    match = _QUANTITY.fullmatch(text)
    if match is None or (match[2].startswith("$") and _MONEY.fullmatch(match[2]) is None):
        message, hint = f"expected {expected}, found {text.strip() or 'nothing'}", ""
        signs = foreign_signs(text)
        if signs:
            message, hint = signs[0].message, signs[0].hint
        elif (phrase := phrase_fault(text, 0, len(text))) is not None:
            hint = phrase.hint
        elif text.strip()[:1] in ("<", ">"):
            hint = "above or below says which side: write the quantity alone"
        raise place.fault("bad-quantity", message, hint)
    return match[1] == "-", literal(match[2].strip(), place)


def parse_quantity(text: str) -> Quantity | Fault:
    """Return a quantity on its own, as thresholds are written; ``-$150bn``, ``20 bp``, ``3``."""
    try:
        negative, found = _one(text, "a quantity such as 20 bp, 10 % or $2.8tn")
    except Faulty as faulty:
        return faulty.faults[0]
    if found.quantity is None:
        return Fault(
            0,
            len(text),
            "bad-quantity",
            f"{text.strip()} is a span, not a quantity",
            "spans stand in windows, for and repeat only",
        )
    quantity = found.quantity
    if negative:
        return Quantity(-quantity.value, quantity.dimension, quantity.unit)
    return quantity


def parse_duration(text: str) -> Duration | Fault:
    """Return a duration on its own, as ``for`` and ``repeat`` are written."""
    expected = "a duration such as 6 h, 10 d, 2 bd, 3 mo or 2 releases"
    try:
        negative, found = _one(text, expected)
    except Faulty as faulty:
        return faulty.faults[0]
    if found.duration is None or negative or found.duration.count <= 0:
        return Fault(0, len(text), "bad-duration", f"expected {expected}, found {text.strip()}")
    return found.duration
