"""Rule tests: a person's tape driven through the pipeline, and what came of it beside what should.

Nothing here decides what a rule does: the tape goes through the same pipeline as live figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.facts.asof import History
from ebbwatch.core.facts.release_clock import ReleaseClock
from ebbwatch.model.alert import QUIET, Level, Transition
from ebbwatch.model.observation import Observation, TextItem
from ebbwatch.model.periods import Micros, instant, micros
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.ruleset.tapes import ExpectedTransition, RuleTest
from ebbwatch.runtime.lookback.replay import Journal, WantedSpan, transitions
from ebbwatch.runtime.pipeline import Event, Pipeline, tape_end

#: Changes that are compared only where a test expects any of them.


class TapeFault(Exception):
    """A tape cannot be driven; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One instant of two timelines laid side by side.

    Attributes:
        rule: Name of the alert.
        at: UTC instant.
        expected: What should happen; None where nothing should.
        seen: What did; None where nothing did.
    """

    rule: str
    at: datetime
    expected: ExpectedTransition | None
    seen: Transition | None

    @property
    def agrees(self) -> bool:
        """Return whether what should happen did."""
        return self.expected is not None and self.seen is not None


@dataclass(frozen=True, slots=True)
class Result:
    """What a rule test came to.

    Attributes:
        test: Itself.
        lines: Both timelines, by rule, then time.
        fault: Why it could not be driven; empty where it was.
    """

    test: RuleTest
    lines: tuple[TimelineRow, ...] = ()
    fault: str = ""

    @property
    def passed(self) -> bool:
        """Return whether everything expected happened, and nothing else."""
        return not self.fault and all(line.agrees for line in self.lines)


def run(ruleset: Ruleset, test: RuleTest) -> Result:
    """Drive a test's tape and compare what comes of it with what the test expects."""
    try:
        seen = driven(ruleset, test)
    except TapeFault as fault:
        return Result(test, fault=str(fault))
    return Result(test, tuple(side_by_side(test.rules, test.expect, seen)))


def driven(ruleset: Ruleset, test: RuleTest) -> list[Transition]:
    """Return what a tape does to the alerts that its test names, arming and disarming too.

    Raises:
        TapeFault: If a figure has no instant and its series no release rule, or a rule has a
            fault of ours.
    """
    wanted = replace(ruleset, rules=tuple(r for r in ruleset.rules if r.name in test.rules))
    history = History(ruleset.series, ruleset.business, ReleaseClock(ruleset.business))
    history.observe(_observations(ruleset, history, test))
    judge = Judge(wanted, history)
    journal = Journal()
    events = list(_events(test, tape_end(history)))
    texts = [item for event in events for item in event.texts]
    pipeline = Pipeline(judge, journal, lambda _source: texts)
    for event in events:
        pipeline.handle(event)
    for name, error in journal.failures:
        raise TapeFault(f"{name} could not be evaluated: {error}") from error
    return list(transitions(judge, journal, WantedSpan(everything=True)))


def _observations(ruleset: Ruleset, history: History, test: RuleTest) -> Iterator[Observation]:
    for figure in test.figures:
        series = ruleset.series[figure.series]
        known_at = figure.known_at
        if known_at is None:
            if not series.released:
                raise TapeFault(
                    f"{series.name} has no release rule: give its figures an instant, "
                    "[value, instant]"
                )
            known_at = instant(history.clock.release_at(series, figure.period))
        yield Observation(
            series=series.name, period=figure.period, value=figure.value, known_at=known_at,
            source=series.source.name, assumed=figure.known_at is None,
        )  # fmt: skip


def _events(test: RuleTest, end: Micros) -> Iterator[Event]:
    """Yield the texts of a tape, each at its instant, and its end."""
    texts: dict[Micros, list[TextItem]] = {}
    for number, text in enumerate(test.texts):
        title, _, body = text.body.partition("\n") if "\n" in text.body else ("", "", text.body)
        item = TextItem(
            source=text.source, key=str(number), title=title, body=body, published_at=text.at,
            known_at=text.at,
        )  # fmt: skip
        texts.setdefault(micros(text.at), []).append(item)
    for at in sorted(texts):
        yield Event(at=at, texts=tuple(texts[at]))
    if end > max(texts, default=Micros(0)):
        yield Event(at=end)


def side_by_side(
    rules: Sequence[str], expected: Sequence[ExpectedTransition], seen: Sequence[Transition]
) -> Iterator[TimelineRow]:
    """Yield two timelines as one, rule by rule: what agrees stands on one line."""
    for rule in rules:
        wanted = [one for one in expected if one.rule == rule]
        quiet = any(one.change in QUIET for one in wanted)
        happened = [t for t in seen if t.rule == rule and (quiet or t.change not in QUIET)]
        lines: list[TimelineRow] = []
        for one in wanted:
            found = next((t for t in happened if _same(one, t)), None)
            if found is not None:
                happened.remove(found)
            lines.append(TimelineRow(rule, one.at, one, found))
        lines += [TimelineRow(rule, t.at, None, t) for t in happened]
        yield from sorted(lines, key=lambda line: line.at)


def _same(one: ExpectedTransition, t: Transition) -> bool:
    if (one.at, one.change) != (t.at, t.change):
        return False
    # Arming leaves an alert at no level, for which a test has no word.
    return one.change in QUIET or one.level is t.level or t.level is Level.NONE
