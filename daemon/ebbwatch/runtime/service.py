"""The daemon: the tasks that make it up, and the order in which they start and stop.

::

    polling ─► inbox ─► feed ─► pipeline ─► ledger ─► outbox ─► delivery
                                   ▲
    reload ────────────────────────┘

One task writes: it handles events, adopts rules, and commits. Polling only puts arrivals on
the inbox; delivery only settles rows. Starting is recovering: what was committed is read
back, what was not is polled again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from ebbwatch.core.asof import History
from ebbwatch.core.expected import Expected, SeriesStanding
from ebbwatch.core.judging import Judge, waits_for
from ebbwatch.core.ladder import AlertState
from ebbwatch.core.release_clock import NEVER
from ebbwatch.expr.numbers import REASONS
from ebbwatch.model.periods import instant, micros
from ebbwatch.model.problem import Problem
from ebbwatch.model.series import Series
from ebbwatch.ports import Clock, Store, StoreError
from ebbwatch.runtime.additions import added, learn, settled
from ebbwatch.runtime.delivery import Delivery, Ending, Settled
from ebbwatch.runtime.desk import Desk
from ebbwatch.runtime.feeds import LiveFeed, drive
from ebbwatch.runtime.ledger import HANDLED, Ledger, refreshed
from ebbwatch.runtime.pipeline import Event, Handled, Pipeline
from ebbwatch.runtime.polling import Polling
from ebbwatch.runtime.selfwatch import SelfWatch
from ebbwatch.runtime.telling import Telling
from ebbwatch.runtime.telling.edits import edit_of
from ebbwatch.runtime.visits import Visit

#: How often the outbox and the freshness of series are looked at for the self-watch.
LOOK_EVERY = timedelta(seconds=30)
#: How long `stop` waits for tasks to end by themselves.
PATIENCE_S = 0.8

log = structlog.get_logger()


@dataclass(slots=True)
class Service:
    """One running daemon.

    Attributes:
        clock: Who says what time it is.
        store: Where everything lasts.
        pipeline: Decides.
        ledger: Records.
        telling: Turns decisions into outbox rows.
        feed: Hands the pipeline its events.
        delivery: Empties the outbox.
        polling: Fills the inbox.
        watch: Tells of our own troubles.
        others: Further tasks to run: reload, heartbeat, chat, page.
        stop: Set when it shall end.
        desk: Answers questions about it: whoever tells people how things stand asks here.
    """

    clock: Clock
    store: Store
    pipeline: Pipeline
    ledger: Ledger
    telling: Telling
    feed: LiveFeed
    delivery: Delivery
    polling: Polling
    watch: SelfWatch
    others: list[Callable[[], object]] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    desk: Desk = field(init=False)
    _running_since: datetime = field(init=False)
    _looked_at: Judge | None = None
    _wanted: list[str] = field(default_factory=list)
    _seen: dict[str, tuple[SeriesStanding, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Open the desk, and let the self-watch name the alerts that a trouble freezes."""
        pipeline = self.pipeline
        self.desk = Desk(lambda: pipeline.judge, lambda _names, _at: pipeline.states, self.store)
        self.watch.frozen_by = self._frozen_by
        self._running_since = self.clock.now()

    # ---- start -----------------------------------------------------------------------

    def begin(self) -> bool:
        """Take up where the store left off; return whether this is the first start.

        1. Read the alerts' states, and how far the tape was handled.
        2. On a first start, walk the tape so far, tell nobody, and sum up what fires.
        3. Else adopt the rules that changed while we were away, and catch up to now.
        """
        at = micros(self.clock.now())
        states = self.ledger.load()
        handled = self.store.get(HANDLED)
        judge = self.pipeline.judge
        if handled is None:
            self.pipeline.handle(Event(at=at), history=True)
            self._look(at)
            return True
        self.pipeline.handled = micros(datetime.fromisoformat(handled))
        self.pipeline.states.update(refreshed(judge, states, self.pipeline.handled))
        self._adopt_edits(max(at, self.pipeline.handled))
        self.pipeline.handle(self._catching_up(max(at, self.pipeline.handled)))
        self._look(at)
        return False

    def _catching_up(self, at: int) -> Event:
        """Return the event that brings us to an instant, with what was added beside us."""
        names = added(self.store)
        return Event(at=at, added=names, cursors=(settled(),) if names else ())

    def _take_additions(self) -> None:
        """Judge alerts once more whose series a command added figures to."""
        names = added(self.store)
        if names:
            learn(self.pipeline.judge.history, self.store, names)
            at = max(micros(self.clock.now()), self.pipeline.handled)
            self._after(self.pipeline.handle(self._catching_up(at)))

    def _adopt_edits(self, at: int) -> None:
        """Adopt what was edited since the store was written, and tell what it means."""
        records = self.ledger.records
        held = {name: (record.definition, record.ladder) for name, record in records.items()}
        # A text rule keeps no state, so that nobody knows whether it is new.
        watched = self.pipeline.judge.watched
        rules = {name: known for name, known in _hashes(self.pipeline.judge).items()
                 if name in watched}  # fmt: skip
        self.ledger.edit = edit_of(held, rules, at=instant(at))
        gone = [name for name in records if name not in watched]
        self.pipeline.states.update(
            {name: AlertState.from_json(records[name].state) for name in gone}
        )
        self.pipeline.adopt_since(held, self.pipeline.handled)

    # ---- run -------------------------------------------------------------------------

    async def run(self) -> None:
        """Run until `stop` is set; then end within two seconds.

        Raises:
            Exception: Whatever ended a task that must not end: the process shall not go on
                without it.
        """
        tasks = [
            asyncio.create_task(self._drive(), name="pipeline"),
            asyncio.create_task(self.delivery.run(self.stop), name="delivery"),
            asyncio.create_task(self.polling.run(), name="polling"),
            asyncio.create_task(self._self_watch(), name="self-watch"),
            *(asyncio.create_task(_running(other), name="other") for other in self.others),
        ]
        stopping = asyncio.create_task(self.stop.wait())
        try:
            done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                if (error := task.exception()) is not None:
                    raise error
        finally:
            self.stop.set()
            stopping.cancel()
            await _ended(tasks)

    async def _drive(self) -> None:
        try:
            await drive(self.feed, self.pipeline, after=self._after)
        except BaseException as error:
            self.feed.fail(error if isinstance(error, Exception) else asyncio.CancelledError())
            raise

    def _after(self, handled: Handled) -> None:
        """Have delivered what an event put into the outbox, and watch what it showed."""
        self.delivery.wake()
        at = instant(handled.event.at)
        for failure in handled.failures:
            self.watch.rule_broken(failure.rule, type(failure.error).__name__, at=at)
        for name, state in handled.states.items():
            if state.broken:
                self.watch.rule_broken(name, REASONS.get(state.why, "unknown"), at=at)
            elif state.known:
                self.watch.rule_recovered(name, at=at)
        self._look(handled.event.at, {o.series for o in handled.event.observations})
        self.delivery.wake()

    async def _self_watch(self) -> None:
        while not self.stop.is_set():
            await self.clock.wait_until(self.clock.now() + LOOK_EVERY)
            if not self.store.lead():
                # Another replica decides now; starting again is standing by.
                raise StoreError("the lead was lost: the database connection ended")
            self._take_additions()
            at = micros(self.clock.now())
            self._look(at)
            self._look_at_outbox(at)

    def _look(self, at: int, moved: Collection[str] = ()) -> None:
        """Report how fresh the figures of each source are that can be heard.

        A series is judged anew where something came of it, or at the instant at which time
        alone changes how it stands.

        Args:
            at: µs.
            moved: Series of which something came.
        """
        judge = self.pipeline.judge
        if self._looked_at is not judge:
            self._looked_at, self._seen = judge, {}
            self._wanted = sorted({name for r in judge.watched.values() for name in r.series})
        for name in moved:
            self._seen.pop(name, None)
        heard: dict[str, list[SeriesStanding]] = {}
        unheard: dict[str, list[str]] = {}
        for name in self._wanted:
            series = judge.history.catalogue[name]
            source = series.source.name
            heard.setdefault(source, [])
            # What we lack says nothing about the publisher while he cannot be reached.
            if not self.polling.hears(series):
                unheard.setdefault(source, []).append(name)
                continue
            seen = self._seen.get(name)
            if seen is None or seen[1] <= at:
                seen = self._seen[name] = _standing(judge.history, series, at)
            heard[source].append(seen[0])
        for source, found in heard.items():
            self.watch.freshness(source, found, at=instant(at), unheard=unheard.get(source, ()))

    def _frozen_by(self, series: Collection[str]) -> list[str]:
        """Return the alerts that have no new reading without some series."""
        watched = self.pipeline.judge.watched.values()
        return [rule.name for rule in watched if waits_for(rule.node, series)]

    def _look_at_outbox(self, at: int) -> None:
        """Report how long the outbox has waited: before we ran, nothing could leave."""
        waiting = self.store.outbox(states=("waiting", "claimed"), limit=1000)
        now = instant(at)
        due = [max(row.not_before, self._running_since) for row in waiting if row.not_before <= now]
        self.watch.outbox(oldest=min(due, default=None), count=len(waiting), at=now)

    # ---- what others do ----------------------------------------------------------------

    async def once(self, timeout_s: float) -> list[Visit]:
        """Visit every source once, handle what they brought, deliver what is due."""
        outcomes = await self.polling.poll_once(timeout_s)
        self.stop.set()
        while not self.feed.inbox.empty():
            arrived = self.feed.inbox.get_nowait()
            self._after(self.pipeline.handle(arrived.event))
        self.pipeline.handle(Event(at=max(micros(self.clock.now()), self.pipeline.handled)))
        await self.delivery.once()
        return outcomes

    def adopt(self, judge: Judge, difference: Sequence[str]) -> None:
        """Take other rules from now on, all or nothing, and tell the difference."""
        at = max(micros(self.clock.now()), self.pipeline.handled)
        self.pipeline.handle(Event(at=at))
        self.ledger.judge = judge
        self.telling.use(judge)
        mends = any(key.startswith("reload/") for key in self.watch.troubles)
        self.ledger.edit = edit_of(
            _hashes(self.pipeline.judge), _hashes(judge), at=instant(at), mends=mends
        )
        self.pipeline.adopt(judge, at)
        self.watch.reload_valid()
        log.info("rules.reloaded", at=instant(at).isoformat(), changes=list(difference))
        self.feed.poke()
        self.delivery.wake()

    def refuse(self, problems: Sequence[Problem]) -> None:
        """Keep the rules in force, and tell what is wrong with the new ones."""
        at = self.clock.now()
        log.error(
            "rules.refused", at=at.isoformat(), problems=[p.render() for p in problems],
            remedy="the rules in force stay; mend the files and save them again",
        )  # fmt: skip
        self.watch.reload_invalid(problems, at=at)
        self.delivery.wake()

    def settled(self, event: Settled) -> None:
        """Hear how a delivery went."""
        receiver, at = event.row.target.receiver, event.ts
        if event.ending is Ending.PARKED:
            with self.store.transaction():
                self.telling.lost(event.row)
            self.watch.receiver_broken(receiver, event.error, parked=1, at=at)
            self.delivery.wake()
        elif event.ending is Ending.DELIVERED:
            self.watch.receiver_recovered(receiver, at=at)


def _hashes(judge: Judge) -> dict[str, tuple[str, str]]:
    """Return what each rule measures and where it crosses, by name."""
    return {rule.name: (rule.definition, rule.ladder) for rule in judge.ruleset.rules}


def _standing(history: History, series: Series, at: int) -> tuple[SeriesStanding, int]:
    """Return how a series stands, and until which µs, if nothing comes of it."""
    stands = Expected(history, at).series(series.name)
    edges = [stands.found.next_due_at]
    if (newest := stands.newest) is not None:
        ends = history.clock.lateness(series, newest.period, micros(newest.known_at))
        edges += [ends.due_at, ends.late_at, ends.stale_at]
    until = min((edge for edge in edges if edge is not None and edge > at), default=NEVER)
    return stands, until


async def _running(other: Callable[[], object]) -> None:
    found = other()
    assert asyncio.iscoroutine(found)
    await found


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Let tasks end by themselves for a moment, then end them."""
    with suppress(asyncio.CancelledError):
        _, left = await asyncio.wait(tasks, timeout=0.2)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=PATIENCE_S)
