"""Figures that a command adds beside a daemon are judged once, and not walked."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.facts.asof import History
from ebbwatch.core.facts.release_clock import ReleaseClock
from ebbwatch.model.alert import Cause, Change
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import micros, period_of
from ebbwatch.ruleset.load import load
from ebbwatch.runtime.additions import added, learn, note_added, settled
from ebbwatch.runtime.lookback.replay import Journal
from ebbwatch.runtime.pipeline import Event, Pipeline
from ebbwatch.store.in_memory import MemoryStore

RULES = """
series:
  x: {source: {csv: x.csv}, unit: percent per year, every: day}
rules:
  - name: high
    value: x
    above: {warning: 5 %}
"""


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, tzinfo=UTC)


def observed(day: int, value: str, known: datetime) -> Observation:
    return Observation(
        series="x", period=period_of(at(day).date()), value=Decimal(value), known_at=known,
        source="csv",
    )  # fmt: skip


def pipeline() -> tuple[Pipeline, Journal]:
    ruleset = load({"r.yaml": RULES}, builtin={}, sources=None).ruleset
    assert ruleset is not None
    history = History(ruleset.series, ruleset.business, ReleaseClock(ruleset.business))
    journal = Journal()
    return Pipeline(Judge(ruleset, history), journal), journal


def test_history_added_beside_the_daemon_is_judged_at_the_present_instant_once():
    """The newest of what was added counts; what lies before it moves nothing."""
    run, journal = pipeline()
    run.handle(Event(at=micros(at(2)), observations=(observed(1, "0.01", at(2)),)))
    store = MemoryStore()
    with store.transaction():
        store.record([observed(3, "0.09", at(4)), observed(4, "0.06", at(5))])
        note_added(store, {"x"})
    run.handled = micros(at(10))
    learn(run.judge.history, store, added(store))
    run.handle(Event(at=micros(at(10, 1)), added=added(store)))
    moves = [t for j in journal.judged for t in run.judge.transitions(j, Cause.HISTORY_ADDED)]
    assert [(t.change, t.value, t.period, t.at) for t in moves] == [
        (Change.FIRED, 6.0, "2026-01-04", at(10, 1))
    ]


def test_a_note_is_taken_once():
    """What was judged is not judged again at every look."""
    store = MemoryStore()
    with store.transaction():
        note_added(store, {"x"})
        note_added(store, {"y"})
    assert added(store) == ("x", "y")
    with store.transaction():
        store.put(*settled())
    assert added(store) == ()


def test_what_is_held_already_is_not_learned_twice():
    """The store's observations of before are in the history since the start."""
    run, _ = pipeline()
    first = observed(1, "0.01", at(2))
    run.judge.history.observe([first])
    store = MemoryStore()
    with store.transaction():
        store.record([first])
    learn(run.judge.history, store, ("x", "gone"))
    assert run.judge.history.known("x") == {(first.period, first.known_at)}
    column = run.judge.history.column("x")
    assert column is not None
    assert len(column) == 1
