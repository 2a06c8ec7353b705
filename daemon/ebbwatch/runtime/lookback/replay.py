"""Replay: a tape through the pipeline, its transitions to whoever reads them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ebbwatch.core.alerting.judging import Judge, Judged
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.alerting.lifecycle import CHANGES, Move, previous_values
from ebbwatch.core.answering.json_rows import transition_row
from ebbwatch.expr.numbers import REASONS, Longs
from ebbwatch.model.alert import QUIET, Cause, Change, Transition
from ebbwatch.model.observation import TextItem
from ebbwatch.model.periods import Micros, Minutes, instant, micros
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.runtime.pipeline import Event, Handled, Outcome, Pipeline, tape_end, text_moves


@dataclass(slots=True)
class Journal:
    """A recorder that keeps moves in memory, for one pass over them.

    Attributes:
        judged: What the tape did to each alert.
        texts: Transitions of text rules.
    """

    judged: list[Judged] = field(default_factory=list)
    texts: list[Transition] = field(default_factory=list)
    failures: list[tuple[str, Exception]] = field(default_factory=list)

    def take(self, outcome: Outcome) -> bool:
        """Keep what an event did to one alert."""
        self.judged.append(outcome.judged)
        return False

    def record(self, handled: Handled, _states: Mapping[str, AlertState]) -> bool:
        """Keep the rest of an event's outcome."""
        self.texts.extend(handled.others)
        self.failures.extend((failure.rule, failure.error) for failure in handled.failures)
        return False

    def next_due(self) -> Micros | None:
        """Return None: nothing is told."""
        return None


@dataclass(frozen=True, slots=True)
class WantedSpan:
    """Which transitions are wanted.

    Attributes:
        start: µs, included; None from the beginning.
        end: µs, excluded; None to the end.
        rules: Names; empty for all.
        everything: Arming and disarming too.
    """

    start: Micros | None = None
    end: Micros | None = None
    rules: Collection[str] = ()
    everything: bool = False

    def wants(self, at: Micros, rule: str, change: Change) -> bool:
        """Return whether a change is wanted."""
        return (
            (self.start is None or at >= self.start)
            and (self.end is None or at < self.end)
            and (not self.rules or rule in self.rules)
            and (self.everything or change not in QUIET)
        )

    def chosen(self, judged: Judged) -> Longs:
        """Return the places of an alert's wanted moves."""
        moves = judged.moves
        if self.rules and judged.rule.name not in self.rules:
            return np.empty(0, np.int64)
        wanted = np.ones(len(moves), np.bool_)
        if not self.everything:
            for quiet in QUIET:
                wanted &= moves.change != CHANGES.index(quiet)
        if self.start is not None:
            wanted &= moves.at >= self.start
        if self.end is not None:
            wanted &= moves.at < self.end
        return np.flatnonzero(wanted)


def replay(judge: Judge, upto: Micros | None = None, texts: Sequence[TextItem] = ()) -> Journal:
    """Drive everything the history holds through a pipeline; return what it did.

    Args:
        judge: The rules over the history.
        upto: µs at which to stop; None for the newest fact, after which no timer runs.
        texts: Published texts, oldest first.
    """
    journal = Journal()
    drive(Pipeline(judge, journal), upto, texts)
    return journal


def drive(pipeline: Pipeline, upto: Micros | None, texts: Sequence[TextItem]) -> None:
    """Hand over the figures in one stride, and what the texts move.

    Text rules read no figures and nothing reads them: neither has to wait for the other.
    """
    pipeline.handle(Event(at=tape_end(pipeline.judge.history) if upto is None else upto))
    for item in texts:
        event = Event(at=micros(item.known_at), texts=(item,))
        if upto is None or event.at <= upto:
            moved = [
                move
                for rule in pipeline.judge.ruleset.rules
                if rule.pattern
                for move in text_moves(rule, event.texts, event.at, texts)
            ]
            pipeline.recorder.record(Handled(event, others=moved), pipeline.states)


def chosen(
    journal: Journal, span: WantedSpan
) -> list[tuple[Micros, str, Judged, Move, float | None]]:
    """Return the wanted moves in order of time, then rule."""
    found = []
    for judged in journal.judged:
        name = judged.rule.name
        wanted = [judged.moves[int(i)] for i in span.chosen(judged)]
        if not wanted:
            continue
        before = previous_values(judged.before, judged.signals, [m.reading for m in wanted])
        found += [(m.at, name, judged, m, b) for m, b in zip(wanted, before, strict=True)]
    found.sort(key=lambda row: (row[0], row[1]))
    return found


def transitions(judge: Judge, journal: Journal, span: WantedSpan) -> Iterator[Transition]:
    """Yield the wanted transitions in order of time, then rule."""
    texts = [t for t in journal.texts if span.wants(micros(t.at), t.rule, t.change)]
    for _, _, judged, move, before in chosen(journal, span):
        yield judge.transition(judged, move, before, None)
    yield from texts


def stamp(at: Micros) -> str:
    """Return µs as New York writes them: ``2019-09-18T09:00:00-04:00``."""
    return instant(at).astimezone(NEW_YORK).isoformat()


def as_json(transition: Transition) -> str:
    """Return a transition as the one line that programs read."""
    return json.dumps(transition_row(transition))


def write_text(
    judge: Judge,
    journal: Journal,
    span: WantedSpan,
    write: Callable[[str], object],
    *,
    readings: bool,
) -> None:
    """Write the wanted transitions for people, with every reading where asked."""
    rows = [
        (at, name, _told(judge.transition(judged, move, before, None)))
        for at, name, judged, move, before in chosen(journal, span)
    ]
    rows += [
        (micros(t.at), t.rule, _told(t))
        for t in journal.texts
        if span.wants(micros(t.at), t.rule, t.change)
    ]
    if readings:
        rows += _reading_rows(journal, span)
    rows.sort(key=lambda row: (row[0], row[1], row[2].startswith("·")))
    width = max((len(name) for _, name, _ in rows), default=0)
    for at, name, text in rows:
        write(f"{_clock(at)}  {name:<{width}}  {text}\n")


def _clock(at: Micros) -> str:
    return instant(at).astimezone(NEW_YORK).strftime("%a %Y-%m-%d %H:%M %Z")


def _told(t: Transition) -> str:
    change = f"{t.change.value} {t.level.word}"
    because = " by a revision" if t.cause is Cause.REVISION else ""
    if t.value is None:
        return f"{change:<18} for {t.period}{because}"
    bound = f" (threshold {amount(t.threshold, t.unit)})" if t.threshold is not None else ""
    return f"{change:<18} {amount(t.value, t.unit)} for {t.period}{bound}{because}"


def amount(value: float | None, unit: str | None) -> str:
    """Return a number with its unit, for a terminal."""
    if value is None:
        return "unknown"
    if value == float("inf"):
        return "never"
    if unit == "USD":
        for size, word in ((1e12, "tn"), (1e9, "bn"), (1e6, "mn")):
            if abs(value) >= size:
                sign = "-" if value < 0 else ""
                return f"{sign}${abs(value) / size:.4g}{word}"
        return f"${value:,.2f}"
    if unit is None or unit == "":
        return f"{value:.6g}"
    return f"{value:,.2f} {unit}" if unit != "bp" else f"{value:,.4g} bp"


def _reading_rows(journal: Journal, span: WantedSpan) -> list[tuple[Micros, str, str]]:
    rows = []
    for judged in journal.judged:
        rule, signals = judged.rule, judged.signals
        if span.rules and rule.name not in span.rules:
            continue
        for i, at in enumerate(signals.at.tolist()):
            if (span.start is not None and at < span.start) or (
                span.end is not None and at >= span.end
            ):
                continue
            period = rule.every.text(Minutes(int(signals.periods[i])))
            if not signals.known[i]:
                text = f"unknown: {REASONS.get(int(signals.why[i]), 'not yet')}"
            elif signals.values is not None:
                text = amount(rule.in_unit(float(signals.values[i])), rule.unit)
            else:
                text = "true" if signals.breach[0, i] else "false"
            rows.append((at, rule.name, f"· {text} for {period}"))
    return rows
