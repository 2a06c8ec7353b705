"""Evidence: what each rule said of past times of stress, when, and how often it was wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum

import numpy as np

from ebbwatch.core.alerting.judging import Judge, Judged
from ebbwatch.core.answering.answers import compiled
from ebbwatch.core.lookback.tuning import Episode, Score, tune
from ebbwatch.core.telling.muting import is_flapping
from ebbwatch.expr import Expression
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.expr.logic import TRUE, UNKNOWN
from ebbwatch.expr.numbers import Longs, distinct
from ebbwatch.model.alert import QUIET, UP, Change, Level, Transition
from ebbwatch.model.periods import Micros, Minutes, micros
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.ruleset.rules import Rule

#: A day of strain: cash lent against Treasuries costs this much more than cash lent without.
STRAIN = "sofr - effr > 15 bp"
#: Days after firing within which strain has to come for an alert not to be false.
PATIENCE_DAYS = 60
#: When on the day of an onset it is asked what a rule says: the morning's rates are out.
MORNING = time(9, 1)
#: An episode of runs on banks, which strains no repo: backstops alone are asked about it.
BANKS = "banks"
#: Themes that report what the Federal Reserve or a market does, and foretell no strain.
REPORTING = ("assets", "balance-sheet")
#: The theme that is judged by listed episodes, for it is drawn on in them.
BACKSTOP = "backstop"

_DAY = 86_400_000_000


class Aftermath(StrEnum):
    """What came after an alert."""

    FOLLOWED = "followed"
    FALSE = "false"
    OPEN = "open"
    UNJUDGED = "not judged"


@dataclass(frozen=True, slots=True)
class Said:
    """One alert: a rule fired, or went on to a higher level.

    Attributes:
        at: µs.
        change: Fired or escalated.
        level: The level it reached.
        value: The reading in the rule's unit; None for a condition.
        period: Of the reading, as its publisher writes it.
        muted: Whether it was told in the digest only, the alert flapping.
    """

    at: Micros
    change: Change
    level: Level
    value: float | None
    period: str
    muted: bool


@dataclass(frozen=True, slots=True)
class AlertSpell:
    """One stay of a rule's alert outside inactive.

    Attributes:
        begun: µs at which it fired.
        ended: µs at which it resolved; None where it still fires.
        steps: (µs, level) of each move, the firing first, the resolving not.
        said: Its alerts.
        outcome: What came after it.
    """

    begun: Micros
    ended: Micros | None
    steps: tuple[tuple[Micros, Level], ...]
    said: tuple[Said, ...]
    outcome: Aftermath

    @property
    def highest(self) -> Level:
        """Return the highest level it reached."""
        return max(level for _, level in self.steps)


class Stance(StrEnum):
    """How a rule stood to the onset of an episode."""

    STOOD = "stood"
    OVER = "over"
    AFTER = "after"
    SILENT = "silent"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Lead:
    """What a rule had said when an episode began.

    Attributes:
        stance: Whether it fired on that morning; had fired and was over; fired only within the
            episode; said nothing; or had no figures yet.
        level: The level held, or reached.
        days: For how long it had been at that level or higher; since it had fired; after how
            many days it fired.
    """

    stance: Stance
    level: Level = Level.NONE
    days: int = 0


@dataclass(frozen=True, slots=True)
class Half:
    """What a rule did in one part of the time.

    Attributes:
        alerts: How many.
        per_year: The same by year.
        firing: Share of the time that it fires; None for texts.
        stays: Times it fired.
        false: Those that nothing followed.
        judged: Those of which it can be said.
    """

    alerts: int
    per_year: float
    firing: float | None
    stays: int
    false: int
    judged: int


@dataclass(frozen=True, slots=True)
class Record:
    """What one rule said.

    Attributes:
        rule: It.
        unit: Of its readings; None for a condition and for a text rule.
        figures: Whether there is anything to judge it by: figures, or texts.
        stays: Those with an alert since the start, oldest first, with such alerts only.
        texts: What a text rule said of published texts since the start, oldest first.
        leads: By name of the episode.
        before: In the time that rules were fixed by; None where there are no readings.
        since: In the time kept apart; None likewise.
    """

    rule: Rule
    unit: str | None
    figures: bool
    stays: tuple[AlertSpell, ...] = ()
    texts: tuple[Transition, ...] = ()
    leads: dict[str, Lead] = field(default_factory=dict)
    before: Half | None = None
    since: Half | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """An episode with who says that it was one.

    Attributes:
        episode: It.
        kind: ``funding``, or ``banks``.
        source: Publisher and figures.
    """

    episode: Episode
    kind: str
    source: str


@dataclass(frozen=True, slots=True)
class EvidenceWindow:
    """The time that is looked at.

    Attributes:
        start: First day.
        split: First day of the part that no threshold was fixed by.
        end: µs of the newest figure.
    """

    start: date
    split: date
    end: Micros


@dataclass(frozen=True, slots=True)
class Evidence:
    """What all rules said.

    Attributes:
        window: The time looked at.
        listed: The episodes.
        records: By rule, in the order of the files.
        strained: Days of strain, as periods of the rates.
    """

    window: EvidenceWindow
    listed: tuple[Listed, ...]
    records: tuple[Record, ...]
    strained: tuple[date, ...]


def asked_of(rule: Rule, listed: Sequence[Listed]) -> list[Listed]:
    """Return the episodes that a rule is asked about: of runs on banks, backstops alone."""
    return [one for one in listed if one.kind != BANKS or _theme(rule) == BACKSTOP]


def evidence(
    judge: Judge, walked: Iterable[Judged], listed: Sequence[Listed], start: date, split: date,
    texts: Iterable[Transition] = (), sources: Collection[str] = (),
) -> Evidence:  # fmt: skip
    """Return what the rules said of past times of stress.

    Args:
        judge: The rules over the history.
        walked: What the whole tape did to each alert.
        listed: Episodes, in order.
        start: First day looked at.
        split: First day of the part kept apart.
        texts: What text rules said, oldest first.
        sources: Those of which texts are known.
    """
    moved = list(texts)
    by_name = {judged.rule.name: judged for judged in walked}
    end = max((judged.evaluation.upto for judged in by_name.values()), default=_midnight(start))
    window = EvidenceWindow(start, split, end)
    bench = _Bench(_strain(judge, end), tuple(listed), window)
    records = tuple(
        bench.of_texts(rule, [one for one in moved if one.rule == rule.name])
        if rule.text_source in sources
        else bench.record(rule, by_name.get(rule.name))
        for rule in judge.ruleset.rules
    )
    strained = tuple(date.fromordinal(day) for day in bench.strain.days(_midnight(start)))
    return Evidence(window, tuple(listed), records, strained)


@dataclass(frozen=True, slots=True)
class _Strain:
    """When strain was seen: µs of each known reading, whether it was strain, of which day."""

    at: Longs
    strained: Longs
    ordinals: Longs

    def days(self, after: Micros) -> list[int]:
        """Return the days of strain that were seen after an instant, as ordinals."""
        return sorted(set(self.ordinals[(self.strained == 1) & (self.at >= after)].tolist()))

    def seen(self, begun: Micros, until: Micros) -> bool:
        """Return whether strain was seen in [begun, until]."""
        inside = (self.at >= begun) & (self.at <= until)
        return bool((self.strained[inside] == 1).any())


def _strain(judge: Judge, end: Micros) -> _Strain:
    found = compiled(STRAIN, judge.ruleset, file="evidence")
    none = np.empty(0, np.int64)
    if not isinstance(found, Expression):
        # Somebody's catalogue says something else by these names.
        return _Strain(none, none, none)
    readings = Evaluation(judge.history, upto=end).readings(found.node)
    assert readings.truth is not None
    known = readings.truth != UNKNOWN
    strained = (readings.truth[known] == TRUE).astype(np.int64)
    every = found.node.every
    assert every is not None
    days = [
        date.fromisoformat(every.text(Minutes(int(p)))[:10]).toordinal()
        for p in readings.periods[known]
    ]
    return _Strain(readings.at[known], strained, np.array(days, np.int64))


@dataclass(frozen=True, slots=True)
class _Bench:
    """Judges what rules said."""

    strain: _Strain
    listed: tuple[Listed, ...]
    window: EvidenceWindow

    def record(self, rule: Rule, judged: Judged | None) -> Record:
        """Return what one rule said."""
        if judged is None or not bool(judged.signals.known.any()):
            return Record(rule, None if judged is None else judged.rule.unit, figures=False)
        signals = judged.signals
        known = signals.at[signals.known]
        first, after = Micros(int(known[0])), Micros(int(known[-1]) + 1)
        stays = [self._judged(rule, stay) for stay in _stays(judged)]
        start, split = _midnight(self.window.start), _midnight(self.window.split)
        asked = asked_of(rule, self.listed)
        return Record(
            rule, judged.rule.unit, figures=True,
            stays=tuple(_since(stay, start) for stay in stays if stay.said[-1].at >= start),
            leads={one.episode.name: _lead(one.episode, stays, first) for one in asked},
            before=_half(stays, max(start, first), min(split, after)),
            since=_half(stays, max(split, first), after),
        )  # fmt: skip

    def of_texts(self, rule: Rule, moved: Sequence[Transition]) -> Record:
        """Return what a text rule said; a text stays for no time, and foretells nothing."""
        start, split = _midnight(self.window.start), _midnight(self.window.split)
        halves = [
            Half(len(found), len(found) / ((until - begun) / (365.2425 * _DAY)), None, 0, 0, 0)
            for begun, until in ((start, split), (split, self.window.end + 1))
            for found in [[one for one in moved if begun <= micros(one.at) < until]]
        ]
        told = tuple(one for one in moved if micros(one.at) >= start)
        return Record(rule, None, figures=True, texts=told, before=halves[0], since=halves[1])

    def _judged(self, rule: Rule, stay: AlertSpell) -> AlertSpell:
        return replace(stay, outcome=self._outcome(rule, stay))

    def _outcome(self, rule: Rule, stay: AlertSpell) -> Aftermath:
        """Return what came after a stay, by what its theme is for."""
        until = max(stay.ended or self.window.end, Micros(stay.begun + PATIENCE_DAYS * _DAY))
        if _theme(rule) in REPORTING:
            return Aftermath.UNJUDGED
        if _theme(rule) == BACKSTOP:
            if any(_midnight(one.episode.onset) <= until and stay.begun < _after(one.episode)
                   for one in self.listed):  # fmt: skip
                return Aftermath.FOLLOWED
            return Aftermath.OPEN if until >= self.window.end else Aftermath.FALSE
        if self.strain.seen(stay.begun, until):
            return Aftermath.FOLLOWED
        if len(self.strain.at) == 0 or until < int(self.strain.at[0]):
            return Aftermath.UNJUDGED
        return Aftermath.OPEN if until > int(self.strain.at[-1]) else Aftermath.FALSE


@dataclass(frozen=True, slots=True)
class Rival:
    """A level held against other thresholds, on the figures of the time before the split.

    Attributes:
        rule: Name.
        level: Which level.
        unit: Printed unit of thresholds.
        score: As it is set.
        better: The best setting that is at least as good on every count, and better on one of
            false alerts and episodes seen; None where there is none.
    """

    rule: str
    level: Level
    unit: str
    score: Score
    better: Score | None


def rivals(judge: Judge, listed: Sequence[Listed], window: EvidenceWindow) -> tuple[Rival, ...]:
    """Return each level that foretells strain, held against other thresholds.

    Args:
        judge: Over the figures known before the split, and none later.
        listed: Episodes, in order.
        window: Whose start counts.
    """
    found = []
    for rule in judge.watched.values():
        if rule.rule.value is None or _theme(rule.rule) in REPORTING:
            continue
        episodes = [one.episode for one in asked_of(rule.rule, listed)]
        for rung in rule.ladder.rungs:
            tuned = tune(judge, rule, rung.level, episodes, _midnight(window.start))
            if not tuned.current.episodes:
                continue
            better = [score for score in tuned.thresholds if _beats(score, tuned.current)]
            best = min(better, key=lambda s: (s.false, -s.seen, s.alerts), default=None)
            found.append(Rival(rule.name, rung.level, tuned.unit, tuned.current, best))
    return tuple(found)


def _beats(one: Score, other: Score) -> bool:
    """Return whether a setting is at least as good on every count, and better on one.

    To fire always is to miss nothing and to be wrong never: it may not fire longer.
    """
    return (
        one.seen >= other.seen
        and one.false <= other.false
        and one.alerts <= other.alerts
        and one.firing <= other.firing
        and (one.lead is None or other.lead is None or one.lead >= other.lead)
        and (one.seen > other.seen or one.false < other.false)
    )


def _theme(rule: Rule) -> str:
    return rule.labels.get("theme", "")


def _stays(judged: Judged) -> list[AlertSpell]:
    """Return an alert's stays, what came after them not yet said."""
    found: list[AlertSpell] = []
    numbers = distinct(judged.signals.periods)
    counted: list[tuple[int, Change]] = []
    begun, steps, said = Micros(0), [], []  # type: ignore[var-annotated]
    for move in judged.moves:
        if move.change in QUIET:
            continue
        period = judged.period(move.reading)
        number = int(np.searchsorted(numbers, period))
        counted.append((number, move.change))
        if move.change is Change.FIRED:
            begun, steps, said = move.at, [], []
        if move.change is Change.RESOLVED:
            found.append(AlertSpell(begun, move.at, tuple(steps), tuple(said), Aftermath.UNJUDGED))
            begun = Micros(0)
            continue
        steps.append((move.at, move.after))
        if move.change in UP:
            muted = move.after is Level.WATCH and is_flapping(counted, now=number)
            text = judged.rule.every.text(period)
            said.append(
                Said(move.at, move.change, move.after, judged.value(move.reading), text, muted)
            )
    if begun:
        found.append(AlertSpell(begun, None, tuple(steps), tuple(said), Aftermath.UNJUDGED))
    return found


def _since(stay: AlertSpell, start: Micros) -> AlertSpell:
    """Return a stay with its alerts since the start; one that began before is not judged."""
    if stay.begun >= start:
        return stay
    said = tuple(said for said in stay.said if said.at >= start)
    return replace(stay, said=said, outcome=Aftermath.UNJUDGED)


def _half(stays: Sequence[AlertSpell], start: Micros, end: Micros) -> Half | None:
    """Return what a rule did in [start, end); None where that is no time at all."""
    if end <= start:
        return None
    inside = [stay for stay in stays if start <= stay.begun < end]
    alerts = sum(start <= said.at < end for stay in stays for said in stay.said)
    spent = sum(
        max(0, min(end, end if stay.ended is None else stay.ended) - max(start, stay.begun))
        for stay in stays
    )
    false = sum(stay.outcome is Aftermath.FALSE for stay in inside)
    judged = sum(stay.outcome in (Aftermath.FALSE, Aftermath.FOLLOWED) for stay in inside)
    years = (end - start) / (365.2425 * _DAY)
    return Half(alerts, alerts / years, spent / (end - start), len(inside), false, judged)


def _lead(one: Episode, stays: Sequence[AlertSpell], first: Micros) -> Lead:
    """Return what a rule had said on the morning of an onset."""
    morning, after = micros(datetime.combine(one.onset, MORNING, NEW_YORK)), _after(one)
    if first > morning:
        return Lead(Stance.ABSENT)
    for stay in stays:
        if stay.begun <= morning and (stay.ended is None or morning < stay.ended):
            steps = [(at, level) for at, level in stay.steps if at <= morning]
            level = steps[-1][1]
            lower = [i for i, (_, held) in enumerate(steps) if held < level]
            since = steps[lower[-1] + 1 if lower else 0][0]
            return Lead(Stance.STOOD, level, (morning - since) // _DAY)
    early = [s for s in stays if morning - PATIENCE_DAYS * _DAY <= s.begun < morning]
    if early:
        return Lead(Stance.OVER, early[-1].highest, (morning - early[-1].begun) // _DAY)
    late = [s for s in stays if morning < s.begun < after]
    if late:
        # In days of the calendar: told on the next morning is one day after.
        days = -(-(late[0].begun - _midnight(one.onset)) // _DAY) - 1
        return Lead(Stance.AFTER, late[0].steps[0][1], days)
    return Lead(Stance.SILENT)


def _midnight(day: date) -> Micros:
    return micros(datetime.combine(day, time(), NEW_YORK))


def _after(one: Episode) -> int:
    """Return the µs at which the last day of an episode is over."""
    return _midnight(one.end + timedelta(days=1))
