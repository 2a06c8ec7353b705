"""Driving ahead: supposed figures through the pipeline that runs live, over a copy of the history."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.alerting.sieve import States
from ebbwatch.core.answering.supposing import Supposed
from ebbwatch.core.answering.what_if import WhatIf, what_if
from ebbwatch.core.lookback.hindsight import known_by
from ebbwatch.model.periods import Micros, instant, micros
from ebbwatch.runtime.lookback.replay import Journal, WantedSpan, transitions
from ebbwatch.runtime.pipeline import Event, Pipeline


def readers(judge: Judge, supposed: tuple[Supposed, ...]) -> frozenset[str]:
    """Return the names of the rules that read one of the supposed series."""
    series = {one.series.name for one in supposed}
    return frozenset(name for name, rule in judge.watched.items() if rule.series & series)


def driven_ahead(
    judge: Judge, states: Mapping[str, AlertState], supposed: tuple[Supposed, ...], at: Micros
) -> WhatIf:
    """Return what supposed figures would do, each at the instant at which it would come out.

    What time alone does until then happens too: holds end, and figures that do not come go stale.

    Args:
        judge: Of the rules over the history, which stays as it is.
        states: Of the alerts at the instant asked about; others than their readers may be there.
        supposed: At least one.
        at: µs; nothing known later is used.
    """
    names = readers(judge, supposed)
    some = copy(judge.only(names))
    read = {series for rule in some.watched.values() for series in rule.series}
    some.history = known_by(judge.history, at, read | {one.series.name for one in supposed})
    ordered = tuple(sorted(supposed, key=lambda one: (one.known_at, one.series.name, one.period)))
    journal = Journal()
    own = {name: state for name, state in states.items() if name in names}
    pipeline = Pipeline(some, journal, states=States(own), handled=at)
    for moment in sorted({micros(one.known_at) for one in ordered}):
        while (due := pipeline.next_due()) is not None and due < moment:
            pipeline.handle(Event(at=due))
        facts = tuple(one.observation for one in ordered if micros(one.known_at) == moment)
        pipeline.handle(Event(at=moment, observations=facts))
    changes = transitions(some, journal, WantedSpan(everything=True))
    return what_if(some, dict(pipeline.states), ordered, changes, instant(at))
