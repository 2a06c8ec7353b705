"""The names that the expressions of a ruleset may use, and what is known of their texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ebbwatch.expr.graph import Graph
from ebbwatch.expr.hints import name_hint, series_hint, suggestion
from ebbwatch.expr.parts import Part
from ebbwatch.expr.tree import Fault
from ebbwatch.model.series import Series
from ebbwatch.model.units import Quantity


@dataclass(frozen=True, slots=True)
class RuleRef:
    """What an expression may ask about a rule, with ``breaches``.

    Attributes:
        value: Text of its value; None for a rule without a ladder.
        rising: True for ``above``.
        thresholds: The threshold of each level, by its word: ``warning``.
    """

    value: str | None
    rising: bool = True
    thresholds: Mapping[str, Quantity] = field(default_factory=dict)


@dataclass(slots=True)
class Scope:
    """The names that expressions of one ruleset may use, and the graph they share.

    Attributes:
        series: The catalogue: series by name.
        defines: The text of each define, by name.
        rules: What may be asked of rules, by name.
        graph: Where nodes are made.
    """

    series: Mapping[str, Series]
    defines: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, RuleRef] = field(default_factory=dict)
    graph: Graph = field(default_factory=Graph)
    _checked: dict[str, Part | list[Fault]] = field(default_factory=dict)
    _hints: dict[str, str] = field(default_factory=dict)

    def checked(self, text: str) -> Part | list[Fault] | None:
        """Return what checking a text gave; None where it was not checked yet."""
        return self._checked.get(text)

    def remember(self, text: str, found: Part | list[Fault]) -> None:
        """Keep what checking a text gave: the same define stands in many expressions."""
        self._checked[text] = found

    def hint(self, name: str) -> str:
        """Return which series or define was probably meant by a name that is none, or nothing."""
        if name not in self._hints:
            self._hints[name] = name_hint(name) or series_hint(name, self.series, self.defines)
        return self._hints[name]

    def rule_hint(self, name: str) -> str:
        """Return which rule was probably meant by a name that is none, or nothing."""
        return suggestion(name, self.rules)
