"""Calls: what a function makes of arguments that were checked for what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from ebbwatch.expr.definition import Function, LooksBack, Pointwise, ResultMeasure
from ebbwatch.expr.graph import Graph, Node, Periods
from ebbwatch.expr.parts import Operations, Part, Wrong
from ebbwatch.model.durations import Duration
from ebbwatch.model.units import COUNT, NUMBER, RATIO, TIME, Dimension, Kind

#: Letters of a function's arguments, and what each stands for; None for a window left out.
Bound = Mapping[str, Part | Duration | None]


@dataclass(slots=True)
class CallArguments:
    """The arguments of a call.

    Attributes:
        bound: The value (x), condition (c), periods (y) and window (w) of the call.
        level: Its level, in base units of the value.
        conditions: What it counts, or the one condition that it asks about a rule.
    """

    bound: dict[str, Part | Duration | None] = field(default_factory=dict)
    level: Fraction | None = None
    conditions: list[Part] = field(default_factory=list)

    @property
    def subject(self) -> Part:
        """Return the value or condition that the function is of."""
        found = self.bound.get("x") or self.bound.get("c")
        assert isinstance(found, Part)
        return found

    @property
    def window(self) -> Duration | None:
        """Return the window; None where there is none, or it was left out."""
        found = self.bound.get("w")
        return found if isinstance(found, Duration) else None


@dataclass(frozen=True, slots=True)
class Calls:
    """What functions make of parts, as nodes of a graph."""

    graph: Graph

    def windowed(self, function: Function, subject: Part, window: Duration | None) -> Part | Wrong:
        """Return what is computed of a value or condition from its own past."""
        node, of = subject.node, subject.node.dimension
        if (
            function.gives is ResultMeasure.PER_TIME
            and of
            and (of.per_time or of.kind is Kind.TIME)
        ):
            return Wrong("units", f"a {function.name} of {subject.said} has no unit")
        made = self.graph.node(
            function.op, node, params=() if window is None else (window,),
            dimension=_dimension(function.gives, of), periods=node.periods,
            looks_back=function.looks_back is not LooksBack.NONE,
        )  # fmt: skip
        return _like(subject, made, function.gives)

    def pointwise(
        self, function: Function, parts: Sequence[Part], level: Fraction | None
    ) -> Part | Wrong:
        """Return what is computed period by period from one part or several."""
        assert isinstance(function.means, Pointwise)
        periods = [part.node.periods for part in parts]
        joint = periods[-1] if function.means.onto_last else periods[0]
        for other in () if function.means.onto_last else periods[1:]:
            aligned = Operations.aligned(joint, other)
            if isinstance(aligned, Wrong):
                return aligned
            joint = aligned
        made = self.graph.node(
            function.op, *(part.node for part in parts), params=() if level is None else (level,),
            dimension=_dimension(function.gives, parts[0].dimension), periods=joint,
        )  # fmt: skip
        return _like(parts[0], made, function.gives)

    def at_once(self, function: Function, conditions: Sequence[Part]) -> Part:
        """Return what is computed from conditions, each at its own latest period."""
        nodes = [condition.node for condition in conditions]
        setters = frozenset[str]().union(*(node.setters for node in nodes))
        dimension = None if function.gives is ResultMeasure.CONDITION else COUNT
        periods = Periods(momentary=True, setters=setters)
        return Part(self.graph.node(function.op, *nodes, dimension=dimension, periods=periods))

    def measuring(self, part: Part, gives: ResultMeasure) -> Part:
        """Return a ratio as a bare number where the function gives one."""
        node = part.node
        if gives is not ResultMeasure.NUMBER or node.dimension == NUMBER:
            return part
        made = self.graph.node(
            node.op, *node.args, params=node.params, dimension=NUMBER, periods=node.periods
        )
        return replace(part, node=made)


def _like(part: Part, node: Node, gives: ResultMeasure) -> Part:
    """Return a result that is printed as a difference where what it is of is one."""
    same = gives in (ResultMeasure.SAME, ResultMeasure.PER_TIME)
    return Part(node, difference=same and part.difference, digits=part.digits)


def _dimension(gives: ResultMeasure, of: Dimension | None) -> Dimension | None:
    """Return what a result measures, where its value or condition measures this."""
    match gives:
        case ResultMeasure.SAME:
            return of
        case ResultMeasure.PER_TIME:
            assert of is not None
            return of.per()
        case ResultMeasure.RATIO:
            return RATIO
        case ResultMeasure.NUMBER:
            return NUMBER
        case ResultMeasure.COUNT:
            return COUNT
        case ResultMeasure.TIME:
            return TIME
        case ResultMeasure.CONDITION:
            return None
