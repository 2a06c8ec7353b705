"""The first start asks before it speaks: one message, of today, once the sources were visited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.telling.context import Context
from ebbwatch.model.observation import Published
from ebbwatch.model.periods import period_of
from ebbwatch.ports import Poll, SourceRefused, SourceUnavailable, StoreError, Wanted
from ebbwatch.store.in_memory import MemoryStore
from tests.fakes import ManualClock
from tests.ruleset.loading import valid
from tests.scenarios.stage import (
    Heard,
    PublishingPress,
    PublishingSource,
    RecordingNotifier,
    Stage,
)

RULES = """
series:
  one: {source: {csv: {path: one.csv}}, unit: percent per year, every: day}
  two: {source: {http_json: {url: "https://example.org/two", rows: a, period: b, value: c}},
        unit: percent per year, every: day}
rules:
  - {name: one-high, title: One, value: one, above: {watch: 5 %}}
  - {name: two-high, title: Two, value: two, above: {watch: 5 %}}
receivers: {desk: [{telegram: {chat: -1001}}]}
routes: [{to: [desk]}]
"""
TEXT_RULE = (
    "  - {name: purchases, title: The Fed buys, text: fed_press, matches: buy, level: critical}"
)
TEXT_RULES = RULES.replace("rules:\n", f"rules:\n{TEXT_RULE}\n")
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
SUMMARY = "👁 Ebbwatch is watching · 2 of 2 rules fire"
OF_THREE = "👁 Ebbwatch is watching · 2 of 3 rules fire"


class Hanging(PublishingSource):
    """A provider that takes a question and never answers."""

    async def poll(
        self, wanted: Sequence[Wanted], *, cursor: str | None, since: datetime | None = None
    ) -> Poll:
        """Wait for ever."""
        await asyncio.Event().wait()
        return await super().poll(wanted, cursor=cursor, since=since)


class Refusing(MemoryStore):
    """A database that refuses for a while."""

    refuses = False

    @contextmanager
    def transaction(self, *, leading: bool = True) -> Iterator[None]:
        """Refuse, or go on."""
        if self.refuses:
            self.undone += 1
            raise StoreError("the disk is full")
        with super().transaction(leading=leading):
            yield

    def memos(self, prefix: str) -> dict[str, str]:
        """Refuse, or return the texts whose keys begin with a prefix."""
        if self.refuses:
            raise StoreError("the disk is full")
        return super().memos(prefix)


class FirstStart:
    """A daemon that was never started, its sources, and who is told."""

    def __init__(self, rules: str = RULES, *, hangs: bool = False) -> None:
        self.clock = ManualClock(NOW)
        self.store = Refusing()
        self.rules = rules
        self.heard: list[Heard] = []
        self.posted: list[Heard] = []
        self.press = PublishingPress(self.clock)
        self.sources = {
            "csv": PublishingSource(self.clock),
            "http_json": (Hanging if hangs else PublishingSource)(self.clock),
        }
        for name, source in (("one", "csv"), ("two", "http_json")):
            for days, value in ((400, "6.00"), (300, "1.00"), (1, "5.50")):
                self.publish(source, name, NOW - timedelta(days=days), value)
        self.start()

    def publish(self, source: str, series: str, day: datetime, value: str) -> None:
        """Have a figure out from the next visit on."""
        published = Published(series=series, period=period_of(day.date()), value=Decimal(value))
        self.sources[source].figures.append((self.clock.now(), published))

    def start(self) -> None:
        """Start, or start again after a kill."""
        self.stage = Stage(
            valid(self.rules), self.store, self.clock,
            notifiers={
                "telegram": RecordingNotifier(self.clock, self.heard.append),
                "webhook": RecordingNotifier(self.clock, self.posted.append),
            },
            sources={**self.sources, "fed_press": self.press},
        )  # fmt: skip
        self.stage.service.begin(visits_first=True)

    async def edited(self, rules: str) -> None:
        """Save other rules beside the daemon."""
        self.rules = rules
        service = self.stage.service
        judge = Judge(valid(rules), service.pipeline.judge.history)
        await service.adopt(judge, ["edited"])

    async def arrives(self) -> None:
        """Visit everything, and handle what came; nothing is told of it yet."""
        service = self.stage.service
        await service.polling.poll_once(5.0)
        while not service.feed.inbox.empty():
            service.recording.handle_now(service.feed.inbox.get_nowait().event)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let it run; time passes (`passes`) and sources are visited as the test says."""
        service = self.stage.service
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(service.polling, "run", asyncio.Event().wait)
            task = asyncio.create_task(service.run())
            await self.passes(0)
            yield
            self.stage.stop.set()
            await self.passes(1)
            await task

    async def passes(self, seconds: int) -> None:
        """Let time pass, half a second at a time."""
        for _ in range(seconds * 2 + 1):
            for _ in range(20):
                await asyncio.sleep(0)
            self.clock.advance(timedelta(seconds=0.5 if seconds else 0))

    async def told(self, hours: float = 1) -> list[str]:
        """Let time pass, visit everything, and return the headlines that are new."""
        self.clock.advance_to(self.clock.now() + timedelta(hours=hours))
        before = len(self.heard)
        await self.stage.once()
        # Of two that answer at one instant, one comes a microsecond later.
        self.clock.advance_to(self.clock.now() + timedelta(seconds=1))
        await self.stage.delivery.once()
        return [heard.headline for heard in self.heard[before:]]


async def test_the_first_message_is_of_today_and_the_only_one() -> None:
    """What the visits brought is in it; what they brought of the past is nowhere."""
    world = FirstStart()
    assert world.heard == []
    assert await world.told() == ["👁 Ebbwatch is watching · 2 of 2 rules fire"]
    assert [line.split(":")[0] for line in world.heard[0].lines[:2]] == ["🟡 One", "🟡 Two"]
    world.start()
    assert await world.told() == []
    world.publish("csv", "one", NOW, "4.00")
    assert await world.told() == ["✅ RESOLVED · One"]


async def test_what_did_not_answer_is_named_in_it_and_not_told_beside_it() -> None:
    """One source that is away is one line; what it brings later is news as of a new rule."""
    world = FirstStart()
    world.sources["http_json"].down = SourceUnavailable("away", reached=True)
    assert await world.told() == ["👁 Ebbwatch is watching · 1 of 2 rules fire"]
    assert world.heard[0].lines[0] == "⚠️ 1 source has not answered yet: http_json"
    assert "source/http_json" in world.stage.service.watch.troubles
    world.sources["http_json"].down = None
    world.start()
    headlines = await world.told()
    assert "🟡 WATCH · Two" in headlines
    assert [one for one in headlines if "RESOLVED" in one] == []


async def test_a_program_hears_of_a_trouble_that_the_first_message_names() -> None:
    """It reads no summaries, and keeps by state what fires."""
    rules = RULES.replace(
        "desk: [{", "oncall: [{webhook: {url: 'https://example.org/hook'}}], desk: [{"
    )
    world = FirstStart(rules.replace("[desk]", "[desk, oncall]"))
    world.sources["http_json"].down = SourceUnavailable("away", reached=True)
    assert await world.told() == ["👁 Ebbwatch is watching · 1 of 2 rules fire"]
    assert sorted(one.headline for one in world.posted) == [
        "⚠️ Data health · http_json does not answer",
        "🟡 WATCH · One",
    ]


async def test_offline_is_one_message_that_says_so() -> None:
    """Nor is it told again a quarter of an hour later."""
    world = FirstStart()
    for source in world.sources.values():
        source.down = SourceUnavailable("no network", reached=False)
    assert await world.told() == ["👁 Ebbwatch is watching · 0 of 2 rules fire"]
    offline, *rest = world.heard[0].lines
    assert offline.startswith("⚠️ This machine seems to be offline: 2 sources cannot be reached.")
    assert rest[0] == "All quiet"
    assert list(world.stage.service.watch.troubles) == ["offline"]
    assert await world.told(0.25) == []


async def test_a_start_that_is_killed_before_it_spoke_speaks_when_it_starts_again() -> None:
    """Whether before the visits, or after them: once."""
    world = FirstStart()
    world.start()
    assert world.heard == []
    await world.arrives()
    assert world.store.outbox() == []
    world.start()
    assert await world.told() == [SUMMARY]
    assert {move.muted for move in world.store.transitions()} == {"history"}


@pytest.mark.parametrize("rung", ["5.20", "4.00"])
async def test_an_edit_before_the_first_message_is_part_of_it(rung: str) -> None:
    """Rules that are edited while the sources are visited are summed up as they are now."""
    world = FirstStart()
    await world.edited(RULES.replace("value: one, above: {watch: 5 %}", f"value: one, above: {{watch: {rung} %}}"))  # fmt: skip
    assert await world.told() == [SUMMARY]


async def test_a_receiver_that_comes_before_the_first_message_has_the_same_one() -> None:
    """And where there is none, the first that comes later is told how things stand."""
    both = RULES.replace("desk: [{", "night: [{telegram: {chat: -1002}}], desk: [{")
    world = FirstStart()
    await world.edited(both.replace("[desk]", "[desk, night]"))
    await world.arrives()
    assert await world.told() == [SUMMARY] * 2
    assert sorted(one.receiver for one in world.heard) == ["desk", "night"]
    nobody = RULES.replace(
        "receivers: {desk: [{telegram: {chat: -1001}}]}\nroutes: [{to: [desk]}]\n", ""
    )
    world = FirstStart(nobody)
    assert await world.told() == []
    await world.edited(RULES)
    assert await world.told() == [SUMMARY]


async def test_a_figure_that_is_held_back_and_a_key_that_is_refused_are_said_beside_it() -> None:
    """Each has a way out that one line of the summary has no room for."""
    world = FirstStart()
    world.publish("csv", "one", NOW, "1e28")
    world.sources["http_json"].down = SourceRefused("expected a key, found none")
    assert sorted(await world.told()) == [
        "⚠️ Data health · a value of one is held back",
        "⚠️ Data health · http_json refuses to answer",
        "👁 Ebbwatch is watching · 1 of 2 rules fire",
    ]


async def test_a_digest_that_falls_due_before_it_comes_after_it() -> None:
    """Once, however long the sources took."""
    digest = "digests: [{at: '12:30', zone: UTC, on: business days, to: [desk]}]\n"
    world = FirstStart(RULES + digest)
    await world.arrives()
    summary, told = await world.told()
    assert summary == SUMMARY
    assert "12:30" in told
    assert await world.told() == []


# ---- texts ----------------------------------------------------------------------------------


def published(world: FirstStart) -> None:
    """Have a text of three days ago out, and one of two hours ago."""
    for hours in (72, 2):
        world.press.publish("FOMC statement", "We buy.", NOW - timedelta(hours=hours))


async def test_a_text_of_today_comes_with_the_first_message_and_an_older_one_is_history() -> None:
    """The summary says how figures stand; a text is an alert of its own, with its words."""
    world = FirstStart(TEXT_RULES)
    published(world)
    assert sorted(await world.told()) == [OF_THREE, "🔴 CRITICAL · The Fed buys"]
    moves = [move for move in world.store.transitions() if move.rule == "purchases"]
    assert [(move.period, move.muted) for move in moves] == [
        ("2026-11-24", "history"), ("2026-11-27", None),
    ]  # fmt: skip
    world.start()
    assert await world.told() == []


async def test_a_text_that_came_before_a_kill_is_told_after_it() -> None:
    """Once, with the summary."""
    world = FirstStart(TEXT_RULES)
    published(world)
    await world.arrives()
    assert world.store.outbox() == []
    world.start()
    assert sorted(await world.told()) == [OF_THREE, "🔴 CRITICAL · The Fed buys"]


async def test_a_text_whose_rule_is_gone_before_the_first_message_is_told_to_nobody() -> None:
    """One that still has a rule goes to who hears of it now."""
    world = FirstStart(TEXT_RULES)
    published(world)
    await world.arrives()
    await world.edited(RULES)
    assert await world.told() == [SUMMARY]
    world = FirstStart(TEXT_RULES)
    published(world)
    await world.arrives()
    await world.edited(TEXT_RULES.replace("desk", "night"))
    await world.told()
    assert {one.receiver for one in world.heard} == {"night"}
    assert len(world.heard) == 2


# ---- while it runs --------------------------------------------------------------------------


async def test_what_hangs_is_waited_for_a_minute() -> None:
    """Then the summary goes out, and names it."""
    world = FirstStart(hangs=True)
    async with world.running():
        await world.stage.service.polling.visit("csv")
        await world.passes(55)
        assert world.heard == []
        await world.passes(10)
        [summary] = world.heard
        assert summary.headline == "👁 Ebbwatch is watching · 1 of 2 rules fire"
        assert summary.lines[0] == "⚠️ 1 source has not answered yet: http_json"
        world.publish("csv", "one", NOW, "4.00")
        world.clock.advance(timedelta(days=1))
        await world.stage.service.polling.visit("csv")
        await world.passes(5)
        assert [one.headline for one in world.heard[1:]] == ["✅ RESOLVED · One"]


async def test_a_database_in_trouble_puts_the_first_message_off() -> None:
    """And ends nothing."""
    world = FirstStart()
    async with world.running():
        for name in world.sources:
            await world.stage.service.polling.visit(name)
        # What was read before a transaction that was taken back is to be read again.
        world.store.refuses, world.store.undone = True, world.store.undone + 1
        await world.passes(5)
        assert [one for one in world.heard if "watching" in one.headline] == []
        world.store.refuses = False
        await world.passes(15)
        assert [one.headline for one in world.heard if "watching" in one.headline] == [SUMMARY]


async def test_a_first_message_that_cannot_be_made_keeps_nothing_else_from_being_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A fault of ours costs the summary, and is told."""

    def broken(*_args: Any) -> None:
        raise RuntimeError("planted")

    world = FirstStart()
    monkeypatch.setattr(Context, "firing", broken)
    with capture_logs() as logs:
        [trouble] = await world.told()
        for day, value in ((0, "4.00"), (1, "7.00")):
            world.publish("csv", "one", NOW + timedelta(days=day), value)
            world.start()
            told = await world.told(24)
    assert "event.set_aside" in [line["event"] for line in logs]
    assert trouble.startswith("⚠️ Data health")
    assert "🟡 WATCH · One" in told
