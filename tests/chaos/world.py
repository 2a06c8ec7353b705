"""The world of a run: press, receivers, rules and fleet, and how calm returns to it."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from tests.chaos.fleet import Fleet, Replica, fleet
from tests.chaos.places import Hook, Places
from tests.chaos.press import Press

SERIES = [f"p{number:02d}" for number in range(40)]
#: Series that the program's own adapter reads, an address each.
PLAIN = [f"q{number:02d}" for number in range(4)]
RECEIVERS = ("pager", "desk", "groups")
#: How long the world may take to be calm again.
CALM_S = 120.0

_SERIES = """\
  {name}:
    title: Series {name}
    source: {source}
    unit: number
    every: 1 min
    stale_after: 300 d
"""
_RULE = """\
  - name: {rule}
    title: {title}
    value: {series}
    above: {{watch: 10, warning: 20, critical: 30}}
    repeat: 30 d
    labels: {{tens: "{tens}"}}
"""
_ROUTES = """\
receivers:
  {desk}:
    - webhook: {{url: "{desk_url}"}}
  pager:
    - webhook: {{url: "{pager_url}"}}
  groups:
    - webhook: {{url: "{groups_url}"}}
routes:
  - {{match: {{theme: data-health}}, to: [pager]}}
  - {{to: [{desk}, pager], continue: true}}
  - {{to: [groups], group_by: [tens], group_wait: 3 s}}
"""


@dataclass
class World:
    """Everything of a run.

    Attributes:
        seed: All chance comes of it.
        chance: The run's own.
        press: Prints figures.
        places: Take messages.
        fleet: Watches.
        allowed_repeats: Messages that were under way when something cut them off.
        starts: When each daemon was started, and killed before it, on the clock that only runs.
        troubles: How often each trouble was made.
        desk: What the receiver of that place is called just now.
        title: What rules are called just now.
        extra: Whether there is one rule more just now.
    """

    seed: int
    chance: random.Random
    press: Press
    places: Places
    fleet: Fleet
    allowed_repeats: int = 0
    kills: int = 0
    troubles: dict[str, int] = field(default_factory=dict)
    desk: str = "desk"
    title: str = "Rule"
    extra: bool = False
    starts: list[float] = field(default_factory=list)
    _engine: Engine | None = None

    # ---- rules -----------------------------------------------------------------------

    def write_rules(self) -> None:
        """Write the rules as they shall be now: whole, and by renaming."""
        series = "".join(_SERIES.format(name=n, source=f"{{press: {n}}}") for n in SERIES)
        series += "".join(
            _SERIES.format(
                name=name,
                source=f'{{http_json: {{url: "{self.press.origin}/json/{name}", rows: "@", '
                'period: at, value: v}}',
            )
            for name in PLAIN
        )  # fmt: skip
        names = [*SERIES, *PLAIN]
        rules = "".join(
            _RULE.format(rule=f"r-{n}", title=f"{self.title} {n}", series=n, tens=n[:2])
            for n in names
        )
        if self.extra:
            rules += _RULE.format(rule="extra", title="Extra", series=SERIES[0], tens="x")
        hooks = self.places.hooks
        routes = _ROUTES.format(
            desk=self.desk, desk_url=hooks["desk"].url, pager_url=hooks["pager"].url,
            groups_url=hooks["groups"].url,
        )  # fmt: skip
        self.put_rules(f"series:\n{series}rules:\n{rules}{routes}")

    def put_rules(self, text: str) -> None:
        """Put a text where the rules are."""
        fresh = self.fleet.rules.parent / "rules.new"
        fresh.write_text(text, "utf-8")
        fresh.replace(self.fleet.rules / "chaos.yaml")

    # ---- the database, past every wire -------------------------------------------------

    def count(self, query: str) -> int:
        """Return the number that a query gives; 0 where the database does not answer."""
        if self._engine is None:
            url = self.fleet.server_url.replace("postgresql://", "postgresql+psycopg://")
            self._engine = create_engine(url)
        try:
            with self._engine.connect() as connection:
                return int(connection.execute(text(query)).scalar() or 0)
        except SQLAlchemyError:
            return 0

    def close(self) -> None:
        """Let go of the database."""
        if self._engine is not None:
            self._engine.dispose()

    # ---- what troubles use -------------------------------------------------------------

    async def pause(self, least_s: float, most_s: float) -> None:
        """Let things go on for a while."""
        await asyncio.sleep(self.chance.uniform(least_s, most_s))

    async def awake(self) -> None:
        """Return once a daemon asks the press, or after a while: none may be able to."""
        asked = self.press.asked
        for _ in range(100):
            if self.press.asked > asked:
                return
            await asyncio.sleep(0.1)

    def kill(self, replica: Replica) -> None:
        """Kill a daemon; what it had begun to send may be sent again, marked."""
        self.kills += 1
        replica.signal(signal.SIGKILL)
        self.allowed_repeats += self.begun()

    def begun(self) -> int:
        """Return the messages whose sending was begun, and of which nothing is known yet."""
        return self.count("SELECT count(*) FROM outbox WHERE state = 'claimed' AND begun")

    async def calm(self) -> bool:
        """Have everything behave, and wait until all is told; return whether it came to that."""
        self.press.bad, self.press.closed = "", True
        self.places.behave()
        for replica in self.fleet.replicas:
            replica.signal(signal.SIGCONT)
            if replica.wire is not None:
                replica.wire.mend()
        self.write_rules()
        deadline = time.monotonic() + CALM_S
        quiet = 0
        while time.monotonic() < deadline:
            await asyncio.sleep(1)
            waiting = self.count("SELECT count(*) FROM queue")
            current = self._is_up_to_date()
            quiet = quiet + 1 if current and not waiting else 0
            if quiet >= 5:
                return True
        return False

    def _is_up_to_date(self) -> bool:
        """Return whether the newest figure of every series of the press is recorded."""
        held = self.count(
            "SELECT count(*) FROM (SELECT series, max(period) AS newest FROM observations "
            "WHERE source = 'press' GROUP BY series) AS held WHERE "
            + (
                " OR ".join(
                    f"(series = '{name}' AND newest = {self.press.newest(name)})"
                    for name in SERIES
                    if self.press.newest(name) is not None
                )
                or "FALSE"
            )
        )
        return held == sum(self.press.newest(name) is not None for name in SERIES)


@asynccontextmanager
async def world(
    folder: Path, *, seed: int, replicas: int = 1, server: str | None = None
) -> AsyncIterator[World]:
    """Build a world, with its daemons running."""
    chance = random.Random(seed)
    # Each part has chance of its own, so that one that draws more does not change the others.
    hooks = {name: Hook(random.Random(f"{seed}/{name}")) for name in RECEIVERS}
    behind: list[Fleet] = []
    press = Press(SERIES + PLAIN, random.Random(f"{seed}/press"), lambda: behind[0].now())  # noqa: PLW0108 it is there later
    async with press, hooks["desk"], hooks["pager"], hooks["groups"]:
        environment = {
            "EBBWATCH_SOURCES__PRESS__BASE_URL": press.origin,
            "EBBWATCH_WEB__BIND": "127.0.0.1:0",
            "EBBWATCH_LOG__LEVEL": "DEBUG",
            "EBBWATCH_LOG__FORMAT": "json",
        }
        async with fleet(folder, environment, replicas=replicas, server=server) as daemons:
            behind.append(daemons)
            found = World(seed, chance, press, Places(hooks), daemons)
            found.write_rules()
            for replica in daemons.replicas:
                await replica.start()
            tasks = [asyncio.create_task(press.run())]
            tasks += [asyncio.create_task(r.look_after()) for r in daemons.replicas]
            try:
                yield found
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                found.close()
