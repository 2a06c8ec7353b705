"""Recording: makes what was decided last, however long the database is in trouble.

An event is decided once. Where the database refuses it, because its disk is full, another
program holds it, or it is away, the same outcome is offered again until it is taken; meanwhile
nothing else is decided, polling goes on, and what it brings waits. An outcome that cannot be
recorded for a fault of ours is not tried twice in the same way: first telling is left out, then
all but the figures, and the rules that were moved are named.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import structlog

from ebbwatch.model.periods import instant
from ebbwatch.ports import Clock, Contended, LeadLost, StoreError
from ebbwatch.runtime.database_watch import DatabaseWatch
from ebbwatch.runtime.giving_way import Steps, giving_way, in_one_go
from ebbwatch.runtime.pipeline import Event, Failure, Handled, Pipeline, Portion

#: Pauses between two offers: doubling from the first to the last.
_FIRST_PAUSE = timedelta(milliseconds=500)
_LAST_PAUSE = timedelta(seconds=10)

#: As it was decided, without telling, and the facts alone.
_WAYS = 3

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
        return await self.decide(self.deciding(event))

    def handle_now(self, event: Event, *, history: bool = False) -> Handled:
        """Decide an event and record its outcome at once, where nothing else is decided.

        Raises:
            StoreError: If the database refuses.
        """
        return self.record_now(in_one_go(self.deciding(event, history=history)))

    def record_now(self, handled: Handled) -> Handled:
        """Record an outcome at once, where nothing else is decided; raises as `handle_now`."""
        for left in reversed(range(_WAYS)):
            try:
                self._pipeline.commit(handled)
            except StoreError:
                raise
            except Exception as error:
                if not left:
                    raise
                handled = self._otherwise(handled, error)
            else:
                break
        return handled

    def deciding(
        self, event: Event, *, history: bool = False, without: Collection[str] = ()
    ) -> Steps[Handled]:
        """Decide an event; what cannot be decided is recorded without consequence."""
        try:
            return (yield from self._pipeline.deciding(event, history=history, without=without))
        except Exception as error:
            log.exception("event.undecided", at=instant(event.at).isoformat())
            return Handled(event, failures=[Failure("", error)], history=history)

    async def decide(self, decision: Steps[Handled]) -> Handled:
        """Take a decision when it is its turn, and record its outcome; raises as `handle`.

        Both give way: a storm of alerts holds up neither polling nor delivery.
        """
        async with self._turn:
            handled = await giving_way(decision)
            for left in reversed(range(_WAYS)):
                try:
                    await self._record(handled)
                except (StoreError, asyncio.CancelledError):
                    raise
                except Exception as error:
                    if not left:
                        raise
                    handled = self._otherwise(handled, error)
                else:
                    break
            return handled

    async def _record(self, handled: Handled) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                await giving_way(self._pipeline.committing(handled))
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

    def _otherwise(self, handled: Handled, error: Exception) -> Handled:
        """Return an outcome to be recorded in another way than the one that failed.

        First without telling anything more; then the facts alone, as if nothing more had been
        decided.
        """
        log.error("event.set_aside", at=instant(handled.event.at).isoformat(), exc_info=error)
        left = handled.left() or [Portion(handled.outcomes)]
        moved = [o.judged.rule.name for p in left for o in p.outcomes if o.judged.moves]
        if left[0].first:
            moved += [move.rule for move in handled.others]
        names = dict.fromkeys(moved)
        failures = [Failure(name, error) for name in names] or [Failure("", error)]
        failures = [*handled.failures, *failures]
        if not handled.aside:
            return replace(handled, aside=True, failures=failures)
        recorded = [portion for portion in handled.portions if portion.recorded]
        return Handled(
            handled.event, history=handled.history, removed=handled.removed, failures=failures,
            portions=[*recorded, Portion([], first=left[0].first)], aside=True,
            outstanding=handled.outstanding,
        )  # fmt: skip
