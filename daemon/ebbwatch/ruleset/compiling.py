"""Compiling: expressions in their files, with what is wrong in them at its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ebbwatch.expr import Expression, Fault, Scope, compile_expression
from ebbwatch.ruleset.findings import Findings
from ebbwatch.ruleset.nodes import Scalar

#: Faults that only say that something else is broken, which is told at its own place.
_ECHOES = frozenset({"broken-define", "broken-rule", "circular-define"})


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
    broken: set[str] = field(default_factory=set)
    _canonical: dict[int, str] = field(default_factory=dict)

    def defines(self, written: Mapping[str, Scalar]) -> None:
        """Check every define, used or not."""
        for name, scalar in written.items():
            found = compile_expression(scalar.text, self.scope)
            if isinstance(found, list):
                for fault in found:
                    if fault.code != "constant":  # a name for a number is a good use of define
                        self._report(scalar, fault, define=name)

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

    def canonical(self, expression: Expression) -> str:
        """Return one text for one computation; written out once for each node."""
        number = expression.node.number
        if number not in self._canonical:
            self._canonical[number] = expression.node.canonical()
        return self._canonical[number]

    def _compiled(self, scalar: Scalar) -> Expression | None:
        found = compile_expression(scalar.text, self.scope)
        if isinstance(found, Expression):
            return found
        for fault in found:
            self._report(scalar, fault)
        return None

    def _report(self, scalar: Scalar, fault: Fault, define: str = "") -> None:
        if fault.code in _ECHOES and not _in_circle(define, fault):
            # Something it uses is broken and was told; still the ruleset is not valid.
            self.findings.failed = True
            return
        if scalar.text[fault.start : fault.end].strip("\"'") in self.broken:
            self.findings.failed = True
            return
        place = scalar.part(fault.start, fault.end)
        self.findings.error(place, fault.code, fault.message, fault.hint)


def _in_circle(define: str, fault: Fault) -> bool:
    """Return whether a define is itself part of the circle that a fault names."""
    circle = fault.message.partition(": ")[2].split(" -> ")
    return bool(define) and fault.code == "circular-define" and define in circle
