"""Blocks: the elements of every node, computed once for a whole stretch of logical time.

Within a *block* no past period changes, so that one array per node holds every reading:
element i is read at the instant it is born. A block ends where a value at or before the
newest period changes: a revision, a late figure, a slower series' new figure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from ebbwatch.expr.definition import Function, LooksBack, Picked, Pointwise, Windowed
from ebbwatch.expr.elements import Alignment, Block, ends_of, is_carried, leading
from ebbwatch.expr.functions import FUNCTIONS
from ebbwatch.expr.graph import Node
from ebbwatch.expr.logic import (
    COMPARISONS,
    UNKNOWN,
    Verdicts,
    combined,
    compared,
    opposite,
)
from ebbwatch.expr.numbers import SHORT, Longs, Numbers
from ebbwatch.expr.view import BEGINNING, FOREVER, Column, View
from ebbwatch.expr.windows import Window
from ebbwatch.model.durations import Duration
from ebbwatch.model.periods import Micros, period_of

_EMPTY = np.empty(0, np.int64)
#: Links of an operation on one argument, element by element.
_ITSELF: tuple[Longs | None, ...] = (None,)

_ARITHMETIC: dict[str, Callable[[Numbers, Numbers], Numbers]] = {
    "+": Numbers.plus,
    "-": lambda a, b: a.plus(b, -1),
    "*": Numbers.times,
    "/": Numbers.over,
}


@dataclass(slots=True)
class Blocks:
    """The blocks of nodes over (after, upto]; each node is computed once.

    Attributes:
        view: The facts.
        after: µs; the first block of each node begins here.
        upto: µs; nothing known later is used.
    """

    view: View
    after: Micros = BEGINNING
    upto: Micros = FOREVER
    _blocks: dict[int, list[Block]] = field(default_factory=dict)
    _bounds: dict[int, list[Micros]] = field(default_factory=dict)
    _alignment: Alignment = field(default_factory=Alignment)

    # ---- blocks ----------------------------------------------------------------------

    def bounds(self, node: Node) -> list[Micros]:
        """Return the instants in (after, upto] at which the node's past changes."""
        found = self._bounds.get(node.number)
        if found is None:
            found = self._bounds[node.number] = self._find_bounds(node)
        return found

    def _find_bounds(self, node: Node) -> list[Micros]:
        if node.op == "const":
            return []
        if node.op == "series":
            column = self.view.column(str(node.params[0]))
            return [] if column is None else self.within(column.boundaries)
        union: set[Micros] = set()
        for arg in node.args:
            union.update(self.bounds(arg))
        for arg in node.args:
            if is_carried(node, arg):
                union.update(self._late_births(node, arg))
        return sorted(union)

    def within(self, instants: Longs) -> list[Micros]:
        """Return those of some instants (µs) that lie in (after, upto]."""
        inside = instants[(instants > self.after) & (instants <= self.upto)]
        return inside.tolist()  # type: ignore[no-any-return]

    def _late_births(self, node: Node, slow: Node) -> list[Micros]:
        """Return births of a carried element that change periods already there."""
        fast = leading(node)
        births, ends = [], []
        for block in self.of(fast):
            births.append(np.maximum(block.births, block.start))
            ends.append(ends_of(fast, block.periods))
        when, reach = np.concatenate(births), np.concatenate(ends)
        if len(when) == 0:
            return []
        order = np.argsort(when, kind="stable")
        when, reach = when[order], np.maximum.accumulate(reach[order])
        found: set[Micros] = set()
        for block in self.of(slow):
            born = block.births
            fresh = born > max(block.start, self.after)
            fresh |= (born == block.start) & (block.start > self.after)
            born, slow_ends = born[fresh], ends_of(slow, block.periods[fresh])
            before = np.searchsorted(when, born, "left") - 1
            touches = (before >= 0) & (reach[np.maximum(before, 0)] >= slow_ends)
            found.update(born[touches].tolist())
        return sorted(found)

    def of(self, node: Node) -> list[Block]:
        """Return the node's blocks over (after, upto], the first beginning at `after`."""
        found = self._blocks.get(node.number)
        if found is None:
            found = self._blocks[node.number] = self._make_blocks(node)
        return found

    def forget(self, node: Node) -> None:
        """Let go of a node's blocks; they are made anew should they be wanted again."""
        self._blocks.pop(node.number, None)

    def at(self, node: Node, instant: Micros) -> Block:
        """Return the block of a node in which an instant (µs) lies."""
        return self.of(node)[bisect_right(self.bounds(node), instant)]

    def end(self, node: Node, block: Block) -> Micros:
        """Return the instant (µs) at which a block of a node ends."""
        bounds = self.bounds(node)
        number = bisect_right(bounds, block.start)
        return bounds[number] if number < len(bounds) else self._after_all

    @property
    def _after_all(self) -> Micros:
        return Micros(self.upto + 1) if self.upto < FOREVER else FOREVER

    def _make_blocks(self, node: Node) -> list[Block]:
        if node.op == "series":
            return self._series_blocks(node)
        bounds = self.bounds(node)
        starts = [self.after, *bounds]
        ends = [*bounds, self._after_all]
        return [self._block(node, s, e) for s, e in zip(starts, ends, strict=True)]

    def argument(self, arg: Node, start: Micros, end: Micros) -> Block:
        """Return an argument's elements as known before the end of a block."""
        block = self.at(arg, start)
        return block.first(block.until(end))

    # ---- series ----------------------------------------------------------------------

    def _series_blocks(self, node: Node) -> list[Block]:
        column = self.view.column(str(node.params[0]))
        if column is None:
            return [
                Block(
                    self.after,
                    _EMPTY,
                    _EMPTY,
                    Numbers.whole(np.empty(0), Fraction(1)),
                    facts=_EMPTY,
                )
            ]
        bounds = self.bounds(node)
        edges = [*bounds, self._after_all]
        facts = self._elements_before(column, edges[0])
        blocks = [self._series_block(column, self.after, facts)]
        for start, end in zip(bounds, edges[1:], strict=True):
            low = int(np.searchsorted(column.effect, start, "left"))
            high = int(np.searchsorted(column.effect, end, "left"))
            facts = _revised(column, facts, low, high)
            blocks.append(self._series_block(column, start, facts))
        return blocks

    def _elements_before(self, column: Column, end: Micros) -> Longs:
        """Return the newest fact of each period among those in effect before an instant."""
        count = int(np.searchsorted(column.effect, end, "left")) if end < FOREVER else len(column)
        if len(column.boundaries) == 0 or column.boundaries[0] >= end:
            facts = np.arange(count)
        else:
            order = np.lexsort((np.arange(count), column.periods[:count]))
            periods = column.periods[order]
            facts = order[np.append(periods[1:] != periods[:-1], True)] if count else order
        return _present(column, facts)

    def _series_block(self, column: Column, start: Micros, facts: Longs) -> Block:
        whole = len(facts) == len(column) and len(column.boundaries) == 0
        periods = column.periods if whole else column.periods[facts]
        births = column.effect if whole else column.effect[facts]
        quanta = column.quanta if whole else column.quanta[facts]
        return Block(start, periods, births, Numbers.whole(quanta, column.quantum), facts=facts)

    # ---- operations ------------------------------------------------------------------

    def _block(self, node: Node, start: Micros, end: Micros) -> Block:
        args = [None if a.is_constant else self.argument(a, start, end) for a in node.args]
        first = args[0]
        if node.op in ("not", "neg"):
            assert first is not None
            truth = None if first.truth is None else opposite(first.truth)
            numbers = None if first.numbers is None else first.numbers.negated()
            return Block(start, first.periods, first.births, numbers, truth, first.why,
                         links=_ITSELF)  # fmt: skip
        function = FUNCTIONS.get(node.op)
        if function is None or isinstance(function.means, Pointwise):
            return self._pointwise(node, start, args)
        assert first is not None
        return self._looking_back(node, function, start, first)

    def _pointwise(self, node: Node, start: Micros, args: list[Block | None]) -> Block:
        periods, births, links = self._alignment.of(node, args)
        if node.op in ("and", "or"):
            sides = [_verdicts(block, link) for block, link in zip(args, links, strict=True)]
            truth, reasons = combined(node.op, sides[0], sides[1])
            why = reasons if bool(reasons.any()) else None
            return Block(start, periods, births, truth=truth, why=why, links=links)
        operands = []
        for arg, block, link in zip(node.args, args, links, strict=True):
            if block is None:
                operands.append(Numbers.constant(arg.value))
            elif block.numbers is not None:
                operands.append(block.numbers if link is None else block.numbers.take(link))
        if node.op in COMPARISONS:
            truth, why = compared(node.op, operands[0], operands[1], len(periods))
            return Block(start, periods, births, truth=truth, why=why, links=links)
        if node.op in _ARITHMETIC:
            numbers = _ARITHMETIC[node.op](operands[0], operands[1])
        else:
            means = FUNCTIONS[node.op].means
            assert isinstance(means, Pointwise)
            numbers = means.compute(*operands, *node.params)
        return Block(start, periods, births, numbers, links=links)

    def _looking_back(self, node: Node, function: Function, start: Micros, block: Block) -> Block:
        """Return what is computed from windows; the unknown elements are none of them."""
        column = block.numbers if block.truth is None else _ones_and_zeros(block)
        assert column is not None
        births, size = np.maximum(block.births, start), len(block.periods)
        unknown = column.unknown()
        known = np.flatnonzero(~unknown) if bool(unknown.any()) else None
        if known is None:
            window = self._window(node, function, column, block.periods, births)
        else:
            window = self._window(
                node, function, column.take(known), block.periods[known], births[known]
            )
        link: Longs | None = None
        if isinstance(function.means, Picked):
            link = function.means.place(window)
            result = window.x.take(np.maximum(link, 0)).without(link < 0, SHORT)
        else:
            assert isinstance(function.means, Windowed)
            result = function.means.compute(window).without(~window.reached, SHORT)
        if known is not None:
            result = result.spread(known, size, column.why)
            if link is not None:
                # What is unknown itself is made of itself.
                every = np.arange(size)
                every[known] = np.where(link < 0, -1, known[np.maximum(link, 0)])
                link = every
        return Block(start, block.periods, block.births, result, links=(link,))

    def _window(
        self, node: Node, function: Function, x: Numbers, periods: Longs, births: Longs
    ) -> Window:
        reach = node.params[0] if node.params else None
        assert reach is None or isinstance(reach, Duration)
        if function.looks_back is LooksBack.HISTORY:
            return Window.whole(x, periods, reach)
        if reach is None:
            return Window.whole(x, periods, None, reached=births >= self._reached_at(node))
        return Window.back(x, periods, reach, self.view.calendar(node.calendar))

    def _reached_at(self, node: Node) -> Micros:
        """Return the µs from which all history is held: each series from its `history_from` on."""
        reached = BEGINNING
        for name in node.series:
            begin = self.view.catalogue[name].history_from
            if begin is None:
                continue
            column = self.view.column(name)
            if column is None:
                return FOREVER
            early = column.effect[(column.periods <= period_of(begin)) & ~np.isnan(column.quanta)]
            reached = max(reached, Micros(int(early.min(initial=FOREVER))))
        return reached


def _ones_and_zeros(block: Block) -> Numbers:
    assert block.truth is not None
    ones = np.where(block.truth == UNKNOWN, np.nan, block.truth)
    return Numbers.whole(ones, Fraction(1), why=block.why)


def _verdicts(block: Block | None, link: Longs | None) -> Verdicts:
    assert block is not None
    assert block.truth is not None
    why = np.zeros(len(block.truth), np.int8) if block.why is None else block.why
    if link is None:
        return Verdicts(block.truth, why)
    return Verdicts(block.truth[link], why[link])


def _present(column: Column, facts: Longs) -> Longs:
    """Return facts without those that say the value was withdrawn."""
    missing = np.isnan(column.quanta[facts])
    return facts[~missing] if bool(missing.any()) else facts


def _revised(column: Column, facts: Longs, low: int, high: int) -> Longs:
    """Return the elements after some more facts, each replacing its period's earlier one."""
    more = np.arange(low, high)
    joined = np.concatenate((facts, more))
    order = np.lexsort((joined, column.periods[joined]))
    ordered = joined[order]
    periods = column.periods[ordered]
    newest = ordered[np.append(periods[1:] != periods[:-1], True)] if len(ordered) else ordered
    return _present(column, newest)
