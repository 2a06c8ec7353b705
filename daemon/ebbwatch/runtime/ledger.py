"""The ledger: makes an event's outcome last, in one transaction.

Facts, transitions, states, what is to be told, and the cursors of the sources commit
together or not at all; nothing in between touches a network. A crash before the commit
leaves the event to be polled again, one after it leaves rows to be delivered.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import structlog

from ebbwatch.core.alerting.judging import Judge, Watched, episode_of
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.telling.hearing import Why
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.expr.graph import Node
from ebbwatch.model.alert import QUIET, Cause, Change, Level, Transition
from ebbwatch.model.periods import Micros, Minutes, instant, micros
from ebbwatch.ports import AlertRecord, Store
from ebbwatch.runtime.pipeline import Failure, Handled, Outcome, Portion
from ebbwatch.runtime.silences import carry_acks, follow_renames
from ebbwatch.runtime.telling import Edit, Telling
from ebbwatch.runtime.telling.groups import Stay

#: Where the instant of the newest handled event is kept.
HANDLED = "handled"
#: Where the portions are noted that were recorded of an event that is not yet handled.
UNFINISHED = "unfinished/"
#: Alerts that are told in one transaction where an event moves more than twice as many.
AT_ONCE = 50
#: Fields of a state that can be read off the history again, and need no saving.
_DERIVED = ("read_at", "value", "previous", "why", "known")

#: What each change is called in the log.
_EVENTS = {change: f"alert.{change.value}" for change in Change}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """An event of which only some was recorded: a storm, and the process ended in it.

    Attributes:
        at: Its µs.
        added: Series whose past it added to.
        done: Names of the alerts to which it was done.
    """

    at: Micros
    added: tuple[str, ...]
    done: frozenset[str]


@dataclass(slots=True)
class Ledger:
    """Records what the pipeline decides.

    Attributes:
        store: Where to.
        telling: Makes outbox rows of transitions.
        judge: The rules, for transitions' working and for what identifies a definition.
        records: What the store holds of each alert.
        edit: What the next outcome adopts; None where it adopts nothing.
        summary_waits: Whether the first summary waits for the first visits.
    """

    store: Store
    telling: Telling
    judge: Judge
    records: dict[str, AlertRecord] = field(default_factory=dict)
    edit: Edit | None = None
    summary_waits: bool = False
    _saved: dict[str, AlertState] = field(default_factory=dict)
    # Whether the store may hold notes of portions.
    _noted: bool = False

    def load(self) -> dict[str, AlertState]:
        """Return the stored states of the alerts whose rules still measure the same."""
        self.records = self.store.alerts()
        states = {}
        for name, record in self.records.items():
            rule = self.judge.watched.get(name)
            if rule is not None:
                states[name] = self._saved[name] = AlertState.from_json(record.state)
        return states

    def next_due(self) -> Micros | None:
        """Return when something waits to be told, as µs."""
        due = self.telling.next_due()
        return None if due is None else micros(due)

    def take(self, _outcome: Outcome) -> bool:
        """Return False: outcomes are recorded with their event."""
        return False

    def record(self, handled: Handled, states: Mapping[str, AlertState]) -> bool:
        """Write an event's outcome, and tell: all at once, or the next portion of it.

        1. The facts, and what is held back.
        2. The transitions, each with outbox rows or a named reason for having none.
        3. The states that changed, if nobody else changed them meanwhile.
        4. On a first start, what fires; with an edit of the rules, what it changed.
        5. What was waiting to be told and is due now.
        6. The cursors, and how far the tape was handled.

        Where an event moves more alerts than are told at once, the first portion has its facts
        and the last one all from 4 on; between them the store knows which alerts are done
        (`unfinished`), so that whoever starts or takes over goes on with the others. The first
        call does no more than make the portions.
        """
        if not handled.portions:
            handled.portions = self._portions(handled)
            if len(handled.portions) > 1:
                return True
        portion = handled.left()[0]
        if portion.moves is None:
            portion.moves = self._transitions(handled, portion.outcomes)
        at = instant(handled.event.at)
        told: list[Transition] = []
        saved: list[AlertRecord] = []
        more = False
        with self.store.transaction():
            if not portion.waited:
                told, saved = self._write(handled, portion, portion.moves, at=at, states=states)
            if portion.last and not portion.waited:
                self._sum_up(handled, at=at, states=states)
            if portion.last and not handled.aside:
                more = self.telling.tick(at=at, states=states)
            if portion.last and not portion.waited:
                self._complete(handled, at=at)
        portion.recorded = True
        if more:
            handled.portions.append(Portion([], first=False, waited=True))
        if handled.history:
            self.edit = None
        self.records.update({record.name: record for record in saved})
        self._saved.update({record.name: handled.states.get(record.name, AlertState())
                            for record in saved})  # fmt: skip
        if portion.last:
            self._noted = False
            for name in handled.removed:
                self.records.pop(name, None)
                self._saved.pop(name, None)
        self._say(handled, portion, told)
        return bool(handled.left())

    def _write(
        self,
        handled: Handled,
        portion: Portion,
        moves: Sequence[Transition],
        *,
        at: datetime,
        states: Mapping[str, AlertState],
    ) -> tuple[list[Transition], list[AlertRecord]]:
        """Write a portion; return the transitions as they were told, and what was saved."""
        event = handled.event
        if portion.first:
            self.store.record(event.observations)
            self.store.hold(event.held)
            self.store.record_texts((*event.past_texts, *event.texts))
        told = self._told(handled, portion, moves, states)
        self.store.append(told)
        if not portion.last:
            names = {outcome.judged.rule.name for outcome in portion.outcomes}
            saved = self._save({n: handled.states[n] for n in handled.states if n in names})
            self._note_unfinished(handled, names)
            return told, saved
        # A rule that has no figure yet is known all the same: it is no new one tomorrow.
        blank = {name: AlertState() for name in self.judge.watched} if self._begins(handled) else {}
        done = set() if portion.first else _moved(handled)
        saved = self._save(blank | {n: s for n, s in handled.states.items() if n not in done})
        if handled.removed:
            self.store.forget_alerts(handled.removed)
        if not handled.history and not handled.aside:
            self.telling.look(self._read(handled), met=handled.met, at=at, states=states)
        return told, saved

    def _sum_up(self, handled: Handled, *, at: datetime, states: Mapping[str, AlertState]) -> None:
        """Tell the first summary, or note that it is to be told once the sources were visited."""
        if self._begins(handled) and self.summary_waits:
            self.telling.announcements.owe_summary(at)
        elif self._begins(handled) and not handled.aside:
            self.telling.summary(at=at, states=states)
        elif handled.outstanding is not None and handled.aside:
            # Whatever keeps it from being told must not keep everything else from it.
            self.telling.announcements.owe_summary(None)
        elif handled.outstanding is not None:
            self.telling.summary(at=at, states=states, outstanding=handled.outstanding)

    def _complete(self, handled: Handled, *, at: datetime) -> None:
        """Write that an event is handled, once all of it was."""
        for key, text in handled.event.cursors:
            self.store.put(key, text)
        if self._noted:
            self.store.put_all(dict.fromkeys(self.store.memos(UNFINISHED)))
        self.store.put(HANDLED, at.isoformat())

    def _begins(self, handled: Handled) -> bool:
        """Return whether this is the first event of all."""
        return handled.history and self.store.get(HANDLED) is None

    # ---- portions --------------------------------------------------------------------

    def _portions(self, handled: Handled) -> list[Portion]:
        """Return the portions in which an event is recorded: one, but for a storm.

        Alerts that are told in one message are in one portion, however many they are. Where a
        series is met, what moved is the past, of which nothing is told one by one.
        """
        moved = [outcome for outcome in handled.outcomes if outcome.judged.moves]
        if handled.history or handled.met or len(moved) <= 2 * AT_ONCE:
            return [Portion(handled.outcomes)]
        by_name: dict[str, list[Outcome]] = {}
        for outcome in moved:
            by_name.setdefault(outcome.judged.rule.name, []).append(outcome)
        portions: list[Portion] = []
        for names in self.telling.together(
            {name: _newest_stay(some) for name, some in by_name.items()}
        ):
            if not portions or len(portions[-1].outcomes) >= AT_ONCE:
                portions.append(Portion([], first=not portions, last=False))
            portions[-1].outcomes += [one for name in names for one in by_name[name]]
        # Those that did not move are recorded at the end.
        still = [o for o in handled.outcomes if o.judged.rule.name not in by_name]
        portions.append(Portion(still, first=not portions))
        return portions

    def _note_unfinished(self, handled: Handled, names: Collection[str]) -> None:
        """Note which alerts an event is done with, of which others are still to be recorded."""
        event, handled_at = handled.event, self.store.get(HANDLED)
        past = [
            o.series
            for o in event.observations
            if handled_at is not None and o.known_at <= datetime.fromisoformat(handled_at)
        ]
        note = {
            "at": instant(event.at).isoformat(),
            "added": sorted({*past, *event.added}),
            "done": sorted(names),
        }  # fmt: skip
        self.store.put(f"{UNFINISHED}{min(names)}", json.dumps(note))
        self._noted = True

    def unfinished(self) -> Unfinished | None:
        """Return the event of which only some was recorded, or None."""
        notes = [json.loads(text) for text in self.store.memos(UNFINISHED).values()]
        if not notes:
            return None
        self._noted = True
        return Unfinished(
            at=micros(datetime.fromisoformat(notes[0]["at"])),
            added=tuple(notes[0]["added"]),
            done=frozenset(name for note in notes for name in note["done"]),
        )

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
        self,
        handled: Handled,
        portion: Portion,
        moves: Sequence[Transition],
        states: Mapping[str, AlertState],
    ) -> list[Transition]:
        """Tell a portion's moves; return them with the named reason of each that nobody hears."""
        at = instant(handled.event.at)
        others = handled.others if portion.first else []
        past = handled.past if portion.first else []
        if handled.aside:
            return [replace(move, muted=Why.BROKEN.value) for move in (*moves, *past, *others)]
        past = [*past, *(move for move in moves if move.rule in handled.met)]
        present = [move for move in moves if move.rule not in handled.met]
        told = self.telling.tell(past, at=at, states=states, history=True)
        told += self.telling.tell(present, at=at, states=states, history=handled.history)
        if not handled.history:
            told += self.telling.tell(others, at=at, states=states)
        elif self.edit is not None:
            told += self._edited(self.edit, handled, states)
        return told

    def _read(self, handled: Handled) -> list[str]:
        """Return the alerts with new readings of which there may be something to tell.

        One that was told of this very reading has nothing else to be told.
        """
        owed = self.telling.owed()
        moved = [o.judged for o in handled.outcomes if o.judged.moves]
        told = {j.rule.name for j in moved if j.moves[-1].at == handled.event.at} - owed
        read = [o.judged.rule.name for o in handled.outcomes if len(o.judged.signals.at)]
        read += [*handled.firing, *(name for name in handled.quiet if name in owed)]
        return [name for name in dict.fromkeys(read) if name not in told]

    def _transitions(self, handled: Handled, outcomes: Sequence[Outcome]) -> list[Transition]:
        found: list[Transition] = []
        for outcome in outcomes:
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

    def _say(self, handled: Handled, portion: Portion, transitions: Iterable[Transition]) -> None:
        """Log one line for each change that people hear of, and at the end one for the event."""
        at = instant(handled.event.at).isoformat()
        for t in transitions:
            if t.muted == Why.HISTORY.value:
                continue
            if t.change in QUIET:
                continue
            log.info(
                _EVENTS[t.change], at=at, rule=t.rule, rung=t.level.word, value=t.value,
                unit=t.unit, period=t.period, cause=t.cause.value, muted=t.muted,
            )  # fmt: skip
        if not portion.last or portion.waited:
            return
        for failure in handled.failures:
            log.error(
                "rule.failed", at=at, rule=failure.rule, exc_info=failure.error,
                remedy="its verdict is unknown; report this with the rule and the figures",
            )  # fmt: skip
        event = handled.event
        log.debug(
            "event.handled", at=at, observations=len(event.observations), texts=len(event.texts),
            held=len(event.held), alerts=len(handled.outcomes),
            moved=sum(bool(outcome.judged.moves) for outcome in handled.outcomes),
        )  # fmt: skip


def _moved(handled: Handled) -> set[str]:
    """Return the alerts that an event moves."""
    return {o.judged.rule.name for o in handled.outcomes if o.judged.moves}


def _newest_stay(outcomes: Sequence[Outcome]) -> Stay:
    """Return the highest level that an alert's moves tell of, and when the newest's stay began."""
    moves = [outcome.judged.moves for outcome in outcomes if outcome.judged.moves]
    level = max(int(np.where(m.after == Level.NONE, m.before, m.after).max()) for m in moves)
    return Stay(Level(level), Micros(int(moves[-1].begun[-1])))


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


def refreshed(judge: Judge, states: dict[str, AlertState], at: Micros) -> dict[str, AlertState]:
    """Return stored states with the readings that stand at an instant, nothing stepped."""
    # What stands at an instant needs no more than the last moment before it.
    evaluation = Evaluation(judge.history, Micros(at - 1), at)
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
    period = Minutes(int(signals.periods[0]))
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


def _left_behind(
    evaluation: Evaluation, node: Node, period: Minutes
) -> tuple[Micros, float | None]:
    """Return when the reading of a period was made, and the known value of the one before."""
    if node.momentary:
        return evaluation.upto, None
    block = evaluation.blocks(node)[-1]
    place = int(np.searchsorted(block.periods, period))
    if block.numbers is None:
        return Micros(int(block.births[place])), None
    before = block.numbers.values[:place]
    known = before[~np.isnan(before)]
    return Micros(int(block.births[place])), float(known[-1]) if len(known) else None
