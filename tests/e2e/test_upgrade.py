"""A database of the first version: it goes on with what it knew, and nobody hears anything twice.

`tests/golden/first-schema.sql` is what that version left after five days with two rules: both
fire, one is acknowledged, and there is a silence.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta

import pytest

from tests.e2e.daemon import World, business_days
from tests.e2e.test_telling_once import DAYS, NEW_YORK, NINE, RULES
from tests.paths import ROOT

LEFT = ROOT / "tests" / "golden" / "first-schema.sql"
HIGH = """
  - name: repo-high
    title: Repo is high
    value: sofr
    above: {watch: 3.9 %}
"""
#: The day after the last one that the first version saw.
MORNING = NINE + timedelta(days=1)


@pytest.fixture
def old(world: World) -> World:
    """Return a world with the rules, the figures and the database of the first version."""
    world.rules(RULES + HIGH)
    world.sofr = dict.fromkeys(DAYS[:-4], "3.70")
    world.sofr |= dict(zip(DAYS[-4:], ("3.93", "4.28", "3.71", "3.93"), strict=True))
    world.effr = dict.fromkeys(DAYS, "3.68")
    with closing(sqlite3.connect(world.database)) as connection:
        connection.executescript(LEFT.read_text("utf-8"))
    return world


async def test_an_upgrade_tells_nothing_twice_and_keeps_what_people_asked_for(old: World) -> None:
    """What fires is known to fire; silence and acknowledgement stand; the next move is told."""
    told = old.outbox()
    [day] = business_days(1, before=MORNING.date())
    old.sofr[day] = "4.30"
    async with old.running(at=MORNING) as daemon:
        await daemon.polled(news=1)
        assert old.outbox() == told
        table = [line.split()[:3] for line in daemon.shown.read_text("utf-8").splitlines()]
        assert ["●", "funding-spread", "warning"] in table
        assert ["●", "repo-high", "watch"] in table
        old.effr[day] = "3.68"
        await daemon.until(lambda: len(old.in_telegram) == 1, "the escalation was told")
        await daemon.until(old.settled, "all was settled")
        assert await daemon.stop() == 0
    [message] = old.in_telegram
    assert message.text.startswith("🔴 CRITICAL · Repo trades above fed funds")
    assert len(old.in_slack) == 1
    episodes = old.rows("SELECT DISTINCT episode FROM outbox WHERE episode LIKE 'funding-spread@%'")
    assert len(episodes) == 2, "the one that ended before the upgrade, and the one that goes on"
    assert old.rows('SELECT "by", comment FROM silences') == [("desk", "the whole year")]
    assert old.rows("SELECT count(*) FROM memos WHERE key LIKE 'ack/repo-high@%'") == [(1,)]
    assert old.rows("SELECT count(*) FROM memos WHERE key LIKE 'nflog/%'") == [(0,)]


async def test_what_waited_before_the_upgrade_is_delivered_after_it(old: World) -> None:
    """A message whose sending was begun says that it may be a repeat; another one does not."""
    with closing(sqlite3.connect(old.database)) as connection:
        connection.execute(
            "UPDATE outbox SET state = 'waiting', lease_until = NULL, expires_at = ?, "
            "due_at = not_before WHERE seq IN (SELECT max(seq) FROM outbox GROUP BY target_key)",
            (int(datetime(2027, 1, 1, tzinfo=NEW_YORK).timestamp() * 1_000_000),),
        )
        connection.commit()
    async with old.running(at=MORNING) as daemon:
        await daemon.until(old.settled, "what waited was delivered")
        assert await daemon.stop() == 0
    assert len(old.in_telegram) == len(old.in_slack) == 1
