"""The lifecycle, as timelines: every sentence of the design's section on it has a row."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbwatch.core.alerting.ladder import BROKEN_AFTER, AlertState, Ladder, Rung
from ebbwatch.core.alerting.lifecycle import Walk, walk
from ebbwatch.core.alerting.signals import signals_of_condition, signals_of_value
from ebbwatch.expr.numbers import SHORT, STALE, ZERO, Longs, Numbers
from ebbwatch.expr.readings import Readings
from ebbwatch.expr.view import Spells
from ebbwatch.model.alert import Level, State
from ebbwatch.model.durations import Duration
from tests.naive.lifecycle import NaiveAlert, NaiveRung, Step
from tests.naive.profiles import searched

HOUR = 3_600_000_000
DAY = 1440


def deadlines(begun: Longs, hold: Duration) -> Longs:
    """Return when holds of hours or days are over."""
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
        ladder, state or AlertState(), signals, upto=until * HOUR, deadlines=deadlines,
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


# ---- timelines -----------------------------------------------------------------------------
#
# One column a reading, an hour and a period apart. The ladder is watch over 10 (left at 8),
# warning over 20 (left at 17). Readings: . inside   w over 10   W over 20   ? unknown
#   = exactly 10   - 9, between exit and threshold   8 at watch's exit   i, j 17 and 18
#   h, H, o: over 10, over 20, inside, in a turn that holds   ' second reading   _ withdrawn
# States: . inactive   ~ pending   w watch   W warning

_VALUES = {".": 0, "w": 15, "W": 25, "?": None, "=": 10, "-": 9, "8": 8, "h": 15, "H": 25, "o": 0,
           "i": 17, "j": 18}  # fmt: skip
_HELD = "hHo"


def drawn(readings: str, *, gap: int = 1) -> list[Step]:
    """Return a picture of readings as steps; `'` after one is a second reading of its period."""
    steps: list[Step] = []
    hour = period = 0
    for place, mark in enumerate(readings):
        if mark in "'_":
            continue
        again = readings[place - 1 : place] == "'"
        late = readings[place - 1 : place] == "_"
        if steps:
            hour += gap
        period = max(period - 1, 0) if late else period if again else period + 1
        steps.append(Step(hour, period, _VALUES[mark], mark in _HELD))
    return steps


def states(ladder: Ladder, steps: Sequence[Step], *, until: int | None = None) -> str:
    """Return the picture of where an alert stands after each reading, and at the end."""
    marks = []
    for count in range(1, len(steps) + 1):
        found = walked(ladder, steps[:count], until=steps[count - 1].hour).state
        marks.append("~" if found.state is State.PENDING else ".wWC"[found.level])
    if until is not None:
        found = walked(ladder, steps, until=until).state
        marks.append("|" + ("~" if found.state is State.PENDING else ".wWC"[found.level]))
    return "".join(marks)


def states_one_by_one(ladder: Ladder, steps: Sequence[Step]) -> str:
    """Return the same picture, each reading coming alone to a state that was written down."""
    state, marks = AlertState(), []
    for step in steps:
        found = walked(ladder, [step], until=step.hour, state=state).state
        state = AlertState.from_json(found.to_json())
        marks.append("~" if state.state is State.PENDING else ".wWC"[state.level])
    return "".join(marks)


_WATCH, _WARNING = NaiveRung(1, 10, 8), NaiveRung(2, 20, 17)
_PLAIN = ladder_of([_WATCH, _WARNING])


def held(watch: int = 1, warning: int = 1, hours: int = 0) -> Ladder:
    """Return the ladder with releases to hold for, or hours for watch."""
    return ladder_of([NaiveRung(1, 10, 8, watch, hours), NaiveRung(2, 20, 17, warning)])


TIMELINES = [
    ("fires at once when nothing is held", _PLAIN, ".w.", ".w."),
    ("equality breaches nothing", _PLAIN, "==", ".."),
    ("several levels at once are one step to the highest", _PLAIN, ".W", ".W"),
    ("goes up a level at a time as readings do", _PLAIN, "wWw", "wWw"),
    ("a level is left at its clear, that value included", _PLAIN, "w-8", "ww."),
    ("easing rests at the highest level whose exit is not met", _PLAIN, "WjijW", "WWwwW"),
    ("from warning straight to inactive when both exits are met", _PLAIN, "W8", "W."),
    ("from warning to watch though watch is no longer breached", _PLAIN, "W-", "Ww"),
    ("unknown neither fires nor resolves", _PLAIN, "w??.", "www."),
    ("the second release in a row enters", held(2), "ww", "~w"),
    ("a period inside starts the count again", held(2), "w.ww", "~.~w"),
    ("a breach of a higher level counts for the lower ones", held(2, 3), "WW", "~w"),
    ("the higher level has its own count", held(2, 3), "WWW", "~wW"),
    ("unknown neither adds to a count nor starts it again", held(2), "w?w", "~~w"),
    ("a second reading of a period does not count twice", held(2), "w'w", "~~"),
    ("a second reading replaces the verdict", held(2), "w'.w", "~.~"),
    ("a second reading that breaches makes its period count", held(2), ".'ww", ".~w"),
    ("a second reading takes back what its period entered", held(2), "ww'.", "~w."),
    ("leaving needs no for", held(3), "www.", "~~w."),
    ("a withdrawn period leaves the one before with its count", held(2), "w._w", "~.~"),
    ("a withdrawn period does not count its neighbour twice", held(2), "w._ww", "~.~w"),
    ("a turn neither breaches nor counts", held(2), "whw", "~~w"),
    ("a turn does not fire", _PLAIN, "hH", ".."),
    ("a turn can still clear", _PLAIN, "wo", "w."),
    ("a turn keeps the level it finds", _PLAIN, "wHh", "www"),
    ("after downtime each period counts, oldest first", held(2), "ww", "~w"),
    ("hours are over at the first breach and three", held(hours=3), "wwww", "~~~w"),
    ("FALSE ends a hold in time", held(hours=3), "ww.www", "~~.~~~"),
    ("a hold in time goes on through unknown", held(hours=3), "w??w", "~~~w"),
    ("nothing is entered while unknown", held(hours=2), "w????", "~~~~~"),
    ("after the deadline TRUE enters at once", held(hours=2), "w???w", "~~~~w"),
    ("a hold in time goes on through a turn, and is not entered in it", held(hours=2), "whhhw", "~~~~w"),
    ("a turn that is inside ends a hold in time", held(hours=3), "wwowww", "~~.~~~"),
    ("a higher level without a hold enters over a lower one that waits", held(hours=9), "wW", "~W"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("ladder", "readings", "picture"), [row[1:] for row in TIMELINES], ids=[r[0] for r in TIMELINES]
)
def test_timelines(ladder: Ladder, readings: str, picture: str) -> None:
    """What the readings of a row make of an alert, reading by reading."""
    assert states(ladder, drawn(readings)) == picture
    assert states_one_by_one(ladder, drawn(readings)) == picture


def test_a_hold_in_time_is_over_by_a_tick_at_the_very_instant() -> None:
    """With nothing arriving, first breach + 3 h fires, with the reading it confirms."""
    steps = drawn("w")
    assert states(held(hours=3), steps, until=2) == "~|~"
    found = walked(held(hours=3), steps, until=3)
    assert told(found, steps) == [(0, "armed", 0, 0, 1), (3, "fired", 0, 1, 1)]
    assert [move.timer for move in found.moves] == [False, True]


def test_an_arrival_at_the_deadline_comes_before_the_timer() -> None:
    """What arrives at the same instant is seen first: FALSE then, and nothing fires."""
    steps = [Step(0, 1, 15), Step(3, 2, 0)]
    assert told(walked(held(hours=3), steps, until=9), steps) == [
        (0, "armed", 0, 0, 1), (3, "disarmed", 0, 0, 2),
    ]  # fmt: skip


def test_frozen_hours_do_not_count() -> None:
    """Timers stop while inputs are late: three hours become five when two were frozen."""
    steps = drawn("w")
    found = walked(held(hours=3), steps, until=9, frozen=[(1, 3)])
    assert [(m.at // HOUR, str(m.change)) for m in found.moves] == [(0, "armed"), (5, "fired")]


def test_never_is_inside_below_a_number_of_days() -> None:
    """Never is greater than every duration, so that an alert on it resolves."""
    ladder = Ladder((Rung(Level.WATCH, Fraction(30), Fraction(30)),), rising=False)
    steps = [Step(0, 1, 10), Step(1, 2, 40)]
    readings = readings_of(steps)
    readings = Readings(
        readings.at, readings.periods, readings.why,
        numbers=Numbers.rough(np.array([10.0, np.inf]), np.zeros(2), lambda _: Fraction(10)),
    )  # fmt: skip
    signals = signals_of_value(ladder, readings, np.zeros(2, np.bool_))
    found = walk(
        ladder, AlertState(), signals, upto=HOUR, deadlines=deadlines, frozen=spells_of(())
    )
    assert [str(m.change) for m in found.moves] == ["fired", "resolved"]


@pytest.mark.parametrize(
    ("why", "broken"), [(ZERO, True), (STALE, False), (SHORT, False)],
    ids=["division by zero", "lateness", "a short history"],
)  # fmt: skip
def test_broken_is_unknown_three_times_without_a_good_reason(why: int, broken: bool) -> None:
    """Late inputs and short histories are good reasons; anything else, thrice, is broken."""
    steps = drawn("w" + "?" * (BROKEN_AFTER - 1))
    assert not walked(_PLAIN, steps, until=9, why=why).state.broken
    steps = drawn("w" + "?" * BROKEN_AFTER)
    found = walked(_PLAIN, steps, until=9, why=why).state
    assert found.broken is broken
    assert found.level is Level.WATCH
    assert not walked(_PLAIN, drawn("w???w"), until=9, why=why).state.broken


def range_of(rows: Sequence[tuple[float, float]]) -> Readings:
    """Return counts of which each lies in a range; NaN where nothing is known."""
    size = len(rows)
    low, high = (np.array([row[i] for row in rows], np.float64) for i in (0, 1))
    return Readings(
        np.arange(size, dtype=np.int64) * HOUR, np.arange(1, size + 1, dtype=np.int64) * DAY,
        np.where(low == high, 0, SHORT).astype(np.int8), numbers=Numbers.whole(low, Fraction(1)),
        high=Numbers.whole(high, Fraction(1)),
    )  # fmt: skip


RANGES = [
    ("t above n breaches, whatever is unknown", 1, [(3, 4)], "w"),
    ("t + u at most n is inside", 1, [(3, 3), (0, 2)], "w."),
    ("between them it is unknown, and moves nothing", 1, [(2, 3), (3, 3), (2, 3)], ".ww"),
    ("unknown neither adds to a count nor restarts it", 2, [(3, 3), (1, 4), (3, 3)], "~~w"),
    ("what is unknown altogether moves nothing", 1, [(3, 3), (np.nan, np.nan), (0, 0)], "ww."),
]


@pytest.mark.parametrize("rising", [True, False], ids=["above 2", "below -2"])
@pytest.mark.parametrize(
    ("releases", "rows", "picture"), [row[1:] for row in RANGES], ids=[row[0] for row in RANGES]
)
def test_counts_with_unknown_conditions_are_ranges(
    releases: int, rows: list[tuple[float, float]], picture: str, rising: bool
) -> None:
    """A count above 2, of which some conditions are unknown; and the same below -2."""
    edge = Fraction(2 if rising else -2)
    ladder = Ladder((Rung(Level.WATCH, edge, edge, releases),), rising=rising)
    rows = rows if rising else [(-high, -low) for low, high in rows]
    marks = ""
    for count in range(1, len(rows) + 1):
        signals = signals_of_value(ladder, range_of(rows[:count]), np.zeros(count, np.bool_))
        state = walk(ladder, AlertState(), signals, upto=count * HOUR, deadlines=deadlines,
                     frozen=spells_of(())).state  # fmt: skip
        marks += "~" if state.state is State.PENDING else ".w"[state.level]
    assert marks == picture


def truths(picture: str) -> Readings:
    """Return verdicts an hour and a period apart: T, F, ?."""
    size = len(picture)
    truth = np.array([{"T": 1, "F": 0, "?": -1}[mark] for mark in picture], np.int8)
    return Readings(
        np.arange(size, dtype=np.int64) * HOUR, np.arange(1, size + 1, dtype=np.int64) * DAY,
        np.where(truth < 0, SHORT, 0).astype(np.int8), truth=truth,
    )  # fmt: skip


CONDITIONS = [
    ("without clear_when FALSE resolves", 1, "TF", None, "!."),
    ("unknown does not", 1, "T?", None, "!!"),
    ("with clear_when FALSE alone does not", 1, "TFF", "FFT", "!!."),
    ("clear_when TRUE does not while when is TRUE", 1, "TTF", "FTT", "!!."),
    ("clear_when TRUE resolves while when is unknown, which is not TRUE", 1, "T?", "FT", "!."),
    ("unknown clear_when moves nothing", 1, "TF", "F?", "!!"),
    ("unknown with clear_when TRUE does not start a count again", 2, "T?T", "FTF", "~~!"),
]


@pytest.mark.parametrize(
    ("releases", "when", "clear", "picture"),
    [row[1:] for row in CONDITIONS], ids=[row[0] for row in CONDITIONS],
)  # fmt: skip
def test_conditions(releases: int, when: str, clear: str | None, picture: str) -> None:
    """A `when` rule, with and without `clear_when`, verdict by verdict."""
    ladder = Ladder((Rung(Level.WARNING, releases=releases),))
    marks = ""
    for count in range(1, len(when) + 1):
        signals = signals_of_condition(
            truths(when[:count]), None if clear is None else truths(clear[:count]),
            np.zeros(count, np.bool_),
        )  # fmt: skip
        state = walk(ladder, AlertState(), signals, upto=count * HOUR, deadlines=deadlines,
                     frozen=spells_of(())).state  # fmt: skip
        marks += {State.PENDING: "~", State.FIRING: "!", State.INACTIVE: "."}[state.state]
    assert marks == picture
