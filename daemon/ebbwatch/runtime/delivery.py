"""Delivery: from a committed intent to a message on somebody's screen.

How long a target that fails is left alone is said by `resting`, where a chat has moved to by
`whereabouts`; charts are drawn in `drawing`.

A row of the outbox is claimed; the attempt is written just before the message is sent; then
the row is settled. Where a crash or a silence of the far side falls between sending and
settling, the message is sent again and says that it may be a repeat: that is the one duplicate
there can be. Claims of a process that is gone are taken over by another.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog

from ebbwatch.model.message import Message, OutboxRow, Reason, Receipt, Target
from ebbwatch.ports import (
    Charts,
    Clock,
    EbbwatchError,
    Notifier,
    RetryLater,
    Store,
    StoreError,
    Uncertain,
    Undeliverable,
)
from ebbwatch.runtime.deadline import Patience, in_time
from ebbwatch.runtime.drawing import Drawings
from ebbwatch.runtime.group_commit import GroupCommit
from ebbwatch.runtime.place_failures import Resting
from ebbwatch.runtime.whereabouts import Whereabouts

#: Longest time for one send, all its follow-ups included.
PATIENCE = timedelta(seconds=45)
#: How often we say that we live, where there are claims of ours to be kept.
BEAT = timedelta(seconds=1)
#: Longest time for drawing and attaching a chart.
CHART_PATIENCE = timedelta(seconds=60)
#: Rows in hand at a time.
IN_HAND = 256
#: Pause between looks at the outbox while nothing wakes us: another process may have
#: written to it, or be gone with what it had claimed.
LOOK_AGAIN = timedelta(seconds=2)
#: Least pause after a look that found nothing although something was due.
BREATH = timedelta(seconds=1)

#: A far side that asks for so much patience is named in the log; what waits for long is told.
LONG_REST = timedelta(minutes=10)
#: How late a message is sent that says so: of when it is, and not only what.
LATE = timedelta(minutes=10)
#: Waits before a message that may have arrived is sent again, by attempts made; after the
#: last of them it is parked.
_REPEAT_WAITS = (timedelta(seconds=15), timedelta(minutes=2), timedelta(minutes=10))

_log = structlog.get_logger()


class Ending(StrEnum):
    """How one attempt ended."""

    DELIVERED = "delivered"
    RETRIED = "retried"
    UNCERTAIN = "uncertain"
    PARKED = "parked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """One attempt and what became of it, for the self-watch.

    Attributes:
        row: As claimed.
        ending: How it ended; ``parked`` means that a person must act, and that the
            message should be told through another receiver.
        ts: When, wall time.
        error: What went wrong, for people; empty when delivered.
        failing_since: Start of the target's present row of failures; when delivered, of the
            one that just ended. None where there was none.
    """

    row: OutboxRow
    ending: Ending
    ts: datetime
    error: str = ""
    failing_since: datetime | None = None


class Delivery:
    """Delivers what the outbox holds; any number of processes may do so at once.

    One far side in trouble cannot hold up the others: it is left alone for as long as it
    asks, or for a doubling wait, and its rows go back to the outbox meanwhile.
    """

    def __init__(
        self,
        store: Store,
        notifiers: Mapping[str, Notifier],
        clock: Clock,
        *,
        owner: str,
        charts: Charts | None = None,
        on_event: Callable[[Settled], None] | None = None,
    ) -> None:
        """Take what it works with.

        Args:
            store: Whose outbox.
            notifiers: By kind.
            clock: For leases, waits and delays.
            owner: Distinguishes this process from others that deliver; a new one each start.
            charts: Draws; None sends no charts.
            on_event: Told of every attempt.
        """
        self._store = store
        self._notifiers = notifiers
        self._clock = clock
        self._owner = owner
        self._drawings = None if charts is None else Drawings(charts)
        self._on_event = on_event
        self._woken = asyncio.Event()
        self._sends: set[asyncio.Task[None]] = set()
        self._attachments: set[asyncio.Task[None]] = set()
        self._bugs: list[BaseException] = []
        self._commits = GroupCommit(store, clock, owner=owner, writers=lambda: len(self._sends))
        self._patience = Patience(PATIENCE, clock)
        self._in_hand: Counter[str] = Counter()
        self._rests = Resting()
        self._beat_at = datetime.min.replace(tzinfo=UTC)
        self._whereabouts = Whereabouts(store, notifiers)
        self._store_failing = False
        self._stopping = False

    def wake(self) -> None:
        """Look at the outbox now: something was written to it."""
        self._woken.set()

    def cry(self, messages: Sequence[tuple[Target, Message]]) -> None:
        """Send messages once, unrecorded, because nothing can be recorded."""
        for target, message in messages:
            self._begin_task(self._cry(target, message), self._attachments)

    async def _cry(self, target: Target, message: Message) -> None:
        notifier = self._notifiers.get(target.kind)
        if notifier is None:
            return
        key = f"unrecorded/{target.key}/{self._clock.now().isoformat()}"
        sending = asyncio.ensure_future(notifier.send(message, self._now(target), key=key))
        if not await in_time(sending, PATIENCE, self._clock):
            error = "no answer"
        elif (err := sending.exception()) is not None:
            error = str(err) if isinstance(err, EbbwatchError) else type(err).__name__
        else:
            return
        _log.error("notice.unsent", receiver=target.receiver, error=error)

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until told to stop; then finish what is being sent, and begin nothing."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                self._woken.clear()
                found = self._claim()
                await self._wait(stopping, self._look_at(found=found))
                self._beat()
            self._stopping = True
            await self._finish(self._sends)
        finally:
            stopping.cancel()
            await self._abandon()

    async def once(self, *, within: timedelta | None = None) -> bool:
        """Deliver everything that is due now, charts included; what must wait stays.

        Args:
            within: How long that may take; what is being sent then is given up, and may
                have arrived. None takes as long as it takes.

        Returns:
            Whether it was done in time.
        """
        work = asyncio.ensure_future(self._everything_due())
        if within is not None and not await in_time(work, within, self._clock):
            return False
        await work
        return True

    async def _everything_due(self) -> None:
        try:
            while self._claim() or self._sends:
                await asyncio.wait([*self._sends], return_when=asyncio.FIRST_COMPLETED)
                self._raise()
            await self._finish(self._attachments)
        finally:
            await self._abandon()

    # the loop

    def _claim(self) -> bool:
        """Begin to send what is due; return whether there was anything."""
        free, now = IN_HAND - len(self._sends), self._clock.now()
        if free <= 0:
            return False
        try:
            rows = self._store.claim(ts=now, owner=self._owner, limit=free, room=self._room)
        except StoreError as err:
            self._note_store(err)
            return False
        self._note_store(None)
        for row in rows:
            self._in_hand[row.place] += 1
            self._begin_task(self._deliver(row), self._sends)
        return bool(rows)

    def _begin_task(self, work: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(work)
        among.add(task)

        def done(task: asyncio.Task[None]) -> None:
            among.discard(task)
            if not task.cancelled() and (bug := task.exception()) is not None:
                self._bugs.append(bug)
                self._woken.set()

        task.add_done_callback(done)

    def _let_go(self, place: str) -> None:
        """Have one row of a place less in hand; where half of its room is free, take others."""
        self._in_hand[place] -= 1
        if self._in_hand[place] <= self._at_once(place) // 2:
            self._woken.set()

    def _raise(self) -> None:
        """Let a bug in a task end the process here."""
        if self._bugs:
            raise self._bugs[0]

    def _room(self, place: str) -> int:
        """Return how many more messages may be on their way to a place."""
        if self._rests.until(place, now := self._clock.now()) > now:
            return 0
        return self._at_once(place) - self._in_hand[place]

    def _at_once(self, place: str) -> int:
        """Return how many messages may be on their way to a place at a time."""
        notifier = self._notifiers.get(place.partition(":")[0])
        return IN_HAND if notifier is None else notifier.can.at_once

    def _beat(self) -> None:
        """Say that we live, while there are claims of ours."""
        now = self._clock.now()
        if not self._sends or now < self._beat_at + BEAT:
            return
        self._beat_at = now
        try:
            self._store.beat(self._owner, ts=now)
        except StoreError as err:
            self._note_store(err)

    async def _wait(self, stopping: asyncio.Task[Any], until: datetime) -> None:
        """Wait until an instant, or until there may be something to do before."""
        waiting = [
            asyncio.create_task(self._woken.wait()),
            asyncio.create_task(self._clock.wait_until(until)),
        ]
        try:
            await asyncio.wait({stopping, *waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        self._raise()

    def _look_at(self, *, found: bool) -> datetime:
        """Return when to look at the outbox again, if nothing happens before."""
        now = self._clock.now()
        again = now + (BEAT if self._sends else LOOK_AGAIN)
        if len(self._sends) >= IN_HAND:
            return again
        rested = self._rests.over_at(now)
        try:
            due = self._store.next_due()
        except StoreError as err:
            self._note_store(err)
            return again
        if due is None:
            return again
        # Where nothing was found although something seems due, looking on would spin.
        due = due if found else max(due, now + BREATH)
        return min(again, due, rested or again)

    async def _finish(self, tasks: set[asyncio.Task[None]]) -> None:
        while tasks:
            await asyncio.wait([*tasks])
            self._raise()

    async def _abandon(self) -> None:
        """Drop what is left: charts at the end, sends only where a bug ends the process."""
        left = [*self._sends, *self._attachments]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self._sends.clear()
        self._attachments.clear()

    # one row

    async def _deliver(self, row: OutboxRow) -> None:
        try:
            started = self._clock.now()
            if self._hand_back(row, started) or not await self._begin(row):
                return
            await self._attempt(replace(row, attempts=row.attempts + 1), started)
        finally:
            self._let_go(row.place)

    async def _attempt(self, row: OutboxRow, started: datetime) -> None:
        """Send a row's message and settle it."""
        target_now = self._now(row.target)
        try:
            receipt = await self._send(row, target_now)
        except RetryLater as err:
            wait = self._rest(row, err.after)
            if wait >= LONG_REST:
                _log.warning(
                    "place.rests", receiver=row.target.receiver, for_s=round(wait.total_seconds()),
                    error=str(err), remedy="its messages wait; nothing is lost",
                )  # fmt: skip
            await self._put_back(row, started, Ending.RETRIED, str(err), wait)
        except Undeliverable as err:
            if target_now != row.target:
                # The place it once moved to is gone: try the one that is written.
                self._guarded(self._whereabouts.forget, row.target)
                await self._put_back(row, started, Ending.RETRIED, str(err), timedelta(0))
            else:
                await self._park(row, started, str(err))
        except Uncertain as err:
            self._rest(row, None)
            if row.uncertain and row.attempts > len(_REPEAT_WAITS):
                await self._park(row, started, f"may have arrived, or not: {err}")
            else:
                repeats = min(row.attempts, len(_REPEAT_WAITS)) - 1 if row.uncertain else 0
                wait = _REPEAT_WAITS[repeats]
                await self._put_back(row, started, Ending.UNCERTAIN, str(err), wait)
        else:
            await self._keep(row, started, target_now, receipt)

    def _hand_back(self, row: OutboxRow, now: datetime) -> bool:
        """Put a row back unsent, where sending must not begin now; return whether it must not.

        Its place may rest, or the process be stopping.
        """
        rest = self._rests.until(row.place, now)
        if rest <= now and not self._stopping:
            return False
        try:
            self._store.retry(
                row.key,
                ts=now,
                not_before=max(rest, now),
                error=row.error,
                uncertain=row.uncertain,
                owner=self._owner,
            )
        except StoreError as err:
            self._note_store(err)  # whoever looks next finds it ours, and us alive or gone
        return True

    async def _begin(self, row: OutboxRow) -> bool:
        """Write that the attempt begins; return whether it may be made."""
        try:
            return await self._commits.begin(row.key)
        except StoreError as err:
            self._note_store(err)
            return False

    async def _send(self, row: OutboxRow, target: Target) -> Receipt:
        """Send a row's message, within patience.

        Raises:
            DeliveryError: As the notifier says; `Uncertain` when it took too long.
        """
        notifier = self._notifiers.get(target.kind)
        if notifier is None:
            known = ", ".join(sorted(self._notifiers)) or "none"
            raise Undeliverable(f"there is no notifier of kind {target.kind}; there are: {known}")
        earlier = self._earlier(row, notifier)
        edited = row.quiet and notifier.can.edit
        sending = notifier.send(
            self._as_told_now(row),
            target,
            key=row.key,
            edit=earlier if edited else None,
            thread=earlier if notifier.can.thread and not edited else None,
            possible_repeat=row.uncertain,
        )
        try:
            return await self._patience.wait_for(sending)
        except TimeoutError:
            raise Uncertain(f"no answer within {PATIENCE.total_seconds():.0f} s") from None

    def _as_told_now(self, row: OutboxRow) -> Message:
        """Return a row's message, which says of when it is where it comes late."""
        if not row.message.late or self._clock.now() < row.created_at + LATE:
            return row.message
        return replace(row.message, lines=(row.message.late, *row.message.lines))

    def _earlier(self, row: OutboxRow, notifier: Notifier) -> Receipt | None:
        """Return the receipt of the episode's last message here, if it can be referred to."""
        if not (notifier.can.edit or notifier.can.thread):
            return None
        if not row.episode or row.message.reason is Reason.FIRST:
            return None
        try:
            receipt = self._store.receipt(place=row.place, episode=row.episode)
        except StoreError as err:
            raise RetryLater(f"the store did not answer: {err}") from err
        return receipt if receipt is not None and receipt.message_id else None

    # settling

    async def _keep(
        self, row: OutboxRow, started: datetime, target: Target, receipt: Receipt
    ) -> None:
        await self._settle(
            row, started, Ending.DELIVERED, "", lambda: self._commits.delivered(row.key, receipt)
        )
        self._guarded(self._whereabouts.follow, row.target, receipt)
        notifier = self._notifiers[target.kind]
        if row.message.chart is not None and self._drawings and notifier.can.show_charts:
            attaching = self._attach(row, self._now(row.target), receipt)
            self._begin_task(attaching, self._attachments)

    async def _put_back(
        self, row: OutboxRow, started: datetime, ending: Ending, error: str, wait: timedelta
    ) -> None:
        def settle(ts: datetime) -> bool:
            return self._store.retry(
                row.key,
                ts=ts,
                not_before=ts + wait,
                error=error,
                uncertain=row.uncertain or ending is Ending.UNCERTAIN,
                owner=self._owner,
            )

        await self._settle(row, started, ending, error, lambda: self._commits.write(settle))

    async def _park(self, row: OutboxRow, started: datetime, error: str) -> None:
        def settle(ts: datetime) -> bool:
            return self._store.park(row.key, ts=ts, error=error, owner=self._owner)

        await self._settle(row, started, Ending.PARKED, error, lambda: self._commits.write(settle))

    async def _settle(
        self,
        row: OutboxRow,
        started: datetime,
        ending: Ending,
        error: str,
        settle: Callable[[], Awaitable[bool]],
    ) -> None:
        """Write what became of a row, for as long as the claim is ours; then say so.

        A store that is away for a moment is asked again: what was sent and not settled
        would be sent twice.
        """
        ours = False
        while True:
            now = self._clock.now()
            try:
                ours = await settle()
            except StoreError as err:
                self._note_store(err)
                if self._stopping:
                    break
                await self._clock.wait_until(now + BREATH)
            else:
                self._note_store(None)
                break
        news = not self._rests.fails(row.place)
        since = self._rests.note(row.place, delivered=ending is Ending.DELIVERED, now=now)
        self._say(row, ending, error, started=started, now=now, since=since, news=news, ours=ours)
        if self._on_event is not None:
            self._on_event(
                Settled(row=row, ending=ending, ts=now, error=error, failing_since=since)
            )

    def _say(
        self,
        row: OutboxRow,
        ending: Ending,
        error: str,
        *,
        started: datetime,
        now: datetime,
        since: datetime | None,
        news: bool,
        ours: bool,
    ) -> None:
        """Log the one line of a delivery: changes loudly, conditions quietly."""
        facts: dict[str, Any] = {
            "receiver": row.target.receiver,
            "key": row.key,
            "outcome": ending.value,
            "attempt": row.attempts,
            "duration_ms": round((now - started) / timedelta(milliseconds=1)),
        }
        if error:
            facts["error"] = error
        if not ours:
            facts["settled_by_another"] = True
        if ending is Ending.DELIVERED and since is not None:
            facts["recovered_after_s"] = round((now - since).total_seconds())
        if ending is Ending.DELIVERED:
            log = _log.info
        elif ending is Ending.PARKED:
            log = _log.error  # a message is lost to this receiver, and the error says why
        elif news:
            log = _log.warning
        else:
            log = _log.debug
        log("delivery.settled", **facts)

    def _note_store(self, err: StoreError | None) -> None:
        if err is not None and not self._store_failing:
            _log.warning("outbox.unreachable", error=str(err))
        elif err is None and self._store_failing:
            _log.info("outbox.recovered")
        self._store_failing = err is not None

    def _rest(self, row: OutboxRow, after: timedelta | None) -> timedelta:
        """Leave a row's target alone for a while; return how long."""
        now = self._clock.now()
        return self._rests.rest(row.place, after, chance=row.key, now=now)

    # places

    def _now(self, target: Target) -> Target:
        """Return a target as it is to be sent to; as it is written where the store is away."""
        try:
            return self._whereabouts.now(target)
        except StoreError as err:
            self._note_store(err)
            return target

    def _guarded(self, note: Callable[..., None], *about: Any) -> None:
        """Have a place noted, where the store answers."""
        try:
            note(*about)
        except StoreError as err:
            self._note_store(err)

    # charts

    async def _attach(self, row: OutboxRow, target: Target, receipt: Receipt) -> None:
        """Draw a chart and put it below its message; whatever fails here fails alone."""
        work = asyncio.ensure_future(self._draw_and_attach(row, target, receipt))
        if not await in_time(work, CHART_PATIENCE, self._clock):
            error = f"not done within {CHART_PATIENCE.total_seconds():.0f} s"
        elif (err := work.exception()) is not None:
            # Only our own errors are sure to hold no address and no token.
            error = str(err) if isinstance(err, EbbwatchError) else type(err).__name__
        else:
            return
        _log.warning("chart.missed", receiver=target.receiver, key=row.key, error=error)

    async def _draw_and_attach(self, row: OutboxRow, target: Target, receipt: Receipt) -> None:
        assert self._drawings is not None
        assert row.message.chart is not None
        chart = await self._drawings.png(row.message.chart)
        notifier = self._notifiers[target.kind]
        try:
            await notifier.attach(chart, row.message, target, to=receipt)
        except RetryLater as later:
            # Certainly not there: once more, when it is wanted.
            await self._clock.wait_until(self._clock.now() + (later.after or BREATH))
            await notifier.attach(chart, row.message, target, to=receipt)
