"""Troubles: what happens to a daemon, one after the other and now and then two at a time."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing

from tests.chaos.fleet import Fleet, chosen, command
from tests.chaos.places import BAD_WAYS
from tests.chaos.press import BAD_ANSWERS
from tests.chaos.world import World

Trouble = Callable[[World], Awaitable[None]]


async def kill(world: World) -> None:
    """Kill a daemon at any moment; it is started again at once."""
    await world.pause(0.0, 3.0)
    world.kill(chosen(world.fleet, world.chance))


async def kill_while_sending(world: World) -> None:
    """Kill a daemon whose receivers are slow, so that requests are open."""
    for hook in world.places.hooks.values():
        hook.bad = "slow"
    await world.awake()
    world.press.storm()
    await world.pause(0.2, 2.0)
    world.kill(chosen(world.fleet, world.chance))
    world.places.behave()


async def kill_twice(world: World) -> None:
    """Kill a daemon, and again while it starts."""
    replica = chosen(world.fleet, world.chance)
    world.kill(replica)
    await world.pause(0.1, 1.5)
    world.kill(replica)


async def end(world: World) -> None:
    """End a daemon as a supervisor does."""
    chosen(world.fleet, world.chance).signal(signal.SIGTERM)
    await world.pause(0.5, 2.0)


async def freeze(world: World) -> None:
    """Stop a daemon for a while, as a hypervisor does."""
    replica = chosen(world.fleet, world.chance)
    world.allowed_repeats += world.begun()
    replica.signal(signal.SIGSTOP)
    await world.pause(0.5, 8.0)
    replica.signal(signal.SIGCONT)


async def cut(world: World) -> None:
    """Cut a daemon off from its database server, or leave the line dead."""
    wire = chosen(world.fleet, world.chance).wire
    assert wire is not None
    world.allowed_repeats += world.begun()
    if world.chance.random() < 0.5:
        wire.cut()
    else:
        wire.go_dead()
    await world.pause(0.5, 8.0)
    wire.mend()


async def fill_the_disk(world: World) -> None:
    """Fill the disk that the database lies on, and make room again."""
    assert world.fleet.disk is not None
    ballast = world.fleet.disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    world.allowed_repeats += world.begun()
    await world.pause(1.0, 8.0)
    ballast.unlink()


async def start_on_a_read_only_disk(world: World) -> None:
    """Kill a daemon, and have it start where nothing can be written for a while."""
    world.kill(world.fleet.replicas[0])
    # A disk cannot be made read-only while a file on it is open for writing.
    for _ in range(50):
        if command("mount", "-o", "remount,ro", str(world.fleet.disk)):
            break
        world.fleet.replicas[0].signal(signal.SIGKILL)
        await asyncio.sleep(0.02)
    else:
        return
    await world.pause(1.0, 5.0)
    assert command("mount", "-o", "remount,rw", str(world.fleet.disk))


async def lock(world: World) -> None:
    """Hold the database's write lock, as a backup or a curious person does."""
    path = world.fleet.server_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None, timeout=5)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return
        world.allowed_repeats += world.begun()
        await world.pause(0.5, 13.0)
        connection.execute("ROLLBACK")


async def step_clock(world: World) -> None:
    """Set the clock forward, or back."""
    await world.fleet.step_clock(world.chance.choice((5, 90, 3700, -4, -30)))
    await world.pause(0.5, 2.0)


async def answer_badly(world: World) -> None:
    """Have the press answer nonsense."""
    world.press.bad = world.chance.choice(BAD_ANSWERS)
    await world.pause(1.0, 5.0)
    world.press.bad = ""


async def take_badly(world: World) -> None:
    """Have a receiver misbehave."""
    hook = world.chance.choice(list(world.places.hooks.values()))
    hook.bad = world.chance.choice(BAD_WAYS)
    await world.pause(1.0, 5.0)
    if world.chance.random() < 0.3:
        world.kill(chosen(world.fleet, world.chance))
        await world.pause(0.5, 2.0)
    hook.bad = ""


async def storm(world: World) -> None:
    """Print every figure at once, and have the receivers ask for patience."""
    for hook in world.places.hooks.values():
        hook.bad = "patience"
    world.press.storm()
    await world.pause(0.5, 3.0)
    world.places.behave()


async def edit(world: World) -> None:
    """Edit the rules: a title, a rule, a receiver's name, or a mistake that is mended."""
    match world.chance.randrange(4):
        case 0:
            world.title = "Rule" if world.title == "Case" else "Case"
        case 1:
            world.extra = not world.extra
        case 2:
            world.desk = "desk" if world.desk == "traders" else "traders"
        case _:
            world.put_rules("rules:\n  - name: [")
            await world.pause(0.5, 3.0)
    world.write_rules()
    await world.pause(0.0, 3.0)


def troubles_of(fleet: Fleet) -> list[Trouble]:
    """Return what can be done to a fleet; killing, which is likeliest to cost something, often."""
    found: list[Trouble] = [kill] * 4 + [kill_while_sending] * 4 + [kill_twice] * 2
    found += [end, freeze, freeze, answer_badly, take_badly, take_badly, storm, edit, edit]
    if fleet.disk is None:
        return [*found, cut, cut, cut]
    found += [lock, step_clock]
    return [*found, fill_the_disk, start_on_a_read_only_disk] if fleet.small else found


async def two_at_once(world: World, first: Trouble, second: Trouble) -> None:
    """Make one trouble in the middle of another."""

    async def later() -> None:
        await world.pause(0.1, 1.0)
        await second(world)

    await asyncio.gather(first(world), later())
