"""The workbench: what rule files that are being edited say now, prove, and would have said.

Nobody is told anything and nothing is kept but in memory. What a rule comes to over history is
reckoned once for each shape that it takes, so that a save costs no more than what it changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ebbwatch.app.loading import load_rules
from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.answering.status import Standing, standings
from ebbwatch.core.facts.asof import History
from ebbwatch.core.lookback.comparing import Compared, ComparedAlert, compared, stays
from ebbwatch.model.observation import TextItem
from ebbwatch.model.periods import micros
from ebbwatch.model.problem import Problem
from ebbwatch.ruleset.difference import difference
from ebbwatch.ruleset.rules import Rule, Ruleset
from ebbwatch.ruleset.tapes import load_tests
from ebbwatch.ruleset.yaml import Content
from ebbwatch.runtime.lookback.replay import Journal, WantedSpan, transitions
from ebbwatch.runtime.lookback.ruletests import Result, run
from ebbwatch.runtime.pipeline import Event, Pipeline, text_moves

#: Rules whose standing is reckoned, edited rules that are tried over history, and tests that
#: are driven, of one save: what is beyond is counted, and left out.
MOST_LISTED = 200
MOST_TRIED = 200
MOST_TESTS = 500
#: Rules that are driven over history together: their columns are let go after each lot.
_LOT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a save came to.

    Attributes:
        problems: What is wrong with the rules, warnings included; with an error in it there is
            nothing else.
        ruleset: The rules; None where an error keeps them from being used.
        standings: How rules stand now: those that were edited first, then those that fire.
        unlisted: How many more rules there are.
        test_problems: What is wrong with the rule tests.
        tests: What the rule tests say.
        untested: How many more tests there are.
        edits: What differs from the rules in force, in words.
        compared: The alerts over history of rules that measure or warn otherwise than in force.
        untried: How many more of those there are.
        failures: Rules that could not be evaluated, and why.
    """

    problems: tuple[Problem, ...] = ()
    ruleset: Ruleset | None = None
    standings: tuple[Standing, ...] = ()
    unlisted: int = 0
    test_problems: tuple[Problem, ...] = ()
    tests: tuple[Result, ...] = ()
    untested: int = 0
    edits: tuple[str, ...] = ()
    compared: tuple[Compared, ...] = ()
    untried: int = 0
    failures: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Life:
    """What a rule came to over history.

    Attributes:
        alerts: Oldest first.
        state: Where its alert stands now.
        fault: Why it could not be evaluated; empty where it was.
    """

    alerts: tuple[ComparedAlert, ...]
    state: AlertState
    fault: str = ""


@dataclass(slots=True)
class Workbench:
    """Looks at rule files as often as they are saved.

    Attributes:
        history: Returns the figures that a ruleset's catalogue asks for.
        texts: Returns the texts that a ruleset's rules read, oldest first.
        warned: Returns what else is to be said of rules without an error, given their files.
        at: UTC instant as of which rules are said to stand.
        in_force: The rules that an edit is compared with; None until some are: then the first
            ones that are looked at and have no error.
    """

    history: Callable[[Ruleset], History]
    texts: Callable[[Ruleset], Sequence[TextItem]]
    at: datetime
    in_force: Ruleset | None = None
    warned: Callable[[Ruleset, Mapping[str, Content]], tuple[Problem, ...]] = lambda *_: ()
    _worlds: list[tuple[Ruleset, History]] = field(default_factory=list)
    _lives: dict[tuple[int, str, str, str], _Life] = field(default_factory=dict)

    def look(self, rules: Mapping[str, Content], tests: Mapping[str, Content]) -> Looked:
        """Return what rule files and their tests say.

        Args:
            rules: Contents by path.
            tests: Of the rules' tests, likewise.
        """
        found = load_rules(rules)
        ruleset = found.ruleset
        if ruleset is None:
            return Looked(problems=found.problems)
        if self.in_force is None:
            self.in_force = ruleset
        before, after = self._judge(self.in_force), self._judge(ruleset)
        edited = self._edited(before, after)
        tried = edited[:MOST_TRIED]
        rows = self._compared(before, after, tried)
        listed = self._listed(after, edited)
        driven, test_problems = load_tests(tests, ruleset)
        judge = after[1]
        return Looked(
            problems=found.problems + self.warned(ruleset, rules),
            ruleset=ruleset, standings=listed,
            unlisted=len(ruleset.rules) - len(listed), test_problems=test_problems,
            tests=tuple(run(ruleset, one) for one in driven[:MOST_TESTS]),
            untested=max(0, len(driven) - MOST_TESTS),
            edits=difference(self.in_force, ruleset), compared=rows,
            untried=len(edited) - len(tried),
            failures=tuple(
                (row.rule.name, life.fault)
                for row in listed
                if (life := self._lives.get(_key(after[0], row.rule))) is not None
                and life.fault and row.rule.name in judge.watched
            ),
        )  # fmt: skip

    def _judge(self, ruleset: Ruleset) -> tuple[int, Judge]:
        """Return a judge of rules, and the number of the history that their catalogue makes."""
        for number, (other, history) in enumerate(self._worlds):
            same = (ruleset.series, ruleset.business, ruleset.own_series)
            if same == (other.series, other.business, other.own_series):
                return number, Judge(ruleset, history)
        history = self.history(ruleset)
        # An edited catalogue is read anew each time, and what it was in between is of no use.
        self._worlds = [*self._worlds[:1], (ruleset, history)]
        self._lives = {key: life for key, life in self._lives.items() if key[0] == 0}
        return len(self._worlds) - 1, Judge(ruleset, history)

    def _edited(self, before: tuple[int, Judge], after: tuple[int, Judge]) -> list[str]:
        """Return the names of the rules that measure or warn otherwise, in the order of files."""
        old = {rule.name: rule for rule in before[1].ruleset.rules}
        new = {rule.name: rule for rule in after[1].ruleset.rules}
        return [
            name
            for name in dict.fromkeys([*new, *old])
            if name not in old
            or name not in new
            or _key(before[0], old[name]) != _key(after[0], new[name])
        ]

    def _compared(
        self, before: tuple[int, Judge], after: tuple[int, Judge], names: list[str]
    ) -> tuple[Compared, ...]:
        """Return what became of the alerts of some rules."""
        old, new = self._driven(*before, names), self._driven(*after, names)
        return tuple(
            compared(
                name,
                old[name].alerts if name in old else None,
                new[name].alerts if name in new else None,
            )
            for name in names
        )

    def _listed(self, after: tuple[int, Judge], edited: Iterable[str]) -> tuple[Standing, ...]:
        """Return how rules stand: of very many, those that were edited and the first others."""
        number, judge = after
        there = {rule.name for rule in judge.ruleset.rules}
        order = dict.fromkeys([*edited, *(rule.name for rule in judge.ruleset.rules)])
        names = [name for name in order if name in there][:MOST_LISTED]
        lives = self._driven(number, judge, names)
        states = {name: life.state for name, life in lives.items()}
        return standings(judge, states, micros(self.at), frozenset(names))

    def _driven(self, number: int, judge: Judge, names: Iterable[str]) -> dict[str, _Life]:
        """Return what those of some rules came to that there are, each shape reckoned once."""
        wanted = set(names)
        rules = [rule for rule in judge.ruleset.rules if rule.name in wanted]
        missing = [rule for rule in rules if _key(number, rule) not in self._lives]
        texts = self.texts(judge.ruleset) if any(rule.pattern for rule in missing) else ()
        for begin in range(0, len(missing), _LOT):
            lot = missing[begin : begin + _LOT]
            some, journal = judge.only([rule.name for rule in lot]), Journal()
            pipeline = Pipeline(some, journal)
            pipeline.handle(Event(at=micros(self.at)))
            found = stays(transitions(some, journal, WantedSpan()))
            faults = {name: str(error) for name, error in journal.failures}
            for rule in lot:
                alerts = found.get(rule.name, ())
                self._lives[_key(number, rule)] = _Life(
                    tuple(alerts) if not rule.pattern else _texts_found(rule, texts),
                    pipeline.states.get(rule.name, AlertState()),
                    faults.get(rule.name, ""),
                )
        return {rule.name: self._lives[_key(number, rule)] for rule in rules}


def _texts_found(rule: Rule, texts: Sequence[TextItem]) -> tuple[ComparedAlert, ...]:
    """Return the alerts of a rule of texts: each is over as soon as it is told."""
    moves = (
        move for item in texts for move in text_moves(rule, (item,), micros(item.known_at), texts)
    )
    return tuple(
        ComparedAlert(rule.name, m.at, m.at, m.level, m.level, None, None, m.period) for m in moves
    )


def _key(number: int, rule: Rule) -> tuple[int, str, str, str]:
    return number, rule.name, rule.definition, rule.ladder
