"""Commands about figures: value, why, chart, series, import, backfill."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ebbwatch import app as root
from ebbwatch.cli import common
from ebbwatch.cli.printing import clock, fitted, plural, wrapped
from ebbwatch.model.periods import instant
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.ruleset.suggestions import no_such
from ebbwatch.runtime.additions import note_added

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebbwatch.core.answering.answers import Answer
    from ebbwatch.core.render import Translator
    from ebbwatch.model.chart import ChartSpec
    from ebbwatch.model.series import Series
    from ebbwatch.ports import Held
    from ebbwatch.runtime.backfill import Brought
    from ebbwatch.store.sql import SqlStore

Names = Annotated[list[str] | None, typer.Argument(metavar="[SERIES]...", help="Only these.")]


# ---- value -------------------------------------------------------------------------------


def value(
    expression: Annotated[str, typer.Argument(metavar="EXPR", help='Such as "sofr - effr".')],
    at: common.AtOption = None,
    rules: common.RulesOption = None,
    data: common.DataOption = None,
    store: common.StoreOption = None,
    format: common.FormatOption = "text",  # noqa: A002
    language: common.LanguageOption = None,
) -> None:
    """Show what an expression comes to, and the figures it is made of."""
    from ebbwatch.core.answering.json_rows import answer_row

    common.known_format(format)
    with common.faults_end_it():
        found = common.desk(rules, data, store, at=at).answer(expression, common.moment(at))
    if isinstance(found, tuple):
        common.stop_with(found)
    if format == "json":
        print(json.dumps(answer_row(found)))
    else:
        _show_answer(found, common.words(language))


def _show_answer(found: Answer, t: Translator) -> None:
    from ebbwatch.core.render.reading_words import times_text
    from ebbwatch.core.render.value_answers import answer_line, figures_table

    print(wrapped(answer_line(t, found)))
    print(f"as known {clock(found.at)}")
    if found.given:
        print(f"\n{fitted(figures_table(t, found))}\n")
        print(times_text(t, assumed=any(one.input.assumed for one in found.given)))


# ---- why ---------------------------------------------------------------------------------


def why(
    rule: Annotated[str, typer.Argument(metavar="RULE")],
    at: common.AtOption = None,
    rules: common.RulesOption = None,
    data: common.DataOption = None,
    store: common.StoreOption = None,
    language: common.LanguageOption = None,
) -> None:
    """Show how a rule stands, why, and what would change it."""
    from ebbwatch.core.render.why import why_sections

    t = common.words(language)
    with common.faults_end_it():
        told = common.desk(rules, data, store, at=at).explanation(rule, common.moment(at), t)
    first, *rest = why_sections(t, told)
    print(f"{wrapped(f'{first.title}  ({rule})')}\nas known {clock(told.standing.at)}\n")
    print("\n".join(wrapped(line) for line in first.lines))
    for section in rest:
        print(f"\n{section.title}")
        print("\n".join(wrapped(line, indent="  ") for line in section.lines))
    if note := told.standing.rule.note.in_language(t.language):
        print(f"\n{wrapped(note, hanging='')}")


# ---- chart -------------------------------------------------------------------------------


def chart(
    what: Annotated[
        str,
        typer.Argument(
            metavar="EXPR|RULE", help='An expression such as "sofr - effr", or a rule by its name.'
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Where to: .png or .svg.")
    ] = Path("chart.png"),
    since: Annotated[
        str | None,
        typer.Option(
            "--since", "--from", metavar="DATE",
            help="First period shown; by default all of an expression, two years of a rule.",
        ),
    ] = None,
    at: common.AtOption = None,
    rules: common.RulesOption = None,
    data: common.DataOption = None,
    store: common.StoreOption = None,
    language: common.LanguageOption = None,
) -> None:  # fmt: skip
    """Draw an expression or a rule over time."""
    if out.suffix not in (".png", ".svg"):
        common.stop(f"expected a file that ends in .png or .svg, found {out}", common.WRONG_USE)
    first = None if since is None else _day(since)
    with common.faults_end_it():
        desk = common.desk(rules, data, store, at=at)
        spec = desk.chart(what, common.moment(at), common.words(language), first=first)
        if spec is None:
            common.stop(
                "there is nothing to draw: it has no value for any period, or is a condition"
            )
        if isinstance(spec, tuple):
            common.stop_with(spec)
        try:
            out.write_bytes(_drawn(spec, out.suffix))
        except OSError as error:
            common.stop(f"{out} cannot be written: {error.strerror}")
    print(f"{out}: {plural(len(spec.points), 'period')}")


def _day(text: str) -> date:
    return instant(common.instant_of(text)).astimezone(NEW_YORK).date()


def _drawn(spec: ChartSpec, suffix: str) -> bytes:
    if suffix == ".svg":
        from ebbwatch.charts.svg import svg_chart

        return svg_chart(spec).encode()
    from ebbwatch.charts.png import PngCharts

    return asyncio.run(PngCharts().render(spec))


# ---- series ------------------------------------------------------------------------------


def series_list(
    names: Names = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source", metavar="NAME", help="What a source has to give, declared or not."
        ),
    ] = None,
    at: common.AtOption = None,
    rules: common.RulesOption = None,
    data: common.DataOption = None,
    store: common.StoreOption = None,
    language: common.LanguageOption = None,
) -> None:
    """List the series: what is held of each, how fresh it is, and when the next is due."""
    from ebbwatch.core.render import reason_words
    from ebbwatch.core.render.reading_words import times_text
    from ebbwatch.core.render.series_table import series_table

    if source is not None:
        if names:
            common.stop("give either series or --source", common.WRONG_USE)
        with common.faults_end_it():
            _list_offers(common.valid(common.rules_directory(rules), data_only=True), source)
        return
    asked = common.moment(at)
    with common.faults_end_it():
        desk = common.desk(rules, data, store, at=at)
        catalogue = desk.judge().ruleset.series
        chosen = _chosen(desk.judge().ruleset, names)
        rows, held = desk.series(chosen, asked), desk.held_back(chosen)
    t = common.words(language)
    print(f"{fitted(series_table(t, rows, asked))}\n")
    print(times_text(t, assumed=any(row.newest and row.newest.assumed for row in rows)))
    if held:
        release = t.gettext("Held back; release one with: {command}")
        print(f"\n{release.format(command='ebbwatch series accept NAME PERIOD')}")
        for one in held:
            series = catalogue[one.observation.series]
            period = series.every.text(one.observation.period)
            print(f"  {series.name} {period}: {reason_words(t, one.reason)}")


def _list_offers(ruleset: Ruleset, name: str) -> None:
    """Print what a source has to give, and which series are declared with it."""
    from ebbwatch.core.render.series_table import offers_table
    from ebbwatch.locale import translator
    from ebbwatch.model.source import Gives, SourceFacts

    sources = root.Adapters("sources")
    if name not in sources:
        common.stop(no_such("source", name, sources), common.WRONG_USE)
    facts: SourceFacts = sources[name].facts
    if facts.gives is Gives.TEXTS:
        common.stop(f"{name} gives texts and has no series; use it in a rule: text: {name}, "
                    "with matches")  # fmt: skip
    declared = [
        (series, ref.argument)
        for series in ruleset.series.values()
        for ref in (series.source, series.fallback)
        if ref is not None and ref.name == name
    ]
    if facts.offers or declared:
        print(fitted(offers_table(translator("en"), facts.offers, declared)))
        print(f"\nDeclare another with source: {{{name}: ARGUMENT}}.")
    if facts.asked:
        print(wrapped(facts.asked))


def _chosen(ruleset: Ruleset, names: list[str] | None) -> set[str]:
    """Return the series asked for, all for none; end where one is not in the catalogue."""
    for name in names or ():
        common.known_series(ruleset, name)
    return set(names or ruleset.series)


def series_accept(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    period: Annotated[str, typer.Argument(metavar="PERIOD", help="As its publisher writes it.")],
    value: Annotated[
        str | None, typer.Argument(metavar="VALUE", help="Where several are held back.")
    ] = None,
    rules: common.RulesOption = None,
) -> None:
    """Release a figure that was held back: it counts from now on."""
    from ebbwatch.core.doubts import fits

    with common.faults_end_it():
        ruleset = common.valid(common.rules_directory(rules), data_only=True)
        series = common.known_series(ruleset, name)
        try:
            wanted = series.every.parse(period)
        except ValueError as error:
            common.stop(f"expected a period of {name} ({series.every.name}): {error}",
                        common.WRONG_USE)  # fmt: skip
        store = common.existing_store()
        if store is None:
            common.stop("nothing is held back: there is no database yet")
        waiting = [h for h in store.held() if h.observation.series == name]
        chosen = _meant(series, [h for h in waiting if h.observation.period == wanted], value)
        for held in chosen:
            if not fits(held.observation):
                common.stop(f"{held.reason}: no rule could reckon with it")
        with store.transaction():
            released = [held for held in store.release(name, wanted) if held in chosen]
            store.record([held.observation for held in released])
            note_added(store, {held.observation.series for held in released})
        if not released:
            others = ", ".join(series.every.text(h.observation.period) for h in waiting)
            common.stop(f"no figure of {name} for {period} is held back"
                        + (f"; these are: {others}" if others else ""))  # fmt: skip
    for one in released:
        print(f"{name} {period}: {_as_published(series, one)} {series.unit.name} accepted")


def _meant(series: Series, waiting: Sequence[Held], value: str | None) -> Sequence[Held]:
    """Return the figure of a period that is meant, which may be none; of several it is named."""
    found = [held for held in waiting if value in (None, _as_published(series, held))]
    if len(found) != 1 and waiting:
        values = ", ".join(_as_published(series, held) for held in waiting)
        common.stop(f"several figures are held back, say which: {values}" if value is None
                    else f"{value} is not held back; these are: {values}")  # fmt: skip
    return found


def _as_published(series: Series, held: Held) -> str:
    """Return a figure's number as its publisher writes it."""
    value = held.observation.value
    return "no value" if value is None else f"{(value / series.unit.factor).normalize():f}"


# ---- import ------------------------------------------------------------------------------


def import_(
    name: Annotated[str, typer.Argument(metavar="SERIES")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="period,value[,known_at]")],
    rules: common.RulesOption = None,
) -> None:
    """Take the figures of a file into the store, in the unit of the catalogue."""
    from ebbwatch.core.facts.figure_tables import Tables
    from ebbwatch.runtime.backfill import observations_of

    with common.faults_end_it():
        ruleset = common.valid(common.rules_directory(rules), data_only=True)
        series = common.known_series(ruleset, name)
        try:
            text = file.read_text("utf-8")
        except UnicodeDecodeError:
            common.stop(f"{file} is not UTF-8 text")
        except OSError as error:
            common.stop(f"{file} cannot be read: {error.strerror}", common.WRONG_USE)
        facts = Tables(root.empty_history(ruleset), "import").facts(series, text)
        found = observations_of(series, facts)
        store = common.opened_store()
        with store.transaction():
            new = store.record(found)
            note_added(store, {o.series for o in found})
    print(f"{name}: {plural(len(found), 'row')}, {new} new")


# ---- backfill ----------------------------------------------------------------------------


def backfill(
    names: Names = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            "--from",
            metavar="DATE",
            help="First day; by default, the day after what is held, or the beginning.",
        ),
    ] = None,
    rules: common.RulesOption = None,
) -> None:
    """Ask the sources for history, and keep what is new."""
    start = None if since is None else instant(common.instant_of(since)).astimezone(UTC)
    with common.faults_end_it():
        settings = common.settings()
        ruleset = common.valid(common.rules_directory(rules))
        chosen = _chosen(ruleset, names)
        store = common.opened_store()
        brought = asyncio.run(_backfill(ruleset, chosen, start, store, settings))
    for one in brought:
        print(f"{one.source}: {_outcome(one)}")
    if not any(one.reached for one in brought):
        raise typer.Exit(common.PROBLEMS)


async def _backfill(
    ruleset: Ruleset, chosen: set[str], since: datetime | None, store: SqlStore, settings: Any
) -> list[Brought]:
    from ebbwatch.clocks import SystemClock
    from ebbwatch.ports import FigureSource
    from ebbwatch.runtime.backfill import backfill as bring

    clock_ = SystemClock()
    names = {ruleset.series[name].source.name for name in chosen}
    history = root.history_from_archive(ruleset, store)
    asked = root.sources(settings, clock_, names)
    for name in sorted(names - set(asked)):
        print(f"{name}: left out: it wants a key of yours", file=sys.stderr)
    try:
        return await bring(
            {name: each for name, each in asked.items() if isinstance(each, FigureSource)},
            [ruleset.series[name] for name in sorted(chosen)], history, store,
            clock=clock_, since=since,
            on_begin=lambda source, count: print(
                f"{source}: asking for {plural(count, 'series')} ...", file=sys.stderr, flush=True
            ),
        )  # fmt: skip
    finally:
        for each in asked.values():
            await each.aclose()


def _outcome(one: Brought) -> str:
    if not one.reached:
        return f"could not be asked: {one.fault}"
    parts = [plural(one.read, "figure"), f"{one.new} new"]
    if one.held:
        parts.append(f"{one.held} held back (ebbwatch series list shows them)")
    return ", ".join([*parts, *one.notices])
