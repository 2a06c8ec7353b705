"""The comparisons of conditions one by one, each with the figure it found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ebbwatch.core.alerting.judging import Judge, Watched
from ebbwatch.core.answering.reading import Reader, stale_series
from ebbwatch.core.render import Lamp, Naming, Phrases, Working
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.expr.graph import Node
from ebbwatch.expr.parse import parse
from ebbwatch.expr.tree import (
    Arithmetic,
    Call,
    Comparison,
    Literal,
    Logic,
    Minus,
    Name,
    Not,
    Quoted,
    Tree,
)
from ebbwatch.expr.view import LAST_PERIOD
from ebbwatch.model.periods import Minutes
from ebbwatch.model.units import PRINTED_FACTORS, printed, printed_unit

#: What is told of a comparison, and what it reads as from the other side.
_TURNED = {">": "<", ">=": "<=", "<": ">", "<=": ">="}


def naming_of(judge: Judge) -> Naming:
    """Return what the names in a ruleset's expressions are called."""
    ruleset = judge.ruleset
    return Naming(
        series=judge.history.catalogue,
        defines=ruleset.defines,
        define_titles=ruleset.define_titles,
        rules={rule.name: rule.title for rule in ruleset.rules},
    )


def working_of(
    rule: Watched, evaluation: Evaluation, period: Minutes, phrases: Phrases
) -> tuple[Working, ...]:
    """Return the comparisons of a `when` rule as its reading for a period found them.

    Args:
        rule: With a condition; any other has none.
        evaluation: As known at the reading's instant.
        period: Of the reading.
        phrases: Says what is compared.
    """
    when = rule.rule.when
    if when is None:
        return ()
    return tuple(_workings(parse(when.text), rule.node, evaluation, period, phrases))


def lamps_of(rule: Watched, reader: Reader, phrases: Phrases) -> tuple[Lamp, ...]:
    """Return the conditions of a count, where a rule measures one and nothing else.

    Args:
        rule: Any other has none.
        reader: As known at the reading's instant.
        phrases: Says the conditions that have no title.
    """
    value = rule.rule.value
    if value is None or rule.node.op != "count":
        return ()
    defines = phrases.naming.defines
    tree = _resolved(parse(value.text), defines)
    assert isinstance(tree, Call)
    found = []
    for argument, node in zip(tree.arguments, rule.node.args, strict=True):
        workings = _workings(argument, node, reader.evaluation, LAST_PERIOD, phrases)
        found.append(
            Lamp(
                phrases.say(argument),
                reader.read(node, None),
                tuple(workings),
                reader.expected.all_late(node.series),
                reader.expected.part_of(node.series),
            )
        )
    return tuple(found)


def _workings(
    tree: Tree, node: Node, evaluation: Evaluation, period: Minutes, phrases: Phrases
) -> Iterator[Working]:
    """Yield the comparisons that a condition is made of, in the order written."""
    pairs = zip(_conditions(tree, phrases.naming.defines), _parts(node), strict=True)
    for part, below in pairs:
        if isinstance(part, Comparison) and below.op in _TURNED:
            yield _compared(part, below, evaluation, period, phrases)
        elif isinstance(part, Call) and below.op == "latest" and below.args[0].op in _TURNED:
            yield _breach(part, below.args[0], evaluation, period, phrases)


def _compared(
    tree: Comparison, node: Node, evaluation: Evaluation, period: Minutes, phrases: Phrases
) -> Working:
    sides, operands, operator = [tree.left, tree.right], list(node.args), node.op
    if operands[0].is_constant:
        sides.reverse()
        operands.reverse()
        operator = _TURNED[operator]
    left, right = sides
    assert operands[0].dimension is not None
    resolved = _resolved(left, phrases.naming.defines)
    unit = printed_unit(
        operands[0].dimension,
        difference=isinstance(resolved, Arithmetic) and resolved.operator == "-",
        own=_unit_of(right),
    )
    (value, bound), holds = (_value(evaluation, o, period, unit) for o in operands), None
    stale = [bool(stale_series(evaluation.view, o, evaluation.upto)) for o in operands]
    if not any(stale):
        holds = _holds(evaluation, node, period)
    return Working(
        measure=phrases.say(left),
        value=None if stale[0] else value,
        comparison=operator,
        bound=None if stale[1] else bound,
        unit=unit,
        holds=holds,
        last=value if stale[0] else None,
    )


def _breach(
    tree: Call, node: Node, evaluation: Evaluation, period: Minutes, phrases: Phrases
) -> Working:
    """Return the comparison behind a question about another rule's level."""
    asked, operand = tree.arguments[0], node.args[0]
    assert isinstance(asked, Quoted)
    assert operand.dimension is not None
    unit = printed_unit(operand.dimension)
    stale = bool(stale_series(evaluation.view, operand, evaluation.upto))
    value = _value(evaluation, operand, period, unit)
    return Working(
        measure=phrases.say(asked),
        value=None if stale else value,
        comparison=node.op,
        bound=_value(evaluation, node.args[1], period, unit),
        unit=unit,
        holds=None if stale else _holds(evaluation, node, period),
        last=value if stale else None,
    )


def _resolved(tree: Tree, defines: Mapping[str, str]) -> Tree:
    """Return what a name that is a define stands for."""
    while isinstance(tree, Name) and tree.name in defines:
        tree = parse(defines[tree.name])
    return tree


def _conditions(tree: Tree, defines: Mapping[str, str]) -> Iterator[Tree]:
    """Yield the single conditions that a tree is made of."""
    match tree:
        case Logic(operands=operands):
            for operand in operands:
                yield from _conditions(operand, defines)
        case Not(operand=operand):
            yield from _conditions(operand, defines)
        case Name(name=name) if name in defines:
            yield from _conditions(parse(defines[name]), defines)
        case _:
            yield tree


def _parts(node: Node) -> Iterator[Node]:
    """Yield the single conditions of a node, in the order written."""
    if node.op in ("and", "or", "not"):
        for arg in node.args:
            yield from _parts(arg)
    else:
        yield node


def _unit_of(tree: Tree) -> str | None:
    if isinstance(tree, Minus):
        tree = tree.operand
    if isinstance(tree, Literal) and tree.quantity is not None:
        return tree.quantity.unit
    return None


def _value(evaluation: Evaluation, node: Node, period: Minutes, unit: str) -> float | None:
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


def _holds(evaluation: Evaluation, node: Node, period: Minutes) -> bool | None:
    if node.momentary:
        return None
    periods, _, truth = evaluation.elements(node)
    index = int(np.searchsorted(periods, period, "right")) - 1
    if index < 0 or truth is None or truth[index] < 0:
        return None
    return bool(truth[index])
