"""How rules stand, as a table for people: one row a rule."""

from __future__ import annotations

from collections.abc import Sequence

from ebbwatch.core.answering.status import Standing
from ebbwatch.core.render.reading_words import (
    age_text,
    day_text,
    found_text,
    reading_text,
    times_text,
)
from ebbwatch.core.render.words import Translator, level_word
from ebbwatch.model.alert import Level
from ebbwatch.model.table import TableColumn
from ebbwatch.model.text import marked
from ebbwatch.model.zones import NEW_YORK

#: Columns of a terminal that the name of a rule keeps as long as others can be left out.
_NAME = 18

#: What stands before a rule's name.
MARKS = {"firing": "●", "pending": "◐", "inactive": "·", "broken": "✗"}

_STATES = {"pending": marked("pending"), "broken": marked("broken")}


def standings_table(t: Translator, rows: Sequence[Standing]) -> tuple[TableColumn, ...]:
    """Return how rules stand, in columns.

    What is unknown says so, with what was known last in a column of its own; a rule whose
    figures are late says since when, and what is not late when its next figure comes.
    """
    last = [_last(t, row) for row in rows]
    columns = [
        TableColumn("", [MARKS[row.state] for row in rows]),
        TableColumn(t.gettext("RULE"), [row.rule.name for row in rows], least=_NAME),
        TableColumn(t.gettext("LEVEL"), [_level(t, row) for row in rows]),
        TableColumn(t.gettext("VALUE"), [_value(t, row) for row in rows], right=True),
        TableColumn(t.gettext("LAST"), last, right=True, spare=1),
        TableColumn(t.gettext("PERIOD"), [_period(row) for row in rows], spare=2),
        TableColumn(t.gettext("AGE"), [age_text(t, row.age) for row in rows], right=True),
        TableColumn(t.gettext("NEXT FIGURE"), [due_text(t, row) for row in rows]),
    ]
    return tuple(column for column in columns if column.cells is not last or any(last))


def standings_footer(t: Translator, rows: Sequence[Standing]) -> str:
    """Return what the rows come to: how many fire, are unknown and are late."""
    firing = sum(row.level is not Level.NONE for row in rows)
    unknown = sum(row.reading is not None and not row.reading.known for row in rows)
    late = sum(row.frozen for row in rows)
    said = [
        t.ngettext("{n} rule", "{n} rules", len(rows)).format(n=t.count(len(rows))),
        t.gettext("{n} firing").format(n=t.count(firing)),
    ]
    if unknown:
        said.append(t.gettext("{n} unknown").format(n=t.count(unknown)))
    if late:
        said.append(t.gettext("{n} late").format(n=t.count(late)))
    return t.gettext("{counts}. {times}").format(
        counts=t.gettext(", ").join(said), times=times_text(t, assumed=False)
    )


def due_text(t: Translator, row: Standing) -> str:
    """Return when a rule's next figure comes: ``30 Nov 09:00``, or ``late since 24 Aug``."""
    late = t.gettext("{series} late").format(series=row.late[0].series) if row.late else ""
    if len(row.late) > 1:
        late = t.gettext("{n} late").format(n=len(row.late))
    if row.next_due is not None:
        local = row.next_due.astimezone(NEW_YORK)
        day = f"{t.month_day(local.date())} {local:%H:%M}"
        return t.gettext("{line}, {more}").format(line=day, more=late) if late else day
    if row.late_since is not None:
        since = day_text(t, row.late_since, row.at)
        return t.gettext("late since {since}").format(since=since)
    if row.overdue_since is not None:
        since = day_text(t, row.overdue_since, row.at)
        return late or t.gettext("due since {since}").format(since=since)
    if row.reading is not None and not row.reading.period:
        return late or t.gettext("no figure yet")
    return late


def _level(t: Translator, row: Standing) -> str:
    if row.level is not Level.NONE:
        return level_word(t, row.level)
    return t.gettext(_STATES[row.state]) if row.state in _STATES else ""


def _value(t: Translator, row: Standing) -> str:
    return "" if row.reading is None else reading_text(t, row.reading, row.near)


def _last(t: Translator, row: Standing) -> str:
    """Return what a rule that is unknown now read when it was known last."""
    reading = row.reading
    if reading is None or reading.known or reading.last is None:
        return ""
    return found_text(t, reading.last, reading.unit, row.near)


def _period(row: Standing) -> str:
    """Return the period of the newest figure known, minutes without their seconds."""
    newest = None if row.reading is None else row.reading.newest
    return "" if newest is None else newest.period.removesuffix(":00Z")
