"""Commands about the past: replay and tune."""

from __future__ import annotations

import gc
import sys
from typing import Annotated

import typer

from ebbwatch.cli import common
from ebbwatch.core.judging import Judge
from ebbwatch.runtime import replay as replaying

From = Annotated[
    str | None,
    typer.Option("--from", "--since", metavar="T", help="First day, or instant with an offset."),
]
To = Annotated[
    str | None, typer.Option("--to", metavar="T", help="Last day (included), or instant.")
]
Rules = Annotated[
    list[str] | None, typer.Option("--rule", metavar="NAME", help="Only this rule; repeatable.")
]
Format = Annotated[str, typer.Option("--format", help="text, jsonl or html.")]


def replay(  # noqa: D417
    rules: common.RulesOption = None,
    data: common.DataOption = None,
    store: common.StoreOption = None,
    start: From = None,
    end: To = None,
    rule: Rules = None,
    format: Format = "text",  # noqa: A002
    *,
    everything: Annotated[bool, typer.Option("--all", help="Arming and disarming too.")] = False,
    readings: Annotated[bool, typer.Option("--readings", help="List every reading too.")] = False,
) -> None:
    """Show what the rules would have told, by the figures as they were known at the time."""
    if format not in ("text", "jsonl"):
        common.stop(f"expected --format text or jsonl, found {format}", common.WRONG_USE)
    span = replaying.Span(
        None if start is None else common.instant_of(start),
        None if end is None else _end_of(end),
        frozenset(rule or ()),
        everything,
    )
    # A short life with a million small objects and no cycles worth collecting.
    gc.disable()
    with common.faults_end_it():
        ruleset = common.valid(common.rules_directory(rules), data_only=data is not None)
        unknown = sorted(span.rules - {r.name for r in ruleset.rules})  # type: ignore[operator]
        if unknown:
            common.stop(f"there is no rule {', '.join(unknown)}", common.WRONG_USE)
        history = common.history(ruleset, data, store)
        judge = Judge(ruleset, history)
        if format == "jsonl":
            failures = replaying.write_jsonl(judge, span, sys.stdout.write).failures
        else:
            journal = replaying.replay(judge)
            failures = journal.failures
            replaying.write_text(judge, journal, span, sys.stdout.write, readings=readings)
        for name, error in failures:
            print(f"ebbwatch: {name} could not be evaluated: {error}", file=sys.stderr)


def _end_of(text: str) -> int:
    """Return the µs before which transitions are wanted: a day is included, an instant too."""
    return common.instant_of(text, end=True) if len(text) == 10 else common.instant_of(text) + 1


def tune() -> None:
    """Sweep a rule's thresholds over history."""
    common.stop("not here", common.WRONG_USE)
