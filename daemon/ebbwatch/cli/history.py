"""The command about the past: replay."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from ebbwatch.cli import common
from ebbwatch.core.lookback.hindsight import final
from ebbwatch.model.periods import Micros
from ebbwatch.runtime.lookback import replay as replaying
from ebbwatch.runtime.lookback.transcript import write_jsonl

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
Messages = Annotated[
    bool, typer.Option("--messages", help="Show each message as it would have been sent.")
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Where the page goes, not stdout.")
]
AsOf = Annotated[
    str,
    typer.Option("--as-of", metavar="live|final", help="'final' uses revised figures from the "
                 "first, to show what looking ahead would have pretended."),
]  # fmt: skip


HINDSIGHT = (
    "with hindsight: every period's last value is used as if it had been known at its first "
    "release; nobody could have been told this"
)
#: What a shell reports of a program that Ctrl-C ended.
INTERRUPTED = 130


@contextmanager
def ctrl_c_ends_it() -> Iterator[None]:
    """End quietly on Ctrl-C: whole lines were written, and they stay."""
    try:
        yield
    except KeyboardInterrupt:
        with suppress(BrokenPipeError):
            sys.stdout.flush()
        print("ebbwatch: interrupted", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def progress(*, printing: bool) -> Iterator[Callable[[str], None]]:
    """Show what is being done, where a person looks on.

    Args:
        printing: Whether lines are printed meanwhile, which on one terminal would mix with it.
    """
    if not sys.stderr.isatty() or (printing and sys.stdout.isatty()):
        yield lambda _text: None
        return

    def show(text: str) -> None:
        # One line, written over: no thread turns a wheel beside the work.
        sys.stderr.write(f"\r\x1b[2K{text}{'…' if text else ''}")
        sys.stderr.flush()

    show("Reading figures")
    try:
        yield show
    finally:
        show("")


def replay(
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
    messages: Messages = False,
    language: common.LanguageOption = None,
    out: Out = None,
    as_of: AsOf = "live",
) -> None:
    """Show what the rules would have told, by the figures as they were known at the time."""
    fault = _misuse(format, as_of, out, messages=messages, readings=readings)
    if fault is not None:
        common.stop(fault, common.WRONG_USE)
    span = replaying.WantedSpan(
        None if start is None else common.instant_of(start),
        None if end is None else _end_of(end),
        frozenset(rule or ()),
        everything,
    )
    if span.start is not None and span.end is not None and span.start >= span.end:
        common.stop(f"--to {end} lies before --from {start}", common.WRONG_USE)
    t = common.words(language)
    hindsight = as_of == "final"
    if hindsight and format == "text":
        print(f"ebbwatch: {HINDSIGHT}", file=sys.stderr)
    with common.faults_end_it(), ctrl_c_ends_it():
        with progress(printing=format == "jsonl") as doing:
            ruleset = common.valid(common.rules_directory(rules), data_only=data is not None)
            for name in sorted(span.rules):
                common.known_rule(ruleset, name)
            history = common.history(ruleset, data, store)
            if hindsight:
                history = final(history)
            texts = [] if data is not None else common.texts(ruleset, store)
            doing("Walking the tape")
            if format == "jsonl":
                _say_failures(write_jsonl(ruleset, history, span, sys.stdout.write, texts))
                return
            # Words and what knows them are not needed before.
            from ebbwatch.cli import replaying as aside

            judge = aside.judge_for_one_reader(ruleset, history, t.language)
            journal = replaying.replay(judge, texts=texts)
            _say_failures([(name, str(error)) for name, error in journal.failures])
            if format == "html":
                doing("Writing the page")
                text = aside.page(judge, journal, span, t, texts, hindsight=hindsight)
        if format == "html":
            aside.write_page(text, out)
            return
        aside.say_origin(judge, journal, span)
        if messages:
            rows, _ = aside.letters(judge, journal, span, t, texts)
            aside.write_messages(rows, sys.stdout.write)
        else:
            replaying.write_text(judge, journal, span, sys.stdout.write, readings=readings)


def _misuse(
    shape: str, as_of: str, out: Path | None, *, messages: bool, readings: bool
) -> str | None:
    """Return what is wrong with a combination of options, or None."""
    if shape not in ("text", "jsonl", "html"):
        return f"expected --format text, jsonl or html, found {shape}"
    if as_of not in ("live", "final"):
        return f"expected --as-of live or final, found {as_of}"
    if messages and (shape != "text" or readings):
        return "--messages goes with --format text, and without --readings"
    if out is not None and shape != "html":
        return "--out goes with --format html"
    return None


def _say_failures(failures: list[tuple[str, str]]) -> None:
    for name, error in failures:
        print(f"ebbwatch: {name} could not be evaluated: {error}", file=sys.stderr)


def _end_of(text: str) -> Micros:
    """Return the µs before which transitions are wanted: a day is included, an instant too."""
    return (
        common.instant_of(text, end=True)
        if len(text) == 10
        else Micros(common.instant_of(text) + 1)
    )
