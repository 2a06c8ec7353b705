"""Two daemons over one PostgreSQL: a leader that is frozen is replaced, and each thing told once."""

from __future__ import annotations

import signal

from tests.e2e.daemon import SOFR, World
from tests.e2e.test_telling_once import DAYS, NINE, RULES, quiet
from tests.postgres import server


async def test_a_frozen_leader_is_replaced_and_comes_back_as_one_that_stands_by(
    world: World,
) -> None:
    """What came out meanwhile is told by the other; the old one writes and tells nothing more."""
    world.rules(RULES)
    quiet(world)
    with server() as url:
        database = {"EBBWATCH_DATABASE_URL": f"{url}/postgres"}
        async with world.running(at=NINE, **database) as first:
            await first.polled(news=17)
            await first.until(lambda: len(world.in_telegram) == 1, "the summary was told")
            async with world.running(at=NINE, **database) as second:
                await second.until(lambda: second.lines("lead.awaited"), "the other stands by")
                first.process.send_signal(signal.SIGSTOP)
                world.effr[DAYS[-1]] = "3.68"
                await second.until(lambda: second.lines("lead.taken"), "the lead was taken")
                await second.until(
                    lambda: len(world.in_telegram) == len(world.in_slack) == 2, "both were told"
                )
                first.process.send_signal(signal.SIGCONT)
                await first.until(lambda: first.lines("lead.lost"), "it sees that it was replaced")
                # On a machine so busy that a lease runs out, the lead may go back by itself.
                await first.until(
                    lambda: first.lines("lead.awaited") or second.lines("lead.lost"),
                    "it stands by, or the other could not keep the lead",
                )
                # The lead goes back where the one that has it ends.
                assert await second.stop() == 0
                if first.lines("lead.awaited"):
                    await first.until(lambda: first.lines("lead.taken"), "it leads again")
                assert await first.stop() == 0
    assert [m.text.startswith("🟠 WARNING") for m in world.in_telegram] == [False, True]
    assert len(world.in_slack) == 2


async def test_a_leader_that_ends_before_it_spoke_leaves_the_first_message_to_the_next(
    world: World,
) -> None:
    """It waited for a source; the other one asks again, and tells once."""
    world.rules(RULES)
    quiet(world)
    world.nyfed.serve(SOFR, stuck=True, times=1)
    with server() as url:
        database = {"EBBWATCH_DATABASE_URL": f"{url}/postgres"}
        async with world.running(at=NINE, **database) as first:
            await first.until(lambda: any(p.startswith(SOFR) for p in world.nyfed.paths), "it asks")
            async with world.running(at=NINE, **database) as second:
                await second.until(lambda: second.lines("lead.awaited"), "the other stands by")
                assert world.in_telegram == []
                await first.kill()
                await second.until(lambda: world.in_telegram and world.in_slack, "both were told")
                await second.polled(news=0)
                assert await second.stop() == 0
    [told] = world.in_telegram
    assert told.text.startswith("👁 Ebbwatch is watching · 0 of 1 rule fires")
    assert [posted.text for posted in world.in_slack] == [told.text]
