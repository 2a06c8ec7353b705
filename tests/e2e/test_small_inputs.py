"""Small inputs that broke other people's daemons, all at once: while it runs, and after a restart."""

from __future__ import annotations

import json
import os
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.e2e.daemon import World
from tests.e2e.test_reloading import HOSTILE
from tests.e2e.test_running import NINE, RULES, stressed
from tests.standins.providers import StandIn

MORNING = datetime(2026, 11, 24, 10, 0, tzinfo=ZoneInfo("America/New_York"))

#: Of very many mistakes only the first are shown: a list of them would hide the other files.
MISTAKES = {name: text for name, text in HOSTILE.items() if name != "list.yaml"} | {
    "total.yaml": "foreach: {a: [1]}\n"
    "rules: [{foreach: {a: %s, b: %s, c: %s, d: %s}, name: 'x-{a}{b}{c}{d}', value: sofr, "
    "above: {watch: 9 %%}}]\n" % ((str(list(range(10))),) * 4),
    "alias.yaml": "a: &a [1]\nb: *a\n",
    "name.yaml": "series:\n  x: {source: {'': x}, unit: number, every: day}\n",
    "digits.yaml": "rules: [{name: a, text: fed_press, matches: 'x{%s'}]\n" % ("9" * 100_000),
}


async def test_mistakes_in_files_are_told_and_end_nothing_even_at_a_start(world: World) -> None:
    """All of them lie there when it starts again: it goes by the rules before them."""
    world.rules(RULES)
    stressed(world)
    effr = world.effr.popitem()
    folder = world.folder / "rules"
    async with world.running(at=NINE) as daemon:
        await daemon.polled()
        for name, text in MISTAKES.items():
            (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
        os.mkfifo(folder / "pipe.yaml")
        (folder / "pipe.csv").symlink_to("/dev/zero")
        await daemon.until(
            lambda: any(
                all(name in str(line["problems"]) for name in (*MISTAKES, "pipe.yaml"))
                for line in daemon.lines("rules.refused")
            ),
            "all mistakes are told",
        )
        await daemon.kill()
    async with world.running(at=NINE.replace(minute=10)) as daemon:
        await daemon.until(lambda: daemon.lines("rules.refused"), "they are told again")
        world.effr |= dict([effr])
        await daemon.until(
            lambda: any("WARNING" in shown.text for shown in world.in_telegram), "the rule fires"
        )
        assert await daemon.stop() == 0


def table(path: Path, *rows: tuple[object, object]) -> None:
    """Write a table of figures."""
    path.write_text("period,value\n" + "".join(f"{day},{value}\n" for day, value in rows))


async def test_odd_figures_are_told_once_and_spoil_no_other(world: World) -> None:
    """Each series is odd in a way of its own; the good one is told, and nothing after a restart."""
    folder = world.folder
    days = [date(2026, 11, 20) - timedelta(days=n) for n in range(250)]
    table(folder / "points.csv", *((day, 433) for day in reversed(days)))
    table(folder / "ahead.csv", ("2026-11-20", 3), ("2027-11-27", "9.99"))
    table(folder / "fraction.csv", *(
        (date(2026, 11, 16) + timedelta(days=n), value)
        for n, value in enumerate((3.88, 3.87, 3.88, 0.0388, 0.0387))
    ))  # fmt: skip
    table(folder / "week.csv", ("2026-11-12", 5), ("2026-11-18", 6))
    table(folder / "hour.csv", ("2026-11-20 01:00", 9))
    table(folder / "twice.csv", ("2026-11-19", 3), ("2026-11-20", 3), ("2026-11-20", 9))
    table(folder / "minus.csv", ("2026-11-20", "-0.0"))
    table(folder / "huge.csv", ("2026-11-20", "1e28"), ("0001-01-01", 9))
    table(folder / "good.csv", ("2026-11-20", "4.5"))
    every = {"week": "week ending Thursday", "hour": "hour"}
    names = ("points", "ahead", "fraction", "week", "hour", "twice", "minus", "huge", "good")
    async with StandIn() as own:
        own.serve("/whole", json.dumps([{"d": 20261120, "v": 3}]))
        series = "".join(
            f"  {name}: {{source: {{csv: {{path: {folder}/{name}.csv}}}}, unit: percent per year, "
            f"every: {every.get(name, 'day')}, plausible: [-1 %, 20 %]}}\n"
            for name in names
        )
        series += (
            f"  whole: {{source: {{http_json: {{url: {own.url}/whole, rows: '@', period: d, "
            "value: v}}, unit: percent per year, every: day}\n"
        )
        rules = "".join(
            f"  - {{name: {name}-high, title: {name} is high, value: {name}, above: {{warning: 4 %}}}}\n"
            f"  - {{name: {name}-low, title: {name} is low, value: {name}, below: {{critical: 1 %}}}}\n"
            for name in (*names, "whole")
        )
        world.rules(f"series:\n{series}rules:\n{rules}")

        def told() -> list[str]:
            heads = [shown.text.splitlines()[0] for shown in world.in_telegram]
            return [line for line in heads if "Ebbwatch is watching" not in line]

        async with world.running(at=MORNING) as daemon:
            await daemon.until(world.summed_up, "the first message")
            await daemon.until(
                lambda: len(daemon.lines("source.polled") + daemon.lines("source.failed")) >= 10,
                "all were visited",
            )
            await daemon.until(world.settled, "all of it delivered")
            assert await daemon.stop() == 0
        first = told()
        [summary] = [one.text for one in world.in_telegram if "is watching" in one.text]
        said = {line["source"]: line["reason"] for line in daemon.lines("source.failed")}
        async with world.running(at=MORNING + timedelta(minutes=20)) as daemon:
            await daemon.until(
                lambda: len(daemon.lines("source.polled") + daemon.lines("source.failed")) >= 10,
                "all were visited again",
            )
            await daemon.until(world.settled, "all of it delivered")
            assert await daemon.stop() == 0
    assert told() == first
    firing = [line.partition(":")[0] for line in summary.splitlines() if line[0] in "🔴🟠🟡"]
    assert firing == ["🔴 minus is low", "🟠 good is high", "🟠 week is high"]
    health = "⚠️ Data health · "
    assert sorted(first) == sorted([
        f"{health}csv {folder}/hour.csv answers in a shape we do not know",
        f"{health}http_json 127.0.0.1 answers in a shape we do not know",
        f"{health}week is dated otherwise than usual",
        f"{health}250 values of points are held back",
        f"{health}2 values of fraction are held back",
        f"{health}2 values of twice are held back",
        f"{health}a value of ahead is held back",
        f"{health}a value of huge is held back",
        f"{health}a value of huge is held back",
    ])  # fmt: skip
    assert "write its offset" in said[f"csv {folder}/hour.csv"]
    assert "expected a period of `every: day` like 2026-09-30" in said["http_json 127.0.0.1"]
    assert "-" not in str(world.rows("SELECT value FROM observations WHERE series = 'minus'"))
