"""What supposed figures would do: the alerts they would move, and how far they leave the others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ebbwatch.core.alerting.judging import Judge, Watched
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.answering.expected import Expected
from ebbwatch.core.answering.status import Standing, standings
from ebbwatch.core.answering.supposing import Supposed
from ebbwatch.model.alert import Level, Transition
from ebbwatch.model.periods import micros


@dataclass(frozen=True, slots=True)
class NextStep:
    """What would move an alert next, and how far its reading is from it.

    Attributes:
        level: That it would go to; NONE for being resolved.
        threshold: To be passed, in the reading's unit.
        distance: From the reading to it, without sign; 0 where it is passed, and has to last.
    """

    level: Level
    threshold: float
    distance: float


@dataclass(frozen=True, slots=True)
class Unmoved:
    """A rule that reads a supposed series, and would stay as it is.

    Attributes:
        standing: How it would stand.
        nearest: What would move it next; None of a condition, and where its reading is unknown.
        waits_for: Series whose figure its next reading lacks, with the period as it is written.
    """

    standing: Standing
    nearest: NextStep | None
    waits_for: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What supposed figures would do.

    Attributes:
        at: UTC instant as of which they are supposed.
        until: UTC instant at which the last of them would be known.
        supposed: The figures, in the order they would come out.
        changes: Of alerts that read them, in order of time.
        moved: How the rules of those changes would stand.
        others: The rules that read them and would not move, in the order of the files.
    """

    at: datetime
    until: datetime
    supposed: tuple[Supposed, ...]
    changes: tuple[Transition, ...]
    moved: Mapping[str, Standing]
    others: tuple[Unmoved, ...]


def what_if(
    judge: Judge, states: Mapping[str, AlertState], supposed: tuple[Supposed, ...],
    changes: Iterable[Transition], at: datetime,
) -> WhatIf:  # fmt: skip
    """Return what supposed figures came to, once they were driven through the pipeline.

    Args:
        judge: Of the rules that read them, over a history that holds them.
        states: Of the alerts after them.
        supposed: In the order they would come out, at least one.
        changes: That they made, in order of time.
        at: UTC instant as of which they are supposed.
    """
    until = micros(supposed[-1].known_at)
    rows = standings(judge, states, until, judge.watched)
    moves = tuple(changes)
    names = {move.rule for move in moves}
    expected = Expected(judge.history, until)
    others = [
        Unmoved(row, _nearest_step(rule, row), _lacking(rule, supposed, expected))
        for row in rows
        if row.rule.name not in names
        for rule in (judge.watched[row.rule.name],)
    ]
    return WhatIf(
        at=at, until=supposed[-1].known_at, supposed=supposed, changes=moves,
        moved={row.rule.name: row for row in rows if row.rule.name in names},
        others=tuple(others),
    )  # fmt: skip


def _nearest_step(rule: Watched, row: Standing) -> NextStep | None:
    """Return what would move an alert next: the level above it, or its own end."""
    value = None if row.reading is None else row.reading.value
    if value is None or not math.isfinite(value):
        return None
    steps = []
    sign = 1 if rule.ladder.rising else -1
    if row.ahead is not None:
        level, threshold = row.ahead
        steps.append(NextStep(level, threshold, max(0.0, sign * (threshold - value))))
    below = Level.NONE
    for rung in rule.ladder.rungs:
        leave = rule.in_unit(rung.exit)
        # One that is past its end already stands for a reason of its own: a turn, an unknown part.
        if rung.level is row.level and leave is not None and sign * (value - leave) > 0:
            steps.append(NextStep(below, leave, sign * (value - leave)))
        below = rung.level
    return min(steps, key=lambda step: step.distance, default=None)


def _lacking(
    rule: Watched, supposed: Iterable[Supposed], expected: Expected
) -> tuple[tuple[str, str], ...]:
    """Return the series that a rule waits for before it reads a supposed period."""
    if rule.node.momentary:
        return ()
    periods = [one.period for one in supposed if one.series.name in rule.node.setters]
    if not periods:
        return ()
    newest = max(periods)
    found = []
    for name in sorted(rule.node.setters):
        figure, every = expected.newest(name), expected.history.catalogue[name].every
        if figure is None or figure.period < newest:
            found.append((name, every.text(newest)))
    return tuple(found)
