"""The fleet: one daemon or several, their database, and what can be done to them."""

from __future__ import annotations

import asyncio
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from tests.chaos.wire import Wire
from tests.paths import ROOT

#: Size of the disk that a database of one machine lies on.
DISK = "24m"
PLUGIN = ROOT / "tests" / "chaos" / "plugin"


@dataclass
class Replica:
    """One daemon, which is started again whenever it ends.

    Attributes:
        number: From 0.
        database_url: As it reaches the database.
        folder: For its clock and its log.
        wire: To the database server; None for a file.
        process: The one that runs now; None between two.
        ended: Exit codes of daemons that ended by themselves.
        started_s: When the one that runs was started, on the clock that only runs.
    """

    number: int
    database_url: str
    folder: Path
    environment: Mapping[str, str]
    wire: Wire | None = None
    process: asyncio.subprocess.Process | None = None
    ended: list[int] = field(default_factory=list)
    started_s: float = 0.0

    async def start(self) -> None:
        """Start it."""
        self.started_s = time.monotonic()
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(PLUGIN))),
            "MPLCONFIGDIR": str(Path(tempfile.gettempdir()) / "ebbwatch-tests-matplotlib"),
            **self.environment,
            "EBBWATCH_DATABASE_URL": self.database_url,
        }
        with (self.folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.chaos.moved", str(self.folder / "ahead"), "run",
                cwd=self.folder, env=environment, stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL, stderr=log, start_new_session=True,
            )  # fmt: skip

    async def look_after(self) -> None:
        """Start it again when it ends, as a supervisor does; until cancelled."""
        while True:
            assert self.process is not None
            code = await self.process.wait()
            if code != -signal.SIGKILL:
                self.ended.append(code)
                await asyncio.sleep(1)
            await self.start()

    def signal(self, number: int) -> None:
        """Send it a signal, where it runs."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)

    async def set_clock(self, ahead_s: float) -> None:
        """Set its clock so many seconds ahead of the machine's."""
        fresh = self.folder / "ahead.new"
        fresh.write_text(str(ahead_s))
        fresh.replace(self.folder / "ahead")
        self.signal(signal.SIGUSR1)


@dataclass
class Fleet:
    """All daemons of a run.

    Attributes:
        replicas: Each.
        rules: Their directory of rules.
        ahead_s: How far the clocks of all are ahead of the machine's.
        disk: Where the database file lies, if it is one.
        small: Whether that is a disk of its own, which can be filled and made read-only.
        server_url: Of the database, past every wire.
        steps: How far the clocks were set ahead, and when, on the clock that only runs.
    """

    replicas: list[Replica]
    rules: Path
    server_url: str
    disk: Path | None = None
    small: bool = False
    ahead_s: float = 0.0
    steps: list[tuple[float, float]] = field(default_factory=list)

    def now(self) -> datetime:
        """Return the instant that the daemons' clocks show."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead_s)

    def ran_s(self, shown: datetime) -> float:
        """Return when the clocks showed an instant last, on the clock that only runs."""
        behind_s = time.time() - time.monotonic()
        found = [shown.timestamp() - ahead_s - behind_s for _, ahead_s in self.steps]
        last = [
            at_s for at_s, (since_s, _) in zip(found, self.steps, strict=True) if at_s > since_s
        ]
        return last[-1]

    async def step_clock(self, by_s: float) -> None:
        """Set all clocks."""
        self.ahead_s += by_s
        self.steps.append((time.monotonic(), self.ahead_s))
        for replica in self.replicas:
            await replica.set_clock(self.ahead_s)


@asynccontextmanager
async def fleet(
    folder: Path, environment: Mapping[str, str], *, replicas: int, server: str | None
) -> AsyncIterator[Fleet]:
    """Build a fleet; with a PostgreSQL server's address, over it and through a wire each."""
    rules = folder / "rules"
    rules.mkdir()
    disk = None if server is not None else folder / "disk"
    small = disk is not None and _mounted(disk)
    fleet = Fleet([], rules, server or f"sqlite:///{disk}/ebbwatch.db", disk, small, _to_monday())
    fleet.steps.append((-math.inf, fleet.ahead_s))
    try:
        for number in range(replicas):
            own = folder / f"replica-{number}"
            own.mkdir()
            (own / "ahead").write_text(str(fleet.ahead_s))
            url, wire = fleet.server_url, None
            if server is not None:
                parts = urlsplit(server)
                assert parts.port is not None
                wire = Wire(parts.port)
                await wire.open()
                url = server.replace(f":{parts.port}", f":{wire.port}")
            more = {**environment, "EBBWATCH_RULES_DIR": str(rules)}
            fleet.replicas.append(Replica(number, url, own, more, wire))
        yield fleet
    finally:
        for replica in fleet.replicas:
            replica.signal(signal.SIGCONT)
            replica.signal(signal.SIGKILL)
            if replica.process is not None:
                await replica.process.wait()
            if replica.wire is not None:
                await replica.wire.close()
        if small:
            command("umount", "--lazy", str(disk))


def _mounted(folder: Path) -> bool:
    """Make a small disk of its own, where we may; return whether it is one."""
    folder.mkdir()
    if os.geteuid() != 0:
        return False
    return command("mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder))


def command(*words: str) -> bool:
    """Run a command of the system; return whether it did what it should."""
    return subprocess.run(words, check=False, capture_output=True).returncode == 0


def _to_monday() -> float:
    """Return the seconds to the last Monday noon: the press is asked on weekdays."""
    now = datetime.now(UTC)
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
    monday = noon - timedelta(days=now.weekday() + 7)
    return (monday - now).total_seconds()


def chosen(fleet: Fleet, chance: random.Random) -> Replica:
    """Return any replica."""
    return chance.choice(fleet.replicas)
