"""Giving way: long work in steps, between which the event loop lets everybody else have a turn."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TypeAlias, TypeVar

T = TypeVar("T")

#: Work that yields where others may have their turn; what it returns is its result.
Steps: TypeAlias = Generator[None, None, T]

#: For how long work goes on before others have their turn, in seconds of the event loop.
IN_ONE_GO_S = 0.05
#: How often they have it then: most of what waits takes several turns.
_TURNS = 5


def in_one_go(steps: Steps[T]) -> T:
    """Do work to its end, and return what it comes to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


async def giving_way(steps: Steps[T]) -> T:
    """Do work to its end, let others have their turn now and then, and return what it comes to."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        if loop.time() - begun >= IN_ONE_GO_S:
            await turn_of_others()
            begun = loop.time()


async def turn_of_others() -> None:
    """Return once everybody who waits for a turn had some."""
    loop = asyncio.get_running_loop()
    for _ in range(_TURNS):
        turn = asyncio.Event()
        loop.call_soon(turn.set)
        await turn.wait()
