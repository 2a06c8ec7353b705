"""Places: where targets are told, and where their chats have moved to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ebbwatch.model.message import Receipt, Target
from ebbwatch.ports import Notifier, Store


class Places:
    """Knows the place of each target, by what its notifier says and what platforms answered."""

    def __init__(self, store: Store, notifiers: Mapping[str, Notifier]) -> None:
        """Take where moves are remembered, and who knows places, by kind."""
        self._store = store
        self._notifiers = notifiers

    def of(self, target: Target) -> str | None:
        """Return the place that a target names as it is written; None for a kind nobody knows."""
        notifier = self._notifiers.get(target.kind)
        return None if notifier is None else notifier.place(target)

    def now(self, target: Target) -> Target:
        """Return a target as it is to be sent to: at the place its chat has moved to, if it did.

        Raises:
            StoreError: If the store does not answer.
        """
        moves = self._moves(target)
        new = self._store.get(self._key(target)) if moves else None
        return target if new is None else _at(target, moves, new)

    def follow(self, target: Target, receipt: Receipt) -> None:
        """Remember where a message to a target went, where that is another place than written.

        Raises:
            StoreError: If it cannot be written; the platform will tell us again.
        """
        moves = self._moves(target)
        if moves and receipt.place and receipt.place != str(self.now(target).options[moves]):
            self._put(target, receipt.place)

    def forget(self, target: Target) -> None:
        """Forget where a target has moved to; raises what `follow` does."""
        if self._moves(target):
            self._put(target, None)

    def _moves(self, target: Target) -> str:
        """Return the option of a target that may change by itself; empty for none."""
        notifier = self._notifiers.get(target.kind)
        moves = "" if notifier is None else notifier.can.move
        return moves if moves in target.options else ""

    def _key(self, target: Target) -> str:
        return f"moved/{self.of(target)}"

    def _put(self, target: Target, new: str | None) -> None:
        with self._store.transaction():
            self._store.put(self._key(target), new)


def _at(target: Target, option: str, place: str) -> Target:
    return replace(target, options={**target.options, option: place})
