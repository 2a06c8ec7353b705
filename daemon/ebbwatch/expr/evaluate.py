"""The only evaluator: readings of a node over a stretch of logical time.

Within a *block* no past period changes, so that one array per node holds every reading:
element i is read at the instant it is born. A block ends where a value at or before the
newest period changes: a revision, a late figure, a slower series' new figure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ebbwatch.expr import windows
from ebbwatch.expr.graph import Node
from ebbwatch.expr.numbers import ABSENT, KNOWN, SHORT, STALE, Bytes, Longs, Numbers, distinct
from ebbwatch.expr.view import BEGINNING, FOREVER, Column, Spells, View
from ebbwatch.model.durations import Duration
from ebbwatch.model.periods import DAY_MINUTES, Every, Rank, period_of

#: Truth values of conditions, as stored.
TRUE, FALSE, UNKNOWN = np.int8(1), np.int8(0), np.int8(-1)

_ARITHMETIC = ("+", "-", "*", "/")
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
_EMPTY = np.empty(0, np.int64)
#: Links of an operation on one argument, element by element.
_ITSELF: tuple[Longs | None, ...] = (None,)


@dataclass(slots=True, eq=False)
class Block:
    """A node's elements as known until the end of a block, oldest period first.

    Attributes:
        start: µs at which the block begins; what was born before counts as born then.
        periods: Of the elements.
        births: µs at which each is first read; ascending over those born inside.
        numbers: Their values; None for a condition.
        truth: Of a condition: 1, 0, or -1 where unknown.
        why: Reason codes of a condition's unknown elements; None when all are known.
        links: For each argument, which of its elements each element is made of.
        facts: Of a series: which fact each element is.
    """

    start: int
    periods: Longs
    births: Longs
    numbers: Numbers | None = None
    truth: Bytes | None = None
    why: Bytes | None = None
    links: tuple[Longs | None, ...] = ()
    facts: Longs | None = None

    def until(self, end: int) -> int:
        """Return how many elements are born before an instant."""
        births = self.births
        if len(births) == 0 or births[-1] < end:
            return len(births)
        # Only those born inside the block can lie at or after `end`, and they ascend.
        inside = int(np.searchsorted(births > self.start, True))
        return inside + int(np.searchsorted(births[inside:], end, "left"))


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """What a node said, reading by reading, in order of time.

    Attributes:
        at: µs of each reading.
        periods: Its period.
        numbers: Values; None for a condition.
        truth: Verdicts of a condition; None for a number.
        why: Reason code of each unknown reading, 0 where it is known.
        low: Of a count with unknown parts, the least it can be; None otherwise.
        high: The most it can be.
    """

    at: Longs
    periods: Longs
    why: Bytes
    numbers: Numbers | None = None
    truth: Bytes | None = None
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        """Return how many readings there are."""
        return len(self.at)

    def chosen(self, index: Longs) -> Readings:
        """Return some of the readings, in that order."""
        return Readings(
            self.at[index], self.periods[index], self.why[index],
            None if self.numbers is None else self.numbers.take(index),
            None if self.truth is None else self.truth[index],
            None if self.low is None else self.low[index],
            None if self.high is None else self.high[index],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Element:
    """One fact that went into a reading."""

    series: str
    period: int
    fact: int


@dataclass(slots=True)
class Evaluation:
    """One evaluation over (after, upto]: nodes are computed once, however many rules share them.

    Attributes:
        view: The facts.
        after: µs; what was read up to here is not read again.
        upto: µs; nothing known later is used.
    """

    view: View
    after: int = BEGINNING
    upto: int = FOREVER
    _blocks: dict[int, list[Block]] = field(default_factory=dict)
    _bounds: dict[int, list[int]] = field(default_factory=dict)
    _matches: dict[tuple[int, int], tuple[Longs, Longs, Longs] | None] = field(default_factory=dict)
    _stales: dict[tuple[str, bool], tuple[Spells, list[int]]] = field(default_factory=dict)
    _kept: list[object] = field(default_factory=list)

    # ---- blocks ----------------------------------------------------------------------

    def bounds(self, node: Node) -> list[int]:
        """Return the instants in (after, upto] at which the node's past changes."""
        found = self._bounds.get(node.number)
        if found is None:
            found = self._bounds[node.number] = self._find_bounds(node)
        return found

    def _find_bounds(self, node: Node) -> list[int]:
        if node.op == "const":
            return []
        if node.op == "series":
            column = self.view.column(str(node.params[0]))
            return [] if column is None else self._within(column.boundaries)
        union: set[int] = set()
        for arg in node.args:
            union.update(self.bounds(arg))
        for arg in node.args:
            if _is_carried(node, arg):
                union.update(self._late_births(node, arg))
        return sorted(union)

    def _within(self, instants: Longs) -> list[int]:
        inside = instants[(instants > self.after) & (instants <= self.upto)]
        return inside.tolist()  # type: ignore[no-any-return]

    def _late_births(self, node: Node, slow: Node) -> list[int]:
        """Return births of a carried element that change periods already there."""
        fast = next((arg for arg in node.args if arg is not slow and not arg.is_constant), None)
        if fast is None:
            return []
        births, ends = [], []
        for block in self.blocks(fast):
            births.append(np.maximum(block.births, block.start))
            ends.append(_ends(fast, block.periods))
        when, reach = np.concatenate(births), np.concatenate(ends)
        if len(when) == 0:
            return []
        order = np.argsort(when, kind="stable")
        when, reach = when[order], np.maximum.accumulate(reach[order])
        found: set[int] = set()
        for block in self.blocks(slow):
            born = block.births
            fresh = born > max(block.start, self.after)
            fresh |= (born == block.start) & (block.start > self.after)
            born, slow_ends = born[fresh], _ends(slow, block.periods[fresh])
            before = np.searchsorted(when, born, "left") - 1
            touches = (before >= 0) & (reach[np.maximum(before, 0)] >= slow_ends)
            found.update(born[touches].tolist())
        return sorted(found)

    def blocks(self, node: Node) -> list[Block]:
        """Return the node's blocks over (after, upto], the first beginning at `after`."""
        found = self._blocks.get(node.number)
        if found is None:
            found = self._blocks[node.number] = self._make_blocks(node)
        return found

    def forget(self, node: Node) -> None:
        """Let go of a node's blocks; they are made anew should they be wanted again."""
        self._blocks.pop(node.number, None)

    def _make_blocks(self, node: Node) -> list[Block]:
        if node.op == "series":
            return self._series_blocks(node)
        bounds = self.bounds(node)
        starts = [self.after, *bounds]
        ends = [*bounds, self.upto + 1 if self.upto < FOREVER else FOREVER]
        return [self._block(node, s, e) for s, e in zip(starts, ends, strict=True)]

    def _argument(self, arg: Node, start: int, end: int) -> Block:
        """Return an argument's elements as known before the end of a block."""
        blocks = self.blocks(arg)
        bounds = self.bounds(arg)
        block = blocks[bisect_right(bounds, start)]
        count = block.until(end)
        if count == len(block.periods):
            return block
        return self._cut(block, count)

    def _cut(self, block: Block, count: int) -> Block:
        part = slice(0, count)
        return Block(
            block.start, block.periods[part], block.births[part],
            None if block.numbers is None else block.numbers.take(part),
            None if block.truth is None else block.truth[part],
            None if block.why is None else block.why[part],
            tuple(None if link is None else link[part] for link in block.links),
            None if block.facts is None else block.facts[part],
        )  # fmt: skip

    # ---- series ----------------------------------------------------------------------

    def _series_blocks(self, node: Node) -> list[Block]:
        column = self.view.column(str(node.params[0]))
        if column is None:
            return [Block(self.after, _EMPTY, _EMPTY, _nothing(), facts=_EMPTY)]
        bounds = self.bounds(node)
        edges = [*bounds, self.upto + 1 if self.upto < FOREVER else FOREVER]
        facts = self._elements_before(column, edges[0])
        blocks = [self._series_block(column, self.after, facts)]
        for start, end in zip(bounds, edges[1:], strict=True):
            low = int(np.searchsorted(column.effect, start, "left"))
            high = int(np.searchsorted(column.effect, end, "left"))
            facts = _revised(column, facts, low, high)
            blocks.append(self._series_block(column, start, facts))
        return blocks

    def _elements_before(self, column: Column, end: int) -> Longs:
        """Return the newest fact of each period among those in effect before an instant."""
        count = int(np.searchsorted(column.effect, end, "left")) if end < FOREVER else len(column)
        if len(column.boundaries) == 0 or column.boundaries[0] >= end:
            facts = np.arange(count)
        else:
            order = np.lexsort((np.arange(count), column.periods[:count]))
            periods = column.periods[order]
            facts = order[np.append(periods[1:] != periods[:-1], True)] if count else order
        return _present(column, facts)

    def _series_block(self, column: Column, start: int, facts: Longs) -> Block:
        whole = len(facts) == len(column) and len(column.boundaries) == 0
        periods = column.periods if whole else column.periods[facts]
        births = column.effect if whole else column.effect[facts]
        quanta = column.quanta if whole else column.quanta[facts]
        return Block(start, periods, births, Numbers.whole(quanta, column.quantum), facts=facts)

    # ---- operations ------------------------------------------------------------------

    def _block(self, node: Node, start: int, end: int) -> Block:
        args = [None if a.is_constant else self._argument(a, start, end) for a in node.args]
        op = node.op
        if op in ("at", *_ARITHMETIC, *_COMPARISONS, "and", "or", "until_below", "until_above"):
            return self._pointwise(node, start, args)
        block = args[0]
        assert block is not None
        if op == "not":
            assert block.truth is not None
            truth = np.where(block.truth == UNKNOWN, UNKNOWN, 1 - block.truth).astype(np.int8)
            return Block(start, block.periods, block.births, truth=truth, why=block.why,
                         links=_ITSELF)  # fmt: skip
        if op == "streak":
            return self._streak(start, block)
        assert block.numbers is not None
        if op in ("neg", "abs"):
            numbers = block.numbers.negated() if op == "neg" else block.numbers.absolute()
            return Block(start, block.periods, block.births, numbers, links=_ITSELF)
        return self._windowed(node, start, block)

    def _pointwise(self, node: Node, start: int, args: list[Block | None]) -> Block:
        periods, births, links = self._aligned(node, args)
        operands = []
        for arg, block, link in zip(node.args, args, links, strict=True):
            if block is None:
                operands.append(Numbers.constant(arg.value))
            elif block.numbers is not None:
                operands.append(block.numbers if link is None else block.numbers.take(link))
        if node.op in ("and", "or"):
            truth, why = _kleene(node.op, args, links)
            return Block(start, periods, births, truth=truth, why=why, links=links)
        if node.op in _COMPARISONS:
            truth, why = _compared(node.op, operands[0], operands[1], len(periods))
            return Block(start, periods, births, truth=truth, why=why, links=links)
        return Block(start, periods, births, _computed(node, operands), links=links)

    def _aligned(
        self, node: Node, args: list[Block | None]
    ) -> tuple[Longs, Longs, tuple[Longs | None, ...]]:
        """Return the periods of an operation, their births, and who each is made of.

        A link of None means: element by element.
        """
        if node.op == "at":
            slow, fast = args
            assert slow is not None
            assert fast is not None
            index, periods, births, chosen = self._carried(node.args[0], slow, node.args[1], fast)
            return periods, births, (index, chosen)
        present = [(i, block) for i, block in enumerate(args) if block is not None]
        links: list[Longs | None] = [None] * len(args)
        if len(present) == 1:
            only = present[0][1]
            return only.periods, only.births, tuple(links)
        (i, a), (j, b) = present
        left, right = node.args[i], node.args[j]
        assert left.every is not None
        assert right.every is not None
        if left.every.rank == right.every.rank:
            found = self._matched(a, b)
            if found is None:
                return a.periods, a.births, tuple(links)
            births, links[i], links[j] = found
            return a.periods[links[i]], births, tuple(links)
        if left.every.rank < right.every.rank:
            links[j], periods, births, links[i] = self._carried(right, b, left, a)
        else:
            links[i], periods, births, links[j] = self._carried(left, a, right, b)
        return periods, births, tuple(links)

    def _matched(self, a: Block, b: Block) -> tuple[Longs, Longs, Longs] | None:
        """Return births and indices of the periods both have; None where they are the same."""
        if a.periods is b.periods and a.births is b.births:
            return None
        key = (id(a.periods), id(b.periods))
        if key not in self._matches:
            if len(a.periods) == len(b.periods) and bool((a.periods == b.periods).all()):
                every = np.arange(len(a.periods))
                self._matches[key] = (every, every, every)
            else:
                _, ia, ib = np.intersect1d(
                    a.periods, b.periods, assume_unique=True, return_indices=True
                )
                self._matches[key] = (ia, ia, ib)
            self._kept.extend((a.periods, b.periods))
        found = self._matches[key]
        assert found is not None
        _, ia, ib = found
        return np.maximum(a.births[ia], b.births[ib]), ia, ib

    def _carried(
        self, slow_node: Node, slow: Block, fast_node: Node, fast: Block
    ) -> tuple[Longs, Longs, Longs, Longs]:
        """Return the slow elements at the fast periods: indices, periods, births, fast indices."""
        ends = _ends(slow_node, slow.periods)
        index = np.searchsorted(ends, _ends(fast_node, fast.periods), "right") - 1
        chosen = np.flatnonzero(index >= 0)
        index = index[chosen]
        # An element is born when it first exists: with its own period, or with the first
        # slow figure that had ended by then, whichever comes later.
        first = np.minimum.accumulate(slow.births) if len(slow.births) else slow.births
        births = np.maximum(fast.births[chosen], first[index] if len(index) else _EMPTY)
        return index, fast.periods[chosen], births, chosen

    def _streak(self, start: int, block: Block) -> Block:
        truth = block.truth
        assert truth is not None
        known = np.flatnonzero(truth != UNKNOWN)
        run = np.full(len(truth), np.nan)
        run[known] = _run_lengths(truth[known] == TRUE)
        numbers = Numbers.whole(run, Fraction(1), why=block.why)
        return Block(start, block.periods, block.births, numbers, links=_ITSELF)

    def _windowed(self, node: Node, start: int, block: Block) -> Block:
        numbers = block.numbers
        assert numbers is not None
        unknown = numbers.unknown()
        births = np.maximum(block.births, start)
        if not bool(unknown.any()):
            result = self._over(node, numbers, block.periods, births)
            return Block(start, block.periods, block.births, result, links=_ITSELF)
        known = np.flatnonzero(~unknown)
        part = self._over(node, numbers.take(known), block.periods[known], births[known])
        back = np.full(len(unknown), -1)
        back[known] = np.arange(len(known))
        result = _spread(part, back, numbers.why)
        return Block(start, block.periods, block.births, result, links=_ITSELF)

    def _over(self, node: Node, x: Numbers, periods: Longs, births: Longs) -> Numbers:
        """Return a window function over known elements; unknown where history is too short."""
        business = self.view.calendar(node.calendar)
        reach = node.params[0] if node.params else None
        if node.op == "ewma":
            assert isinstance(reach, Duration)
            return windows.half_life(x, periods, reach)
        if node.op == "lag":
            assert isinstance(reach, Duration)
            return _lagged(x, periods, reach, business)
        if reach is None:
            window = windows.Window.whole(x, periods, births >= self._reached_at(node))
        else:
            assert isinstance(reach, Duration)
            window = windows.Window.back(x, periods, reach, business)
        known = window.reached
        if node.op in ("stdev", "slope"):
            function = windows.deviation if node.op == "stdev" else windows.slope
            result, enough = function(window)
            known = known & enough
        else:
            result = _REDUCERS[node.op](window)
        return result if bool(known.all()) else _masked(result, ~known, SHORT)

    def _reached_at(self, node: Node) -> int:
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
            reached = max(reached, int(early.min(initial=FOREVER)))
        return reached

    # ---- readings --------------------------------------------------------------------

    def readings(self, node: Node) -> Readings:
        """Return every reading of a node in (after, upto].

        Each new period is read when it is born, oldest first; the newest period again where
        the past changes and nothing new is born, and where an input becomes stale.
        """
        if node.momentary:
            return self._steps(node)
        at, periods, which = [], [], []
        blocks = self.blocks(node)
        newest = BEGINNING
        for number, block in enumerate(blocks):
            size = len(block.periods)
            if number == 0:
                first = block.until(self.after + 1) if self.after > BEGINNING else 0
                new = np.arange(first, size)
                if first:
                    newest = int(block.periods[first - 1])
            else:
                low = int(np.searchsorted(block.periods, newest, "right"))
                new = np.arange(low, size)
                if low and not (len(new) and block.births[low] <= block.start):
                    new = np.concatenate(([low - 1], new))
            births = np.maximum(block.births[new], block.start) if number else block.births[new]
            if number and len(new):
                # Several periods may be born together; none is read before the one before it.
                if new[0] < int(np.searchsorted(block.periods, newest, "right")):
                    births[0] = block.start
                births = np.maximum.accumulate(births)
            at.append(births)
            periods.append(block.periods[new])
            which.append(new)
            if size:
                newest = max(newest, int(block.periods[-1]))
        return self._read(node, blocks, at, periods, which)

    def _read(
        self, node: Node, blocks: list[Block], at: list[Longs], periods: list[Longs],
        which: list[Longs], *, marks: bool = True,
    ) -> Readings:  # fmt: skip
        if marks:
            at, periods, which = self._with_stale(node, blocks, at, periods, which)
        when, span = np.concatenate(at), np.concatenate(periods)
        stale = self._stale(node, when)
        if node.is_condition:
            truth, why = [], []
            for block, index, instants in zip(blocks, which, at, strict=True):
                part, reason = self._truth(node, block, index, instants)
                truth.append(part)
                why.append(reason)
            return Readings(when, span, np.concatenate(why), truth=np.concatenate(truth))
        columns = [b.numbers.take(i) for b, i in zip(blocks, which, strict=True) if b.numbers]
        numbers = _joined(columns)
        found = np.where(numbers.unknown(), SHORT, KNOWN)
        if numbers.why is not None:
            found = np.where(found != KNOWN, np.where(numbers.why == KNOWN, found, numbers.why),
                             KNOWN)  # fmt: skip
        if bool(stale.any()):
            numbers = _masked(numbers, stale, STALE)
            found = np.where(stale, STALE, found)
        return Readings(when, span, found.astype(np.int8), numbers=numbers)

    def _with_stale(
        self, node: Node, blocks: list[Block], at: list[Longs], periods: list[Longs],
        which: list[Longs],
    ) -> tuple[list[Longs], list[Longs], list[Longs]]:  # fmt: skip
        """Add a reading of the newest element where an input becomes stale, or fresh again."""
        marks = self._stale_marks(node)
        if not marks:
            return at, periods, which
        starts = [block.start for block in blocks[1:]]
        for mark in marks:
            number = bisect_right(starts, mark)
            block = blocks[number]
            count = block.until(mark + 1)
            if count == 0 or mark in at[number]:
                continue
            place = int(np.searchsorted(at[number], mark, "right"))
            at[number] = np.insert(at[number], place, mark)
            periods[number] = np.insert(periods[number], place, block.periods[count - 1])
            which[number] = np.insert(which[number], place, count - 1)
        return at, periods, which

    def _stale_marks(self, node: Node) -> list[int]:
        found: set[int] = set()
        for leaf in _leaves(node):
            found.update(self._lapses(leaf)[1])
        return sorted(found)

    def _stale(self, node: Node, at: Longs) -> NDArray[np.bool_]:
        mask = np.zeros(len(at), np.bool_)
        for leaf in _leaves(node):
            if spells := self._lapses(leaf)[0]:
                mask |= spells.cover(at)
        return mask

    def _lapses(self, leaf: tuple[str, bool]) -> tuple[Spells, list[int]]:
        """Return when a series is stale, and the instants in (after, upto] at which that changes."""
        found = self._stales.get(leaf)
        if found is None:
            name, carried = leaf
            spells = self.view.stale(name, carried=carried)
            ends = spells.ends[spells.ends < FOREVER]
            found = self._stales[leaf] = (spells, self._within(spells.starts) + self._within(ends))
        return found

    def _truth(self, node: Node, block: Block, index: Longs, at: Longs) -> tuple[Bytes, Bytes]:
        """Return a condition's verdicts at readings; a stale part is unknown, by Kleene."""
        if node.op in ("and", "or", "not"):
            parts = []
            for number, arg in enumerate(node.args):
                link = block.links[number]
                below = self._argument(arg, block.start, self._end_of(node, block))
                parts.append(self._truth(arg, below, index if link is None else link[index], at))
            if node.op == "not":
                truth, why = parts[0]
                return np.where(truth == UNKNOWN, UNKNOWN, 1 - truth).astype(np.int8), why
            return _combined(node.op, parts[0], parts[1])
        assert block.truth is not None
        truth = block.truth[index]
        why = np.zeros(len(index), np.int8) if block.why is None else block.why[index]
        stale = self._stale(node, at)
        if bool(stale.any()):
            truth = np.where(stale, UNKNOWN, truth)
            why = np.where(stale, STALE, why).astype(np.int8)
        return truth, why

    def _end_of(self, node: Node, block: Block) -> int:
        bounds = self.bounds(node)
        number = bisect_right(bounds, block.start)
        if number < len(bounds):
            return bounds[number]
        return self.upto + 1 if self.upto < FOREVER else FOREVER

    def current(self, node: Node) -> Readings:
        """Return the one reading that stands at `upto`; none where there is no element yet."""
        if node.momentary:
            return self._together(
                node, [a.value if a.is_constant else self.current(a) for a in node.args]
            )
        block = self.blocks(node)[-1]
        count = block.until(self.upto + 1) if self.upto < FOREVER else len(block.periods)
        index = np.arange(count)[-1:]
        at = np.full(len(index), self.upto)
        empty = [_EMPTY] * (len(self.blocks(node)) - 1)
        return self._read(
            node, self.blocks(node), [*empty, at], [*empty, block.periods[index]], [*empty, index],
            marks=False,
        )  # fmt: skip

    def elements(
        self, node: Node, *, at: int | None = None
    ) -> tuple[Longs, Numbers | None, Bytes | None]:
        """Return a node's elements as known at `upto`: periods, and numbers or verdicts.

        Args:
            node: Whose.
            at: An earlier instant (µs) to go by; None for `upto`.
        """
        upto = self.upto if at is None else at
        block = self.blocks(node)[-1] if at is None else self._block_at(node, at)
        count = block.until(upto + 1) if upto < FOREVER else len(block.periods)
        cut = self._cut(block, count)
        return cut.periods, cut.numbers, cut.truth

    # ---- what is read at an instant ----------------------------------------------------

    def _steps(self, node: Node) -> Readings:
        """Return the readings of a node whose parts each have their own latest period."""
        result = self._together(node, [self._part(arg) for arg in node.args])
        at = result.at
        fresh = (at > self.after) & (at <= self.upto)
        return result if bool(fresh.all()) else result.chosen(np.flatnonzero(fresh))

    def _together(self, node: Node, parts: list[Readings | Fraction]) -> Readings:
        """Return what a node says whenever one of its parts does."""
        moving = [part for part in parts if isinstance(part, Readings)]
        at = distinct(np.concatenate([part.at for part in moving])) if moving else _EMPTY
        held = [_held(part, at) if isinstance(part, Readings) else part for part in parts]
        periods = np.full(len(at), BEGINNING)
        for part in held:
            if isinstance(part, Readings):
                periods = np.maximum(periods, part.periods)
        if node.op in ("and", "or", "not", "latest", "count"):
            conditions = [part for part in held if isinstance(part, Readings)]
            return _momentary_condition(node.op, conditions, at, periods)
        return _momentary_numbers(node.op, held, at, periods)

    def _part(self, arg: Node) -> Readings | Fraction:
        if arg.is_constant:
            return arg.value
        if self.after == BEGINNING:
            return self.readings(arg)
        # A step function needs what stood at `after`, too.
        return _followed(self._before().current(arg), self.readings(arg))

    def _before(self) -> Evaluation:
        """Return the evaluation of the one instant at which this one begins."""
        for kept in self._kept:
            if isinstance(kept, Evaluation):
                return kept
        before = Evaluation(self.view, self.after, self.after)
        self._kept.append(before)
        return before

    # ---- working ---------------------------------------------------------------------

    def working(self, node: Node, period: int, at: int) -> list[Element]:
        """Return the facts a reading was made of, in order of appearance, each once."""
        found: dict[tuple[str, int], Element] = {}
        self._collect(node, period, at, found, set())
        return list(found.values())

    def workings(self, node: Node, periods: Longs) -> list[tuple[str, Longs]] | None:
        """Return, series by series, the facts that readings of some periods were made of.

        The same as `working` for each, at once; None where the node's past changed on the
        way, or its parts have periods of their own, so that each must be asked for itself.
        """
        if node.momentary or len(self.blocks(node)) > 1:
            return None
        found: list[tuple[str, Longs]] = []
        block = self.blocks(node)[0]
        index = np.searchsorted(block.periods, periods, "right") - 1
        if bool((index < 0).any()) or not self._columns(node, index, found, {}):
            return None
        return found

    def _columns(
        self, node: Node, index: Longs, found: list[tuple[str, Longs]],
        seen: dict[tuple[int, int], Longs],
    ) -> bool:  # fmt: skip
        """Add the facts that elements of a node were made of; False where that is not plain."""
        if seen.get((node.number, id(index))) is index:
            return True
        seen[node.number, id(index)] = index
        block = self.blocks(node)[0]
        if node.op == "series":
            assert block.facts is not None
            name, facts = str(node.params[0]), block.facts[index]
            if any(name == n and bool((facts == f).all()) for n, f in found):
                return True
            # Another element of the same series: where some rows coincide, each needs a look.
            if any(name == n and bool((facts == f).any()) for n, f in found):
                return False
            found.append((name, facts))
            return True
        for number, arg in enumerate(node.args):
            if arg.is_constant:
                continue
            if len(self.blocks(arg)) > 1:
                return False
            link = block.links[number]
            where = index if link is None else link[index]
            if node.op == "lag":
                places = self._lag_column(node, self.blocks(arg)[0])[where]
                if bool((places < 0).any()):
                    return False
                where = places
            if not self._columns(arg, where, found, seen):
                return False
        return True

    def _lag_column(self, node: Node, block: Block) -> Longs:
        reach = node.params[0]
        assert isinstance(reach, Duration)
        return _lag_places(block.periods, reach, self.view.calendar(node.calendar))

    def _collect(
        self, node: Node, period: int, at: int, found: dict[tuple[str, int], Element],
        seen: set[tuple[int, int]],
    ) -> None:  # fmt: skip
        if node.is_constant or (node.number, period) in seen:
            return
        seen.add((node.number, period))
        if node.momentary:
            for arg in node.args:
                if arg.momentary or arg.is_constant:
                    self._collect(arg, period, at, found, seen)
                    continue
                # Each part at its own latest period, whatever comes later.
                block = self._block_at(arg, at)
                count = block.until(at + 1)
                if count:
                    self._collect(arg, int(block.periods[count - 1]), at, found, seen)
            return
        block = self._block_at(node, at)
        index = int(np.searchsorted(block.periods, period, "right")) - 1
        if index < 0:
            return
        if node.op == "series":
            assert block.facts is not None
            name = str(node.params[0])
            element = Element(name, int(block.periods[index]), int(block.facts[index]))
            found.setdefault((name, element.period), element)
            return
        for number, arg in enumerate(node.args):
            if arg.is_constant:
                continue
            link = block.links[number]
            below = self._block_at(arg, at)
            where = index if link is None else int(link[index])
            if node.op == "lag":
                earlier = self._lag_index(node, below, where)
                if earlier is None:
                    continue
                where = earlier
            self._collect(arg, int(below.periods[where]), at, found, seen)

    def _lag_index(self, node: Node, block: Block, index: int) -> int | None:
        reach = node.params[0]
        assert isinstance(reach, Duration)
        part = block.periods[: index + 1]
        where = _lag_places(part, reach, self.view.calendar(node.calendar))[index]
        return int(where) if where >= 0 else None

    def _block_at(self, node: Node, at: int) -> Block:
        return self.blocks(node)[bisect_right(self.bounds(node), at)]


# ---- helpers ---------------------------------------------------------------------------


def _nothing() -> Numbers:
    return Numbers.whole(np.empty(0), Fraction(1))


def _is_carried(node: Node, arg: Node) -> bool:
    if arg.is_constant or arg.every is None or node.momentary:
        return False
    if node.op == "at":
        return arg is node.args[0]
    return node.every is not None and arg.every.rank > node.every.rank


def _leaves(node: Node) -> set[tuple[str, bool]]:
    """Return the series a node reads, and whether each is carried forward under a faster one."""
    found: set[tuple[str, bool]] = set()
    seen: set[tuple[int, bool]] = set()

    def visit(current: Node, *, carried: bool) -> None:
        if (current.number, carried) in seen:
            return
        seen.add((current.number, carried))
        if current.op == "series":
            found.add((str(current.params[0]), carried))
        for arg in current.args:
            visit(arg, carried=carried or _is_carried(current, arg))

    visit(node, carried=False)
    return found


def _ends(node: Node, periods: Longs) -> Longs:
    """Return the minutes at which a node's periods are over."""
    every = node.every
    assert every is not None
    return period_ends(every, periods)


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


def _kleene(
    op: str, args: list[Block | None], links: tuple[Longs | None, ...]
) -> tuple[Bytes, Bytes | None]:
    parts = []
    for block, link in zip(args, links, strict=True):
        assert block is not None
        assert block.truth is not None
        truth = block.truth if link is None else block.truth[link]
        why = np.zeros(len(block.truth), np.int8) if block.why is None else block.why
        parts.append((truth, why if link is None else why[link]))
    truth, why = _combined(op, parts[0], parts[1])
    return truth, why if bool(why.any()) else None


def _combined(op: str, a: tuple[Bytes, Bytes], b: tuple[Bytes, Bytes]) -> tuple[Bytes, Bytes]:
    (x, wx), (y, wy) = a, b
    decisive = FALSE if op == "and" else TRUE
    decided = (x == decisive) | (y == decisive)
    unknown = ~decided & ((x == UNKNOWN) | (y == UNKNOWN))
    truth = np.where(decided, decisive, np.where(unknown, UNKNOWN, 1 - decisive)).astype(np.int8)
    why = np.where(unknown, np.where(x == UNKNOWN, wx, wy), KNOWN).astype(np.int8)
    return truth, why


def _compared(op: str, a: Numbers, b: Numbers, size: int) -> tuple[Bytes, Bytes | None]:
    order = np.broadcast_to(a.order(b), (size,))
    truth = _by_order(op, order)
    unknown = np.broadcast_to(a.unknown() | b.unknown(), (size,))
    if not bool(unknown.any()):
        return truth, None
    truth = np.where(unknown, UNKNOWN, truth).astype(np.int8)
    why = np.full(size, SHORT, np.int8)
    for side in (b, a):
        if side.why is not None:
            why = np.where(np.broadcast_to(side.why, (size,)) != KNOWN, side.why, why)
    return truth, np.where(unknown, why, KNOWN).astype(np.int8)


def _by_order(op: str, order: Bytes) -> Bytes:
    match op:
        case "<":
            found = order < 0
        case "<=":
            found = order <= 0
        case ">":
            found = order > 0
        case ">=":
            found = order >= 0
        case "==":
            found = order == 0
        case _:
            found = order != 0
    return found.astype(np.int8)


def _computed(node: Node, operands: list[Numbers]) -> Numbers:
    match node.op:
        case "+":
            return operands[0].plus(operands[1])
        case "-":
            return operands[0].plus(operands[1], -1)
        case "*":
            return operands[0].times(operands[1])
        case "/":
            return operands[0].over(operands[1])
        case "at":
            return operands[0]
        case _:
            level = node.params[0]
            assert isinstance(level, Fraction)
            return windows.until(operands[0], operands[1], level, below=node.op == "until_below")


_REDUCERS: dict[str, Callable[[windows.Window], Numbers]] = {
    "avg": windows.mean,
    "sum": windows.total,
    "min": windows.least,
    "max": windows.greatest,
    "trough": windows.least,
    "peak": windows.greatest,
    "median": windows.middle,
    "percentile": windows.rank,
}


def _lag_places(periods: Longs, reach: Duration, business: object) -> Longs:
    if reach.unit == "releases":
        return np.arange(len(periods)) - int(reach.count)
    begin = windows.starts(periods, reach, business)  # type: ignore[arg-type]
    return np.searchsorted(periods, begin, "right") - 1


def _lagged(x: Numbers, periods: Longs, reach: Duration, business: object) -> Numbers:
    places = _lag_places(periods, reach, business)
    result = x.take(np.maximum(places, 0))
    return result if bool((places >= 0).all()) else _masked(result, places < 0, SHORT)


def _masked(numbers: Numbers, unknown: NDArray[np.bool_], reason: int) -> Numbers:
    """Return numbers with some made unknown for a reason."""
    size = len(unknown)
    why = np.zeros(size, np.int8) if numbers.why is None else numbers.why.copy()
    why[unknown & (why == KNOWN)] = reason
    rational = numbers.rational
    if rational is not None:
        num = np.where(unknown, np.nan, rational.num)
        return Numbers.whole(num, rational.scale, den=rational.den, why=why)
    values = np.where(unknown, np.nan, numbers.values)
    return Numbers.rough(values, numbers.error, numbers.exact, why)


def _spread(part: Numbers, back: Longs, why: Bytes | None) -> Numbers:
    """Return numbers over all elements from those over the known ones."""
    if not bool((back >= 0).any()):
        size = len(back)
        reasons = np.full(size, SHORT, np.int8) if why is None else why
        return Numbers.whole(np.full(size, np.nan), Fraction(1), why=reasons)
    missing = back < 0
    wide = part.take(np.maximum(back, 0))
    wide = _masked(wide, missing, SHORT)
    if why is not None and wide.why is not None:
        wide.why = np.where(missing & (why != KNOWN), why, wide.why).astype(np.int8)
    return wide


def _run_lengths(truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return for how many elements running, this one included, each has been true."""
    index = np.arange(1, len(truth) + 1)
    last_false = np.maximum.accumulate(np.where(truth, 0, index)) if len(truth) else index
    return np.where(truth, index - last_false, 0).astype(np.float64)


def _joined(columns: list[Numbers]) -> Numbers:
    """Return columns one after the other."""
    columns = [c for c in columns if c.unknown().size] or columns[:1]
    if len(columns) == 1:
        return columns[0]
    sizes = [len(c.values) for c in columns]
    why = None
    if any(c.why is not None for c in columns):
        why = np.concatenate(
            [np.zeros(n, np.int8) if c.why is None else c.why
             for c, n in zip(columns, sizes, strict=True)]
        )  # fmt: skip
    rationals = [c.rational for c in columns]
    first = rationals[0]
    if first is not None and all(r is not None and r.scale == first.scale for r in rationals):
        num = np.concatenate([r.num for r in rationals if r is not None])
        den = None
        if any(r is not None and r.den is not None for r in rationals):
            den = np.concatenate(
                [np.ones(n) if r is None or r.den is None else np.broadcast_to(r.den, (n,))
                 for r, n in zip(rationals, sizes, strict=True)]
            )  # fmt: skip
        return Numbers.whole(num, first.scale, den=den, why=why)
    edges = np.cumsum([0, *sizes])

    def exact(index: int) -> Fraction:
        which = int(np.searchsorted(edges, index, "right")) - 1
        return columns[which].exact(index - int(edges[which]))

    return Numbers.rough(
        np.concatenate([c.values for c in columns]),
        np.concatenate([c.error for c in columns]), exact, why,
    )  # fmt: skip


def _followed(first: Readings, then: Readings) -> Readings:
    """Return readings one after the other."""
    if len(first) == 0 or len(then) == 0:
        return then if len(first) == 0 else first

    def both(a: NDArray[Any] | None, b: NDArray[Any] | None) -> Any:
        return None if a is None or b is None else np.concatenate((a, b))

    numbers = None
    if first.numbers is not None and then.numbers is not None:
        numbers = _joined([first.numbers, then.numbers])
    return Readings(
        both(first.at, then.at), both(first.periods, then.periods), both(first.why, then.why),
        numbers, both(first.truth, then.truth), both(first.low, then.low),
        both(first.high, then.high),
    )  # fmt: skip


def _held(part: Readings, at: Longs) -> Readings:
    """Return a step function at instants; unknown before its first step."""
    if len(part) == 0:
        size = len(at)
        return Readings(at, np.full(size, BEGINNING), np.full(size, ABSENT, np.int8),
                        truth=np.full(size, UNKNOWN),
                        numbers=Numbers.whole(np.full(size, np.nan), Fraction(1)))  # fmt: skip
    index = np.searchsorted(part.at, at, "right") - 1
    held = part.chosen(np.maximum(index, 0))
    before = index < 0
    if not bool(before.any()):
        return held
    why = np.where(before, ABSENT, held.why).astype(np.int8)
    truth = None if held.truth is None else np.where(before, UNKNOWN, held.truth).astype(np.int8)
    numbers = None if held.numbers is None else _masked(held.numbers, before, ABSENT)
    low = None if held.low is None else np.where(before, np.nan, held.low)
    high = None if held.high is None else np.where(before, np.nan, held.high)
    return Readings(at, np.where(before, BEGINNING, held.periods), why, numbers, truth, low, high)


def _momentary_condition(op: str, parts: list[Readings], at: Longs, periods: Longs) -> Readings:
    truths = [part.truth for part in parts if part.truth is not None]
    whys = [part.why for part in parts]
    if op == "count":
        size = len(at)
        true, unsure = np.zeros(size), np.zeros(size)
        why = np.zeros(size, np.int8)
        for truth, reason in zip(truths, whys, strict=True):
            true += truth == TRUE
            unsure += truth == UNKNOWN
            why = np.where((why == KNOWN) & (truth == UNKNOWN), reason, why).astype(np.int8)
        return Readings(at, periods, why, numbers=Numbers.whole(true, Fraction(1)),
                        low=true, high=true + unsure)  # fmt: skip
    if op in ("latest", "not"):
        truth = truths[0]
        if op == "not":
            truth = np.where(truth == UNKNOWN, UNKNOWN, 1 - truth).astype(np.int8)
        return Readings(at, periods, whys[0], truth=truth)
    truth, why = _combined(op, (truths[0], whys[0]), (truths[1], whys[1]))
    return Readings(at, periods, why, truth=truth)


def _momentary_numbers(
    op: str, parts: list[Readings | Fraction], at: Longs, periods: Longs
) -> Readings:
    """Return arithmetic or comparisons of ranges: what is sure whatever the unknown parts are."""
    size = len(at)
    ranges, why = [], np.zeros(size, np.int8)
    for part in parts:
        if isinstance(part, Fraction):
            value = np.full(size, float(part))
            ranges.append((value, value))
            continue
        why = np.where(why == KNOWN, part.why, why).astype(np.int8)
        if part.low is not None and part.high is not None:
            ranges.append((part.low, part.high))
        else:
            assert part.numbers is not None
            ranges.append((part.numbers.values, part.numbers.values))
    (a, b), (c, d) = ranges[0], ranges[1] if len(ranges) > 1 else ranges[0]
    if op in _COMPARISONS:
        truth = _compare_ranges(op, a, b, c, d)
        return Readings(at, periods, np.where(truth == UNKNOWN, why, KNOWN).astype(np.int8),
                        truth=truth)  # fmt: skip
    low, high = _range_arithmetic(op, a, b, c, d)
    numbers = Numbers.whole(low, Fraction(1))
    return Readings(at, periods, why, numbers=numbers, low=low, high=high)


def _compare_ranges(
    op: str, a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64],
    d: NDArray[np.float64],
) -> Bytes:  # fmt: skip
    with np.errstate(invalid="ignore"):
        match op:
            case "<":
                yes, no = b < c, a >= d
            case "<=":
                yes, no = b <= c, a > d
            case ">":
                yes, no = a > d, b <= c
            case ">=":
                yes, no = a >= d, b < c
            case "==":
                yes, no = (a == b) & (c == d) & (a == c), (b < c) | (a > d)
            case _:
                yes, no = (b < c) | (a > d), (a == b) & (c == d) & (a == c)
    return np.where(yes, TRUE, np.where(no, FALSE, UNKNOWN)).astype(np.int8)


def _range_arithmetic(
    op: str, a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64],
    d: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    match op:
        case "neg":
            return -b, -a
        case "abs":
            return np.where((a < 0) & (b > 0), 0, np.minimum(abs(a), abs(b))), np.maximum(
                abs(a), abs(b)
            )
        case "+":
            return a + c, b + d
        case "-":
            return a - d, b - c
    with np.errstate(divide="ignore", invalid="ignore"):
        corners = [x * y if op == "*" else x / y for x in (a, b) for y in (c, d)]
    return np.minimum.reduce(corners), np.maximum.reduce(corners)
