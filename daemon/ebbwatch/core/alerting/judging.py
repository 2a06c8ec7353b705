"""Judging: from a ruleset and the history to readings, moves and transitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ebbwatch.core.alerting.ladder import AlertState, Ladder, ladder_of
from ebbwatch.core.alerting.lifecycle import Move, Moves, previous_values, walk
from ebbwatch.core.alerting.signals import Flags, Signals, signals_of_condition, signals_of_value
from ebbwatch.core.facts.asof import History
from ebbwatch.expr.evaluate import Evaluation, as_known
from ebbwatch.expr.graph import Node
from ebbwatch.expr.inputs import Element
from ebbwatch.expr.numbers import KNOWN, Longs, distinct
from ebbwatch.expr.readings import Readings
from ebbwatch.expr.view import BEGINNING, NO_PERIOD, Column, Spells
from ebbwatch.model.alert import QUIET, UP, Cause, Change, Input, Level, Transition
from ebbwatch.model.calendars import turns_of
from ebbwatch.model.durations import Duration
from ebbwatch.model.periods import FREQUENCIES, Every, Micros, Minutes, add_months, instant, micros
from ebbwatch.model.units import PRINTED_FACTORS, printed_unit
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.ruleset.rules import Rule, Ruleset, TurnPolicy

_DAY = FREQUENCIES["day"]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What some stretch of time did to one alert.

    Attributes:
        rule: Whose alert.
        before: Its state before.
        state: Its state after.
        moves: In between, in order.
        signals: What its readings said.
        evaluation: Where they come from.
    """

    rule: Watched
    before: AlertState
    state: AlertState
    moves: Moves
    signals: Signals
    evaluation: Evaluation

    def period(self, reading: int) -> Minutes:
        """Return the period of a reading; of the one that stood before for -1."""
        return self.before.period if reading < 0 else Minutes(int(self.signals.periods[reading]))

    def read_at(self, reading: int) -> Micros:
        """Return when a reading was made, in µs."""
        return self.before.read_at if reading < 0 else Micros(int(self.signals.at[reading]))

    def value(self, reading: int) -> float | None:
        """Return a reading in the rule's unit, to 12 significant digits; None for a condition."""
        if reading < 0:
            return self.rule.in_unit(self.before.value)
        numbers, values = self.signals.numbers, self.signals.values
        if values is None:
            return None
        if numbers is None or not np.isfinite(values[reading]):
            return self.rule.in_unit(float(values[reading]))
        exact = numbers.take(np.array([reading])).in_units(self.rule.factor)
        return float(f"{float(exact[0]):.12g}")


@dataclass(frozen=True)
class Watched:
    """A rule with what judging it takes, found once.

    Attributes:
        rule: As loaded.
        ladder: Its levels.
        node: What it measures, or its `when`.
        clear: Its `clear_when`.
        unit: Printed unit of value and threshold; None for a condition.
        factor: How many base units one printed unit is.
        series: Names of the series it reads.
    """

    rule: Rule
    ladder: Ladder
    node: Node
    clear: Node | None
    unit: str | None
    factor: Fraction
    series: frozenset[str]

    @property
    def name(self) -> str:
        """Return the alert's name."""
        return self.rule.name

    @cached_property
    def every(self) -> Every:
        """Return the frequency its periods are written in."""
        return every_of(self.node)

    def in_unit(self, value: float | Fraction | None) -> float | None:
        """Return a base-unit number in the printed unit, to 12 significant digits."""
        if value is None:
            return None
        if isinstance(value, float) and not np.isfinite(value):
            return value
        exact = Fraction(value) / self.factor
        return float(f"{float(exact):.12g}")


def waits_for(node: Node, series: Collection[str]) -> bool:
    """Return whether a node has no new reading while none comes of some series.

    A count moves as long as any of its conditions does.
    """
    if node.momentary:
        return all(waits_for(arg, series) for arg in node.args if not arg.is_constant)
    return not node.setters.isdisjoint(series)


def every_of(node: Node) -> Every:
    """Return the frequency a node's periods are written in; of a count, its parts' fastest."""
    if node.every is not None:
        return node.every
    parts = [every_of(arg) for arg in node.args if not arg.is_constant]
    return min(parts, key=lambda every: every.rank, default=_DAY)


def watched(rule: Rule) -> Watched | None:
    """Return what judging a rule takes; None for a text rule, which has no readings."""
    expression = rule.value if rule.value is not None else rule.when
    if expression is None:
        return None
    unit: str | None = None
    factor = Fraction(1)
    series = set(expression.series)
    if rule.value is not None:
        assert rule.value.dimension is not None
        own = rule.thresholds[0][1].unit
        unit = printed_unit(rule.value.dimension, difference=rule.value.difference, own=own)
        factor = PRINTED_FACTORS[unit]
    if rule.clear_when is not None:
        series |= rule.clear_when.series
    clear = None if rule.clear_when is None else rule.clear_when.node
    return Watched(rule, ladder_of(rule), expression.node, clear, unit, factor, frozenset(series))


@dataclass(slots=True)
class Judge:
    """Judges the alerts of one ruleset over one history.

    Attributes:
        ruleset: Whose rules.
        history: What is known.
        watched: The rules that have readings, by name, in order.
        private: Names of the rules whose node no other rule computes with.
        inner: Numbers of the nodes that others are computed from.
    """

    ruleset: Ruleset
    history: History
    watched: dict[str, Watched] = field(default_factory=dict)
    private: frozenset[str] = frozenset()
    inner: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        """Prepare the rules."""
        for rule in self.ruleset.rules:
            if (found := watched(rule)) is not None:
                self.watched[rule.name] = found
        roots = [rule.node for rule in self.watched.values()]
        nodes = {node.number: node for root in roots for node in root.walk()}
        self.inner = frozenset(arg.number for node in nodes.values() for arg in node.args)
        uses = Counter(root.number for root in roots)
        self.private = frozenset(
            name
            for name, rule in self.watched.items()
            if uses[rule.node.number] == 1 and rule.node.number not in self.inner
        )

    def only(self, names: Collection[str]) -> Judge:
        """Return a judge of some of the alerts, over the same history."""
        found = copy(self)
        found.watched = {name: one for name, one in self.watched.items() if name in names}
        return found

    # ---- over a stretch of time ------------------------------------------------------

    def judge(self, rule: Watched, state: AlertState, evaluation: Evaluation) -> Judged:
        """Return what (evaluation.after, evaluation.upto] did to an alert."""
        readings = evaluation.readings(rule.node)
        clear = None if rule.clear is None else evaluation.readings(rule.clear)
        if rule.clear is not None and clear is not None:
            # What clears may have been said before the stretch began.
            clear = self._with_standing(rule.clear, clear, evaluation)
        if rule.clear is not None and evaluation.after > BEGINNING:
            readings = self._with_standing(rule.node, readings, evaluation)
        signals = self.signals(rule, readings, clear)
        if rule.clear is not None and evaluation.after > BEGINNING:
            signals = _after(signals, evaluation.after)
        return self._walked(rule, state, signals, evaluation)

    def present(self, rule: Watched, state: AlertState, evaluation: Evaluation) -> Judged:
        """Return what the reading that stands at `upto` does to an alert."""
        readings = evaluation.current(rule.node)
        clear = None if rule.clear is None else evaluation.current(rule.clear)
        signals = self.signals(rule, readings, clear)
        signals.at[:] = evaluation.upto
        return self._walked(rule, state, signals, evaluation)

    def _walked(
        self, rule: Watched, state: AlertState, signals: Signals, evaluation: Evaluation
    ) -> Judged:
        walked = walk(
            rule.ladder, state, signals, upto=evaluation.upto, deadlines=self.deadlines,
            frozen=self.frozen(rule) if rule.ladder.timed else NO_SPELLS,
        )  # fmt: skip
        return Judged(rule, state, walked.state, walked.moves, signals, evaluation)

    def _with_standing(self, node: Node, readings: Readings, evaluation: Evaluation) -> Readings:
        """Return readings with the one that stood before them in front."""
        if evaluation.after == BEGINNING:
            return readings
        return Evaluation(self.history, BEGINNING, evaluation.upto).readings(node)

    def signals(self, rule: Watched, readings: Readings, clear: Readings | None) -> Signals:
        """Return what readings say of a rule's ladder."""
        held = self._held(rule, readings.periods)
        if rule.rule.value is not None:
            signals = signals_of_value(rule.ladder, readings, held)
        else:
            signals = signals_of_condition(readings, clear, held)
        return signals.so_far(self._partial(rule, signals.at))

    def _partial(self, rule: Watched, at: Longs) -> Flags:
        """Return at which instants a period of what a rule reads was known only in part."""
        found = np.zeros(len(at), np.bool_)
        for name in rule.series:
            if spells := self.history.partial(name):
                found |= spells.cover(at)
        return found

    def _held(self, rule: Watched, periods: Longs) -> Flags:
        """Return which periods lie in a turn that the rule holds in."""
        names = [n for n, policy in rule.rule.turns.items() if policy is TurnPolicy.HOLD]
        if not names:
            return np.zeros(len(periods), np.bool_)
        calendars = {name: self.ruleset.calendars[name] for name in names}
        each = distinct(periods)
        inside = np.array(
            [bool(turns_of(Minutes(int(p)), rule.every, calendars, self.ruleset.business["sifma"]))
             if p > BEGINNING else False for p in each], np.bool_,
        )  # fmt: skip
        return inside[np.searchsorted(each, periods)]

    def frozen(self, rule: Watched) -> Spells:
        """Return when a rule had no new reading to wait for but late ones.

        That is while a series that sets its periods was late. A count moves as long as any of
        its conditions does: it is frozen while all of them are.
        """
        return self._frozen(rule.node)

    def _frozen(self, node: Node) -> Spells:
        if not node.momentary:
            return _union([self.history.late(name) for name in sorted(node.setters)])
        return _common([self._frozen(arg) for arg in node.args if not arg.is_constant])

    def deadline(self, begun: Micros, hold: Duration) -> Micros:
        """Return the µs at which a hold in time is over."""
        return Micros(int(self.deadlines(np.array([begun], np.int64), hold)[0]))

    def deadlines(self, begun: Longs, hold: Duration) -> Longs:
        """Return the µs at which holds in time are over, by when they began."""
        if hold.days is not None:
            return begun + int(hold.days * 86_400_000_000)
        return np.array([self._calendar_deadline(Micros(int(at)), hold) for at in begun], np.int64)

    def _calendar_deadline(self, begun: Micros, hold: Duration) -> Micros:
        """Return when a hold in business days, months or years is over, by New York's clock."""
        local = instant(begun).astimezone(NEW_YORK)
        count = int(hold.count)
        if hold.unit == "bd":
            day = self.ruleset.business["sifma"].add(local.date(), count)
        else:
            day = add_months(local.date(), count * (12 if hold.unit == "y" else 1))
        return micros(datetime.combine(day, local.timetz()))

    def timer(self, rule: Watched, state: AlertState) -> Micros | None:
        """Return the µs at which a hold in time will be over, or None."""
        if not rule.ladder.timed:
            return None
        empty = Signals(
            _EMPTY, _EMPTY, np.empty((len(rule.ladder.rungs), 0), np.bool_),
            np.empty((len(rule.ladder.rungs), 0), np.bool_), _NONE, _NONE, None,
            np.empty(0, np.int8),
        )  # fmt: skip
        ahead = walk(rule.ladder, state, empty, upto=Micros(state.read_at + _FAR),
                     deadlines=self.deadlines, frozen=self.frozen(rule))  # fmt: skip
        return ahead.moves[0].at if ahead.moves else None

    # ---- transitions -----------------------------------------------------------------

    def transitions(self, judged: Judged, cause: Cause | None = None) -> list[Transition]:
        """Return an alert's moves as transitions.

        Args:
            judged: With its moves.
            cause: What moved it, where that is not plain from the readings.
        """
        if not judged.moves:
            return []
        previous = previous_values(judged.before, judged.signals, [m.reading for m in judged.moves])
        return [
            self.transition(judged, move, before, cause)
            for move, before in zip(judged.moves, previous, strict=True)
        ]

    def transition(
        self, judged: Judged, move: Move, previous: float | None, cause: Cause | None
    ) -> Transition:
        """Return one move as a transition."""
        rule = judged.rule
        period = judged.period(move.reading)
        over = move.after is Level.NONE
        return Transition(
            at=instant(move.at),
            rule=rule.name,
            change=move.change,
            level=move.before if over and move.change is not Change.ARMED else move.after,
            before=move.before,
            value=judged.value(move.reading),
            unit=rule.unit,
            threshold=self.threshold(rule, move.change, move.before, move.after),
            period=rule.every.text(period),
            episode=episode_of(rule.name, move.begun_at),
            cause=cause or self.cause(judged, move),
            inputs=tuple(self.input(e) for e in self.working(judged, move.reading)),
            previous=rule.in_unit(previous),
            extreme=rule.in_unit(move.extreme),
            entered_at=None if move.entered_at is None else instant(move.entered_at),
            entry=rule.in_unit(move.entry),
            turns=self._turns(rule, period),
        )

    def threshold(self, rule: Watched, change: Change, before: Level, after: Level) -> float | None:
        """Return the threshold crossed; on the way down that of the level left, with clear."""
        if rule.rule.value is None:
            return None
        if change in UP:
            return rule.in_unit(rule.ladder.rung(after).threshold)
        if change in QUIET:
            return rule.in_unit(rule.ladder.rungs[0].threshold)
        if all(rung.level is not before for rung in rule.ladder.rungs):
            # The level itself was edited away.
            return None
        return rule.in_unit(rule.ladder.rung(before).exit)

    def cause(self, judged: Judged, move: Move) -> Cause:
        """Return what moved an alert: time, a new figure, or a revised one.

        The first reading of a period is new whatever else came with it.
        """
        if move.timer:
            return Cause.HOLD_ELAPSED
        first = move.reading >= 0 and bool(judged.signals.is_first()[move.reading])
        if first and judged.period(move.reading) > judged.before.period:
            return Cause.NEW_PERIOD
        read_at = judged.read_at(move.reading)
        fresh = revised = False
        for element in self.working(judged, move.reading):
            column = self.history.column(element.series)
            assert column is not None
            if int(column.effect[element.fact]) != read_at:
                continue
            again = self._told_again(element, column)
            revised |= again
            fresh |= not again
        return Cause.REVISION if revised and not fresh else Cause.NEW_PERIOD

    def _told_again(self, element: Element, column: Column) -> bool:
        """Return whether a figure changes one of its period; a further part of it does not."""
        earlier = np.flatnonzero(column.periods[: element.fact] == element.period)
        if len(earlier) == 0:
            return False
        series = self.history.catalogue[element.series]
        before, now = (
            self.history.clock.lacking_at(series, element.period, Micros(int(column.known[fact])))
            for fact in (int(earlier[-1]), element.fact)
        )
        return before == now

    def working(self, judged: Judged, reading: int) -> list[Element]:
        """Return the facts that a reading was made of."""
        at = max(judged.read_at(reading), judged.evaluation.after)
        return judged.evaluation.working(judged.rule.node, judged.period(reading), at)

    def working_columns(self, judged: Judged, readings: Longs) -> list[tuple[str, Longs]] | None:
        """Return, series by series, the facts of many readings; None where they differ in kind."""
        if bool((readings < 0).any()):
            return None
        return judged.evaluation.workings(judged.rule.node, judged.signals.periods[readings])

    def input(self, element: Element) -> Input:
        """Return a fact as an input of a reading."""
        return self.figure(element.series, element.fact)

    def figure(self, name: str, fact: int) -> Input:
        """Return a fact of a series, by its place in its column, as an input of a reading."""
        series = self.history.catalogue[name]
        figure = self.history.figure(name, fact)
        unit = printed_unit(series.unit.dimension)
        assert figure.value is not None
        return Input(
            series=name,
            period=series.every.text(figure.period),
            value=float(f"{float(figure.value / PRINTED_FACTORS[unit]):.12g}"),
            unit=unit,
            known_at=figure.known_at,
            assumed=figure.assumed,
            source=figure.source,
        )

    def _turns(self, rule: Watched, period: Minutes) -> tuple[str, ...]:
        names = rule.rule.turns
        if not names or period == NO_PERIOD:
            return ()
        calendars = {name: self.ruleset.calendars[name] for name in names}
        return turns_of(period, rule.every, calendars, self.ruleset.business["sifma"])

    # ---- now -------------------------------------------------------------------------

    def past(
        self, rule: Watched, at: Micros, known: Evaluation | None = None
    ) -> tuple[Longs, NDArray[np.float64]]:
        """Return a rule's readings as known at an instant: periods, values in its unit.

        What is not known is NaN, a count with unknown parts included.

        Args:
            rule: Whose.
            at: µs.
            known: What reads expressions as known at that instant, where there is one.
        """
        if rule.unit is None:
            return _EMPTY, np.empty(0)
        if rule.node.momentary:
            # Its past is what was read then; of the others, their elements now.
            steps = Evaluation(self.history, BEGINNING, at).readings(rule.node)
            if len(steps) == 0 or steps.numbers is None:
                return _EMPTY, np.empty(0)
            last = np.append(steps.periods[1:] != steps.periods[:-1], True)
            values = np.where(steps.why == KNOWN, steps.numbers.values, np.nan)
            return steps.periods[last], values[last]
        periods, numbers, _ = (known or as_known(self.history, at)).elements(rule.node)
        assert numbers is not None
        return periods, numbers.in_units(rule.factor)


def episode_of(name: str, begun_at: Micros) -> str:
    """Return what identifies one stay of an alert outside inactive."""
    return f"{name}@{instant(begun_at).astimezone(UTC).isoformat().replace('+00:00', 'Z')}"


_EMPTY = np.empty(0, np.int64)
_NONE = np.empty(0, np.bool_)
NO_SPELLS = Spells(_EMPTY, _EMPTY)
#: Farther than any hold: a hundred years.
_FAR = 100 * 366 * 86_400_000_000


def _union(spells: list[Spells]) -> Spells:
    """Return the stretches in which any of them lies."""
    spells = [s for s in spells if s]
    if not spells:
        return NO_SPELLS
    if len(spells) == 1:
        return spells[0]
    pairs = sorted(
        pair for s in spells for pair in zip(s.starts.tolist(), s.ends.tolist(), strict=True)
    )
    merged: list[list[int]] = []
    for start, end in pairs:
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return Spells(np.array([m[0] for m in merged]), np.array([m[1] for m in merged]))


def _common(spells: list[Spells]) -> Spells:
    """Return the stretches that all of them cover."""
    found = spells[0]
    for other in spells[1:]:
        edges = distinct(np.concatenate((found.starts, found.ends, other.starts, other.ends)))
        inside = found.cover(edges) & other.cover(edges)
        begins = np.flatnonzero(inside & ~np.append(False, inside[:-1]))
        ends = np.flatnonzero(~inside & np.append(False, inside[:-1]))
        found = Spells(edges[begins], edges[ends])
    return found


def _after(signals: Signals, after: Micros) -> Signals:
    """Return the signals later than an instant."""
    return signals.chosen(np.flatnonzero(signals.at > after))
