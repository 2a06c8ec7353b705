"""Drawing: once for all who want it, anew after a failure, and given up when nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

from ebbwatch.model.chart import ChartSpec
from ebbwatch.runtime.drawing import KEPT, Drawings


class Pen:
    """Draws when told to, and counts."""

    def __init__(self) -> None:
        self.drawn: list[str] = []
        self.given_up: list[str] = []
        self.go = asyncio.Event()
        self.fault: Callable[[], Exception] | None = None

    async def render(self, spec: ChartSpec) -> bytes:
        self.drawn.append(spec.title)
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.given_up.append(spec.title)
            raise
        if self.fault is not None:
            raise self.fault()
        return spec.title.encode()


def chart(title: str) -> ChartSpec:
    return ChartSpec(title, "bp", ())


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_all_who_want_a_chart_get_the_same_drawing() -> None:
    """Those who wait together, and those who come a moment later."""
    pen = Pen()
    drawings = Drawings(pen)
    waiting = [asyncio.create_task(drawings.png(chart("a"))) for _ in range(3)]
    await settled()
    pen.go.set()
    assert [await task for task in waiting] == [b"a"] * 3
    assert await drawings.png(chart("a")) == b"a"
    assert pen.drawn == ["a"]


async def test_a_failure_is_everybodys_and_the_next_draws_anew() -> None:
    """What failed is not kept."""
    pen = Pen()
    pen.fault = lambda: RuntimeError("no font")
    drawings = Drawings(pen)
    waiting = [asyncio.create_task(drawings.png(chart("a"))) for _ in range(2)]
    await settled()
    pen.go.set()
    assert [type(one) for one in await asyncio.gather(*waiting, return_exceptions=True)] == [
        RuntimeError, RuntimeError,
    ]  # fmt: skip
    pen.fault = None
    assert await drawings.png(chart("a")) == b"a"
    assert pen.drawn == ["a", "a"]


async def test_one_who_gives_up_spoils_it_for_nobody_and_the_last_ends_it() -> None:
    """A drawing that hangs is given up with its last reader, and tried anew by another."""
    pen = Pen()
    drawings = Drawings(pen)
    first, second = (asyncio.create_task(drawings.png(chart("a"))) for _ in range(2))
    await settled()
    first.cancel()
    await settled()
    assert pen.given_up == []
    second.cancel()
    await settled()
    assert pen.given_up == ["a"]
    pen.go.set()
    assert await drawings.png(chart("a")) == b"a"
    for task in (first, second):
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("count", [KEPT, KEPT + 1])
async def test_a_few_are_kept(count: int) -> None:
    """The newest ones: memory does not grow with the messages."""
    pen = Pen()
    pen.go.set()
    drawings = Drawings(pen)
    for number in range(count):
        await drawings.png(chart(f"{number}"))
    await drawings.png(chart("0"))
    assert len(pen.drawn) == (count if count <= KEPT else count + 1)
