"""Commands of the daemon: run, status, poll."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ebbwatch import app as root
from ebbwatch.cli import common
from ebbwatch.cli.printing import fitted
from ebbwatch.standard_output import offer

if TYPE_CHECKING:
    from ebbwatch.app import Built, InForce
    from ebbwatch.core.answering.status import Standing
    from ebbwatch.core.render import Translator
    from ebbwatch.ports import Clock, Poll, Source, Wanted
    from ebbwatch.ruleset.rules import Ruleset
    from ebbwatch.settings import Settings

#: How long `run --once` waits for all sources together, in seconds.
ONCE_S = 25.0

Once = Annotated[
    bool, typer.Option("--once", help="Visit every source once, tell what is due, and end.")
]


Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show every log line on a terminal too.")
]


def run(rules: common.RulesOption = None, *, once: Once = False, verbose: Verbose = False) -> None:
    """Watch: poll the sources, evaluate the rules, tell people, until stopped.

    On a terminal it shows messages, and of the log only what one should look at.
    """
    # Off for commands, whose life is short; this one's is long.
    gc.enable()

    from ebbwatch.runtime.logs import configure, crashed

    settings = common.settings()
    level = settings.log.level
    if level == "INFO" and sys.stderr.isatty() and not verbose:
        level = "WARNING"
    configure(level=level, style=settings.log.format)
    sys.excepthook = crashed
    place = common.rules_directory(rules)
    files = common.files_of(place)
    found = root.load_rules(files)
    in_force = root.InForce(place, files, None, found.problems)
    if found.ruleset is not None:
        told = root.with_default_receivers(found.ruleset, settings, settings.language)
        in_force.take(files, told)
    with common.faults_end_it():
        try:
            asyncio.run(_run(settings, in_force, once=once))
        except root.RulesInvalid as error:
            common.stop_with(error.problems)
    if not once and sys.stdout.isatty():
        t = common.words(settings.language)
        offer(t.gettext("Stopped. The next start goes on from here.") + "\n")


async def _run(settings: Settings, rules: InForce, *, once: bool) -> None:
    from ebbwatch.clocks import SystemClock
    from ebbwatch.runtime.supervisor import Supervisor
    from ebbwatch.settings.environment import supervision

    clock, stop, owner = SystemClock(), asyncio.Event(), root.new_owner()
    supervisor = Supervisor() if once else Supervisor(*supervision())
    loop = asyncio.get_running_loop()

    def end() -> None:
        supervisor.stopping()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    asked = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, asked.set)

    def shown(built: Built) -> None:
        _warn(built.warnings)
        t = common.words(settings.language)
        offer(_table(built.service.desk.standings(clock.now()), t) + _begun(settings, t))
        supervisor.ready("watching")
        _settle()

    if once:
        await _run_once(settings, rules, clock, owner, stop)
    else:
        await root.serve(
            settings, rules, clock=clock, owner=owner, stop=stop, shown=shown, asked=asked,
            waits=lambda: supervisor.ready("standing by: another replica leads"),
        )  # fmt: skip


async def _run_once(
    settings: Settings, rules: InForce, clock: Clock, owner: str, stop: asyncio.Event
) -> None:
    """Visit every source once, tell what is due, and show how things stand."""
    store = await root.leading_store(settings, clock=clock, owner=owner, stop=stop)
    if store is None:
        return
    ruleset = rules.read_again(settings, store)
    built = root.build(settings, ruleset, store, clock=clock, owner=owner, stop=stop)
    try:
        _warn(built.warnings)
        built.service.begin(visits_first=True)
        outcomes = await built.service.once(ONCE_S)
        _warn([outcome.fault for outcome in outcomes if outcome.fault])
        _show(built.service.desk.standings(clock.now()), common.words(settings.language))
    finally:
        await built.aclose()


def _warn(warnings: Sequence[str]) -> None:
    """Say on standard error what people should know."""
    if warnings:
        offer("".join(f"ebbwatch: {warning}\n" for warning in warnings), sys.stderr)


def _begun(settings: Settings, t: Translator) -> str:
    """Return the line below the first table, for whoever looks on at a terminal."""
    if not sys.stdout.isatty():
        return ""
    if not settings.web.on or not settings.web.port:
        return t.gettext("Watching. Ctrl-C ends it.") + "\n\n"
    host = f"[{settings.web.host}]" if ":" in settings.web.host else settings.web.host
    said = t.gettext("Watching, also at {address}. Ctrl-C ends it.")
    return said.format(address=f"http://{host}:{settings.web.port}/") + "\n\n"


def _settle() -> None:
    """Give back what only starting needed, and collect no garbage among what stays.

    Rules and figures stay: looking them through would only hold up a tick.
    """
    from ebbwatch.heap import give_back

    gc.collect()
    gc.freeze()
    give_back()


def status(
    rules: common.RulesOption = None,
    at: common.AtOption = None,
    data: common.DataOption = None,
    store: common.StoreOption = None,
    format: common.FormatOption = "text",  # noqa: A002
    language: common.LanguageOption = None,
) -> None:
    """Show how every rule stands, as the daemon last left it."""
    from ebbwatch.core.answering.json_rows import standing_row

    common.known_format(format)
    with common.faults_end_it():
        rows = common.desk(rules, data, store, at=at).standings(common.moment(at))
    if format == "json":
        print(json.dumps([standing_row(row) for row in rows], indent=2))
    else:
        _show(rows, common.words(language))


def _show(rows: Sequence[Standing], t: Translator) -> None:
    """Print how rules stand, one a line."""
    print(_table(rows, t), end="")


def _table(rows: Sequence[Standing], t: Translator) -> str:
    """Return how rules stand, one a line."""
    from ebbwatch.core.render.standings import standings_footer, standings_table

    return f"{fitted(standings_table(t, rows))}\n{standings_footer(t, rows)}\n"


def poll(
    source: Annotated[list[str] | None, typer.Argument(help="Only these sources.")] = None,
    rules: common.RulesOption = None,
) -> None:
    """Visit sources now, show what they gave, and keep nothing."""
    settings = common.settings()
    ruleset = common.valid(common.rules_directory(rules))
    wanted = root.wanted_sources(ruleset)
    unknown = sorted(set(source or ()) - set(root.Adapters("sources")))
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
                found = await _visited(asked[name], wanted)
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


async def _visited(source: Source, wanted: Sequence[Wanted]) -> Poll:
    """Return what a source has of some series, or of texts on all its hosts."""
    from ebbwatch.ports import Poll, TextSource

    if not isinstance(source, TextSource):
        return await source.poll(wanted, cursor=None)
    polls = [await source.read(host, cursor=None) for host in source.facts.hosts]
    return Poll(texts=tuple(item for poll in polls for item in poll.texts), note=polls[0].note)
