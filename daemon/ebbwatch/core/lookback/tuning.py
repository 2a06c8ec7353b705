"""Tuning: what other thresholds, waits and clears of a rule would have said over history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from statistics import median

import numpy as np

from ebbwatch.core.alerting.judging import Judge, Watched
from ebbwatch.core.alerting.ladder import AlertState, Ladder, Rung
from ebbwatch.core.alerting.lifecycle import walk
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.expr.numbers import KNOWN, Floats, Longs
from ebbwatch.expr.readings import Readings
from ebbwatch.model.alert import Change, Level
from ebbwatch.model.durations import Duration
from ebbwatch.model.periods import Micros, micros
from ebbwatch.model.units import PRINTED_FACTORS, Kind
from ebbwatch.model.zones import NEW_YORK

#: Fewer episodes than this prove little.
FEW = 5
#: A rule that spoke up longer ago than this before an episode said nothing of it by that.
_LEAD = timedelta(days=90)
#: An alert is false when no episode begins within this time after it has ended.
_PATIENCE = timedelta(days=60)
#: When on the day of an onset a lead is measured: the morning's rates are out.
_MORNING = time(9, 1)
_DAY = 86_400_000_000
_YEAR = 365.2425 * _DAY

#: Shares of the readings that a grid of thresholds is laid through, from the worse end.
_SHARES = (0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.005)
_FACTORS = (
    Fraction(1, 2),
    Fraction(3, 4),
    Fraction(1),
    Fraction(5, 4),
    Fraction(3, 2),
    Fraction(2),
)


@dataclass(frozen=True, slots=True)
class Episode:
    """A time of stress in the market for dollars.

    Attributes:
        name: For people.
        onset: Its first day.
        end: Its last day.
    """

    name: str
    onset: date
    end: date


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to set a level.

    Attributes:
        threshold: In base units.
        clear: How far inside it is left, in base units.
        hold: ``for``; None for at once.
    """

    threshold: Fraction
    clear: Fraction
    hold: Duration | None


@dataclass(frozen=True, slots=True)
class Score:
    """What a setting would have said.

    Attributes:
        setting: It.
        alerts: How many alerts.
        per_year: The same by year.
        firing: Share of the time that it fires.
        seen: Episodes that it fired in, or before.
        episodes: Episodes that there were readings for.
        leads: Of those seen, by name: days from firing to the onset; negative for after it.
        false: Alerts that no episode followed.
    """

    setting: Setting
    alerts: int
    per_year: float
    firing: float
    seen: int
    episodes: int
    leads: dict[str, int]
    false: int

    @property
    def lead(self) -> float | None:
        """Return the median lead in days; None where nothing was seen."""
        return median(self.leads.values()) if self.leads else None


@dataclass(frozen=True, slots=True)
class Tuned:
    """What other settings of one level would have said.

    Attributes:
        level: The level swept.
        unit: Printed unit of thresholds.
        current: As the rule has it.
        thresholds: Other thresholds, in order, `current` among them.
        holds: Other waits.
        clears: Other clears.
    """

    level: Level
    unit: str
    current: Score
    thresholds: tuple[Score, ...]
    holds: tuple[Score, ...]
    clears: tuple[Score, ...]


def tune(
    judge: Judge, rule: Watched, level: Level, episodes: Sequence[Episode], since: Micros | None
) -> Tuned:
    """Return what other settings of a level would have said over everything that is held.

    Args:
        judge: Over the history.
        rule: With thresholds.
        level: One of its levels.
        episodes: To be foreseen.
        since: µs before which nothing is counted; None for the first reading.
    """
    assert rule.unit is not None
    place = next(i for i, rung in enumerate(rule.ladder.rungs) if rung.level is level)
    rung = rule.ladder.rungs[place]
    assert rung.threshold is not None
    assert rung.exit is not None
    hold = rung.hold
    if rung.releases > 1:
        hold = Duration(Fraction(rung.releases), "releases")
    now = Setting(rung.threshold, abs(rung.exit - rung.threshold), hold)
    evaluation = Evaluation(judge.history)
    readings = evaluation.readings(rule.node)
    sweep = _Sweep(judge, rule, level, readings, episodes, since)
    return Tuned(
        level,
        rule.unit,
        sweep.score(now),
        tuple(sweep.score(s) for s in _thresholds(now, rule, sweep.values())),
        tuple(sweep.score(s) for s in _holds(now)),
        tuple(sweep.score(s) for s in _clears(now, rule)),
    )


def _thresholds(now: Setting, rule: Watched, values: Floats) -> list[Setting]:
    """Return settings with thresholds around the current one and through the readings."""
    found = {now.threshold * factor for factor in _FACTORS}
    if len(values):
        unit = PRINTED_FACTORS[rule.unit or ""]
        for share in _SHARES:
            at = float(np.quantile(values, 1 - share if rule.ladder.rising else share))
            found.add(_round(at, unit))
        # What no reading ever passed says nothing.
        worst = Fraction(float(values.max() if rule.ladder.rising else values.min()))
        found = {t for t in found if (t < worst if rule.ladder.rising else t > worst)}
    order = sorted(_possible(found, rule) | {now.threshold}, reverse=not rule.ladder.rising)
    return [replace(now, threshold=threshold) for threshold in order]


def _possible(found: set[Fraction], rule: Watched) -> set[Fraction]:
    """Return the numbers that make sense for a rule: of a count, whole ones."""
    dimension = rule.node.dimension
    if dimension is not None and dimension.kind is Kind.COUNT:
        return {number for number in found if number.denominator == 1}
    return found


def _round(value: float, unit: Fraction) -> Fraction:
    """Return a base-unit value as two significant digits of its printed unit."""
    return Fraction(f"{float(Fraction(value) / unit):.2g}") * unit


def _holds(now: Setting) -> list[Setting]:
    counts = [None, *(Duration(Fraction(n), "releases") for n in (2, 3, 5))]
    if now.hold not in counts:
        counts.append(now.hold)
    return [replace(now, hold=hold) for hold in counts]


def _clears(now: Setting, rule: Watched) -> list[Setting]:
    widest = abs(now.threshold)
    steps = {Fraction(0), now.clear * 2, now.clear / 2, widest / 10, widest / 4, Fraction(1)}
    if rule.unit != "":
        steps.discard(Fraction(1))
    return [replace(now, clear=clear) for clear in sorted(_possible(steps, rule) | {now.clear})]


@dataclass(frozen=True, slots=True)
class _Sweep:
    judge: Judge
    rule: Watched
    level: Level
    readings: Readings
    episodes: Sequence[Episode]
    since: Micros | None

    def score(self, setting: Setting) -> Score:
        """Return what a setting would have said."""
        stays = [(b, e) for b, e in self._stays(setting) if e > self._begin]
        fired = [(b, e) for b, e in stays if b >= self._begin]
        length = max(1, self._end - self._begin)
        spent = sum(min(e, self._end) - max(b, self._begin) for b, e in stays)
        told = [one for one in self.episodes if self._begin <= _morning(one) <= self._end]
        leads = {one.name: lead for one in told if (lead := _lead(one, stays)) is not None}
        onsets = [_morning(one) for one in told]
        ends = [_last(one) for one in told]
        false = sum(not _followed(b, e, onsets, ends) for b, e in fired)
        return Score(
            setting, len(fired), len(fired) / (length / _YEAR), spent / length, len(leads),
            len(told), leads, false,
        )  # fmt: skip

    def values(self) -> Floats:
        """Return the known readings within the time that is counted."""
        assert self.readings.numbers is not None
        values = self.readings.numbers.values
        return values[np.isfinite(values) & (self.readings.at >= self._begin)]

    @property
    def _begin(self) -> Micros:
        known = self._known()
        first = Micros(int(known[0]) if len(known) else 0)
        return first if self.since is None else max(first, self.since)

    @property
    def _end(self) -> Micros:
        known = self._known()
        return Micros(int(known[-1]) if len(known) else 0)

    def _known(self) -> Longs:
        """Return when the readings were made that are known; of a count, all are in part."""
        if self.readings.high is not None:
            return self.readings.at
        known: Longs = self.readings.at[self.readings.why == KNOWN]
        return known

    def _stays(self, setting: Setting) -> Iterator[tuple[Micros, Micros]]:
        """Yield begin and end of each alert; one that goes on ends with the readings."""
        rising = self.rule.ladder.rising
        leave = setting.threshold - setting.clear * (1 if rising else -1)
        hold = setting.hold
        rung = Rung(self.level, setting.threshold, leave)
        if hold is not None and hold.unit == "releases":
            rung = replace(rung, releases=int(hold.count))
        elif hold is not None:
            rung = replace(rung, hold=hold)
        alone = replace(self.rule, ladder=Ladder((rung,), rising))
        signals = self.judge.signals(alone, self.readings, None)
        walked = walk(
            alone.ladder, AlertState(), signals, upto=self._end, deadlines=self.judge.deadlines,
            frozen=self.judge.frozen(alone),
        )  # fmt: skip
        begun: Micros | None = None
        for move in walked.moves:
            if move.change is Change.FIRED:
                begun = move.at
            elif move.change is Change.RESOLVED and begun is not None:
                yield begun, move.at
                begun = None
        if begun is not None:
            yield begun, self._end


def _morning(one: Episode) -> Micros:
    return micros(datetime.combine(one.onset, _MORNING, NEW_YORK))


def _last(one: Episode) -> Micros:
    return micros(datetime.combine(one.end + timedelta(days=1), time(), NEW_YORK))


def _lead(one: Episode, stays: Sequence[tuple[Micros, Micros]]) -> int | None:
    """Return how many days before an episode an alert fired; None where none did.

    That is the alert that fires on the morning of the onset, else the last one of the 90 days
    before, else the first within the episode.
    """
    onset, end = _morning(one), _last(one)
    for begun, ended in stays:
        if begun <= onset < ended:
            return (onset - begun) // _DAY
    before = [b for b, _ in stays if onset - _LEAD // timedelta(microseconds=1) <= b < onset]
    if before:
        return (onset - before[-1]) // _DAY
    after = [b for b, _ in stays if onset <= b < end]
    return -((after[0] - onset) // _DAY) if after else None


def _followed(
    begun: Micros, ended: Micros, onsets: Sequence[Micros], ends: Sequence[Micros]
) -> bool:
    """Return whether an alert lies in an episode, or one begins soon after it."""
    until = ended + _PATIENCE // timedelta(microseconds=1)
    return any(begun < end and onset <= until for onset, end in zip(onsets, ends, strict=True))
