"""What is silenced and acknowledged, as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ebbwatch.core.render.words import Translator
from ebbwatch.model.table import TableColumn
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.ports import Ack, Silence

#: Columns of a terminal that a matcher, and a comment, keep.
_KEPT = 12


def matcher_text(matcher: tuple[tuple[str, str], ...]) -> str:
    """Return what a silence is for, as it is typed: ``funding-spread level=watch``."""
    names = [value for label, value in matcher if label == "name"]
    return " ".join([*names, *(f"{label}={value}" for label, value in matcher if label != "name")])


def silences_table(t: Translator, rows: Sequence[Silence]) -> tuple[TableColumn, ...]:
    """Return silences in columns."""
    return (
        TableColumn(t.gettext("ID"), [row.id for row in rows]),
        TableColumn(t.gettext("WHAT"), [matcher_text(row.matcher) for row in rows], least=_KEPT),
        TableColumn(t.gettext("UNTIL"), [_clock(row.until) for row in rows]),
        TableColumn(t.gettext("BY"), [row.by for row in rows], least=_KEPT),
        TableColumn(t.gettext("WHY"), [row.comment for row in rows], least=_KEPT),
    )


def acks_table(t: Translator, rows: Sequence[Ack]) -> tuple[TableColumn, ...]:
    """Return acknowledgements in columns."""
    return (
        TableColumn(t.gettext("RULE"), [row.rule for row in rows], least=_KEPT),
        TableColumn(t.gettext("SINCE"), [_clock(row.at) for row in rows]),
        TableColumn(t.gettext("BY"), [row.by for row in rows], least=_KEPT),
    )


def _clock(at: datetime) -> str:
    return f"{at.astimezone(NEW_YORK):%a %Y-%m-%d %H:%M %Z}"
