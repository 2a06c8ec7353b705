"""Turns at a chat: one after the other, and none while it asks for patience."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from ebbwatch.platforms.pace import Pace
from ebbwatch.ports import RetryLater
from tests.fakes import ManualClock

SECOND = timedelta(seconds=1)


async def test_whoever_waits_for_a_turn_hears_that_the_chat_asked_for_patience() -> None:
    """One message met a 429: the next one, which already waited, is not sent into it."""
    clock = ManualClock()
    pace = Pace(clock, gap=SECOND, window=SECOND, most=1)
    await pace.turn("a", crowded=False)
    waiting = asyncio.create_task(pace.turn("a", crowded=False))
    await asyncio.sleep(0)
    pace.rest("a", 30 * SECOND)
    clock.advance(SECOND)
    with pytest.raises(RetryLater) as put_off:
        await waiting
    assert put_off.value.after == 29 * SECOND
    with pytest.raises(RetryLater):
        await pace.turn("a", crowded=False)
    await pace.turn("b", crowded=False)
    clock.advance(29 * SECOND)
    await pace.turn("a", crowded=False)


async def test_a_shorter_patience_does_not_end_a_longer_one() -> None:
    """And one without a length asks for none."""
    clock = ManualClock()
    pace = Pace(clock, gap=SECOND, window=SECOND, most=1)
    pace.rest("a", 60 * SECOND)
    pace.rest("a", SECOND)
    pace.rest("a", None)
    with pytest.raises(RetryLater) as put_off:
        await pace.turn("a", crowded=False)
    assert put_off.value.after == 60 * SECOND
