"""What people do with messages that did not get through: look at them, have them told, drop them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from ebbwatch.model.message import OutboxRow, RowState
from ebbwatch.ports import Store

#: Where is noted that a place takes messages again, for the daemon to see: followed by the place.
WORKS = "works/"

#: States of messages that did not get through, or not yet.
UNDELIVERED = (RowState.WAITING, RowState.CLAIMED, RowState.PARKED, RowState.EXPIRED)
#: Messages looked at, at most.
LOOKED_AT = 10_000


def id_of(row: OutboxRow) -> str:
    """Return what people call a message: eight letters and digits that stay the same."""
    return hashlib.sha256(row.key.encode()).hexdigest()[:8]


def undelivered(store: Store, words: Sequence[str] = ()) -> list[OutboxRow]:
    """Return the messages that did not get through, oldest first.

    Args:
        store: Whose.
        words: Ids, states, or names of receivers or rules, any of which must fit; none for all.
    """
    rows = store.outbox(states=UNDELIVERED, limit=LOOKED_AT)
    found = [row for row in rows if not words or any(_fits(row, word) for word in words)]
    return sorted(found, key=lambda row: (row.created_at, row.key))


def _fits(row: OutboxRow, word: str) -> bool:
    return word in (id_of(row), row.target.receiver, row.state.value, *row.lines)


def works(store: Store, places: Sequence[str], *, at: datetime) -> None:
    """Note that places take messages: the daemon tells them what they missed and is still news."""
    with store.transaction(leading=False):
        store.put_all({f"{WORKS}{place}": at.isoformat() for place in places})


def drop(store: Store, rows: Sequence[OutboxRow], *, at: datetime, why: str) -> list[OutboxRow]:
    """Give messages up, for a reason that stays on record; return those that were still open."""
    with store.transaction(leading=False):
        return store.drop([row.key for row in rows], ts=at, reason=why)
