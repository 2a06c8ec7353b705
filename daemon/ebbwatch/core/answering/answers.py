"""Answers: what an expression that somebody typed comes to, and the figures it is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from ebbwatch.core.alerting.judging import Judge, every_of
from ebbwatch.core.answering.expected import SeriesStanding
from ebbwatch.core.answering.reading import Reader, Reading
from ebbwatch.core.facts.release_clock import FreshnessState
from ebbwatch.expr import Expression, Fault, RuleRef, Scope, compile_expression
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.expr.graph import Node
from ebbwatch.expr.view import BEGINNING
from ebbwatch.model.alert import Input
from ebbwatch.model.chart import ChartSpec
from ebbwatch.model.periods import Micros, Minutes, instant, period_of
from ebbwatch.model.problem import Problem, Span
from ebbwatch.model.series import Series
from ebbwatch.model.units import PRINTED_FACTORS
from ebbwatch.ruleset.rules import Ruleset


@dataclass(frozen=True, slots=True)
class InputFigure:
    """A figure that went into an answer, and how its series stands.

    Attributes:
        input: The figure.
        standing: How its series stands at the instant asked about.
    """

    input: Input
    standing: SeriesStanding

    @property
    def series(self) -> Series:
        """Return its series."""
        return self.standing.series

    @property
    def part(self) -> str:
        """Return up to which part of its period the figure goes; empty for all of it."""
        newest = self.standing.newest
        if newest is None or self.series.every.text(newest.period) != self.input.period:
            return ""
        return self.standing.part

    @property
    def stale(self) -> bool:
        """Return whether its series is too old to be read."""
        return self.standing.state is FreshnessState.STALE

    @property
    def late_since(self) -> datetime | None:
        """Return since when the next figure of its series is late; None where none is."""
        late = self.standing.state in (FreshnessState.LATE, FreshnessState.STALE)
        return self.standing.due_at if late else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an expression says at an instant.

    Attributes:
        text: The expression as asked.
        reading: What it says.
        at: UTC instant asked about.
        given: The figures it was made of, in order of appearance.
    """

    text: str
    reading: Reading
    at: datetime
    given: tuple[InputFigure, ...]


def scope_of(ruleset: Ruleset) -> Scope:
    """Return the names that an expression asked by hand may use: the rules' own."""
    return Scope(
        ruleset.series,
        ruleset.defines,
        {
            rule.name: RuleRef(
                None if rule.value is None else rule.value.text,
                rule.rising,
                {level.word: threshold for level, threshold in rule.thresholds},
            )
            for rule in ruleset.rules
        },
    )


def compiled(text: str, ruleset: Ruleset, *, file: str) -> Expression | tuple[Problem, ...]:
    """Return an expression that somebody typed, checked, or what is wrong with it.

    Args:
        text: On one line.
        ruleset: Whose series, defines and rules may be named.
        file: What stands for a file's name in problems: ``expression``.
    """
    found = compile_expression(text, scope_of(ruleset))
    if isinstance(found, Expression):
        return found
    return tuple(_problem(fault, text, file) for fault in found)


def _problem(fault: Fault, text: str, file: str) -> Problem:
    line = text.replace("\n", " ")
    span = Span(file, 1, fault.start + 1, max(1, fault.end - fault.start))
    return Problem(span, "error", fault.code, fault.message, fault.hint, line)


def answer(judge: Judge, expression: Expression, at: Micros) -> Answer:
    """Return what an expression says as known at an instant (µs)."""
    reader = Reader(judge.history, at)
    reading = reader.read(expression.node, None if expression.is_condition else expression.unit)
    given = figures_of(judge, reader, expression.node, reading)
    return Answer(text=expression.text, reading=reading, at=instant(at), given=given)


def figures_of(
    judge: Judge, reader: Reader, node: Node, reading: Reading
) -> tuple[InputFigure, ...]:
    """Return the figures that a reading of a node was made of, in order of appearance."""
    if not reading.period:
        return ()
    period = reading.every.parse(reading.period)
    elements = reader.evaluation.working(node, period, reader.at)
    return tuple(
        InputFigure(judge.input(element), reader.expected.series(element.series))
        for element in elements
    )


def chart_of(judge: Judge, expression: Expression, at: Micros, first: date | None) -> (
    ChartSpec | None
):  # fmt: skip
    """Return what to draw of an expression over its periods, as known at an instant.

    None for a condition, and where there is no value.

    Args:
        judge: Over the history.
        expression: What is drawn.
        at: µs; nothing known later is drawn.
        first: First day shown; None for all.
    """
    if expression.is_condition:
        return None
    node, unit = expression.node, expression.unit
    evaluation = Evaluation(judge.history, BEGINNING, at)
    if node.momentary:
        steps = evaluation.readings(node)
        numbers, periods = steps.numbers, steps.periods
        keep = np.append(periods[1:] != periods[:-1], True)[: len(periods)]
    else:
        periods, numbers, _ = evaluation.elements(node)
        keep = np.ones(len(periods), np.bool_)
    if numbers is None or len(periods) == 0:
        return None
    keep &= periods > BEGINNING
    if first is not None:
        keep &= periods >= period_of(first)
    values = numbers.in_units(PRINTED_FACTORS[unit])
    every = every_of(node)
    points = tuple(
        (
            every.text(Minutes(int(periods[i]))),
            float(values[i]) if math.isfinite(values[i]) else None,
        )
        for i in np.flatnonzero(keep).tolist()
    )
    if all(value is None for _, value in points):
        return None
    return ChartSpec(title=" ".join(expression.text.split()), unit=unit, points=points)
