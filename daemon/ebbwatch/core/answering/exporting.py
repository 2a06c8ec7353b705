"""Figures and expressions as rows, for other programs: every period, or every version of one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import numpy as np

from ebbwatch.core.alerting.judging import Judge, every_of
from ebbwatch.core.facts.asof import History
from ebbwatch.core.lookback.hindsight import BEFORE
from ebbwatch.expr import Expression
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.expr.logic import TRUE, UNKNOWN
from ebbwatch.expr.view import BEGINNING
from ebbwatch.model.periods import Every, Micros, Minutes, micros, period_of
from ebbwatch.model.series import Series
from ebbwatch.model.units import PRINTED_FACTORS


@dataclass(frozen=True, slots=True)
class ExportedRow:
    """A figure, or what an expression comes to for a period.

    Attributes:
        period: Minutes.
        value: In the unit of the whole; None for no value, and where it is unknown.
        known_at: UTC instant from which the figure was known; None of an expression.
        assumed: Whether that instant comes from the release rule.
        source: Who gave the figure; empty of an expression.
    """

    period: Minutes
    value: Decimal | float | bool | None
    known_at: datetime | None = None
    assumed: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class Exported:
    """A series with every version of its figures, or an expression with its periods.

    Attributes:
        name: Of the series, or the expression as it was asked.
        unit: Of the values: a series' as it is published, an expression's as it is printed; None
            of a condition.
        every: Frequency of the periods.
        rows: In order of period, then of when each was known.
        figures: Whether they are published figures, with `known_at` and `source`.
    """

    name: str
    unit: str | None
    every: Every
    rows: tuple[ExportedRow, ...]
    figures: bool


def exported_series(history: History, series: Series, at: Micros, first: date | None) -> Exported:
    """Return every version of a series' figures that was known at an instant (µs)."""
    begin = BEGINNING if first is None else period_of(first)
    found = []
    for figure in history.observations(series.name):
        if figure.source == BEFORE or figure.period < begin or micros(figure.known_at) > at:
            continue
        value = None
        if figure.value is not None:
            base = Decimal(figure.value.numerator) / Decimal(figure.value.denominator)
            value = base / series.unit.factor
        found.append(
            ExportedRow(figure.period, value, figure.known_at, figure.assumed, figure.source)
        )
    found.sort(key=lambda row: (row.period, row.known_at))
    return Exported(series.name, series.unit.name, series.every, tuple(found), figures=True)


def exported_expression(
    judge: Judge, expression: Expression, at: Micros, first: date | None
) -> Exported:
    """Return what an expression comes to for each period, as known at an instant (µs)."""
    begin = BEGINNING + 1 if first is None else period_of(first)
    node = expression.node
    evaluation = Evaluation(judge.history, BEGINNING, at)
    if node.momentary:
        steps = evaluation.readings(node)
        periods, numbers, truth = steps.periods, steps.numbers, steps.truth
        # Of what is read at every instant, the last reading of a period stands.
        keep = np.append(periods[1:] != periods[:-1], True)[: len(periods)]
    else:
        periods, numbers, truth = evaluation.elements(node)
        keep = np.ones(len(periods), np.bool_)
    keep &= periods >= begin
    values: list[float | bool | None]
    if expression.is_condition:
        assert truth is not None
        values = [None if one == UNKNOWN else bool(one == TRUE) for one in truth[keep].tolist()]
    else:
        assert numbers is not None
        found = numbers.in_units(PRINTED_FACTORS[expression.unit])[keep]
        values = [float(f"{one:.12g}") if math.isfinite(one) else None for one in found.tolist()]
    rows = (
        ExportedRow(period, value)
        for period, value in zip(periods[keep].tolist(), values, strict=True)
    )
    unit = None if expression.is_condition else expression.unit
    name = " ".join(expression.text.split())
    return Exported(name, unit, every_of(node), tuple(rows), figures=False)
