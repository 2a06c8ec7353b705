"""Replay: a tape through the pipeline, its transitions to whoever reads them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from ebbwatch.core.asof import NEW_YORK
from ebbwatch.core.judging import Judge, Judged
from ebbwatch.core.lifecycle import AlertState, Move
from ebbwatch.model.alert import Change, Transition
from ebbwatch.model.periods import instant
from ebbwatch.runtime.pipeline import Event, Handled, Pipeline, tape_end

_QUIET = (Change.ARMED, Change.DISARMED)


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

    def record(self, handled: Handled, _states: dict[str, AlertState]) -> None:
        """Keep an event's outcome."""
        self.judged.extend(outcome.judged for outcome in handled.outcomes)
        self.texts.extend(handled.texts)
        self.failures.extend((failure.rule, failure.error) for failure in handled.failures)

    def next_due(self) -> int | None:
        """Return None: nothing is told."""
        return None


@dataclass(frozen=True, slots=True)
class Span:
    """Which transitions are wanted.

    Attributes:
        start: µs, included; None from the beginning.
        end: µs, excluded; None to the end.
        rules: Names; empty for all.
        everything: Arming and disarming too.
    """

    start: int | None = None
    end: int | None = None
    rules: Collection[str] = ()
    everything: bool = False

    def wants(self, at: int, rule: str, change: Change) -> bool:
        """Return whether a change is wanted."""
        return (
            (self.start is None or at >= self.start)
            and (self.end is None or at < self.end)
            and (not self.rules or rule in self.rules)
            and (self.everything or change not in _QUIET)
        )


def replay(judge: Judge) -> Journal:
    """Drive everything the history holds through a pipeline; return what it did."""
    journal = Journal()
    pipeline = Pipeline(judge, journal)
    pipeline.handle(Event(at=tape_end(pipeline)))
    return journal


def chosen(journal: Journal, span: Span) -> list[tuple[int, str, Judged, Move, float | None]]:
    """Return the wanted moves in order of time, then rule."""
    from ebbwatch.core.lifecycle import previous_values

    found = []
    for judged in journal.judged:
        name = judged.rule.name
        wanted = [m for m in judged.moves if span.wants(m.at, name, m.change)]
        if not wanted:
            continue
        before = previous_values(judged.before, judged.signals, [m.reading for m in wanted])
        found += [(m.at, name, judged, m, b) for m, b in zip(wanted, before, strict=True)]
    found.sort(key=lambda row: (row[0], row[1]))
    return found


def transitions(judge: Judge, journal: Journal, span: Span) -> Iterator[Transition]:
    """Yield the wanted transitions in order of time, then rule."""
    texts = [t for t in journal.texts if span.wants(_micros(t), t.rule, t.change)]
    for _, _, judged, move, before in chosen(journal, span):
        yield judge.transition(judged, move, before, None)
    yield from texts


def _micros(transition: Transition) -> int:
    from ebbwatch.model.periods import micros

    return micros(transition.at)


def stamp(at: int) -> str:
    """Return µs as New York writes them: ``2019-09-18T09:00:00-04:00``."""
    return instant(at).astimezone(NEW_YORK).isoformat()


def as_json(transition: Transition) -> str:
    """Return a transition as the one line that programs read."""
    return json.dumps(
        {
            "at": transition.at.astimezone(NEW_YORK).isoformat(),
            "rule": transition.rule,
            "change": transition.change.value,
            "level": transition.level.word,
            "value": transition.value,
            "unit": transition.unit,
            "threshold": transition.threshold,
            "period": transition.period,
            "episode": transition.episode,
            "cause": transition.cause.value,
            "inputs": [
                {
                    "series": row.series,
                    "period": row.period,
                    "value": row.value,
                    "unit": row.unit,
                    "known_at": row.known_at.astimezone(NEW_YORK).isoformat(),
                    "assumed": row.assumed,
                    "source": row.source,
                }
                for row in transition.inputs
            ],
        }
    )


def write_jsonl(
    judge: Judge, journal: Journal, span: Span, write: Callable[[str], object]
) -> None:
    """Write the wanted transitions, one a line."""
    for transition in transitions(judge, journal, span):
        write(as_json(transition) + "\n")
