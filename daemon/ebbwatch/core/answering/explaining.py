"""Explanations: why one rule stands as it does at an instant, and what would change it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from ebbwatch.core.alerting.judging import Judge, Watched
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.answering.answers import InputFigure, figures_of
from ebbwatch.core.answering.conditions import lamps_of, naming_of, working_of
from ebbwatch.core.answering.reading import Found, Reader, Reading
from ebbwatch.core.answering.status import Standing, standing
from ebbwatch.core.render import Lamp, Measure, Phrases, Translator, Working
from ebbwatch.core.telling.context import Context
from ebbwatch.expr.parse import parse
from ebbwatch.expr.view import NO_PERIOD
from ebbwatch.model.alert import Level
from ebbwatch.model.calendars import turns_of
from ebbwatch.model.durations import Duration
from ebbwatch.model.periods import Micros, Minutes, instant
from ebbwatch.model.text import Text
from ebbwatch.ruleset.rules import TurnPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelDistance:
    """One level, and where the reading lies by it.

    Attributes:
        level: Which.
        threshold: In the rule's unit; None for a condition.
        exit: Left at this or further inside; None for a condition.
        breached: Whether the reading lies past it; None where that is unknown.
        away: How far the reading is past the threshold; negative for how far it has to go;
            None where unknown or never.
        room: How far the reading is past the exit, the same way.
        needed: Periods in a row that must breach it; 1 for at once.
        counted: How many did so far.
        hold: Time for which it must be breached; None for none.
        until: UTC instant at which a hold that runs is over.
    """

    level: Level
    threshold: float | None
    exit: float | None
    breached: bool | None
    away: float | None
    room: float | None
    needed: int
    counted: int
    hold: Duration | None
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a rule stands as it does, and what would change it.

    Attributes:
        standing: How it stands.
        measure: What is measured; empty where it is too long to be said.
        over_window: Whether the number is made of several periods.
        clear: What must be true for it to resolve, in words; empty where nothing is written.
        titles: Titles of the series that it reads, by name.
        previous: The known reading of the period before, in the reading's unit.
        given: The figures the reading was made of.
        rungs: Lowest first.
        comparisons: Of a `when` rule, each with what it found.
        lamps: Of a count, each condition.
        turns: Names of the calendars in whose window the period lies.
        held: Whether one of them keeps the reading from counting.
    """

    standing: Standing
    measure: Measure = field(default_factory=Measure)
    over_window: bool = False
    clear: Text = field(default_factory=Text)
    titles: Mapping[str, Text] = field(default_factory=dict)
    previous: float | None = None
    given: tuple[InputFigure, ...] = ()
    rungs: tuple[LevelDistance, ...] = ()
    comparisons: tuple[Working, ...] = ()
    lamps: tuple[Lamp, ...] = ()
    turns: tuple[str, ...] = ()
    held: bool = False


def explain(
    judge: Judge, name: str, state: AlertState, at: Micros, translators: Sequence[Translator]
) -> Explanation:
    """Return why an alert stands as it does at an instant (µs).

    Args:
        judge: Of the ruleset and the history.
        name: Of the alert.
        state: Of the alert then.
        at: µs.
        translators: One for each language that texts are wanted in.

    Raises:
        KeyError: If there is no such alert.
    """
    rule = next((rule for rule in judge.ruleset.rules if rule.name == name), None)
    if rule is None:
        raise KeyError(name)
    reader = Reader(judge.history, at)
    stands = standing(judge, rule, state, reader)
    watched, reading = judge.watched.get(name), stands.reading
    if watched is None or reading is None:
        return Explanation(standing=stands)
    period = reading.every.parse(reading.period) if reading.period else NO_PERIOD
    phrases = Phrases(naming_of(judge), translators)
    titles = {name: judge.history.catalogue[name].title for name in watched.series}
    turns = _turns(judge, watched, period)
    return Explanation(
        standing=stands,
        measure=Context(judge, translators).measure(watched),
        over_window=watched.node.lookbacks > 0,
        clear=Text() if rule.clear_when is None else phrases.say(parse(rule.clear_when.text)),
        titles=titles,
        previous=_previous(judge, watched, period, at),
        given=figures_of(judge, reader, watched.node, reading),
        rungs=tuple(_rungs(judge, watched, state, reading)),
        comparisons=working_of(watched, reader.evaluation, period, phrases),
        lamps=lamps_of(watched, reader, phrases),
        turns=turns,
        held=any(rule.turns[turn] is TurnPolicy.HOLD for turn in turns),
    )  # fmt: skip


def _previous(judge: Judge, rule: Watched, period: Minutes, at: Micros) -> float | None:
    """Return the reading of the period before, as known at the same instant."""
    periods, values = judge.past(rule, at)
    place = int(np.searchsorted(periods, period, "left")) - 1
    if place < 0 or not np.isfinite(values[place]):
        return None
    return float(f"{values[place]:.12g}")


def _turns(judge: Judge, rule: Watched, period: Minutes) -> tuple[str, ...]:
    if not rule.rule.turns or period == NO_PERIOD:
        return ()
    calendars = {name: judge.ruleset.calendars[name] for name in rule.rule.turns}
    return turns_of(period, rule.every, calendars, judge.ruleset.business["sifma"])


def _rungs(
    judge: Judge, rule: Watched, state: AlertState, reading: Reading
) -> Iterator[LevelDistance]:
    sign = 1 if rule.ladder.rising else -1
    for place, rung in enumerate(rule.ladder.rungs):
        since = state.since[place] if place < len(state.since) else None
        threshold, leave = rule.in_unit(rung.threshold), rule.in_unit(rung.exit)
        breached, away, room = reading.truth, None, None
        if reading.found is not None and threshold is not None:
            assert leave is not None
            breached = _is_past(reading.found, threshold, rising=rule.ladder.rising)
            value = reading.found.value
            if breached is not None and value is not None and np.isfinite(value):
                away, room = ((value - edge) * sign for edge in (threshold, leave))
                away, room = float(f"{away:.12g}"), float(f"{room:.12g}")
        yield LevelDistance(
            level=rung.level,
            threshold=threshold,
            exit=leave,
            breached=breached,
            away=away,
            room=room,
            needed=rung.releases,
            counted=state.count[place] if place < len(state.count) else 0,
            hold=rung.hold,
            until=None
            if rung.hold is None or since is None
            else instant(judge.deadline(since, rung.hold)),
        )


def _is_past(found: Found, threshold: float, *, rising: bool) -> bool | None:
    """Return whether a number lies past a threshold; None of a count that may or may not."""
    assert found.value is not None
    least, most = found.value, found.value if found.most is None else found.most
    ends = {end > threshold if rising else end < threshold for end in (least, most)}
    return ends.pop() if len(ends) == 1 else None
