"""How far a number went since the period before, and what by itself stands behind a window."""

from __future__ import annotations

import math

from ebbwatch.core.render.words import Translator
from ebbwatch.model.periods import Every, Rank
from ebbwatch.model.text import marked

_ON_THE_SPAN = {
    Rank.MINUTES: marked("since the last figure"),
    Rank.HOUR: marked("since the last figure"),
    Rank.DAILY: marked("on the day"),
    Rank.WEEK: marked("on the week"),
    Rank.MONTH: marked("on the month"),
    Rank.QUARTER: marked("on the quarter"),
    Rank.YEAR: marked("on the year"),
}
_BEFORE = {
    Rank.MINUTES: marked("{value} before"),
    Rank.HOUR: marked("{value} before"),
    Rank.DAILY: marked("{value} the day before"),
    Rank.WEEK: marked("{value} the week before"),
    Rank.MONTH: marked("{value} the month before"),
    Rank.QUARTER: marked("{value} the quarter before"),
    Rank.YEAR: marked("{value} the year before"),
}
_BY_ITSELF = {
    Rank.MINUTES: marked("The last figure by itself: {value}"),
    Rank.HOUR: marked("The last figure by itself: {value}"),
    Rank.DAILY: marked("The day by itself: {value}"),
    Rank.WEEK: marked("The week by itself: {value}"),
    Rank.MONTH: marked("The month by itself: {value}"),
    Rank.QUARTER: marked("The quarter by itself: {value}"),
    Rank.YEAR: marked("The year by itself: {value}"),
}


def step_text(
    t: Translator, value: float, previous: float | None, unit: str, every: Every | None,
    *, over_window: bool = False,
) -> str:  # fmt: skip
    """Return the change since the period before: ``up 19 bp on the day``; may be empty.

    Args:
        t: The reader's language.
        value: In `unit`.
        previous: Of the period before; None where there is none.
        unit: A printed unit.
        every: Frequency of the periods; None for days.
        over_window: Whether the number is made of several periods. A change of it is not the
            newest period's, so that what it was is told instead: ``$8.4bn the day before``.
    """
    if previous is None or not math.isfinite(value - previous):  # a time that never comes
        return ""
    rank = every.rank if every else Rank.DAILY
    step, span = value - previous, t.gettext(_ON_THE_SPAN[rank])
    if abs(step) < 1e-9 * max(1.0, abs(value)):
        return t.gettext("unchanged {span}").format(span=span)
    if over_window:
        before = t.number(previous, unit, apart_from=value)
        return t.gettext(_BEFORE[rank]).format(value=before)
    amount = t.difference(step, unit)
    if step > 0:
        return t.gettext("up {amount} {span}").format(amount=amount, span=span)
    return t.gettext("down {amount} {span}").format(amount=amount, span=span)


def single_text(
    t: Translator, value: float, previous: float | None, unit: str, every: Every | None
) -> str:
    """Return the newest period by itself: ``The day by itself: $50.35bn, up $39.9bn on the day``."""
    line = t.gettext(_BY_ITSELF[every.rank if every else Rank.DAILY])
    line = line.format(value=t.number(value, unit))
    if moved := step_text(t, value, previous, unit, every):
        return t.gettext("{line}, {more}").format(line=line, more=moved)
    return line
