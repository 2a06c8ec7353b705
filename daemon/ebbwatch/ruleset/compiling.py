"""Compiling: expressions in their files, with what is wrong in them at its place."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ebbwatch.expr import Expression, Fault, RuleRef, Scope, compile_expression
from ebbwatch.model.series import Series
from ebbwatch.ruleset.circles import circle_in, groups
from ebbwatch.ruleset.findings import Findings
from ebbwatch.ruleset.nodes import Scalar

#: Faults that only say that something else is broken, which is told at its own place.
_ECHOES = frozenset({"broken-define", "broken-rule"})

#: Names of rules, in quotes, and of defines, as they stand in expressions.
_NAMES = re.compile(r"\"[a-z0-9-]+\"|'[a-z0-9-]+'|[a-z_][a-z0-9_]*")


@dataclass(eq=False)
class Compiler:
    """Compiles the expressions of a ruleset in one scope.

    Attributes:
        scope: The names that may be used.
        findings: Where problems go.
        broken: Names that were written but could not be read: not known, but no news.
    """

    scope: Scope
    findings: Findings
    broken: set[str]
    _fingerprints: dict[int, str] = field(default_factory=dict)

    def value(self, scalar: Scalar) -> Expression | None:
        """Return a value to be measured, or None with its problems added."""
        found = self._compiled(scalar)
        if found is not None and found.is_condition:
            self.findings.error(
                scalar,
                "not-a-number",
                "expected a value to measure, found a condition",
                "write when: instead of value: and above:",
            )
            return None
        return found

    def condition(self, scalar: Scalar) -> Expression | None:
        """Return a condition, or None with its problems added."""
        found = self._compiled(scalar)
        if found is not None and not found.is_condition:
            self.findings.error(
                scalar,
                "not-a-condition",
                f"expected a condition, found a number ({found.dimension})",
                "compare it with something: x > 10 bp",
            )
            return None
        return found

    def named(self, scalar: Scalar) -> Expression | None:
        """Return what a name of a define or series stands for, or None with its problems added."""
        return self._compiled(scalar)

    def fingerprint(self, expression: Expression) -> str:
        """Return a hash of what is computed, whatever way it is written.

        It is made node by node, arguments first: written out, a computation that uses its
        parts twice at every step would have no end.
        """
        for node in expression.node.walk():
            if node.number not in self._fingerprints:
                said = [node.op, *(str(one) for one in node.params)]
                said += [self._fingerprints[part.number] for part in node.args]
                digest = hashlib.sha256("\0".join(said).encode()).hexdigest()
                self._fingerprints[node.number] = digest
        return self._fingerprints[expression.node.number]

    def check_define(self, scalar: Scalar) -> None:
        """Add what is wrong in a define, used or not."""
        found = compile_expression(scalar.text, self.scope)
        for fault in found if isinstance(found, list) else ():
            if fault.code != "constant":  # a name for a number is a good use of define
                self._report(scalar, fault)

    def _compiled(self, scalar: Scalar) -> Expression | None:
        found = compile_expression(scalar.text, self.scope)
        if isinstance(found, Expression):
            return found
        for fault in found:
            self._report(scalar, fault)
        return None

    def _report(self, scalar: Scalar, fault: Fault) -> None:
        named = scalar.text[fault.start : fault.end].strip("\"'")
        if fault.code in _ECHOES or named in self.broken:
            self.findings.failed = True  # what it uses is told at its own place
            return
        place = scalar.part(fault.start, fault.end)
        self.findings.error(place, fault.code, fault.message, fault.hint)


def compiler(
    catalogue: Mapping[str, Series],
    defines: Mapping[str, Scalar],
    values: Mapping[str, Scalar],
    references: Mapping[str, RuleRef],
    findings: Findings,
    broken: set[str],
) -> Compiler:
    """Return a compiler that has read all defines, and all values that rules ask about.

    What is used is compiled before what uses it, so that no chain is too long for it; circles
    are told and left out.

    Args:
        catalogue: Series by name.
        defines: By name.
        values: Of rules with a ladder, by name.
        references: What may be asked of rules, by name.
        findings: Where problems go.
        broken: Names that could not be read; those in circles are added.
    """
    written = {**defines, **{f'"{name}"': scalar for name, scalar in values.items()}}
    uses = {
        name: [used.replace("'", '"') for used in _NAMES.findall(scalar.text)]
        for name, scalar in written.items()
    }
    order: list[str] = []
    for group in groups(uses):
        circle = circle_in(group, uses)
        if circle:
            _tell_circle(circle, written, findings)
            broken.update(name.strip('"') for name in group)
        else:
            order += group
    texts = {name: scalar.text for name, scalar in defines.items() if name not in broken}
    known = {name: rule for name, rule in references.items() if name not in broken}
    made = Compiler(Scope(catalogue, texts, known), findings, broken)
    for name in order:
        if name in defines:
            made.check_define(defines[name])
        else:
            compile_expression(written[name].text, made.scope)
    return made


def _tell_circle(
    circle: tuple[str, ...], written: Mapping[str, Scalar], findings: Findings
) -> None:
    way = " -> ".join(name.strip('"') for name in circle)
    first = circle[0]
    if first.startswith('"'):
        message = f"the rule {first.strip(chr(34))} asks about itself: {way}"
        findings.error(written[first], "circular-rule", message)
    else:
        findings.error(written[first], "circular-define", f"{first} is defined by itself: {way}")
