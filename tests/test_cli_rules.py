"""Commands about rule files: check, schema, test, diff."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ebbwatch.core.lookback.comparing import ComparedAlert, Shift, compared, per_year, stays
from ebbwatch.model.alert import Cause, Change, Level, Transition
from tests.cli import run
from tests.paths import ROOT

RULES = """
rules:
  - {name: spread, value: sofr - effr, above: {watch: 10 bp, critical: 50 bp}}
"""
TEST = """
tests:
  - name: two days
    rules: [spread]
    tape:
      sofr: {2019-09-16: 2.43 %, 2019-09-17: 5.25 %, 2019-09-18: 2.25 %}
      effr: {2019-09-16: 2.25 %, 2019-09-17: 2.30 %, 2019-09-18: 2.25 %}
    expect:
      - {at: "2019-09-17T09:00-04:00", rule: spread, change: fired, level: watch}
      - {at: "2019-09-18T09:00-04:00", rule: spread, change: escalated, level: critical}
"""


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBBWATCH_DATABASE_URL", f"sqlite:///{tmp_path}/state/ebbwatch.db")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with one rule and no test."""
    (tmp_path / "mine" / "tests").mkdir(parents=True)
    (tmp_path / "mine" / "rules.yaml").write_text(RULES)
    return tmp_path / "mine"


# ---- check and schema --------------------------------------------------------------------


def test_check_says_that_the_pack_is_fine() -> None:
    """The default pack has no problem, and is what is checked where nothing is named."""
    assert run("check").out == run("check", ROOT / "rules").out
    assert run("check", ROOT / "rules").out.endswith("series: fine\n")


def test_check_underlines_what_is_wrong(directory: Path) -> None:
    """Text shows the line, the culprit and a hint, and the exit code says so."""
    (directory / "rules.yaml").write_text(RULES.replace("effr", "efr"))
    ran = run("check", directory)
    assert ran.code == 1
    assert ran.out.splitlines() == [
        f"{directory}/rules.yaml:3:34: error: there is no series or define efr [unknown-name]",
        "  3 |   - {name: spread, value: sofr - efr, above: {watch: 10 bp, critical: 50 bp}}",
        "    |                                  ^^^",
        "  hint: did you mean effr?",
        "",
        "1 error",
    ]


def test_check_takes_a_single_file(directory: Path) -> None:
    """As a directory that holds it alone."""
    ran = run("check", directory / "rules.yaml")
    assert (ran.code, ran.out.split(",")[0]) == (0, "1 rule")


def test_check_of_an_empty_directory_is_no_success(tmp_path: Path) -> None:
    """Nothing is watched: nobody means that."""
    ran = run("check", tmp_path)
    assert ran.code == 2
    assert ran.err == f"ebbwatch: {tmp_path}: expected rule files (*.yaml, *.yml), found none\n"


def test_check_names_what_is_no_file(directory: Path) -> None:
    """A pipe is not waited for."""
    os.mkfifo(directory / "b.yaml")
    ran = run("check", directory)
    assert ran.code == 1
    assert "b.yaml:1:1: error: cannot read the file: a pipe, not a regular file" in ran.out


def test_a_file_given_for_a_directory_of_figures_is_said(directory: Path) -> None:
    """With what was meant."""
    ran = run("replay", "--rules", directory, "--data", directory / "rules.yaml")
    assert ran.code == 2
    assert "is a file: name the directory of <series>.csv files that it is in" in ran.err


def test_check_tells_programs_and_github(directory: Path) -> None:
    """JSON is a list of problems; GitHub gets annotations; nothing else is on stdout."""
    assert run("check", directory, "--format", "json").json == []
    assert run("check", directory, "--format", "github").out == ""
    (directory / "rules.yaml").write_text(RULES.replace("effr", "efr"))
    ran = run("check", directory, "--format", "json")
    assert (ran.code, [(p["line"], p["column"], p["code"]) for p in ran.json]) == (
        1, [(3, 34, "unknown-name")],
    )  # fmt: skip
    assert run("check", directory, "--format", "github").out.startswith("::error file=")


def test_check_asks_the_sources_about_series_of_the_users_own(directory: Path) -> None:
    """What a source cannot be asked for is told at load, though built-in series are not asked."""
    (directory / "series.yaml").write_text(
        "series: {mine: {source: {nyfed: sofrr}, unit: percent, every: day}}\n"
    )
    ran = run("check", directory, "--format", "json")
    assert [(p["code"], p["hint"]) for p in ran.json] == [("source-argument", "did you mean sofr?")]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("check", "/no/where"), "there is no directory /no/where"),
        (("check", ".", "--format", "xml"), "expected --format text, json or github, found xml"),
        (("diff", "a", "b", "--format", "xml"), "expected --format text or json, found xml"),
        (("diff", "/no/where", "/no/where"), "there is no directory /no/where"),
        (("diff", "git:-x", "/no/where"), "expected a revision after git:, found -x"),
    ],
)
def test_wrong_use_is_said_and_ends_with_2(typed: tuple[str, ...], said: str) -> None:
    """Nothing is printed for programs, and people are told what was expected."""
    ran = run(*typed)
    assert (ran.code, ran.out, ran.err) == (2, "", f"ebbwatch: {said}\n")


BUND = """
series:
  bund: {source: {fred: IRLTLT01DEM156N}, unit: percent per year, every: month}
  cash: {source: {csv: PATH}, unit: percent, every: day}
rules:
  - {name: high, value: bund, above: {watch: 3 %}}
  - {name: higher, value: bund, above: {watch: 4 %}}
  - {name: held, value: cash, above: {watch: 4 %}}
"""


def test_check_says_of_which_series_no_figure_can_come(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a key, without a file, and with nothing held: at the first rule that reads it."""
    (directory / "rules.yaml").write_text(BUND.replace("PATH", f"{directory}/cash.csv"))
    ran = run("check", directory)
    assert ran.code == 0
    assert ran.out.splitlines() == [
        (
            f"{directory}/rules.yaml:6:12: warning: no figures of bund can come: fred is not asked "
            "without a key, and none are held; higher too [no-figures]"
        ),
        "  6 |   - {name: high, value: bund, above: {watch: 3 %}}",
        "    |            ^^^^",
        "  hint: set EBBWATCH_FRED__API_KEY, or bring figures along: ebbwatch import bund FILE",
        "",
        (
            f"{directory}/rules.yaml:8:12: warning: no figures of cash can come: there is no file "
            f"{directory}/cash.csv, and none are held [no-figures]"
        ),
        "  8 |   - {name: held, value: cash, above: {watch: 4 %}}",
        "    |            ^^^^",
        "  hint: write it, or bring figures along: ebbwatch import cash FILE",
        "",
        "2 warnings",
        "3 rules, 48 series: fine",
    ]
    # Each way out is one.
    (directory / "cash.csv").write_text("period,value\n")
    codes = [problem["line"] for problem in run("check", directory, "--format", "json").json]
    assert codes == [6]
    figures = directory.parent / "figures.csv"
    figures.write_text("period,value,known_at\n2025-10-01,2.6,2025-11-10T00:00Z\n")
    assert run("import", "bund", figures, "--rules", directory).code == 0
    assert run("check", directory, "--format", "json").json == []
    (directory.parent / "state" / "ebbwatch.db").unlink()
    assert len(run("check", directory, "--format", "json").json) == 1
    monkeypatch.setenv("EBBWATCH_FRED__API_KEY", "a" * 32)
    assert run("check", directory, "--format", "json").json == []


def test_a_fallback_that_can_be_asked_is_enough(directory: Path) -> None:
    """The same as a first choice that can, and a rule that nobody reads is nobody's trouble."""
    text = BUND.replace("PATH", f"{directory}/cash.csv").replace(
        "{source: {fred: IRLTLT01DEM156N},",
        "{source: {fred: IRLTLT01DEM156N}, fallback: {nyfed: effr},",
    )
    rules, _, _ = text.partition("  - {name: held")
    (directory / "rules.yaml").write_text(rules)
    assert run("check", directory, "--format", "json").json == []


def test_the_schema_is_the_one_that_is_shipped(tmp_path: Path) -> None:
    """It goes to stdout, or to a file."""
    shipped = (ROOT / "docs" / "rules.schema.json").read_text("utf-8")
    assert run("schema").out == shipped
    assert run("schema", "--out", tmp_path / "s.json").out == ""
    assert (tmp_path / "s.json").read_text("utf-8") == shipped
    assert run("schema", "--out", tmp_path / "no" / "s.json").code == 1


# ---- test --------------------------------------------------------------------------------


def test_a_failed_test_shows_both_timelines_side_by_side(directory: Path) -> None:
    """What is missing and what is unexpected are marked; what agrees is shown between them."""
    (directory / "tests" / "a.yaml").write_text(TEST.replace("level: watch", "level: critical"))
    ran = run("test", directory)
    assert ran.code == 1
    assert ran.out.splitlines() == [
        "✗ two days",
        f"  {directory}/tests/a.yaml:3  (- missing, + unexpected)",
        "  spread",
        "      EXPECTED                                    SEEN",
        "    - Tue 2019-09-17 09:00 EDT  fired critical    nothing",
        "    + nothing                                     Tue 2019-09-17 09:00 EDT  fired watch",
        "                                                  18 bp for 2019-09-16, threshold 10 bp",
        f"      {'Wed 2019-09-18 09:00 EDT  escalated critical  ' * 2}".rstrip(),
        f"    + {'nothing':<42}  Thu 2019-09-19 09:00 EDT  resolved critical",
        "                                                  0 bp for 2019-09-18, threshold 50 bp",
        "",
        "0 of 1 test passed, 1 failed",
    ]


def test_a_test_that_holds_passes(directory: Path) -> None:
    """Its name is printed with a mark."""
    more = (
        '      - {at: "2019-09-19T09:00-04:00", rule: spread, change: resolved, level: critical}\n'
    )
    (directory / "tests" / "a.yaml").write_text(TEST + more)
    ran = run("test", directory)
    assert (ran.code, ran.out) == (0, "✓ two days\n\n1 of 1 test passed\n")


def test_arming_is_compared_where_a_test_expects_it(directory: Path) -> None:
    """A test that names no arming is complete without it; one that does must name each."""
    (directory / "rules.yaml").write_text(RULES.replace("}}", "}, for: 2 releases}"))
    quiet = TEST[: TEST.index("    expect")]
    (directory / "tests" / "a.yaml").write_text(
        quiet + '    expect:\n      - {at: "2019-09-18T09:00-04:00", rule: spread, change: fired,'
        " level: watch}\n"
        '      - {at: "2019-09-19T09:00-04:00", rule: spread, change: resolved, level: watch}\n'
    )
    assert run("test", directory).code == 0
    (directory / "tests" / "a.yaml").write_text(
        quiet + '    expect:\n      - {at: "2019-09-17T09:00-04:00", rule: spread, change: armed,'
        " level: watch}\n"
    )
    assert "+ nothing" in run("test", directory).out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tests: []", "there are no rule tests in"),
        (TEST.replace("sofr:", "sofrr:"), "there is no series sofrr"),
        (
            TEST.replace("[spread]", "[spread, candle]").replace("sofr:", 'gold: {"2019-09-17T12:00Z": $4/oz}\n      sofr:'),
            "gold has no release rule: give its figures an instant, [value, instant]",
        ),
    ],
)  # fmt: skip
def test_a_tape_that_cannot_be_driven_is_explained(directory: Path, text: str, said: str) -> None:
    """The exit code is 1, and nothing is said to have passed."""
    (directory / "more.yaml").write_text(
        "rules: [{name: candle, value: gold, above: {watch: $4000/oz}}]"
    )
    (directory / "tests" / "a.yaml").write_text(text)
    ran = run("test", directory)
    assert ran.code == 1
    assert said in ran.out + ran.err


# ---- diff --------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Spreads of 5, 15, 25, 5, 15, 5 bp on six days of September 2019."""
    (tmp_path / "data").mkdir()
    days = ["16", "17", "18", "19", "20", "23"]
    for name, values in (("sofr", (205, 215, 225, 205, 215, 205)), ("effr", (200,) * 6)):
        rows = [f"2019-09-{day},{value / 100}" for day, value in zip(days, values, strict=True)]
        (tmp_path / "data" / f"{name}.csv").write_text("\n".join(["period,value", *rows, ""]))
    return tmp_path / "data"


def _with(tmp_path: Path, name: str, watch: str) -> Path:
    (tmp_path / name).mkdir()
    text = RULES.replace("watch: 10 bp", f"watch: {watch}")
    (tmp_path / name / "rules.yaml").write_text(text)
    return tmp_path / name


def test_a_diff_shows_alerts_lost_and_shifted(tmp_path: Path, data: Path) -> None:
    """A higher threshold fires a day later, and not at all the second time."""
    old, new = _with(tmp_path, "old", "10 bp"), _with(tmp_path, "new", "20 bp")
    ran = run("diff", old, new, "--data", data)
    assert (ran.code, ran.out.splitlines()) == (
        0,
        [
            "EDITS",
            "  spread: watch 10 bp -> 20 bp",
            "",
            "spread  2 -> 1 alert",
            "  - lost     Mon 2019-09-23 09:00 EDT  watch at 15 bp, until 2019-09-24",
            "  ~ shifted  Thu 2019-09-19 09:00 EDT  watch at 25 bp, until 2019-09-20",
            "             fires 24 h later",
            "         2019",
            "    old     2",
            "    new     1",
            "",
            "0 alerts added, 1 lost, 1 shifted; 0 rules the same",
        ],
    )


def test_a_diff_counts_for_programs(tmp_path: Path, data: Path) -> None:
    """The same comparison as JSON, from an instant on."""
    old, new = _with(tmp_path, "old", "20 bp"), _with(tmp_path, "new", "10 bp")
    (new / "more.yaml").write_text("rules: [{name: low, value: sofr, below: {watch: 1 %}}]")
    ran = run("diff", old, new, "--data", data, "--since", "2019-09-20", "--format", "json")
    spread, low = ran.json["rules"]
    assert (spread["old"], spread["new"], spread["shifted"]) == (0, 1, [])
    assert spread["added"] == [
        {"at": "2019-09-23T09:00:00-04:00", "until": "2019-09-24T09:00:00-04:00",
         "level": "watch", "top": "watch", "value": 15.0, "unit": "bp", "period": "2019-09-20"}
    ]  # fmt: skip
    assert spread["per_year"] == {"old": {}, "new": {"2019": 1}}
    assert (low["old"], low["new"]) == (None, 0)


def test_a_diff_reads_a_revision_and_writes_nothing(tmp_path: Path, data: Path) -> None:
    """`git:HEAD` stands for the other side's directory as it was committed."""
    new = _with(tmp_path, "repository", "10 bp")
    (new / "tests").mkdir()
    (new / "tests" / "t.yaml").write_text("no: rules\n")

    def git(*words: str) -> None:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *who, *words], cwd=new, check=True, capture_output=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "Begin")
    (new / "rules.yaml").write_text(RULES.replace("watch: 10 bp", "watch: 20 bp"))
    before = sorted(str(path) for path in new.rglob("*"))
    ran = run("diff", "git:HEAD", new, "--data", data)
    assert ran.out.splitlines()[-1] == "0 alerts added, 1 lost, 1 shifted; 0 rules the same"
    assert sorted(str(path) for path in new.rglob("*")) == before
    ran = run("diff", "git:nothing", new, "--data", data)
    assert ran.code == 2
    assert ran.err.startswith(f"ebbwatch: git has no nothing of {new}: ")


def _move(day: int, change: Change, level: Level) -> Transition:
    return Transition(
        at=datetime(2020, 1, day, tzinfo=UTC), rule="r", change=change, level=level,
        before=Level.NONE, value=1.0, unit="bp", threshold=0.0, period=f"2020-01-{day:02}",
        episode="", cause=Cause.NEW_PERIOD,
    )  # fmt: skip


def _stay(begun: int, ended: int | None, top: Level = Level.WATCH) -> ComparedAlert:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    end = None if ended is None else start + timedelta(days=ended)
    return ComparedAlert("r", start + timedelta(days=begun), end, Level.WATCH, top, 1.0, "bp", "")


def test_transitions_make_stays() -> None:
    """A stay knows its highest level, and whether it goes on."""
    found = stays([
        _move(1, Change.FIRED, Level.WATCH), _move(2, Change.ESCALATED, Level.CRITICAL),
        _move(3, Change.EASED, Level.WATCH), _move(4, Change.RESOLVED, Level.WATCH),
        _move(6, Change.FIRED, Level.WARNING),
    ])["r"]  # fmt: skip
    assert [(s.begun_at.day, s.ended_at and s.ended_at.day, s.top) for s in found] == [
        (1, 4, Level.CRITICAL), (6, None, Level.WARNING),
    ]  # fmt: skip
    assert per_year(found) == {2019: 1, 2020: 1}  # the first fired on New Year's Eve in New York


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        pytest.param([_stay(1, 5)], [_stay(1, 5)], (0, 0, 0), id="the same"),
        pytest.param([_stay(1, 5)], [_stay(3, 5)], (0, 0, 1), id="later"),
        pytest.param([_stay(1, 5)], [_stay(1, None)], (0, 0, 1), id="goes on"),
        pytest.param([_stay(1, 5)], [_stay(1, 5, Level.CRITICAL)], (0, 0, 1), id="higher"),
        pytest.param([_stay(1, 5)], [_stay(5, 9)], (1, 1, 0), id="apart"),
        pytest.param([_stay(1, 9)], [_stay(1, 3), _stay(5, 9)], (1, 0, 1), id="one becomes two"),
        pytest.param([_stay(1, 3), _stay(5, 9)], [_stay(1, 9)], (0, 1, 1), id="two become one"),
        pytest.param(None, [_stay(1, 3)], (1, 0, 0), id="new rule"),
    ],
)  # fmt: skip
def test_alerts_find_their_partners(
    old: list[ComparedAlert] | None, new: list[ComparedAlert], counts: tuple[int, int, int]
) -> None:
    """Each alert has one partner: at the same instant, or else overlapping and nearest."""
    found = compared("r", old, new)
    assert (len(found.added), len(found.lost), len(found.shifted)) == counts
    assert found.same is (counts == (0, 0, 0) and old is not None)


def test_a_shift_says_by_how_much() -> None:
    """Later is positive."""
    assert Shift(_stay(1, 5), _stay(3, 5)).by == timedelta(days=2)
    assert json.dumps(per_year([])) == "{}"


def test_a_replay_that_ends_before_it_begins_is_refused() -> None:
    """Nothing was told would read as if nothing had happened."""
    ran = run("replay", "--from", "2025-01-02", "--to", "2025-01-01")
    assert ran.code == 2
    assert "--to 2025-01-01 lies before --from 2025-01-02" in ran.err
