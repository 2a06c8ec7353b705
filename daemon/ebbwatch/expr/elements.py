"""Elements: a node's values, period by period, and how those of several nodes meet."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ebbwatch.expr.definition import Pointwise
from ebbwatch.expr.functions import FUNCTIONS
from ebbwatch.expr.graph import Node
from ebbwatch.expr.numbers import Bytes, Longs, Numbers
from ebbwatch.model.periods import DAY_MINUTES, Every, Micros, Rank

_EMPTY = np.empty(0, np.int64)


@dataclass(slots=True, eq=False)
class Block:
    """A node's elements as known until the end of a block, oldest period first.

    Attributes:
        start: µs at which the block begins; what was born before counts as born then.
        periods: The period of each element.
        births: µs at which each is first read; ascending over those born inside.
        numbers: The values; None for a condition.
        truth: The verdicts of a condition: 1, 0, or -1 where unknown; None for a number.
        why: Reason codes of a condition's unknown elements; None when all are known.
        links: For each argument, the indices of the elements that these are made of: None for
            element by element, negative for an element made of none.
        facts: For a series, the index of each element's fact in its column.
    """

    start: Micros
    periods: Longs
    births: Longs
    numbers: Numbers | None = None
    truth: Bytes | None = None
    why: Bytes | None = None
    links: tuple[Longs | None, ...] = ()
    facts: Longs | None = None

    def until(self, end: Micros) -> int:
        """Return how many elements are born before an instant."""
        births = self.births
        if len(births) == 0 or births[-1] < end:
            return len(births)
        # Only those born inside the block can lie at or after `end`, and they ascend.
        inside = int(np.searchsorted(births > self.start, True))
        return inside + int(np.searchsorted(births[inside:], end, "left"))

    def first(self, count: int) -> Block:
        """Return the block with so many of its elements, the oldest."""
        if count == len(self.periods):
            return self
        part = slice(0, count)
        return Block(
            self.start, self.periods[part], self.births[part],
            None if self.numbers is None else self.numbers.take(part),
            None if self.truth is None else self.truth[part],
            None if self.why is None else self.why[part],
            tuple(None if link is None else link[part] for link in self.links),
            None if self.facts is None else self.facts[part],
        )  # fmt: skip


def takes_periods_of_last(node: Node) -> bool:
    """Return whether a node's periods are those of its last argument, whatever the others have."""
    function = FUNCTIONS.get(node.op)
    means = None if function is None else function.means
    return isinstance(means, Pointwise) and means.onto_last


def leading(node: Node) -> Node:
    """Return the argument that sets a node's periods: the fastest, the first of several."""
    if takes_periods_of_last(node):
        return node.args[-1]
    return min(
        (arg for arg in node.args if arg.every is not None), key=lambda arg: _every(arg).rank
    )


def is_carried(node: Node, arg: Node) -> bool:
    """Return whether a slower argument's values are carried forward to a node's periods."""
    if arg.every is None or node.momentary:
        return False
    if takes_periods_of_last(node):
        return arg is not node.args[-1]
    return node.every is not None and arg.every.rank > node.every.rank


def ends_of(node: Node, periods: Longs) -> Longs:
    """Return the minutes at which a node's periods are over."""
    return period_ends(_every(node), periods)


def _every(node: Node) -> Every:
    assert node.every is not None
    return node.every


def period_ends(every: Every, periods: Longs) -> Longs:
    """Return the minutes at which periods are over, as `Every.end` does for one."""
    if every.rank <= Rank.HOUR:
        return periods + every.minutes
    if every.rank <= Rank.WEEK:
        return periods + DAY_MINUTES
    step = {Rank.MONTH: 1, Rank.QUARTER: 3, Rank.YEAR: 12}[every.rank]
    months = (periods // DAY_MINUTES).astype("datetime64[D]").astype("datetime64[M]")
    after = (months + np.timedelta64(step, "M")).astype("datetime64[D]")
    return after.astype(np.int64) * DAY_MINUTES


@dataclass(slots=True)
class Alignment:
    """Finds the periods that several nodes have in common, once for each pair of axes."""

    _matches: dict[tuple[int, int], tuple[Longs, Longs]] = field(default_factory=dict)
    _kept: list[Longs] = field(default_factory=list)

    def of(
        self, node: Node, args: list[Block | None]
    ) -> tuple[Longs, Longs, tuple[Longs | None, ...]]:
        """Return the periods of an operation, their births, and who each is made of.

        Args:
            node: The operation.
            args: The elements of each argument; None for a constant.

        Returns:
            For each argument the indices of its elements; None for: element by element.
        """
        onto = takes_periods_of_last(node)
        links: list[Longs | None] = [None] * len(args)
        order = [i for i, block in enumerate(args) if block is not None]
        if onto:
            order.reverse()
        joint = args[order[0]]
        assert joint is not None
        every = _every(node.args[order[0]])
        for number, j in enumerate(order[1:], 1):
            other, others = args[j], _every(node.args[j])
            assert other is not None
            mine: Longs | None
            if onto or every.rank < others.rank:
                links[j], joint, mine = _carried(others, other, every, joint)
            elif every.rank == others.rank:
                joint, mine, links[j] = self._matched(joint, other)
            else:
                mine, joint, links[j] = _carried(every, joint, others, other)
                every = others
            if mine is not None:
                for i in order[:number]:
                    link = links[i]
                    links[i] = mine if link is None else link[mine]
        return joint.periods, joint.births, tuple(links)

    def _matched(self, a: Block, b: Block) -> tuple[Block, Longs | None, Longs | None]:
        """Return the periods both have, with the indices in each; None where they are the same."""
        if a.periods is b.periods and a.births is b.births:
            return a, None, None
        key = (id(a.periods), id(b.periods))
        if key not in self._matches:
            if len(a.periods) == len(b.periods) and bool((a.periods == b.periods).all()):
                every = np.arange(len(a.periods))
                self._matches[key] = (every, every)
            else:
                _, ia, ib = np.intersect1d(
                    a.periods, b.periods, assume_unique=True, return_indices=True
                )
                self._matches[key] = (ia, ib)
            self._kept.extend((a.periods, b.periods))
        ia, ib = self._matches[key]
        births = np.maximum(a.births[ia], b.births[ib])
        return Block(a.start, a.periods[ia], births), ia, ib


def _carried(slow_every: Every, slow: Block, fast_every: Every, fast: Block) -> tuple[
    Longs, Block, Longs
]:  # fmt: skip
    """Return which slow elements stand at the fast periods, those periods, and which they are."""
    ends = period_ends(slow_every, slow.periods)
    index = np.searchsorted(ends, period_ends(fast_every, fast.periods), "right") - 1
    chosen = np.flatnonzero(index >= 0)
    index = index[chosen]
    # An element is born when it first exists: with its own period, or with the first
    # slow figure that had ended by then, whichever comes later.
    first = np.minimum.accumulate(slow.births) if len(slow.births) else slow.births
    births = np.maximum(fast.births[chosen], first[index] if len(index) else _EMPTY)
    return index, Block(fast.start, fast.periods[chosen], births), chosen
