"""The daemon from the outside: ready, idle, and from a publication to a message. With its chats."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.peers import show
from tests.e2e.daemon import Daemon, World, business_days, world
from tests.paths import ROOT

#: How long the daemon is left alone before its memory, and then its processor, are looked at.
SETTLES_S = 30.0
IDLES_S = 30.0
ROUNDS = 7

T = TypeVar("T")

RULES = """
rules:
  - name: funding-spread
    title: Repo trades above fed funds
    value: sofr - effr
    above: {warning: 20 bp}
"""


def memory_mib(pid: int) -> float:
    """Return a process' resident memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def processor_s(pid: int) -> float:
    """Return the processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def in_a_world(folder: Path, measure: Callable[[World], Awaitable[T]]) -> T:
    """Return what is measured in a world of its own."""
    folder.mkdir()  # noqa: ASYNC240  nothing else runs yet
    async with world(folder) as found:
        return await measure(found)


async def shown(daemon: Daemon) -> float:
    """Return the seconds until the table of rules stands on the terminal."""
    began = time.perf_counter()
    await daemon.until(lambda: " rules, " in daemon.shown.read_text(), "the table was shown")
    return time.perf_counter() - began


async def idle(found: World) -> None:
    """Measure the default pack, every provider silent, both chats connected."""
    nobody = {
        f"EBBWATCH_SOURCES__{name}__BASE_URL": found.nyfed.url + "/none"
        for name in ("H41", "FED_POLICY", "FED_PRESS", "FISCALDATA", "BEA", "OFR", "COINBASE",
                     "KRAKEN")
    }  # fmt: skip
    found.environment |= nobody | {
        "EBBWATCH_RULES_DIR": str(ROOT / "rules"), "EBBWATCH_LOG__LEVEL": "INFO",
    }  # fmt: skip
    starts = []
    for _ in range(3):
        began = time.perf_counter()
        async with found.running() as daemon:
            await shown(daemon)
            starts.append(time.perf_counter() - began)
            await daemon.stop()
    show("ready", f"{starts[0]:.2f} s the first time, then {min(starts[1:]):.2f} s")
    async with found.running() as daemon:
        await shown(daemon)
        await asyncio.sleep(SETTLES_S)
        pid = daemon.process.pid
        show("idle memory", f"{memory_mib(pid):.1f} MiB")
        before = processor_s(pid)
        await asyncio.sleep(IDLES_S)
        used = (processor_s(pid) - before) / IDLES_S
        show("idle processor", f"{100 * used:.2f} % of a core")
        await daemon.stop()


async def latency(found: World, published_after_s: float) -> float:
    """Return the seconds from a publication just after 09:00 in New York to the message."""
    new_york = ZoneInfo("America/New_York")
    day = date(2026, 11, 24)
    days = business_days(9, before=day)
    found.rules(RULES)
    found.sofr = dict.fromkeys(days[:-1], "3.70") | {days[-1]: "3.93"}
    found.effr = dict.fromkeys(days[:-1], "3.68")
    start = datetime(2026, 11, 24, 8, 59, 56, tzinfo=new_york)
    async with found.running(at=start) as daemon:
        await daemon.polled(news=17)
        by_its_clock = datetime.fromisoformat(daemon.lines("source.polled")[0]["ts"])
        due = datetime(2026, 11, 24, 14, 0, tzinfo=UTC) + timedelta(seconds=published_after_s)
        await asyncio.sleep(max(0.0, (due - by_its_clock).total_seconds()))
        found.effr[days[-1]] = "3.68"
        began = time.perf_counter()
        await daemon.until(lambda: len(found.in_telegram) == 2, "Telegram was told")
        lasted = time.perf_counter() - began
        await daemon.stop()
    return lasted


async def main() -> None:
    """Measure all of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = [
            await in_a_world(folder / str(n), partial(latency, published_after_s=0.7 * n))
            for n in range(ROUNDS)
        ]
        seconds = sorted(found)
        words = ", ".join(f"{each:.1f}" for each in seconds)
        show("publication to message", f"median {statistics.median(seconds):.1f} s of {words}")
        await in_a_world(folder / "idle", idle)


if __name__ == "__main__":
    asyncio.run(main())
