"""Feeds: where events come from, and the loop that drives them through a pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from ebbwatch.model.periods import Micros, instant, micros
from ebbwatch.ports import Clock
from ebbwatch.runtime.pipeline import Event, Handled, Pipeline


@dataclass(frozen=True, slots=True)
class Arrived:
    """An event whose commit somebody waits for.

    Attributes:
        event: Itself; later than that of any earlier arrival.
        committed: To be resolved by whoever handles it: with None after the commit, or with
            the error that prevented it. The source is not asked again before.
    """

    event: Event
    committed: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future(),
        compare=False,
        repr=False,
    )


class Feed(Protocol):
    """Hands out events one at a time, in order of their instants."""

    async def next(self, *, due: Micros | None) -> Event | None:
        """Return the next event: an arrival, or a tick at `due` where that comes first.

        Args:
            due: µs at which time alone could change something; None for never.

        Returns:
            None when there are no more.
        """
        ...


async def drive(
    feed: Feed, pipeline: Pipeline, *, after: Callable[[Handled], None] | None = None
) -> None:
    """Handle events one at a time until the feed ends."""
    while (event := await feed.next(due=pipeline.next_due())) is not None:
        handled = pipeline.handle(event)
        if after is not None:
            after(handled)


@dataclass(slots=True)
class TapeFeed:
    """Replays what arrived once, and the ticks between; never waits.

    Attributes:
        events: In order of their instants.
        until: µs after which no tick is handed out.
    """

    events: Sequence[Event]
    until: Micros
    _place: int = 0

    async def next(self, *, due: Micros | None) -> Event | None:
        """Return the next arrival, or the tick that comes before it; None after the last."""
        first = self.events[self._place] if self._place < len(self.events) else None
        if due is not None and due <= self.until and (first is None or due < first.at):
            return Event(at=due)
        if first is not None:
            self._place += 1
        return first


@dataclass(slots=True)
class LiveFeed:
    """Waits for whichever comes first: an arrival, or the clock reaching what is due.

    Attributes:
        clock: Who says what time it is.
        inbox: Where pollers put what they bring.
        stop: Set when there shall be no more events.
    """

    clock: Clock
    inbox: asyncio.Queue[Arrived]
    stop: asyncio.Event
    _pending: list[Arrived] = field(default_factory=list)
    _handed: Arrived | None = None
    _poke: asyncio.Event = field(default_factory=asyncio.Event)

    def poke(self) -> None:
        """Ask again what is due: something outside the feed changed it."""
        self._poke.set()

    async def next(self, *, due: Micros | None) -> Event | None:
        """Return the next event; the one handed out before is committed by now."""
        self._settle()
        while not self.stop.is_set():
            self._collect()
            now = micros(self.clock.now())
            first = self._pending[0] if self._pending else None
            if first is not None and (due is None or first.event.at <= due):
                self._handed = self._pending.pop(0)
                return self._handed.event
            if due is not None and due <= now:
                return Event(at=due)
            if not await self._wait(due):
                return Event(at=micros(self.clock.now()))
        return None

    def _collect(self) -> None:
        with suppress(asyncio.QueueEmpty):
            while True:
                self._pending.append(self.inbox.get_nowait())
        self._pending.sort(key=lambda arrived: arrived.event.at)

    async def _wait(self, due: Micros | None) -> bool:
        """Wait for an arrival, the clock, the end; False when asked to look again."""
        waits = {
            asyncio.ensure_future(self.inbox.get()): "arrival",
            asyncio.ensure_future(self.stop.wait()): "stop",
            asyncio.ensure_future(self._poke.wait()): "poke",
        }
        if due is not None:
            waits[asyncio.ensure_future(self.clock.wait_until(instant(due)))] = "clock"
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                if not task.done():
                    task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        for task in done:
            if waits[task] == "arrival":
                arrived = task.result()
                assert isinstance(arrived, Arrived)
                self._pending.append(arrived)
        if self._poke.is_set():
            self._poke.clear()
            return False
        return True

    def _settle(self) -> None:
        if self._handed is not None and not self._handed.committed.done():
            self._handed.committed.set_result(None)
        self._handed = None

    def fail(self, error: BaseException) -> None:
        """Tell whoever waits for the event handed out that it was not committed."""
        if self._handed is not None and not self._handed.committed.done():
            self._handed.committed.set_exception(error)
        self._handed = None
