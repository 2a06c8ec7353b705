"""The clock watch: a sleep or a step of the clock makes everything due be looked at."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from ebbwatch.runtime.clock_watch import LEAST, LOOK_EVERY, ClockWatch
from tests.fakes import ManualClock


class Computer:
    """A wall clock that can be set, and one that only runs."""

    def __init__(self) -> None:
        self.wall = ManualClock()
        self.ran_s = 0.0

    async def pass_by(self, wall: timedelta, ran: timedelta) -> None:
        """Let time pass, on each clock by its own measure."""
        self.ran_s += ran.total_seconds()
        self.wall.advance(wall)
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("wall", "ran", "woken"),
    [
        (LOOK_EVERY, LOOK_EVERY, 0),
        (LOOK_EVERY + LEAST / 2, LOOK_EVERY, 0),
        (timedelta(hours=8), LOOK_EVERY, 1),
        (LOOK_EVERY, LOOK_EVERY + timedelta(minutes=2), 1),
        (timedelta(minutes=10), timedelta(minutes=10), 0),
    ],
    ids=["nothing", "steered", "slept or set forward", "set back", "a busy machine"],
)
async def test_only_a_jump_wakes(wall: timedelta, ran: timedelta, woken: int) -> None:
    """What the two clocks agree on is no jump, however long it took."""
    computer, calls = Computer(), list[str]()
    watch = ClockWatch(computer.wall, lambda: computer.ran_s, [lambda: calls.append("feed")])
    looking = asyncio.create_task(watch.run())
    await asyncio.sleep(0)
    await computer.pass_by(wall, ran)
    assert len(calls) == woken
    await computer.pass_by(LOOK_EVERY, LOOK_EVERY)
    assert len(calls) == woken, "a jump is noticed once"
    looking.cancel()
