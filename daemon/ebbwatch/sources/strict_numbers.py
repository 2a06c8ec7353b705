"""Strict reading of what providers write: numbers and dates, or a complaint that names them."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal

from ebbwatch.model.redaction import said
from ebbwatch.ports import SourceChanged

#: What providers write where there is no value.
#: Source: recorded answers of the New York Fed ("NA"), Treasury ("null"), FRED ("."),
#: the Board ("NA", "ND", "NC"), read 2026-11-22.
MISSING = frozenset({"", "NA", "N/A", "null", ".", "*", "ND", "NC"})

_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}( \d{3})+(\.\d*)?", re.ASCII)

#: Blanks that stand between thousands; all are meant by the plain one.
_BLANKS = str.maketrans(dict.fromkeys("\u00a0\u2009\u202f", " "))
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})([T ].*)?", re.ASCII)

#: Largest power of ten in any figure we read; beyond it the text is broken, not big.
_LARGEST_EXPONENT = 30

#: Before the first year of any series, and a sign of a misread column.
_EARLIEST = date(1900, 1, 1)


def number(value: object, *, of: str, decimal: str = ".", thousands: str = "") -> Decimal | None:
    """Return a figure exactly as written, or None for "no value".

    Args:
        value: A number or a text, as JSON, CSV or XML gave it.
        of: What it is, for the complaint: ``nyfed sofr percentRate``.
        decimal: What a text has between units and tenths.
        thousands: What it may have between thousands; empty for nothing.

    Raises:
        SourceChanged: If it is neither a figure nor a known mark for a missing one.
    """
    # A bool is an int in Python and never a figure; a float was rounded before we saw it.
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return _bounded(Decimal(value), of)
    if isinstance(value, Decimal):
        return _bounded(value, of)
    if isinstance(value, str):
        text = value.strip()
        if text in MISSING:
            return None
        plain = _plain(text, decimal, thousands)
        if _PLAIN.fullmatch(plain):
            return _bounded(Decimal(plain), of)
    raise SourceChanged(f"{of}: expected a number, found {shown(value)}")


def _plain(text: str, decimal: str, thousands: str) -> str:
    """Return a figure with a point and no thousands; something unreadable stays so."""
    if decimal == "." and not thousands:
        return text
    # Both signs are exchanged at once: a thousands sign may be the other's decimal sign.
    signs = {ord("."): "x", ord(" "): "x", ord(decimal): "."}
    if thousands:
        signs[ord(thousands)] = " "
    plain = text.translate(_BLANKS).translate(signs)
    return plain.replace(" ", "") if _THOUSANDS.fullmatch(plain) else plain


def _bounded(value: Decimal, of: str) -> Decimal:
    if value.is_finite() and abs(value.adjusted()) <= _LARGEST_EXPONENT:
        return value
    if value.is_finite() and value == 0:
        return Decimal(0)
    raise SourceChanged(f"{of}: expected a figure of sensible size, found {shown(str(value))}")


def day(value: object, *, of: str, today: date, ahead: timedelta = timedelta(0)) -> date:
    """Return a date written as ``2026-09-28``, possibly with a time behind it.

    Args:
        value: As the provider gave it.
        of: What it is, for the complaint.
        today: The clock's UTC date.
        ahead: How far beyond today it may lie: New York and London are never ahead of UTC.

    Raises:
        SourceChanged: If it is no date, one that does not exist, or one in the future.
    """
    match = _DAY.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        found = date.fromisoformat(match[1] if match else "")
    except ValueError:
        raise SourceChanged(
            f"{of}: expected a date like 2026-09-28, found {shown(value)}"
        ) from None
    return check_day(found, of=of, today=today, ahead=ahead)


def check_day(found: date, *, of: str, today: date, ahead: timedelta = timedelta(0)) -> date:
    """Return a date unless it lies in the future or before any statistics.

    Takes and raises what `day` does.
    """
    if found > today + ahead:
        raise SourceChanged(f"{of}: expected a date up to {today}, found {found}, in the future")
    if found < _EARLIEST:
        raise SourceChanged(f"{of}: expected a date since {_EARLIEST}, found {found}")
    return found


def shown(value: object) -> str:
    """Return a short picture of something unexpected, never long, never an address."""
    text = said(repr(value))
    if "://" in text:
        return "an address"
    return text if len(text) <= 40 else f"{text[:37]}..."
