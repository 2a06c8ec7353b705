"""The pictures on a replay's page: a chart of each rule's readings, and a ribbon of its alerts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from ebbwatch.core.alerting.judging import Judged
from ebbwatch.core.render import Translator, level_word
from ebbwatch.core.telling.context import Context
from ebbwatch.model.alert import OVER, Level, Transition
from ebbwatch.model.chart import ChartSpec
from ebbwatch.model.periods import Micros, Minutes, instant, micros
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.ruleset.rules import Rule
from ebbwatch.runtime.lookback.replay_words import change_word

DAY = 86_400_000_000
#: µs below which a chart has room for every turn; above it, only year ends are shaded.
_FINE = 4 * 366 * DAY
#: Years that a ribbon's axis names.
_MOST_YEARS = 12
#: Percent of a ribbon behind which a year's name has no room.
_LAST_YEAR = 93
#: The colour of each level, by its name in the style sheet.
SHADES = {Level.WATCH: "watch", Level.WARNING: "warning", Level.CRITICAL: "critical"}


class Drawing(Protocol):
    """Draws a chart as one ``<svg>`` element."""

    def __call__(self, spec: ChartSpec, *, width: int, height: int) -> str:
        """Return the picture; it scales to the room it is given."""
        ...


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time in which an alert fired at one level, on a ribbon.

    Attributes:
        left: Share of the ribbon's width, in percent.
        width: Of the bar, in percent of the ribbon.
        shade: Of the level: the name of its colour.
        label: Level and days, for a tooltip.
    """

    left: float
    width: float
    shade: str
    label: str


class RangePictures(Context):
    """Draws rules over the range of a replay, by the figures as they were first read."""

    def over(
        self, judged: Judged, begin: Micros, end: Micros, t: Translator, moves: Sequence[Transition]
    ) -> ChartSpec | None:
        """Return what a rule read in [begin, end), µs; None where that is no number."""
        rule, signals = judged.rule, judged.signals
        if rule.unit is None or signals.values is None:
            return None
        inside = np.flatnonzero((signals.at >= begin) & (signals.at < end))
        if len(inside) == 0:
            return None
        every = rule.every
        drawn: dict[Minutes, float | None] = {}
        for i in inside.tolist():
            value = rule.in_unit(float(signals.values[i])) if signals.known[i] else None
            finite = value is not None and math.isfinite(value)
            # A count is read many times a day; of anything else the first reading is drawn.
            period = Minutes(int(signals.periods[i]))
            if rule.node.momentary or period not in drawn:
                drawn[period] = value if finite else None
        # Where an alert moved, the reading that moved it.
        drawn |= {every.parse(move.period): move.value for move in moves if move.value is not None}
        periods = sorted(drawn)
        return ChartSpec(
            title=rule.rule.title.in_language(t.language) or rule.name,
            unit=rule.unit,
            points=tuple((every.text(period), drawn[period]) for period in periods),
            thresholds=tuple(
                (level_word(t, rung.level), bound)
                for rung in rule.ladder.rungs
                if (bound := rule.in_unit(rung.threshold)) is not None
            ),
            marks=tuple((move.period, _mark(t, move)) for move in moves),
            shaded=tuple(
                turn
                for turn in self._shaded(rule, periods[0], periods[-1], t)
                if end - begin < _FINE or turn[0][5:7] == "12"
            ),
            language=t.language,
        )


@dataclass(frozen=True, slots=True)
class Ribbon:
    """A line of time on which the stretches are marked in which an alert fired.

    Attributes:
        begin: µs.
        end: µs, excluded.
        t: The reader's language.
    """

    begin: Micros
    end: Micros
    t: Translator

    def stays(self, rule: Rule, moves: Sequence[Transition]) -> list[tuple[Micros, Micros, Level]]:
        """Return from when to when the alert fired at which level, within the range.

        A text fires for no time at all.
        """
        found: list[tuple[Micros, Micros, Level]] = []
        since, level = Micros(0), Level.NONE
        for move in moves:
            at = micros(move.at)
            if level is not Level.NONE:
                found.append((since, at, level))
            since, level = at, Level.NONE if move.change in OVER else move.level
            if rule.pattern:
                found.append((at, at, level))
                level = Level.NONE
        if level is not Level.NONE:
            found.append((since, self.end, level))
        return [
            (max(start, self.begin), min(stop, self.end), level)
            for start, stop, level in found
            if stop >= self.begin and start < self.end
        ]

    def bar(self, start: Micros, stop: Micros, level: Level) -> Bar:
        """Return one such stretch as it is drawn."""
        whole = self.end - self.begin
        days = self.t.duration(timedelta(microseconds=stop - start))
        label = f"{level_word(self.t, level)}: {self.day(start)}, {days}"
        return Bar(
            round(100 * (start - self.begin) / whole, 2),
            round(100 * (stop - start) / whole, 2),
            SHADES[level],
            label,
        )

    def day(self, at: Micros) -> str:
        """Return the day of an instant (µs) in New York."""
        day = instant(at).astimezone(NEW_YORK).date()
        return self.t.period(day.isoformat(), None, short=True)

    def years(self) -> tuple[tuple[float, str], ...]:
        """Return where on a ribbon years begin, in percent, and their names; not too many."""
        first = instant(self.begin).astimezone(NEW_YORK).year
        last = instant(Micros(self.end - 1)).astimezone(NEW_YORK).year
        step = 1 + (last - first) // _MOST_YEARS
        found = []
        for year in range(first + 1, last + 1, step):
            at = micros(datetime(year, 1, 1, tzinfo=NEW_YORK))
            left = 100 * (at - self.begin) / (self.end - self.begin)
            if left < _LAST_YEAR:
                found.append((round(left, 2), f"’{year % 100:02d}"))
        return tuple(found)


def _mark(t: Translator, move: Transition) -> str:
    """Return a transition in a few words: ``fired, warning, 36 bp``."""
    parts = [change_word(t, move.change), level_word(t, move.level)]
    if move.value is not None and move.unit is not None:
        parts.append(t.number(move.value, move.unit, apart_from=move.threshold))
    return t.gettext(", ").join(parts)
