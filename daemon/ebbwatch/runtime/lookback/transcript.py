"""A replay's transitions as lines, in order: the output that programs read.

Rules know nothing of each other, so where there are many, each processor walks some of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.facts.asof import History
from ebbwatch.expr.numbers import Longs
from ebbwatch.model.observation import TextItem
from ebbwatch.model.periods import Micros, micros
from ebbwatch.ruleset.rules import Rule, Ruleset
from ebbwatch.runtime.lookback.jsonl import Lines
from ebbwatch.runtime.lookback.replay import WantedSpan, as_json, drive
from ebbwatch.runtime.pipeline import Handled, Outcome, Pipeline, tape_end
from ebbwatch.spread import shares, spread

#: Lines written at once.
CHUNK = 2000
#: Rules that are worth a process of their own: copying this one costs what walking ten does.
WORTH_A_PROCESS = 50
#: What others write has to come back, which takes as long as walking a fifth more here.
HANDING_OVER = 1.2


@dataclass(slots=True)
class Written:
    """Lines, and in which order they belong.

    Attributes:
        texts: Each without its end, and with no other inside.
        instants: µs of some lines after another.
        names: The rule of those lines.
        counts: How many those are.
        failures: Rules that could not be evaluated, and why.
    """

    texts: list[str] = field(default_factory=list)
    instants: list[Longs] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, instants: Longs, texts: list[str]) -> None:
        """Take lines of one rule."""
        self.texts += texts
        self.instants.append(instants)
        self.names.append(name)
        self.counts.append(len(texts))

    def take(self, other: Written) -> None:
        """Take the lines of other rules."""
        self.texts += other.texts
        self.instants += other.instants
        self.names += other.names
        self.counts += other.counts
        self.failures += other.failures

    def write(self, write: Callable[[str], object]) -> None:
        """Write all lines in order of time, then rule."""
        if not self.texts:
            return
        rank = {name: number for number, name in enumerate(sorted(set(self.names)))}
        ranks = np.repeat(np.array([rank[name] for name in self.names]), self.counts)
        order = np.lexsort((ranks, np.concatenate(self.instants))).tolist()
        for start in range(0, len(order), CHUNK):
            write("\n".join([self.texts[i] for i in order[start : start + CHUNK]]) + "\n")


@dataclass(slots=True)
class Transcript:
    """A recorder that turns moves into lines at once, and keeps nothing else of them.

    Attributes:
        lines: Makes them.
        span: Which are wanted.
        written: What is made so far.
    """

    lines: Lines
    span: WantedSpan
    written: Written = field(default_factory=Written)

    def take(self, outcome: Outcome) -> bool:
        """Write the lines of one alert."""
        judged = outcome.judged
        wanted = self.span.chosen(judged)
        if len(wanted):
            lines = self.lines.of(judged, wanted)
            self.written.add(judged.rule.name, judged.moves.at[wanted], lines)
        return True

    def record(self, handled: Handled, _states: Mapping[str, AlertState]) -> bool:
        """Write the lines of text rules."""
        for t in handled.others:
            if self.span.wants(micros(t.at), t.rule, t.change):
                at = np.array([micros(t.at)], np.int64)
                self.written.add(t.rule, at, [as_json(t)])
        self.written.failures += [(f.rule, str(f.error)) for f in handled.failures]
        return False

    def next_due(self) -> Micros | None:
        """Return None: nothing is told."""
        return None


def write_jsonl(
    ruleset: Ruleset,
    history: History,
    span: WantedSpan,
    write: Callable[[str], object],
    texts: Sequence[TextItem] = (),
    *,
    processes: int | None = None,
) -> list[tuple[str, str]]:
    """Replay everything the history holds, and write the wanted transitions, one a line.

    Args:
        ruleset: The rules.
        history: What is known.
        span: Which transitions are wanted.
        write: Takes lines.
        texts: Published texts, oldest first.
        processes: How many walk; None for as many as are worth it.

    Returns:
        The rules that could not be evaluated, and why.
    """
    rules = [r for r in ruleset.rules if not span.rules or r.name in span.rules]
    walk = partial(_walked, ruleset, history, span, tape_end(history), texts)
    parts = shares(rules, worth=WORTH_A_PROCESS, most=processes, here=HANDING_OVER)
    found = Written()
    for part in spread(walk, parts):
        found.take(part)
    found.write(write)
    return found.failures


def _walked(
    ruleset: Ruleset,
    history: History,
    span: WantedSpan,
    upto: Micros,
    texts: Sequence[TextItem],
    rules: Sequence[Rule],
) -> Written:
    """Return what some of the rules say."""
    judge = Judge(replace(ruleset, rules=tuple(rules)), history)
    transcript = Transcript(Lines(judge), span)
    drive(Pipeline(judge, transcript), upto, texts)
    return transcript.written
