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
from ebbwatch.cli.layout import aligned, clock, figure, iso, plural, wrapped
from ebbwatch.core.asof import NEW_YORK
from ebbwatch.model.periods import instant, micros
from ebbwatch.model.series import Series
from ebbwatch.model.units import printed, printed_unit
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.runtime.additions import note_added
from ebbwatch.runtime.replay import amount, input_row

if TYPE_CHECKING:
    from ebbwatch.core.answers import Answer, Given
    from ebbwatch.core.asof import History
    from ebbwatch.core.judging import Judge
    from ebbwatch.core.ladder import AlertState
    from ebbwatch.expr import Expression
    from ebbwatch.model.chart import ChartSpec
    from ebbwatch.runtime.backfill import Brought
    from ebbwatch.store.sql import SqlStore

At = Annotated[
    str | None,
    typer.Option("--at", metavar="T", help="As known then: a date (its end in New York), or an "
                 "instant with an offset; by default now."),
]  # fmt: skip
Format = Annotated[str, typer.Option("--format", help="text or json.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="[SERIES]...", help="Only these.")]


# ---- value -------------------------------------------------------------------------------


def value(
    expression: Annotated[str, typer.Argument(metavar="EXPR", help='Such as "sofr - effr".')],
    at: At = None,
    rules: common.RulesOption = None,
    data: common.DataOption = None,
    store: common.StoreOption = None,
    format: Format = "text",  # noqa: A002
) -> None:
    """Show what an expression comes to, and the figures it is made of."""
    from ebbwatch.core.answers import answer

    _known_format(format)
    with common.faults_end_it():
        judge, asked = _asked(expression, rules, data, store)
        found = answer(judge, asked, _instant(at))
    print(json.dumps(answer_json(found)) if format == "json" else answer_text(found))


def _asked(
    text: str, rules: Path | None, data: Path | None, store: str | None
) -> tuple[Judge, Expression]:
    """Return a judge, and an expression that somebody typed; end with what is wrong with it."""
    from ebbwatch.core.answers import compiled
    from ebbwatch.core.judging import Judge

    ruleset = common.valid(common.rules_directory(rules), data_only=True)
    asked = compiled(text, ruleset, file="expression")
    if isinstance(asked, tuple):
        common.stop_with(asked)
    return Judge(ruleset, common.history(ruleset, data, store)), asked


def answer_json(found: Answer) -> dict[str, Any]:
    """Return an answer for programs."""
    row: dict[str, Any] = {
        "value": found.truth if found.condition else (None if found.never else found.value),
        "unit": found.unit,
        "period": found.period or None,
        "as_of": iso(found.at),
        "inputs": [input_row(given.input) for given in found.given],
    }
    if found.never:
        row["never"] = True
    if found.at_least:
        row["at_least"] = True
    if found.reason:
        row["reason"] = found.reason
    return row


def answer_text(found: Answer) -> str:
    """Return an answer for people."""
    if found.reason:
        said = f"unknown: {found.reason}"
    elif found.condition:
        said = "true" if found.truth else "false"
    else:
        said = amount(found.value, found.unit)
        said = f"at least {said}" if found.at_least else said
    period = f"  for {found.period}" if found.period else ""
    lines = [f"{said}{period}", f"as known {clock(found.at)}"]
    if found.given:
        rows = [("SERIES", "VALUE", "PERIOD", "SOURCE", "KNOWN"), *map(_given_row, found.given)]
        lines += ["", aligned(rows, right={1})]
    return "\n".join(lines)


def _given_row(given: Given) -> tuple[str, ...]:
    row = given.input
    known = clock(row.known_at) + (" (assumed)" if row.assumed else "")
    if given.state in ("late", "stale") and given.due_at is not None:
        known += f"; next {given.state}, due {given.due_at.astimezone(NEW_YORK):%Y-%m-%d}"
    return (row.series, figure(row.value, row.unit), row.period, row.source, known)


def _known_format(given: str) -> None:
    if given not in ("text", "json"):
        common.stop(f"expected --format text or json, found {given}", common.WRONG_USE)


def _now() -> datetime:
    from ebbwatch.clocks import SystemClock

    return SystemClock().now()


def _instant(at: str | None) -> int:
    """Return the µs that is asked about: of a date, the last of its day in New York."""
    if at is None:
        return micros(_now())
    return common.instant_of(at, end=True) - 1 if len(at) == 10 else common.instant_of(at)


# ---- why ---------------------------------------------------------------------------------


def why(
    rule: Annotated[str, typer.Argument(metavar="RULE")],
    at: At = None,
    rules: common.RulesOption = None,
    data: common.DataOption = None,
    store: common.StoreOption = None,
) -> None:
    """Show how a rule stands, why, and what would change it."""
    from ebbwatch.core.explaining import explain
    from ebbwatch.core.judging import Judge
    from ebbwatch.core.ladder import AlertState
    from ebbwatch.core.render.why import why_sections
    from ebbwatch.locale import translator

    with common.faults_end_it():
        ruleset = common.valid(common.rules_directory(rules), data_only=True)
        common.known_rule(ruleset, rule)
        judge = Judge(ruleset, common.history(ruleset, data, store))
        asked = _instant(at)
        state = None
        if at is None and data is None and store is None:
            state = _kept_state(judge, rule, asked)
        if state is None:
            state = _walked_state(judge, rule, asked)
        t = translator("en")
        told = explain(judge, rule, state or AlertState(), asked, (t,))
        first, *rest = why_sections(t, told, judge.history.catalogue)
    print(f"{first.title}  ({rule})\nas known {clock(told.at)}\n")
    print("\n".join(wrapped(line) for line in first.lines))
    for section in rest:
        print(f"\n{section.title}")
        print("\n".join(wrapped(line, indent="  ") for line in section.lines))
    if note := told.rule.note.in_language("en"):
        print(f"\n{wrapped(note)}")


def _kept_state(judge: Judge, rule: str, at: int) -> AlertState | None:
    """Return where the daemon left an alert, with the reading that stands; None for nothing."""
    from ebbwatch.core.ladder import AlertState
    from ebbwatch.runtime.ledger import refreshed

    kept = common.existing_store()
    record = None if kept is None or rule not in judge.watched else kept.alerts().get(rule)
    if record is None:
        return None
    return refreshed(judge, {rule: AlertState.from_json(record.state)}, at)[rule]


def _walked_state(judge: Judge, rule: str, at: int) -> AlertState | None:
    """Return where an alert would stand if the tape had been watched from its beginning."""
    judge.watched = {name: one for name, one in judge.watched.items() if name == rule}
    return root.walked(judge, at).get(rule)


# ---- chart -------------------------------------------------------------------------------


def chart(
    expression: Annotated[str, typer.Argument(metavar="EXPR", help='Such as "sofr - effr".')],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Where to: .png or .svg.")
    ] = Path("chart.png"),
    since: Annotated[
        str | None, typer.Option("--since", "--from", metavar="DATE", help="First period shown.")
    ] = None,
    at: At = None,
    rules: common.RulesOption = None,
    data: common.DataOption = None,
    store: common.StoreOption = None,
) -> None:
    """Draw an expression over time."""
    if out.suffix not in (".png", ".svg"):
        common.stop(f"expected a file that ends in .png or .svg, found {out}", common.WRONG_USE)
    with common.faults_end_it():
        judge, asked = _asked(expression, rules, data, store)
        spec = _spec(judge, asked, _instant(at), since)
        try:
            out.write_bytes(_drawn(spec, out.suffix))
        except OSError as error:
            common.stop(f"{out} cannot be written: {error.strerror}")
    print(f"{out}: {plural(len(spec.points), 'period')}")


def _spec(judge: Judge, asked: Expression, at: int, since: str | None) -> ChartSpec:
    from ebbwatch.core.answers import history_of

    first = None if since is None else _day(since)
    spec = history_of(judge, asked, at, first)
    if spec is None:
        common.stop("there is nothing to draw: it has no value for any period, or is a condition")
    return spec


def _day(text: str) -> date:
    return instant(common.instant_of(text)).astimezone(NEW_YORK).date()


def _drawn(spec: ChartSpec, suffix: str) -> bytes:
    if suffix == ".svg":
        from ebbwatch.charts.svg import svg_chart

        return svg_chart(spec).encode()
    from ebbwatch.charts.png import PngCharts

    return asyncio.run(PngCharts().render(spec))


# ---- series ------------------------------------------------------------------------------


_HEAD = ("SERIES", "EVERY", "NEWEST", "VALUE", "KNOWN", "STATE", "NEXT DUE", "SOURCE")


def series_list(
    names: Names = None,
    at: At = None,
    rules: common.RulesOption = None,
    data: common.DataOption = None,
    store: common.StoreOption = None,
) -> None:
    """List the series: what is held of each, how fresh it is, and when the next is due."""
    with common.faults_end_it():
        ruleset = common.valid(common.rules_directory(rules), data_only=True)
        chosen = _chosen(ruleset, names)
        history = common.history(ruleset, data, store)
        asked = _instant(at)
        rows: list[tuple[str, ...]] = [_HEAD]
        rows += [_series_row(history, ruleset.series[name], asked) for name in sorted(chosen)]
        kept = None if data is not None or store is not None else common.existing_store()
        held = [] if kept is None else [h for h in kept.held() if h.observation.series in chosen]
    print(aligned(rows))
    print("\nTimes are New York's; ~ marks one that the release rule gives.")
    if held:
        print("\nHeld back; release one with: ebbwatch series accept NAME PERIOD")
        for one in held:
            series = ruleset.series[one.observation.series]
            print(f"  {series.name} {series.every.text(one.observation.period)}: {one.reason}")


def _series_row(history: History, series: Series, at: int) -> tuple[str, ...]:
    newest = history.newest(series.name, as_of=at)
    if newest is None or newest.value is None:
        fresh = history.clock.freshness(series, None, None, at)
        shown = ("", "", "")
    else:
        fresh = history.clock.freshness(series, newest.period, micros(newest.known_at), at)
        unit = printed_unit(series.unit.dimension)
        shown = (
            series.every.text(newest.period).removesuffix(":00Z"),
            figure(float(f"{printed(newest.value, unit):.9g}"), unit),
            newest.known_at.astimezone(NEW_YORK).strftime("%y-%m-%d") + "~" * newest.assumed,
        )
    due = fresh.next_due_at
    next_due = "" if due is None else f"{instant(due).astimezone(NEW_YORK):%m-%d %H:%M}"
    every = series.every.name.replace("business day", "bus. day")
    if every.startswith("week ending "):
        every = f"to {every.removeprefix('week ending ')[:3]}"
    return (series.name, every, *shown, fresh.state.value, next_due, series.source.name)


def _chosen(ruleset: Ruleset, names: list[str] | None) -> set[str]:
    """Return the series asked for, all for none; end where one is not in the catalogue."""
    for name in names or ():
        common.known_series(ruleset, name)
    return set(names or ruleset.series)


def series_accept(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    period: Annotated[str, typer.Argument(metavar="PERIOD", help="As its publisher writes it.")],
    rules: common.RulesOption = None,
) -> None:
    """Release a figure that was held back: it counts from now on."""
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
        with store.transaction():
            released = store.release(name, wanted)
            store.record([held.observation for held in released])
            note_added(store, {held.observation.series for held in released})
        if not released:
            waiting = [h for h in store.held() if h.observation.series == name]
            others = ", ".join(series.every.text(h.observation.period) for h in waiting)
            common.stop(f"no figure of {name} for {period} is held back"
                        + (f"; these are: {others}" if others else ""))  # fmt: skip
    for one in released:
        found = one.observation.value
        shown = (
            "no value"
            if found is None
            else f"{(found / series.unit.factor).normalize():f} {series.unit.name}"
        )
        print(f"{name} {period}: {shown} accepted")


# ---- import ------------------------------------------------------------------------------


def import_(
    name: Annotated[str, typer.Argument(metavar="SERIES")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="period,value[,known_at]")],
    rules: common.RulesOption = None,
) -> None:
    """Take the figures of a file into the store, in the unit of the catalogue."""
    from ebbwatch.core.tables import Tables
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
    from ebbwatch.runtime.backfill import backfill as bring

    clock_ = SystemClock()
    names = {ruleset.series[name].source.name for name in chosen}
    history = root.history_from_archive(ruleset, store)
    asked = root.sources(settings, clock_, names)
    for name in sorted(names - set(asked)):
        print(f"{name}: left out: it wants a key of yours", file=sys.stderr)
    try:
        return await bring(
            asked, [ruleset.series[name] for name in sorted(chosen)], history, store,
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
