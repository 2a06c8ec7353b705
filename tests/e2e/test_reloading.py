"""Rules that change beside a daemon: at every moment, on every replica, right or wrong."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.contracts.stores import fresh_database
from tests.e2e.daemon import World
from tests.e2e.test_running import NINE, RULES, stressed

#: 25 bp are no news by these.
HIGHER = RULES.replace("{warning: 20 bp, critical: 50 bp}", "{warning: 30 bp}")


async def test_an_edit_saved_as_it_begins_to_run_is_taken_over(world: World) -> None:
    """Between the reading of the files and the watching of them, too."""
    world.rules(HIGHER)
    stressed(world)
    async with world.running(at=NINE) as daemon:
        await daemon.until(lambda: daemon.shown.stat().st_size, "it runs")
        world.rules(RULES)
        await daemon.until(
            lambda: any(
                "🟠 Repo trades" in s.text or "WARNING" in s.text for s in world.in_telegram
            ),
            "the edit counts",
        )
        assert await daemon.stop() == 0


def minds_hangups(pid: int) -> bool:
    """Return whether a process ignores hangups, or handles them (proc(5): SigIgn, SigCgt)."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    masks = dict(line.split(":") for line in lines if line.startswith("Sig"))
    bit = 1 << (signal.SIGHUP - 1)
    return any(int(masks[name], 16) & bit for name in ("SigIgn", "SigCgt"))


@pytest.mark.parametrize("after_s", [0.0, 0.6, 1.2, 2.5])
async def test_a_hangup_ends_nothing_at_any_moment(world: World, after_s: float) -> None:
    """Before it reads its rules, while it starts, and while it runs; and the files count."""
    world.rules(HIGHER)
    stressed(world)
    async with world.running(at=NINE) as daemon:
        # On a busy machine, Python itself may take longer to begin.
        await daemon.until(lambda: minds_hangups(daemon.process.pid), "a line of ours has run")
        await asyncio.sleep(after_s)
        world.rules(RULES)
        daemon.process.send_signal(signal.SIGHUP)
        await daemon.until(
            lambda: any("Repo trades" in shown.text for shown in world.in_telegram),
            "the edit counts",
        )
        assert await daemon.stop() == 0


async def test_a_start_with_mistakes_in_the_files_goes_by_those_before_them(world: World) -> None:
    """Without any before, it says what is wrong and ends; the mistakes are told in the chats."""
    broken = RULES.replace("sofr - effr", "sofrr - effr")
    world.rules(broken)
    stressed(world)
    async with world.running(at=NINE) as daemon:
        assert await daemon.process.wait() == 1
    assert "there is no series or define sofrr" in daemon.log.read_text("utf-8")
    world.rules(RULES)
    quiet = world.effr.popitem()
    async with world.running(at=NINE) as daemon:
        await daemon.polled()
        await daemon.until(world.settled, "the summary was told")
        world.rules(broken)
        await daemon.kill()
    told = len(world.in_telegram)
    async with world.running(at=NINE.replace(minute=5)) as daemon:
        await daemon.until(lambda: len(world.in_telegram) > told, "the mistake was told")
        world.effr |= dict([quiet])
        await daemon.until(
            lambda: any("WARNING" in shown.text for shown in world.in_telegram), "the rule fires"
        )
        assert await daemon.stop() == 0
    assert "the new rules have problems" in world.in_telegram[told].text


HOSTILE = {
    "jmespath.yaml": "series:\n  x: {source: {http_json: {url: 'http://127.0.0.1:9/x', "
    "rows: 'sort_by(rows)', period: d, value: v}}, unit: number, every: day}\n",
    "duration.yaml": "series:\n  x: {source: {csv: {path: x.csv}}, unit: number, every: day, "
    "stale_after: 9999999999 d}\n",
    "deep.yaml": f"rules: [{{name: a, value: '{'(' * 500}sofr{')' * 500}', above: {{watch: 4 %}}}}]\n",
    "bytes.yaml": "rules:\n  - {name: a, title: \udcff}\n",
    "list.yaml": f"rules: [{', '.join('x' * 20_000)}]\n",
    "nested.yaml": "[" * 5_000,
    "pattern.yaml": "rules: [{name: a, text: fed_press, matches: '(?=x)y'}]\n",
}


async def test_no_file_that_is_saved_ends_it(world: World) -> None:
    """Each is told, a pipe too; the rules in force stay, and the next right edit counts."""
    world.rules(RULES)
    stressed(world)
    effr = world.effr.popitem()
    async with world.running(at=NINE) as daemon:
        await daemon.polled()
        for count, (name, text) in enumerate(HOSTILE.items(), 1):
            path = world.folder / "rules" / name
            path.write_bytes(text.encode("utf-8", "surrogateescape"))
            await daemon.until(
                lambda count=count: len(daemon.lines("rules.refused")) >= count, f"{name} is told"
            )
            path.unlink()
        os.mkfifo(world.folder / "rules" / "pipe.yaml")
        await daemon.until(
            lambda: any("a pipe, not a regular file" in str(line["problems"])
                        for line in daemon.lines("rules.refused")), "the pipe is told",
        )  # fmt: skip
        world.effr |= dict([effr])
        await daemon.until(
            lambda: any("WARNING" in shown.text for shown in world.in_telegram), "the rule fires"
        )
        assert await daemon.stop() == 0


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Give the address of a PostgreSQL server."""
    with postgres.server() as address:
        yield address


@pytest.mark.postgres
async def test_a_replica_that_takes_the_lead_goes_by_the_files(world: World, server: str) -> None:
    """Not by those of its own start: it withdraws nothing, and announces nothing old as new."""
    world.rules(HIGHER)
    stressed(world)
    with fresh_database(server) as url:
        async with (
            world.running(at=NINE, EBBWATCH_DATABASE_URL=url) as first,
            world.running(at=NINE, EBBWATCH_DATABASE_URL=url) as second,
        ):
            awaits = [first, second]
            await first.until(
                lambda: any(daemon.lines("lead.awaited") for daemon in awaits), "one stands by"
            )
            standby = next(daemon for daemon in awaits if daemon.lines("lead.awaited"))
            leader = first if standby is second else second
            await leader.polled(news=18)
            await leader.until(lambda: world.in_telegram and world.in_slack, "the first message")
            world.rules(RULES)
            await leader.until(
                lambda: any("Repo trades" in shown.text for shown in world.in_telegram),
                "the edit counts",
            )
            await leader.until(
                lambda: sum(len(each.lines("delivery.settled")) for each in awaits)
                == len(world.in_slack) + len(world.in_telegram) == 4,
                "all was told and settled",
            )  # fmt: skip
            told = [shown.text for shown in world.in_telegram]
            standby.process.send_signal(signal.SIGHUP)
            await leader.kill()
            await standby.until(lambda: standby.lines("lead.taken"), "it leads")
            await standby.polled(news=0)
            assert "●  funding-spread  warning" in standby.shown.read_text("utf-8")
            assert [shown.text for shown in world.in_telegram] == told
            assert await standby.stop() == 0
