"""The command that tries rule files while they are edited, beside any editor: try."""

from __future__ import annotations

import asyncio
import errno
import gc
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated

import typer

from ebbwatch import app as root
from ebbwatch.cli import common
from ebbwatch.cli.history import progress
from ebbwatch.cli.printing import clock, fitted
from ebbwatch.cli.rule_commands import side_of, test_failure
from ebbwatch.core.facts.figure_tables import TableFault
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.ports import EbbwatchError
from ebbwatch.ruleset import problem_report
from ebbwatch.ruleset.yaml import Content
from ebbwatch.runtime.rulefiles import read_with_tests, tests_of

if TYPE_CHECKING:
    from ebbwatch.app.workbench import Looked, Workbench
    from ebbwatch.core.answering.status import Standing
    from ebbwatch.core.facts.asof import History
    from ebbwatch.core.render import Translator
    from ebbwatch.model.observation import TextItem
    from ebbwatch.model.problem import Problem
    from ebbwatch.ruleset.rules import Ruleset

#: Edits, rules and alerts of a rule, tests and problems that are spelled out of one save.
_EDITS, _RULES, _ALERTS, _TESTS, _PROBLEMS = 20, 20, 10, 10, 10
#: Rows of a terminal that the rest leaves to the table at least.
_LEAST_ROWS = 8
#: So that a save is seen within two seconds where nobody reports it.
_LOOK_EVERY = timedelta(seconds=1)
_CLEAR = "\x1b[H\x1b[2J"

Against = Annotated[
    str | None,
    typer.Option(
        "--against", metavar="RULES", help="The rules in force: a directory, or git:REVISION; by "
        "default the settings' directory, or what DIR held when this began.",
    ),
]  # fmt: skip


def try_(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Rule files, or one file.")],
    against: Against = None,
    data: common.DataOption = None,
    store: common.StoreOption = None,
    language: common.LanguageOption = None,
) -> None:
    """Show on each save what rules say now, and what the edit would have done; tell nobody."""
    # Off for commands, whose life is short; this one's is long.
    gc.enable()
    t = common.words(language)
    with common.faults_end_it(), _ctrl_c_is_the_end():
        if not directory.exists():
            common.stop(f"there is no directory {directory}", common.WRONG_USE)
        in_force, what = _in_force(directory, against, t)
        bench = _workbench(in_force, data, store)
        screen = _Screen(directory, bench, what, t)
        asyncio.run(_watch(directory, screen))


class _ctrl_c_is_the_end:  # noqa: N801  reads as a sentence where it is used
    """End at once and well on Ctrl-C, whatever is being reckoned."""

    def __enter__(self) -> None:
        # Of its own, asyncio would wait for the next pause.
        signal.signal(signal.SIGINT, _interrupt)

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> bool:
        return kind is not None and issubclass(kind, KeyboardInterrupt)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _in_force(directory: Path, against: str | None, t: Translator) -> tuple[Ruleset | None, str]:
    """Return the rules that edits are compared with, and what they are called.

    None where that is what the directory holds: what it holds first without an error is it.
    """
    if against is not None:
        return side_of(against, str(directory)), against
    own = common.settings().rules_dir
    if own is not None and own.exists() and not own.samefile(directory):
        return common.valid(own, data_only=True), str(own)
    try:
        root.rule_files(directory)
    except OSError as error:
        if error.errno == errno.ENOENT:
            # Whoever begins with nothing wants to know what the first rule would have said.
            return root.load_rules({}).ruleset, t.gettext("no rules at all")
    return None, ""


def _workbench(in_force: Ruleset | None, data: Path | None, store: str | None) -> Workbench:
    from ebbwatch.app.workbench import Workbench

    if store not in (None, "none"):
        common.stop(f"expected --store none, found {store}", common.WRONG_USE)

    def history(ruleset: Ruleset) -> History:
        if data is not None:
            return root.history_from_data(ruleset, data)
        kept = None if store is not None else common.existing_store()
        try:
            return root.history_from_archive(ruleset, kept)
        finally:
            if kept is not None:
                kept.close()

    def texts(ruleset: Ruleset) -> Sequence[TextItem]:
        return () if data is not None else common.texts(ruleset, store)

    def warned(ruleset: Ruleset, files: Mapping[str, Content]) -> tuple[Problem, ...]:
        # Figures of a folder are all there are, and its tables are at hand.
        return () if data is not None else common.in_vain(ruleset, files)

    return Workbench(history, texts, common.now(), in_force, warned)


async def _watch(directory: Path, screen: _Screen) -> None:
    """Look at the files now, and whenever they change."""
    from ebbwatch.clocks import SystemClock
    from ebbwatch.runtime.reload import RulesWatch

    watch = RulesWatch(
        directory, clock=SystemClock(), held={}, changed=screen.show, read=read_with_tests,
        look_every=_LOOK_EVERY,
    )  # fmt: skip
    await watch.run()


class _Screen:
    """Shows what each save came to: drawn anew on a terminal, as a block of lines elsewhere."""

    def __init__(self, place: Path, bench: Workbench, what: str, t: Translator) -> None:
        self._place = place
        self._bench = bench
        self._what = what
        self._t = t
        self._drawn = sys.stdout.isatty()

    async def show(self, files: Mapping[str, Content]) -> None:
        """Look at the files, and show what they come to."""
        tests = tests_of(self._place)
        of_tests = {path for path in files if Path(path).is_relative_to(tests)}
        rules = {path: text for path, text in files.items() if path not in of_tests}
        try:
            with progress(printing=False) as doing:
                doing("Trying the rules")
                tried = self._bench.look(rules, {path: files[path] for path in of_tests})
        except (OSError, TableFault, EbbwatchError, root.NoSuchDirectory) as error:
            # The next save, or the next figures, may mend it.
            self._print([self._head(), f"the figures cannot be read: {error}"])
            return
        if not self._what and tried.ruleset is not None:
            self._what = self._t.gettext("what {place} held at {clock}").format(
                place=self._place, clock=clock(common.now())
            )
        self._print(self._lines(tried))

    def _print(self, lines: Iterable[str]) -> None:
        text = "\n".join(lines)
        print(f"{_CLEAR}{text}" if self._drawn else f"{text}\n", flush=True)

    def _head(self) -> str:
        at = common.now().astimezone(NEW_YORK)
        return f"── {at:%a %Y-%m-%d %H:%M:%S %Z}  {self._place} ──"

    def _lines(self, tried: Looked) -> Iterator[str]:
        yield self._head()
        yield from self._problems(tried.problems)
        if tried.ruleset is None:
            return
        below = [*self._tests(tried), *self._effect(tried)]
        room = len(tried.standings)
        if self._drawn:
            taken = sum(line.count("\n") + 1 for line in below) + 5
            room = max(_LEAST_ROWS, get_terminal_size().lines - taken)
        yield from self._table(tried, room)
        yield from below

    def _problems(self, problems: Sequence[Problem]) -> Iterator[str]:
        if not problems:
            return
        shown = problems[:_PROBLEMS]
        yield "\n\n".join(problem.render() for problem in shown)
        if len(shown) < len(problems):
            yield self._more(len(problems) - len(shown))
        yield f"\n{problem_report.counted(problems)}"

    def _more(self, count: int) -> str:
        from ebbwatch.core.render.words import and_more

        return and_more(self._t, count)

    # ---- now -------------------------------------------------------------------------

    def _table(self, tried: Looked, room: int) -> Iterator[str]:
        """Yield how rules stand; where room is short, those that matter most."""
        from ebbwatch.core.render.standings import standings_footer, standings_table

        rows = _foremost(tried, room)
        yield fitted(standings_table(self._t, rows))
        if more := len(tried.standings) - len(rows) + tried.unlisted:
            yield self._more(more)
        yield standings_footer(self._t, tried.standings)
        for name, fault in tried.failures:
            yield f"{name} could not be evaluated: {fault}"
        yield ""

    # ---- tests -----------------------------------------------------------------------

    def _tests(self, tried: Looked) -> Iterator[str]:
        if tried.test_problems:
            yield from self._problems(tried.test_problems)
            yield ""
        if not tried.tests:
            return
        failed = [result for result in tried.tests if not result.passed]
        for result in failed[:_TESTS]:
            yield f"✗ {result.test.name}"
            yield test_failure(result)
        if len(failed) > _TESTS:
            yield self._more(len(failed) - _TESTS)
        t, passed = self._t, len(tried.tests) - len(failed)
        said = t.ngettext(
            "{passed} of {n} test passed", "{passed} of {n} tests passed", len(tried.tests)
        ).format(passed=t.count(passed), n=t.count(len(tried.tests)))
        if tried.untested:
            more = t.gettext("{n} left out").format(n=t.count(tried.untested))
            said = t.gettext("{line}, {more}").format(line=said, more=more)
        yield said
        yield ""

    # ---- the edit --------------------------------------------------------------------

    def _effect(self, tried: Looked) -> Iterator[str]:
        """Yield what the edit would have done over history."""
        from ebbwatch.cli.comparison import comparison_lines, totals_line

        t = self._t
        if not tried.edits:
            yield t.gettext("The same as {rules}.").format(rules=self._what)
            return
        yield t.gettext("EDITS against {rules}").format(rules=self._what)
        yield from (f"  {line}" for line in tried.edits[:_EDITS])
        if len(tried.edits) > _EDITS:
            yield f"  {self._more(len(tried.edits) - _EDITS)}"
        yield ""
        changed = [row for row in tried.compared if not row.same]
        yield from comparison_lines(t, changed[:_RULES], most=_ALERTS)
        if len(changed) > _RULES:
            yield self._more(len(changed) - _RULES)
        if tried.untried:
            yield t.ngettext(
                "{n} more edited rule was not tried over history",
                "{n} more edited rules were not tried over history",
                tried.untried,
            ).format(n=t.count(tried.untried))
        assert tried.ruleset is not None
        there = len(tried.ruleset.rules) - sum(row.new is not None for row in changed)
        yield totals_line(t, tried.compared, there - tried.untried)


def _foremost(tried: Looked, room: int) -> Sequence[Standing]:
    """Return as many rules as there is room for: edited, then firing, then the others."""
    rows = tried.standings
    if len(rows) <= room:
        return rows
    edited = {row.rule for row in tried.compared}
    states = ("firing", "pending", "broken")

    def weight(row: Standing) -> int:
        if row.rule.name in edited:
            return 0
        return 1 if row.state in states else 2

    chosen = {row.rule.name for row in sorted(rows, key=weight)[:room]}
    return [row for row in rows if row.rule.name in chosen]
