"""Commands of the daemon: run, status, poll."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ebbwatch import app as root
from ebbwatch.cli import common
from ebbwatch.core.asof import NEW_YORK
from ebbwatch.core.status import Standing
from ebbwatch.runtime.replay import amount

if TYPE_CHECKING:
    from ebbwatch.ruleset.rules import Ruleset
    from ebbwatch.settings import Settings

#: How long `run --once` waits for all sources together, in seconds.
ONCE_S = 25.0

Once = Annotated[
    bool, typer.Option("--once", help="Visit every source once, tell what is due, and end.")
]
Format = Annotated[str, typer.Option("--format", help="text or json.")]


def run(rules: common.RulesOption = None, *, once: Once = False) -> None:
    """Watch: poll the sources, evaluate the rules, tell people, until stopped."""
    # Off for commands, whose life is short; this one's is long.
    gc.enable()

    from ebbwatch.runtime.logs import configure, crashed

    settings = common.settings()
    configure(level=settings.log.level, style=settings.log.format, secrets=settings.secrets())
    sys.excepthook = crashed
    directory = common.rules_directory(rules)
    ruleset = _told(common.valid(directory), settings)
    with common.faults_end_it():
        asyncio.run(_run(settings, ruleset, directory, once=once))


def _told(ruleset: Ruleset, settings: Settings) -> Ruleset:
    return root.with_default_receivers(ruleset, settings, settings.language)


async def _run(settings: Settings, ruleset: Ruleset, directory: Path, *, once: bool) -> None:
    from ebbwatch.clocks import SystemClock

    clock, stop, owner = SystemClock(), asyncio.Event(), root.new_owner()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    store = await root.leading_store(settings, ruleset, clock=clock, owner=owner, stop=stop)
    if store is None:
        return
    built = root.build(settings, ruleset, store, clock=clock, owner=owner, stop=stop)
    service = built.service
    try:
        for warning in built.warnings:
            print(f"ebbwatch: {warning}", file=sys.stderr)
        service.begin()
        if not once:
            print(table(service.status()))
            sys.stdout.flush()
            _settle()
            root.watch_rules(built, settings, directory)
            await service.run()
            return
        for outcome in await service.once(ONCE_S):
            if outcome.fault:
                print(f"ebbwatch: {outcome.fault}", file=sys.stderr)
        print(table(service.status()))
    finally:
        await built.aclose()


def _settle() -> None:
    """Keep what starting made out of every later collection of garbage.

    Rules and figures stay: looking them through would only hold up a tick.
    """
    gc.collect()
    gc.freeze()


def status(rules: common.RulesOption = None, format: Format = "text") -> None:  # noqa: A002
    """Show the state of every rule, as the daemon last left it."""
    from ebbwatch.clocks import SystemClock
    from ebbwatch.core.judging import Judge
    from ebbwatch.core.ladder import AlertState
    from ebbwatch.core.status import standings
    from ebbwatch.model.periods import micros
    from ebbwatch.runtime.ledger import refreshed

    if format not in ("text", "json"):
        common.stop(f"expected --format text or json, found {format}", common.WRONG_USE)
    with common.faults_end_it():
        ruleset = common.valid(common.rules_directory(rules))
        store = common.existing_store()
        judge = Judge(ruleset, root.history_from_archive(ruleset, store))
        at = micros(SystemClock().now())
        records = {} if store is None else store.alerts()
        states = {
            name: AlertState.from_json(record.state)
            for name, record in records.items()
            if name in judge.watched
        }
        if not states:
            states = root.walked(judge, at)
        rows = standings(judge, refreshed(judge, states, at), at)
    print(as_json(rows) if format == "json" else table(rows))


def poll(
    source: Annotated[list[str] | None, typer.Argument(help="Only these sources.")] = None,
    rules: common.RulesOption = None,
) -> None:
    """Visit sources now, show what they gave, and keep nothing."""
    settings = common.settings()
    ruleset = common.valid(common.rules_directory(rules))
    wanted = root.wanted_sources(ruleset)
    unknown = sorted(set(source or ()) - set(root.plugins("sources")))
    if unknown:
        common.stop(f"there is no source {', '.join(unknown)}", common.WRONG_USE)
    with common.faults_end_it():
        reached = asyncio.run(_poll(settings, ruleset, set(source or wanted)))
    if not reached:
        raise typer.Exit(common.PROBLEMS)


async def _poll(settings: Settings, ruleset: Ruleset, names: set[str]) -> bool:
    """Ask sources for everything the catalogue has of them; return whether any answered."""
    from ebbwatch.clocks import SystemClock
    from ebbwatch.ports import SourceError, Wanted

    asked = root.sources(settings, SystemClock(), names)
    reached = False
    try:
        for name in sorted(names):
            wanted = [
                Wanted(series, series.source.argument)
                for series in ruleset.series.values()
                if series.source.name == name
            ]
            if name not in asked:
                print(f"{name}: left out: it wants a key of yours")
                continue
            try:
                found = await asked[name].poll(wanted, cursor=None)
            except SourceError as error:
                print(f"{name}: {error}")
                continue
            reached = True
            newest = {p.series: p for p in sorted(found.published, key=lambda p: p.period)}
            print(f"{name}: {len(found.published)} figures, {len(found.texts)} texts"
                  + (f" ({found.note})" if found.note else ""))  # fmt: skip
            for series in (w.series for w in wanted):
                if (got := newest.get(series.name)) is not None:
                    value = "no value" if got.value is None else f"{got.value}"
                    unit = got.unit or series.unit.name
                    print(f"  {series.name:<24} {series.every.text(got.period)}  {value} {unit}")
    finally:
        for each in asked.values():
            await each.aclose()
    return reached


# ---- showing -----------------------------------------------------------------------------


def as_json(rows: Sequence[Standing]) -> str:
    """Return how rules stand, for programs."""
    return json.dumps(
        [
            {
                "rule": row.rule,
                "state": row.state,
                "level": row.level.word if row.level else None,
                "value": row.value,
                "unit": row.unit,
                "period": row.period or None,
                "since": None if row.since is None else row.since.isoformat(),
                "frozen": row.frozen,
                "next_due": None if row.next_due is None else row.next_due.isoformat(),
            }
            for row in rows
        ],
        indent=2,
    )


_MARKS = {"firing": "●", "pending": "◐", "inactive": "·", "broken": "✗"}


def table(rows: Sequence[Standing]) -> str:
    """Return how rules stand, one a line, for a terminal."""
    head = ("", "RULE", "LEVEL", "VALUE", "PERIOD", "AGE", "NEXT FIGURE (NEW YORK)")
    lines = [_cells(row) for row in rows]
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    aligned = [
        "  ".join(
            cell.rjust(widths[i]) if head[i] in ("VALUE", "AGE") else cell.ljust(widths[i])
            for i, cell in enumerate(line)
        ).rstrip()
        for line in [head, *lines]
    ]
    firing = sum(row.state == "firing" for row in rows)
    return "\n".join([*aligned, f"{len(rows)} rules, {firing} firing"])


def _cells(row: Standing) -> tuple[str, ...]:
    level = row.level.word if row.level else ("" if row.state == "inactive" else row.state)
    if row.frozen:
        level = f"{level} (late)".strip()
    value = amount(row.value, row.unit) if row.value is not None else (row.unknown and "unknown")
    due = ""
    if row.next_due is not None:
        due = row.next_due.astimezone(NEW_YORK).strftime("%a %d %b %H:%M")
    return (_MARKS[row.state], row.rule, level, value or "", row.period, age(row.age), due)


def age(length: timedelta | None) -> str:
    """Return a length of time in its largest unit: ``3 d``, ``5 h``, ``12 min``."""
    if length is None:
        return ""
    minutes = int(length.total_seconds()) // 60
    if minutes >= 2880:
        return f"{minutes // 1440} d"
    return f"{minutes // 60} h" if minutes >= 120 else f"{minutes} min"
