"""How rules stand at an instant: their states, what they read, and what is late of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

import numpy as np

from ebbwatch.core.alerting.judging import Judge, Watched
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.answering.expected import Late
from ebbwatch.core.answering.reading import Reader, Reading
from ebbwatch.model.alert import Level
from ebbwatch.model.periods import Micros, instant
from ebbwatch.ruleset.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one rule stands.

    Attributes:
        rule: As loaded.
        at: UTC instant asked about.
        state: ``inactive``, ``pending``, ``firing`` or ``broken``.
        level: It fires at; NONE otherwise.
        since: UTC instant from which it stands so; None while inactive.
        reading: What it reads; None for a text rule.
        near: Threshold nearest to the newest number known, in its unit; None for a condition,
            and where none is known.
        frozen: Whether no new reading comes because figures are late.
        late: Series it reads whose next figure is late, carried ones included.
        overdue_since: UTC instant at which its next reading was due, where that has passed.
        next_due: UTC instant at which its next reading is expected; None where nobody knows,
            and where it is overdue.
        ahead: The next level up with its threshold, in the reading's unit; None at the highest,
            and for a condition.
    """

    rule: Rule
    at: datetime
    state: str
    level: Level
    since: datetime | None
    reading: Reading | None
    near: float | None
    frozen: bool
    late: tuple[Late, ...]
    overdue_since: datetime | None
    next_due: datetime | None
    ahead: tuple[Level, float] | None = None

    @property
    def age(self) -> timedelta | None:
        """Return how long ago the period ended of the newest figure known; None for none."""
        newest = None if self.reading is None else self.reading.newest
        if newest is None:
            return None
        return max(self.at - newest.ended_at, timedelta(0))

    @property
    def late_since(self) -> datetime | None:
        """Return since when a frozen rule waits for late figures; None while it is not frozen."""
        if not self.frozen:
            return None
        return self.overdue_since or max((late.since for late in self.late), default=None)


def standings(
    judge: Judge,
    states: Mapping[str, AlertState],
    at: Micros,
    names: Collection[str] | None = None,
) -> tuple[Standing, ...]:
    """Return how rules stand at an instant (µs), in the order of their files.

    Args:
        judge: Of the ruleset and the history.
        states: Of the alerts then; one that is missing is inactive.
        at: µs.
        names: Of the alerts that are asked about; None for all.
    """
    reader = Reader(judge.history, at)
    asked = [r for r in judge.ruleset.rules if names is None or r.name in names]
    found: dict[str, Standing] = {}

    def number(rule: Rule) -> int:
        watched = judge.watched.get(rule.name)
        return -1 if watched is None else watched.node.number

    # Rules that measure the same come one after the other: what was read need not be kept.
    for node, group in groupby(sorted(asked, key=number), key=number):
        for rule in group:
            state = states.get(rule.name, AlertState())
            try:
                found[rule.name] = standing(judge, rule, state, reader)
            except Exception:  # noqa: BLE001  one poisoned rule must not hide the others
                found[rule.name] = replace(_unread(rule, state, instant(at)), state="broken")
        if node not in judge.inner and rule.name in judge.watched:
            reader.forget(judge.watched[rule.name].node)
    return tuple(found[rule.name] for rule in asked)


def standing(judge: Judge, rule: Rule, state: AlertState, reader: Reader) -> Standing:
    """Return how one rule stands.

    Args:
        judge: Of the ruleset and the history.
        rule: One of its rules.
        state: Of its alert at the reader's instant.
        reader: Reads as known then.
    """
    at = instant(reader.at)
    watched = judge.watched.get(rule.name)
    if watched is None:
        return _unread(rule, AlertState(), at)
    reading = reader.read(watched.node, watched.unit)
    begun = state.entered_at if state.entered_at is not None else state.begun_at
    expected = reader.expected
    due = expected.due(watched.node)
    series = [*watched.node.series, *(() if watched.clear is None else watched.clear.series)]
    return Standing(
        rule=rule,
        at=at,
        state="broken" if state.broken and not reading.known else state.state.value,
        level=state.level,
        since=None if begun is None else instant(begun),
        reading=reading,
        near=_nearest(watched, reading),
        frozen=expected.frozen(watched.node),
        late=expected.all_late(series),
        overdue_since=due.passed,
        next_due=due.ahead,
        ahead=_ahead(watched, state.level),
    )


def _unread(rule: Rule, state: AlertState, at: datetime) -> Standing:
    """Return how a rule stands of which there is nothing to read."""
    begun = state.entered_at if state.entered_at is not None else state.begun_at
    return Standing(
        rule=rule, at=at, state=state.state.value, level=state.level,
        since=None if begun is None else instant(begun), reading=None,
        near=None, frozen=False, late=(), overdue_since=None, next_due=None, ahead=None,
    )  # fmt: skip


def _ahead(rule: Watched, level: Level) -> tuple[Level, float] | None:
    """Return the lowest level above another, with its threshold."""
    for rung in rule.ladder.rungs:
        if rung.level > level and (threshold := rule.in_unit(rung.threshold)) is not None:
            return rung.level, threshold
    return None


def _nearest(rule: Watched, reading: Reading) -> float | None:
    """Return the threshold that the newest number known lies nearest to."""
    newest = reading.newest
    if newest is None or newest.value is None or not np.isfinite(newest.value):
        return None
    value = newest.value
    thresholds = [
        t for rung in rule.ladder.rungs if (t := rule.in_unit(rung.threshold)) is not None
    ]
    return min(thresholds, key=lambda threshold: abs(value - threshold), default=None)
