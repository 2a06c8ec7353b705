"""The pipeline: one event at a time, from facts to decisions; the same object live and replayed.

An event is everything that became known at one instant, or a tick. The pipeline takes it
into the history, judges every alert it touches, and hands the outcome to a recorder, which
makes it last. What differs between a live run, a replay and a rule test is the feed of
events and the recorder, never this.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from ebbwatch.core.alerting.judging import Judge, Judged, Watched, episode_of
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.alerting.lifecycle import Move
from ebbwatch.core.alerting.sieve import States
from ebbwatch.core.facts.asof import History
from ebbwatch.core.render import Outstanding
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.expr.view import BEGINNING
from ebbwatch.model.alert import Cause, Change, Level, Transition
from ebbwatch.model.fomc import is_unscheduled
from ebbwatch.model.observation import Observation, TextItem
from ebbwatch.model.periods import Micros, instant, micros
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.ports import Held
from ebbwatch.ruleset.patterns import match_in
from ebbwatch.ruleset.rules import Rule
from ebbwatch.runtime.giving_way import Steps, in_one_go


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """All that became known at one instant, or, with nothing in it, a tick.

    Attributes:
        at: µs; logical time of everything decided on it.
        observations: Facts; those known earlier than the last handled event are history.
        texts: Texts that are news.
        past_texts: Texts that are not: their source was read for the first time.
        held: What goes into quarantine.
        cursors: Key and text to be stored in the same transaction.
        added: Series whose past was added to beside us, and is in the history already.
        met: Series of which nothing was held before: their figures are the past.
    """

    at: Micros
    observations: tuple[Observation, ...] = ()
    added: tuple[str, ...] = ()
    met: tuple[str, ...] = ()
    texts: tuple[TextItem, ...] = ()
    past_texts: tuple[TextItem, ...] = ()
    held: tuple[Held, ...] = ()
    cursors: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an event did to one alert.

    Attributes:
        judged: With its moves.
        cause: What moved it, where the readings do not say.
    """

    judged: Judged
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule whose evaluation has a fault of ours.

    Attributes:
        rule: Name of the alert.
        error: What was raised.
    """

    rule: str
    error: Exception


@dataclass(slots=True)
class Handled:
    """What an event came to.

    Attributes:
        event: Itself.
        outcomes: In the order of the rules.
        others: Transitions that no reading made: of text rules, of edited and removed rules.
        past: Transitions of texts that are no news: recorded, not told.
        states: Of the alerts it touched, after it.
        failures: Rules that could not be evaluated; their verdict is unknown.
        history: Whether the outcomes are the past of rules that are new: recorded, not told.
        removed: Names of alerts whose rules are gone.
        quiet: Names of alerts that a new reading leaves exactly as they stand.
        firing: Names of those among them that fire.
        portions: The parts in which it is recorded; none before the recorder looked at it.
        met: Names of alerts that did not fire, and see a series for the first time: what moved
            them is the past, and how they stand is told as of new rules.
        aside: Whether nothing more of the event is told, an edit of the rules neither: telling
            it, or recording what it did, failed for a fault of ours.
        outstanding: What the first visits did not bring, where the first summary is told with
            it; else None.
    """

    event: Event
    outcomes: list[Outcome] = field(default_factory=list)
    others: list[Transition] = field(default_factory=list)
    past: list[Transition] = field(default_factory=list)
    states: dict[str, AlertState] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    history: bool = False
    removed: tuple[str, ...] = ()
    quiet: Sequence[str] = ()
    firing: Sequence[str] = ()
    portions: list[Portion] = field(default_factory=list)
    met: frozenset[str] = frozenset()
    aside: bool = False
    outstanding: Outstanding | None = None

    def left(self) -> list[Portion]:
        """Return the portions that are yet to be recorded, once the recorder made them."""
        return [portion for portion in self.portions if not portion.recorded]


@dataclass(slots=True)
class Portion:
    """What is recorded of an event in one transaction.

    Attributes:
        outcomes: Its alerts', all of an alert's together.
        first: Whether nothing of the event was recorded before.
        last: Whether it completes the event.
        waited: Whether it is nothing but groups that had waited, after a complete event.
        moves: The outcomes as transitions, once they were made; None before.
        recorded: Whether that is done.
    """

    outcomes: list[Outcome]
    first: bool = True
    last: bool = True
    waited: bool = False
    moves: list[Transition] | None = None
    recorded: bool = False


class Recorder(Protocol):
    """Makes decisions last, and tells whoever is to be told."""

    def take(self, outcome: Outcome) -> bool:
        """Look at what an event did to one alert, while its columns are at hand.

        Return True to have all one needs of it: it is then let go, not kept in `Handled`.
        """
        ...

    def record(self, handled: Handled, states: Mapping[str, AlertState]) -> bool:
        """Record an event's outcome, or a part of it, and return whether there is more of it.

        Then it is to be called again. `states` holds every alert's, this event's included.
        """
        ...

    def next_due(self) -> Micros | None:
        """Return the next µs at which time alone gives it something to do, or None."""
        ...


@dataclass(slots=True)
class Pipeline:
    """Handles events in order of time.

    Attributes:
        judge: The rules over the history.
        recorder: Takes every outcome.
        states: Where each alert stands.
        texts: The texts held of a source, for rules that want to know what was said before.
        handled: µs of the newest event; nothing at or before it is walked again.
        timeless: Alerts whose timers could not be found, and what was raised; whoever watches
            over rules takes them out.
    """

    judge: Judge
    recorder: Recorder
    texts: Callable[[str], Sequence[TextItem]] = lambda _source: ()
    states: States = field(default_factory=States)
    handled: Micros = BEGINNING
    timeless: dict[str, Exception] = field(default_factory=dict)
    _timers: dict[str, tuple[tuple[object, ...], Micros | None]] = field(default_factory=dict)

    def next_due(self) -> Micros | None:
        """Return the next µs at which time alone could change something; later than `handled`."""
        due = [
            self.judge.history.next_edge(self.handled),
            self.recorder.next_due(),
            *(self._timer(name) for name in self.states.holding),
        ]
        return min(
            (max(at, Micros(self.handled + 1)) for at in due if at is not None), default=None
        )

    def handle(self, event: Event, *, history: bool = False) -> Handled:
        """Take one event to its consequences: decide what it does, and make that last."""
        handled = self.decide(event, history=history)
        self.commit(handled)
        return handled

    def commit(self, handled: Handled) -> None:
        """Make an event's outcome last; may be tried again where the recorder could not."""
        in_one_go(self.committing(handled))

    def committing(self, handled: Handled) -> Steps[None]:
        """Make an event's outcome last, part by part."""
        while self.recorder.record(handled, self.states):
            yield
        self.handled = max(self.handled, handled.event.at)

    def decide(
        self, event: Event, *, history: bool = False, without: Collection[str] = ()
    ) -> Handled:
        """Return what an event does to the alerts (`deciding`)."""
        return in_one_go(self.deciding(event, history=history, without=without))

    def deciding(
        self, event: Event, *, history: bool = False, without: Collection[str] = ()
    ) -> Steps[Handled]:
        """Return what an event does to the alerts; the next one is decided after its commit.

        Alerts may be left `without` it, to which it was done before.

        With `history`, on a first start, the whole tape up to the event is walked and
        recorded, and nobody is told.

        1. Take its facts into the history.
        2. Judge the alerts whose inputs changed or whose timers came due since the last event,
           but for those that the sieve tells will stand exactly as they do.
        3. Judge once more, at this instant, those whose past changed.
        4. Match its texts.

        Every instant used is `event.at`: this reads no clock.
        """
        known = self.judge.history
        past = {o.series for o in event.observations if micros(o.known_at) <= self.handled}
        past |= set(event.added)
        handled = Handled(event, history=history)
        evaluation = Evaluation(known, self.handled, event.at)
        for rule in self._touched(handled, without):
            self._judge(handled, rule, evaluation)
            yield
        if past:
            present = Evaluation(known, BEGINNING, event.at)
            for rule in self.judge.watched.values():
                if rule.series & past and rule.name not in without:
                    self._judge(handled, rule, present, cause=Cause.HISTORY_ADDED)
                    yield
        handled.past.extend(self._texts(event, event.past_texts))
        handled.others.extend(self._texts(event, event.texts))
        handled.met = frozenset(self._met(event))
        self.states.update(handled.states)
        return handled

    def _met(self, event: Event) -> Iterable[str]:
        """Yield the alerts that are introduced by an event, not moved by it."""
        for name, rule in self.judge.watched.items() if event.met else ():
            was = self.states.get(name)
            if rule.series.intersection(event.met) and (was is None or was.level is Level.NONE):
                yield name

    def _touched(self, handled: Handled, without: Collection[str]) -> list[Watched]:
        """Take an event's facts into the history; return the rules it asks to be judged."""
        judge, at = self.judge, handled.event.at
        known, watched = judge.history, judge.watched
        if self.handled == BEGINNING:
            known.observe(handled.event.observations)
            changed = known.changed(after=BEGINNING, upto=at)
            return [rule for rule in watched.values() if rule.series & changed]
        sieve = self.states.sieve(judge)
        known.observe(handled.event.observations)
        changed = known.changed(after=self.handled, upto=at)
        due = {
            n for n in self.states.holding if (when := self._timer(n)) is not None and when <= at
        }
        if not changed and not due:
            return []
        if without:
            return [
                rule for name, rule in watched.items()
                if name not in without and (name in due or rule.series & changed)
            ]  # fmt: skip
        sifted = sieve.sift(changed, after=self.handled, upto=at)
        handled.quiet, handled.firing = sifted.quiet, sifted.firing
        # What is kept of an episode is to be saved, though it moved nothing.
        handled.states.update({name: self.states[name] for name in sifted.further})
        return [watched[name] for name in sorted(due.union(sifted.judge), key=sieve.place)]

    def _timer(self, name: str) -> Micros | None:
        """Return the µs at which an alert's hold in time will be over; None for none.

        Asked before and after every event, it is found anew only where something it depends
        on is another: the rule, the state, or when an input was late.
        """
        rule = self.judge.watched.get(name)
        if rule is None:
            return None
        state, known = self.states[name], self.judge.history
        basis = (rule, state, *(known.late(series) for series in sorted(rule.node.setters)))
        before, at = self._timers.get(name, ((), None))
        if len(before) != len(basis) or any(a is not b for a, b in zip(before, basis, strict=True)):
            try:
                at = self.judge.timer(rule, state)
            except Exception as error:  # noqa: BLE001  one poisoned rule must not stop the rest
                at = None
                self.timeless[name] = error
            self._timers[name] = (basis, at)
        return at

    def _judge(
        self, handled: Handled, rule: Watched, evaluation: Evaluation, cause: Cause | None = None
    ) -> None:
        """Judge one alert; a fault of ours makes its verdict unknown, and no other's."""
        state = handled.states.get(rule.name) or self.states.get(rule.name) or AlertState()
        judge = self.judge.present if cause is not None else self.judge.judge
        try:
            judged = judge(rule, state, evaluation)
        except Exception as error:  # noqa: BLE001  one poisoned rule must not stop the rest
            handled.failures.append(Failure(rule.name, error))
            return
        handled.states[rule.name] = judged.state
        outcome = Outcome(judged, cause)
        if not self.recorder.take(outcome):
            handled.outcomes.append(outcome)
        elif rule.name in self.judge.private:
            evaluation.forget(rule.node)

    def _texts(self, event: Event, texts: Sequence[TextItem]) -> Iterable[Transition]:
        """Yield what some of an event's texts make text rules fire on."""
        # What a source said before is read once, however many rules want to know it.
        earlier: dict[str, Sequence[TextItem]] = {}
        for rule in self.judge.ruleset.rules if texts else ():
            if rule.pattern:
                source = rule.text_source
                if rule.only_new and source not in earlier:
                    earlier[source] = (*self.texts(source), *event.past_texts)
                yield from text_moves(rule, texts, event.at, earlier.get(source, ()))

    # ---- other rules -----------------------------------------------------------------

    def adopt(self, judge: Judge, at: Micros) -> Handled:
        """Take other rules from an instant on, and make what that did last."""
        handled = self.decide_edit(judge, at)
        self.commit(handled)
        return handled

    def decide_edit(self, judge: Judge, at: Micros) -> Handled:
        """Take other rules from an instant on, and return what that does to the alerts.

        A rule that is new, or measures something else than before, is driven over the tape
        from its beginning, recorded and not told. An alert that fires goes on where its rule
        still holds, and is withdrawn where not; a threshold edit that makes one fire is told.
        """
        before, states = self.judge, dict(self.states)
        old = {r.name: (r.definition, r.ladder) for r in before.ruleset.rules}
        self.judge = judge
        try:
            return self.decide_since(old, at)
        except Exception:
            self.judge, self.states = before, States(states)
            raise

    def decide_since(self, old: Mapping[str, tuple[str, str]], at: Micros) -> Handled:
        """Take the rules as they are, where they were others before.

        Args:
            old: Hashes of definition and ladder that the states were made under, by name.
            at: µs of the edit.
        """
        handled = Handled(Event(at=at), history=True)
        for name, rule in self.judge.watched.items():
            definition, ladder = old.get(name, ("", ""))
            if definition != rule.rule.definition:
                self._rewalk(handled, rule, at, recorded=True)
            elif ladder != rule.rule.ladder:
                self._rewalk(handled, rule, at, recorded=False)
        handled.removed = tuple(name for name in old if name not in self.judge.watched)
        for name in handled.removed:
            was = self.states.pop(name, None)
            if was is not None and was.level is not Level.NONE:
                handled.others.append(withdrawn(name, was, at))
        self.states.update(handled.states)
        return handled

    def _rewalk(self, handled: Handled, rule: Watched, at: Micros, *, recorded: bool) -> None:
        """Drive one alert over the whole tape, and join what it was with what it comes to."""
        was = self.states.get(rule.name, AlertState())
        evaluation = Evaluation(self.judge.history, BEGINNING, at)
        try:
            judged = self.judge.judge(rule, AlertState(), evaluation)
        except Exception as error:  # noqa: BLE001  one poisoned rule must not stop the rest
            handled.failures.append(Failure(rule.name, error))
            return
        if recorded:
            handled.outcomes.append(Outcome(judged))
        state, change = joined(was, judged.state, at, told=not recorded)
        handled.states[rule.name] = state
        if change is not None:
            handled.others.append(self._edited(was, state, judged, change, at))

    def _edited(
        self, was: AlertState, now: AlertState, judged: Judged, change: Change, at: Micros
    ) -> Transition:
        """Return what an edit did to an alert, with the reading that stands."""
        begun = was.begun_at if change is Change.WITHDRAWN else now.begun_at
        assert begun is not None
        move = Move(
            at, -1, change, was.level, now.level, timer=False, begun_at=begun,
            entered_at=now.entered_at or was.entered_at, entry=now.entry, extreme=now.extreme,
        )  # fmt: skip
        stands = replace(judged, before=judged.state)
        return self.judge.transition(stands, move, judged.state.previous, Cause.RULE_CHANGED)


def joined(
    was: AlertState, comes: AlertState, at: Micros, *, told: bool
) -> tuple[AlertState, Change | None]:
    """Return where an edited alert stands, and the change that people are told.

    Args:
        was: Before the edit.
        comes: As if the rule had always been so.
        at: µs of the edit.
        told: Whether an alert that the edit makes fire is news; what a new rule finds is
            told with the edit itself.
    """
    if was.level is Level.NONE and comes.level is Level.NONE:
        return comes, None
    if comes.level is Level.NONE:
        return comes, Change.WITHDRAWN
    if was.level is Level.NONE:
        if not told:
            return comes, None
        return replace(comes, begun_at=at, entered_at=at), Change.FIRED
    state = replace(comes, begun_at=was.begun_at, entered_at=was.entered_at, entry=was.entry)
    if comes.level == was.level:
        return state, None
    return state, Change.ESCALATED if comes.level > was.level else Change.EASED


def withdrawn(name: str, was: AlertState, at: Micros) -> Transition:
    """Return the transition of an alert whose rule is gone."""
    assert was.begun_at is not None
    return Transition(
        at=instant(at),
        rule=name,
        change=Change.WITHDRAWN,
        level=was.level,
        before=was.level,
        value=None,
        unit=None,
        threshold=None,
        period="",
        episode=episode_of(name, was.begun_at),
        cause=Cause.RULE_CHANGED,
        entered_at=None if was.entered_at is None else instant(was.entered_at),
    )


def text_moves(
    rule: Rule, texts: Sequence[TextItem], at: Micros, earlier: Sequence[TextItem] = ()
) -> Iterable[Transition]:
    """Yield one transition for each text that a rule asks for.

    Args:
        rule: Of texts.
        texts: That are news, of any source.
        at: µs.
        earlier: What is held of the rule's source, where the rule wants to know it.
    """
    for item in texts:
        if item.source != rule.text_source or not _is_found(rule.pattern, item):
            continue
        if rule.unscheduled and not _is_unscheduled(item):
            continue
        if rule.only_new and _said_before(rule.pattern, item, [*earlier, *texts]):
            continue
        yield Transition(
            at=instant(at),
            rule=rule.name,
            change=Change.FIRED,
            level=rule.level,
            before=Level.NONE,
            value=None,
            unit=None,
            threshold=None,
            period=item.published_at.date().isoformat(),
            episode=f"{episode_of(rule.name, at)}/{item.key}",
            cause=Cause.TEXT,
        )


def _is_found(pattern: str, item: TextItem) -> bool:
    return match_in(pattern, f"{item.title}\n{item.body}") is not None


def _is_unscheduled(item: TextItem) -> bool:
    """Return whether a text is an FOMC statement on a day for which none was planned."""
    if "fomc statement" not in item.title.lower():
        return False
    return is_unscheduled(item.published_at.astimezone(NEW_YORK).date())


def _said_before(pattern: str, item: TextItem, held: Sequence[TextItem]) -> bool:
    """Return whether the previous text of an item's kind matches, too."""
    before = [
        one
        for one in held
        if one.source == item.source
        and one.kind == item.kind
        and one.published_at < item.published_at
    ]
    return bool(before) and _is_found(pattern, max(before, key=lambda one: one.published_at))


def tape_end(history: History) -> Micros:
    """Return the µs of the newest fact of a tape: no timer runs after it."""
    ends = [
        Micros(int(np.max(column.known)))
        for name in history.held
        if (column := history.column(name)) is not None and len(column)
    ]
    return max(ends, default=Micros(0))
