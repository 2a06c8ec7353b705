"""Rule tests: a tape that a person wrote, and the transitions that must follow from it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ebbwatch.expr import Fault, parse_quantity
from ebbwatch.expr.hints import series_hint
from ebbwatch.model.alert import LEVELS, Change, Level
from ebbwatch.model.periods import Minutes
from ebbwatch.model.problem import Problem, Span
from ebbwatch.model.series import Series
from ebbwatch.ruleset import values as v
from ebbwatch.ruleset.catalogue import in_base
from ebbwatch.ruleset.findings import Findings
from ebbwatch.ruleset.kinds import INVALID, Fields, Key, ListOf, MapOf, Plain, Shape
from ebbwatch.ruleset.nodes import Mapping as Map
from ebbwatch.ruleset.nodes import Node, Scalar, Sequence, described
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.ruleset.shape import LEVEL
from ebbwatch.ruleset.suggestions import did_you_mean
from ebbwatch.ruleset.yaml import Content, read_yaml


@dataclass(frozen=True, slots=True)
class TapeFigure:
    """A figure on a tape.

    Attributes:
        series: Its name.
        period: Minutes since the epoch (`model.periods`).
        value: In base units; None for "no value".
        known_at: UTC instant it became known; None: by the release rule.
    """

    series: str
    period: Minutes
    value: Decimal | None
    known_at: datetime | None


@dataclass(frozen=True, slots=True)
class TapeText:
    """A text on a tape.

    Attributes:
        source: Of texts: ``fed_press``.
        at: UTC instant it was published and known.
        body: What it says.
    """

    source: str
    at: datetime
    body: str


@dataclass(frozen=True, slots=True)
class ExpectedTransition:
    """One transition that must follow.

    Attributes:
        at: UTC instant.
        rule: Name of the alert.
        change: How it moves.
        level: After the change; for resolved and withdrawn, the one left.
        span: Where it is written.
    """

    at: datetime
    rule: str
    change: Change
    level: Level
    span: Span


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One test of rules.

    Attributes:
        name: What it shows.
        rules: Names of the alerts whose transitions are compared.
        figures: In the order of the file.
        texts: The same.
        expect: All transitions of those alerts, in the order of the file.
        span: Of its name.
    """

    name: str
    rules: tuple[str, ...]
    figures: tuple[TapeFigure, ...]
    texts: tuple[TapeText, ...]
    expect: tuple[ExpectedTransition, ...]
    span: Span


_EXPECTED = Shape(
    "transition",
    "A transition that must follow.",
    (
        Key("at", v.instant, "When.", '"2019-09-18T09:00-04:00"', required=True),
        Key("rule", v.some_text, "Name of the alert.", "funding-spread", required=True,
            also=("alert",)),
        Key("change", v.choice("a change", [change.value for change in Change]),
            "How it moves.", "fired", required=True, also=("state", "status")),
        Key("level", LEVEL, "The level after the change, or the one that is left.", "critical",
            required=True, also=("severity",)),
    ),
)  # fmt: skip

_TEST = Shape(
    "rule test",
    "A tape, and what must follow from it.",
    (
        Key("name", v.some_text, "What it shows.", "September 2019", required=True,
            also=("title",)),
        Key("rules", ListOf(v.some_text, "a list of rules", least=1),
            "Whose transitions are compared.", "[funding-spread]", required=True,
            also=("rule",)),
        Key("tape", MapOf(v.some_text, Plain(), "figures by series and period", least=1),
            "Figures by series and period.", "{sofr: {2019-09-17: 5.25 %}}", required=True,
            also=("input", "input_series", "data")),
        Key("expect", ListOf(_EXPECTED, "a list of transitions"),
            "All transitions that must follow.", "[]", required=True,
            also=("expected", "exp_alerts")),
    ),
)  # fmt: skip

#: A file of rule tests.
TESTS = Shape(
    "file of rule tests",
    "Tests of rules.",
    (Key("tests", ListOf(_TEST, "a list of tests"), "The tests.", "[]", required=True),),
)


def load_tests(
    files: Mapping[str, Content], ruleset: Ruleset
) -> tuple[tuple[RuleTest, ...], tuple[Problem, ...]]:
    """Return the tests that texts describe, and everything that is wrong with them.

    Tests stand in the order of files and within; there are none where a problem is an error.

    Args:
        files: Text by name.
        ruleset: Whose rules are tested.
    """
    findings = Findings()
    names = frozenset(rule.name for rule in ruleset.rules)
    texts = frozenset(rule.text_source for rule in ruleset.rules if rule.text_source)
    reader = _TapeReader(ruleset, names, texts, findings)
    tests: list[RuleTest] = []
    for name in sorted(files):
        root = read_yaml(name, files[name], findings)
        read: Any = INVALID if root is None else TESTS.read(root, findings)
        if read is not INVALID:
            found = [reader.test(fields) for _, fields in read.get("tests", ())]
            tests += [test for test in found if test is not None]
    return (() if findings.failed else tuple(tests)), findings.problems()


@dataclass(frozen=True, slots=True, eq=False)
class _TapeReader:
    ruleset: Ruleset
    names: Collection[str]
    text_sources: Collection[str]
    findings: Findings

    def test(self, fields: Fields) -> RuleTest | None:
        rules = fields.get("rules", ())
        for node, name in rules:
            self._known_rule(node, name)
        figures: list[TapeFigure] = []
        texts: list[TapeText] = []
        for key, node, _ in fields.get("tape", ()):
            if key.text in self.text_sources:
                texts += self._texts(key.text, node)
            elif (series := self.ruleset.series.get(key.text)) is not None:
                figures += self._figures(series, node)
            else:
                self.findings.error(
                    key, "unknown-name", f"there is no series {key.text}",
                    series_hint(key.text, self.ruleset.series)
                    or did_you_mean(key.text, [*self.ruleset.series, *self.text_sources]),
                )  # fmt: skip
        expect = tuple(self._expected(fields, [name for _, name in rules]))
        if "name" not in fields.values:
            return None
        return RuleTest(
            fields.values["name"],
            tuple(name for _, name in rules),
            tuple(figures),
            tuple(texts),
            expect,
            fields.nodes["name"].place.span,
        )

    def _known_rule(self, node: Node, name: str) -> None:
        if name not in self.names:
            hint = did_you_mean(name, self.names)
            self.findings.error(node, "unknown-rule", f"there is no rule {name}", hint)

    def _expected(self, fields: Fields, rules: Collection[str]) -> Iterator[ExpectedTransition]:
        for _, one in fields.get("expect", ()):
            if len(one.values) < len(_EXPECTED.keys):
                self.findings.failed = True
                continue
            rule = one.values["rule"]
            if rule not in rules:
                self.findings.error(
                    one.nodes["rule"], "unknown-rule", f"the test does not name the rule {rule}",
                    "add it to rules, or take it out here",
                )  # fmt: skip
            yield ExpectedTransition(
                one.values["at"].astimezone(UTC),
                rule,
                Change(one.values["change"]),
                LEVELS[one.values["level"]],
                one.nodes["at"].place.span,
            )

    def _figures(self, series: Series, node: Node) -> Iterator[TapeFigure]:
        if not isinstance(node, Map):
            self._mismatch(node, "figures by period, such as {2019-09-17: 5.25 %}")
            return
        for key, below in node.entries:
            period = _period(series, key.text)
            if period is None:
                self.findings.error(
                    key, "wrong-value",
                    f"expected a period of {series.name} ({series.every.name}), "
                    f"found {described(key)}",
                    "dates are written 2019-09-17, instants 2019-09-17T12:00Z",
                )  # fmt: skip
                continue
            value, known_at = self._pair(below)
            if value is None or known_at is INVALID:
                continue
            if value.nothing:
                yield TapeFigure(series.name, period, None, known_at)
                continue
            number = self._value(series, value)
            if number is not None:
                yield TapeFigure(series.name, period, number, known_at)

    def _pair(self, node: Node) -> tuple[Scalar | None, Any]:
        """Return the value and the instant of a figure; None where there is none."""
        match node:
            case Scalar():
                return node, None
            case Sequence(items=[Scalar() as value, Scalar() as at]):
                moment = v.instant.read(at, self.findings)
                return value, moment if moment is INVALID else moment.astimezone(UTC)
        self._mismatch(node, "a value, or [value, instant]")
        return None, None

    def _value(self, series: Series, scalar: Scalar) -> Decimal | None:
        quantity = parse_quantity(scalar.text)
        if isinstance(quantity, Fault):
            self.findings.error(scalar, quantity.code, quantity.message, quantity.hint)
            return None
        return in_base(scalar, quantity, series.unit, self.findings)

    def _texts(self, source: str, node: Node) -> Iterator[TapeText]:
        if not isinstance(node, Map):
            self._mismatch(node, "texts by instant")
            return
        for key, below in node.entries:
            at = v.instant.read(key, self.findings)
            body = v.some_text.read(below, self.findings)
            if at is not INVALID and body is not INVALID:
                yield TapeText(source, at.astimezone(UTC), body)

    def _mismatch(self, node: Node, what: str) -> None:
        self.findings.error(node, "wrong-kind", f"expected {what}, found {described(node)}")


def _period(series: Series, text: str) -> Minutes | None:
    """Return the period that a text stands for, or None where it stands for none."""
    if series.every.dated and not re.fullmatch(v.DAY, text):
        return None  # a frequency would read the date out of a longer text
    try:
        return series.every.parse(text)
    except ValueError:
        return None
