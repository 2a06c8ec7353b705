"""Suppositions: what the next figures would do, by the code that runs live, and nothing kept."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ebbwatch import app
from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.answering.json_rows import transition_row
from ebbwatch.core.answering.supposing import Supposed, supposed_figures
from ebbwatch.core.answering.what_if import WhatIf
from ebbwatch.core.facts.asof import History
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import FREQUENCIES, micros
from ebbwatch.model.problem import Problem
from ebbwatch.runtime.desk import Desk, walked_states
from ebbwatch.runtime.lookback.replay import WantedSpan, replay, transitions
from ebbwatch.store.open import open_store
from tests.cli import run

ALONE = ("--store", "none")
DAY = FREQUENCIES["day"]
RULES = """
rules:
  - {name: spread, value: sofr - effr, above: {watch: 10 bp, critical: 50 bp}, clear: 5 bp}
  - {name: lasting, value: sofr - effr, above: {warning: 10 bp}, for: 2 releases}
  - {name: over, when: sofr > 5 %, level: watch}
  - {name: elsewhere, value: obfr, above: {watch: 1 %}}
"""


@pytest.fixture(autouse=True)
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a database that is not there yet."""
    made = f"sqlite:///{tmp_path}/state.db"
    monkeypatch.setenv("EBBWATCH_DATABASE_URL", made)
    return made


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Four small rules, and figures up to Thursday 20 November 2025."""
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "figures").mkdir()
    for name, value in (("sofr", "3.95"), ("effr", "3.88"), ("obfr", "3.87")):
        rows = "".join(f"2025-11-{day},{value}\n" for day in (17, 18, 19, 20))
        (tmp_path / "figures" / f"{name}.csv").write_text(f"period,value\n{rows}")
    return tmp_path


def asked(mine: Path, *figures: str, at: str = "2025-11-21T09:30-05:00") -> tuple[str, ...]:
    """Return a command about those rules and figures."""
    return ("what-if", *figures, "--at", at, "--rules", f"{mine}/rules.yaml",
            "--data", f"{mine}/figures")  # fmt: skip


# ---- as it would be ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def archived() -> Judge:
    """The default pack over the archive."""
    ruleset = app.load_rules(app.rule_files(app.default_rules()), data_only=True).ruleset
    assert ruleset is not None
    return Judge(ruleset, app.history_from_archive(ruleset, None))


@pytest.mark.parametrize(
    ("at", "end"),
    [
        # The spread escalated on the figures of 31 October 2025, and eased two days later.
        ("2025-11-03T07:59-05:00", "2025-11-03T09:00-05:00"),
        ("2025-11-05T07:59-05:00", "2025-11-05T09:00-05:00"),
        ("2019-09-17T07:59-04:00", "2019-09-17T09:00-04:00"),
        # The H.4.1 of an ordinary Thursday moves several rules at once.
        ("2019-09-05T16:29-04:00", "2019-09-05T16:30-04:00"),
        ("2020-03-19T16:29-04:00", "2020-03-19T16:30-04:00"),
    ],
)
def test_the_figures_that_came_would_have_done_what_they_did(
    archived: Judge, at: str, end: str
) -> None:
    """Supposed just before they came out, true figures make the very transitions of a replay."""
    began, ended = (micros(datetime.fromisoformat(text)) for text in (at, end))
    came = {
        name: figure
        for name in archived.history.held
        for figure in archived.history.observations(name)
        if began < micros(figure.known_at) <= ended and figure.value is not None
    }
    texts = [
        f"{name}@{archived.history.catalogue[name].every.text(figure.period)}="
        + _typed(name, archived, Decimal(figure.value.numerator) / figure.value.denominator)
        for name, figure in came.items()
        if figure.value is not None
    ]
    assert texts
    moment = datetime.fromisoformat(at).astimezone(UTC)
    told = Desk(lambda: archived, walked_states(lambda: archived)).what_if(texts, moment)
    assert isinstance(told, WhatIf)
    journal = replay(archived, ended)
    span = WantedSpan(began + 1, ended + 1, everything=True)
    truly = [_bare(transition_row(move)) for move in transitions(archived, journal, span)]
    assert [_bare(transition_row(move)) for move in told.changes] == truly
    assert truly


def _typed(name: str, judge: Judge, value: Decimal) -> str:
    unit = judge.history.catalogue[name].unit
    if unit.dimension.kind == "money":
        return f"{'-' if value < 0 else ''}${abs(value):f}"
    return f"{value * 100:f}%"


def _bare(row: dict[str, object]) -> dict[str, object]:
    """Return a change without where its figures come from."""
    return {key: value for key, value in row.items() if key != "inputs"}


def test_the_history_and_the_store_stay_as_they_are(archived: Judge) -> None:
    """Asked twice, the answer is the same: what was supposed is forgotten."""
    desk = Desk(lambda: archived, walked_states(lambda: archived))
    at = datetime(2025, 11, 3, 12, 59, tzinfo=UTC)
    before = {name: archived.history.version(name) for name in archived.history.held}
    first = desk.what_if(["sofr=4.40%", "effr=3.88%"], at)
    again = desk.what_if(["sofr=4.40%", "effr=3.88%"], at)
    assert isinstance(first, WhatIf)
    assert isinstance(again, WhatIf)
    assert first.changes == again.changes
    assert before == {name: archived.history.version(name) for name in archived.history.held}


def test_nothing_is_written(mine: Path, address: str) -> None:
    """Neither a store is made where there is none, nor one changed that is there."""
    at = ("--at", "2025-11-21T09:30-05:00", "--rules", f"{mine}/rules.yaml")
    file = Path(address.removeprefix("sqlite:///"))
    assert run("what-if", "sofr=4.40%", *at).code == 0
    assert not file.exists()
    store = open_store(address)
    with store.transaction():
        store.record([
            Observation(series="obfr", period=DAY.parse("2025-11-21"), value=Decimal("0.04"),
                        known_at=datetime(2025, 11, 21, 14, tzinfo=UTC), source="nyfed")
        ])  # fmt: skip
    held = list(store.observations())
    store.close()
    told = run("what-if", "sofr=4.40%", "effr=3.88%", *at, "--format", "json").json
    assert [move["rule"] for move in told["changes"]]
    store = open_store(address)
    assert list(store.observations()) == held
    assert not store.alerts()
    assert not store.transitions()
    store.close()


# ---- what is said ------------------------------------------------------------------------


def test_people_are_told_what_moves_and_how_far_the_others_are(mine: Path) -> None:
    """The figures, the changes each with its threshold, and what the rest would still need."""
    ran = run(*asked(mine, "sofr=4.05%", "effr=3.88%"))
    assert ran.out.splitlines() == [
        "as known Fri 2025-11-21 09:30 EST",
        "",
        "SUPPOSED  PERIOD       VALUE  HELD NOW              COMES OUT",
        "sofr      2025-11-21  4.05 %  3.95 % of 2025-11-20  24 Nov 08:00",
        "effr      2025-11-21  3.88 %  3.88 % of 2025-11-20  24 Nov 09:00",
        "",
        "   RULE     WOULD            VALUE  THRESHOLD  FOR",
        "◐  lasting  becomes pending  17 bp      10 bp  2025-11-21",
        "●  spread   fires at watch   17 bp      10 bp  2025-11-21",
        "",
        "   RULE  LEVEL  VALUE  AWAY  FROM",
        "·  over         false",
        "",
        "2 rules would move, 1 would not. Nothing is kept of this.",
    ]


def test_a_rule_that_lacks_another_figure_says_which(mine: Path) -> None:
    """SOFR comes an hour before EFFR: the spread is read when both are there."""
    ran = run(*asked(mine, "sofr=4.05%"))
    assert "·  spread           7 bp        waits for effr" in ran.out
    told = run(*asked(mine, "sofr=4.05%"), "--format", "json").json
    row = next(row for row in told["others"] if row["rule"] == "spread")
    assert row["waits_for"] == [{"series": "effr", "period": "2025-11-21"}]
    assert row["nearest"] == {"level": "watch", "threshold": 10.0, "distance": 3.0}


def test_a_small_figure_leaves_the_distance_to_the_threshold(mine: Path) -> None:
    """Far and near, by the rule's own unit; a resolution counts as a step as well."""
    told = run(*asked(mine, "sofr=3.90%", "effr=3.88%"), "--format", "json").json
    assert told["changes"] == []
    spread = next(row for row in told["others"] if row["rule"] == "spread")
    assert spread["nearest"] == {"level": "watch", "threshold": 10.0, "distance": 8.0}
    both = ("sofr@2025-11-21=4.05%", "effr@2025-11-21=3.88%",
            "sofr@2025-11-24=3.95%", "effr@2025-11-24=3.88%")  # fmt: skip
    told = run(*asked(mine, *both), "--format", "json").json
    assert [(move["rule"], move["change"], move["at"]) for move in told["changes"]] == [
        ("lasting", "armed", "2025-11-24T09:00:00-05:00"),
        ("spread", "fired", "2025-11-24T09:00:00-05:00"),
        ("lasting", "disarmed", "2025-11-25T09:00:00-05:00"),
    ]
    assert {row["rule"] for row in told["others"]} == {"over"}


def test_several_periods_drive_an_alert_up_and_down(mine: Path) -> None:
    """Each figure at its own instant, in order of time, however they were typed."""
    typed = ("sofr@2025-11-24=4.00%", "effr@2025-11-24=3.97%", "effr=3.88%", "sofr=4.05%")
    told = run(*asked(mine, *typed), "--format", "json").json
    assert [row["period"] for row in told["supposed"]] == [
        "2025-11-21", "2025-11-21", "2025-11-24", "2025-11-24",
    ]  # fmt: skip
    assert [(m["rule"], m["change"]) for m in told["changes"] if m["rule"] == "spread"] == [
        ("spread", "fired"), ("spread", "resolved"),
    ]  # fmt: skip


def test_the_next_figure_is_the_one_that_should_be_out(mine: Path) -> None:
    """What is overdue comes at once, and says since when it is due."""
    late = "2025-11-24T10:00-05:00"
    told = run(*asked(mine, "sofr=4.05%", at=late), "--format", "json").json
    assert told["supposed"][0]["period"] == "2025-11-21"
    assert told["supposed"][0]["due"] == "2025-11-24T08:00:00-05:00"
    assert "due since 24 Nov" in run(*asked(mine, "sofr=4.05%", at=late)).out


def test_a_figure_that_is_held_can_be_revised(mine: Path) -> None:
    """A period that is named may be one that came already."""
    told = run(*asked(mine, "sofr@2025-11-20=4.20%"), "--format", "json").json
    (move,) = [move for move in told["changes"] if move["rule"] == "spread"]
    assert (move["change"], move["cause"]) == ("fired", "revision")


def test_rules_that_read_other_series_are_not_named(mine: Path) -> None:
    """Nobody asked about them."""
    assert "elsewhere" not in run(*asked(mine, "sofr=4.05%", "effr=3.88%")).out


def test_it_speaks_chinese(mine: Path) -> None:
    """No English word is left in a table."""
    ran = run(*asked(mine, "sofr=4.05%", "effr=3.88%"), "--language", "zh-Hant")
    assert "●  spread   觸發，注意" in ran.out
    assert ran.out.splitlines()[-1] == "2 條規則將變動，1 條不變。此為假設，不會留下任何紀錄。"


def test_many_rules_are_listed_as_far_as_anybody_reads(mine: Path) -> None:
    """Of the rest there is a number; programs get all of them."""
    many = "".join(
        f"  - {{name: r{n}, value: sofr, above: {{watch: {n + 500} bp}}}}\n" for n in range(300)
    )
    (mine / "rules.yaml").write_text(f"rules:\n{many}")
    out = run(*asked(mine, "sofr=4.05%")).out
    assert out.count("\n·  r") == 100
    assert "and 200 more" in out
    assert len(run(*asked(mine, "sofr=4.05%"), "--format", "json").json["others"]) == 300


# ---- what is wrong -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def empty(archived: Judge) -> History:
    """The built-in catalogue without a figure."""
    return app.empty_history(archived.ruleset)


@pytest.mark.parametrize(
    ("typed", "code", "column", "said"),
    [
        ("sofr", "supposition", 1, "expected SERIES=VALUE, found sofr"),
        ("", "supposition", 1, "expected SERIES=VALUE, found nothing"),
        ("sofr=", "supposition", 1, "expected SERIES=VALUE, found sofr="),
        ("sofr@=4%", "supposition", 1, "expected SERIES=VALUE, found sofr@=4%"),
        ("efr=4%", "unknown-name", 1, "there is no series efr"),
        ("sofr=4.40", "units", 6, "a rate and a number without a unit"),
        ("sofr=$3bn", "units", 6, "cannot compare a rate and"),
        ("reserves=$3xn", "unknown-unit", 10, "found xn"),
        ("sofr=four", "bad-quantity", 6, "found four"),
        ("sofr@yesterday=4%", "wrong-value", 6, "expected a period of sofr (business day)"),
        ("sofr@2025-11-22=4%", "wrong-value", 6, "2025-11-22 is no business day of sifma"),
        ("sofr@2025-11-21T08:00Z=4%", "wrong-value", 6, "is no date"),
        ("reserves@2025-11-20=$3tn", "wrong-value", 10, "is a Thursday, not a Wednesday"),
        ("sofr=4400%", "implausible", 6, "it would be held back, and move nothing"),
        ("iorb=4%", "supposition", 1, "nothing says which period of iorb comes next"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(
    empty: History, typed: str, code: str, column: int, said: str
) -> None:
    """As of an expression: what was expected, what was found, and where."""
    (problem,) = supposed_figures([typed], empty, micros(datetime(2025, 11, 21, tzinfo=UTC)))
    assert isinstance(problem, Problem)
    assert (problem.code, problem.span.column) == (code, column)
    assert said in problem.message


def test_everything_wrong_is_said_at_once_and_nothing_else(mine: Path) -> None:
    """The same figure twice is a mistake, too."""
    ran = run(*asked(mine, "sofr=4%", "sofr=4.1%", "efr=4%"))
    assert (ran.code, ran.out) == (1, "")
    assert "sofr is supposed twice for 2025-11-21" in ran.err
    assert "hint: did you mean effr?" in ran.err
    assert ran.err.rstrip().endswith("2 errors")


def test_without_a_figure_the_newest_that_should_be_out_is_meant(empty: History) -> None:
    """Of a series of which nothing is held."""
    (one,) = supposed_figures(["sofr=4%"], empty, micros(datetime(2025, 11, 21, 15, tzinfo=UTC)))
    assert isinstance(one, Supposed)
    assert DAY.text(one.period) == "2025-11-20"
    assert one.held is None
