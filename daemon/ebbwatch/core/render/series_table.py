"""How series stand, as a table for people: what is held of each, and when the next is due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from ebbwatch.core.answering.expected import SeriesStanding
from ebbwatch.core.facts.release_clock import FreshnessState
from ebbwatch.core.render.message_contexts import NEW_YORK
from ebbwatch.core.render.reading_words import day_text, published_text
from ebbwatch.core.render.words import Translator
from ebbwatch.model.periods import Every, instant
from ebbwatch.model.table import TableColumn
from ebbwatch.model.text import marked
from ebbwatch.model.units import printed, printed_unit

_STATES = {
    FreshnessState.FRESH: marked("fresh"),
    FreshnessState.DUE: marked("due"),
    FreshnessState.LATE: marked("late"),
    FreshnessState.STALE: marked("stale"),
    FreshnessState.EMPTY: marked("empty"),
}
#: Columns of a terminal that the name of a series keeps.
_NAME = 12


def series_table(
    t: Translator, rows: Sequence[SeriesStanding], at: datetime
) -> tuple[TableColumn, ...]:
    """Return how series stand at an instant, in columns."""
    return (
        TableColumn(t.gettext("SERIES"), [row.series.name for row in rows], least=_NAME),
        TableColumn(t.gettext("EVERY"), [_every(row.series.every) for row in rows], spare=2),
        TableColumn(t.gettext("NEWEST"), [_newest(row) for row in rows]),
        TableColumn(t.gettext("VALUE"), [_value(row) for row in rows], right=True),
        TableColumn(t.gettext("KNOWN"), [_known(row) for row in rows]),
        TableColumn(t.gettext("STATE"), [t.gettext(_STATES[row.state]) for row in rows]),
        TableColumn(t.gettext("NEXT FIGURE"), [_next(t, row, at) for row in rows]),
        TableColumn(t.gettext("SOURCE"), [row.series.source.name for row in rows], spare=1),
    )


def _every(every: Every) -> str:
    name = every.name.replace("business day", "bus. day")
    return f"to {name.removeprefix('week ending ')[:3]}" if name.startswith("week ") else name


def _newest(row: SeriesStanding) -> str:
    newest = row.newest
    return "" if newest is None else row.series.every.text(newest.period).removesuffix(":00Z")


def _value(row: SeriesStanding) -> str:
    if row.newest is None or row.newest.value is None:
        return ""
    unit = printed_unit(row.series.unit.dimension)
    return published_text(float(f"{printed(row.newest.value, unit):.9g}"), unit)


def _known(row: SeriesStanding) -> str:
    if row.newest is None:
        return ""
    local = row.newest.known_at.astimezone(ZoneInfo(NEW_YORK))
    return f"{local:%y-%m-%d}" + "~" * row.newest.assumed


def _next(t: Translator, row: SeriesStanding, at: datetime) -> str:
    """Return when the next figure is due; of one that has not come, since when."""
    found = row.found
    if row.due_at is not None and row.due_at <= at:
        return t.gettext("since {since}").format(since=day_text(t, row.due_at, at))
    due_at = row.due_at or (None if found.next_due_at is None else instant(found.next_due_at))
    if due_at is None:
        return ""
    local = due_at.astimezone(ZoneInfo(NEW_YORK))
    return f"{t.month_day(local.date())} {local:%H:%M}"
