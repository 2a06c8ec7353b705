"""The desk: whom to ask how rules stand, why, what an expression comes to, and what is told.

Every command asks here, and so do chats and the page: each question has one answer, a value,
which `core.answering.json_rows` makes JSON of and `core.render` words. Nothing is changed here, and no clock
is read: the instant is part of the question.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.answering.answers import Answer, answer, chart_of, compiled
from ebbwatch.core.answering.expected import Expected, Release, SeriesStanding
from ebbwatch.core.answering.explaining import Explanation, explain
from ebbwatch.core.answering.exporting import Exported, exported_expression, exported_series
from ebbwatch.core.answering.status import Standing, standings
from ebbwatch.core.answering.supposing import Supposed, supposed_figures
from ebbwatch.core.answering.what_if import WhatIf
from ebbwatch.core.render import ToldChange, Translator, alert_message
from ebbwatch.core.telling.context import Context
from ebbwatch.core.telling.grouping import Group
from ebbwatch.core.telling.standing_move import move_to_here
from ebbwatch.expr import Expression
from ebbwatch.model.alert import Level, Transition
from ebbwatch.model.calendars import STRONGEST_FIRST
from ebbwatch.model.chart import ChartSpec
from ebbwatch.model.message import Message, OutboxRow, Reason
from ebbwatch.model.periods import Micros, micros
from ebbwatch.model.problem import Problem
from ebbwatch.ports import Ack, Held, Silence, Store
from ebbwatch.ruleset.rules import Rule
from ebbwatch.ruleset.suggestions import no_such
from ebbwatch.runtime import silences
from ebbwatch.runtime.driven_ahead import driven_ahead, readers
from ebbwatch.runtime.lookback.replay import WantedSpan, replay, transitions
from ebbwatch.runtime.pipeline import Event, Handled, Outcome, Pipeline
from ebbwatch.runtime.telling.memory import Memory, Owed

#: Messages and changes that are listed; where there are more, the newest.
LISTED = 1000
#: Months of readings that a small picture shows.
SKETCH_MONTHS = 12

#: Returns the rules in force over everything known; another judge after a reload.
JudgeInForce = Callable[[], Judge]
#: Returns where some alerts stand at an instant (µs), and perhaps others too.
States = Callable[[Collection[str], Micros], Mapping[str, AlertState]]


class NoSuchRule(LookupError):
    """A rule was asked about that there is not; the text names the one probably meant."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits to be told.

    Attributes:
        messages: In the outbox, not delivered yet, oldest first.
        groups: Changes that wait for others of their group, or for the end of quiet hours,
            soonest first.
        owed: What places have yet to hear of alerts, and why, by place and name of the alert.
    """

    messages: tuple[OutboxRow, ...] = ()
    groups: tuple[Group, ...] = ()
    owed: Mapping[tuple[str, str], Owed] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Desk:
    """Answers questions; the same within the daemon and beside it.

    Attributes:
        judge: Returns the rules in force over everything known. A question that is about
            neither does not ask for it.
        states: Returns where alerts stand.
        store: Where silences, acknowledgements and messages are kept; None where nothing is.
        moment: Returns what differs from before once anything was decided.
        troubles: Returns what is wrong with the watching itself, and since when it was told.
    """

    judge: JudgeInForce
    states: States
    store: Store | None = None
    moment: Callable[[], Hashable] = field(default=lambda: None)
    troubles: Callable[[], Mapping[str, datetime]] = field(default=dict)

    # ---- rules -----------------------------------------------------------------------

    def standings(self, at: datetime) -> tuple[Standing, ...]:
        """Return how every rule stands, in the order of the files."""
        judge, instant = self.judge(), micros(at)
        return standings(judge, self.states(judge.watched, instant), instant)

    def standing(self, name: str, at: datetime) -> Standing:
        """Return how one rule stands.

        Raises:
            NoSuchRule: If there is none of that name.
        """
        judge, instant = self.judge(), micros(at)
        _known(judge, name)
        return standings(judge, self.states((name,), instant), instant, (name,))[0]

    def explanation(self, name: str, at: datetime, t: Translator) -> Explanation:
        """Return why a rule stands as it does, for a reader of a language.

        Raises:
            NoSuchRule: If there is none of that name.
        """
        judge, instant = self.judge(), micros(at)
        _known(judge, name)
        state = self.states((name,), instant).get(name, AlertState())
        return explain(judge, name, state, instant, (t,))

    def messages(
        self, names: Collection[str], at: datetime, t: Translator, zone: str
    ) -> dict[str, Message]:
        """Return what would be told now of those of some alerts that fire, by name.

        Args:
            names: Of the alerts.
            at: What is known then is told.
            t: The reader's language.
            zone: IANA name of the reader's zone.
        """
        judge, instant = self.judge(), micros(at)
        context = Context(judge, (t,))
        states = self.states(names, instant)
        found = {}
        for name in names:
            rule, state = judge.watched.get(name), states.get(name)
            if rule is None or state is None or state.level is Level.NONE:
                continue
            move = move_to_here(judge, rule, state, instant)
            told = replace(context.whole(move, at=at), zone=zone)
            found[name] = alert_message([told], reason=Reason.FIRST, t=t)
        return found

    # ---- expressions -----------------------------------------------------------------

    def answer(self, text: str, at: datetime) -> Answer | tuple[Problem, ...]:
        """Return what an expression comes to, or what is wrong with it."""
        judge = self.judge()
        asked = compiled(text, judge.ruleset, file="expression")
        return answer(judge, asked, micros(at)) if isinstance(asked, Expression) else asked

    def exported(
        self, text: str, at: datetime, *, first: date | None = None
    ) -> Exported | tuple[Problem, ...]:
        """Return the figures of a series, or an expression by period, or what is wrong with it.

        Args:
            text: A series' name, or else an expression.
            at: Nothing known later is used.
            first: First day of a period; None for all.
        """
        judge, moment = self.judge(), micros(at)
        series = judge.ruleset.series.get(text.strip())
        if series is not None:
            return exported_series(judge.history, series, moment, first)
        asked = compiled(text, judge.ruleset, file="expression")
        if not isinstance(asked, Expression):
            return asked
        return exported_expression(judge, asked, moment, first)

    def chart(
        self, text: str, at: datetime, t: Translator, *, first: date | None = None
    ) -> ChartSpec | tuple[Problem, ...] | None:
        """Return what to draw of a rule or of an expression, or what is wrong with it.

        None where there is nothing to draw: of a condition, and where no value is known.

        Args:
            text: A rule's name, or else an expression.
            at: Nothing known later is drawn.
            t: The reader's language.
            first: First day shown; None for two years of a rule, and all of an expression.
        """
        judge = self.judge()
        if any(rule.name == text for rule in judge.ruleset.rules):
            moves = self._moves(judge, text, at)
            return Context(judge, (t,)).chart_since(first, text, at, t, moves)
        asked = compiled(text, judge.ruleset, file="expression")
        return chart_of(judge, asked, micros(at), first) if isinstance(asked, Expression) else asked

    def sketch(self, name: str, at: datetime, t: Translator) -> ChartSpec | None:
        """Return a rule's last year without its changes; None where there is nothing to draw."""
        return Context(self.judge(), (t,)).chart_since(None, name, at, t, months=SKETCH_MONTHS)

    def version(self, name: str) -> Hashable:
        """Return what differs from before once another picture would be drawn of a rule."""
        judge = self.judge()
        rule = judge.watched.get(name)
        if rule is None:
            return None
        facts = tuple((each, judge.history.version(each)) for each in sorted(rule.series))
        return rule.rule.definition, rule.rule.ladder, facts

    def _moves(self, judge: Judge, name: str, at: datetime) -> Sequence[Transition]:
        """Return a rule's changes up to an instant: as recorded, or as a replay finds them."""
        if self.store is not None and name in self.store.alerts():
            return [move for move in self.store.transitions(rule=name) if move.at <= at]
        alone = judge.only((name,))
        return list(transitions(alone, replay(alone, micros(at)), WantedSpan()))

    # ---- figures ---------------------------------------------------------------------

    def what_if(self, texts: Sequence[str], at: datetime) -> WhatIf | tuple[Problem, ...]:
        """Return what supposed figures would do to the alerts, or what is wrong with them.

        Args:
            texts: ``SERIES=VALUE`` or ``SERIES@PERIOD=VALUE``, at least one.
            at: As known then.
        """
        judge, moment = self.judge(), micros(at)
        found = supposed_figures(texts, judge.history, moment)
        figures = tuple(one for one in found if isinstance(one, Supposed))
        if len(figures) < len(found):
            return tuple(one for one in found if isinstance(one, Problem))
        states = self.states(readers(judge, figures), moment)
        return driven_ahead(judge, states, figures, moment)

    def series(self, names: Collection[str], at: datetime) -> tuple[SeriesStanding, ...]:
        """Return how some series stand, in order of name.

        Raises:
            KeyError: If one of them is not in the catalogue.
        """
        expected = Expected(self.judge().history, micros(at))
        return tuple(expected.series(name) for name in sorted(names))

    def watched_series(self, at: datetime) -> tuple[SeriesStanding, ...]:
        """Return how the series stand that some rule reads, in order of name."""
        return self.series({n for rule in self.judge().watched.values() for n in rule.series}, at)

    def due(self, at: datetime, until: datetime) -> tuple[Release, ...]:
        """Return the figures that are expected of watched series up to an instant, soonest first."""
        expected = Expected(self.judge().history, micros(at))
        names = {name for rule in self.judge().watched.values() for name in rule.series}
        found = [one for name in names for one in expected.releases(name, micros(until))]
        return tuple(sorted(found, key=lambda one: (one.at, one.series.name, one.period)))

    def turns(self, first: date, last: date) -> tuple[tuple[date, str], ...]:
        """Return the days from one to another on which funding is known to be dear, and why.

        In order of time; of one day, the strongest first.
        """
        ruleset = self.judge().ruleset
        business, years = ruleset.business["sifma"], range(first.year, last.year + 1)
        found = {
            (day, name)
            for name, calendar in ruleset.calendars.items()
            for year in years
            for day in calendar.anchor_days(business, year)
            if first <= day <= last
        }
        strength = {name: place for place, name in enumerate(STRONGEST_FIRST)}
        return tuple(sorted(found, key=lambda one: (one[0], strength.get(one[1], 99), one[1])))

    def readers_of(self, series: str) -> tuple[Rule, ...]:
        """Return the rules that read a series, in the order of the files."""
        return tuple(r.rule for r in self.judge().watched.values() if series in r.series)

    def held_back(self, names: Collection[str]) -> tuple[Held, ...]:
        """Return the figures of some series that are in quarantine, oldest first."""
        held = () if self.store is None else self.store.held()
        return tuple(one for one in held if one.observation.series in names)

    # ---- what happened ---------------------------------------------------------------

    def moves(
        self, t: Translator, *, rule: str | None = None, since: datetime | None = None,
        limit: int = LISTED,
    ) -> tuple[ToldChange, ...]:  # fmt: skip
        """Return the newest recorded changes, newest first, each with what a line of it says.

        Args:
            t: The reader's language.
            rule: Name of the alert; None for all.
            since: UTC instant; None for the beginning.
            limit: How many at most.
        """
        if self.store is None:
            return ()
        context = Context(self.judge(), (t,))
        found = self.store.transitions(rule=rule, since=since, limit=limit)
        return tuple(context.short(move) for move in found)

    def told(self, name: str) -> tuple[OutboxRow, ...]:
        """Return the messages about an alert among the newest of all, newest first."""
        rows = () if self.store is None else self.store.outbox(limit=LISTED)
        return tuple(row for row in rows if name in row.lines)

    # ---- telling ---------------------------------------------------------------------

    def silences(self, at: datetime) -> tuple[Silence, ...]:
        """Return the silences in force, soonest to end first."""
        return () if self.store is None else tuple(silences.in_force(self.store, at))

    def acks(self) -> tuple[Ack, ...]:
        """Return what was acknowledged of what fires, by name of the alert."""
        return () if self.store is None else tuple(silences.acks(self.store))

    def unsettled(self) -> tuple[OutboxRow, ...]:
        """Return the messages that wait, or did not get through, newest first."""
        if self.store is None:
            return ()
        states = ("waiting", "claimed", "parked", "expired")
        return tuple(self.store.outbox(states=states, limit=LISTED))

    def waiting(self) -> Waiting:
        """Return what waits to be told."""
        if self.store is None:
            return Waiting()
        rows = self.store.outbox(states=("waiting", "claimed"), limit=LISTED)
        memory = Memory(self.store)
        groups = memory.waiting().values()
        return Waiting(
            tuple(sorted(rows, key=lambda row: (row.created_at, row.key))),
            tuple(sorted(groups, key=lambda group: (group.due_at, group.key))),
            memory.owed(),
        )


def _known(judge: Judge, name: str) -> None:
    names = [rule.name for rule in judge.ruleset.rules]
    if name not in names:
        raise NoSuchRule(no_such("rule", name, names))


# ---- states beside the daemon --------------------------------------------------------------


def kept_states(judge: JudgeInForce, store: Store | None) -> States:
    """Return where a daemon left alerts; those it keeps nothing of are walked.

    What it keeps of a rule that was edited since is of another rule, and does not count.
    """

    def states(names: Collection[str], at: Micros) -> Mapping[str, AlertState]:
        watched = judge().watched
        records = {} if store is None else store.alerts()
        kept = {
            name: AlertState.from_json(record.state)
            for name in names
            if (record := records.get(name)) is not None
            and (rule := watched.get(name)) is not None
            and (record.definition, record.ladder) == (rule.rule.definition, rule.rule.ladder)
        }
        return kept | walked(judge(), set(names) - set(kept), at)

    return states


def walked_states(judge: JudgeInForce) -> States:
    """Return where alerts would stand if everything had been watched from the beginning."""
    return lambda names, at: walked(judge(), names, at)


def walked(judge: Judge, names: Collection[str], at: Micros) -> dict[str, AlertState]:
    """Return where some alerts would stand at an instant (µs), the tape walked up to it."""
    some = judge.only(names)
    if not some.watched:
        return {}
    pipeline = Pipeline(some, _Unrecorded())
    pipeline.handle(Event(at=at))
    return dict(pipeline.states)


class _Unrecorded:
    """A recorder that needs nothing of what is decided."""

    def take(self, _outcome: Outcome) -> bool:
        """Let an outcome go."""
        return True

    def record(self, _handled: Handled, _states: Mapping[str, AlertState]) -> bool:
        """Record nothing."""
        return False

    def next_due(self) -> Micros | None:
        """Return None: nothing is told."""
        return None
