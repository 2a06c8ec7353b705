"""How series stand, as a table for people: what is held of each, and when the next is due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ebbwatch.core.answering.expected import SeriesStanding
from ebbwatch.core.facts.release_clock import FreshnessState
from ebbwatch.core.render.reading_words import day_text, published_text
from ebbwatch.core.render.words import Translator
from ebbwatch.model.periods import FREQUENCIES, Every, instant
from ebbwatch.model.series import Series
from ebbwatch.model.source import Offer
from ebbwatch.model.table import TableColumn
from ebbwatch.model.text import marked
from ebbwatch.model.units import printed, printed_unit
from ebbwatch.model.zones import NEW_YORK

_STATES = {
    FreshnessState.FRESH: marked("fresh"),
    FreshnessState.DUE: marked("due"),
    FreshnessState.LATE: marked("late"),
    FreshnessState.STALE: marked("stale"),
    FreshnessState.EMPTY: marked("empty"),
}
#: Columns of a terminal that the name of a series keeps.
_NAME = 12
#: Columns that what a thing is keeps, in words.
_WORDS = 28
#: Columns that an argument keeps.
_LONGEST = 22


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


def offers_table(
    t: Translator,
    offers: Sequence[Offer],
    declared: Sequence[tuple[Series, str | Mapping[str, Any]]],
) -> tuple[TableColumn, ...]:
    """Return what a source has to give, in columns; what is declared beyond its list comes last.

    Args:
        t: The reader's language.
        offers: What its adapter lists.
        declared: The series that are asked of it, and what each is called there.
    """
    listed = [offer.argument for offer in offers]
    others = [(series, asked) for series, asked in declared if asked not in listed]
    names = [
        ", ".join(series.name for series, asked in declared if asked == offer.argument)
        for offer in offers
    ]
    arguments = [*listed, *(_argument(asked) for _, asked in others)]
    return (
        # It is there to be copied: other columns make room first.
        TableColumn(
            t.gettext("ARGUMENT"),
            arguments,
            least=min(max(map(len, arguments), default=0), _LONGEST),
        ),
        TableColumn(t.gettext("SERIES"), [*names, *(series.name for series, _ in others)]),
        TableColumn(
            t.gettext("WHAT"),
            [*(o.what for o in offers), *(s.title.in_language(t.language) for s, _ in others)],
            least=_WORDS,
        ),
        TableColumn(
            t.gettext("UNIT"),
            [*(o.unit for o in offers), *(s.unit.name for s, _ in others)],
            spare=1,
        ),
        TableColumn(
            t.gettext("EVERY"),
            [
                *(_every(FREQUENCIES[o.every]) for o in offers),
                *(_every(s.every) for s, _ in others),
            ],
            spare=2,
        ),
    )


def _argument(asked: str | Mapping[str, Any]) -> str:
    """Return what a source is asked for, as a rule file would write it."""
    if isinstance(asked, str):
        return asked
    return f"{{{', '.join(f'{key}: {value}' for key, value in asked.items())}}}"


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
    local = row.newest.known_at.astimezone(NEW_YORK)
    return f"{local:%y-%m-%d}" + "~" * row.newest.assumed


def _next(t: Translator, row: SeriesStanding, at: datetime) -> str:
    """Return when the next figure is due; of one that has not come, since when."""
    found = row.found
    if row.due_at is not None and row.due_at <= at:
        return t.gettext("since {since}").format(since=day_text(t, row.due_at, at))
    due_at = row.due_at or (None if found.next_due_at is None else instant(found.next_due_at))
    if due_at is None:
        return ""
    local = due_at.astimezone(NEW_YORK)
    return f"{t.month_day(local.date())} {local:%H:%M}"
