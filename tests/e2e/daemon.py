"""A daemon in a process of its own, with stand-ins for all it talks to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from tests.paths import ROOT
from tests.ruleset.loading import valid
from tests.standins.providers import StandIn
from tests.standins.slack import Posted, SlackStandIn
from tests.standins.telegram import Shown, TelegramStandIn

CHAT = -1001
CHANNEL = "C0DESK00001"

#: Longest time that anything here may take before its test fails.
PATIENCE_S = 30.0

#: Addresses of the rates: of the last days, and of a longer time, which a start may ask for.
SOFR, EFFR = "/rates/secured/sofr/", "/rates/unsecured/effr/"


def business_days(count: int, *, before: date) -> list[date]:
    """Return the last days before another for which SOFR is given, oldest first."""
    calendar = valid({}).business["sifma"]
    return [calendar.add(before, -n) for n in range(count, 0, -1)]


def rates(kind: str, by_day: Mapping[date, str]) -> str:
    """Return a body as the New York Fed gives a rate's last days, newest first."""
    rows = [
        {"effectiveDate": str(day), "type": kind, "percentRate": float(rate),
         "revisionIndicator": ""}
        for day, rate in sorted(by_day.items(), reverse=True)
    ]  # fmt: skip
    return json.dumps({"refRates": rows})


class Daemon:
    """One process.

    Attributes:
        process: Itself.
        log: File it logs to, a JSON object a line.
        shown: File that takes what it prints.
    """

    def __init__(self, process: asyncio.subprocess.Process, log: Path, shown: Path) -> None:
        self.process, self.log, self.shown = process, log, shown

    def lines(self, event: str = "") -> list[dict[str, Any]]:
        """Return what it logged so far, or what it logged of one kind."""
        found = []
        for line in self.log.read_text("utf-8").splitlines():
            if line.startswith("{"):
                with_fields = json.loads(line)
                if event in ("", with_fields["event"]):
                    found.append(with_fields)
        return found

    async def until(
        self, condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S
    ) -> None:
        """Return once something is so; fail if the process ends or takes too long."""
        try:
            async with asyncio.timeout(patience_s):
                while not condition():
                    assert self.process.returncode is None, self._account("ended before", what)
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise AssertionError(self._account("took too long until", what)) from None

    def _account(self, happened: str, what: str) -> str:
        return f"the daemon {happened} {what}:\n{self.log.read_text('utf-8')[-6000:]}"

    async def polled(self, *, news: int | None = None) -> None:
        """Return once a source answered, and brought so many figures if a number is given."""
        await self.until(
            lambda: any(news in (None, line["news"]) for line in self.lines("source.polled")),
            f"a visit with {news} figures",
        )

    async def stop(self) -> int:
        """End it as a supervisor does, and return its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()

    async def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        await self.process.wait()


@dataclass
class World:
    """Providers, chats, rules and a database, which outlive any one daemon.

    Attributes:
        folder: For rules, database and logs.
        nyfed: Stands in for the New York Fed.
        telegram: Stands in for Telegram.
        slack: Stands in for Slack.
        environment: Settings of the daemon.
        sofr: SOFR in percent by day, as published so far.
        effr: EFFR likewise.
    """

    folder: Path
    nyfed: StandIn
    telegram: TelegramStandIn
    slack: SlackStandIn
    environment: dict[str, str]
    sofr: dict[date, str] = field(default_factory=dict)
    effr: dict[date, str] = field(default_factory=dict)
    _starts: int = 0

    def __post_init__(self) -> None:
        (self.folder / "rules").mkdir()
        self.nyfed.serve(SOFR, lambda _: rates("SOFR", self.sofr).encode())
        self.nyfed.serve(EFFR, lambda _: rates("EFFR", self.effr).encode())

    @property
    def database(self) -> Path:
        """Return the file that everything lasts in."""
        return self.folder / "ebbwatch.db"

    def rules(self, text: str) -> Path:
        """Write the rules, as an editor does: whole, and by renaming."""
        path = self.folder / "rules" / "desk.yaml"
        fresh = self.folder / "desk.yaml.new"
        fresh.write_text(text, "utf-8")
        fresh.replace(path)
        return path

    @property
    def in_telegram(self) -> list[Shown]:
        """Return the texts in the Telegram chat, charts left out."""
        return [shown for shown in self.telegram.chats[CHAT] if not shown.photo]

    @property
    def in_slack(self) -> list[Posted]:
        """Return the texts in the Slack channel, charts left out."""
        return [posted for posted in self.slack.channels[CHANNEL] if not posted.files]

    def outbox(self) -> list[tuple[str, str]]:
        """Return key and state of every message that was ever meant to be sent, oldest first."""
        return self.rows("SELECT key, state FROM outbox ORDER BY rowid")

    def settled(self) -> bool:
        """Return whether something was told, and nothing waits to be told."""
        states = {state for _, state in self.outbox()}
        return states == {"delivered"}

    def summed_up(self) -> bool:
        """Return whether the first summary is in both chats, and nothing waits to be told."""
        return bool(self.in_telegram and self.in_slack) and self.settled()

    def rows(self, query: str) -> list[Any]:
        """Return what a query finds in the database."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()

    @asynccontextmanager
    async def running(
        self, *, at: datetime | None = None, arguments: tuple[str, ...] = ("run",),
        through: tuple[str, ...] = ("tests.e2e.moved",), streams: str = "", **more: str,
    ) -> AsyncIterator[Daemon]:  # fmt: skip
        """Run `ebbwatch run`; with `at`, in a process whose clocks show that instant at start.

        The clocks are moved by a module, which is given its own arguments before the instant.
        With `streams`, redirections of a shell, its standard streams go elsewhere than to files.
        """
        self._starts += 1
        log = self.folder / f"{self._starts}.log"
        shown = self.folder / f"{self._starts}.out"
        command = (
            [str(Path(sys.executable).with_name("ebbwatch"))]
            if at is None
            else [sys.executable, "-m", *through, at.isoformat()]
        )
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": f"{ROOT}:{ROOT / 'daemon'}",
            # Without it, matplotlib looks for all fonts anew in each test.
            "MPLCONFIGDIR": str(Path(tempfile.gettempdir()) / "ebbwatch-tests-matplotlib"),
            **self.environment,
            **more,
        }
        with log.open("wb") as errors, shown.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(("sh", "-c", f'exec "$@" {streams}', "sh") if streams else ()),
                *command, *arguments, cwd=self.folder, env=environment, stdout=output,
                stderr=errors,
            )  # fmt: skip
        daemon = Daemon(process, log, shown)
        try:
            yield daemon
        finally:
            if process.returncode is None:
                await daemon.kill()


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """Build a world with a Telegram chat and a Slack channel in it."""
    async with (
        StandIn() as nyfed,
        TelegramStandIn(chats=(CHAT,)) as telegram,
        SlackStandIn(channels=(CHANNEL,)) as slack,
    ):
        environment = {
            "EBBWATCH_RULES_DIR": str(folder / "rules"),
            "EBBWATCH_DATABASE_URL": f"sqlite:///{folder / 'ebbwatch.db'}",
            "EBBWATCH_SOURCES__NYFED__BASE_URL": nyfed.url,
            "EBBWATCH_TELEGRAM__API_BASE": telegram.origin,
            "EBBWATCH_TELEGRAM__TOKEN": telegram.token,
            "EBBWATCH_TELEGRAM__CHAT": str(CHAT),
            "EBBWATCH_SLACK__API_BASE": slack.api_base,
            "EBBWATCH_SLACK__BOT_TOKEN": slack.token,
            "EBBWATCH_SLACK__CHANNEL": CHANNEL,
            "EBBWATCH_WEB__BIND": "127.0.0.1:0",
            "EBBWATCH_LOG__LEVEL": "DEBUG",
            "EBBWATCH_LOG__FORMAT": "json",
        }
        yield World(folder, nyfed, telegram, slack, environment)
