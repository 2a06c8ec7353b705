"""Readings in words: what an expression says, or that it is unknown, why, and what was last."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ebbwatch.core.answering.reading import Found, Reading
from ebbwatch.core.render.words import Translator
from ebbwatch.expr.numbers import ABSENT, REASONS, STALE
from ebbwatch.model.periods import FREQUENCIES
from ebbwatch.model.text import marked
from ebbwatch.model.zones import NEW_YORK

#: How long ago a day is written as its month and year.
_LONG_AGO = timedelta(days=300)
_MINUTES_OF_DAY = 24 * 60

_REASONS = {
    "the history is too short for its window": marked("the history is too short for its window"),
    "division by zero": marked("division by zero"),
    "an input is stale": marked("an input is stale"),
    "there is no figure yet": marked("there is no figure yet"),
}


def truth_text(t: Translator, truth: bool | None) -> str:
    """Return a verdict: ``true``, ``false`` or ``unknown``."""
    if truth is None:
        return t.gettext("unknown")
    return t.gettext("true") if truth else t.gettext("false")


def found_text(t: Translator, found: Found, unit: str | None, near: float | None = None) -> str:
    """Return what was found: ``36 bp``, ``at least 2``, ``true``.

    Args:
        t: The reader's language.
        found: A number or a verdict.
        unit: Of the number; None for a verdict.
        near: A threshold that the number must not look equal to unless it is.
    """
    if found.value is None or unit is None:
        return truth_text(t, found.truth)
    text = t.number(found.value, unit, apart_from=near)
    return text if found.most is None else t.gettext("at least {value}").format(value=text)


def reading_text(t: Translator, reading: Reading, near: float | None = None) -> str:
    """Return what a reading says now: as `found_text`, or ``unknown``."""
    if reading.found is None:
        return t.gettext("unknown")
    return found_text(t, reading.found, reading.unit, near)


def reason_text(t: Translator, reading: Reading, named: Callable[[str], str]) -> str:
    """Return why a reading is unknown: ``SOFR and EFFR are stale``; empty where it is known.

    Args:
        t: The reader's language.
        reading: Known or not.
        named: Returns what readers call a series.
    """
    names = [named(name) for name in reading.culprits]
    series = names[0] if names else ""
    if len(names) == 2:
        series = t.gettext("{one} and {other}").format(one=names[0], other=names[1])
    elif len(names) > 2:
        series = t.gettext("{n} series").format(n=t.count(len(names)))
    if names and reading.reason == REASONS[STALE]:
        return t.ngettext("{series} is stale", "{series} are stale", len(names)).format(
            series=series
        )
    if names and reading.reason == REASONS[ABSENT]:
        return t.gettext("there is no figure of {series} yet").format(series=series)
    return t.gettext(_REASONS[reading.reason]) if reading.reason else ""


def age_text(t: Translator, length: timedelta | None) -> str:
    """Return an age in its largest unit: ``3 d``, ``5 h``, ``12 min``; empty for None."""
    if length is None:
        return ""
    minutes = length // timedelta(minutes=1)
    if minutes >= 2 * _MINUTES_OF_DAY:
        return t.gettext("{n} d").format(n=minutes // _MINUTES_OF_DAY)
    if minutes >= 120:
        return t.gettext("{n} h").format(n=minutes // 60)
    return t.gettext("{n} min").format(n=minutes)


def day_text(t: Translator, day: datetime, at: datetime) -> str:
    """Return a day of the past in New York: ``24 Aug``; of long ago ``Nov 2025``."""
    local = day.astimezone(NEW_YORK).date()
    if at - day > _LONG_AGO:
        return t.period(local.isoformat(), FREQUENCIES["month"])
    return t.month_day(local)


def times_text(t: Translator, *, assumed: bool) -> str:
    """Return what stands below a table with instants, some of them perhaps marked as assumed."""
    if assumed:
        return t.gettext("Times are New York's; ~ marks one that the release rule gives.")
    return t.gettext("Times are New York's.")


def published_text(value: float, unit: str) -> str:
    """Return a published figure with every digit it has: ``$30.485729tn``, ``4.29 %``."""
    if unit == "USD":
        sign, size = ("-" if value < 0 else ""), abs(value)
        for scale, word in ((1e12, "tn"), (1e9, "bn"), (1e6, "mn")):
            if size >= scale:
                return f"{sign}${size / scale:.12g}{word}"
        return f"{sign}${size:.12g}"
    return f"{value:.12g} {unit}".rstrip()
