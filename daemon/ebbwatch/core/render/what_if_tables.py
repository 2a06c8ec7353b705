"""What supposed figures would do, in words: the figures, the alerts they move, and the others."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ebbwatch.core.answering.supposing import Supposed
from ebbwatch.core.answering.what_if import NextStep, Unmoved, WhatIf
from ebbwatch.core.render.reading_words import (
    day_text,
    published_text,
    reading_text,
    reason_text,
)
from ebbwatch.core.render.standings import MARKS
from ebbwatch.core.render.words import Translator, level_word
from ebbwatch.model.alert import Change, Level, Transition
from ebbwatch.model.periods import Every, Minutes
from ebbwatch.model.table import TableColumn
from ebbwatch.model.text import marked
from ebbwatch.model.units import printed, printed_unit
from ebbwatch.model.zones import NEW_YORK

#: Columns of a terminal that the name of a rule keeps.
_NAME = 18
#: Columns of a terminal that a reason keeps.
_WHY = 24
_CHANGES = {
    Change.ARMED: marked("becomes pending"),
    Change.DISARMED: marked("pends no more"),
    Change.FIRED: marked("fires at {level}"),
    Change.ESCALATED: marked("escalates to {level}"),
    Change.EASED: marked("eases to {level}"),
    Change.RESOLVED: marked("resolves"),
    Change.WITHDRAWN: marked("withdrawn"),
}


def supposed_table(t: Translator, told: WhatIf) -> tuple[TableColumn, ...]:
    """Return the supposed figures, each with what is held now and when it would come out."""
    rows = told.supposed
    return (
        TableColumn(t.gettext("SUPPOSED"), [one.series.name for one in rows], least=_NAME),
        TableColumn(t.gettext("PERIOD"), [_period(one, one.period) for one in rows]),
        TableColumn(t.gettext("VALUE"), [_value(one) for one in rows], right=True),
        TableColumn(t.gettext("HELD NOW"), [_held(t, one) for one in rows], spare=1),
        TableColumn(t.gettext("COMES OUT"), [_out(t, one, told) for one in rows]),
    )


def changes_table(t: Translator, told: WhatIf) -> tuple[TableColumn, ...]:
    """Return the changes that the figures would make, in order of time."""
    rows = told.changes
    return (
        TableColumn("", [_mark(move) for move in rows]),
        TableColumn(t.gettext("RULE"), [move.rule for move in rows], least=_NAME),
        TableColumn(t.gettext("WOULD"), [_change(t, move) for move in rows]),
        TableColumn(t.gettext("VALUE"), [_reading(t, move) for move in rows], right=True),
        TableColumn(t.gettext("THRESHOLD"), [_threshold(t, move) for move in rows], right=True),
        TableColumn(t.gettext("FOR"), [_every_less(move.period) for move in rows], spare=1),
    )


def others_table(t: Translator, rows: Sequence[Unmoved]) -> tuple[TableColumn, ...]:
    """Return the rules that would stay as they are, and how far each would be from moving."""
    return (
        TableColumn("", [MARKS[row.standing.state] for row in rows]),
        TableColumn(t.gettext("RULE"), [row.standing.rule.name for row in rows], least=_NAME),
        TableColumn(t.gettext("LEVEL"), [_level(t, row.standing.level) for row in rows]),
        TableColumn(t.gettext("VALUE"), [_stands_at(t, row) for row in rows], right=True),
        TableColumn(t.gettext("AWAY"), [_distance(t, row) for row in rows], right=True),
        TableColumn(t.gettext("FROM"), [_from(t, row) for row in rows], least=_WHY),
    )


def what_if_footer(t: Translator, told: WhatIf) -> str:
    """Return how many rules would move and how many not, and that nothing else is known."""
    changed = len({move.rule for move in told.changes})
    said = [
        t.ngettext("{n} rule would move", "{n} rules would move", changed).format(
            n=t.count(changed)
        ),
        t.ngettext("{n} would not", "{n} would not", len(told.others)).format(
            n=t.count(len(told.others))
        ),
    ]
    return t.gettext("{counts}. {times}").format(
        counts=t.gettext(", ").join(said), times=t.gettext("Nothing is kept of this.")
    )


def _period(one: Supposed, period: Minutes) -> str:
    return _text(one.series.every, period)


def _text(every: Every, period: Minutes) -> str:
    return _every_less(every.text(period))


def _every_less(period: str) -> str:
    return period.removesuffix(":00Z")


def _value(one: Supposed) -> str:
    unit = printed_unit(one.series.unit.dimension)
    return published_text(printed(Fraction(one.value), unit), unit)


def _held(t: Translator, one: Supposed) -> str:
    """Return the newest figure that is held: ``3.87 % of 2026-10-08``."""
    if one.held is None or one.held.value is None:
        return t.gettext("nothing")
    unit = printed_unit(one.series.unit.dimension)
    value = published_text(printed(one.held.value, unit), unit)
    return t.gettext("{value} of {period}").format(
        value=value, period=_period(one, one.held.period)
    )


def _out(t: Translator, one: Supposed, told: WhatIf) -> str:
    """Return when a figure would come out: ``Tue 1 Dec 08:00``, or that it is overdue."""
    if one.due_at is not None:
        return t.gettext("due since {since}").format(since=day_text(t, one.due_at, told.at))
    local = one.known_at.astimezone(NEW_YORK)
    return f"{t.month_day(local.date())} {local:%H:%M}"


def _mark(move: Transition) -> str:
    if move.change is Change.ARMED:
        return MARKS["pending"]
    over = move.change in (Change.DISARMED, Change.RESOLVED, Change.WITHDRAWN)
    return MARKS["inactive"] if over else MARKS["firing"]


def _change(t: Translator, move: Transition) -> str:
    return t.gettext(_CHANGES[move.change]).format(level=level_word(t, move.level))


def _reading(t: Translator, move: Transition) -> str:
    if move.value is None or move.unit is None:
        return ""
    return t.number(move.value, move.unit, apart_from=move.threshold)


def _threshold(t: Translator, move: Transition) -> str:
    if move.threshold is None or move.unit is None:
        return ""
    return t.number(move.threshold, move.unit, short=True)


def _level(t: Translator, level: Level) -> str:
    return "" if level is Level.NONE else level_word(t, level)


def _stands_at(t: Translator, row: Unmoved) -> str:
    reading = row.standing.reading
    return "" if reading is None else reading_text(t, reading, row.standing.near)


def _distance(t: Translator, row: Unmoved) -> str:
    """Return how far a reading is from moving its alert; empty where no reading would come."""
    reading, step = row.standing.reading, row.nearest
    if row.waits_for or step is None or reading is None or reading.unit is None:
        return ""
    return t.difference(step.distance, reading.unit) if step.distance else ""


def _from(t: Translator, row: Unmoved) -> str:
    """Return what a rule would still need: a threshold passed, or another figure."""
    reading = row.standing.reading
    if row.waits_for:
        names = t.gettext(", ").join(name for name, _ in row.waits_for)
        return t.gettext("waits for {series}").format(series=names)
    if reading is None or reading.unit is None or row.nearest is None:
        return "" if reading is None else reason_text(t, reading, lambda name: name)
    return _step(t, row.nearest, reading.unit)


def _step(t: Translator, step: NextStep, unit: str) -> str:
    threshold = t.number(step.threshold, unit, short=True)
    if not step.distance:
        return t.gettext("past {threshold} already").format(threshold=threshold)
    if step.level is Level.NONE:
        return t.gettext("resolved at {threshold}").format(threshold=threshold)
    level = level_word(t, step.level)
    return t.gettext("{level} at {threshold}").format(level=level, threshold=threshold)
