"""The workbench: what is said on each save of rule files, and that nobody else hears of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Self

import pytest

from ebbwatch import app
from ebbwatch.app import workbench
from ebbwatch.app.workbench import Workbench
from ebbwatch.core.facts.asof import History
from ebbwatch.model.observation import TextItem
from ebbwatch.ruleset.rules import Ruleset
from tests.cli import run

AT = datetime(2025, 11, 21, 15, tzinfo=UTC)
RULES = """
rules:
  - {name: spread, value: sofr - effr, above: {watch: 10 bp, critical: 50 bp}}
  - {name: high, value: sofr, above: {watch: 4 %}}
"""
TESTS = """
tests:
  - name: two days
    rules: [spread]
    tape:
      sofr: {2019-09-16: 2.43 %, 2019-09-17: 2.25 %}
      effr: {2019-09-16: 2.25 %, 2019-09-17: 2.25 %}
    expect:
      - {at: "2019-09-17T09:00-04:00", rule: spread, change: fired, level: watch}
      - {at: "2019-09-18T09:00-04:00", rule: spread, change: resolved, level: watch}
"""
#: Of 10 to 20 November 2025; spreads of 7, 17 and 60 bp.
FIGURES = {
    "sofr": ("3.95", "4.05", "3.95", "4.48", "3.95", "3.95", "3.95", "3.95"),
    "effr": ("3.88",) * 8,
}
DAYS = ("10", "12", "13", "14", "17", "18", "19", "20")


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    """A directory of figures."""
    folder = tmp_path / "figures"
    folder.mkdir()
    for name, values in FIGURES.items():
        rows = "".join(f"2025-11-{d},{v}\n" for d, v in zip(DAYS, values, strict=True))
        (folder / f"{name}.csv").write_text(f"period,value\n{rows}")
    return folder


class Reader:
    """Reads figures of a folder, and counts how often."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read = 0

    def __call__(self, ruleset: Ruleset) -> History:
        self.read += 1
        return app.history_from_data(ruleset, self.folder)


@pytest.fixture
def bench(figures: Path) -> Workbench:
    """A workbench over those figures, with nothing in force yet."""
    return Workbench(Reader(figures), lambda _ruleset: (), AT)


def look(bench: Workbench, rules: str, tests: str = "") -> workbench.Looked:
    """Return what rules come to."""
    return bench.look({"a.yaml": rules.encode()}, {"tests/a.yaml": tests.encode()} if tests else {})


# ---- one save ----------------------------------------------------------------------------


def test_the_first_look_says_how_rules_stand_and_is_what_is_in_force(bench: Workbench) -> None:
    """Every rule with its reading; there is nothing yet to compare with."""
    tried = look(bench, RULES, TESTS)
    assert [(row.rule.name, row.state) for row in tried.standings] == [
        ("spread", "inactive"), ("high", "inactive"),
    ]  # fmt: skip
    assert [row.reading.value for row in tried.standings if row.reading] == [7.0, 3.95]
    assert [result.passed for result in tried.tests] == [True]
    assert (tried.problems, tried.edits, tried.compared) == ((), (), ())


def test_an_edit_is_told_by_the_alerts_it_gains_loses_and_shifts(bench: Workbench) -> None:
    """Against the rules in force, and not against the save before."""
    look(bench, RULES)
    look(bench, RULES.replace("watch: 10 bp", "watch: 30 bp"))
    tried = look(bench, RULES.replace("watch: 10 bp", "watch: 5 bp"), TESTS)
    assert tried.edits == ("spread: watch 10 bp -> 5 bp",)
    (row,) = tried.compared
    assert (row.rule, len(row.old or ()), len(row.new or ())) == ("spread", 2, 1)
    assert [str(one.begun_at)[:10] for one in row.lost] == ["2025-11-17"]
    assert [str(shift.new.begun_at)[:10] for shift in row.shifted] == ["2025-11-12"]
    # The rule fires now, and its test says that it should not have fired so early.
    assert tried.standings[0].state == "firing"


def test_rules_that_come_and_go_are_compared_with_nothing(bench: Workbench) -> None:
    """A new rule has only new alerts, a removed one only lost ones."""
    look(bench, RULES)
    tried = look(bench, RULES.replace("name: high", "name: higher"))
    assert [(row.rule, row.old is None, row.new is None) for row in tried.compared] == [
        ("higher", True, False), ("high", False, True),
    ]  # fmt: skip
    assert [len(row.added) for row in tried.compared] == [2, 0]
    assert [len(row.lost) for row in tried.compared] == [0, 2]


def test_a_mistake_is_all_that_is_said(bench: Workbench) -> None:
    """And what is in force stays what it was."""
    look(bench, RULES)
    tried = look(bench, RULES.replace("effr", "efr"))
    assert [problem.code for problem in tried.problems] == ["unknown-name"]
    assert (tried.ruleset, tried.standings, tried.tests) == (None, (), ())
    assert look(bench, RULES).edits == ()


def test_a_beginning_with_a_mistake_waits_for_the_first_rules_without(bench: Workbench) -> None:
    """They are what is in force."""
    look(bench, "rules: [")
    assert bench.in_force is None
    assert look(bench, RULES).edits == ()


def test_a_test_that_fails_is_told_and_one_that_is_wrong_too(bench: Workbench) -> None:
    """The edit is judged by the tests as they are saved."""
    tried = look(bench, RULES.replace("watch: 10 bp", "watch: 20 bp"), TESTS)
    assert [result.passed for result in tried.tests] == [False]
    tried = look(bench, RULES, TESTS.replace("rules: [spread]", "rules: [spred]"))
    assert "unknown-rule" in [problem.code for problem in tried.test_problems]
    assert tried.standings


def test_only_what_changed_is_reckoned_again(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A save costs what it changed, and figures are read once while series stay the same."""
    driven: list[str] = []
    only = workbench.Judge.only

    def noted(judge: workbench.Judge, names: list[str]) -> workbench.Judge:
        driven.extend(names)
        return only(judge, names)

    monkeypatch.setattr(workbench.Judge, "only", noted)
    look(bench, RULES)
    assert driven == ["spread", "high"]
    look(bench, RULES.replace("watch: 10 bp", "watch: 11 bp"))
    look(bench, RULES)
    assert driven == ["spread", "high", "spread"]
    assert isinstance(bench.history, Reader)
    assert bench.history.read == 1


def test_an_edited_catalogue_reads_the_figures_anew(bench: Workbench) -> None:
    """Every rule may say something else then."""
    look(bench, RULES)
    other = "series: {mine: {source: {csv: x.csv}, unit: percent, every: day}}\n"
    tried = look(bench, RULES + other)
    assert isinstance(bench.history, Reader)
    assert bench.history.read == 2
    assert [row.same for row in tried.compared] == [True, True]
    assert tried.edits == ("series mine added",)


def test_rules_of_texts_are_tried_over_the_texts(figures: Path) -> None:
    """A text that a rule asks for is an alert that is over at once."""
    at = datetime(2025, 10, 29, 18, tzinfo=UTC)
    item = TextItem(source="fed_press", key="a", title="A", body="will conclude the reduction",
                    published_at=at, known_at=at)  # fmt: skip
    bench = Workbench(Reader(figures), lambda _ruleset: (item,), AT)
    text = "rules: [{{name: ends, text: fed_press, matches: {}, level: watch}}]\n"
    look(bench, text.format("nothing like it"))
    (row,) = look(bench, text.format("conclude the")).compared
    (alert,) = row.added
    assert (alert.begun_at, alert.ended_at) == (at, at)


def test_ten_thousand_rules_are_bounded_and_what_is_left_out_is_counted(
    bench: Workbench,
) -> None:
    """Those that were edited come first."""
    many = [
        f"  - {{name: r{n}, value: sofr - effr, above: {{watch: 10 bp}}}}" for n in range(10_000)
    ]
    first = look(bench, "\n".join(["rules:", *many]))
    assert (len(first.standings), first.unlisted) == (workbench.MOST_LISTED, 9_800)
    many[9_000] = many[9_000].replace("10 bp", "20 bp")
    began = time.process_time()
    tried = look(bench, "\n".join(["rules:", *many]))
    assert time.process_time() - began < 20
    assert "r9000" in {row.rule.name for row in tried.standings}
    assert ([row.rule for row in tried.compared], tried.untried) == (["r9000"], 0)
    tried = look(bench, "\n".join(["rules:", *(one.replace("10 bp", "30 bp") for one in many)]))
    assert len(tried.compared) == workbench.MOST_TRIED
    assert tried.untried == 10_000 - workbench.MOST_TRIED


# ---- beside an editor --------------------------------------------------------------------


class Beside:
    """A workbench that runs beside an editor, and what it prints."""

    def __init__(self, directory: Path, figures: Path, database: Path, *more: str) -> None:
        self.lines: Queue[str] = Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ebbwatch", "try", str(directory), "--data", str(figures), *more],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "EBBWATCH_DATABASE_URL": f"sqlite:///{database}"},
        )  # fmt: skip
        self._reading = Thread(target=self._read, daemon=True)
        self._reading.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_rest: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reading.join()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def block(self, end: str, patience_s: float = 30) -> list[str]:
        """Return the lines up to one that holds some words, that one included."""
        found: list[str] = []
        until = time.monotonic() + patience_s
        while True:
            try:
                found.append(self.lines.get(timeout=max(0.01, until - time.monotonic())))
            except Empty:
                raise AssertionError("\n".join(found) or "nothing was printed") from None
            if end in found[-1]:
                return found

    def interrupt(self) -> int:
        """Press Ctrl-C, and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Two rules and their test."""
    (tmp_path / "mine" / "tests").mkdir(parents=True)
    (tmp_path / "mine" / "a.yaml").write_text(RULES)
    (tmp_path / "mine" / "tests" / "a.yaml").write_text(TESTS)
    return tmp_path / "mine"


@pytest.fixture
def beside(directory: Path, figures: Path, tmp_path: Path) -> Iterator[Beside]:
    """One that has shown how things stand at the beginning."""
    with Beside(directory, figures, tmp_path / "state.db") as started:
        started.block("The same as")
        yield started


def test_each_kind_of_save_is_shown_and_ctrl_c_ends_it_well(
    beside: Beside, directory: Path, tmp_path: Path
) -> None:
    """In place, by renaming, of a test, half written: each comes to a block of lines."""
    file = directory / "a.yaml"
    file.write_text(RULES.replace("watch: 10 bp", "watch: 20 bp"))
    shown = beside.block("shifted")
    assert re.fullmatch(r"── \w{3} [\d-]{10} [\d:]{8} \w{3}  .*mine ──", shown[0] or shown[1])
    assert any(line.startswith("✗ two days") for line in shown)
    assert "0 of 1 test passed" in shown
    assert "  spread: watch 10 bp -> 20 bp" in shown
    assert "spread  2 -> 1 alert" in shown
    assert shown[-1] == "0 alerts added, 1 lost, 0 shifted; 1 rule the same"
    assert "    old     2" in shown

    (directory / ".a.yaml.swp").write_text(RULES.replace("effr", "efr"))
    (directory / ".a.yaml.swp").rename(file)
    shown = beside.block("1 error")
    assert "  hint: did you mean effr?" in shown
    assert not any("RULE" in line for line in shown)

    with file.open("w") as half:
        half.write(RULES[:30])
        half.flush()
        time.sleep(0.05)
        half.write(RULES[30:])
    beside.block("The same as")
    (directory / "tests" / "a.yaml").write_text(TESTS.replace("level: watch", "level: critical"))
    assert "0 of 1 test passed" in beside.block("The same as")

    assert beside.interrupt() == 0
    assert beside.process.stderr is not None
    assert beside.process.stderr.read() == ""
    assert not (tmp_path / "state.db").exists()


def test_a_directory_that_goes_and_comes_back_is_waited_for(
    beside: Beside, directory: Path, tmp_path: Path
) -> None:
    """It says that it is gone, and goes on when it is there again, edited or not."""
    directory.rename(tmp_path / "elsewhere")
    assert any("expected a directory with rule files" in one for one in beside.block("1 error"))
    (tmp_path / "elsewhere" / "a.yaml").write_text(RULES.replace("watch: 4 %", "watch: 4.2 %"))
    (tmp_path / "elsewhere").rename(directory)
    assert "  high: watch 4 % -> 4.2 %" in beside.block("shifted")
    (directory / "a.yaml").unlink()
    beside.block("1 error")
    (directory / "a.yaml").write_text(RULES)
    beside.block("The same as")
    assert beside.interrupt() == 0


def test_a_save_is_shown_within_two_seconds(beside: Beside, directory: Path) -> None:
    """The best of five, for machines that are busy otherwise."""
    took = []
    for bound in range(11, 16):
        (directory / "a.yaml").write_text(RULES.replace("watch: 10 bp", f"watch: {bound} bp"))
        began = time.monotonic()
        beside.block("shifted;")
        took.append(time.monotonic() - began)
    assert min(took) < 2


def test_who_begins_with_nothing_sees_what_the_first_rule_would_have_said(
    figures: Path, tmp_path: Path
) -> None:
    """An empty directory is compared with no rules at all."""
    empty = tmp_path / "empty"
    empty.mkdir()
    with Beside(empty, figures, tmp_path / "state.db") as beside:
        beside.block("1 error")
        (empty / "a.yaml").write_text(RULES)
        shown = beside.block("shifted")
        assert "EDITS against no rules at all" in shown
        assert "spread  new rule, 2 alerts" in shown
        assert beside.interrupt() == 0


def test_other_rules_in_force_can_be_named(directory: Path, figures: Path, tmp_path: Path) -> None:
    """A directory, or the settings'; in Chinese, too."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "b.yaml").write_text(RULES.replace("watch: 10 bp", "watch: 20 bp"))
    more = ("--against", str(tmp_path / "theirs"), "--language", "zh-Hant")
    with Beside(directory, figures, tmp_path / "state.db", *more) as beside:
        shown = beside.block("變動 0 則")
        assert f"相對於「{tmp_path}/theirs」的修改" in shown
        assert "spread  1 → 2 則警示" in shown
        assert "1 項測試通過 1 項" in shown


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("/no/where",), "there is no directory /no/where"),
        ((".", "--against", "/no/where"), "there is no directory /no/where"),
        ((".", "--store", "some"), "expected --store none, found some"),
        (
            (".", "--language", "fr"),
            "expected --language en, zh-Hant, zh-Hans or zh-Hant-HK, found fr",
        ),
    ],
)
def test_wrong_use_is_said_and_nothing_is_watched(typed: tuple[str, ...], said: str) -> None:
    """It ends at once."""
    ran = run("try", *typed)
    assert (ran.code, ran.out, ran.err) == (2, "", f"ebbwatch: {said}\n")
