"""Explaining: how one alert stands at an instant, why, and what would change it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from ebbwatch.core.answers import Given, given
from ebbwatch.core.conditions import working_of
from ebbwatch.core.context import Context
from ebbwatch.core.defines import filled_in
from ebbwatch.core.judging import Judge, Watched
from ebbwatch.core.ladder import AlertState
from ebbwatch.core.render import Translator, Working
from ebbwatch.core.status import REASONS_NONE
from ebbwatch.expr.evaluate import TRUE, UNKNOWN, Evaluation, Readings
from ebbwatch.expr.numbers import KNOWN, REASONS
from ebbwatch.expr.parse import parse
from ebbwatch.expr.tree import Call
from ebbwatch.expr.view import BEGINNING
from ebbwatch.model.alert import Level
from ebbwatch.model.calendars import turns_of
from ebbwatch.model.durations import Duration
from ebbwatch.model.periods import Every, instant
from ebbwatch.model.text import Text
from ebbwatch.ruleset.rules import Rule, TurnPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
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


@dataclass(frozen=True, slots=True)
class Lamp:
    """One condition of a count.

    Attributes:
        text: As the rule writes it, defines filled in.
        truth: None where it is unknown.
    """

    text: str
    truth: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How an alert stands, why, and what would change it.

    Attributes:
        rule: The rule.
        state: ``inactive``, ``pending``, ``firing`` or ``broken``.
        level: It rests at.
        since: UTC instant from which it stands so; None while inactive.
        at: UTC instant asked about.
        measure: What is measured, by language; empty where it is too long to be said.
        value: In `unit`; None for a condition, or where unknown.
        at_least: Whether some conditions of a count are unknown.
        previous: The reading of the period before.
        unit: Printed unit; None for a condition.
        truth: Of a condition; None where unknown, and for a value.
        period: Of the reading; empty where there is none.
        every: Frequency of the periods; None for a text rule.
        reason: Why the reading is unknown; empty where it is known.
        frozen: Whether the series that set the periods are late.
        given: The figures the reading was made of.
        rungs: Lowest first.
        comparisons: Of a `when` rule, each with what it found.
        lamps: Of a count, each condition.
        turns: Names of the calendars in whose window the period lies.
        held: Whether one of them keeps the reading from counting.
        next_due: UTC instant of the next figure; None where nobody knows.
    """

    rule: Rule
    state: str
    level: Level
    since: datetime | None
    at: datetime
    measure: Text
    value: float | None
    at_least: bool
    previous: float | None
    unit: str | None
    truth: bool | None
    period: str
    every: Every | None
    reason: str
    frozen: bool
    given: tuple[Given, ...]
    rungs: tuple[Rung, ...]
    comparisons: tuple[Working, ...]
    lamps: tuple[Lamp, ...]
    turns: tuple[str, ...]
    held: bool
    next_due: datetime | None


def explain(
    judge: Judge, name: str, state: AlertState, at: int, translators: Sequence[Translator]
) -> Explanation:
    """Return how an alert stands at an instant (µs), and why.

    Args:
        judge: Of the ruleset and the history.
        name: Of the alert.
        state: Of the alert then.
        at: µs.
        translators: One for each language that texts are wanted in.

    Raises:
        KeyError: If there is no such alert.
    """
    watched = judge.watched.get(name)
    if watched is None:
        rule = next((r for r in judge.ruleset.rules if r.name == name), None)
        if rule is None:
            raise KeyError(name)
        return _text_rule(rule, at)
    evaluation = Evaluation(judge.history, BEGINNING, at)
    now = evaluation.current(watched.node)
    read = len(now) > 0 and int(now.periods[0]) > BEGINNING
    period = int(now.periods[0]) if read else BEGINNING
    value = _value(watched, now)
    why = int(now.why[0]) if read else KNOWN
    known = read and (value is not None or _truth(now) is not None)
    elements = evaluation.working(watched.node, period, at) if read else []
    context = Context(judge, translators)
    titles = {n: series.title for n, series in judge.history.catalogue.items()}
    turns = _turns(judge, watched, period)
    begun = state.entered_at if state.entered_at is not None else state.begun_at
    return Explanation(
        rule=watched.rule,
        state="broken" if state.broken else state.state.value,
        level=state.level,
        since=None if begun is None else instant(begun),
        at=instant(at),
        measure=context.measure(watched),
        value=value,
        at_least=now.low is not None and now.high is not None and read
        and bool(now.high[0] > now.low[0]),
        previous=_previous(judge, watched, period, at),
        unit=watched.unit,
        truth=_truth(now),
        period=watched.every.text(period) if read else "",
        every=watched.every,
        reason="" if known else REASONS.get(why, REASONS_NONE),
        frozen=judge.is_frozen(watched, at),
        given=tuple(given(judge.history, judge.input(element), at) for element in elements),
        rungs=tuple(_rungs(judge, watched, state, value, now)),
        comparisons=working_of(
            watched, evaluation, period, defines=judge.ruleset.defines, titles=titles,
            translators=translators,
        ),
        lamps=tuple(_lamps(watched, evaluation, judge.ruleset.defines)),
        turns=turns,
        held=any(watched.rule.turns[turn] is TurnPolicy.HOLD for turn in turns),
        next_due=context.next_due(watched, at),
    )  # fmt: skip


def _text_rule(rule: Rule, at: int) -> Explanation:
    return Explanation(
        rule=rule, state="inactive", level=Level.NONE, since=None, at=instant(at), measure=Text(),
        value=None, at_least=False, previous=None, unit=None, truth=None, period="", every=None,
        reason="", frozen=False, given=(), rungs=(), comparisons=(), lamps=(), turns=(),
        held=False, next_due=None,
    )  # fmt: skip


def _value(rule: Watched, now: Readings) -> float | None:
    if rule.unit is None or len(now) == 0:
        return None
    if now.low is not None:
        return None if np.isnan(now.low[0]) else rule.in_unit(float(now.low[0]))
    if int(now.why[0]) != KNOWN:
        return None
    assert now.numbers is not None
    return rule.in_unit(float(now.numbers.values[0]))


def _truth(now: Readings) -> bool | None:
    if now.truth is None or len(now) == 0 or now.truth[0] == UNKNOWN:
        return None
    return bool(now.truth[0] == TRUE)


def _previous(judge: Judge, rule: Watched, period: int, at: int) -> float | None:
    """Return the reading of the period before, as known at the same instant."""
    periods, values = judge.past(rule, at)
    place = int(np.searchsorted(periods, period, "left")) - 1
    if place < 0 or not np.isfinite(values[place]):
        return None
    return float(f"{values[place]:.12g}")


def _turns(judge: Judge, rule: Watched, period: int) -> tuple[str, ...]:
    if not rule.rule.turns or period == BEGINNING:
        return ()
    calendars = {name: judge.ruleset.calendars[name] for name in rule.rule.turns}
    return turns_of(period, rule.every, calendars, judge.ruleset.business["sifma"])


def _rungs(
    judge: Judge, rule: Watched, state: AlertState, value: float | None, now: Readings
) -> Iterator[Rung]:
    sign = 1 if rule.ladder.rising else -1
    for place, rung in enumerate(rule.ladder.rungs):
        since = state.since[place] if place < len(state.since) else None
        threshold, leave = rule.in_unit(rung.threshold), rule.in_unit(rung.exit)
        away = room = None
        if value is not None and np.isfinite(value) and threshold is not None:
            assert leave is not None
            away, room = ((value - edge) * sign for edge in (threshold, leave))
            away, room = float(f"{away:.12g}"), float(f"{room:.12g}")
        breached = _truth(now) if rule.unit is None else None
        if value is not None and threshold is not None:
            breached = (value - threshold) * sign > 0
        yield Rung(
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


def _lamps(rule: Watched, evaluation: Evaluation, defines: Mapping[str, str]) -> Iterator[Lamp]:
    """Yield the conditions of a count, where a rule measures one and nothing else."""
    value = rule.rule.value
    if value is None or rule.node.op != "count":
        return
    text = value.text
    tree = parse(text)
    if not isinstance(tree, Call):
        text = filled_in(text, defines)
        tree = parse(text)
    assert isinstance(tree, Call)
    for argument, node in zip(tree.arguments, rule.node.args, strict=True):
        written = filled_in(text[argument.place.start : argument.place.end], defines)
        yield Lamp(written, _truth(evaluation.current(node)))
