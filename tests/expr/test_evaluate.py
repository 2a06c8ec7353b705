"""The evaluator against a naive one, at every instant, over random tapes and expressions."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, note, reject
from hypothesis import strategies as st

from ebbwatch.expr import Expression, Scope, compile_expression
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.expr.numbers import REASONS
from ebbwatch.expr.parse import parse
from ebbwatch.expr.readings import Readings
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import instant, micros
from tests.naive.expressions import NEVER, Element, Known, Naive, Range, Reading, Unknown
from tests.naive.profiles import searched
from tests.naive.tapes import (
    CALENDARS,
    CATALOGUE,
    conditions,
    history_of,
    known_by,
    momentary,
    numbers,
    periods_of,
    tapes,
)

#: Functions whose values no decimal states exactly.
_INEXACT = ("stdev", "zscore", "ewma")


def compiled(text: str) -> Expression:
    """Return a checked expression; draws that mix two kinds of week are thrown away."""
    found = compile_expression(text, Scope(CATALOGUE))
    if isinstance(found, list):
        assert {fault.code for fault in found} <= {"periods", "constant", "units"}, found
        reject()
    return found


def needed(text: str) -> tuple[str, ...]:
    """Return the series that an expression reads."""
    return tuple(sorted(set(Naive(Known(CATALOGUE, CALENDARS, ()), 0).names(parse(text)))))


def same(ours: Element | Range, theirs: Element | Range, *, exact: bool) -> bool:
    """Return whether two elements are equal, to the last digit where that has a meaning."""
    if isinstance(ours, Fraction) and isinstance(theirs, Fraction) and not exact:
        return abs(ours - theirs) <= Fraction(1, 10**9) * max(abs(theirs), Fraction(1, 10**6))
    return ours == theirs


def element_of(readings: Readings, index: int) -> Element | Range:
    """Return one of the engine's readings as the naive evaluator would write it."""
    why = REASONS.get(int(readings.why[index]), "")
    if readings.truth is not None:
        truth = int(readings.truth[index])
        return Unknown(why) if truth < 0 else bool(truth)
    assert readings.numbers is not None
    if readings.high is not None:
        if readings.numbers.unknown()[index]:
            return Range(None, None, why)
        return Range(readings.numbers.exact(index), readings.high.exact(index), why)
    if why:
        return Unknown(why)
    if np.isinf(readings.numbers.values[index]):
        return NEVER
    return readings.numbers.exact(index)


def agree(text: str, tape: Sequence[Observation]) -> None:
    """Hold every reading of an expression against the naive one, at every instant."""
    expression = compiled(text)
    exact = not any(name in text for name in _INEXACT)
    readings = Evaluation(history_of(tape)).readings(expression.node)
    assert bool((np.diff(readings.at) >= 0).all()), "readings come in order of time"
    known = Known(CATALOGUE, CALENDARS, tape)
    newest: int | None = None
    instants = known.instants(needed(text))
    assert set(readings.at.tolist()) <= set(instants), "nothing is read where nothing changes"
    for at in instants:
        naive = Naive(known, at)
        expected = naive.reading(text)
        count = int(np.searchsorted(readings.at, at, "right"))
        if expected is None:
            # Where every value was withdrawn there is nothing to read: what was read last stands.
            assert count == 0 or newest is not None, f"nothing can be read at {instant(at)}"
            continue
        note(f"at {instant(at)}, expected {expected}")
        assert count > 0, f"{expected} at {instant(at)} was not read"
        found = Reading(int(readings.periods[count - 1]), element_of(readings, count - 1))
        assert found.period == expected.period
        assert same(found.value, expected.value, exact=exact), f"{found} at {instant(at)}"
        if isinstance(expected.value, Range) or expression.node.momentary:
            continue
        elements = naive.elements(parse(text))
        new = [p for p in sorted(elements) if newest is None or p > newest]
        first = int(np.searchsorted(readings.at, at, "left"))
        read = readings.periods[first:count].tolist()
        assert [p for p in read if newest is None or p > newest] == new, "each new period, once"
        for index in range(first, count - 1):
            at_period = elements[int(readings.periods[index])]
            if isinstance(expected.value, Unknown):
                continue
            assert same(element_of(readings, index), at_period, exact=exact)
        newest = max(elements) if newest is None else max(newest, *elements)


@searched
@given(st.data(), numbers())
def test_a_number_is_what_recursion_over_known_facts_gives(data: st.DataObject, text: str) -> None:
    """At every instant period, value and reason equal the naive evaluator's."""
    compiled(text)
    agree(text, data.draw(tapes(needed(text))))


@searched
@given(st.data(), conditions())
def test_a_condition_is_what_recursion_over_known_facts_gives(
    data: st.DataObject, text: str
) -> None:
    """At every instant the verdict, or why there is none, equals the naive evaluator's."""
    compiled(text)
    agree(text, data.draw(tapes(needed(text))))


@searched
@given(st.data(), momentary())
def test_a_count_takes_each_condition_at_its_own_latest_period(
    data: st.DataObject, text: str
) -> None:
    """Counts, and conditions over them, equal the naive evaluator's at every instant."""
    compiled(text)
    tape = data.draw(tapes(needed(text)))
    agree(text, [fact for fact in tape if fact.value is not None])


@pytest.mark.parametrize("hours", [3, 6, 12, 24])
def test_what_was_withdrawn_stands_however_time_is_cut(hours: int) -> None:
    """A series whose only figure was withdrawn: what was read of it last goes on in a count."""
    first, second = periods_of(CATALOGUE["sofr"], date(2024, 1, 3), 2)
    out = instant((first + 1440) * 60_000_000)

    def fact(series: str, period: int, value: str | None, later: int) -> Observation:
        return Observation(
            series=series, period=period, value=None if value is None else Decimal(value),
            known_at=out + timedelta(hours=later), source="test",
        )  # fmt: skip

    history = history_of([
        fact("sofr", first, "0.04", 0), fact("sofr", first, None, 6),
        fact("target", first, "0.04", 0), fact("target", second, "0.04", 24),
    ])  # fmt: skip
    node = compiled("count(sofr < 4.3 %, target < 9 %) - count(sofr > 9 %)").node
    cut = micros(out + timedelta(hours=hours))
    whole = rows(Evaluation(history).readings(node))
    assert [row[3] for row in whole] == [2, 2]
    begin = int(np.iinfo(np.int64).min)
    parts = rows(Evaluation(history, begin, cut).readings(node))
    assert parts + rows(Evaluation(history, cut).readings(node)) == whole


def rows(readings: Readings) -> list[tuple[int, int, int, float | int | None, float | None]]:
    """Return readings as plain rows, to be compared bit by bit."""
    values = readings.truth if readings.numbers is None else readings.numbers.values
    assert values is not None
    high = [None] * len(readings) if readings.high is None else readings.high.values.tolist()
    return [
        (a, p, w, None if v != v else v, None if h != h else h)
        for a, p, w, v, h in zip(
            readings.at.tolist(), readings.periods.tolist(), readings.why.tolist(),
            values.tolist(), high, strict=True,
        )
    ]  # fmt: skip


@searched
@given(st.data(), st.one_of(numbers(), conditions(), momentary()))
def test_the_future_changes_nothing_at_or_before_an_instant(data: st.DataObject, text: str) -> None:
    """With the tape cut at t, every reading at or before t is the same to the last bit."""
    node = compiled(text).node
    tape = data.draw(tapes(needed(text)))
    instants = Known(CATALOGUE, CALENDARS, tape).instants(needed(text))
    assume(instants)
    cut = data.draw(st.sampled_from(instants))
    whole = Evaluation(history_of(tape)).readings(node)
    past = Evaluation(history_of(known_by(tape, cut))).readings(node)
    holding = Evaluation(history_of(tape), upto=cut).readings(node)
    until = [row for row in rows(whole) if row[0] <= cut]
    assert [row for row in rows(past) if row[0] <= cut] == until
    assert rows(holding) == until


@searched
@given(st.data(), st.one_of(numbers(), conditions(), momentary()))
def test_any_partition_of_time_gives_the_same_readings(data: st.DataObject, text: str) -> None:
    """Evaluating stretch by stretch gives what evaluating at once gives, to the last bit."""
    node = compiled(text).node
    tape = data.draw(tapes(needed(text)))
    instants = Known(CATALOGUE, CALENDARS, tape).instants(needed(text))
    assume(instants)
    cuts = sorted(data.draw(st.sets(st.sampled_from(instants), max_size=4)))
    history = history_of(tape)
    whole = rows(Evaluation(history, upto=instants[-1]).readings(node))
    edges = [np.iinfo(np.int64).min, *cuts, instants[-1]]
    parts = []
    for after, upto in itertools.pairwise(edges):
        if upto > after:
            parts += rows(Evaluation(history, int(after), int(upto)).readings(node))
    assert parts == whole
