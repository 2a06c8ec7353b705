"""The nflog: what each receiver was last told of each alert, and how it goes back.

A telling is written when it is intended, together with its outbox rows. So that one that
could not be delivered can be taken back, the log of an alert at a receiver keeps the last few
tellings, each with the key of its rows and with what the receiver knew after it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ebbwatch.core.dedup import Entry

#: Tellings kept: as many as may be on their way when one of them turns out undeliverable.
LINES = 8


class Memos(Protocol):
    """What the nflog needs of a store."""

    def get(self, key: str) -> str | None:
        """Return a small stored text."""
        ...

    def put(self, key: str, value: str | None) -> None:
        """Write a small text."""
        ...


@dataclass(frozen=True, slots=True)
class _Line:
    """One telling.

    Attributes:
        key: Of its outbox rows, without the target.
        entry: What the receiver knows after it; None for an alert that is over.
    """

    key: str
    entry: Entry | None


class Nflog:
    """Reads and writes the log; keeps nothing beside the store."""

    def __init__(self, store: Memos) -> None:
        """Take where it is kept."""
        self._store = store

    def told(self, receiver: str, name: str) -> Entry | None:
        """Return what a receiver was last told of an alert, or None where nothing stands."""
        lines = self._lines(receiver, name)
        return lines[-1].entry if lines else None

    def note(self, receiver: str, name: str, key: str, entry: Entry | None) -> None:
        """Write a telling; the same key again replaces it."""
        lines = [line for line in self._lines(receiver, name) if line.key != key]
        self._write(receiver, name, [*lines, _Line(key, entry)][-LINES:])

    def take_back(self, receiver: str, name: str, key: str) -> bool:
        """Take a telling out of the log; return whether it stood there."""
        lines = self._lines(receiver, name)
        left = [line for line in lines if line.key != key]
        if len(left) == len(lines):
            return False
        self._write(receiver, name, left)
        return True

    def _lines(self, receiver: str, name: str) -> list[_Line]:
        rows = json.loads(self._store.get(f"nflog/{receiver}/{name}") or "[]")
        return [_Line(key, None if e is None else Entry.from_json(e)) for key, e in rows]

    def _write(self, receiver: str, name: str, lines: Sequence[_Line]) -> None:
        rows = [(line.key, None if line.entry is None else line.entry.to_json()) for line in lines]
        self._store.put(f"nflog/{receiver}/{name}", json.dumps(rows) if rows else None)
