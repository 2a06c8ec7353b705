"""The lifecycle, as timelines: every sentence of the design's section on it has a row."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ebbwatch.core.lifecycle import (
    AlertState,
    Ladder,
    Rung,
    Walk,
    signals_of_value,
    walk,
)
from ebbwatch.expr.evaluate import Readings
from ebbwatch.expr.numbers import SHORT, Numbers
from ebbwatch.expr.view import Spells
from ebbwatch.model.alert import Level, State
from ebbwatch.model.durations import Duration
from tests.naive.lifecycle import NaiveAlert, NaiveRung, Step
from tests.naive.profiles import searched

HOUR = 3_600_000_000
DAY = 1440


def deadline(begun: int, hold: Duration) -> int:
    """Return when a hold of hours or days is over."""
    assert hold.days is not None
    return begun + int(hold.days * 24 * HOUR)


def readings_of(steps: Sequence[Step], why: int = SHORT) -> Readings:
    """Return steps as the evaluator would hand them over."""
    unknown = np.array([s.value is None for s in steps], np.bool_)
    values = np.array([np.nan if s.value is None else float(s.value) for s in steps])
    return Readings(
        np.array([s.hour * HOUR for s in steps], np.int64),
        np.array([s.period * DAY for s in steps], np.int64),
        np.where(unknown, why, 0).astype(np.int8),
        numbers=Numbers.whole(values, Fraction(1)),
    )


def ladder_of(rungs: Sequence[NaiveRung], *, rising: bool = True) -> Ladder:
    """Return the engine's ladder for the naive one."""
    return Ladder(
        tuple(
            Rung(
                Level(r.level), Fraction(r.threshold), Fraction(r.exit), r.releases,
                Duration(Fraction(r.hours), "h") if r.hours else None,
            )
            for r in rungs
        ),
        rising,
    )  # fmt: skip


def spells_of(frozen: Sequence[tuple[int, int]]) -> Spells:
    """Return stretches of hours as the engine writes them."""
    return Spells(
        np.array([a * HOUR for a, _ in frozen], np.int64),
        np.array([b * HOUR for _, b in frozen], np.int64),
    )


def walked(
    ladder: Ladder, steps: Sequence[Step], *, until: int, frozen: Sequence[tuple[int, int]] = (),
    state: AlertState | None = None, why: int = SHORT,
) -> Walk:  # fmt: skip
    """Return where the engine takes an alert over some steps."""
    held = np.array([s.held for s in steps], np.bool_)
    signals = signals_of_value(ladder, readings_of(steps, why), held)
    return walk(
        ladder, state or AlertState(), signals, upto=until * HOUR, deadline=deadline,
        frozen=spells_of(frozen),
    )  # fmt: skip


def told(walk: Walk, steps: Sequence[Step]) -> list[tuple[int, str, int, int, int]]:
    """Return the engine's moves as the naive lifecycle writes them."""
    return [
        (m.at // HOUR, str(m.change), int(m.before), int(m.after), steps[m.reading].period)
        for m in walk.moves
    ]


# ---- random ladders ------------------------------------------------------------------------


@st.composite
def ladders(draw: st.DrawFn) -> tuple[tuple[NaiveRung, ...], bool]:
    """Draw a ladder of one to three levels, with clears and fors of their own."""
    rising = draw(st.booleans())
    sign = 1 if rising else -1
    levels = sorted(draw(st.sets(st.sampled_from([1, 2, 3]), min_size=1)))
    rungs, threshold = [], 0
    for level in levels:
        threshold += draw(st.integers(1, 3))
        clear = draw(st.integers(0, 4))
        how = draw(st.sampled_from(["", "", "releases", "hours"]))
        rungs.append(
            NaiveRung(
                level, sign * threshold, sign * (threshold - clear),
                draw(st.integers(2, 3)) if how == "releases" else 1,
                draw(st.integers(1, 9)) if how == "hours" else 0,
            )
        )  # fmt: skip
    return tuple(rungs), rising


@st.composite
def stories(draw: st.DrawFn, *, rising: bool) -> list[Step]:
    """Draw readings: new periods, second readings, unknown ones, several at one hour."""
    steps, hour, period = [], 0, 10
    for _ in range(draw(st.integers(1, 12))):
        hour += draw(st.sampled_from([0, 1, 1, 2, 5]))
        period += draw(st.sampled_from([0, 1, 1, 1]))
        value = draw(st.one_of(st.none(), st.integers(-3, 10), st.integers(-3, 10)))
        held = draw(st.integers(0, 6)) == 0
        if value is not None and not rising:
            value = -value
        steps.append(Step(hour, period, value, held))
    return steps


@searched
@given(st.data(), ladders())
def test_levels_move_as_stepping_hour_by_hour_moves_them(
    data: st.DataObject, drawn: tuple[tuple[NaiveRung, ...], bool]
) -> None:
    """Every change, its hour, levels and period equal the naive lifecycle's."""
    rungs, rising = drawn
    steps = data.draw(stories(rising=rising))
    frozen = data.draw(st.sampled_from([(), ((3, 6),), ((2, 4), (7, 12))]))
    until = steps[-1].hour + data.draw(st.integers(0, 12))
    naive = NaiveAlert(rungs, rising)
    stopped = {h for a, b in frozen for h in range(a, b)}
    naive.run(steps, frozen=stopped, until=until)
    found = walked(ladder_of(rungs, rising=rising), steps, until=until, frozen=frozen)
    assert told(found, steps) == naive.moves
    assert int(found.state.level) == naive.level
    assert (found.state.state is State.PENDING) == naive.pending


@searched
@given(st.data(), ladders())
def test_any_partition_of_readings_gives_the_same_moves_and_state(
    data: st.DataObject, drawn: tuple[tuple[NaiveRung, ...], bool]
) -> None:
    """Stretch by stretch, with the state written down in between, comes to the same."""
    rungs, rising = drawn
    ladder = ladder_of(rungs, rising=rising)
    steps = data.draw(stories(rising=rising))
    frozen = data.draw(st.sampled_from([(), ((3, 6),)]))
    until = steps[-1].hour + data.draw(st.integers(0, 12))
    cuts = sorted(data.draw(st.sets(st.integers(0, until), max_size=4)))
    whole = walked(ladder, steps, until=until, frozen=frozen)
    state, moves, before = AlertState(), [], -1
    for cut in [*cuts, until]:
        part = [s for s in steps if before < s.hour <= cut]
        found = walked(ladder, part, until=cut, frozen=frozen, state=state)
        moves += [
            (
                m.at,
                m.change,
                m.before,
                m.after,
                m.timer,
                m.begun_at,
                m.entered_at,
                m.entry,
                m.extreme,
            )
            for m in found.moves
        ]
        state = AlertState.from_json(found.state.to_json())
        before = cut
    assert moves == [
        (m.at, m.change, m.before, m.after, m.timer, m.begun_at, m.entered_at, m.entry, m.extreme)
        for m in whole.moves
    ]
    assert state == whole.state
