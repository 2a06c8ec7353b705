"""Telling: from transitions to outbox rows, inside the transaction that records them.

::

    transitions ─► groups ─┐
    readings, instants ────┼─► what is heard? ─► news ─► words ─► outbox rows
    edits of the rules ────┘   (core.hearing)

Each alert's moves are routed to receivers and wait in groups; a new reading, the end of a
silence or a place that works again may be news without a move; an edit of the rules is told in
one message. All of them ask one function what a place hears of an alert now (`core.telling.hearing`),
against what the place was told before, and write one row for each target. What is not told has
a named reason. Nothing is remembered outside the store (`memory`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.render import Firing, Outstanding, Translator
from ebbwatch.core.telling.context import Context
from ebbwatch.core.telling.hearing import Why
from ebbwatch.model.alert import QUIET, Cause, Transition
from ebbwatch.model.message import OutboxRow, Target
from ebbwatch.model.periods import Micros
from ebbwatch.model.text import Text
from ebbwatch.ports import Store
from ebbwatch.runtime.telling.announcements import Announcements
from ebbwatch.runtime.telling.audience import Audience
from ebbwatch.runtime.telling.base import Floor
from ebbwatch.runtime.telling.edits import Edit, meet, tell_edit
from ebbwatch.runtime.telling.groups import (
    Fates,
    due_at,
    flush,
    hold,
    join,
    note_mixed,
    regroup,
    together,
)
from ebbwatch.runtime.telling.looking_again import introduce, look, put_off
from ebbwatch.runtime.telling.memory import Memory, Owed, move_id
from ebbwatch.runtime.telling.writing import Languages, Outlet, Writer

__all__ = ["Edit", "Telling"]

#: Makes what gathers the facts of messages: rules and history, languages, titles of rules
#: that are gone.
Contexts = Callable[[Judge, Sequence[Translator], Mapping[str, Text]], Context]

#: Groups told together at the end of their wait.
GROUPS_AT_ONCE = 50

#: Kept from hearing because a message was lost on its way.
LOST = "a message was lost"


class Telling:
    """Decides what is told to whom; every method but the questions is called in a transaction."""

    def __init__(
        self,
        judge: Judge,
        store: Store,
        translators: Mapping[str, Translator],
        *,
        place_of: Callable[[Target], str],
        shows: Callable[[str], bool] = lambda _kind: True,
        outlet: Outlet | None = None,
        contexts: Contexts = Context,
    ) -> None:
        """Take what it works with.

        Args:
            judge: Whose alerts.
            store: Where things are kept.
            translators: By language, the fallback first.
            place_of: What identifies the place that a target leads to.
            shows: Tells whether targets of a kind show charts.
            outlet: Takes the rows; None puts them into the store's outbox.
            contexts: Makes what gathers the facts of messages.
        """
        #: Whether what is known is as new as what the sources have; digests wait for it.
        self.current: Callable[[], bool] = lambda: True
        self._memory = Memory(store)
        languages = Languages(translators)
        self._writer = Writer(languages, outlet or _Outbox(store), store, shows)
        self._store = store
        self._place_of = place_of
        self._contexts = contexts
        self._former: dict[str, Text] = {}
        self.use(judge)

    def use(self, judge: Judge) -> None:
        """Go by another ruleset from now on."""
        context = self._contexts(judge, tuple(self._writer.languages.translators.values()),
                                 dict(self._former))  # fmt: skip
        audience = Audience(judge.ruleset, self._place_of)
        self._floor = Floor(judge, self._store, audience, self._memory, context, self._writer)
        # An alert whose rule is gone is withdrawn under the title it was told by.
        self._former = {rule.name: rule.title for rule in judge.ruleset.rules}
        self.announcements = Announcements(self._floor, lambda: self.current())  # noqa: PLW0108  it is set later
        self.together = partial(together, self._floor)

    # ---- questions -------------------------------------------------------------------

    def next_due(self) -> datetime | None:
        """Return the earliest instant at which time alone gives us something to tell."""
        if not self._floor.audience or self._memory.owes_summary():
            return None
        due = [due_at(self._floor), self.announcements.next_digest()]
        due += [owed.again_at for owed in self._memory.owed().values()]
        return min((at for at in due if at is not None), default=None)

    def owed(self, *, lost: bool = True) -> set[str]:
        """Return the alerts of which somebody has yet to hear; without `lost`, not for its sake."""
        owed = self._memory.owed().items()
        return {name for (_, name), one in owed if lost or one.why != LOST}

    def untold(self, move: Transition) -> dict[str, str]:
        """Return why a transition that others are told of is not told, by receiver."""
        receivers = self._floor.audience.receivers
        found = {name: self._memory.untold(name, move_id(move)) for name in receivers}
        return {name: reason for name, reason in found.items() if reason is not None}

    def firing(self, states: Mapping[str, AlertState], at: Micros) -> tuple[Firing, ...]:
        """Return the alerts that fire at an instant (µs)."""
        return self._floor.context.firing(states, at)

    def unspoken(self) -> dict[str, Exception]:
        """Return the alerts whose words failed since the last time, and what was raised."""
        found, self._writer.broken = self._writer.broken, {}
        return found

    # ---- telling ---------------------------------------------------------------------

    def tell(
        self,
        transitions: Sequence[Transition],
        *,
        at: datetime,
        states: Mapping[str, AlertState],
        history: bool = False,
    ) -> list[Transition]:
        """Tell what one event did, now or at the end of a wait.

        Args:
            transitions: Oldest first.
            at: Logical instant of the event.
            states: Every alert's, after it.
            history: Whether the past is being walked: nothing is told, and nothing remembered;
                a summary or the message about an edit says what fires. So it is as well while
                the first summary is owed, but for texts: those are told after it.

        Returns:
            The transitions in the same order, `muted` set to the named reason of each that
            makes no outbox row and will make none by itself.
        """
        if history:
            return [replace(move, muted=Why.HISTORY.value) for move in transitions]
        if self._memory.owes_summary():
            texts = [move for move in transitions if move.cause is Cause.TEXT]
            fates = hold(self._floor, texts if self._floor.audience else ())
            self._floor.save()
            return [replace(move, muted=_fate_before_summary(move, fates)) for move in transitions]
        if not self._floor.audience:
            return [replace(move, muted=_reason_for_nobody(move)) for move in transitions]
        self.announcements.begin_digests(at)
        fates = {}
        if transitions:
            groups, fates = join(self._floor, transitions)
            flush(self._floor, groups, self._floor.now(at, states), fates)
            note_mixed(self._floor, transitions, fates)
        self._floor.save()
        return [replace(move, muted=_fate(move, fates)) for move in transitions]

    def tick(self, *, at: datetime, states: Mapping[str, AlertState]) -> bool:
        """Tell what is due: groups at the end of their wait, what was put off, digests.

        Returns:
            Whether there are more groups than are told together: then it is to be called again.
        """
        if not self._floor.audience or self._memory.owes_summary():
            return False
        self.announcements.begin_digests(at)
        due = [key for key, group in self._memory.waiting().items() if group.due_at <= at]
        if due:
            some = {key: self._memory.waiting()[key] for key in due[:GROUPS_AT_ONCE]}
            flush(self._floor, some, self._floor.now(at, states), {})
        names = {
            name
            for (_, name), owed in self._memory.owed().items()
            if owed.again_at is not None and owed.again_at <= at
        }
        if names:
            look(self._floor, self._floor.now(at, states), names)
            put_off(self._floor, at)
        self.announcements.digests(at, states)
        self._floor.save()
        return len(due) > GROUPS_AT_ONCE

    def look(
        self,
        names: Collection[str],
        *,
        met: Collection[str] = (),
        at: datetime,
        states: Mapping[str, AlertState],
    ) -> None:
        """Tell what is news without a move of the alert (`looking_again`).

        Args:
            names: Alerts with new readings.
            met: Alerts that were moved by the past alone, and are told of as of new rules.
            at: Logical instant of the event.
            states: Every alert's, after it.
        """
        if self._floor.audience and (names or met) and not self._memory.owes_summary():
            now = self._floor.now(at, states)
            introduce(self._floor, now, met)
            look(self._floor, now, {*names, *met})
            self._floor.save()

    def edited(
        self,
        edit: Edit,
        moves: Sequence[Transition],
        *,
        at: datetime,
        states: Mapping[str, AlertState],
    ) -> list[Transition]:
        """Tell what an edit of the rules, or of who is told, means to each place (`edits`).

        Args:
            edit: What changed; nothing, where only the receivers may have.
            moves: Of alerts that the edit moved.
            at: Logical instant.
            states: Every alert's, after it.

        Returns:
            The moves in the same order, `muted` set as `tell` sets it.
        """
        if self._memory.owes_summary():
            regroup(self._floor, ())
            self._floor.save()
            return [replace(move, muted=Why.HISTORY.value) for move in moves]
        if not self._floor.audience:
            return [replace(move, muted=_reason_for_nobody(move)) for move in moves]
        self.announcements.begin_digests(at)
        fates = tell_edit(self._floor, self._floor.now(at, states), edit, moves)
        self._floor.save()
        return [replace(move, muted=fates.get(move_id(move), Why.ARMED.value)) for move in moves]

    def summary(
        self,
        *,
        at: datetime,
        states: Mapping[str, AlertState],
        outstanding: Outstanding | None = None,
    ) -> None:
        """Tell every place, at the first start, what fires now, and what the visits left out."""
        meet(self._floor, at)
        self.announcements.summary(at=at, states=states, outstanding=outstanding)
        now = self._floor.now(at, states)
        introduce(self._floor, now, states, programs=True)
        look(self._floor, now, states, self._floor.audience.programs())
        self._floor.save()

    # ---- on the way ------------------------------------------------------------------

    def lost(self, row: OutboxRow) -> None:
        """Let what a place knows go back, because a row was parked or has expired.

        What it told is news again, and is told once the place works, or with the next reading.
        """
        base = row.key.removesuffix(f"/{row.place}/{row.message.language}")
        told = [str(alert["rule"]) for alert in row.message.alerts]
        for name in told or self._memory.log.alerts_told(row.place):
            if self._memory.log.take_back(row.place, name, base) and self.can_tell_again(name):
                self._memory.owe(row.place, name, Owed(LOST))
        self._floor.save()

    def works(self, place: str, *, at: datetime, states: Mapping[str, AlertState]) -> None:
        """Tell a place that works again what it was kept from hearing."""
        lost = {
            n for (p, n), owed in self._memory.owed().items() if p == place and owed.why == LOST
        }
        if lost:
            look(self._floor, self._floor.now(at, states), lost, only=(place,))
            self._floor.save()

    def can_tell_again(self, name: str) -> bool:
        """Return whether an alert's place in things can be read again: a text's cannot."""
        return name in self._floor.judge.watched


class _Outbox:
    """Puts rows into the store's outbox."""

    def __init__(self, store: Store) -> None:
        """Take the store."""
        self._store = store

    def wants(self, _at: datetime) -> bool:
        """Return True: every message may be read."""
        return True

    def enqueue(self, rows: Sequence[OutboxRow]) -> int:
        """Take rows."""
        return self._store.enqueue(rows)


def _fate(move: Transition, fates: Fates) -> str | None:
    """Return why nobody is told of a move, or None where anybody is or will be."""
    if move.change in QUIET:
        return Why.ARMED.value
    reasons = list(fates[move_id(move)].values())
    return None if None in reasons else reasons[0]


def _fate_before_summary(move: Transition, fates: Fates) -> str | None:
    """Return why nobody is told of a move while the first summary is owed: that says it all."""
    return _fate(move, fates) if move_id(move) in fates else Why.HISTORY.value


def _reason_for_nobody(move: Transition) -> str:
    return (Why.ARMED if move.change in QUIET else Why.NO_RECEIVER).value
