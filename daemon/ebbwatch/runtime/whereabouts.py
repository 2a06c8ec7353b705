"""Whereabouts: which place each target leads to, and where chats have moved to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ebbwatch.model.message import Receipt, Target
from ebbwatch.ports import Notifier, Store


class Whereabouts:
    """Knows the place of each target, by what its notifier says and what platforms answered."""

    def __init__(self, store: Store, notifiers: Mapping[str, Notifier]) -> None:
        """Take where moves are remembered, and who knows places, by kind."""
        self._store = store
        self._notifiers = notifiers

    def of(self, target: Target) -> str:
        """Return the place that a target leads to, without secrets: ``KIND:...``.

        A chat that has moved is the place it was before, under its old id as under its new one.
        Of a kind that nobody speaks, the receiver stands for the place.

        Raises:
            StoreError: If the store does not answer.
        """
        notifier = self._notifiers.get(target.kind)
        if notifier is None:
            return f"{target.kind}:{target.key}"
        moves = self._moves(target)
        old = self._store.get(_key(target, moves, "came")) if moves else None
        place = notifier.place(target if old is None else _at(target, moves, old))
        return place if place.partition(":")[0] == target.kind else f"{target.kind}:{place}"

    def now(self, target: Target) -> Target:
        """Return a target as it is to be sent to: at the place its chat has moved to, if it did.

        Raises:
            StoreError: If the store does not answer.
        """
        moves = self._moves(target)
        new = self._store.get(_key(target, moves)) if moves else None
        return target if new is None else _at(target, moves, new)

    def follow(self, target: Target, receipt: Receipt) -> None:
        """Remember where a message to a target went, where that is another place than written.

        Raises:
            StoreError: If it cannot be written; the platform will tell us again.
        """
        moves = self._moves(target)
        if moves and receipt.place and receipt.place != str(self.now(target).options[moves]):
            self._put(target, moves, receipt.place)

    def forget(self, target: Target) -> None:
        """Forget where a target has moved to; raises what `follow` does."""
        if moves := self._moves(target):
            self._put(target, moves, None)

    def _moves(self, target: Target) -> str:
        """Return the option of a target that may change by itself; empty for none."""
        notifier = self._notifiers.get(target.kind)
        moves = "" if notifier is None else notifier.can.move
        return moves if moves in target.options else ""

    def _put(self, target: Target, moves: str, new: str | None) -> None:
        """Write both ways where a target has moved to; None forgets it."""
        written = str(target.options[moves])
        there = self.now(target)
        with self._store.transaction():
            self._store.put(_key(there, moves, "came"), None)
            self._store.put(_key(target, moves), new)
            if new is not None:
                self._store.put(_key(_at(target, moves, new), moves, "came"), written)


def _key(target: Target, option: str, way: str = "moved") -> str:
    """Return where is kept what an option of a target has become, or was before it ``came``."""
    return f"{way}/{target.kind}/{target.options[option]}"


def _at(target: Target, option: str, place: str) -> Target:
    return replace(target, options={**target.options, option: place})
