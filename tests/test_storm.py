"""A storm: one figure moves more alerts than are told in one transaction.

It is recorded in portions. Whatever comes between two of them, a crash, another event, an edit
of the rules, a replica that takes over: every alert is told once, as if nothing had happened.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog

from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.model.message import OutboxRow
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import micros, period_of
from ebbwatch.ports import Store, StoreError
from ebbwatch.runtime import giving_way as ways
from ebbwatch.runtime import ledger, telling
from ebbwatch.runtime.giving_way import Steps, giving_way, in_one_go
from ebbwatch.runtime.ledger import HANDLED, UNFINISHED
from ebbwatch.runtime.pipeline import Event
from ebbwatch.store.in_memory import MemoryStore
from ebbwatch.store.open import open_store
from tests import postgres
from tests.contracts.stores import fresh_database
from tests.fakes import ManualClock
from tests.ruleset.loading import valid
from tests.scenarios.stage import RecordingNotifier, Stage

AT_ONCE = 4
ALERTS = 5 * AT_ONCE
START = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _no_logs() -> None:
    """Keep what the ledger logs out of the way."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@pytest.fixture(autouse=True)
def _small_storms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few alerts be a storm."""
    monkeypatch.setattr(ledger, "AT_ONCE", AT_ONCE)
    monkeypatch.setattr(telling, "GROUPS_AT_ONCE", AT_ONCE)


def rules(*, alerts: int = ALERTS, routes: str = "routes: [{to: [desk]}]", also: str = "") -> str:
    """Return rules that all fire above 20 bp, some of them by way of a hold or a level."""
    lines = ["receivers: {desk: [webhook: {url: https://hook.example}]}", routes, "rules:"]
    lines += [
        f"  - {{name: r-{n:03d}, value: sofr - effr, above: {{watch: 10 bp, warning: 20 bp}}, "
        f"labels: {{theme: t{n % 3}}}}}"
        for n in range(alerts)
    ]
    return "\n".join([*lines, also])


def figures(day: int, sofr: str, *, at: datetime) -> tuple[Observation, ...]:
    """Return both rates of a day of November."""
    period = period_of(datetime(2026, 11, day, tzinfo=UTC).date())
    values = {"sofr": sofr, "effr": "0.0360"}
    return tuple(
        Observation(series=name, period=period, value=Decimal(value), known_at=at, source="nyfed")
        for name, value in values.items()
    )


class Cut(Exception):
    """The process ends here."""


class CuttingStore(MemoryStore):
    """A store whose process ends at one of its transactions.

    Attributes:
        left: Transactions before that; None for never.
    """

    left: int | None = None

    @contextmanager
    def transaction(self, *, leading: bool = True) -> Iterator[None]:
        """Refuse when it is time."""
        if self.left is not None and leading:
            if self.left == 0:
                raise Cut
            self.left -= 1
        with super().transaction(leading=leading):
            yield


class Life:
    """A store, and the daemons that live on it one after the other."""

    def __init__(self, text: str, store: Store | None = None) -> None:
        self.clock = ManualClock(START)
        self.store = store or CuttingStore()
        self.ruleset = valid({"rules/desk.yaml": text})
        self.told: Counter[str] = Counter()
        self.stage = self.start()
        self.stage.service.begin()

    def start(self, text: str | None = None) -> Stage:
        """Return a new daemon; with a text, by other rules."""
        if text is not None:
            self.ruleset = valid({"rules/desk.yaml": text})
        notifier = RecordingNotifier(self.clock, lambda heard: self.told.update([heard.headline]))
        return Stage(self.ruleset, self.store, self.clock, notifiers={"webhook": notifier})

    def event(self, day: int, sofr: str) -> Event:
        """Return the event that a day's figures make, now."""
        self.clock.advance(SECOND)
        now = self.clock.now()
        return Event(
            at=micros(now), observations=figures(day, sofr, at=now), cursors=(("c", sofr),)
        )

    def calm(self) -> None:
        """Have a first day on which nothing fires."""
        self.stage.service.pipeline.handle(self.event(20, "0.0361"))

    def deliver(self) -> None:
        """Have delivered what waits."""
        asyncio.run(self.stage.service.delivery.once())

    def outcome(self) -> tuple[object, ...]:
        """Return what lasts: what was told and to whom, transitions, states, how far."""
        rows = self.store.outbox(limit=10_000)
        moves = self.store.transitions()
        records = self.store.alerts()
        states = {name: AlertState.from_json(one.state) for name, one in records.items()}
        return (
            sorted((row.key, row.message.headline, row.message.lines) for row in rows),
            sorted(moves, key=lambda move: (move.rule, move.at)),
            {name: (state.level, state.begun_at, state.entry) for name, state in states.items()},
            self.store.get(HANDLED), self.store.get("c"), self.store.memos(UNFINISHED),
        )  # fmt: skip


def in_peace(text: str) -> Life:
    """Return a life in which a storm passes, and another day after it."""
    life = Life(text)
    life.calm()
    life.stage.service.pipeline.handle(life.event(23, "0.0385"))
    return life


GROUPED = "routes: [{to: [desk], group_by: [theme]}]"


@pytest.mark.parametrize("routes", ["routes: [{to: [desk]}]", GROUPED])
@pytest.mark.parametrize("portions", range(1, 7))
def test_a_crash_between_two_portions_loses_nothing_and_repeats_nothing(
    portions: int, routes: str
) -> None:
    """Whoever starts next goes on with the alerts that were left."""
    peace = in_peace(rules(routes=routes)).outcome()
    life = Life(rules(routes=routes))
    life.calm()
    storm = life.event(23, "0.0385")
    assert isinstance(life.store, CuttingStore)
    life.store.left = portions
    try:
        life.stage.service.pipeline.handle(storm)
    except Cut:
        life.store.left = None
        life.stage = life.start()
        life.stage.service.begin()
    life.store.left = None
    rows, moves, states, _, cursor, notes = life.outcome()
    assert (rows, moves, states) == peace[:3]
    assert notes == {}
    # The cursor comes with the last portion: before that the source is asked again.
    assert cursor in (peace[4], "0.0361")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Give a PostgreSQL server."""
    with postgres.server() as address:
        yield address


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the address of an empty database of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'storm.db'}"
    else:
        with fresh_database(request.getfixturevalue("server")) as url:
            yield url


def cut_after(store: Store, transactions: int) -> None:
    """Let the process of a store end when so many transactions more were committed."""
    whole, left = store.transaction, [transactions]

    def transaction(*, leading: bool = True) -> AbstractContextManager[None]:
        if left[0] == 0:
            raise Cut
        left[0] -= 1
        return whole(leading=leading)

    store.transaction = transaction  # type: ignore[method-assign]


@pytest.mark.parametrize("cuts", [(1,), (4,), (2, 1), (1, 1, 2)])
def test_processes_that_end_in_a_storm_tell_each_alert_once_between_them(
    database: str, cuts: tuple[int, ...]
) -> None:
    """What the next one finds is what was committed, however often that happens."""
    peace = in_peace(rules()).outcome()
    life = Life(rules(), open_store(database))
    life.calm()
    life.deliver()
    storm = life.event(23, "0.0385")
    for number, transactions in enumerate(cuts):
        cut_after(life.store, transactions)
        service = life.stage.service
        with pytest.raises(Cut):
            _ = service.begin() if number else service.pipeline.handle(storm)
        life.store.close()
        life.store = open_store(database)
        life.stage = life.start()
        life.deliver()
    life.stage.service.begin()
    life.deliver()
    assert life.outcome()[:3] == peace[:3]
    assert life.store.memos(UNFINISHED) == {}
    rows = [row for row in life.store.outbox(limit=1000) if row.lines]
    life.store.close()
    assert len(rows) == ALERTS
    assert Counter(row.message.headline for row in rows) <= life.told
    assert max(life.told.values()) == 1


@pytest.mark.parametrize("portions", [1, 3])
def test_the_day_after_a_crash_goes_on_as_if_there_had_been_none(portions: int) -> None:
    """What fell is told as fallen by those who were told before the crash and after it."""
    peace = in_peace(rules())
    peace.stage.service.pipeline.handle(peace.event(24, "0.0362"))
    life = Life(rules())
    life.calm()
    storm = life.event(23, "0.0385")
    assert isinstance(life.store, CuttingStore)
    life.store.left = portions
    with pytest.raises(Cut):
        life.stage.service.pipeline.handle(storm)
    life.store.left = None
    life.stage = life.start()
    life.stage.service.begin()
    life.stage.service.pipeline.handle(life.event(24, "0.0362"))
    assert life.outcome()[:3] == peace.outcome()[:3]


def alerts_in(row: OutboxRow) -> tuple[str, ...]:
    """Return the alerts that a row tells of; programs have their groups in order as well."""
    return tuple(line for line in row.lines if not line.startswith("group/"))


def test_an_event_is_recorded_in_portions_only_where_it_is_a_storm() -> None:
    """A handful of alerts is one transaction, as ever."""
    for alerts, transactions in ((2 * AT_ONCE, 1), (ALERTS, 6)):
        life = Life(rules(alerts=alerts))
        life.calm()
        assert isinstance(life.store, CuttingStore)
        life.store.left = 100
        life.stage.service.pipeline.handle(life.event(23, "0.0385"))
        assert 100 - life.store.left == transactions


def test_alerts_that_are_told_together_stay_together() -> None:
    """One message for each group, however many alerts are in it."""
    life = in_peace(rules(routes=GROUPED))
    rows = [row for row in life.store.outbox(limit=1000) if row.lines]
    assert sorted(len(alerts_in(row)) for row in rows) == sorted(
        len(range(n, ALERTS, 3)) for n in range(3)
    )


def test_alerts_that_share_a_group_by_way_of_others_stay_together_once() -> None:
    """Two receivers group by different labels: what one keeps apart the other may join."""
    routes = (
        "routes: [{to: [desk], group_by: [theme], continue: true}, {to: [night], group_by: [half]}]"
    )
    text = rules(routes=routes).replace(
        "receivers: {", "receivers: {night: [webhook: {url: https://night.example}], "
    )
    # The fifth joins the group of the first with that of the three between them.
    themes, halves = ["a", "b", "b", "b", "b", "a"], ["x", "u", "v", "w", "x", "z"]
    for n in range(ALERTS):
        theme, half = (some[n] if n < len(some) else f"{n}" for some in (themes, halves))
        text = re.sub(rf"(r-{n:03d},.*theme: )t\d", rf"\g<1>{theme}, half: {half}", text, count=1)
    life = Life(text)
    life.calm()
    handled = life.stage.service.pipeline.handle(life.event(23, "0.0385"))
    told = Counter(o.judged.rule.name for p in handled.portions for o in p.outcomes)
    assert told == {f"r-{n:03d}": 1 for n in range(ALERTS)}
    rows = [row for row in life.store.outbox(limit=1000) if row.lines]
    assert sum(len(alerts_in(row)) for row in rows) == 2 * ALERTS
    counts = Counter(row.target.receiver for row in rows)
    assert counts == {"desk": ALERTS - 4, "night": ALERTS - 1}


def test_what_is_most_severe_is_told_first() -> None:
    """Those who are told of the first portion need not wait for the last one."""
    text = rules(also="  - {name: worst, value: sofr - effr, above: {critical: 20 bp}}")
    life = Life(text)
    life.calm()
    life.stage.service.pipeline.handle(life.event(23, "0.0385"))
    rows = [row for row in life.store.outbox(limit=1000) if row.lines]
    assert "worst" in {line for row in rows[-AT_ONCE:] for line in row.lines}


def test_every_portion_is_counted() -> None:
    """Whoever sees what an event came to sees all of its moves."""
    life = Life(rules())
    life.calm()
    handled = life.stage.service.pipeline.handle(life.event(23, "0.0385"))
    moves = [move for portion in handled.portions for move in portion.moves or ()]
    assert Counter(move.change for move in moves) == {"fired": ALERTS}
    assert handled.left() == []


async def test_a_fault_within_a_storm_costs_no_alert_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was told stays told; the rest is recorded with a named reason, and the next is told."""
    life = Life(rules())
    life.calm()
    whole, calls = telling.join, [0]

    def join(*arguments: Any) -> Any:
        calls[0] += bool(arguments[1])
        if calls[0] > 2:
            raise ArithmeticError
        return whole(*arguments)

    monkeypatch.setattr(telling, "join", join)
    handled = await life.stage.service.recording.handle(life.event(23, "0.0385"))
    monkeypatch.undo()
    monkeypatch.setattr(ledger, "AT_ONCE", AT_ONCE)
    muted = Counter(move.muted for move in life.store.transitions() if move.change == "fired")
    assert muted == {None: 2 * AT_ONCE, "could not be told": ALERTS - 2 * AT_ONCE}
    assert len(handled.failures) == ALERTS - 2 * AT_ONCE
    assert life.store.memos(UNFINISHED) == {}
    await life.stage.service.recording.handle(life.event(24, "0.0362"))
    over = Counter(move.rule for move in life.store.transitions() if move.change == "resolved")
    assert over == {f"r-{n:03d}": 1 for n in range(ALERTS)}


def test_what_was_put_off_together_is_told_in_portions_too() -> None:
    """The end of a wait is a storm as well."""
    life = Life(rules(routes="routes: [{to: [desk], group_wait: 30 s}]"))
    life.calm()
    life.stage.service.pipeline.handle(life.event(23, "0.0385"))
    assert not [row for row in life.store.outbox(limit=1000) if row.lines]
    life.clock.advance(timedelta(seconds=31))
    assert isinstance(life.store, CuttingStore)
    life.store.left = 100
    life.stage.service.pipeline.handle(Event(at=micros(life.clock.now())))
    assert len([row for row in life.store.outbox(limit=1000) if row.lines]) == ALERTS
    assert 100 - life.store.left == ALERTS // AT_ONCE


@pytest.mark.parametrize("portions", [1, 2])
def test_a_crash_while_waits_end_loses_no_group(portions: int) -> None:
    """Groups that were told wait no more, the others are told at the next start."""
    life = Life(rules(routes="routes: [{to: [desk], group_wait: 30 s}]"))
    life.calm()
    life.stage.service.pipeline.handle(life.event(23, "0.0385"))
    life.clock.advance(timedelta(seconds=31))
    assert isinstance(life.store, CuttingStore)
    life.store.left = portions
    with pytest.raises(Cut):
        life.stage.service.pipeline.handle(Event(at=micros(life.clock.now())))
    life.store.left = None
    told = [row for row in life.store.outbox(limit=1000) if row.lines]
    assert len(told) == portions * AT_ONCE
    life.stage = life.start()
    life.stage.service.begin()
    told = [row for row in life.store.outbox(limit=1000) if row.lines]
    assert Counter(alerts_in(row) for row in told) == {(f"r-{n:03d}",): 1 for n in range(ALERTS)}
    assert life.store.memos("waiting/") == {}


def test_an_edit_after_a_crash_is_told_beside_what_was_left() -> None:
    """A rule that is gone is withdrawn where it was told; the others are told what they do."""
    life = Life(rules())
    life.calm()
    storm = life.event(23, "0.0385")
    assert isinstance(life.store, CuttingStore)
    life.store.left = 2
    with pytest.raises(Cut):
        life.stage.service.pipeline.handle(storm)
    life.store.left = None
    life.stage = life.start(rules(alerts=ALERTS - 1))
    life.stage.service.begin()
    fired = Counter(move.rule for move in life.store.transitions() if move.change == "fired")
    assert fired == dict.fromkeys((f"r-{n:03d}" for n in range(ALERTS - 1)), 1)
    told = Counter(
        line for row in life.store.outbox(limit=1000) if row.message.reason == "first"
        for line in alerts_in(row)
    )  # fmt: skip
    assert told == fired


async def test_a_storm_lets_others_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Delivery, polling and answers go on between its steps."""
    monkeypatch.setattr(ways, "IN_ONE_GO_S", 0.0)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    life = Life(rules())
    life.calm()
    work = asyncio.create_task(other())
    service = life.stage.service
    handled = await service.recording.handle(life.event(23, "0.0385"))
    work.cancel()
    assert len(handled.outcomes) == ALERTS
    assert turns > ALERTS


async def test_an_event_that_arrives_in_a_storm_is_decided_after_it() -> None:
    """One decision is made at a time, however many turns others have meanwhile."""
    peace = in_peace(rules())
    peace.stage.service.pipeline.handle(peace.event(24, "0.0362"))
    life = Life(rules())
    life.calm()
    recording = life.stage.service.recording
    storm, calm = life.event(23, "0.0385"), life.event(24, "0.0362")
    await asyncio.gather(recording.handle(storm), recording.handle(calm))
    assert life.outcome() == peace.outcome()


async def test_a_database_in_trouble_within_a_storm_is_waited_for() -> None:
    """What was recorded stays so, and the rest follows."""

    class Refusing(MemoryStore):
        refusals: tuple[int, ...] = ()
        count = 0

        @contextmanager
        def transaction(self, *, leading: bool = True) -> Iterator[None]:
            self.count += leading
            if self.count in self.refusals:
                raise StoreError("database or disk is full")
            with super().transaction(leading=leading):
                yield

    store = Refusing()
    life = Life(rules(), store)
    life.calm()
    store.refusals = (store.count + 2, store.count + 5)
    handling = asyncio.create_task(life.stage.service.recording.handle(life.event(23, "0.0385")))
    while not handling.done():
        await asyncio.sleep(0)
        if (wake := life.clock.next_wake) is not None:
            life.clock.advance_to(max(wake, life.clock.now()))
    await handling
    peace = in_peace(rules()).outcome()
    assert life.outcome() == peace


async def test_an_edit_in_a_storm_is_adopted_after_it() -> None:
    """No portion is told by other rules than the one before."""
    life = Life(rules())
    life.calm()
    service = life.stage.service
    storm = asyncio.create_task(service.recording.handle(life.event(23, "0.0385")))
    await asyncio.sleep(0)
    edited = valid({"rules/desk.yaml": rules(alerts=ALERTS - 1)})
    history = service.pipeline.judge.history
    await service.adopt(Judge(edited, history), [])
    assert storm.done()
    moves = Counter((move.rule, move.change) for move in life.store.transitions())
    assert sum(count for (_, change), count in moves.items() if change == "fired") == ALERTS
    assert moves[f"r-{ALERTS - 1:03d}", "withdrawn"] == 1
    assert life.store.memos(UNFINISHED) == {}


def test_steps_come_to_the_same_in_one_go() -> None:
    """What a generator returns is the result."""

    def steps() -> Steps[int]:
        yield
        yield
        return 7

    assert in_one_go(steps()) == 7
    assert asyncio.run(giving_way(steps())) == 7
