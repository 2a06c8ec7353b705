"""Recording: makes what was decided last, however long the database is in trouble.

An event is decided once. Where the database refuses it, because its disk is full, another
program holds it, or it is away, the same outcome is offered again until it is taken; meanwhile
nothing else is decided, polling goes on, and what it brings waits. An outcome that cannot be
recorded for a fault of ours is set aside, with what made it: its figures last, and the rules
that it moved are named.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog

from ebbwatch.model.periods import instant
from ebbwatch.ports import Clock, Contended, LeadLost, StoreError
from ebbwatch.runtime.database_watch import DatabaseWatch
from ebbwatch.runtime.pipeline import Event, Failure, Handled, Pipeline

#: Pauses between two offers: doubling from the first to the last.
_FIRST_PAUSE = timedelta(milliseconds=500)
_LAST_PAUSE = timedelta(seconds=10)

log = structlog.get_logger()


class Recording:
    """Decides one event after the other, each recorded before the next is decided."""

    def __init__(
        self, pipeline: Pipeline, clock: Clock, watch: DatabaseWatch, stop: asyncio.Event
    ) -> None:
        """Take who decides, and who is told of a database in trouble."""
        self._pipeline = pipeline
        self._clock = clock
        self._watch = watch
        self._stop = stop
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Have nothing decided meanwhile."""
        async with self._turn:
            yield

    async def handle(self, event: Event) -> Handled:
        """Decide an event and record its outcome.

        Raises:
            LeadLost: If another process leads since.
            StoreError: If the process is to stop while the database is in trouble.
        """

        def decision() -> Handled:
            try:
                return self._pipeline.decide(event)
            except Exception as error:
                log.exception("event.undecided", at=instant(event.at).isoformat())
                return Handled(event, failures=[Failure("", error)], moves=[])

        return await self.decide(decision)

    async def decide(self, decision: Callable[[], Handled]) -> Handled:
        """Take a decision when it is its turn, and record its outcome; raises as `handle`."""
        async with self._turn:
            handled = decision()
            try:
                await self._record(handled)
            except (StoreError, asyncio.CancelledError):
                raise
            except Exception as error:
                log.exception("event.set_aside", at=instant(handled.event.at).isoformat())
                handled = self._set_aside(handled, error)
                await self._record(handled)
            return handled

    def commit(self, handled: Handled) -> None:
        """Record an outcome before anything runs: once, and what fails for a fault of ours aside.

        Raises:
            StoreError: If the database refuses.
        """
        try:
            self._pipeline.commit(handled)
        except StoreError:
            raise
        except Exception as error:
            log.exception("event.set_aside", at=instant(handled.event.at).isoformat())
            self._pipeline.commit(self._set_aside(handled, error))

    async def _record(self, handled: Handled) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                self._pipeline.commit(handled)
            except LeadLost:
                raise
            except Contended as error:
                raise LeadLost("another process writes to the same alerts") from error
            except StoreError as error:
                self._watch.refused(error)
                if self._stop.is_set():
                    raise
                await self._pause(pause)
                pause = min(pause * 2, _LAST_PAUSE)
            else:
                self._watch.answered()
                return

    async def _pause(self, length: timedelta) -> None:
        stopping = asyncio.ensure_future(self._stop.wait())
        waiting = asyncio.ensure_future(self._clock.wait_until(self._clock.now() + length))
        try:
            await asyncio.wait({stopping, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            waiting.cancel()

    @staticmethod
    def _set_aside(handled: Handled, error: Exception) -> Handled:
        """Return an event with its facts alone: what it moved could not be recorded."""
        moved = [outcome.judged.rule.name for outcome in handled.outcomes if outcome.judged.moves]
        return Handled(
            handled.event,
            history=handled.history,
            removed=handled.removed,
            failures=[*handled.failures, *(Failure(name, error) for name in moved)],
            moves=[],
            aside=True,
        )
