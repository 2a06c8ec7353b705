"""Answers: what an expression that somebody typed comes to, and the figures it is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from ebbwatch.core.asof import History
from ebbwatch.core.judging import Judge, every_of
from ebbwatch.core.release_clock import State
from ebbwatch.expr import Expression, Fault, RuleRef, Scope, compile_expression
from ebbwatch.expr.evaluate import TRUE, UNKNOWN, Evaluation
from ebbwatch.expr.numbers import ABSENT, KNOWN, REASONS
from ebbwatch.expr.view import BEGINNING
from ebbwatch.model.alert import Input
from ebbwatch.model.chart import ChartSpec
from ebbwatch.model.periods import instant, micros, period_of
from ebbwatch.model.problem import Problem, Span
from ebbwatch.model.units import PRINTED_FACTORS, printed
from ebbwatch.ruleset.rules import Ruleset


@dataclass(frozen=True, slots=True)
class Given:
    """A figure that went into an answer, and how its series stands.

    Attributes:
        input: The figure.
        state: How fresh the series is at the instant asked about.
        due_at: UTC instant at which the next figure of the series is, or was, expected after
            the newest one held; None where nothing says so.
    """

    input: Input
    state: State
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an expression says at an instant.

    Attributes:
        text: The expression as asked.
        value: In `unit`; infinite for never; None for a condition, or where unknown.
        truth: Of a condition; None for a number, or where unknown.
        unit: Printed unit; empty for a pure number and for a condition.
        condition: Whether it is true or false rather than a number.
        at_least: Whether `value` is the least that a count with unknown parts can be.
        period: As its publisher writes it; empty where there is no reading.
        at: UTC instant asked about.
        reason: Why it is unknown; empty where it is known.
        given: The figures it was made of, in order of appearance.
    """

    text: str
    value: float | None
    truth: bool | None
    unit: str
    condition: bool
    at_least: bool
    period: str
    at: datetime
    reason: str
    given: tuple[Given, ...]

    @property
    def never(self) -> bool:
        """Return whether a trend never gets there."""
        return self.value is not None and math.isinf(self.value)


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


def answer(judge: Judge, expression: Expression, at: int) -> Answer:
    """Return what an expression says as known at an instant (µs)."""
    node = expression.node
    evaluation = Evaluation(judge.history, BEGINNING, at)
    now = evaluation.current(node)
    period = int(now.periods[0]) if len(now) else BEGINNING
    read = period > BEGINNING
    value: float | None = None
    truth: bool | None = None
    at_least = False
    why = int(now.why[0]) if len(now) else ABSENT
    if not len(now):
        pass
    elif expression.is_condition:
        assert now.truth is not None
        truth = None if now.truth[0] == UNKNOWN else bool(now.truth[0] == TRUE)
    elif now.low is not None and now.high is not None:
        at_least = bool(now.low[0] != now.high[0])
        if not np.isnan(now.low[0]):
            value = printed(float(now.low[0]), expression.unit)
    elif why == KNOWN:
        assert now.numbers is not None
        found = float(now.numbers.values[0])
        value = found if math.isinf(found) else printed(now.numbers.exact(0), expression.unit)
    known = value is not None or truth is not None
    elements = evaluation.working(node, period, at) if read else []
    return Answer(
        text=expression.text,
        value=value,
        truth=truth,
        unit=expression.unit,
        condition=expression.is_condition,
        at_least=at_least,
        period=every_of(node).text(period) if read else "",
        at=instant(at),
        reason="" if known else REASONS.get(why, REASONS[ABSENT]),
        given=tuple(given(judge.history, judge.input(element), at) for element in elements),
    )


def given(history: History, figure: Input, at: int) -> Given:
    """Return a figure with how its series stands at an instant (µs)."""
    series = history.catalogue[figure.series]
    newest = history.newest(figure.series, as_of=at)
    assert newest is not None
    known_at = micros(newest.known_at)
    fresh = history.clock.freshness(series, newest.period, known_at, at)
    following = history.clock.next_period(series, newest.period)
    due = history.clock.expected_at(series, following)
    return Given(figure, fresh.state, None if due is None else instant(due))


def history_of(judge: Judge, expression: Expression, at: int, first: date | None) -> (
    ChartSpec | None
):  # fmt: skip
    """Return an expression over its periods, as known at an instant, to be drawn.

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
        (every.text(int(periods[i])), float(values[i]) if math.isfinite(values[i]) else None)
        for i in np.flatnonzero(keep).tolist()
    )
    if all(value is None for _, value in points):
        return None
    return ChartSpec(title=" ".join(expression.text.split()), unit=unit, points=points)
