"""A run: troubles for some time or some kills, then calm, then the account."""

from __future__ import annotations

import asyncio
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.chaos.account import Account, Restart, account
from tests.chaos.troubles import troubles_of, two_at_once
from tests.chaos.world import SERIES, World, world


async def run(
    *,
    seed: int,
    replicas: int = 1,
    server: str | None = None,
    kills: int | None = None,
    seconds: float | None = None,
    keep: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Account:
    """Break things until there were so many kills, or for so long; return what it came to.

    Args:
        seed: Of all chance.
        replicas: Daemons at a time.
        server: Address of an empty PostgreSQL database; None for a file on a small disk.
        kills: After how many to end.
        seconds: After how long to end.
        keep: Where logs are to be kept; None keeps none.
        say: Is told how it goes.
    """
    with _folder(keep) as folder:
        async with world(folder, seed=seed, replicas=replicas, server=server) as found:
            await _started(found)
            began = time.monotonic()
            while not _is_over(found, began, kills=kills, seconds=seconds):
                await _trouble(found)
                say(f"{time.monotonic() - began:.0f} s, {found.kills} kills")
                await found.pause(0.0, 2.0)
            calm = await found.calm()
            restart = await _restarted(found) if replicas == 1 else None
            for replica in found.fleet.replicas:
                replica.signal(signal.SIGTERM)
            await asyncio.sleep(2)
            for replica in found.fleet.replicas:
                replica.signal(signal.SIGKILL)
            return replace(account(found, calm=calm), restart=restart)


#: How many messages wait.
_WAITING = "SELECT count(*) FROM outbox WHERE state IN ('waiting', 'claimed')"


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="ebbwatch-chaos-") as folder:
        yield Path(folder)


def _is_over(found: World, began: float, *, kills: int | None, seconds: float | None) -> bool:
    enough = kills is not None and found.kills >= kills
    return enough or (seconds is not None and time.monotonic() - began >= seconds)


async def _restarted(found: World) -> Restart:
    """Kill a daemon that has a lot to tell, and see how soon the next one has told it."""
    hooks = list(found.places.hooks.values())
    for hook in hooks:
        hook.closed = True
    await found.awake()
    # Every series prints once in a minute: all of them at the beginning of the next.
    await asyncio.sleep(60 - found.fleet.now().timestamp() % 60)
    found.press.storm()
    waiting = 0
    while (now := found.count(_WAITING)) > waiting or not now:
        waiting = now
        await asyncio.sleep(1)
    [replica] = found.fleet.replicas
    before = sum(len(hook.arrivals) for hook in hooks)
    found.kill(replica)
    found.places.behave()
    while found.count(_WAITING):  # noqa: ASYNC110 another process empties it
        await asyncio.sleep(0.2)
    arrived = sorted(a.at_s for hook in hooks for a in hook.arrivals)[before:]
    return Restart(waiting, arrived[0] - replica.started_s, arrived[-1] - replica.started_s)


#: Of how many series a figure is recorded.
_VISITED = "SELECT count(DISTINCT series) FROM observations WHERE source = 'press'"


async def _started(found: World) -> None:
    """Wait until every page was visited once and the first summary is out: what follows is news.

    What a first visit finds is history, so a run that does not wait has nothing to tell.
    """
    found.press.storm()
    for _ in range(600):
        told = any(hook.arrivals for hook in found.places.hooks.values())
        if told and found.count(_VISITED) >= len(SERIES):
            break
        await asyncio.sleep(0.1)
    else:
        raise AssertionError("not everything was visited and told within a minute")
    # Every series prints once in a minute: the next one brings news.
    await asyncio.sleep(60 - found.fleet.now().timestamp() % 60)


async def _trouble(found: World) -> None:
    choices = troubles_of(found.fleet)
    first = found.chance.choice(choices)
    chosen = [first]
    if found.chance.random() < 0.25:
        second = found.chance.choice(choices)
        if second is not first:
            chosen.append(second)
    for trouble in chosen:
        name = trouble.__name__.replace("_", " ")
        found.troubles[name] = found.troubles.get(name, 0) + 1
    if len(chosen) == 1:
        await first(found)
    else:
        await two_at_once(found, *chosen)
