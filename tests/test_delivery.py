"""Delivery: nothing is lost, nothing is told twice in silence, nobody holds up the others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from structlog.testing import capture_logs

from ebbwatch.model.chart import ChartSpec
from ebbwatch.model.message import Message, OutboxRow, Reason, Receipt, RowState, Target
from ebbwatch.ports import (
    SILENT,
    Abilities,
    DeliveryError,
    Notifier,
    RetryLater,
    StoreError,
    Uncertain,
    Undeliverable,
)
from ebbwatch.runtime import group_commit
from ebbwatch.runtime.delivery import (
    CHART_PATIENCE,
    LOOK_AGAIN,
    PATIENCE,
    Delivery,
    Ending,
    Settled,
)
from ebbwatch.runtime.whereabouts import Whereabouts
from ebbwatch.store.in_memory import MemoryStore
from tests.fakes import ManualClock
from tests.markup.samples import ENGLISH

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DESK = Target("desk", "telegram", {"chat": -200})
OPS = Target("ops", "webhook", {"url": "x"})
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Sent:
    """One call of a notifier."""

    key: str
    place: str
    at: datetime
    edit: Receipt | None = None
    thread: Receipt | None = None
    possible_repeat: bool = False


@dataclass
class World:
    """A store, a clock, and a far side that behaves as told.

    Attributes:
        answers: What the next sends come to, by receiver; delivered when there is nothing.
        gates: Receivers whose sends wait here before they answer.
        sent: Every send, in order.
        charts: Charts attached: key of nothing but the bytes and the receipt.
    """

    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    store: MemoryStore = field(default_factory=MemoryStore)
    answers: dict[str, list[DeliveryError | Receipt]] = field(default_factory=dict)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    charts: list[tuple[bytes, Receipt]] = field(default_factory=list)
    drawn: list[ChartSpec] = field(default_factory=list)
    chart_fault: BaseException | None = None
    chart_gate: asyncio.Event | None = None
    events: list[Settled] = field(default_factory=list)
    busiest: int = 0
    _busy: int = 0

    kind: ClassVar[str] = "any"
    can: ClassVar[Abilities] = Abilities(show_charts=True, edit=True, thread=True, move="chat")

    def place(self, target: Target) -> str:
        return f"{target.kind}:{target.options.get('chat', '')}"

    async def send(
        self,
        message: Message,
        target: Target,
        *,
        key: str,
        edit: Receipt | None = None,
        thread: Receipt | None = None,
        possible_repeat: bool = False,
    ) -> Receipt:
        place = str(target.options.get("chat", ""))
        self.sent.append(Sent(key, place, self.clock.now(), edit, thread, possible_repeat))
        self._busy += 1
        self.busiest = max(self.busiest, self._busy)
        try:
            if target.receiver in self.gates:
                await self.gates[target.receiver].wait()
        finally:
            self._busy -= 1
        answers = self.answers.get(target.receiver)
        answer = answers.pop(0) if answers else Receipt(f"{len(self.sent)}", place)
        if isinstance(answer, DeliveryError):
            raise answer
        return answer

    async def attach(self, chart: bytes, message: Message, target: Target, *, to: Receipt) -> None:
        if self.chart_gate is not None:
            await self.chart_gate.wait()
        self.charts.append((chart, to))

    async def render(self, spec: ChartSpec) -> bytes:
        self.drawn.append(spec)
        await asyncio.sleep(0)
        if self.chart_fault is not None:
            raise self.chart_fault
        return b"PNG"

    async def aclose(self) -> None:
        """Do nothing."""

    def delivery(self, owner: str = "one", *, notifier: Notifier | None = None) -> Delivery:
        far_side = notifier or self
        return Delivery(
            self.store,
            {"telegram": far_side, "webhook": far_side, "plain": Plain(self)},
            self.clock,
            owner=owner,
            charts=self,
            on_event=self.events.append,
        )

    def enqueue(self, *rows: OutboxRow) -> None:
        with self.store.transaction():
            self.store.enqueue(rows)

    def row(self, key: str) -> OutboxRow:
        return next(row for row in self.store.outbox() if row.key == key)

    def states(self) -> dict[str, str]:
        return {row.key: row.state.value for row in reversed(self.store.outbox())}


class Plain:
    """A notifier that can do nothing but send, to the same far side."""

    kind: ClassVar[str] = "plain"
    can: ClassVar[Abilities] = Abilities()

    def __init__(self, world: World) -> None:
        self.send = world.send

    def place(self, target: Target) -> str:
        return self.kind

    async def attach(self, chart: bytes, message: Message, target: Target, *, to: Receipt) -> None:
        raise AssertionError("shows no charts")

    async def aclose(self) -> None:
        """Do nothing."""


def place_of(target: Target) -> str:
    """Return the place of a target, by which a far side is left alone."""
    return f"{target.kind}:{target.key}"


def a_row(key: str, target: Target = DESK, *, episode: str = "", **changes: Any) -> OutboxRow:
    row = OutboxRow(
        key=key,
        target=target,
        place=place_of(target),
        message=ENGLISH,
        episode=episode,
        lines=(episode,) if episode else (),
        created_at=START,
        not_before=START,
        expires_at=START + timedelta(days=1),
    )
    return replace(row, **changes)


@pytest.fixture(autouse=True)
def nothing_is_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what becomes of a message be written at once."""
    monkeypatch.setattr(group_commit, "GATHERS_S", 0.0)


async def settled() -> None:
    """Let everything happen that can happen without time passing."""
    for _ in range(200):
        await asyncio.sleep(0)


async def pass_time(world: World, until: datetime) -> None:
    """Move the clock from one awaited instant to the next."""
    await settled()
    while (wake := world.clock.next_wake) is not None and wake <= until:
        world.clock.advance_to(max(wake, world.clock.now()))
        await settled()
    world.clock.advance_to(until)
    await settled()


class Running:
    """A delivery that runs for the length of an ``async with``."""

    def __init__(self, world: World, owner: str = "one") -> None:
        self.delivery = world.delivery(owner)
        self.stop = asyncio.Event()

    async def __aenter__(self) -> Delivery:
        self.task = asyncio.create_task(self.delivery.run(self.stop))
        await settled()
        return self.delivery

    async def __aexit__(self, *_: object) -> None:
        self.stop.set()
        await self.task


async def test_a_message_is_delivered_once_and_its_receipt_kept() -> None:
    """Claimed, sent, settled; nothing is left to do."""
    world = World()
    world.enqueue(a_row("k", episode="e"))
    delivery = world.delivery()
    with capture_logs() as logs:
        await delivery.once()
        await delivery.once()
    assert world.sent == [Sent("k", "-200", START)]
    assert world.store.receipt(place=place_of(DESK), episode="e") == Receipt("1", "-200")
    assert world.store.next_due() is None
    assert [(event.row.key, event.ending, event.error) for event in world.events] == [
        ("k", Ending.DELIVERED, "")
    ]
    assert logs == [
        {
            "event": "delivery.settled",
            "log_level": "info",
            "receiver": "desk",
            "key": "k",
            "outcome": "delivered",
            "attempt": 1,
            "duration_ms": 0,
        }
    ]


async def test_a_backlog_is_written_in_few_transactions_and_begun_before_it_is_sent() -> None:
    """A commit waits for the disk; what is sent without being begun would be told twice."""
    begun: list[int] = []

    class Counting(MemoryStore):
        commits = 0

        def transaction(self, *, leading: bool = True) -> AbstractContextManager[None]:
            self.commits += 1
            return super().transaction(leading=leading)

    class Looking(World):
        async def send(self, message: Message, target: Target, **how: Any) -> Receipt:
            begun.append(sum(row.begun for row in self.store.outbox(limit=1000)))
            return await super().send(message, target, **how)

    store = Counting()
    world = Looking(store=store)
    world.enqueue(*(a_row(f"{n}") for n in range(200)))
    store.commits = 0
    await world.delivery().once()
    assert (len(world.sent), set(world.states().values())) == (200, {"delivered"})
    assert store.commits < 50
    assert min(begun) >= 1
    assert begun[0] == Abilities().at_once


async def test_what_is_not_due_or_expired_is_not_sent() -> None:
    """Quiet hours defer; an alert about last Tuesday is no news on Monday."""
    world = World()
    world.enqueue(
        a_row("later", not_before=START + SECOND),
        a_row("old", expires_at=START - SECOND),
    )
    await world.delivery().once()
    assert (world.sent, world.states()) == ([], {"later": "waiting", "old": "waiting"})


async def test_the_platforms_own_delay_is_waited_for_and_covers_the_whole_target() -> None:
    """A chat that asks for patience is left alone, another is not."""
    world = World(answers={"desk": [RetryLater("patience", after=timedelta(seconds=40))]})
    world.enqueue(a_row("a"))
    async with Running(world) as delivery:
        world.enqueue(a_row("b"), a_row("c", OPS))
        delivery.wake()
        await pass_time(world, START + timedelta(seconds=39))
        assert [(sent.key, sent.at) for sent in world.sent] == [("a", START), ("c", START)]
        await pass_time(world, START + timedelta(seconds=41))
    assert {sent.key: sent.at - START for sent in world.sent[2:]} == {
        "a": timedelta(seconds=40),
        "b": timedelta(seconds=40),
    }
    assert set(world.states().values()) == {"delivered"}


async def test_without_a_delay_waits_double_from_a_second_to_five_minutes() -> None:
    """A quarter of jitter either way, the same each time for one key."""
    world = World(answers={"desk": [RetryLater("not reached")] * 14})
    world.enqueue(a_row("a"))
    async with Running(world):
        await pass_time(world, START + timedelta(hours=1))
    gaps = [
        (two.at - one.at).total_seconds()
        for one, two in zip(world.sent, world.sent[1:], strict=False)
    ]
    jitter = gaps[0]
    assert 0.75 <= jitter <= 1.25
    expected = [jitter * min(2.0**n, 300) for n in range(14)]
    assert gaps == pytest.approx(expected, abs=1e-3)
    assert world.row("a").state is RowState.DELIVERED


async def test_a_far_side_that_asks_for_no_delay_is_not_hammered() -> None:
    """``Retry-After: 0`` would be a busy loop."""
    world = World(answers={"desk": [RetryLater("busy", after=timedelta(0))] * 50})
    world.enqueue(a_row("a"))
    async with Running(world):
        await pass_time(world, START + timedelta(seconds=10))
    assert 10 <= len(world.sent) <= 21


async def test_delivering_once_can_be_given_a_time() -> None:
    """What hangs is given up and may have arrived, what was delivered is delivered."""
    world = World(gates={"desk": asyncio.Event()})
    world.enqueue(a_row("a"), a_row("b", OPS))
    once = asyncio.create_task(world.delivery().once(within=timedelta(seconds=20)))
    await pass_time(world, START + timedelta(seconds=20))
    assert await once is False
    assert world.states() == {"a": "claimed", "b": "delivered"}
    world.gates.clear()
    await pass_time(world, START + timedelta(seconds=20) + SILENT)
    assert await world.delivery("next").once(within=timedelta(seconds=20)) is True
    assert [sent.possible_repeat for sent in world.sent] == [False, False, True]


async def test_messages_that_fail_together_are_one_failure() -> None:
    """Ten rows in one outage must not wait as long as ten outages."""
    world = World(answers={"desk": [RetryLater("not reached")] * Abilities().at_once})
    world.gates["desk"] = asyncio.Event()
    world.enqueue(*(a_row(f"{n}") for n in range(Abilities().at_once)))
    async with Running(world):
        world.gates["desk"].set()
        await pass_time(world, START + timedelta(seconds=2))
    assert set(world.states().values()) == {"delivered"}


async def test_what_nobody_can_deliver_is_parked_and_told_to_the_self_watch() -> None:
    """The next message may fare better."""
    world = World(answers={"desk": [Undeliverable("the bot was blocked")]})
    world.enqueue(a_row("a"))
    delivery = world.delivery()
    with capture_logs() as logs:
        await delivery.once()
    assert (world.row("a").state, world.row("a").error) == (RowState.PARKED, "the bot was blocked")
    assert world.events == [
        Settled(
            row=replace(a_row("a"), state=RowState.CLAIMED, attempts=1),
            ending=Ending.PARKED,
            ts=START,
            error="the bot was blocked",
            failing_since=START,
        )
    ]
    assert [(log["log_level"], log["error"]) for log in logs] == [("error", "the bot was blocked")]
    world.enqueue(a_row("b"))
    await delivery.once()
    assert world.row("b").state is RowState.DELIVERED


async def test_a_kind_that_nobody_speaks_is_parked() -> None:
    """A plugin may have been removed."""
    world = World()
    world.enqueue(a_row("a", Target("desk", "pigeon")))
    await world.delivery().once()
    error = "there is no notifier of kind pigeon; there are: plain, telegram, webhook"
    assert (world.row("a").state, world.row("a").error) == (RowState.PARKED, error)


async def test_what_may_have_arrived_is_repeated_three_times_and_says_so() -> None:
    """After 15 s, 2 min and 10 min; then a person is told that nobody knows."""
    world = World(answers={"desk": [Uncertain("no answer")] * 9})
    world.enqueue(a_row("a"))
    async with Running(world):
        await pass_time(world, START + timedelta(hours=2))
    assert [sent.possible_repeat for sent in world.sent] == [False, True, True, True]
    waits = [two.at - one.at for one, two in zip(world.sent, world.sent[1:], strict=False)]
    assert waits == [timedelta(seconds=15), timedelta(minutes=2), timedelta(minutes=10)]
    assert (world.row("a").state, world.row("a").error) == (
        RowState.PARKED,
        "may have arrived, or not: no answer",
    )
    assert [event.ending.value for event in world.events] == ["uncertain"] * 3 + ["parked"]


async def test_a_refusal_does_not_make_certain_what_was_uncertain() -> None:
    """The first copy may be there, whatever became of the second."""
    world = World(answers={"desk": [Uncertain("no answer"), RetryLater("not reached")]})
    world.enqueue(a_row("a"))
    async with Running(world):
        await pass_time(world, START + timedelta(minutes=5))
    assert [sent.possible_repeat for sent in world.sent] == [False, True, True]


async def test_no_answer_within_patience_is_uncertain() -> None:
    """A notifier that hangs is cancelled."""
    world = World(gates={"desk": asyncio.Event()})
    world.enqueue(a_row("a"))
    async with Running(world):
        await pass_time(world, START + PATIENCE)
        assert world.row("a").state is RowState.WAITING
        assert (world.row("a").uncertain, world.row("a").error) == (True, "no answer within 45 s")
        world.gates.clear()
        await pass_time(world, START + PATIENCE + timedelta(seconds=15))
    assert [sent.possible_repeat for sent in world.sent] == [False, True]


async def test_a_crash_between_sending_and_settling_repeats_within_seconds_and_says_so() -> None:
    """The one duplicate there can be."""
    world = World(gates={"desk": asyncio.Event()})
    world.enqueue(a_row("a"))
    killed = asyncio.create_task(world.delivery("killed").run(asyncio.Event()))
    await settled()
    killed.cancel()
    with suppress(asyncio.CancelledError):
        await killed
    world.gates.clear()
    async with Running(world, "heir"):
        await pass_time(world, START + SILENT - SECOND)
        assert len(world.sent) == 1
        await pass_time(world, START + SILENT + LOOK_AGAIN)
    assert [(sent.at - START, sent.possible_repeat) for sent in world.sent] == [
        (timedelta(0), False),
        (SILENT, True),
    ]
    assert world.row("a").state is RowState.DELIVERED


async def test_two_processes_share_an_outbox_without_repeating_each_other() -> None:
    """Whoever claims it sends it."""
    world = World()
    async with Running(world, "one") as one, Running(world, "two") as two:
        world.enqueue(*(a_row(f"{n}") for n in range(50)))
        one.wake()
        two.wake()
        await settled()
    assert sorted(int(sent.key) for sent in world.sent) == list(range(50))


async def test_messages_of_an_episode_arrive_in_order() -> None:
    """An escalation does not overtake the message it escalates."""
    world = World(answers={"desk": [RetryLater("patience", after=SECOND)]})
    world.enqueue(a_row("1", episode="e"), a_row("2", episode="e"), a_row("3", episode="e"))
    async with Running(world):
        await pass_time(world, START + timedelta(seconds=2))
    assert [sent.key for sent in world.sent] == ["1", "1", "2", "3"]


async def test_easing_edits_and_everything_else_answers_the_episodes_last_message() -> None:
    """The first of an episode has nothing to refer to, and other episodes are none of it."""
    world = World()
    eased = replace(ENGLISH, reason=Reason.EASED)
    escalated = replace(ENGLISH, reason=Reason.ESCALATED)
    world.enqueue(
        a_row("fired", episode="e"),
        a_row("eased", episode="e", quiet=True, message=eased),
        a_row("escalated", episode="e", message=escalated),
        a_row("other", episode="f"),
        a_row("alone"),
    )
    await world.delivery().once()
    by_key = {sent.key: (sent.edit, sent.thread) for sent in world.sent}
    first, second = (
        world.sent.index(next(s for s in world.sent if s.key == key)) + 1
        for key in ("fired", "eased")
    )
    assert by_key == {
        "fired": (None, None),
        "eased": (Receipt(f"{first}", "-200"), None),
        "escalated": (None, Receipt(f"{second}", "-200")),
        "other": (None, None),
        "alone": (None, None),
    }


async def test_a_chat_that_moved_is_found_at_once_from_then_on() -> None:
    """After a restart too; and where its new place is gone, the written one is tried."""
    world = World(answers={"desk": [Receipt("1", "-1002")]})
    world.enqueue(a_row("a"))
    await world.delivery().once()
    assert world.store.get("moved/telegram/-200") == "-1002"
    world.enqueue(a_row("b"))
    await world.delivery("after a restart").once()
    world.answers["desk"] = [Undeliverable("chat not found")]
    world.enqueue(a_row("c"))
    await world.delivery().once()
    assert [(sent.key, sent.place) for sent in world.sent] == [
        ("a", "-200"),
        ("b", "-1002"),
        ("c", "-1002"),
        ("c", "-200"),
    ]
    assert world.store.get("moved/telegram/-200") is None
    assert set(world.states().values()) == {"delivered"}


def test_a_chat_that_moved_is_one_place_under_both_its_ids() -> None:
    """Who writes the new id into the rules is told nothing again; what is forgotten is two."""
    world = World()
    places = Whereabouts(world.store, {"telegram": world})
    old, new = (Target("desk", "telegram", {"chat": chat}) for chat in (-200, "-1002"))
    found = [(places.of(old), places.of(new), places.now(old).options["chat"])]
    places.follow(old, Receipt("1", "-200"))
    places.follow(old, Receipt("1", "-1002"))
    found.append((places.of(old), places.of(new), places.now(old).options["chat"]))
    places.forget(old)
    found.append((places.of(old), places.of(new), places.now(old).options["chat"]))
    assert found == [
        ("telegram:-200", "telegram:-1002", -200),
        ("telegram:-200", "telegram:-200", "-1002"),
        ("telegram:-200", "telegram:-1002", -200),
    ]
    assert places.of(Target("desk", "pigeon", {})) == "pigeon:desk/0"


async def test_a_target_that_hangs_holds_up_nobody_else() -> None:
    """A hundred messages for it, older than the one that matters."""
    world = World(gates={"desk": asyncio.Event()})
    world.enqueue(*(a_row(f"{n}") for n in range(100)))
    async with Running(world) as delivery:
        world.enqueue(a_row("matters", OPS))
        delivery.wake()
        await settled()
        found = (world.row("matters").state, world.busiest)
        world.gates.pop("desk").set()
    assert found == (RowState.DELIVERED, Abilities().at_once + 1)


async def test_a_chart_follows_its_message() -> None:
    """Below the delivered message, and after it is settled."""
    world = World()
    chart = ChartSpec("SOFR − EFFR", "bp", (("2025-10-31", 36.0),))
    world.enqueue(a_row("a", message=replace(ENGLISH, chart=chart)))
    await world.delivery().once()
    assert world.charts == [(b"PNG", Receipt("1", "-200"))]


async def test_a_chart_is_drawn_once_for_all_who_show_it_and_for_nobody_else() -> None:
    """One message to two chats and a place without pictures; another one has its own chart."""
    world = World()
    chart = ChartSpec("SOFR − EFFR", "bp", (("2025-10-31", 36.0),))
    other = replace(chart, title="SOFR")
    chats = [Target("desk", "telegram", {"chat": n}, n) for n in (1, 2)]
    plain = Target("ops", "plain")
    told = replace(ENGLISH, chart=chart)
    world.enqueue(*(a_row(f"{t.key}", t, message=told) for t in (*chats, plain)))
    with capture_logs() as logs:
        await world.delivery().once()
    assert (world.drawn, len(world.charts)) == ([chart], 2)
    world.enqueue(a_row("to nobody who shows it", plain, message=replace(ENGLISH, chart=other)))
    await world.delivery().once()
    assert world.drawn == [chart]
    assert [log for log in logs if log["event"] == "chart.missed"] == []


async def test_who_can_neither_edit_nor_answer_is_sent_a_message() -> None:
    """And the store is not asked for an earlier one."""
    world = World()
    world.store = Failing("receipt", 99)
    plain = Target("ops", "plain")
    eased = replace(ENGLISH, reason=Reason.EASED)
    world.enqueue(a_row("a", plain, episode="e"), a_row("b", plain, episode="e", quiet=True,
                                                        message=eased))  # fmt: skip
    await world.delivery().once()
    assert [(sent.key, sent.edit, sent.thread) for sent in world.sent] == [
        ("a", None, None), ("b", None, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Undeliverable("slack refused the file"), "slack refused the file"),
        (RuntimeError("https://secret"), "RuntimeError"),
    ],
)
async def test_a_chart_that_fails_fails_alone(fault: BaseException, error: str) -> None:
    """The text was told; that the chart is missing is in the log, without addresses."""
    world = World(chart_fault=fault)
    world.enqueue(a_row("a", message=replace(ENGLISH, chart=ChartSpec("t", "bp", ()))))
    with capture_logs() as logs:
        await world.delivery().once()
    assert world.row("a").state is RowState.DELIVERED
    assert logs[-1] == {
        "event": "chart.missed",
        "log_level": "warning",
        "receiver": "desk",
        "key": "a",
        "error": error,
    }


async def test_a_chart_that_hangs_holds_up_nothing() -> None:
    """The episode's next message goes out meanwhile, and the chart is given up in the end."""
    world = World(chart_gate=asyncio.Event())
    charted = replace(ENGLISH, chart=ChartSpec("t", "bp", ()))
    world.enqueue(a_row("a", episode="e", message=charted), a_row("b", episode="e"))
    with capture_logs() as logs:
        async with Running(world):
            assert set(world.states().values()) == {"delivered"}
            await pass_time(world, START + CHART_PATIENCE)
    assert [log["error"] for log in logs if log["event"] == "chart.missed"] == [
        "not done within 60 s"
    ]


async def test_only_changes_are_loud() -> None:
    """First failure a warning, the next ones quiet, recovery told with its length."""
    after = timedelta(seconds=10)
    world = World(answers={"desk": [RetryLater("patience", after=after)] * 3})
    world.enqueue(a_row("a"))
    with capture_logs() as logs:
        async with Running(world):
            await pass_time(world, START + timedelta(minutes=1))
    told = [(log["log_level"], log["outcome"], log.get("recovered_after_s")) for log in logs]
    assert told == [
        ("warning", "retried", None),
        ("debug", "retried", None),
        ("debug", "retried", None),
        ("info", "delivered", 30),
    ]
    assert world.events[-1].failing_since == START


async def test_it_waits_without_spinning_and_looks_again_for_what_others_wrote() -> None:
    """One look in five seconds while nothing happens; a row written elsewhere is found."""
    world = World()
    looks = 0

    class Counting(MemoryStore):
        def claim(self, **asked: Any) -> list[OutboxRow]:
            nonlocal looks
            looks += 1
            return super().claim(**asked)

    world.store = Counting()
    async with Running(world):
        await pass_time(world, START + timedelta(minutes=1))
        assert looks <= 1 + timedelta(minutes=1) / LOOK_AGAIN
        world.enqueue(a_row("from another process"))
        await pass_time(world, START + timedelta(minutes=1) + LOOK_AGAIN)
        assert world.row("from another process").state is RowState.DELIVERED


async def test_it_does_not_spin_where_a_store_says_due_and_hands_out_nothing() -> None:
    """A breath between looks, whatever the store says."""
    world = World()
    looks = 0

    class Teasing(MemoryStore):
        def claim(self, **asked: Any) -> list[OutboxRow]:
            nonlocal looks
            looks += 1
            return []

        def next_due(self) -> datetime | None:
            return START

    world.store = Teasing()
    async with Running(world):
        await pass_time(world, START + timedelta(seconds=10))
        assert looks <= 11


async def test_stopping_finishes_what_is_being_sent_and_begins_nothing() -> None:
    """A clean stop leaves nothing uncertain; what waits for its turn goes back."""
    world = World(gates={"desk": asyncio.Event()})
    world.enqueue(*(a_row(f"{n}") for n in range(Abilities().at_once + 1)))
    running = Running(world)
    delivery = await running.__aenter__()
    running.stop.set()
    await settled()
    world.enqueue(a_row("b", OPS))
    delivery.wake()
    await settled()
    world.gates["desk"].set()
    await running.task
    states = world.states()
    assert (states.pop("b"), states.pop(f"{Abilities().at_once}")) == ("waiting", "waiting")
    assert set(states.values()) == {"delivered"}
    assert not any(row.uncertain for row in world.store.outbox())


class Failing(MemoryStore):
    """A store that is away for some calls."""

    def __init__(self, method: str, times: int) -> None:
        super().__init__()
        self.method, self.times = method, times

    def _fail(self, method: str) -> None:
        if method == self.method and self.times > 0:
            self.times -= 1
            raise StoreError("the database is away")

    def claim(self, **asked: Any) -> list[OutboxRow]:
        self._fail("claim")
        return super().claim(**asked)

    def delivered(self, receipts: Mapping[str, Receipt], **told: Any) -> set[str]:
        self._fail("delivered")
        return super().delivered(receipts, **told)

    def next_due(self) -> datetime | None:
        self._fail("next_due")
        return super().next_due()

    def receipt(self, **asked: Any) -> Receipt | None:
        self._fail("receipt")
        return super().receipt(**asked)

    def get(self, key: str) -> str | None:
        self._fail("get")
        return super().get(key)


@pytest.mark.parametrize("method", ["claim", "delivered", "next_due", "receipt", "get"])
async def test_a_store_that_is_away_for_a_moment_costs_time_and_no_message(method: str) -> None:
    """And no repeat: what was sent is settled as soon as the store is back."""
    world = World()
    world.store = Failing(method, 3)
    reminder = replace(ENGLISH, reason=Reason.REMINDER)
    world.enqueue(a_row("a", episode="e", message=reminder))
    with capture_logs() as logs:
        async with Running(world):
            await pass_time(world, START + timedelta(seconds=30))
    assert [sent.key for sent in world.sent] == ["a"]
    assert world.row("a").state is RowState.DELIVERED
    if method != "receipt":
        events = [log["event"] for log in logs if log["event"].startswith("outbox.")]
        assert (events[0], events[-1]) == ("outbox.unreachable", "outbox.recovered")


async def test_what_was_sent_is_settled_however_long_the_store_is_away() -> None:
    """The process lives and knows that it arrived: nothing is sent again."""
    world = World()
    world.store = Failing("delivered", 60)
    world.enqueue(a_row("a"))
    async with Running(world):
        await pass_time(world, START + timedelta(seconds=70))
    assert [sent.possible_repeat for sent in world.sent] == [False]
    assert world.states() == {"a": "delivered"}


async def test_a_bug_in_the_store_ends_the_process_too() -> None:
    """Nobody waits for ever for a settlement that will not come."""
    world = World()

    class Broken(MemoryStore):
        def delivered(self, key: str, **told: Any) -> bool:
            raise ZeroDivisionError

    world.store = Broken()
    world.enqueue(a_row("a"), a_row("b"))
    with pytest.raises(ZeroDivisionError):
        await world.delivery().run(asyncio.Event())


async def test_a_claim_that_somebody_else_took_is_said_to_be_theirs() -> None:
    """Our settling changes nothing then."""
    world = World()

    class Stolen(MemoryStore):
        def delivered(self, receipts: Mapping[str, Receipt], **told: Any) -> set[str]:
            return set()

    world.store = Stolen()
    world.enqueue(a_row("a"))
    with capture_logs() as logs:
        await world.delivery().once()
    assert [log.get("settled_by_another") for log in logs] == [True]


async def test_a_bug_in_a_notifier_ends_the_process() -> None:
    """Starting again is recovering; the outbox protects the message."""
    world = World()

    class Broken(World):
        async def send(self, *args: Any, **kwargs: Any) -> Receipt:
            raise ZeroDivisionError

    delivery = world.delivery(notifier=Broken())
    world.enqueue(a_row("a"))
    with pytest.raises(ZeroDivisionError):
        await delivery.run(asyncio.Event())
    assert world.row("a").state is RowState.CLAIMED


async def test_many_messages_go_out_with_a_bounded_number_in_hand() -> None:
    """Memory does not grow with the outbox."""
    world = World()
    most: list[int] = []

    class Watched(MemoryStore):
        def claim(self, **asked: Any) -> list[OutboxRow]:
            rows = super().claim(**asked)
            most.append(len(rows))
            return rows

    world.store = Watched()
    world.enqueue(*(a_row(f"{n}", OPS) for n in range(500)))
    await world.delivery().once()
    assert len(world.sent) == 500
    assert max(most) <= 64
