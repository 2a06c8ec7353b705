"""The expression graph: one node for each distinct computation of a whole ruleset.

Nodes are hash-consed: equal sub-expressions of any rules are the same object. A node
knows what it measures, how often it has a period, and which series set those periods.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice

from ebbwatch.model.durations import Duration
from ebbwatch.model.periods import Every
from ebbwatch.model.units import Dimension, printed_unit

#: What a node may be parametrised by: a number, a name, a window, an operator.
Parameter = Fraction | str | Duration | int


@dataclass(frozen=True, slots=True)
class Periods:
    """Which periods a computation has values for.

    Attributes:
        every: Their frequency; None for a constant and for what is read at an instant.
        setters: Names of the series that set them (not those carried forward).
        calendar: Name of the business calendar that windows over them count in.
        momentary: True for what is read at an instant, each part at its own latest period
            (``count``, ``breaches`` and what is made of them); it has no past periods.
    """

    every: Every | None = None
    setters: frozenset[str] = frozenset()
    calendar: str = "sifma"
    momentary: bool = False


#: The periods of what is the same at all times.
NO_PERIODS = Periods()


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One computation.

    Attributes:
        op: Its operation: ``series``, ``const``, ``+``, ``avg``, ``<``, ``and``, ``count``...
        args: What it is computed from.
        params: Constants it is parametrised by.
        dimension: What it measures; None for a condition.
        periods: Which periods it has values for.
        depth: Longest way down to a series.
        lookbacks: How many of the computations on one way down look back in time.
        number: Position in its graph; arguments come before.
    """

    op: str
    args: tuple[Node, ...] = ()
    params: tuple[Parameter, ...] = ()
    dimension: Dimension | None = None
    periods: Periods = NO_PERIODS
    depth: int = 0
    lookbacks: int = 0
    number: int = 0

    @property
    def every(self) -> Every | None:
        """Return its frequency; None for a constant and for what is read at an instant."""
        return self.periods.every

    @property
    def setters(self) -> frozenset[str]:
        """Return the names of the series that set its periods."""
        return self.periods.setters

    @property
    def calendar(self) -> str:
        """Return the name of the business calendar its windows count in."""
        return self.periods.calendar

    @property
    def momentary(self) -> bool:
        """Return whether it is read at an instant and has no past periods."""
        return self.periods.momentary

    @property
    def is_constant(self) -> bool:
        """Return whether it is a number and nothing else."""
        return self.op == "const"

    @property
    def is_condition(self) -> bool:
        """Return whether it is true or false rather than a number."""
        return self.dimension is None

    @property
    def value(self) -> Fraction:
        """Return a constant's number."""
        number = self.params[0]
        assert isinstance(number, Fraction)
        return number

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it, each once, arguments first."""
        seen: set[int] = set()
        stack: list[tuple[Node, bool]] = [(self, False)]
        while stack:
            node, done = stack.pop()
            if done:
                yield node
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack.extend((arg, False) for arg in reversed(node.args))

    @property
    def series(self) -> tuple[str, ...]:
        """Return the names of the series it reads, in order of appearance."""
        return tuple(str(node.params[0]) for node in self.walk() if node.op == "series")


@dataclass(slots=True)
class Graph:
    """Makes nodes, each distinct one once.

    Attributes:
        nodes: All nodes, in the order in which they were made: arguments before what uses them.
    """

    nodes: list[Node] = field(default_factory=list)
    _by_key: dict[tuple[object, ...], Node] = field(default_factory=dict)

    def node(
        self,
        op: str,
        *args: Node,
        params: tuple[Parameter, ...] = (),
        dimension: Dimension | None = None,
        periods: Periods = NO_PERIODS,
        looks_back: bool = False,
    ) -> Node:
        """Return the one node of this computation.

        Args:
            op: Its operation.
            *args: What it is computed from.
            params: Constants it is parametrised by.
            dimension: What it measures; None for a condition.
            periods: Which periods it has values for.
            looks_back: Whether its elements depend on earlier ones.
        """
        key = (op, tuple(arg.number for arg in args), params, dimension)
        found = self._by_key.get(key)
        if found is None:
            found = Node(
                op, args, params, dimension, periods,
                depth=1 + max((arg.depth for arg in args), default=0),
                lookbacks=looks_back + max((arg.lookbacks for arg in args), default=0),
                number=len(self.nodes),
            )  # fmt: skip
            self.nodes.append(found)
            self._by_key[key] = found
        return found

    def exceeds(self, node: Node, limit: int) -> bool:
        """Return whether a node and all below it are more than so many."""
        if node.number < limit:
            return False  # arguments come before: there are not so many
        return next(islice(node.walk(), limit, None), None) is not None


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that was checked.

    Attributes:
        text: As written.
        node: What it computes.
        dimension: What it measures; None for a condition.
        difference: True for a difference of rates, which is printed in bp.
    """

    text: str
    node: Node
    dimension: Dimension | None
    difference: bool = False

    @property
    def is_condition(self) -> bool:
        """Return whether it is true or false rather than a number."""
        return self.dimension is None

    @property
    def series(self) -> frozenset[str]:
        """Return the names of the series it reads."""
        return frozenset(self.node.series)

    @property
    def unit(self) -> str:
        """Return the unit it is printed in where no rule says otherwise."""
        if self.dimension is None:
            return ""
        return printed_unit(self.dimension, difference=self.difference)
