"""The only evaluator: what a node says over a stretch of logical time, reading by reading."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ebbwatch.expr.blocks import Blocks
from ebbwatch.expr.elements import Block, is_carried
from ebbwatch.expr.graph import Node
from ebbwatch.expr.inputs import Element, input_columns, inputs
from ebbwatch.expr.logic import UNKNOWN, Verdicts, combined
from ebbwatch.expr.numbers import KNOWN, SHORT, STALE, Bytes, Longs, Numbers, joined
from ebbwatch.expr.readings import Readings, together
from ebbwatch.expr.view import BEGINNING, FOREVER, NO_PERIOD, Spells, View
from ebbwatch.model.periods import Micros, Minutes

_EMPTY = np.empty(0, np.int64)


@dataclass(slots=True)
class Evaluation:
    """One evaluation over (after, upto]: nodes are computed once, however many rules share them.

    Attributes:
        view: The facts.
        after: µs; what was read up to here is not read again.
        upto: µs; nothing known later is used.
    """

    view: View
    after: Micros = BEGINNING
    upto: Micros = FOREVER
    _blocks: Blocks = field(init=False)
    _lapsed: dict[tuple[str, bool], tuple[Spells, list[Micros]]] = field(default_factory=dict)
    _before: Evaluation | None = None

    def __post_init__(self) -> None:
        """Begin with nothing computed."""
        self._blocks = Blocks(self.view, self.after, self.upto)

    def blocks(self, node: Node) -> list[Block]:
        """Return the node's elements, block by block, the first beginning at `after`."""
        return self._blocks.of(node)

    def forget(self, node: Node) -> None:
        """Let go of a node's elements; they are computed anew should they be wanted again."""
        self._blocks.forget(node)

    # ---- readings --------------------------------------------------------------------

    def readings(self, node: Node) -> Readings:
        """Return every reading of a node in (after, upto].

        Each new period is read when it is born, oldest first; the newest period again where
        the past changes and nothing new is born, and where an input becomes stale.
        """
        if node.momentary:
            return self._momentary(node)
        at, periods, which = [], [], []
        blocks = self._blocks.of(node)
        newest = NO_PERIOD
        for number, block in enumerate(blocks):
            size = len(block.periods)
            if number == 0:
                first = block.until(Micros(self.after + 1)) if self.after > BEGINNING else 0
                new = np.arange(first, size)
                if first:
                    newest = Minutes(int(block.periods[first - 1]))
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
                newest = max(newest, Minutes(int(block.periods[-1])))
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
            parts = [
                self._verdicts(node, block, index, instants)
                for block, index, instants in zip(blocks, which, at, strict=True)
            ]
            truth = np.concatenate([part.truth for part in parts])
            return Readings(when, span, np.concatenate([p.why for p in parts]), truth=truth)
        columns = [b.numbers.take(i) for b, i in zip(blocks, which, strict=True) if b.numbers]
        numbers = joined(columns)
        found = np.where(numbers.unknown(), SHORT, KNOWN)
        if numbers.why is not None:
            found = np.where(found != KNOWN, np.where(numbers.why == KNOWN, found, numbers.why),
                             KNOWN)  # fmt: skip
        if bool(stale.any()):
            numbers = numbers.without(stale, STALE)
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
            count = block.until(Micros(mark + 1))
            if count == 0 or mark in at[number]:
                continue
            place = int(np.searchsorted(at[number], mark, "right"))
            at[number] = np.insert(at[number], place, mark)
            periods[number] = np.insert(periods[number], place, block.periods[count - 1])
            which[number] = np.insert(which[number], place, count - 1)
        return at, periods, which

    def _stale_marks(self, node: Node) -> list[Micros]:
        found: set[Micros] = set()
        for leaf in _series_below(node):
            found.update(self._lapses(leaf)[1])
        return sorted(found)

    def _stale(self, node: Node, at: Longs) -> NDArray[np.bool_]:
        mask = np.zeros(len(at), np.bool_)
        for leaf in _series_below(node):
            if spells := self._lapses(leaf)[0]:
                mask |= spells.cover(at)
        return mask

    def _lapses(self, leaf: tuple[str, bool]) -> tuple[Spells, list[Micros]]:
        """Return when a series is stale, and the instants in (after, upto] at which that changes."""
        found = self._lapsed.get(leaf)
        if found is None:
            name, carried = leaf
            spells = self.view.stale(name, carried=carried)
            ends = spells.ends[spells.ends < FOREVER]
            found = self._lapsed[leaf] = (
                spells,
                self._blocks.within(spells.starts) + self._blocks.within(ends),
            )
        return found

    def _verdicts(self, node: Node, block: Block, index: Longs, at: Longs) -> Verdicts:
        """Return a condition's verdicts at readings; a stale part is unknown, by Kleene."""
        if node.op in ("and", "or", "not"):
            parts = []
            for arg, link in zip(node.args, block.links, strict=True):
                below = self._blocks.argument(arg, block.start, self._blocks.end(node, block))
                where = index if link is None else link[index]
                parts.append(self._verdicts(arg, below, where, at))
            return parts[0].negated() if node.op == "not" else combined(node.op, *parts)
        assert block.truth is not None
        truth = block.truth[index]
        why = np.zeros(len(index), np.int8) if block.why is None else block.why[index]
        stale = self._stale(node, at)
        if bool(stale.any()):
            truth = np.where(stale, UNKNOWN, truth)
            why = np.where(stale, STALE, why).astype(np.int8)
        return Verdicts(truth, why)

    def current(self, node: Node) -> Readings:
        """Return the one reading that stands at `upto`; none where there is no element yet."""
        if node.momentary:
            parts = [a.value if a.is_constant else self.current(a) for a in node.args]
            return together(node, parts)
        block = self._blocks.of(node)[-1]
        count = block.until(Micros(self.upto + 1)) if self.upto < FOREVER else len(block.periods)
        index = np.arange(count)[-1:]
        at = np.full(len(index), self.upto)
        empty = [_EMPTY] * (len(self._blocks.of(node)) - 1)
        return self._read(
            node, self._blocks.of(node), [*empty, at], [*empty, block.periods[index]], [*empty, index],
            marks=False,
        )  # fmt: skip

    def elements(
        self, node: Node, *, at: Micros | None = None
    ) -> tuple[Longs, Numbers | None, Bytes | None]:
        """Return a node's elements as known at `upto`: periods, and numbers or verdicts.

        Args:
            node: Whose.
            at: An earlier instant (µs) to go by; None for `upto`.
        """
        upto = self.upto if at is None else at
        block = self._blocks.of(node)[-1] if at is None else self._blocks.at(node, at)
        count = block.until(Micros(upto + 1)) if upto < FOREVER else len(block.periods)
        known = block.first(count)
        return known.periods, known.numbers, known.truth

    # ---- what is read at an instant ----------------------------------------------------

    def _momentary(self, node: Node) -> Readings:
        """Return the readings of a node whose parts each have their own latest period."""
        result = together(node, [self._part(arg) for arg in node.args])
        fresh = (result.at > self.after) & (result.at <= self.upto)
        return result if bool(fresh.all()) else result.chosen(np.flatnonzero(fresh))

    def _part(self, arg: Node) -> Readings | Fraction:
        if arg.is_constant:
            return arg.value
        if self.after == BEGINNING:
            return self.readings(arg)
        # What stood at `after` stands on until the first reading.
        if self._before is None:
            self._before = Evaluation(self.view, self.after, self.after)
        return self._before.standing(arg).followed_by(self.readings(arg))

    def standing(self, node: Node) -> Readings:
        """Return the reading that stands at `upto`: the last one made, were it withdrawn since."""
        if node.momentary:
            return together(
                node, [a.value if a.is_constant else self.standing(a) for a in node.args]
            )
        now = self.current(node)
        if len(now):
            return now
        made = Evaluation(self.view, BEGINNING, self.upto).readings(node)
        return made.chosen(np.arange(len(made))[-1:])

    # ---- working ---------------------------------------------------------------------

    def working(self, node: Node, period: Minutes, at: Micros) -> list[Element]:
        """Return the facts a reading was made of, in order of appearance, each once.

        Args:
            node: What was read.
            period: Of the reading.
            at: Instant (µs) of the reading.
        """
        return inputs(self._blocks, node, period, at)

    def workings(self, node: Node, periods: Longs) -> list[tuple[str, Longs]] | None:
        """Return, series by series, the facts that readings of some periods were made of.

        The same as `working` for each, at once; None where the node's past changed on the
        way, or its parts have periods of their own, so that each must be asked for itself.
        """
        return input_columns(self._blocks, node, periods)


def as_known(view: View, at: Micros) -> Evaluation:
    """Return an evaluation of what is known at an instant (µs), and of nothing before it.

    It has the elements and the one reading that stand then, and no earlier readings: where the
    past changed a hundred times, it is a hundred times as fast as to read all of that.
    """
    return Evaluation(view, at, at)


def _series_below(node: Node) -> set[tuple[str, bool]]:
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
            visit(arg, carried=carried or is_carried(current, arg))

    visit(node, carried=False)
    return found
