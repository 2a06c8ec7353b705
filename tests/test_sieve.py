"""Thousands of alerts at once: what a new figure leaves as it stands, and what is kept for it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.facts.asof import History
from ebbwatch.expr import Expression, Scope, compile_expression
from ebbwatch.expr.view import BEGINNING
from ebbwatch.locale import translator
from ebbwatch.model.alert import Level, Transition
from ebbwatch.model.durations import Duration
from ebbwatch.model.message import Target
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import Rank, micros
from ebbwatch.model.text import LANGUAGES
from ebbwatch.model.units import Quantity
from ebbwatch.ruleset.rules import Route, Rule, Ruleset
from ebbwatch.runtime.ledger import Ledger, refreshed
from ebbwatch.runtime.pipeline import Event, Pipeline
from ebbwatch.runtime.telling import Telling
from ebbwatch.store.in_memory import MemoryStore
from tests.fakes import place_of
from tests.naive.profiles import driven
from tests.naive.tapes import CALENDARS, CATALOGUE, history_of, periods_of, tapes

_SERIES = ("sofr", "effr", "lapsing", "timely", "reserves", "gdp", "coin")


def told_apart(history: History, names: Sequence[str]) -> list[object]:
    """Return everything that a history says of some series, to be compared."""
    found: list[object] = []
    for name in names:
        column = history.column(name)
        if column is None:
            found.append((name, None))
            continue
        spells = (history.late(name), history.stale(name, carried=False),
                  history.stale(name, carried=True))  # fmt: skip
        found.append(
            (
                name, column.effect.tolist(), column.periods.tolist(),
                [str(q * float(column.quantum)) for q in column.quanta],
                column.boundaries.tolist(), list(history.observations(name)),
                [(s.starts.tolist(), s.ends.tolist()) for s in spells], history.known(name),
            )
        )  # fmt: skip
    return found


@driven
@given(st.data(), tapes(_SERIES))
def test_a_history_told_figure_by_figure_is_the_one_told_at_once(
    data: st.DataObject, tape: list[Observation]
) -> None:
    """Adding to the end of columns and of lateness gives what making them anew gives."""
    looks = data.draw(st.sets(st.integers(0, max(len(tape) - 1, 0)), max_size=3))
    if data.draw(st.booleans()):
        tape = sorted(tape, key=lambda o: (o.known_at, o.period))
    history = history_of([])
    for number, observation in enumerate(tape):
        history.observe([observation])
        if number in looks:
            told_apart(history, _SERIES)
    assert told_apart(history, _SERIES) == told_apart(history_of(tape), _SERIES)


@driven
@given(tapes(_SERIES))
def test_what_changes_next_is_known_without_a_look_at_the_past(tape: list[Observation]) -> None:
    """`next_edge` and `changed` of a history that grows are those of one made anew."""
    tape = sorted(tape, key=lambda o: (o.known_at, o.period))
    history = history_of([])
    after = BEGINNING
    for number, observation in enumerate(tape):
        history.observe([observation])
        upto = micros(observation.known_at)
        anew = history_of(tape[: number + 1])
        assert history.changed(after=after, upto=upto) == anew.changed(after=after, upto=upto)
        assert history.next_edge(upto) == anew.next_edge(upto)
        after = upto


# ---- a pipeline with the sieve, and one without --------------------------------------------

_VALUES = (
    "sofr", "effr", "sofr - effr", "-(sofr - target)", "abs(sofr - effr) * 2", "sofr / effr",
    "(sofr + effr) / target", "sofr - effr / 2", "lapsing - sofr", "reserves / assets",
    "(reserves - assets) / 2", "reserves + assets * 2", "max(sofr, 2 d) - effr",
    "reserves / gdp",
)  # fmt: skip
_ROOMS = (Fraction(0), Fraction(1), Fraction(1, 2))
_LEVELS = (Level.WATCH, Level.WARNING, Level.CRITICAL)
_HOLDS = (
    Duration(Fraction(2), "releases"), Duration(Fraction(3), "releases"),
    Duration(Fraction(30), "h"), Duration(Fraction(5), "d"),
)  # fmt: skip
#: One scope, so that all rulesets share a graph.
_SCOPE = Scope(CATALOGUE)


@st.composite
def ladders(draw: st.DrawFn, name: str) -> Rule:
    """Draw a rule whose thresholds lie among the figures of `steady`."""
    expression = compile_expression(draw(st.sampled_from(_VALUES)), _SCOPE)
    assert isinstance(expression, Expression)
    assert expression.dimension is not None
    dimension = expression.dimension
    unit = {"rate": Fraction(1, 10_000), "money": Fraction(10**6)}.get(dimension.kind, Fraction(1))
    rising = draw(st.booleans())
    base = draw(st.sampled_from([0, 1, 2, 5, 431, 432, 435]))
    levels = sorted(draw(st.sets(st.sampled_from(_LEVELS), min_size=1)))

    def quantity(number: Fraction | int) -> Quantity:
        return Quantity(number * unit, dimension, "%")

    hold = draw(st.sampled_from([None, *_HOLDS]))
    return Rule(
        name=name, value=expression, rising=rising,
        thresholds=tuple(
            (level, quantity(base + (n if rising else -n))) for n, level in enumerate(levels)
        ),
        clear={level: quantity(draw(st.sampled_from(_ROOMS))) for level in levels},
        hold={} if hold is None else {draw(st.sampled_from(levels)): hold},
    )  # fmt: skip


@st.composite
def steady(draw: st.DrawFn, names: Sequence[str]) -> list[Observation]:
    """Draw figures that come regularly, mostly together, and mostly stay as they are."""
    found = []
    for name in names:
        series = CATALOGUE[name]
        day, value = date(2024, 1, 2), draw(st.sampled_from([431, 432, 435]))
        for period in periods_of(series, day, 3 if series.every.rank >= Rank.WEEK else 12):
            value = draw(st.sampled_from([value, value, value, 431, 432, 433, 435, 440, 0]))
            hours = draw(st.sampled_from([6, 6, 6, 6, 30]))
            known = datetime.fromtimestamp(series.every.end(period) * 60, UTC)
            found.append(
                Observation(
                    series=name, period=period, value=series.unit.to_base(Decimal(value) / 100),
                    known_at=known + timedelta(hours=hours), source="test",
                )
            )  # fmt: skip
    return found


@dataclass
class Lived:
    """What a pipeline came to."""

    transitions: list[Transition]
    states: dict[str, AlertState]
    outbox: list[str]
    judged: int


def lived(ruleset: Ruleset, feed: Sequence[Event], restarts: set[int], *, sieved: bool) -> Lived:
    """Drive a feed through a pipeline and its ledger, over which the daemon starts anew at times.

    Args:
        ruleset: Its rules.
        feed: Events.
        restarts: Places of events before which everything but the store is lost.
        sieved: Whether the sieve may spare alerts the judging.
    """
    store = MemoryStore()
    judged = 0
    with pytest.MonkeyPatch.context() as patch:
        if not sieved:
            patch.setattr("ebbwatch.core.alerting.sieve.can_be_sieved", lambda _rule: False)
        pipeline = _begun(ruleset, store)
        for place, event in enumerate(feed):
            if place in restarts and pipeline.handled > BEGINNING:
                handled = pipeline.handled
                pipeline = _begun(ruleset, store)
                ledger = pipeline.recorder
                assert isinstance(ledger, Ledger)
                pipeline.handled = handled
                pipeline.states.update(refreshed(pipeline.judge, ledger.load(), handled))
            done = pipeline.handle(event)
            assert not done.failures
            judged += len(done.states)
            due = pipeline.next_due()
            assert due is None or due > event.at
    rows = [row.key for row in store.outbox(limit=10_000)]
    # When an input became stale is not kept: a daemon that starts anew reads it as stale, no more.
    states = {
        name: state if state.known else replace(state, read_at=BEGINNING)
        for name, state in pipeline.states.items()
    }
    return Lived(store.transitions(), states, rows, judged)


def _begun(ruleset: Ruleset, store: MemoryStore) -> Pipeline:
    history = history_of(list(store.observations()))
    judge = Judge(ruleset, history)
    translators = {name: translator(name) for name in LANGUAGES}
    return Pipeline(
        judge, Ledger(store, Telling(judge, store, translators, place_of=place_of), judge)
    )


def feed_of(tape: Sequence[Observation]) -> list[Event]:
    """Return a tape as it arrives: an event for each instant at which something became known."""
    ordered = sorted(tape, key=lambda o: (o.known_at, o.series, o.period))
    return [
        Event(at=micros(at), observations=tuple(some))
        for at, some in itertools.groupby(ordered, key=lambda o: o.known_at)
    ]


def ruleset_of(rules: Sequence[Rule]) -> Ruleset:
    """Return a ruleset of some rules, told to one desk."""
    return Ruleset(
        series=CATALOGUE, business=CALENDARS, calendars={}, rules=tuple(rules),
        receivers={"desk": (Target("desk", "webhook", {"url": "http://127.0.0.1/"}),)},
        routes=(Route(to=("desk",)),),
    )  # fmt: skip


_FEW = st.tuples(*(ladders(name) for name in ("one", "two", "three", "four")))
_READ = ("sofr", "effr", "target", "lapsing", "reserves", "assets", "gdp")


@driven
@given(st.data(), _FEW, st.one_of(steady(_READ), steady(_READ), tapes(_READ)))
def test_the_sieve_spares_work_and_nothing_else(
    data: st.DataObject, rules: tuple[Rule, ...], tape: list[Observation]
) -> None:
    """Transitions, states and outbox are those of a pipeline that judges every alert."""
    feed = feed_of(tape)
    restarts = data.draw(st.sets(st.integers(1, max(len(feed) - 1, 1)), max_size=2))
    ruleset = ruleset_of(rules)
    with_it = lived(ruleset, feed, restarts, sieved=True)
    without = lived(ruleset, feed, restarts, sieved=False)
    assert with_it.transitions == without.transitions
    assert with_it.states == without.states
    assert with_it.outbox == without.outbox
    assert with_it.judged <= without.judged
