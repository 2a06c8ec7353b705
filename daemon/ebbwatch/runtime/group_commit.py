"""Group commit: what becomes of messages is written together, because a commit waits for the disk.

Whoever writes waits until it lasts. What comes within some milliseconds is written in one
transaction; where nobody else could come, nothing is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ebbwatch.model.message import Receipt
from ebbwatch.ports import Clock, Store

#: For how long what others write is waited for, in seconds: so short that no clock is asked.
GATHERS_S = 0.01

_Waiter = asyncio.Future[bool]


@dataclass(slots=True)
class _Group:
    """What is written together, each with who waits for it.

    Attributes:
        begun: Keys of rows whose try begins.
        delivered: Keys and receipts of rows that arrived.
        others: Whatever else is written of a row, given the wall time.
    """

    begun: dict[str, _Waiter] = field(default_factory=dict)
    delivered: dict[str, tuple[Receipt, _Waiter]] = field(default_factory=dict)
    others: list[tuple[Callable[[datetime], bool], _Waiter]] = field(default_factory=list)

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self.begun) + len(self.delivered) + len(self.others)

    def waiters(self) -> list[_Waiter]:
        """Return all who wait."""
        return [
            *self.begun.values(),
            *(waiter for _, waiter in self.delivered.values()),
            *(waiter for _, waiter in self.others),
        ]


class GroupCommit:
    """Writes what becomes of rows of the outbox that one owner has claimed."""

    def __init__(
        self, store: Store, clock: Clock, *, owner: str, writers: Callable[[], int]
    ) -> None:
        """Take where to write.

        Args:
            store: Whose outbox.
            clock: Says what time it is.
            owner: Whose claims.
            writers: How many there are that may write, those that wait already included.
        """
        self._store = store
        self._clock = clock
        self._owner = owner
        self._writers = writers
        self._group = _Group()
        self._gathering: asyncio.TimerHandle | None = None

    async def begin(self, key: str) -> bool:
        """Write that a try begins; return, once that lasts, whether it may be sent.

        Raises:
            StoreError: If the database refuses.
        """
        waiter = self._group.begun[key] = self._waiter()
        return await self._written(waiter)

    async def delivered(self, key: str, receipt: Receipt) -> bool:
        """Settle a row as delivered; return whether the claim still was ours.

        Raises:
            StoreError: If the database refuses.
        """
        waiter = self._waiter()
        self._group.delivered[key] = (receipt, waiter)
        return await self._written(waiter)

    async def write(self, change: Callable[[datetime], bool]) -> bool:
        """Write whatever else became of a row, and return what the change returns.

        Raises:
            StoreError: If the database refuses.
        """
        waiter = self._waiter()
        self._group.others.append((change, waiter))
        return await self._written(waiter)

    @staticmethod
    def _waiter() -> _Waiter:
        return asyncio.get_running_loop().create_future()

    async def _written(self, waiter: _Waiter) -> bool:
        """Have the group written, as soon as everybody is in it who may be."""
        if len(self._group) >= self._writers():
            # Whoever has its turn with us may write, too.
            asyncio.get_running_loop().call_soon(self._flush, self._group)
        elif self._gathering is None:
            loop = asyncio.get_running_loop()
            self._gathering = loop.call_later(GATHERS_S, self._flush, self._group)
        return await waiter

    def _flush(self, group: _Group) -> None:
        """Write a group, unless that was done."""
        if group is not self._group:
            return
        self._group = _Group()
        if self._gathering is not None:
            self._gathering.cancel()
        self._gathering = None
        try:
            found = self._write(group)
        except Exception as error:  # noqa: BLE001  whoever waits for it raises it
            for waiter in group.waiters():
                if not waiter.done():
                    waiter.set_exception(error)
            return
        for waiter, result in zip(group.waiters(), found, strict=True):
            if not waiter.done():
                waiter.set_result(result)

    def _write(self, group: _Group) -> list[bool]:
        now, store, owner = self._clock.now(), self._store, self._owner
        receipts = {key: receipt for key, (receipt, _) in group.delivered.items()}
        with store.transaction(leading=False):
            begun = store.begin([*group.begun], ts=now, owner=owner) if group.begun else set()
            settled = store.delivered(receipts, ts=now, owner=owner) if receipts else set()
            others = [change(now) for change, _ in group.others]
        return [
            *(key in begun for key in group.begun),
            *(key in settled for key in group.delivered),
            *others,
        ]
