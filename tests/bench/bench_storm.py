"""A storm: one figure makes 10,000 alerts fire, and each is told by itself to a loopback webhook.

The whole daemon, from the publication to the last post; and how long its event loop stood still
meanwhile, because all that time nothing else is polled, told or answered. Alertmanager beside it
where its program is in the folder in ``PEERS``.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench import alertmanager
from tests.bench.bench_daemon import in_a_world, memory_mib, processor_s
from tests.bench.peers import show
from tests.e2e.daemon import EFFR, World, business_days, rates
from tests.paths import ROOT
from tests.standins.providers import Seen

ALERTS = int(os.environ.get("ALERTS", "10000"))
DAY = date(2026, 11, 24)
#: 20 bp lie between the two rates on the last day, and 2 bp before it.
CALM, STORM = "3.70", "3.93"
#: What the daemon runs through, so that its event loop is watched.
WATCHED = "tests.bench.watched"
#: How long it is left alone before its memory is looked at again.
SETTLES_S = 10.0
#: Longest wait for the last post.
PATIENCE_S = 240.0


@dataclass
class Hook:
    """A webhook receiver in a process of its own."""

    url: str

    def ask(self, path: str = "/") -> Any:
        """Return what it tells of what came."""
        with urllib.request.urlopen(self.url + path) as answer:
            return json.load(answer)

    async def all_came(self, count: int, patience_s: float) -> None:
        """Return once so many posts came."""
        async with asyncio.timeout(patience_s):
            while await asyncio.to_thread(self.ask, "/count") < count:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


@asynccontextmanager
async def hook(folder: Path) -> AsyncIterator[Hook]:
    """Run a receiver."""
    port_file = folder / "hook.port"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.hook", str(port_file), cwd=ROOT
    )
    try:
        while not port_file.exists():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        yield Hook(f"http://127.0.0.1:{port_file.read_text()}")
    finally:
        process.kill()
        await process.wait()


def rules_text(alerts: int, url: str) -> str:
    """Return rules that all fire on the same figure, each at a threshold of its own."""
    lines = ["receivers:", f"  hook: [{{webhook: {{url: {url}/}}}}]", "routes: [{to: [hook]}]"]
    lines.append("rules:")
    lines += [
        f"  - {{name: r-{n:05d}, title: Repo over fed funds {n}, value: sofr - effr, "
        f"above: {{warning: {20 - n / alerts:.5f} bp}}}}"
        for n in range(alerts)
    ]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Figures:
    """What a storm came to.

    Attributes:
        lost: Alerts that nobody was told of.
        twice: Posts too many.
        lasted_s: From the publication's answer to the last post.
        processor_s: Of the daemon in that time.
        first_s: From the publication's answer to the first post.
        stood_still_s: Longest stretches without the event loop, longest first, and how much of each
            the processor worked.
        memory_mib: Of the daemon before, at the last post, and some seconds later.
    """

    lost: int
    twice: int
    lasted_s: float
    processor_s: float
    first_s: float
    stood_still_s: tuple[tuple[float, float], ...]
    memory_mib: tuple[float, float, float]


@dataclass(frozen=True)
class Peer:
    """What a peer needed: seconds to the last post, of the processor, and its memory then."""

    lasted_s: float
    processor_s: float
    memory_mib: float


async def storm(found: World) -> Figures:
    """Let all alerts fire on one figure."""
    for chat in ("TELEGRAM__TOKEN", "TELEGRAM__CHAT", "SLACK__BOT_TOKEN", "SLACK__CHANNEL"):
        del found.environment[f"EBBWATCH_{chat}"]
    found.environment["EBBWATCH_LOG__LEVEL"] = "INFO"
    days = business_days(9, before=DAY)
    found.sofr = dict.fromkeys(days[:-1], CALM) | {days[-1]: STORM}
    found.effr = dict.fromkeys(days[:-1], "3.68")
    answered: list[float] = []

    def effr(_: Seen) -> bytes:
        if days[-1] in found.effr:
            answered.append(time.monotonic())
        return rates("EFFR", found.effr).encode()

    found.nyfed.serve(EFFR, effr)
    stretches = found.folder / "stretches"
    start = datetime(2026, 11, 24, 8, 59, 15, tzinfo=ZoneInfo("America/New_York"))
    async with hook(found.folder) as receiver:
        found.rules(rules_text(ALERTS, receiver.url))
        async with found.running(at=start, through=(WATCHED, str(stretches))) as daemon:
            await daemon.until(
                lambda: " rules, " in daemon.shown.read_text(), "it was ready", PATIENCE_S
            )
            await daemon.polled(news=17)
            await receiver.all_came(1, 20)
            await asyncio.sleep(3)
            before = receiver.ask()["posts"]
            pid = daemon.process.pid
            os.kill(pid, signal.SIGUSR1)
            calm_mib, used = memory_mib(pid), processor_s(pid)
            found.effr[days[-1]] = "3.68"
            await receiver.all_came(before + ALERTS, PATIENCE_S)
            used, storm_mib = processor_s(pid) - used, memory_mib(pid)
            told = receiver.ask()
            await asyncio.sleep(SETTLES_S)
            later_mib = memory_mib(pid)
            await daemon.stop()
    names = {name: n for name, n in told["names"].items() if name.startswith("r-")}
    return Figures(
        lost=ALERTS - len(names),
        twice=sum(names.values()) - len(names),
        lasted_s=told["last"] - answered[0],
        processor_s=used,
        first_s=told["first"] - answered[0],
        stood_still_s=tuple(
            (float(lasted), float(worked))
            for lasted, worked in map(str.split, stretches.read_text().splitlines())
        ),
        memory_mib=(calm_mib, storm_mib, later_mib),
    )


async def alertmanager_told(folder: Path, command: str, *, grouped: bool) -> Peer:
    """Return what Alertmanager needs to tell the same."""
    folder.mkdir()  # noqa: ASYNC240  nothing else runs yet
    async with hook(folder) as receiver:
        with alertmanager.running(folder, command, receiver.url, grouped=grouped) as (port, pid):
            used = processor_s(pid)
            began = await alertmanager.raise_alerts(port, ALERTS)
            async with asyncio.timeout(PATIENCE_S):
                while len((told := await asyncio.to_thread(receiver.ask))["names"]) < ALERTS:  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            return Peer(told["last"] - began, processor_s(pid) - used, memory_mib(pid))


async def main() -> None:
    """Measure it, and Alertmanager beside it."""
    with tempfile.TemporaryDirectory() as name:
        found = await in_a_world(Path(name) / "storm", storm)
        before, during, later = found.memory_mib
        show(
            "a storm of alerts",
            f"{ALERTS:,} alerts in {found.lasted_s:.1f} s, {found.processor_s:.1f} s of the "
            f"processor: {ALERTS / found.lasted_s:,.0f} a second, the first after "
            f"{found.first_s:.1f} s; lost {found.lost}, twice {found.twice}",
        )
        lasted, worked = found.stood_still_s[0]
        show(
            "stretch without the event loop",
            f"{1000 * lasted:.0f} ms, of which the processor worked {1000 * worked:.0f}; of what "
            f"it worked, the longest {1000 * max(w for _, w in found.stood_still_s):.0f} ms",
        )
        show("memory in a storm", f"{before:.0f} MiB before, {during:.0f} at its end, "
             f"{later:.0f} after {SETTLES_S:.0f} s")  # fmt: skip
        if (command := alertmanager.program()) is None:
            print("    Alertmanager is not here: its figures above are of another run")
            return
        for grouped, words in ((False, "one by one"), (True, "in one group")):
            them = await alertmanager_told(Path(name) / words, command, grouped=grouped)
            print(
                f"    Alertmanager in this run, {words}: {them.lasted_s:.1f} s, "
                f"{them.processor_s:.1f} s of the processor, {them.memory_mib:.0f} MiB", flush=True,
            )  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
