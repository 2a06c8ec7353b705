"""What an expression comes to, in words, with a table of the figures it is made of."""

from __future__ import annotations

from ebbwatch.core.answering.answers import Answer, InputFigure
from ebbwatch.core.render.reading_words import (
    day_text,
    found_text,
    published_text,
    reading_text,
    reason_text,
)
from ebbwatch.core.render.words import Translator
from ebbwatch.model.table import TableColumn
from ebbwatch.model.zones import NEW_YORK

#: Columns of a terminal that the name of a series keeps.
_NAME = 12


def answer_line(t: Translator, answer: Answer) -> str:
    """Return what an expression says: ``19 bp  for 2025-10-15``.

    Of what is unknown, why, and what was known last:
    ``unknown: sofr is stale (last 4.13 % for 2026-08-28)``.
    """
    reading = answer.reading
    said = reading_text(t, reading)
    if reading.found is not None:
        return t.gettext("{value}  for {period}").format(value=said, period=reading.found.period)
    reason = reason_text(t, reading, lambda name: name)
    line = t.gettext("{truth}: {condition}").format(truth=said, condition=reason)
    if reading.last is None:
        return line
    last = t.gettext("last {value} for {period}").format(
        value=found_text(t, reading.last, reading.unit), period=reading.last.period
    )
    return t.gettext("{line} ({more})").format(line=line, more=last)


def figures_table(t: Translator, answer: Answer) -> tuple[TableColumn, ...]:
    """Return the figures an answer is made of, in columns; one of their times may be assumed."""
    given = answer.given
    late = [_lateness(t, answer, one) for one in given]
    columns = [
        TableColumn(t.gettext("SERIES"), [one.series.name for one in given], least=_NAME),
        TableColumn(
            t.gettext("VALUE"), [published_text(g.input.value, g.input.unit) for g in given],
            right=True,
        ),
        TableColumn(t.gettext("PERIOD"), [g.input.period.removesuffix(":00Z") for g in given]),
        TableColumn(t.gettext("SOURCE"), [one.input.source for one in given], spare=1),
        TableColumn(t.gettext("KNOWN"), [_known(one) for one in given]),
        TableColumn(t.gettext("NEXT FIGURE"), late),
    ]  # fmt: skip
    return tuple(column for column in columns if column.cells is not late or any(late))


def _known(given: InputFigure) -> str:
    local = given.input.known_at.astimezone(NEW_YORK)
    return f"{local:%Y-%m-%d %H:%M}" + "~" * given.input.assumed


def _lateness(t: Translator, answer: Answer, given: InputFigure) -> str:
    if given.late_since is None:
        return t.gettext("stale") if given.stale else ""
    since = day_text(t, given.late_since, answer.at)
    words = t.gettext("stale, due {since}") if given.stale else t.gettext("late since {since}")
    return words.format(since=since)
