"""The default pack: what its rules say of real figures, as its own rule tests have it."""

from __future__ import annotations

import pytest

from ebbwatch import app
from ebbwatch.model.alert import Change
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.ruleset.tapes import RuleTest, load_tests
from ebbwatch.runtime.lookback.ruletests import run
from ebbwatch.runtime.rulefiles import read_tests as files_of_tests
from tests.paths import ROOT

PACK = ROOT / "rules"


def _pack() -> tuple[Ruleset, tuple[RuleTest, ...]]:
    ruleset = app.load_rules(app.rule_files(PACK), data_only=True).ruleset
    assert ruleset is not None
    tests, problems = load_tests(files_of_tests(PACK), ruleset)
    assert problems == ()
    return ruleset, tests


RULESET, TESTS = _pack()


@pytest.mark.parametrize("test", TESTS, ids=[test.name for test in TESTS])
def test_the_default_pack_says_of_real_figures_what_it_should(test: RuleTest) -> None:
    """Every transition is expected, at its instant, and nothing else happens."""
    result = run(RULESET, test)
    assert result.fault == ""
    assert [line for line in result.lines if not line.agrees] == []


@pytest.mark.parametrize("rule", [rule.name for rule in RULESET.rules])
def test_every_rule_is_seen_to_fire_and_to_keep_quiet(rule: str) -> None:
    """A rule that fires on everything, or on nothing, passes half of this and no more."""
    fires = {
        any(one.rule == rule and one.change is Change.FIRED for one in test.expect)
        for test in TESTS
        if rule in test.rules
    }
    assert fires == {True, False}
