"""Figures, tables and answers that nobody sane would write, against a daemon that runs."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.daemon import World
from tests.standins.providers import Seen, StandIn

RULES = """
series:
  one: {{source: {{csv: {{path: {folder}/one.csv}}}}, unit: percent per year, every: day}}
  two: {{source: {{csv: {{path: {folder}/two.csv}}}}, unit: percent per year, every: day}}
rules:
  - {{name: one-high, title: One is high, value: one, above: {{warning: 4 %}}}}
  - {{name: two-high, title: Two is high, value: two, above: {{warning: 4 %}}}}
"""


def table(path: Path, *rows: tuple[str, str]) -> None:
    """Write a table, whole."""
    fresh = path.with_suffix(".new")
    fresh.write_text("period,value\n" + "".join(f"{day},{value}\n" for day, value in rows))
    fresh.replace(path)


def told(world: World) -> list[str]:
    """Return the headlines in the Telegram chat, the first summary left out."""
    lines = [shown.text.splitlines()[0] for shown in world.in_telegram]
    return [line for line in lines if "Ebbwatch is watching" not in line]


def summary(world: World) -> str:
    """Return the text of the first summary in the Telegram chat, or nothing."""
    texts = [shown.text for shown in world.in_telegram if "Ebbwatch is watching" in shown.text]
    return "".join(texts)


async def test_one_impossible_figure_silences_no_other_rule(world: World) -> None:
    """It is named once, also after a restart; the other rule is told."""
    world.rules(RULES.format(folder=world.folder))
    table(world.folder / "one.csv", ("2026-01-02", "1e28"), ("0001-01-01", "9"))
    table(world.folder / "two.csv", ("2026-01-02", "4.5"))
    notices = ["⚠️ Data health · a value of one is held back"] * 2
    async with world.running() as daemon:
        await daemon.until(lambda: summary(world) and told(world) == notices, "what it found")
        await daemon.until(world.settled, "all of it delivered")
        assert await daemon.stop() == 0
    assert "🟠 Two is high: Two 4.50 %" in summary(world)
    table(world.folder / "two.csv", ("2026-01-02", "4.5"), ("2026-01-03", "3"))
    async with world.running() as daemon:
        await daemon.until(lambda: len(told(world)) == 3, "the news of the other")
        await daemon.until(world.settled, "all of it delivered")
        assert await daemon.stop() == 0
    assert told(world) == [*notices, "✅ RESOLVED · Two is high"]


async def test_twenty_seven_years_of_a_table_are_no_news(world: World) -> None:
    """What was before the first visit is history; from then on each crossing is told."""
    world.rules(RULES.format(folder=world.folder))
    past = [("1999-01-04", "6.00"), ("2008-10-01", "7.10"), ("2008-12-31", "0.2")]
    table(world.folder / "one.csv", *past, ("2025-11-27", "2.90"))
    table(world.folder / "two.csv", ("2025-11-27", "1"))
    async with world.running(arguments=("run", "--once")) as daemon:
        assert await daemon.process.wait() == 0
    assert told(world) == []
    table(world.folder / "one.csv", *past, ("2025-11-27", "2.90"), ("2025-11-28", "5.10"))
    async with world.running(arguments=("run", "--once")) as daemon:
        assert await daemon.process.wait() == 0
    assert told(world) == ["🟠 WARNING · One is high"]


async def test_a_page_and_a_bare_nan_spoil_nothing_else(world: World) -> None:
    """HTML once is no notice; of three series at one host the two good ones are used."""
    pages = [b"<html><body>Back in a minute</body></html>"]
    row = {"date": "2025-11-27", "v": 4.5}

    def answered(_: Seen) -> bytes:
        return pages.pop() if pages else json.dumps([row]).encode()

    async with StandIn() as own:
        own.serve("/one", answered)
        own.serve("/two", json.dumps([row]).encode())
        own.serve("/three", b'[{"date": "2025-11-27", "v": NaN}]')
        series = "".join(
            f"  {name}: {{source: {{http_json: {{url: {own.url}/{name}, rows: '@', period: date, "
            f"value: v}}}}, unit: percent per year, every: day}}\n"
            for name in ("one", "two", "three")
        )
        rules = "".join(
            f"  - {{name: {name}-high, title: {name} is high, value: {name}, "
            f"above: {{warning: 4 %}}}}\n"
            for name in ("one", "two", "three")
        )
        world.rules(f"series:\n{series}rules:\n{rules}")
        async with world.running() as daemon:
            await daemon.until(
                lambda: (
                    "🟠 two is high" in summary(world) and "🟠 WARNING · one is high" in told(world)
                ),
                "both good series",
            )
            failed = [line["reason"] for line in daemon.lines("source.failed")]
            assert await daemon.stop() == 0
    assert "http_json three: expected JSON, found a bare NaN at byte 30" in failed
    assert [line for line in told(world) if "one" in line] == ["🟠 WARNING · one is high"]
