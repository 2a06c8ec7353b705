"""Quantities as they are written elsewhere (20 bps, 2.8 trillion), and how they are here."""

from __future__ import annotations

import difflib
import re
from fractions import Fraction

from ebbwatch.expr.tree import Fault

_VALID_UNITS = frozenset(("%", "bp", "min", "h", "d", "w", "bd", "mo", "y", "release", "releases"))


def _called(**words: str) -> dict[str, str]:
    """Return what each word is called here, from the words for each of our names."""
    return {word.strip(): name for name, text in words.items() for word in text.split(",")}


#: What our units are called elsewhere, in lower case.
_UNITS = _called(
    bp="bp, bps, bip, bips, basis point, basis points",
    min="min, minute, minutes, mins",
    h="h, hour, hours, hr, hrs",
    d="d, day, days, calendar day, calendar days",
    w="w, week, weeks, wk, wks",
    bd="bd, bday, bdays, business day, business days, trading day, trading days, working day, "
    "working days",
    mo="mo, month, months, mon, mth, mths",
    y="y, year, years, yr, yrs",
    releases="releases, period, periods, bar, bars, candle, candles, observation, observations, "
    "obs, reading, readings, print, prints",
) | dict.fromkeys(
    ("%", "percent", "pct", "pc", "per cent", "percentage point", "percentage points", "pp",
     "ppt"), "%",
)  # fmt: skip
#: What our scales of money are called elsewhere, in lower case; `m` only after a dollar sign.
_SCALES = _called(
    k="k, thousand, thousands",
    mn="mn, mm, mln, mio, million, millions",
    bn="bn, b, bln, bil, mrd, billion, billions",
    tn="tn, t, trn, tln, trillion, trillions",
)
_DOLLARS = frozenset(("usd", "dollar", "dollars"))
_THINGS = _called(oz="oz, ounce, ounces, ozt, xau", BTC="btc, xbt, bitcoin, bitcoins")
_QUARTERS = frozenset(("quarter", "quarters", "qtr", "qtrs", "q"))
_SECONDS = frozenset(("s", "sec", "secs", "second", "seconds"))

#: A number, what stands before it, and words after it.
_PHRASE = re.compile(
    r"(?P<money>(?:USD|US\$|\$)\s*(?P<minus>-\s*)?)?"
    r"(?<![A-Za-z0-9_.])(?P<number>\d{1,3}(?:[,_' ]\d{3})+(?!\d)(?:\.\d+)?|\d+,\d+|\d*\.?\d+)"
    r"(?P<power>[eE][+-]?\d+)?"
    r"\s*(?P<words>%|(?!per\b)[A-Za-z]+(?:\s+(?!(?i:and|or|not|per)\b)[A-Za-z]+){0,2}"
    r"|per\s+cent)?"
    r"(?:\s*(?:/|\bper\b)\s*(?P<thing>[A-Za-z]+))?"
)


def meant(number: str, words: str, thing: str = "", *, money: bool = False) -> str:
    """Return the hint for a number with words that are no unit here; empty for unknown words.

    Args:
        number: Its digits, without sign and separators.
        words: What follows them: ``days``, ``basis points``, ``trillion dollars``.
        thing: What it is per, where it is a price.
        money: Whether a dollar sign stands before it.
    """
    folded = " ".join(words.lower().split())
    a_year = thing.lower() in ("year", "annum", "y") and folded in _UNITS
    if not money and (not thing or a_year):
        if folded in _UNITS:
            return f"write {number} {_UNITS[folded]}"
        if folded in _QUARTERS:
            return f"write {_shown(Fraction(number) * 3)} mo"
        if folded in _SECONDS:
            return "times are written in min, h, d or w"
        if folded == "e":
            return "write the number out, without e"
    scale = " ".join(word for word in folded.split() if word not in _DOLLARS)
    if money and scale == "m":
        scale = "mn"
    is_money = money or bool(thing) or scale != folded or scale in _SCALES
    if is_money and (not scale or scale in _SCALES):
        per = f"/{_THINGS.get(thing.lower(), thing)}" if thing else ""
        known = not thing or thing.lower() in _THINGS
        return f"write ${number}{_SCALES.get(scale, '')}{per}" if known else ""
    close = _close(scale, _SCALES if money else _UNITS)
    if close is None or thing:
        return ""
    return f"did you mean ${number}{close}?" if money else f"did you mean {number} {close}?"


def _close(word: str, names: dict[str, str]) -> str | None:
    """Return our name for a misspelt word; words of a few letters are like too many others."""
    found = difflib.get_close_matches(word, names, n=1, cutoff=0.8) if len(word) > 3 else []
    return names[found[0]] if found else None


def phrase_fault(text: str, low: int, high: int) -> Fault | None:
    """Return the fault in a quantity that is written as one would elsewhere; None for no such.

    Args:
        text: Of an expression or a threshold.
        low: Where the reader of the text gave up; the quantity holds it, or ends there.
        high: The end of what it could not read.
    """
    for match in _PHRASE.finditer(text):
        if match.start() < high and low <= match.end():
            found = _fault(match)
            if found is not None:
                return found
    return None


def _fault(match: re.Match[str]) -> Fault | None:
    number, words = match["number"], (match["words"] or "").split()
    if match["power"]:
        return _of(match, "power", "write the number out, without e")
    if (decimal := re.fullmatch(r"(\d+),(\d{1,2}|\d{4,})", number)) is not None:
        return _of(match, "number", f"decimals are written with a point: {decimal[1]}.{decimal[2]}")
    plain = re.sub(r"[,_' ]", "", number)
    plain = f"0{plain}" if plain.startswith(".") else plain
    sign = "-" if match["minus"] else ""
    for count in range(len(words), -1, -1):
        unit = " ".join(words[:count])
        thing = (match["thing"] or "") if count == len(words) else ""
        last = "thing" if thing else "words" if count else "number"
        if match["money"] is None and not thing and unit in _VALID_UNITS:
            return None if plain == number else _of(match, last, f"write {plain} {unit}")
        if match["money"] is None and not unit and not thing:
            return None if plain == number else _of(match, last, f"write {plain}")
        hint = meant(plain, unit, thing, money=match["money"] is not None)
        if hint:
            found = _of(match, last, hint.replace("$", f"{sign}$"))
            as_it_is = match.string[found.start : found.end]
            return None if found.hint == f"write {as_it_is}" else found
    return None


def _of(match: re.Match[str], last: str, hint: str) -> Fault:
    """Return the fault of a phrase up to the end of one of its groups."""
    said = match.string[match.start() : match.end(last)]
    return Fault(match.start(), match.end(last), "syntax", f"{said} is no quantity", hint)


def _shown(number: Fraction) -> str:
    return str(number.numerator) if number.denominator == 1 else f"{float(number):g}"
