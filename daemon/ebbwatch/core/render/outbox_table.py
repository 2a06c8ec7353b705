"""Messages that did not get through, as a table for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ebbwatch.core.render.reasons import reason_words
from ebbwatch.core.render.words import Translator
from ebbwatch.model.message import OutboxRow
from ebbwatch.model.table import TableColumn
from ebbwatch.model.zones import NEW_YORK

#: Columns of a terminal that a headline, and a reason, keep.
_KEPT = 12


def outbox_table(t: Translator, rows: Mapping[str, OutboxRow]) -> tuple[TableColumn, ...]:
    """Return messages in columns, by what people call each."""
    found = rows.values()
    return (
        TableColumn(t.gettext("ID"), list(rows)),
        TableColumn(t.gettext("RECEIVER"), [row.target.receiver for row in found]),
        TableColumn(t.gettext("STATE"), [row.state.value for row in found]),
        TableColumn(t.gettext("SINCE"), [_clock(row.created_at) for row in found]),
        TableColumn(t.gettext("WHAT"), [row.message.headline for row in found], least=_KEPT),
        TableColumn(t.gettext("WHY"), [reason_words(t, row.error) for row in found], least=_KEPT),
    )


def _clock(at: datetime) -> str:
    return f"{at.astimezone(NEW_YORK):%m-%d %H:%M}"
