"""The page of a running daemon: the installed command, asked over the network."""

from __future__ import annotations

import asyncio
import re
import socket

import httpx

from tests.e2e.daemon import Daemon, World
from tests.e2e.test_running import NINE, RULES, before_the_print, stressed
from tests.web.test_site import words

TOKEN = "a-token-of-the-page-with-over-32-characters"


async def address_of(daemon: Daemon) -> str:
    """Return where a daemon's page is, once it listens."""
    await daemon.until(lambda: daemon.lines("web.listening"), "the page listens")
    return str(daemon.lines("web.listening")[0]["address"])


async def test_a_running_daemon_shows_what_it_tells(world: World) -> None:
    """The page says what the message said; health and metrics agree; SIGTERM ends it all."""
    world.rules(RULES)
    before_the_print(world)
    async with world.running(at=NINE) as daemon, httpx.AsyncClient() as browser:
        address = await address_of(daemon)
        await daemon.until(world.summed_up, "the first message")
        stressed(world)
        await daemon.until(lambda: len(world.in_telegram) == 2, "Telegram was told")
        await daemon.until(world.settled, "all was told")
        page = await browser.get(address)
        assert page.status_code == 200
        assert "<title>1 warning · Ebbwatch</title>" in page.text
        said = words(page.text)
        assert "SOFR − EFFR 25 bp for Mon 23 Nov 2026, up 23 bp on the day; threshold 20 bp" in said
        rule = words((await browser.get(f"{address}rules/funding-spread")).text)
        assert "desk.yaml:3 - name: funding-spread" in rule
        assert "🟠 WARNING · Repo trades above fed funds" in rule
        assert "default (telegram) · delivered" in rule
        assert (await browser.get(f"{address}readyz")).text == "leading\n"
        measured = (await browser.get(f"{address}metrics")).text
        for line in (
            'ebbwatch_rule_level{rule="funding-spread"} 2.0',
            'ebbwatch_alerts_firing{level="critical"} 0.0',
            "ebbwatch_leader 1.0",
            "ebbwatch_outbox_waiting_messages 0.0",
            'ebbwatch_deliveries_total{kind="telegram",outcome="delivered",receiver="default"} 2.0',
            'ebbwatch_deliveries_total{kind="slack",outcome="parked",receiver="default"} 0.0',
            'ebbwatch_known_to_sent_seconds_count{receiver="default"} 4.0',
        ):
            assert line in measured
        world.rules(RULES.replace("funding-spread", "spread-of-funding"))
        await daemon.until(lambda: daemon.lines("rules.reloaded"), "the rules are others")
        assert (await browser.get(f"{address}rules/funding-spread")).status_code == 404
        assert "spread-of-funding" in (await browser.get(f"{address}rules/spread-of-funding")).text
        assert await daemon.stop() == 0


async def test_with_a_token_only_who_has_it_reads(world: World) -> None:
    """Neither the page nor the log shows it."""
    world.rules(RULES)
    async with world.running(at=NINE, EBBWATCH_WEB__TOKEN=TOKEN) as daemon:
        async with httpx.AsyncClient() as browser:
            address = await address_of(daemon)
            assert (await browser.get(address)).status_code == 401
            headers = {"Authorization": f"Bearer {TOKEN}"}
            assert (await browser.get(address, headers=headers)).status_code == 200
            assert (await browser.get(f"{address}?token={TOKEN}")).status_code == 401
        assert await daemon.stop() == 0
    assert TOKEN not in daemon.log.read_text("utf-8")


async def test_an_address_that_is_taken_does_not_stop_the_watching(world: World) -> None:
    """The alert is told; the log says how to mend the page; `off` needs no address at all."""
    world.rules(RULES)
    before_the_print(world)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        async with world.running(at=NINE, EBBWATCH_WEB__BIND=bind) as daemon:
            await daemon.until(world.summed_up, "the first message")
            stressed(world)
            await daemon.until(lambda: len(world.in_telegram) == 2, "Telegram was told")
            (line,) = daemon.lines("web.refused")
            assert "EBBWATCH_WEB__BIND" in line["remedy"]
            assert await daemon.stop() == 0
    async with world.running(at=NINE, EBBWATCH_WEB__BIND="off") as daemon:
        await daemon.until(lambda: daemon.lines("source.polled"), "it watches")
        assert await daemon.stop() == 0
    assert [line for line in daemon.lines() if re.match(r"web\.", line["event"])] == []


async def test_hundreds_of_idle_connections_leave_the_daemon_its_own(world: World) -> None:
    """What is too many is closed at once; once they are gone, the page answers again."""
    world.rules(RULES)
    async with world.running(at=NINE) as daemon:
        address = await address_of(daemon)
        host, _, port = address.removeprefix("http://").rstrip("/").rpartition(":")
        opened = [await asyncio.open_connection(host, int(port)) for _ in range(200)]
        async with asyncio.timeout(10):
            refused = [await reader.read() for reader, _ in opened[150:]]
        assert refused == [b""] * 50
        for _, writer in opened:
            writer.close()
        async with httpx.AsyncClient() as browser:
            async with asyncio.timeout(10):
                while True:
                    try:
                        answer = await browser.get(address)
                        break
                    except httpx.TransportError:
                        await asyncio.sleep(0.05)
            assert answer.status_code == 200
        assert await daemon.stop() == 0
