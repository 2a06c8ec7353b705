"""Context: everything that a message says of a change, gathered from what was known then."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ebbwatch.core.alerting.judging import Judge, Watched
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.answering.conditions import lamps_of, naming_of, working_of
from ebbwatch.core.answering.expected import Expected, Late
from ebbwatch.core.answering.reading import Reader
from ebbwatch.core.answering.status import standings
from ebbwatch.core.render import (
    DigestFigure,
    Firing,
    Measure,
    Phrases,
    Reset,
    Revised,
    Single,
    ToldChange,
    Translator,
    level_word,
)
from ebbwatch.core.telling.history_rank import Unusual, unusual
from ebbwatch.expr.definition import ResultMeasure, Windowed
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.expr.functions import FUNCTIONS
from ebbwatch.expr.numbers import Longs, distinct
from ebbwatch.expr.view import BEGINNING
from ebbwatch.model.alert import OVER, UP, Cause, Change, Input, Level, Transition
from ebbwatch.model.chart import ChartSpec
from ebbwatch.model.periods import (
    FREQUENCIES,
    Every,
    Micros,
    Minutes,
    Rank,
    add_months,
    begin_of,
    day_of,
    micros,
    period_of,
)
from ebbwatch.model.text import Text
from ebbwatch.model.units import printed, printed_unit
from ebbwatch.ruleset.rules import Rule

_BUSINESS_DAY: Final = FREQUENCIES["business day"]

#: Rates that are set rather than traded: on the day of a change a comparison with one jumps.
ADMINISTERED = frozenset(
    {"target_upper", "target_lower", "iorb", "reverse_repo_rate", "standing_repo_rate"}
)
#: Months of readings that a chart shows.
CHART_MONTHS = 24
#: Points of a chart; where there are more, each stretch is shown by its furthest reading.
CHART_POINTS = 800
#: Turns that a chart shades: others come so often that nothing else would be seen.
SHADED = ("year-end", "quarter-end")


class Context:
    """Gathers contexts for the alerts of one judge; reads nothing but its history."""

    def __init__(
        self,
        judge: Judge,
        translators: Sequence[Translator],
        former: Mapping[str, Text] | None = None,
    ) -> None:
        """Take whose alerts, the languages of texts, and titles of rules that are gone."""
        self._judge = judge
        self._former = former or {}
        self._translators = translators
        self._rules = {rule.name: rule for rule in judge.ruleset.rules}
        self._phrases = Phrases(naming_of(judge), translators)
        self._measures: dict[str, Measure] = {}
        self._reader: Reader | None = None
        self._known: Evaluation | None = None
        self._expected: Expected | None = None

    # ---- a change --------------------------------------------------------------------

    def short(self, move: Transition) -> ToldChange:
        """Return a change with what one line about it needs."""
        rule, watched = self._rules.get(move.rule), self._judge.watched.get(move.rule)
        if rule is None:
            return ToldChange(transition=move, title=self._former.get(move.rule, Text()))
        told = ToldChange(
            transition=move, title=rule.title, note=rule.note, link=rule.link, labels=rule.labels
        )
        if watched is None:
            return told
        return replace(
            told, measure=self.measure(watched), over_window=watched.node.lookbacks > 0,
            rising=watched.ladder.rising, every=watched.every,
            part=self._part(watched, move),
        )  # fmt: skip

    def _part(self, rule: Watched, move: Transition) -> str:
        """Return up to which part of a change's period a series of its rule was known."""
        if rule.node.op == "count":
            return ""
        expected = Expected(self._judge.history, micros(move.at))
        return expected.part_of(
            name
            for name in rule.series
            if (newest := expected.newest(name)) is not None
            and self._judge.history.catalogue[name].every.text(newest.period) == move.period
        )

    def whole(
        self, move: Transition, *, at: datetime, entry_period: str | None = None
    ) -> ToldChange:
        """Return a change with everything that a message of its own says.

        What is said of the past is said as of the change's instant.

        Args:
            move: The change.
            at: Instant at which it is told, from which the next figure is looked for.
            entry_period: Period of the reading at which the episode entered its first level.
        """
        told = self.short(move)
        watched = self._judge.watched.get(move.rule)
        if watched is None or not move.period:
            return told
        then, period = micros(move.at), begin_of(move.period)
        names = dict.fromkeys(row.series for row in move.inputs)
        carried = self._late_carried(watched, then)
        catalogue = self._judge.history.catalogue
        known = [catalogue[name] for name in (*names, *(late.series for late in carried))]
        evaluation = self.as_known(then)
        periods, values = self._judge.past(watched, then, evaluation)
        return replace(
            told,
            titles={series.name: series.title for series in known},
            everies={series.name: series.every for series in known},
            unusual=self._unusual(watched, move, period, periods, values),
            next_due=self.next_due(watched, micros(at)),
            turn_days=self._turn_days(watched, move.turns, period),
            fallbacks=self._fallbacks(move.inputs),
            late=carried,
            revised=self._revised(move),
            working=working_of(watched, evaluation, period, self._phrases),
            lamps=lamps_of(watched, self._read_at(then), self._phrases),
            single=_single(watched, evaluation, period),
            resets=self._resets(move, then),
            at_least=_at_least(watched, evaluation),
            entry_period=entry_period,
            extreme_period=_extreme_period(watched, move, entry_period, period, periods, values),
        )  # fmt: skip

    def as_known(self, at: Micros) -> Evaluation:
        """Return what reads expressions as they were known at an instant (µs).

        It is kept until another instant is asked about, or it is to be forgotten.
        """
        if self._known is None or self._known.upto != at:
            self._known = Evaluation(self._judge.history, BEGINNING, at)
        return self._known

    def _read_at(self, at: Micros) -> Reader:
        if self._reader is None or self._reader.at != at:
            self._reader = Reader(self._judge.history, at)
        return self._reader

    def forget(self) -> None:
        """Forget what was read: figures may be added to the past from here on."""
        self._reader = self._known = self._expected = None

    def measure(self, rule: Watched) -> Measure:
        """Return what a rule's number is, in words; empty for a condition."""
        if rule.rule.value is None:
            return Measure()
        if rule.rule.measure:
            return Measure(rule.rule.measure, formula=False)
        found = self._measures.get(rule.name)
        if found is None:
            found = self._measures[rule.name] = self._phrases.measure(rule.rule.value.text)
        return found

    def _unusual(
        self, rule: Watched, move: Transition, period: Minutes, periods: Longs,
        values: NDArray[np.float64],
    ) -> Unusual | None:  # fmt: skip
        if move.change in OVER or move.value is None:
            return None
        begins = [self._judge.history.observed_from(name, micros(move.at)) for name in rule.series]
        return unusual(
            periods, values, period=period, value=move.value, rising=rule.ladder.rising,
            observed_from=max((one for one in begins if one is not None), default=None),
        )  # fmt: skip

    def next_due(self, rule: Watched, at: Micros) -> datetime | None:
        """Return when the rule's next figure comes out, or None where nobody knows."""
        return self._expecting(at).due(rule.node).ahead

    def _expecting(self, at: Micros) -> Expected:
        """Return what is expected at an instant (µs), kept as `as_known` is."""
        if self._expected is None or self._expected.at != at:
            self._expected = Expected(self._judge.history, at)
        return self._expected

    def _turn_days(
        self, rule: Watched, names: Sequence[str], period: Minutes
    ) -> Mapping[str, date]:
        found = {}
        for name in names:
            for first, last, anchor in self._windows(name, rule.every, day_of(period).year):
                if first <= day_of(period) <= last:
                    found[name] = anchor
        return found

    def _windows(self, name: str, every: Every, year: int) -> list[tuple[date, date, date]]:
        """Return a calendar's windows around a year: first day, last day, anchor."""
        calendar = self._judge.ruleset.calendars[name]
        business = self._judge.ruleset.business["sifma"]
        found = []
        for near in (year - 1, year, year + 1):
            for anchor in calendar.anchor_days(business, near):
                if every.rank is Rank.WEEK:
                    ends = anchor + timedelta(days=(every.weekday - anchor.weekday()) % 7)
                    found.append((ends, ends, anchor))
                    continue
                first = business.add(anchor, -calendar.before) if calendar.before else anchor
                last = business.add(anchor, calendar.after) if calendar.after else anchor
                found.append((first, last, anchor))
        return sorted(found)

    def _fallbacks(self, inputs: Sequence[Input]) -> Mapping[str, str]:
        """Return the first choice of each series whose figure its fallback gave."""
        found = {}
        for row in inputs:
            series = self._judge.history.catalogue[row.series]
            second = series.fallback.name if series.fallback is not None else series.source.name
            if row.source == second != series.source.name:
                found[row.series] = series.source.name
        return found

    def _late_carried(self, rule: Watched, at: Micros) -> tuple[Late, ...]:
        names = dict.fromkeys(n for n in rule.node.series if n not in rule.node.setters)
        return self.late(names, at)

    def late(self, names: Iterable[str], at: Micros) -> tuple[Late, ...]:
        """Return those of some series whose next figure is late at an instant (µs)."""
        return self._expecting(at).all_late(names)

    def _revised(self, move: Transition) -> tuple[Revised, ...]:
        """Return the inputs that changed at the move's instant, with what they were before."""
        if move.cause is not Cause.REVISION or not move.inputs:
            return ()
        newest = max(row.known_at for row in move.inputs)
        found = []
        for row in move.inputs:
            if row.known_at != newest:
                continue
            series = self._judge.history.catalogue[row.series]
            before = self._judge.history.figure_for(
                row.series, begin_of(row.period), as_of=Micros(micros(row.known_at) - 1)
            )
            if before is None:
                continue
            unit = printed_unit(series.unit.dimension)
            old = None if before.value is None else printed(before.value, unit)
            found.append(
                Revised(
                    series=row.series, period=row.period, every=series.every, old=old,
                    new=row.value, unit=unit,
                )
            )  # fmt: skip
        return tuple(found)

    def _resets(self, move: Transition, at: Micros) -> tuple[Reset, ...]:
        """Return the rates among the inputs that were set anew with the move's period."""
        history, found = self._judge.history, []
        for row in move.inputs:
            if row.series not in ADMINISTERED or row.period != move.period:
                continue
            series = history.catalogue[row.series]
            column, period = history.column(row.series), series.every.parse(row.period)
            assert column is not None
            earlier = column.periods[(column.periods < period) & (column.effect <= at)]
            if len(earlier) == 0:
                continue
            before = history.figure_for(row.series, Minutes(int(earlier.max())), as_of=at)
            old = None if before is None or before.value is None else before.value
            if old is None or (value := printed(old, row.unit)) == row.value:
                continue
            found.append(Reset(series=row.series, old=value, new=row.value, unit=row.unit))
        return tuple(found)

    # ---- how things stand ------------------------------------------------------------

    def firing(self, states: Mapping[str, AlertState], at: Micros) -> tuple[Firing, ...]:
        """Return the alerts that fire at an instant (µs), in the order of the rules."""
        watched = self._judge.watched
        firing = {
            n for n, state in states.items() if n in watched and state.level is not Level.NONE
        }
        return tuple(
            Firing(standing=one, measure=self.measure(watched[one.rule.name]))
            for one in standings(self._judge, states, at, firing)
        )

    def shown(self, names: Iterable[str], last: Micros, at: Micros) -> tuple[DigestFigure, ...]:
        """Return what a digest shows of some names: now, and as known at the last digest (µs)."""
        now, before = self._read_at(at), Reader(self._judge.history, last)
        ruleset = self._judge.ruleset
        found = []
        for name in names:
            expression, watched = ruleset.shown[name], self._judge.watched.get(name)
            unit = None if expression.is_condition else expression.unit
            title = Text()
            if watched is not None and watched.rule.value is expression:
                unit = watched.unit
                title = self.measure(watched).text or watched.rule.title
            title = title or self._phrases.measure(expression.text).text or Text((("en", name),))
            found.append(
                DigestFigure(
                    title=title, reading=now.read(expression.node, unit),
                    before=before.read(expression.node, unit),
                    titles={one: ruleset.series[one].title for one in expression.series},
                )
            )  # fmt: skip
        return tuple(found)

    # ---- charts ----------------------------------------------------------------------

    def chart(
        self, name: str, at: datetime, t: Translator, moves: Sequence[Transition] = ()
    ) -> ChartSpec | None:
        """Return the picture of a rule's last two years, or None for what has no number.

        Args:
            name: Of the alert.
            at: Nothing known later is drawn.
            t: The reader's language.
            moves: Of the alert; those within the picture that went up are marked.
        """
        return self.chart_since(None, name, at, t, moves)

    def chart_since(
        self, first: date | None, name: str, at: datetime, t: Translator,
        moves: Sequence[Transition] = (), *, months: int = CHART_MONTHS,
    ) -> ChartSpec | None:  # fmt: skip
        """Return the picture of a rule from a day on; where that is None, of its last months."""
        rule = self._judge.watched.get(name)
        if rule is None or rule.unit is None:
            return None
        periods, values = self._judge.past(rule, micros(at))
        if len(periods) == 0:
            return None
        if first is None:
            first = add_months(day_of(Minutes(int(periods[-1]))), -months)
        inside = periods >= period_of(first)
        periods, values = periods[inside], values[inside]
        if len(periods) == 0:
            return None
        shown = _thinned(values, rising=rule.ladder.rising)
        every = rule.every
        return ChartSpec(
            title=rule.rule.title.in_language(t.language) or name,
            unit=rule.unit,
            points=tuple(
                (
                    every.text(Minutes(int(periods[i]))),
                    float(values[i]) if math.isfinite(values[i]) else None,
                )
                for i in shown
            ),
            thresholds=tuple(
                (level_word(t, rung.level), value)
                for rung in rule.ladder.rungs
                if (value := rule.in_unit(rung.threshold)) is not None
            ),
            marks=tuple(
                (move.period, level_word(t, move.level))
                for move in moves
                if move.change in UP
                and int(periods[0]) <= begin_of(move.period) <= int(periods[-1])
            ),
            shaded=self._shaded(rule, Minutes(int(periods[0])), Minutes(int(periods[-1])), t),
            language=t.language,
        )

    def _shaded(
        self, rule: Watched, first: Minutes, last: Minutes, t: Translator
    ) -> tuple[tuple[str, str, str], ...]:
        if rule.every.rank not in (Rank.DAILY, Rank.WEEK):
            return ()
        begin, end = day_of(first), day_of(last)
        found = set()
        for name in SHADED:
            if name not in rule.rule.turns:
                continue
            label = t.gettext(name.replace("-", " ").capitalize())
            for year in range(begin.year, end.year + 1):
                for start, stop, _ in self._windows(name, _BUSINESS_DAY, year):
                    if stop >= begin and start <= end:
                        found.add((max(start, begin), min(stop, end), label))
        return tuple(
            (start.isoformat(), stop.isoformat(), label) for start, stop, label in sorted(found)
        )

    # ---- counting --------------------------------------------------------------------

    def periods(self, name: str, at: Micros) -> Longs:
        """Return the periods of a rule's readings as known at an instant (µs), oldest first."""
        rule = self._judge.watched.get(name)
        if rule is None:
            return np.empty(0, np.int64)
        if rule.node.momentary:
            whole = Evaluation(self._judge.history, BEGINNING, at)
            return distinct(whole.readings(rule.node).periods)
        return self.as_known(at).elements(rule.node)[0]

    def rule(self, name: str) -> Rule | None:
        """Return a rule by the name of its alert; None where it is gone."""
        return self._rules.get(name)


def _at_least(rule: Watched, evaluation: Evaluation) -> bool:
    """Return whether the reading is a count of which some conditions are unknown."""
    if not rule.node.momentary:
        return False
    return bool(evaluation.current(rule.node).at_least[-1:].any())


def _single(rule: Watched, evaluation: Evaluation, period: Minutes) -> Single | None:
    """Return the newest period by itself where a rule measures a window of the same thing."""
    function = FUNCTIONS.get(rule.node.op)
    if (
        function is None
        or not isinstance(function.means, Windowed)
        or function.gives is not ResultMeasure.SAME
    ):
        return None
    periods, numbers, _ = evaluation.elements(rule.node.args[0])
    if numbers is None:
        return None
    place = int(np.searchsorted(periods, period))
    if place == len(periods) or periods[place] != period:
        return None
    value, *earlier = (
        float(f"{one:.12g}") for one in numbers.in_units(rule.factor)[max(0, place - 1):place + 1][::-1]
    )  # fmt: skip
    previous = earlier[0] if earlier and math.isfinite(earlier[0]) else None
    return Single(value=value, previous=previous) if math.isfinite(value) else None


def _extreme_period(
    rule: Watched, move: Transition, entry_period: str | None, period: Minutes, periods: Longs,
    values: NDArray[np.float64],
) -> str | None:  # fmt: skip
    """Return the period of an episode's furthest reading, or None where it was revised away."""
    if move.extreme is None or entry_period is None or move.change is Change.FIRED:
        return None
    begun = begin_of(entry_period)
    inside = np.flatnonzero((periods >= begun) & (periods <= period))
    near = inside[np.isclose(values[inside], move.extreme, rtol=1e-9, atol=0)]
    return rule.every.text(Minutes(int(periods[near[0]]))) if len(near) else None


def _thinned(values: NDArray[np.float64], *, rising: bool) -> list[int]:
    """Return which readings are drawn: all, or the furthest of each stretch, and the last."""
    size = len(values)
    if size <= CHART_POINTS:
        return list(range(size))
    worst = np.where(np.isnan(values), -np.inf, values if rising else -values)
    edges = np.linspace(0, size, CHART_POINTS, dtype=np.int64)
    chosen = [
        int(start + np.argmax(worst[start:stop]))
        for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]
    return chosen if chosen[-1] == size - 1 else [*chosen, size - 1]
