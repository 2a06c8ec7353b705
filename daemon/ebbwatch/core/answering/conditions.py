"""The comparisons of a `when` condition one by one, each with the figure it found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ebbwatch.core.alerting.judging import Watched
from ebbwatch.core.answering.defines import filled_in
from ebbwatch.core.answering.reading import stale_series
from ebbwatch.core.render import Translator, Working, measure_text
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.expr.graph import Node
from ebbwatch.expr.parse import parse
from ebbwatch.expr.tree import Arithmetic, Comparison, Literal, Logic, Name, Not, Tree
from ebbwatch.model.text import Text
from ebbwatch.model.units import PRINTED_FACTORS, printed, printed_unit

#: What is told of a comparison, and what it reads as from the other side.
_TURNED = {">": "<", ">=": "<=", "<": ">", "<=": ">="}


def working_of(
    rule: Watched,
    evaluation: Evaluation,
    period: int,
    *,
    defines: Mapping[str, str],
    titles: Mapping[str, Text],
    translators: Sequence[Translator],
) -> tuple[Working, ...]:
    """Return the comparisons of a `when` rule as its reading for a period found them.

    Args:
        rule: With a condition; any other has none.
        evaluation: As known at the reading's instant.
        period: Of the reading.
        defines: Of the ruleset.
        titles: Of series, by name.
        translators: One for each language wanted.
    """
    when = rule.rule.when
    if when is None:
        return ()
    found = []
    pairs = zip(_conditions(when.text, defines), _parts(rule.node), strict=True)
    for (text, tree), node in pairs:
        if not isinstance(tree, Comparison) or node.op not in _TURNED:
            continue
        sides = [(text[s.place.start : s.place.end], s) for s in (tree.left, tree.right)]
        operands, operator = list(node.args), node.op
        if operands[0].is_constant:
            sides.reverse()
            operands.reverse()
            operator = _TURNED[operator]
        (measure, left), (_, right) = sides
        assert operands[0].dimension is not None
        unit = printed_unit(
            operands[0].dimension,
            difference=isinstance(left, Arithmetic) and left.operator == "-",
            own=_unit_of(right),
        )
        (value, bound), holds = (_value(evaluation, o, period, unit) for o in operands), None
        stale = [bool(stale_series(evaluation.view, o, evaluation.upto)) for o in operands]
        if not any(stale):
            holds = _holds(evaluation, node, period)
        found.append(
            Working(
                measure=measure_text(filled_in(measure, defines), titles, translators),
                value=None if stale[0] else value,
                comparison=operator,
                bound=None if stale[1] else bound,
                unit=unit,
                holds=holds,
                last=value if stale[0] else None,
            )
        )
    return tuple(found)


def _conditions(text: str, defines: Mapping[str, str]) -> Iterator[tuple[str, Tree]]:
    """Yield the single conditions of a text, each with the text that its places count in."""

    def visit(tree: Tree) -> Iterator[tuple[str, Tree]]:
        match tree:
            case Logic(operands=operands):
                for operand in operands:
                    yield from visit(operand)
            case Not(operand=operand):
                yield from visit(operand)
            case Name(name=name) if name in defines:
                yield from _conditions(defines[name], defines)
            case _:
                yield text, tree

    yield from visit(parse(text))


def _parts(node: Node) -> Iterator[Node]:
    """Yield the single conditions of a node, in the order written."""
    if node.op in ("and", "or", "not"):
        for arg in node.args:
            yield from _parts(arg)
    else:
        yield node


def _unit_of(tree: Tree) -> str | None:
    if isinstance(tree, Literal) and tree.quantity is not None:
        return tree.quantity.unit
    return None


def _value(evaluation: Evaluation, node: Node, period: int, unit: str) -> float | None:
    if node.is_constant:
        return printed(node.value, unit)
    if node.momentary:
        return None
    periods, numbers, _ = evaluation.elements(node)
    index = int(np.searchsorted(periods, period, "right")) - 1
    if index < 0 or numbers is None:
        return None
    value = float(numbers.in_units(PRINTED_FACTORS[unit])[index])
    return None if np.isnan(value) else float(f"{value:.12g}")


def _holds(evaluation: Evaluation, node: Node, period: int) -> bool | None:
    if node.momentary:
        return None
    periods, _, truth = evaluation.elements(node)
    index = int(np.searchsorted(periods, period, "right")) - 1
    if index < 0 or truth is None or truth[index] < 0:
        return None
    return bool(truth[index])
