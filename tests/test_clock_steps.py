"""Clocks that step: back, and on, with whatever waits for them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ebbwatch.clocks import SystemClock
from ebbwatch.model.observation import Published
from ebbwatch.model.periods import period_of
from ebbwatch.store.in_memory import MemoryStore
from tests.fakes import ManualClock
from tests.ruleset.loading import valid
from tests.scenarios.stage import Heard, PublishingSource, RecordingNotifier, Stage

NOON = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class SteppedClock(SystemClock):
    """The computer's clock, set to another time."""

    step = timedelta(0)

    def now(self) -> datetime:
        """Return the instant that it is set to show."""
        return super().now() + self.step


async def test_who_waits_a_moment_does_not_wait_for_hours_when_the_clock_is_set_back() -> None:
    """As much time as lay before the instant is waited, and no more."""
    clock = SteppedClock()
    waiting = asyncio.create_task(clock.wait_until(clock.now() + timedelta(milliseconds=50)))
    await asyncio.sleep(0)
    clock.step = -HOUR
    async with asyncio.timeout(20):
        await waiting


async def test_who_waits_for_hours_wakes_when_the_clock_is_set_on() -> None:
    """A nap is short enough to notice."""
    clock = SteppedClock()
    waiting = asyncio.create_task(clock.wait_until(clock.now() + 10 * HOUR))
    await asyncio.sleep(0)
    clock.step = 11 * HOUR
    async with asyncio.timeout(20):
        await waiting


RULES = """
rules:
  - {name: high, title: High, value: sofr, above: {warning: 4 %}}
receivers: {desk: [{telegram: {chat: -1001}}]}
routes: [{to: [desk]}]
"""


class World:
    """A daemon that is restarted at any time of day, also an earlier one."""

    def __init__(self) -> None:
        self.store, self.heard = MemoryStore(), list[Heard]()
        self.figures: list[tuple[datetime, Published]] = []

    def start(self, at: datetime) -> Stage:
        """Start at an instant."""
        clock = ManualClock(at)
        source = PublishingSource(clock, self.figures)
        notifier = RecordingNotifier(clock, self.heard.append)
        stage = Stage(
            valid(RULES), self.store, clock,
            notifiers={"telegram": notifier}, sources={"nyfed": source},
        )  # fmt: skip
        stage.service.begin()
        return stage

    def publish(self, day: str, percent: str) -> None:
        """Publish SOFR of a day, for all time."""
        period = period_of(datetime.fromisoformat(day).date())
        figure = Published(series="sofr", period=period, value=Decimal(percent))
        self.figures.append((datetime(2026, 1, 1, tzinfo=UTC), figure))


async def test_a_restart_with_the_clock_an_hour_back_makes_no_negative_time() -> None:
    """What comes then comes after what was decided, in the order in which it happened."""
    world = World()
    world.publish("2026-11-19", "3.90")
    await world.start(NOON - HOUR).once()
    world.publish("2026-11-20", "4.50")
    await world.start(NOON).once()
    world.publish("2026-11-23", "3.80")
    await world.start(NOON - HOUR).once()
    await world.start(NOON + HOUR).once()
    told = [one.headline for one in world.heard if "High" in one.headline]
    assert told == ["🟠 WARNING · High", "✅ RESOLVED · High"]
    assert [line for one in world.heard for line in one.lines if "-" in line or "−" in line] == []
    moves = [(move.change.value, move.at, move.cause.value) for move in world.store.transitions()]
    assert [change for change, *_ in moves] == ["fired", "resolved"]
    assert moves[1][1] > moves[0][1]
    assert moves[1][2] == "new period"
