"""The ledger: makes an event's outcome last, in one transaction.

Facts, transitions, states, what is to be told, and the cursors of the sources commit
together or not at all; nothing in between touches a network. A crash before the commit
leaves the event to be polled again, one after it leaves rows to be delivered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import structlog

from ebbwatch.core.alerting.judging import Judge, Watched, episode_of
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.telling.hearing import Why
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.expr.graph import Node
from ebbwatch.model.alert import Cause, Change, Level, Transition
from ebbwatch.model.periods import instant, micros
from ebbwatch.ports import AlertRecord, Store
from ebbwatch.runtime.pipeline import Failure, Handled, Outcome
from ebbwatch.runtime.silences import carry_acks, follow_renames
from ebbwatch.runtime.telling import Edit, Telling

#: Where the instant of the newest handled event is kept.
HANDLED = "handled"
#: Fields of a state that can be read off the history again, and need no saving.
_DERIVED = ("read_at", "value", "previous", "why", "known")

#: What each change is called in the log.
_EVENTS = {change: f"alert.{change.value}" for change in Change}

log = structlog.get_logger()


@dataclass(slots=True)
class Ledger:
    """Records what the pipeline decides.

    Attributes:
        store: Where to.
        telling: Makes outbox rows of transitions.
        judge: The rules, for transitions' working and for what identifies a definition.
        records: What the store holds of each alert.
        edit: What the next outcome adopts; None where it adopts nothing.
    """

    store: Store
    telling: Telling
    judge: Judge
    records: dict[str, AlertRecord] = field(default_factory=dict)
    edit: Edit | None = None
    _saved: dict[str, AlertState] = field(default_factory=dict)

    def load(self) -> dict[str, AlertState]:
        """Return the stored states of the alerts whose rules still measure the same."""
        self.records = self.store.alerts()
        states = {}
        for name, record in self.records.items():
            rule = self.judge.watched.get(name)
            if rule is not None:
                states[name] = self._saved[name] = AlertState.from_json(record.state)
        return states

    def next_due(self) -> int | None:
        """Return when something waits to be told, as µs."""
        due = self.telling.next_due()
        return None if due is None else micros(due)

    def take(self, _outcome: Outcome) -> bool:
        """Return False: outcomes are recorded with their event."""
        return False

    def record(self, handled: Handled, states: Mapping[str, AlertState]) -> None:
        """Write an event's outcome, and tell.

        1. The facts, and what is held back.
        2. The transitions, each with outbox rows or a named reason for having none.
        3. The states that changed, if nobody else changed them meanwhile.
        4. What was waiting to be told and is due now.
        5. On a first start, what fires; with an edit of the rules, what it changed.
        6. The cursors, and how far the tape was handled.
        """
        event = handled.event
        at = instant(event.at)
        if handled.moves is None:
            handled.moves = self._transitions(handled)
        with self.store.transaction():
            self.store.record(event.observations)
            self.store.hold(event.held)
            self.store.record_texts(event.texts)
            told = self._told(handled, handled.moves, states)
            self.store.append(told)
            first = handled.history and self.store.get(HANDLED) is None
            # A rule that has no figure yet is known all the same: it is no new one tomorrow.
            blank = {name: AlertState() for name in self.judge.watched} if first else {}
            saved = self._save(blank | handled.states)
            if handled.removed:
                self.store.forget_alerts(handled.removed)
            if not handled.aside:
                if not handled.history:
                    read = self._read(handled)
                    self.telling.look(read, met=handled.met, at=at, states=states)
                self.telling.tick(at=at, states=states)
                if first:
                    self.telling.summary(at=at, states=states)
            for key, text in event.cursors:
                self.store.put(key, text)
            self.store.put(HANDLED, at.isoformat())
        if handled.history:
            self.edit = None
        self.records.update({record.name: record for record in saved})
        for name in handled.removed:
            self.records.pop(name, None)
            self._saved.pop(name, None)
        self._saved.update(handled.states)
        self._say(handled, told)

    def _edited(
        self, edit: Edit, handled: Handled, states: Mapping[str, AlertState]
    ) -> list[Transition]:
        """Tell an edit; what people wished of rules that are renamed goes on."""
        at = instant(handled.event.at)
        follow_renames(self.store, edit.renamed, at=at)
        told = self.telling.edited(edit, handled.others, at=at, states=states)
        ended = {m.rule: m.episode for m in handled.others if m.change is Change.WITHDRAWN}
        carry_acks(self.store, ended, edit.renamed, states)
        return told

    def _told(
        self, handled: Handled, moves: Sequence[Transition], states: Mapping[str, AlertState]
    ) -> list[Transition]:
        """Tell an event's moves; return them with the named reason of each that nobody hears."""
        at = instant(handled.event.at)
        if handled.aside:
            untold = Why.BROKEN.value
            return [replace(move, muted=untold) for move in (*moves, *handled.others)]
        past = [move for move in moves if move.rule in handled.met]
        present = [move for move in moves if move.rule not in handled.met]
        told = self.telling.tell(past, at=at, states=states, history=True)
        told += self.telling.tell(present, at=at, states=states, history=handled.history)
        if not handled.history:
            told += self.telling.tell(handled.others, at=at, states=states)
        elif self.edit is not None:
            told += self._edited(self.edit, handled, states)
        return told

    def _read(self, handled: Handled) -> list[str]:
        """Return the alerts with new readings of which there may be something to tell."""
        read = [o.judged.rule.name for o in handled.outcomes if len(o.judged.signals.at)]
        if handled.quiet:
            owed = self.telling.owed()
            read += [*handled.firing, *(name for name in handled.quiet if name in owed)]
        return list(dict.fromkeys(read))

    def _transitions(self, handled: Handled) -> list[Transition]:
        found: list[Transition] = []
        for outcome in handled.outcomes:
            try:
                found += self.judge.transitions(outcome.judged, outcome.cause)
            except Exception as error:
                # A figure that nobody foresaw must not keep the other rules from being told.
                name = outcome.judged.rule.name
                handled.failures.append(Failure(name, error))
                log.exception("transition.plain", rule=name)
                found += bare_transitions(outcome)
        return sorted(found, key=lambda t: (t.at, t.rule))

    def _save(self, states: dict[str, AlertState]) -> list[AlertRecord]:
        """Save the states that differ from what is stored; return them as they are now."""
        written = []
        for name, state in states.items():
            record = self.records.get(name)
            rule = self.judge.watched[name]
            definition, ladder = rule.rule.definition, rule.rule.ladder
            before = self._saved.get(name)
            if (
                record is not None
                and before is not None
                and (record.definition, record.ladder) == (definition, ladder)
                and _essence(before, waits=rule.ladder.waits)
                == _essence(state, waits=rule.ladder.waits)
            ):
                continue
            version = 0 if record is None else record.version
            written.append(
                AlertRecord(
                    name=name,
                    definition=definition,
                    ladder=ladder,
                    state=state.to_json(),
                    version=version,
                )
            )
        self.store.save_alerts(written)
        return [replace(record, version=record.version + 1) for record in written]

    def _say(self, handled: Handled, transitions: Iterable[Transition]) -> None:
        """Log one line for the event, and one for each change that people hear of."""
        at = instant(handled.event.at).isoformat()
        count = 0
        for t in transitions:
            if t.muted == Why.HISTORY.value:
                continue
            if t.change in (Change.ARMED, Change.DISARMED):
                continue
            count += 1
            log.info(
                _EVENTS[t.change], at=at, rule=t.rule, rung=t.level.word, value=t.value,
                unit=t.unit, period=t.period, cause=t.cause.value, muted=t.muted,
            )  # fmt: skip
        for failure in handled.failures:
            log.error(
                "rule.failed", at=at, rule=failure.rule, exc_info=failure.error,
                remedy="its verdict is unknown; report this with the rule and the figures",
            )  # fmt: skip
        event = handled.event
        log.debug(
            "event.handled", at=at, observations=len(event.observations), texts=len(event.texts),
            held=len(event.held), alerts=len(handled.outcomes), transitions=count,
        )  # fmt: skip


def bare_transitions(outcome: Outcome) -> list[Transition]:
    """Return an alert's moves without their figures, where those could not be gathered."""
    judged = outcome.judged
    return [
        Transition(
            at=instant(move.at),
            rule=judged.rule.name,
            change=move.change,
            level=move.before if move.after is Level.NONE else move.after,
            before=move.before,
            value=None,
            unit=None,
            threshold=None,
            period=judged.rule.every.text(judged.period(move.reading)),
            episode=episode_of(judged.rule.name, move.begun_at),
            cause=outcome.cause or Cause.NEW_PERIOD,
            entered_at=None if move.entered_at is None else instant(move.entered_at),
        )
        for move in judged.moves
    ]


def _essence(state: AlertState, *, waits: bool) -> AlertState:
    """Return what of a state must be saved: a rule that holds nothing needs no period."""
    blank = AlertState()
    fields = {name: getattr(blank, name) for name in _DERIVED}
    if not waits:
        fields |= {"period": blank.period, "base": (), "count": (), "breached": ()}
    return replace(state, **fields)


def refreshed(judge: Judge, states: dict[str, AlertState], at: int) -> dict[str, AlertState]:
    """Return stored states with the readings that stand at an instant, nothing stepped."""
    # What stands at an instant needs no more than the last moment before it.
    evaluation = Evaluation(judge.history, at - 1, at)
    found = {}
    for name, state in states.items():
        try:
            found[name] = _refreshed(judge, judge.watched[name], state, evaluation)
        except Exception:
            # One poisoned rule must not keep the others from starting.
            log.exception("rule.unread", rule=name)
            found[name] = state
    return found


def _refreshed(
    judge: Judge, rule: Watched, state: AlertState, evaluation: Evaluation
) -> AlertState:
    """Return one stored state with the reading that stands."""
    signals = judge.signals(
        rule,
        evaluation.current(rule.node),
        None if rule.clear is None else evaluation.current(rule.clear),
    )
    if len(signals.at) == 0:
        return state
    known = bool(signals.known[0])
    value = state.value
    if signals.values is not None and known:
        value = float(signals.values[0])
    period = int(signals.periods[0])
    counting = rule.ladder.waits and state.base != state.count
    fresh = replace(
        state,
        period=state.period if counting else max(state.period, period),
        known=known,
        value=value,
        value_period=period if known else state.value_period,
        why=0 if known else int(signals.why[0]),
    )
    if known and period > state.value_period:
        # Readings that move nothing are not saved; what they leave is read off once more.
        read_at, previous = _left_behind(evaluation, rule.node, period)
        fresh = replace(fresh, read_at=read_at, previous=previous)
    return fresh


def _left_behind(evaluation: Evaluation, node: Node, period: int) -> tuple[int, float | None]:
    """Return when the reading of a period was made, and the known value of the one before."""
    if node.momentary:
        return evaluation.upto, None
    block = evaluation.blocks(node)[-1]
    place = int(np.searchsorted(block.periods, period))
    if block.numbers is None:
        return int(block.births[place]), None
    before = block.numbers.values[:place]
    known = before[~np.isnan(before)]
    return int(block.births[place]), float(known[-1]) if len(known) else None
