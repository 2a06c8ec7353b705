"""Driving a tape for its messages: the live pipeline, ledger and telling, fed in long strides.

Nothing but the feed differs from a live run. Most instants of a tape move no alert and make
nothing worth telling, so whole stretches are handed over at once; that any partition of a
tape into whole instants tells the same is a property of the pipeline. A stride ends where
something may be told: at a move, at a second reading of a period that was told, at a reading
that may be due a reminder or that somebody is owed, and where a wait or a digest is due.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from ebbwatch.core.alerting.judging import Judge, Judged, Watched
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.alerting.lifecycle import Move, Moves
from ebbwatch.core.alerting.signals import Signals
from ebbwatch.core.render import Translator
from ebbwatch.core.telling.context import Context
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.expr.graph import Node
from ebbwatch.expr.numbers import KNOWN, Bytes, Longs, Numbers, distinct
from ebbwatch.expr.readings import Readings
from ebbwatch.expr.view import BEGINNING
from ebbwatch.model.alert import QUIET, Change, Level
from ebbwatch.model.chart import ChartSpec
from ebbwatch.model.message import OutboxRow, Target
from ebbwatch.model.observation import TextItem
from ebbwatch.model.periods import Micros, micros
from ebbwatch.model.text import Text
from ebbwatch.ports import Store
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.runtime.ledger import Ledger
from ebbwatch.runtime.lookback.replay import Journal
from ebbwatch.runtime.pipeline import Event, Pipeline
from ebbwatch.runtime.telling import Telling

#: The receiver of rule files that name none.
TERMINAL = "terminal"


@dataclass(slots=True)
class _AsKnown(Evaluation):
    """Reads at `upto` what one evaluation of a whole tape found.

    Attributes:
        whole: That one.
        steps: Readings of nodes whose parts each have their own latest period, by number; found
            once, and shared.
    """

    whole: Evaluation = field(kw_only=True)
    steps: dict[int, Readings] = field(kw_only=True)

    def elements(
        self, node: Node, *, at: Micros | None = None
    ) -> tuple[Longs, Numbers | None, Bytes | None]:
        """Return a node's elements as known at `upto`, or at an earlier instant."""
        return self.whole.elements(node, at=self.upto if at is None else at)

    def current(self, node: Node) -> Readings:
        """Return the one reading that stands at `upto`; none where there is no element yet."""
        if not node.momentary:
            return Evaluation.current(self, node)
        if node.number not in self.steps:
            self.steps[node.number] = self.whole.readings(node)
        steps = self.steps[node.number]
        count = int(np.searchsorted(steps.at, self.upto, "right"))
        return steps.chosen(np.arange(max(count - 1, 0), count))


@dataclass(slots=True)
class TapeJudge(Judge):
    """Judges stretches of a tape by the one evaluation that a walk over the whole of it made.

    Functions are causal: what is read in a stretch does not depend on what comes after it.

    Attributes:
        walked: What the whole tape did to each alert, by name.
        stops: µs at which something may be told of each.
        watchful: Alerts of which somebody was kept from hearing; whenever one fires, each of its
            readings may be news.
    """

    walked: Mapping[str, Judged] = field(default_factory=dict)
    stops: Mapping[str, Longs] = field(default_factory=dict)
    watchful: set[str] = field(default_factory=set)
    _steps: dict[int, Readings] = field(default_factory=dict)
    _resting: dict[str, Moves] = field(default_factory=dict)

    def judge(self, rule: Watched, state: AlertState, evaluation: Evaluation) -> Judged:
        """Return what (evaluation.after, evaluation.upto] did to an alert.

        An alert of which nothing can be told before it moves is not walked before that.
        """
        whole = self.walked[rule.name]
        if not self._is_looked_at(rule.name, state, evaluation.upto):
            signals = _between(whole.signals, evaluation.after, evaluation.upto)
            resting = self._at_rest(rule, whole)
            return Judged(rule, state, state, resting, signals, whole.evaluation)
        signals = _between(whole.signals, state.read_at, evaluation.upto)
        judged = self._walked(rule, state, signals, evaluation)
        return replace(judged, evaluation=whole.evaluation)

    def _is_looked_at(self, name: str, state: AlertState, upto: Micros) -> bool:
        """Return whether an alert's state after a stretch can make a difference."""
        firing = state.level is not Level.NONE
        if firing and (name in self.watchful or self.ruleset.digests):
            return True
        at = self.stops[name] if firing else self.walked[name].moves.at
        low, high = (int(np.searchsorted(at, edge, "right")) for edge in (state.read_at, upto))
        return high > low

    def _at_rest(self, rule: Watched, whole: Judged) -> Moves:
        """Return no moves."""
        found = self._resting.get(rule.name)
        if found is None:
            none = whole.signals.chosen(np.arange(0))
            walked = self._walked(
                rule, AlertState(), none, Evaluation(self.history, upto=Micros(0))
            )
            found = self._resting[rule.name] = walked.moves
        return found

    def present(self, rule: Watched, state: AlertState, evaluation: Evaluation) -> Judged:
        """Return what the reading that stands at `upto` does to an alert."""
        whole = self.walked[rule.name]
        count = int(np.searchsorted(whole.signals.at, evaluation.upto, "right"))
        signals = whole.signals.chosen(np.arange(max(count - 1, 0), count))
        signals.at[:] = evaluation.upto
        judged = self._walked(rule, state, signals, evaluation)
        return replace(judged, evaluation=whole.evaluation)

    def as_known(self, at: Micros) -> Evaluation:
        """Return what reads expressions as they were known at an instant."""
        whole = next(iter(self.walked.values())).evaluation
        return _AsKnown(self.history, upto=at, whole=whole, steps=self._steps)

    def past(
        self,
        rule: Watched,
        at: Micros,
        known: Evaluation | None = None,  # noqa: ARG002 - it reads the walk over the whole tape
    ) -> tuple[Longs, NDArray[np.float64]]:
        """Return a rule's readings as known at an instant: periods, values in its unit."""
        whole = self.walked[rule.name]
        if rule.unit is None:
            return Judge.past(self, rule, at)
        if rule.node.momentary:
            signals = _between(whole.signals, BEGINNING, at)
            if signals.values is None or len(signals.at) == 0:
                return np.empty(0, np.int64), np.empty(0)
            last = np.append(signals.periods[1:] != signals.periods[:-1], True)
            values = np.where(signals.why == KNOWN, signals.values, np.nan)
            return signals.periods[last], values[last]
        periods, numbers, _ = whole.evaluation.elements(rule.node, at=at)
        assert numbers is not None
        return periods, numbers.in_units(rule.factor)


def _between(signals: Signals, after: Micros, upto: Micros) -> Signals:
    """Return the signals in (after, upto]."""
    low, high = (int(np.searchsorted(signals.at, at, "right")) for at in (after, upto))
    return signals.chosen(np.arange(low, high))


class WordyContext(Context):
    """Gathers what texts say of a tape's alerts, and draws nothing."""

    def __init__(
        self,
        judge: Judge,
        translators: Sequence[Translator],
        former: Mapping[str, Text] | None = None,
    ) -> None:
        """Take whose alerts, the languages of texts, and titles of rules that are gone."""
        super().__init__(judge, translators, former)
        assert isinstance(judge, TapeJudge)
        self._taped = judge

    def periods(self, name: str, at: Micros) -> Longs:
        """Return the periods of a rule's readings as known at an instant (µs), oldest first."""
        whole = self._taped.walked[name]
        if whole.rule.node.momentary:
            return distinct(_between(whole.signals, BEGINNING, at).periods)
        return whole.evaluation.elements(whole.rule.node, at=at)[0]

    def as_known(self, at: Micros) -> Evaluation:
        """Return what reads expressions as they were known at an instant (µs)."""
        return self._taped.as_known(at)

    def chart(
        self,
        name: str,  # noqa: ARG002
        at: datetime,  # noqa: ARG002
        t: Translator,  # noqa: ARG002
        moves: object = (),  # noqa: ARG002
    ) -> ChartSpec | None:
        """Return None."""
        return None


@dataclass(slots=True)
class MessageCollector:
    """Takes the messages of a tape that somebody wants to read; others are not worded.

    What is remembered of a telling, and so what is told next, does not depend on that.

    Attributes:
        wanted: Whether messages of an instant are read.
    """

    wanted: Callable[[datetime], bool]
    _keys: set[str] = field(default_factory=set)
    _rows: list[OutboxRow] = field(default_factory=list)

    def wants(self, at: datetime) -> bool:
        """Return whether messages of an instant are read."""
        return self.wanted(at)

    def enqueue(self, rows: Sequence[OutboxRow]) -> int:
        """Take messages; one that was taken already is left alone."""
        new = [row for row in rows if row.key not in self._keys]
        self._keys.update(row.key for row in new)
        self._rows += new
        return len(new)

    def read(self) -> list[OutboxRow]:
        """Return the messages of an instant, as delivery sends them: the most severe first."""
        rows, self._rows = self._rows, []
        return sorted(rows, key=lambda row: -row.level)


def to_one_reader(ruleset: Ruleset, language: str) -> Ruleset:
    """Return the ruleset with each receiver's targets replaced by one terminal.

    Routes, groups, quiet hours and digests stay; where the files name no receiver, everything
    goes to one.
    """
    names = list(ruleset.receivers) or [TERMINAL]
    readers = {name: (Target(name, "terminal", {"language": language}),) for name in names}
    return replace(ruleset, receivers=readers)


def messages(
    judge: Judge,
    journal: Journal,
    store: Store,
    translators: Mapping[str, Translator],
    wanted: Callable[[datetime], bool],
    texts: Sequence[TextItem] = (),
) -> Iterator[OutboxRow]:
    """Drive a tape from its beginning to its end; yield each message when it would be sent.

    No timer runs after the end of the tape. Afterwards the store holds every transition, with
    the named reason for telling nobody where there is one.

    Args:
        judge: The rules, with receivers that can be told, over the history.
        journal: What a walk over the whole tape did (`replay.replay`).
        store: Empty, and nobody else's.
        translators: By language, the fallback first.
        wanted: Whether messages of an instant are read; others are not put into words.
        texts: Published texts, oldest first.
    """
    walked = {judged.rule.name: judged for judged in journal.judged}
    published: dict[Micros, list[TextItem]] = {}
    for item in texts:
        published.setdefault(micros(item.known_at), []).append(item)
    ahead = sorted({*stops(journal), *published})
    if not ahead:
        return
    own = {judged.rule.name: _own_stops(judged) for judged in journal.judged}
    taped = TapeJudge(judge.ruleset, judge.history, walked=walked, stops=own)
    taped.watched = {name: rule for name, rule in taped.watched.items() if name in walked}
    reader = MessageCollector(wanted)
    telling = Telling(
        taped, store, translators, place_of=lambda target: target.receiver, outlet=reader,
        contexts=WordyContext,
    )  # fmt: skip
    pipeline = Pipeline(taped, Ledger(store, telling, taped), lambda _source: texts)
    # A digest tells what happened since the last one, the first since the tape began.
    ahead[:0] = judge.history.known_instants(after=BEGINNING, upto=Micros(ahead[0] - 1))[
        :1
    ].tolist()
    while (at := _next_stop(pipeline, taped, ahead, telling.owed())) is not None:
        pipeline.handle(Event(at=at, texts=tuple(published.get(at, ()))))
        taped.watchful |= telling.owed()
        yield from reader.read()


def _next_stop(
    pipeline: Pipeline, judge: TapeJudge, ahead: list[Micros], owed: set[str]
) -> Micros | None:
    """Return the next µs at which something may be told, or None at the end of the tape."""
    now = pipeline.handled
    found = ahead[bisect_right(ahead, now) :][:1]
    end = ahead[-1]
    due = pipeline.recorder.next_due()
    if due is not None:
        found.append(max(due, Micros(now + 1)))
    for name in judge.watchful:
        # Whoever was kept from hearing hears with the next reading that nothing keeps back,
        # and from then on of corrections to periods at which the alert did not move.
        if name in owed or pipeline.states[name].level is not Level.NONE:
            at = judge.walked[name].signals.at
            place = int(np.searchsorted(at, now, "right"))
            found += at[place : place + 1].tolist()
    return min((at for at in found if at <= end), default=None)


def stops(journal: Journal) -> list[Micros]:
    """Return the µs at which something of a tape may be told, in order; its end is the last."""
    found = {judged.evaluation.upto for judged in journal.judged}
    for judged in journal.judged:
        found.update(_own_stops(judged).tolist())
    return sorted(found)


def _own_stops(judged: Judged) -> Longs:
    """Return the µs at which something may be told of an alert, in order."""
    signals, moves = judged.signals, list(judged.moves)
    told = [signals.periods[move.reading] for move in moves if move.change not in QUIET]
    again = np.zeros(len(signals.at), np.bool_)
    again[1:] = signals.periods[1:] <= signals.periods[:-1]
    again &= np.isin(signals.periods, told)
    if judged.rule.rule.repeat is not None:
        again |= _firing(moves, signals)
    at = np.array([move.at for move in moves], np.int64)
    return distinct(np.concatenate((at, signals.at[again])))


def _firing(moves: Sequence[Move], signals: Signals) -> NDArray[np.bool_]:
    """Return which readings were made while the alert fired."""
    inside = np.zeros(len(signals.at), np.bool_)
    since: Micros | None = None
    for move in moves:
        if move.change is Change.FIRED:
            since = move.at
        elif move.change is Change.RESOLVED and since is not None:
            inside |= (signals.at >= since) & (signals.at <= move.at)
            since = None
    return inside if since is None else inside | (signals.at >= since)
