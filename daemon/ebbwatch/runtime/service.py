"""The daemon: the tasks that make it up, and the order in which they start and stop.

::

    polling ─► inbox ─► feed ─► recording ─► outbox ─► delivery
                                   ▲  (pipeline, ledger, telling)
    reload ────────────────────────┘

One decision is made at a time: events are handled, rules are adopted, and each is committed
before the next. Polling only puts arrivals on the inbox; delivery only settles rows. Starting
is recovering: what was committed is read back, what was not is polled again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from ebbwatch.core.alerting.judging import Judge, waits_for
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.alerting.sieve import States
from ebbwatch.core.render import Health, Outstanding
from ebbwatch.expr.numbers import REASONS
from ebbwatch.model.periods import Micros, instant, micros
from ebbwatch.model.problem import Problem
from ebbwatch.ports import Clock, LeadLost, Store, StoreError
from ebbwatch.runtime.additions import added, learn, settled
from ebbwatch.runtime.attendant import Attendant
from ebbwatch.runtime.database_watch import DatabaseWatch
from ebbwatch.runtime.deadline import in_time
from ebbwatch.runtime.delivery import Delivery, Ending, Settled
from ebbwatch.runtime.desk import Desk
from ebbwatch.runtime.feeds import LiveFeed
from ebbwatch.runtime.freshness import FreshnessWatch
from ebbwatch.runtime.giving_way import Steps, in_one_go
from ebbwatch.runtime.ledger import HANDLED, Ledger, Unfinished, refreshed
from ebbwatch.runtime.pipeline import Event, Handled, Pipeline
from ebbwatch.runtime.polling import Polling
from ebbwatch.runtime.recording import Recording
from ebbwatch.runtime.selfwatch import SelfWatch
from ebbwatch.runtime.telling import Telling
from ebbwatch.runtime.telling.edits import edit_of
from ebbwatch.runtime.visits import Visit

#: How often the freshness of series, and what commands added, are looked at.
LOOK_EVERY = timedelta(seconds=30)
#: How often what was told is attended to, and the lead is renewed.
ATTEND_EVERY = timedelta(seconds=2)
LEAD_EVERY = timedelta(seconds=1)
#: What is named where a fault is no one rule's.
_NO_RULE = "an event"
#: How long digests wait for the visits that are due after a start or a sleep.
VISITS_FIRST = timedelta(minutes=1)
LOOK_AT_VISITS = timedelta(milliseconds=500)
#: How long `stop` waits for tasks to end by themselves.
PATIENCE_S = 0.8

log = structlog.get_logger()


@dataclass(slots=True)
class Service:
    """One running daemon.

    Attributes:
        clock: Who says what time it is.
        store: Where everything lasts.
        owner: Name of this process among those that share the store.
        pipeline: Decides.
        ledger: Records.
        telling: Turns decisions into outbox rows.
        feed: Hands the pipeline its events.
        delivery: Empties the outbox.
        polling: Fills the inbox.
        watch: Tells of our own troubles.
        others: Further tasks to run: reload, heartbeat, chat.
        heard: Who else hears how deliveries go.
        seen: Who else sees what events came to.
        stop: Set when it shall end.
        desk: Answers questions about it: whoever tells people how things stand asks here.
    """

    clock: Clock
    store: Store
    owner: str
    pipeline: Pipeline
    ledger: Ledger
    telling: Telling
    feed: LiveFeed
    delivery: Delivery
    polling: Polling
    watch: SelfWatch
    others: list[Callable[[], object]] = field(default_factory=list)
    heard: list[Callable[[Settled], None]] = field(default_factory=list)
    seen: list[Callable[[Handled], None]] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    desk: Desk = field(init=False)
    database: DatabaseWatch = field(init=False)
    recording: Recording = field(init=False)
    attendant: Attendant = field(init=False)
    _freshness: FreshnessWatch = field(init=False)
    #: Whether the clock runs as it should; set by whoever watches it.
    steady: Callable[[], bool] = lambda: True
    _visits_due: asyncio.Event = field(default_factory=asyncio.Event)
    _hurry: asyncio.Event = field(default_factory=asyncio.Event)
    _running_since: datetime = field(init=False)

    def __post_init__(self) -> None:
        """Open the desk, and let the self-watch name the alerts that a trouble freezes."""
        pipeline = self.pipeline
        self.desk = Desk(
            lambda: pipeline.judge, lambda _names, _at: pipeline.states, self.store,
            lambda: (id(pipeline.judge), pipeline.handled), lambda: self.watch.troubles,
        )  # fmt: skip
        self.watch.frozen_by = self._frozen_by
        self.telling.current = lambda: not self._visits_due.is_set() and self.steady()
        self.database = DatabaseWatch(self.clock, self._cry)
        self.recording = Recording(pipeline, self.clock, self.database, self.stop)
        self.attendant = Attendant(
            self.store, self.telling, self.watch, self.clock, lambda: pipeline.states
        )
        self._freshness = FreshnessWatch(self.watch, self.polling.hears)
        self._running_since = self.clock.now()

    # ---- start -----------------------------------------------------------------------

    def begin(self, *, visits_first: bool = False) -> bool:
        """Take up where the store left off; return whether this is the first start.

        With `visits_first`, digests that fell due meanwhile, and the summary of a first start,
        wait for what the sources have.

        1. Read the alerts' states, and how far the tape was handled.
        2. On a first start, walk the tape so far, tell nobody, and sum up what fires: at once,
           or once the sources were visited.
        3. Else go on with an event of which only some was recorded, adopt the rules that
           changed while we were away, and catch up to now.

        Raises:
            StoreError: If the database refuses.
        """
        if visits_first:
            self._visits_due.set()
        self.ledger.summary_waits = visits_first
        at = micros(self.clock.now())
        states = self.ledger.load()
        handled = self.store.get(HANDLED)
        if handled is None:
            self.recording.handle_now(Event(at=at), history=True)
            self._freshness.report(self.pipeline.judge, at)
            return True
        self.pipeline.handled = micros(datetime.fromisoformat(handled))
        self._take_up(states, self.ledger.unfinished())
        at = max(at, self.pipeline.handled)
        self.recording.record_now(self._edited_meanwhile(at))
        self.recording.handle_now(self._catching_up(at))
        self._freshness.report(self.pipeline.judge, at)
        return False

    def _take_up(self, states: Mapping[str, AlertState], unfinished: Unfinished | None) -> None:
        """Take the states as they are stored, and bring them all to one instant.

        Where the process ended in a storm, some are after its event, and some before it. Rules
        that are others since are left to their edit.
        """
        pipeline = self.pipeline
        done = frozenset[str]() if unfinished is None else unfinished.done
        before = {name: state for name, state in states.items() if name not in done}
        pipeline.states.update(refreshed(pipeline.judge, before, pipeline.handled))
        if unfinished is None:
            return
        after = {name: state for name, state in states.items() if name in done}
        pipeline.states.update(refreshed(pipeline.judge, after, unfinished.at))
        watched, records = pipeline.judge.watched, self.ledger.records
        edited = {
            name
            for name, rule in watched.items()
            if (held := records.get(name)) is None
            or (held.definition, held.ladder) != (rule.rule.definition, rule.rule.ladder)
        }
        event = Event(at=unfinished.at, added=unfinished.added)
        rest = in_one_go(self.recording.deciding(event, without=done | edited))
        rest.firing = [name for name in watched if name in done - edited]
        self.recording.record_now(rest)

    def _catching_up(self, at: Micros) -> Event:
        """Return the event that brings us to an instant, with what was added beside us."""
        names = added(self.store)
        return Event(at=at, added=names, cursors=(settled(),) if names else ())

    def _edited_meanwhile(self, at: Micros) -> Handled:
        """Decide what was edited since the store was written, and what is to be told of it."""
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
        return self.pipeline.decide_since(held, self.pipeline.handled)

    # ---- run -------------------------------------------------------------------------

    async def run(self) -> None:
        """Run until `stop` is set; then end within two seconds.

        Raises:
            LeadLost: If another process leads since: everything known here is old.
            Exception: Whatever ended a task that must not end: the process shall not go on
                without it.
        """
        tasks = [
            asyncio.create_task(self._drive(), name="pipeline"),
            asyncio.create_task(self.delivery.run(self.stop), name="delivery"),
            asyncio.create_task(self.polling.run(), name="polling"),
            asyncio.create_task(self._keep_the_lead(), name="lead"),
            asyncio.create_task(self._await_visits(), name="visits first"),
            asyncio.create_task(self._every(LOOK_EVERY, self._look), name="self-watch"),
            asyncio.create_task(
                self._every(ATTEND_EVERY, self._attend, self._hurry), name="attendant"
            ),
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
        """Handle events one at a time until the feed ends."""
        try:
            while (event := await self.feed.next(due=self.pipeline.next_due())) is not None:
                self._after(await self.recording.handle(event))
        except BaseException as error:
            self.feed.fail(error if isinstance(error, Exception) else asyncio.CancelledError())
            if isinstance(error, StoreError) and self.stop.is_set():
                return
            raise

    def _after(self, handled: Handled) -> None:
        """Have delivered what an event put into the outbox, and watch what it showed."""
        self.delivery.wake()
        at = instant(handled.event.at)
        broken = {
            failure.rule or _NO_RULE: type(failure.error).__name__ for failure in handled.failures
        }
        if _NO_RULE not in broken:
            self.watch.rule_recovered(_NO_RULE, at=at)
        for rule, error in self.pipeline.timeless.items():
            broken.setdefault(rule, f"its timer: {type(error).__name__}")
        self.pipeline.timeless.clear()
        for rule, error in self.telling.unspoken().items():
            broken.setdefault(rule, f"its message: {type(error).__name__}")
        for name, state in handled.states.items():
            if state.broken:
                broken.setdefault(name, REASONS.get(state.why, "unknown"))
            elif state.known and name not in broken:
                self.watch.rule_recovered(name, at=at)
        for name, why in broken.items():
            self.watch.rule_broken(name, why, at=at)
        for see in self.seen:
            see(handled)
        moved = {o.series for o in handled.event.observations}
        try:
            self._freshness.report(self.pipeline.judge, handled.event.at, moved)
        except StoreError:
            raise
        except Exception:
            log.exception("freshness.unknown", series=sorted(moved))
        self.delivery.wake()

    async def _await_visits(self) -> None:
        """After a start or a jump of the clock, let digests go once the sources were visited."""
        while not self.stop.is_set():
            await self._visits_due.wait()
            since = self.clock.now()
            # By counting: whoever sets the clock meanwhile makes it neither longer nor shorter.
            for _ in range(VISITS_FIRST // LOOK_AT_VISITS):
                if not self.polling.awaited(since):
                    break
                await self.clock.wait_until(self.clock.now() + LOOK_AT_VISITS)
            self._visits_due.clear()
            await self._sum_up()
            self.feed.poke()

    async def _sum_up(self) -> None:
        """Tell the first summary if it is owed, as soon as the database lets us."""
        while not self.stop.is_set():
            try:
                if self.telling.announcements.owes_summary:
                    self.polling.report()
                    self._after(await self.recording.decide(self._summing_up()))
            except LeadLost:
                raise
            except StoreError as error:
                self.database.refused(error)
                await self.clock.wait_until(self.clock.now() + LOOK_AT_VISITS)
            else:
                return

    def _summing_up(self) -> Steps[Handled]:
        """Decide the first summary: how things stand now, and what did not answer."""
        handled = yield from self._up_to_now()
        catalogue = self.pipeline.judge.history.catalogue
        handled.outstanding = Outstanding(
            sources=tuple(self.polling.silent()), offline=self.polling.offline(),
            unheard=frozenset(n for n, one in catalogue.items() if not self.polling.hears(one)),
        )  # fmt: skip
        return handled

    async def _keep_the_lead(self) -> None:
        while not self.stop.is_set():
            await self.clock.wait_until(self.clock.now() + LEAD_EVERY)
            try:
                leads = self.store.lead(self.owner)
            except LeadLost:
                raise
            except StoreError as error:
                # Without the database nobody can act by a lead, neither we nor another.
                self.database.refused(error)
            else:
                if not leads:
                    raise LeadLost("another process leads now")

    async def _every(
        self, length: timedelta, look: Callable[[], object], hurry: asyncio.Event | None = None
    ) -> None:
        """Look again and again, when nothing is being decided; the database may be in trouble.

        Args:
            length: Between two looks.
            look: Is done.
            hurry: Set where the next look is not to wait.
        """
        hurry = hurry or asyncio.Event()
        while not self.stop.is_set():
            await in_time(asyncio.ensure_future(hurry.wait()), length, self.clock)
            hurry.clear()
            try:
                async with self.recording.alone():
                    look()
            except LeadLost:
                raise
            except StoreError as error:
                self.database.refused(error)
            except Exception:
                # What cannot be looked at now must not keep events from being handled.
                log.exception("look.failed")

    def _look(self) -> None:
        """Take what commands added beside us, and look at series and outbox."""
        names = added(self.store)
        if names:
            learn(self.pipeline.judge.history, self.store, names)
            at = max(micros(self.clock.now()), self.pipeline.handled)
            handled = self.recording.handle_now(self._catching_up(at))
            self._after(handled)
        at = micros(self.clock.now())
        self._freshness.report(self.pipeline.judge, at)
        self._look_at_outbox(instant(at))
        self.watch.write()
        self.store.check()

    def _attend(self) -> None:
        if self.attendant.attend():
            self.delivery.wake()

    def _look_at_outbox(self, now: datetime) -> None:
        """Report how long the outbox has waited: before we ran, nothing could leave."""
        waiting = self.store.outbox(states=("waiting", "claimed"), limit=1000)
        due = [max(row.not_before, self._running_since) for row in waiting if row.not_before <= now]
        self.watch.outbox(oldest=min(due, default=None), count=len(waiting), at=now)

    def _frozen_by(self, series: Collection[str]) -> list[str]:
        """Return the alerts that have no new reading without some series."""
        watched = self.pipeline.judge.watched.values()
        return [rule.name for rule in watched if waits_for(rule.node, series)]

    def _cry(self, health: Health) -> None:
        """Tell a trouble of the database, which nothing can be recorded in, to the chats."""
        self.delivery.cry(self.telling.announcements.unrecorded(health, at=self.clock.now()))

    # ---- what others do ----------------------------------------------------------------

    async def once(self, timeout_s: float) -> list[Visit]:
        """Visit every source once, handle what they brought, deliver what is due."""
        outcomes = await self.polling.poll_once(timeout_s)
        self.stop.set()
        self._visits_due.clear()
        while not self.feed.inbox.empty():
            arrived = self.feed.inbox.get_nowait()
            self._after(self.recording.handle_now(arrived.event))
        self.recording.record_now(in_one_go(self._up_to_now()))
        if self.telling.announcements.owes_summary:
            self.polling.report()
            self._after(self.recording.record_now(in_one_go(self._summing_up())))
        await self.delivery.once()
        self.attendant.attend()
        return outcomes

    async def adopt(self, judge: Judge, difference: Sequence[str]) -> None:
        """Take other rules from now on, all or nothing, and tell the difference."""
        self._after(await self.recording.decide(self._up_to_now()))

        before, states = self.pipeline.judge, self.pipeline.states

        def decision() -> Steps[Handled]:
            nonlocal states
            yield
            states = States(self.pipeline.states)
            at = max(micros(self.clock.now()), self.pipeline.handled)
            mends = any(key.startswith("reload/") for key in self.watch.troubles)
            handled = self.pipeline.decide_edit(judge, at)
            self._go_by(judge)
            self.ledger.edit = edit_of(_hashes(before), _hashes(judge), at=instant(at), mends=mends)
            return handled

        try:
            handled = await self.recording.decide(decision())
        except (StoreError, asyncio.CancelledError):
            raise
        except Exception:
            # Nothing of it was recorded: the rules before it go on.
            self.ledger.edit = None
            self.pipeline.judge, self.pipeline.states = before, states
            self._go_by(before)
            raise
        self.watch.reload_valid(at=self.clock.now())
        at = instant(handled.event.at).isoformat()
        log.info("rules.reloaded", at=at, changes=list(difference))
        self.feed.poke()
        self.delivery.wake()

    def _go_by(self, judge: Judge) -> None:
        self.ledger.judge = judge
        self.telling.use(judge)

    def _up_to_now(self) -> Steps[Handled]:
        """Decide what is to be decided by the time at which it is our turn."""
        now = Event(at=max(micros(self.clock.now()), self.pipeline.handled))
        return (yield from self.recording.deciding(now))

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
        """Hear how a delivery went: a place that failed until now may be owed something."""
        recovered = event.ending is Ending.DELIVERED and event.failing_since is not None
        if recovered or event.ending is Ending.PARKED:
            self._hurry.set()
        for hear in self.heard:
            hear(event)

    def jumped(self) -> None:
        """Do at once what is due: the clock was set, or the machine slept."""
        self._visits_due.set()
        self.feed.poke()
        self.delivery.wake()
        self.polling.replan()


def _hashes(judge: Judge) -> dict[str, tuple[str, str]]:
    """Return what each rule measures and where it crosses, by name."""
    return {rule.name: (rule.definition, rule.ladder) for rule in judge.ruleset.rules}


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
