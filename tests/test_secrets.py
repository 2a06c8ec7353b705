"""Secrets planted everywhere a setting can hold one, and looked for everywhere one could show."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.conftest import _world as world
from tests.e2e.daemon import CHANNEL, CHAT, EFFR, SOFR, Daemon, World, business_days
from tests.standins.providers import StandIn
from tests.standins.serving import Fault
from tests.standins.slack import refusing as slack_refusing
from tests.standins.telegram import refusing
from tests.standins.webhook import WebhookStandIn

__all__ = ["world"]

NINE = datetime(2026, 11, 24, 9, 0, 1, tzinfo=ZoneInfo("America/New_York"))
DAYS = business_days(9, before=NINE.date())

#: What is planted, by the setting that holds it. Each in the shape of its kind.
PLANTED = {
    "EBBWATCH_TELEGRAM__TOKEN": "8123456789:AAplantedTelegramTokenxxxxxxxxxxxx1",
    "EBBWATCH_SLACK__BOT_TOKEN": "xoxb-11111111-planted-bot-2",
    "EBBWATCH_SLACK__APP_TOKEN": "xapp-1-A1-planted-app-3",
    "EBBWATCH_FRED__API_KEY": "plantedfredkey000000000000000004",
    "EBBWATCH_BEA__API_KEY": "PLANTED5-BEA0-KEY0-0000-000000000005",
    "EBBWATCH_SECRET__ONCALL_AUTH": "Bearer plantedAuthorization6",
    "EBBWATCH_WEB__TOKEN": "planted-page-token-7-of-32-letters",
}
#: Parts of addresses that are secrets themselves.
IN_ADDRESSES = ("planted-hook-path-8", "planted-heartbeat-9", "plantedPassword10")

RULES = """
series:
  from_fred: {source: {fred: SOFR}, unit: percent per year, every: business day}
rules:
  - name: funding-spread
    title: Repo trades above fed funds
    value: sofr - effr
    above: {warning: 20 bp, critical: 50 bp}
  - name: own
    value: from_fred
    above: {warning: 4 %}
  - name: growth
    value: gdp
    above: {warning: $1tn}
receivers:
  desk: [{telegram: {chat: -1001}}]
  ops: [{slack: {channel: C0DESK00001}}]
  oncall:
    - webhook: {url: {secret: ONCALL_URL}, headers: {Authorization: {secret: ONCALL_AUTH}}, format: alertmanager}
routes:
  - {to: [desk, ops, oncall]}
"""


def plant(world: World) -> None:
    """Give the daemon secrets, and rules that use them all."""
    world.rules(RULES)
    world.sofr = dict.fromkeys(DAYS[:-1], "3.70") | {DAYS[-1]: "3.93"}
    world.effr = dict.fromkeys(DAYS, "3.68")
    world.telegram.token = PLANTED["EBBWATCH_TELEGRAM__TOKEN"]
    world.slack.tokens = {PLANTED["EBBWATCH_SLACK__BOT_TOKEN"]}
    world.environment |= PLANTED


def leaks(text: str) -> list[str]:
    """Return what of the planted is found in a text."""
    words = [value.removeprefix("Bearer ") for value in PLANTED.values()]
    return [word for word in (*words, *IN_ADDRESSES) if word in text]


def everything(world: World, *more: str) -> dict[str, str]:
    """Return all that was written, printed, stored or said, by where."""
    found = {f"text {number}": text for number, text in enumerate(more)}
    for path in sorted(world.folder.rglob("*")):
        if path.is_file():
            found[path.name] = path.read_bytes().decode("utf-8", "replace")
    found["Telegram"] = "\n".join(
        f"{shown.sent} {shown.keyboard}" for shown in world.telegram.chats[CHAT]
    )
    found["Slack"] = "\n".join(
        f"{p.text} {p.blocks} {p.metadata}" for p in world.slack.channels[CHANNEL]
    )
    return found


def clean(world: World, *more: str) -> None:
    """Fail where any planted secret shows."""
    found = {where: leaked for where, text in everything(world, *more).items()
             if (leaked := leaks(text))}  # fmt: skip
    assert found == {}


async def said(*arguments: str, world: World, more: dict[str, str]) -> str:
    """Return what a command prints and complains of."""
    world.environment |= more
    async with world.running(arguments=arguments) as daemon:
        await daemon.process.wait()
    return daemon.shown.read_text("utf-8") + daemon.log.read_text("utf-8")


def outcomes(daemon: Daemon) -> set[tuple[str, str]]:
    """Return receivers with what became of deliveries to them."""
    return {(line["receiver"], line["outcome"]) for line in daemon.lines("delivery.settled")}


async def test_a_day_on_which_everything_fails_shows_no_secret(world: World) -> None:
    """Receivers that refuse, sources that repeat our key, a heartbeat that is not heard."""
    plant(world)
    keys = [PLANTED["EBBWATCH_FRED__API_KEY"], PLANTED["EBBWATCH_BEA__API_KEY"]]
    async with StandIn() as others, WebhookStandIn() as hook:
        for path in ("/fred", "/bea"):
            others.serve(path, f'{{"error_message": "bad key {keys}"}}', status=400)
        others.refuse("/beat", 500)
        token = PLANTED["EBBWATCH_TELEGRAM__TOKEN"]
        world.telegram.faults += [refusing(404, f"Not Found: bot{token}"), Fault("refuse")]
        world.telegram.faults += [refusing(401, f"Unauthorized {token}")] * 8
        world.slack.faults += [slack_refusing("invalid_auth")] * 8
        hook.faults += [Fault(status=401, body="no"), Fault("refuse"), Fault(status=404)] * 4
        async with world.running(
            at=NINE,
            EBBWATCH_SECRET__ONCALL_URL=f"{hook.origin}/planted-hook-path-8",
            EBBWATCH_HEARTBEAT_URL=f"{others.url}/beat/planted-heartbeat-9",
            EBBWATCH_SOURCES__FRED__BASE_URL=f"{others.url}/fred",
            EBBWATCH_SOURCES__BEA__BASE_URL=f"{others.url}/bea",
        ) as daemon:
            await daemon.until(
                lambda: (
                    {("desk", "parked"), ("ops", "parked"), ("oncall", "parked")}
                    <= outcomes(daemon)
                ),
                "all receivers refused",
            )
            await daemon.until(lambda: daemon.lines("source.failed"), "a source failed")
            assert await daemon.stop() == 0
    clean(world)


async def test_addresses_that_answer_nobody_show_no_secret(world: World) -> None:
    """Connections refused at every address that holds a secret."""
    plant(world)
    world.nyfed.refuse(SOFR, 500)
    world.nyfed.refuse(EFFR, 500)
    nobody = "http://127.0.0.1:9"
    async with world.running(
        at=NINE,
        EBBWATCH_SECRET__ONCALL_URL=f"{nobody}/planted-hook-path-8",
        EBBWATCH_HEARTBEAT_URL=f"{nobody}/planted-heartbeat-9",
        EBBWATCH_SOURCES__FRED__BASE_URL=nobody,
        EBBWATCH_SOURCES__BEA__BASE_URL=nobody,
        EBBWATCH_TELEGRAM__API_BASE=nobody,
        EBBWATCH_SLACK__API_BASE=f"{nobody}/api/",
    ) as daemon:
        await daemon.until(
            lambda: (
                {("desk", "retried"), ("ops", "retried"), ("oncall", "retried")} <= outcomes(daemon)
            ),
            "nobody could be told",
        )
        await daemon.until(
            lambda: {line["source"] for line in daemon.lines("source.failed")} >= {"fred", "bea"},
            "sources failed",
        )
        assert await daemon.stop() == 0
    clean(world)


CRASH = """
import sys
from ebbwatch.notifiers import telegram
token = sys.argv.pop()
async def broken(self, *_, **__):
    def deep(address):
        raise RuntimeError("a bug, with " + address)
    deep("https://api.telegram.org/bot" + token)
telegram.TelegramNotifier.send = broken
from ebbwatch.cli import main
main()
"""


async def test_a_crash_shows_no_secret(world: World) -> None:
    """A bug of ours ends the process with a traceback in which secrets are masked."""
    plant(world)
    log = world.folder / "crash.log"
    program = world.folder / "broken.py"
    program.write_text(CRASH)
    environment = {
        **world.environment,
        "HOME": str(world.folder),
        "EBBWATCH_SECRET__ONCALL_URL": "http://127.0.0.1:9/planted-hook-path-8",
        "EBBWATCH_HEARTBEAT_URL": "http://127.0.0.1:9/planted-heartbeat-9",
        "EBBWATCH_SOURCES__FRED__BASE_URL": "http://127.0.0.1:9",
        "EBBWATCH_SOURCES__BEA__BASE_URL": "http://127.0.0.1:9",
    }
    with log.open("wb") as both:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(program), "run", PLANTED["EBBWATCH_TELEGRAM__TOKEN"],
            cwd=world.folder, env=environment, stdout=both, stderr=both,
        )  # fmt: skip
        async with asyncio.timeout(30):
            code = await process.wait()
    assert code != 0
    assert "a bug, with" in log.read_text("utf-8")
    clean(world)


@pytest.mark.parametrize(
    "arguments",
    [
        ("settings",),
        ("status",),
        ("run", "--once"),
        ("series", "list"),
        ("notify", "test", "ops"),
        ("doctor",),
        ("doctor", "--format", "json"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_no_command_prints_a_secret(
    world: World, arguments: tuple[str, ...], database: str
) -> None:
    """Whatever is asked, and with a database whose password is right there in its address."""
    plant(world)
    address = {"EBBWATCH_DATABASE_URL": "postgresql://desk:plantedPassword10@127.0.0.1:9/figures"}
    nobody = "http://127.0.0.1:9"
    more = {
        "EBBWATCH_SECRET__ONCALL_URL": f"{nobody}/planted-hook-path-8",
        "EBBWATCH_HEARTBEAT_URL": f"{nobody}/planted-heartbeat-9",
        "EBBWATCH_SOURCES__FRED__BASE_URL": nobody,
        "EBBWATCH_SOURCES__BEA__BASE_URL": nobody,
    }
    printed = await said(
        *arguments, world=world, more=more | (address if database == "postgresql" else {})
    )
    assert printed
    clean(world, printed)


async def test_a_setting_that_is_wrong_is_named_and_not_shown(world: World) -> None:
    """A value that cannot be right may still be a secret."""
    plant(world)
    more = {
        "EBBWATCH_HEARTBEAT_URL": "planted-heartbeat-9",
        "EBBWATCH_WEB__BIND": "planted-page-token-7-of-32-letters",
        "EBBWATCH_DATABASE_URL": "postgresql//desk:plantedPassword10@",
        "EBBWATCH_SECRET__ONCALL_URL": "planted-hook-path-8",
    }
    printed = await said("settings", world=world, more=more)
    assert "EBBWATCH_HEARTBEAT_URL" in printed
    clean(world, printed)


def test_what_is_planted_would_be_found(tmp_path: Path) -> None:
    """The search finds each secret where it is."""
    assert len(leaks(" ".join([*PLANTED.values(), *IN_ADDRESSES]))) == 10
