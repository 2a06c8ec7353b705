"""Rule tests are read: a tape and what must follow."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ebbwatch.model.alert import Change, Level
from ebbwatch.model.periods import period_of
from ebbwatch.ruleset.tapes import ExpectedTransition, RuleTest, TapeFigure, TapeText, load_tests
from tests.ruleset.loading import valid

RULES = valid("""
rules:
  - {name: funding-spread, value: sofr - effr, above: {warning: 20 bp, critical: 50 bp}}
  - {name: low, value: reserves, below: {watch: $3tn}}
  - {name: qt-ends, text: fed_press, matches: runoff}
""")

TESTS = """
tests:
  - name: September 2019
    rules: [funding-spread, qt-ends]
    tape:
      sofr: {2019-09-16: 2.43 %, 2019-09-17: [525 bp, "2019-09-18T08:00-04:00"]}
      reserves: {2019-09-18: $1.394tn, 2019-09-25: }
      fed_press: {"2019-09-18T14:00-04:00": "the runoff ends"}
    expect:
      - {at: "2019-09-18T09:00-04:00", rule: funding-spread, change: fired, level: critical}
  - name: Nothing
    rules: [low]
    tape: {reserves: {2019-09-18: $4tn}}
    expect: []
"""


def test_a_test_is_read_whole() -> None:
    """Values are exact and in base units, instants in UTC, and no value is no value."""
    tests, problems = load_tests({"t.yaml": TESTS}, RULES)
    assert problems == ()
    first, second = tests
    assert first == RuleTest(
        name="September 2019",
        rules=("funding-spread", "qt-ends"),
        figures=(
            TapeFigure("sofr", period_of(date(2019, 9, 16)), Decimal("0.0243"), None),
            TapeFigure(
                "sofr",
                period_of(date(2019, 9, 17)),
                Decimal("0.0525"),
                datetime(2019, 9, 18, 12, tzinfo=UTC),
            ),
            TapeFigure("reserves", period_of(date(2019, 9, 18)), Decimal(1394000000000), None),
            TapeFigure("reserves", period_of(date(2019, 9, 25)), None, None),
        ),
        texts=(TapeText("fed_press", datetime(2019, 9, 18, 18, tzinfo=UTC), "the runoff ends"),),
        expect=(
            ExpectedTransition(
                datetime(2019, 9, 18, 13, tzinfo=UTC),
                "funding-spread",
                Change.FIRED,
                Level.CRITICAL,
                first.expect[0].span,
            ),
        ),
        span=first.span,
    )
    assert (first.span.line, first.expect[0].span.line) == (3, 10)
    assert (second.name, second.expect) == ("Nothing", ())


BASE = TESTS.partition("  - name: Nothing")[0]
MISTAKES = [
    ("a rule nobody knows", "[funding-spread, qt-ends]", "[funding-spred, funding-spread]",
     ["t.yaml:4:13: error: there is no rule funding-spred [unknown-rule]"]),
    ("a series nobody knows", "      reserves:", "      resrves:",
     ["t.yaml:7:7: error: there is no series resrves [unknown-name]"]),
    ("a period of another day", "2019-09-18: $1.394tn", "2019-09-17: $1.394tn",
     [("t.yaml:7:18: error: expected a period of reserves (week ending Wednesday), found "
      "'2019-09-17' [wrong-value]")]),
    ("a period that is no date", "2019-09-16: 2.43 %", "2019-09-16x: 2.43 %",
     [("t.yaml:6:14: error: expected a period of sofr (business day), found '2019-09-16x' "
      "[wrong-value]")]),
    ("a value in the wrong unit", "2.43 %", "$2bn",
     [("t.yaml:6:26: error: the unit is percent per year: cannot compare a rate and an amount of "
      "money [units]")]),
    ("a value that is none", "2.43 %", "high",
     [("t.yaml:6:26: error: expected a quantity such as 20 bp, 10 % or $2.8tn, found high "
      "[bad-quantity]")]),
    ("three things for a value", "[525 bp, ", "[525 bp, x, ",
     ["t.yaml:6:46: error: expected a value, or [value, instant], found a list [wrong-kind]"]),
    ("an instant without an offset", "08:00-04:00", "08:00",
     ["t.yaml:6:55: error: '2019-09-18T08:00' has no offset from UTC [wrong-value]"]),
    ("figures as a list", "{2019-09-18: $1.394tn, 2019-09-25: }", "[$1tn]",
     [("t.yaml:7:17: error: expected figures by period, such as {2019-09-17: 5.25 %}, found a list "
      "[wrong-kind]")]),
    ("a text at no instant", '"2019-09-18T14:00-04:00": "the', '"2019-09-18": "the',
     ["t.yaml:8:19: error: '2019-09-18' has no offset from UTC [wrong-value]"]),
    ("a rule that the test does not name", "rule: funding-spread", "rule: low",
     ["t.yaml:10:46: error: the test does not name the rule low [unknown-rule]"]),
    ("a change nobody knows", "change: fired", "change: firing",
     ["t.yaml:10:70: error: expected a change, found 'firing' [wrong-value]"]),
    ("an expectation without its level", ", level: critical", "",
     ["t.yaml:10:9: error: expected level in a transition, found none [missing-key]"]),
    ("a key that is misspelt", "    expect:", "    expects:",
     ["t.yaml:9:5: error: unknown key 'expects' in a rule test [unknown-key]"]),
    ("texts as a list", '{"2019-09-18T14:00-04:00": "the runoff ends"}', "[x]",
     ["t.yaml:8:18: error: expected texts by instant, found a list [wrong-kind]"]),
    ("an instant that is none", "2019-09-18T08:00-04:00", "in the morning",
     [("t.yaml:6:55: error: expected an instant such as 2019-09-18T08:00-04:00, found 'in the "
      "morning' [wrong-value]")]),
    ("a test without a name", "name: September 2019", "rules: [low]",
     ["t.yaml:3:5: error: expected name in a rule test, found none [missing-key]",
      "t.yaml:4:5: error: the key 'rules' stands twice in one map [duplicate-key]",
      "t.yaml:10:46: error: the test does not name the rule funding-spread [unknown-rule]"]),
    ("no YAML at all", "tests:", "tests: [",
     ["t.yaml:3:3: error: found something that cannot stand between brackets [yaml-syntax]"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "said"), [pytest.param(*m[1:], id=m[0]) for m in MISTAKES]
)
def test_a_mistake_in_a_test_is_told(before: str, after: str, said: list[str]) -> None:
    """And then no test is run."""
    assert before in BASE
    tests, problems = load_tests({"t.yaml": BASE.replace(before, after, 1)}, RULES)
    assert tests == ()
    assert [problem.render().partition("\n")[0] for problem in problems] == said
