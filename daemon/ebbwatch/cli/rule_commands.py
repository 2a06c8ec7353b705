"""Commands about rule files: check, test, diff, schema."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ebbwatch import app as root
from ebbwatch.cli import common
from ebbwatch.cli.printing import clock, iso, plural
from ebbwatch.model.periods import Micros
from ebbwatch.ruleset import problem_report
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.runtime.rulefiles import read_tests

if TYPE_CHECKING:
    from ebbwatch.core.facts.asof import History
    from ebbwatch.core.lookback.comparing import Compared, ComparedAlert
    from ebbwatch.core.render import Translator
    from ebbwatch.runtime.lookback.ruletests import Result, TimelineRow

Directory = Annotated[
    Path | None,
    typer.Argument(metavar="[DIR]", help="Rule files; by default the settings' directory, or the "
                   "default pack."),
]  # fmt: skip


# ---- check -------------------------------------------------------------------------------


def check(
    directory: Directory = None,
    format: Annotated[  # noqa: A002
        str, typer.Option("--format", help="text, json, or github (annotations).")
    ] = "text",
) -> None:
    """Say everything that is wrong with rule files, and where."""
    if format not in ("text", "json", "github"):
        common.stop(f"expected --format text, json or github, found {format}", common.WRONG_USE)
    # Rules live until the command ends: looking for what does not costs a third of the time.
    files = common.files_of(common.rules_directory(directory))
    found = root.load_rules(files)
    problems = found.problems
    if found.ruleset is not None:
        with common.faults_end_it():
            problems += common.in_vain(found.ruleset, files)
    match format:
        case "json":
            print(problem_report.as_json(problems))
        case "github":
            if problems:
                print(problem_report.as_github(problems))
        case _:
            if problems:
                print(problem_report.as_text(problems))
    if found.ruleset is None:
        raise typer.Exit(common.PROBLEMS)
    if format == "text":
        print(f"{_sizes(found.ruleset)}: fine")


def _sizes(ruleset: Ruleset) -> str:
    return f"{plural(len(ruleset.rules), 'rule')}, {plural(len(ruleset.series), 'series')}"


# ---- schema ------------------------------------------------------------------------------


def schema(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to; by default, here.")
    ] = None,
    *,
    tests: Annotated[bool, typer.Option("--tests", help="Of rule tests instead.")] = False,
) -> None:
    """Print the JSON Schema of rule files, for editors."""
    text = schema_text(tests=tests)
    if out is None:
        print(text, end="")
        return
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        common.stop(f"{out} cannot be written: {error.strerror}")


def schema_text(*, tests: bool = False) -> str:
    """Return the JSON Schema of rule files, or of rule tests, as a file holds it."""
    from ebbwatch.ruleset.json_schema import json_schema, schema_of_tests

    found = schema_of_tests() if tests else json_schema()
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


# ---- test --------------------------------------------------------------------------------


def test(directory: Directory = None) -> None:  # noqa: PT028  a command, not a test
    """Drive the tapes of a directory's rule tests, and compare what its rules say of them."""
    from ebbwatch.ruleset.tapes import load_tests
    from ebbwatch.runtime.lookback.ruletests import run

    place = common.rules_directory(directory)
    ruleset = common.valid(place, data_only=True)
    tests, problems = load_tests(read_tests(place), ruleset)
    if problems:
        print(problem_report.as_text(problems))
    if any(problem.severity == "error" for problem in problems):
        raise typer.Exit(common.PROBLEMS)
    if not tests:
        common.stop(f"there are no rule tests in {place / 'tests'}")
    failed = 0
    for one in tests:
        result = run(ruleset, one)
        print(f"{'✓' if result.passed else '✗'} {one.name}")
        if not result.passed:
            failed += 1
            print(test_failure(result))
    passed = f"{len(tests) - failed} of {plural(len(tests), 'test')} passed"
    print(f"\n{passed}" + (f", {failed} failed" if failed else ""))
    if failed:
        raise typer.Exit(common.PROBLEMS)


#: Widths of a cell of a timeline.
_CELL = 42


def test_failure(result: Result) -> str:
    """Return both timelines of a test that failed, side by side."""
    span = result.test.span
    lines = [f"  {span.file}:{span.line}  (- missing, + unexpected)"]
    if result.fault:
        return "\n".join([*lines, f"  {result.fault}"])
    for rule in result.test.rules:
        of_rule = [line for line in result.lines if line.rule == rule]
        if all(line.agrees for line in of_rule):
            continue
        lines += [f"  {rule}", f"      {'EXPECTED':<{_CELL}}  SEEN"]
        lines += [text for line in of_rule for text in _compared(line)]
    return "\n".join(lines)


def _compared(line: TimelineRow) -> Iterator[str]:
    wanted, seen = "nothing", "nothing"
    if line.expected is not None:
        wanted = f"{clock(line.at)}  {line.expected.change} {line.expected.level.word}"
    if line.seen is not None:
        seen = f"{clock(line.at)}  {line.seen.change} {line.seen.level.word}"
    mark = "    " if line.agrees else ("  - " if line.seen is None else "  + ")
    yield f"  {mark}{wanted:<{_CELL}}  {seen}"
    if line.expected is None and line.seen is not None:
        from ebbwatch.runtime.lookback.replay import amount

        t = line.seen
        reading = "" if t.value is None else f"{amount(t.value, t.unit)} "
        bound = "" if t.threshold is None else f", threshold {amount(t.threshold, t.unit)}"
        yield f"      {'':<{_CELL}}  {reading}for {t.period}{bound}"


# ---- diff --------------------------------------------------------------------------------


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A directory, or git:REVISION.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="A directory, or git:REVISION.")],
    since: Annotated[
        str | None,
        typer.Option(
            "--since", "--from", metavar="T", help="First day, or instant with an offset."
        ),
    ] = None,
    data: common.DataOption = None,
    store: common.StoreOption = None,
    format: common.FormatOption = "text",  # noqa: A002
    language: common.LanguageOption = None,
) -> None:
    """Show the alerts that an edit of rules adds, loses or shifts over history."""
    from ebbwatch.core.lookback.comparing import compared
    from ebbwatch.ruleset.difference import difference

    common.known_format(format)
    t = common.words(language)
    start = None if since is None else common.instant_of(since)
    with common.faults_end_it():
        before, after = (side_of(side, other) for side, other in ((old, new), (new, old)))
        past = common.history(before, data, store)
        same = (before.series, before.business) == (after.series, after.business)
        stays_old = _stays(before, past, start)
        stays_new = _stays(after, past if same else common.history(after, data, store), start)
    names = dict.fromkeys([*stays_old, *stays_new])
    rows = [compared(name, stays_old.get(name), stays_new.get(name)) for name in names]
    edits = difference(before, after)
    if format == "json":
        print(json.dumps(_diff_json(edits, rows), indent=2))
        return
    print("\n".join(_diff_text(t, edits, rows)))


def side_of(side: str, other: str) -> Ruleset:
    """Return the rules of a directory, or of a revision of the other side's directory."""
    from ebbwatch.runtime.revisions import PREFIX, NoSuchRevision, rules_at

    if not side.startswith(PREFIX):
        return common.valid(Path(side), data_only=True)
    place = Path("rules") if Path("rules").is_dir() else Path()
    if not other.startswith(PREFIX):
        place = Path(other)
    try:
        files = rules_at(side.removeprefix(PREFIX), place)
    except NoSuchRevision as error:
        common.stop(str(error), common.WRONG_USE)
    found = root.load_rules(files, data_only=True)
    if found.ruleset is None:
        common.stop_with(found.problems)
    return found.ruleset


def _stays(
    ruleset: Ruleset, history: History, start: Micros | None
) -> dict[str, list[ComparedAlert]]:
    """Return the alerts of every rule over a history, also of those that never fired."""
    from ebbwatch.core.alerting.judging import Judge
    from ebbwatch.core.lookback.comparing import stays
    from ebbwatch.model.periods import micros
    from ebbwatch.runtime.lookback import replay

    judge = Judge(ruleset, history)
    journal = replay.replay(judge)
    for name, error in journal.failures:
        print(f"ebbwatch: {name} could not be evaluated: {error}", file=sys.stderr)
    found = stays(replay.transitions(judge, journal, replay.WantedSpan()))
    return {
        rule.name: [
            stay
            for stay in found.get(rule.name, ())
            if start is None or micros(stay.begun_at) >= start
        ]
        for rule in ruleset.rules
    }


def _diff_text(t: Translator, edits: Sequence[str], rows: Sequence[Compared]) -> Iterator[str]:
    from ebbwatch.cli.comparison import comparison_lines, totals_line

    if edits:
        yield t.gettext("EDITS")
        yield from (f"  {line}" for line in edits)
        yield ""
    yield from comparison_lines(t, rows)
    yield totals_line(t, rows, sum(row.same for row in rows))


def _diff_json(edits: Sequence[str], rows: Sequence[Compared]) -> dict[str, Any]:
    """Return a comparison for programs."""
    from ebbwatch.core.lookback.comparing import per_year

    return {
        "edits": list(edits),
        "rules": [
            {
                "rule": row.rule,
                "old": None if row.old is None else len(row.old),
                "new": None if row.new is None else len(row.new),
                "added": [_stay_json(stay) for stay in row.added],
                "lost": [_stay_json(stay) for stay in row.lost],
                "shifted": [
                    {"old": _stay_json(shift.old), "new": _stay_json(shift.new)}
                    for shift in row.shifted
                ],
                "per_year": {
                    "old": _years(per_year(row.old or ())),
                    "new": _years(per_year(row.new or ())),
                },
            }
            for row in rows
        ],
    }


def _years(counts: Mapping[int, int]) -> dict[str, int]:
    return {str(year): count for year, count in counts.items()}


def _stay_json(stay: ComparedAlert) -> dict[str, Any]:
    return {
        "at": iso(stay.begun_at),
        "until": None if stay.ended_at is None else iso(stay.ended_at),
        "level": stay.level.word,
        "top": stay.top.word,
        "value": stay.value,
        "unit": stay.unit,
        "period": stay.period,
    }
