"""One path: what the pipeline decides does not depend on how the tape reaches it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from typing import Any

from hypothesis import assume, given, reject
from hypothesis import strategies as st

from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.facts.asof import History
from ebbwatch.expr import Scope, compile_expression
from ebbwatch.model.alert import Level, Transition
from ebbwatch.model.durations import Duration
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import instant, micros, period_of
from ebbwatch.model.units import Quantity
from ebbwatch.ruleset.rules import Rule, Ruleset
from ebbwatch.runtime.pipeline import Event, Handled, Outcome, Pipeline
from tests.naive.expressions import Known, Naive, Unknown
from tests.naive.lifecycle import NaiveAlert, NaiveRung, Step
from tests.naive.profiles import driven
from tests.naive.tapes import (
    CALENDARS,
    CATALOGUE,
    conditions,
    history_of,
    known_by,
    momentary,
    numbers,
    tapes,
)

_HOUR = 3_600_000_000
_NAMES = tuple(name for name in CATALOGUE if name != "coin")


@dataclass
class Notebook:
    """A recorder that keeps transitions."""

    judge: Judge
    transitions: list[Transition] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def take(self, outcome: Outcome) -> bool:
        """Take nothing ahead: all of it comes with its event."""
        return False

    def record(self, handled: Handled, states: Mapping[str, AlertState]) -> bool:
        """Keep what an event came to."""
        for outcome in handled.outcomes:
            self.transitions += self.judge.transitions(outcome.judged, outcome.cause)
        self.failures += [f"{failure.rule}: {failure.error!r}" for failure in handled.failures]
        return False

    def next_due(self) -> int | None:
        """Return None: nothing is told."""
        return None


def events(tape: Iterable[Observation], cuts: Iterable[int], end: int) -> list[Event]:
    """Return a tape as events, one for each stretch up to a cut."""
    edges = sorted({*cuts, end})
    found, after = [], micros(instant(0)) - 10**18
    for upto in edges:
        part = [o for o in tape if after < micros(o.known_at) <= upto]
        found.append(Event(at=upto, observations=tuple(part)))
        after = upto
    return found


def told(
    ruleset: Ruleset, feed: Sequence[Event], history: History | None = None
) -> list[Transition]:
    """Return every transition of a feed, in order of time, then rule."""
    judge = Judge(ruleset, history or history_of([]))
    notebook = Notebook(judge)
    pipeline = Pipeline(judge, notebook)
    for event in feed:
        pipeline.handle(event)
    assert not notebook.failures
    return sorted(notebook.transitions, key=lambda t: (t.at, t.rule))


# ---- random rules --------------------------------------------------------------------------


def _dated(text: str) -> bool:
    return "coin" not in text


#: All rules of a ruleset share one graph.
_SCOPE = Scope(CATALOGUE)
_MEASURED = st.one_of(numbers(), conditions(), momentary())


@st.composite
def _texts(draw: st.DrawFn) -> str:
    """Draw what a rule may measure; a strategy of its own, for it is told shortly."""
    return draw(_MEASURED)


_PLAIN = numbers().filter(_dated)
_ANY = _texts().filter(_dated)


@st.composite
def rules(draw: st.DrawFn, name: str = "rule", *, plain: bool = False) -> tuple[Rule, str]:
    """Draw a rule, and the text of what it measures."""
    text = draw(_PLAIN if plain else _ANY)
    expression = compile_expression(text, _SCOPE)
    if isinstance(expression, list):
        reject()
    hold = draw(
        st.sampled_from([None, Duration(Fraction(2), "releases"), Duration(Fraction(30), "h"),
                         Duration(Fraction(3), "releases"), Duration(Fraction(5), "d")])
    )  # fmt: skip
    if expression.is_condition:
        clear = compile_expression("sofr < 4.31 %", _SCOPE)
        assert not isinstance(clear, list)
        return Rule(
            name=name, when=expression, clear_when=draw(st.sampled_from([None, clear])),
            hold={} if hold is None else {Level.WARNING: hold},
        ), text  # fmt: skip
    assert expression.dimension is not None
    scale = {"money": 10**7, "time": 4, "count": 1}.get(expression.dimension.kind, Fraction(1, 100))
    levels = sorted(draw(st.sets(st.sampled_from(list(Level)[1:]), min_size=1)))
    rising = draw(st.booleans())
    first = draw(st.integers(-1, 4)) * (1 if rising else -1)

    def quantity(number: Fraction | int) -> Quantity:
        assert expression.dimension is not None
        return Quantity(Fraction(number) * scale, expression.dimension, "%")

    steps = [first + (n if rising else -n) for n in range(len(levels))]
    return Rule(
        name=name, value=expression, rising=rising,
        thresholds=tuple((level, quantity(n)) for level, n in zip(levels, steps, strict=True)),
        clear={level: quantity(draw(st.sampled_from([0, Fraction(1, 2), 2]))) for level in levels},
        hold={} if hold is None else {draw(st.sampled_from(levels)): hold},
    ), text  # fmt: skip


class _Drawn(Ruleset):
    """A ruleset that is told by what its rules measure, where a property fails."""

    def __repr__(self) -> str:
        rules = (
            (rule.value or rule.when, [str(q.value) for _, q in rule.thresholds], rule.rising,
             {str(level): str(hold) for level, hold in rule.hold.items()})
            for rule in self.rules
        )  # fmt: skip
        return f"ruleset_of{[(e.text if e else '', *more) for e, *more in rules]}"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(repr(self))


def ruleset_of(*found: Rule) -> Ruleset:
    """Return a ruleset of some rules over the small catalogue."""
    return _Drawn(series=CATALOGUE, business=CALENDARS, calendars={}, rules=found)


def instants_of(tape: Sequence[Observation]) -> list[int]:
    """Return every instant at which anything can change."""
    return Known(CATALOGUE, CALENDARS, tape).instants(_NAMES)


drawn_rules = st.builds(
    lambda one, two: ruleset_of(one[0], two[0]), rules("first"), rules("second")
)


def needed(ruleset: Ruleset) -> tuple[str, ...]:
    """Return the series that rules read, in an order of their own."""
    found = {"sofr"}
    for rule in ruleset.rules:
        expression = rule.value or rule.when
        assert expression is not None
        found |= expression.series
    return tuple(sorted(found))


@driven
@given(st.data(), drawn_rules)
def test_any_partition_into_batches_gives_the_same_transitions(
    data: st.DataObject, ruleset: Ruleset
) -> None:
    """Whole instants may be handed over one by one, all at once, or anyhow in between."""
    tape = data.draw(tapes(needed(ruleset)))  # type: ignore[union-attr]
    assume(tape)
    instants = instants_of(tape)
    end = data.draw(st.sampled_from(instants))
    cuts = data.draw(st.sets(st.sampled_from(instants), max_size=6))
    known = known_by(tape, end)
    at_once = told(ruleset, events(known, [], end))
    assert told(ruleset, events(known, [c for c in cuts if c < end], end)) == at_once
    assert told(ruleset, events(known, [i for i in instants if i < end], end)) == at_once


@driven
@given(st.data(), drawn_rules)
def test_cutting_the_tape_changes_nothing_before(data: st.DataObject, ruleset: Ruleset) -> None:
    """What is told at or before t does not know what comes after t."""
    tape = data.draw(tapes(needed(ruleset)))  # type: ignore[union-attr]
    assume(tape)
    instants = instants_of(tape)
    cut, end = data.draw(st.sampled_from(instants)), instants[-1]
    whole = told(ruleset, events(tape, [], end))
    past = told(ruleset, events(known_by(tape, cut), [], cut))
    assert past == [t for t in whole if micros(t.at) <= cut]


@driven
@given(st.data(), drawn_rules)
def test_a_history_that_holds_the_future_gives_the_same_transitions(
    data: st.DataObject, ruleset: Ruleset
) -> None:
    """With every fact there from the start, ticks alone tell what arrivals told."""
    tape = data.draw(tapes(needed(ruleset)))  # type: ignore[union-attr]
    assume(tape)
    instants = instants_of(tape)
    ticks = [Event(at=at) for at in instants]
    arriving = told(ruleset, events(tape, [], instants[-1]))
    assert told(ruleset, ticks, history_of(tape)) == arriving


@driven
@given(st.data(), drawn_rules)
def test_the_same_figures_again_tell_nothing(data: st.DataObject, ruleset: Ruleset) -> None:
    """A second poll of the same data, or a tape run twice, adds no transition."""
    tape = data.draw(tapes(needed(ruleset)))  # type: ignore[union-attr]
    assume(tape)
    end = instants_of(tape)[-1]
    once = events(tape, [], end)
    again = [*once, Event(at=end + _HOUR, observations=tuple(tape))]
    quiet = [*once, Event(at=end + _HOUR)]
    assert told(ruleset, again) == told(ruleset, quiet)
    assert told(ruleset, once) == told(ruleset, once)


# ---- the naive replay ----------------------------------------------------------------------


def story(known: Known, text: str, setters: Iterable[str]) -> tuple[list[Step], list[int]]:
    """Return the readings of a text, instant by instant, and the hours in which it is frozen."""
    from ebbwatch.expr.parse import parse  # noqa: PLC0415  the tree, no more

    tree = parse(text)
    steps: list[Step] = []
    newest: int | None = None
    frozen: list[int] = []
    names = set(Naive(known, 0).names(tree))
    instants = known.instants(names)
    for at, following in itertools.pairwise([*instants, instants[-1]]):
        naive = Naive(known, at)
        if any(known.is_late(name, at) for name in setters):
            frozen += range(at // _HOUR, following // _HOUR)
        elements = naive.elements(tree)
        if not elements:
            continue
        new = [p for p in sorted(elements) if newest is None or p > newest]
        for period in new or [max(elements)]:
            value = naive.fresh(tree, elements, period)
            number = None if isinstance(value, Unknown) else value
            partial = any(known.is_partial(name, at) for name in names)
            steps.append(Step(at // _HOUR, period, number, partial=partial))  # type: ignore[arg-type]
        newest = max([*elements, newest or 0])
    return steps, frozen


@driven
@given(st.data(), rules(plain=True))
def test_replay_is_what_stepping_through_every_instant_by_hand_gives(
    data: st.DataObject, drawn: tuple[Rule, str]
) -> None:
    """Levels, instants and periods of a rule equal those of a naive replay."""
    rule, text = drawn
    assert rule.value is not None
    assume(not any(name in text for name in ("until", "stdev", "zscore", "ewma")))
    tape = [f for f in data.draw(tapes(tuple(sorted(rule.value.series)))) if f.value is not None]
    assume(tape)
    known = Known(CATALOGUE, CALENDARS, tape)
    steps, frozen = story(known, text, rule.value.node.setters)
    end = known.instants(rule.value.series)[-1]
    rungs = []
    for level, threshold in rule.thresholds:
        hold, clear = rule.hold.get(level), rule.clear[level].value
        days = None if hold is None else hold.days
        rungs.append(
            NaiveRung(
                int(level), threshold.value,  # type: ignore[arg-type]
                threshold.value + (-clear if rule.rising else clear),  # type: ignore[arg-type]
                int(hold.count) if hold is not None and days is None else 1,
                int(days * 24) if days is not None else 0,
            )
        )  # fmt: skip
    naive = NaiveAlert(rungs, rule.rising)
    naive.run(steps, frozen=set(frozen), until=end // _HOUR)
    found = told(ruleset_of(rule), events(tape, [], end))
    every = CATALOGUE[next(iter(rule.value.series))].every
    assert [
        (micros(t.at) // _HOUR, str(t.change), int(t.before), period_of_text(t.period))
        for t in found
    ] == [(hour, change, before, period) for hour, change, before, _, period in naive.moves]
    assert every is not None


def period_of_text(text: str) -> int:
    """Return the period of a date as transitions write it."""
    from datetime import date  # noqa: PLC0415

    return period_of(date.fromisoformat(text))


def test_next_due_lies_after_what_was_handled() -> None:
    """A hold over while its verdict is unknown does not come due again and again."""
    scope = Scope(CATALOGUE)
    expression = compile_expression("lapsing", scope)
    assert not isinstance(expression, list)
    assert expression.dimension is not None
    rule = Rule(
        name="held", value=expression,
        thresholds=((Level.WATCH, Quantity(Fraction(1, 100), expression.dimension, "%")),),
        hold={Level.WATCH: Duration(Fraction(5), "d")},
    )  # fmt: skip
    start = instant(period_of_text("2024-01-03") * 60_000_000)
    fact = Observation(series="lapsing", period=period_of_text("2024-01-02"),
                       value=CATALOGUE["lapsing"].unit.to_base(__import__("decimal").Decimal(2)),
                       known_at=start, source="test")  # fmt: skip
    judge = Judge(ruleset_of(rule), history_of([]))
    pipeline = Pipeline(judge, Notebook(judge))
    pipeline.handle(Event(at=micros(start), observations=(fact,)))
    turns = 0
    while (due := pipeline.next_due()) is not None and turns < 20:
        assert due > pipeline.handled
        pipeline.handle(Event(at=due))
        turns += 1
    assert turns == 1
    assert pipeline.handled == micros(start + timedelta(days=3))
