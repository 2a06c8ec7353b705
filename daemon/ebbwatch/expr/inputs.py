"""Inputs: which published figures a reading was made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ebbwatch.expr.blocks import Blocks
from ebbwatch.expr.graph import Node
from ebbwatch.expr.numbers import Longs
from ebbwatch.model.periods import Micros, Minutes


@dataclass(frozen=True, slots=True)
class Element:
    """One fact that went into a reading.

    Attributes:
        series: Name of its series.
        period: Its period.
        fact: Its index in the column of the series.
    """

    series: str
    period: Minutes
    fact: int


def inputs(blocks: Blocks, node: Node, period: Minutes, at: Micros) -> list[Element]:
    """Return the facts a reading was made of, in order of appearance, each once.

    Args:
        blocks: In which the node was read.
        node: The node.
        period: Of the reading.
        at: Instant (µs) of the reading.
    """
    found: dict[tuple[str, int], Element] = {}
    _collect(blocks, node, period, at, found, set())
    return list(found.values())


def _collect(
    blocks: Blocks, node: Node, period: Minutes, at: Micros, found: dict[tuple[str, int], Element],
    seen: set[tuple[int, int]],
) -> None:  # fmt: skip
    if node.is_constant or (node.number, period) in seen:
        return
    seen.add((node.number, period))
    if node.momentary:
        for arg in node.args:
            latest = period if arg.momentary else _latest(blocks, arg, at)
            if latest is not None:
                _collect(blocks, arg, latest, at, found, seen)
        return
    block = blocks.at(node, at)
    index = int(np.searchsorted(block.periods, period, "right")) - 1
    if index < 0:
        return
    if node.op == "series":
        assert block.facts is not None
        name = str(node.params[0])
        element = Element(name, Minutes(int(block.periods[index])), int(block.facts[index]))
        found.setdefault((name, element.period), element)
        return
    for arg, link in zip(node.args, block.links, strict=True):
        where = index if link is None else int(link[index])
        if not arg.is_constant and where >= 0:
            below = Minutes(int(blocks.at(arg, at).periods[where]))
            _collect(blocks, arg, below, at, found, seen)


def _latest(blocks: Blocks, node: Node, at: Micros) -> Minutes | None:
    """Return the latest period of a node as known at an instant; None where it has none."""
    if node.is_constant:
        return None
    block = blocks.at(node, at)
    count = block.until(Micros(at + 1))
    return Minutes(int(block.periods[count - 1])) if count else None


def input_columns(
    blocks: Blocks, node: Node, periods: Longs
) -> list[tuple[str, Longs]] | None:  # fmt: skip
    """Return, series by series, the facts that readings of some periods were made of.

    The same as `inputs` for each, at once; None where the node's past changed on the way, or
    its parts have periods of their own, so that each must be asked for itself.
    """
    if node.momentary or len(blocks.of(node)) > 1:
        return None
    found: list[tuple[str, Longs]] = []
    index = np.searchsorted(blocks.of(node)[0].periods, periods, "right") - 1
    if bool((index < 0).any()) or not _add_columns(blocks, node, index, found, {}):
        return None
    return found


def _add_columns(
    blocks: Blocks, node: Node, index: Longs, found: list[tuple[str, Longs]],
    seen: dict[tuple[int, int], Longs],
) -> bool:  # fmt: skip
    """Add the facts that elements of a node were made of; False where that is not plain."""
    if seen.get((node.number, id(index))) is index:
        return True
    seen[node.number, id(index)] = index
    block = blocks.of(node)[0]
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
    for arg, link in zip(node.args, block.links, strict=True):
        if arg.is_constant:
            continue
        where = index if link is None else link[index]
        if len(blocks.of(arg)) > 1 or (link is not None and bool((where < 0).any())):
            return False
        if not _add_columns(blocks, arg, where, found, seen):
            return False
    return True
