"""Telling: from transitions to outbox rows, inside the transaction that records them.

Each alert's moves are routed to receivers, wait in groups, and at the end of the wait are
muted, deduplicated against what the receiver was told before, put into words once for each
language, and written to the outbox, one row for each target. What is not told has a named
reason. Nothing is remembered outside the store, so that a transaction that is rolled back
leaves nothing behind.

Texts in the store: ``waiting`` (groups), ``nflog/RECEIVER/ALERT`` (what it was told of it),
``owed`` (alerts of which somebody was kept from hearing), ``reminders`` (put off by quiet
hours), ``digests`` (when each was told last), ``untold/...`` (why a group that had waited was
not told after all).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from ebbwatch.core.context import Context
from ebbwatch.core.dedup import Entry, Standing, reason_to_tell, remembered, standing_after
from ebbwatch.core.digest_clock import due_digest, next_digest
from ebbwatch.core.grouping import Group, from_json, group_key, joined, next_due, to_json
from ebbwatch.core.judging import Judge, Watched, episode_of
from ebbwatch.core.ladder import AlertState
from ebbwatch.core.lifecycle import Move
from ebbwatch.core.muting import FLAPS, Mute, MutedBy, is_flapping, muted_by
from ebbwatch.core.render import (
    Digest,
    Firing,
    Health,
    Quote,
    Reload,
    Told,
    Translator,
    Trouble,
    alert_message,
    digest_message,
    health_message,
    reload_message,
    summary_message,
    test_message,
)
from ebbwatch.core.routing import Destination, labels_of, receivers_for
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.expr.view import BEGINNING
from ebbwatch.model.alert import Cause, Change, Level, Transition
from ebbwatch.model.calendars import SIFMA
from ebbwatch.model.durations import Duration
from ebbwatch.model.message import Message, OutboxRow, Reason, RowState, Target
from ebbwatch.model.periods import instant, micros
from ebbwatch.ports import Silence, Store
from ebbwatch.ruleset.rules import Digest as DigestRule
from ebbwatch.ruleset.rules import Route
from ebbwatch.runtime.hushing import acknowledged
from ebbwatch.runtime.nflog import Nflog

#: Named reasons for telling nobody, beside those of `core.muting`.
ARMED = "armed"
NO_RECEIVER = "no receiver"
NOT_NEWS = "not news"
NO_RESOLUTIONS = "resolutions not wanted"

#: How long a message is worth delivering, by the level it tells of (of what is over, the one
#: left): a watch of the day before yesterday is history, a critical one still explains a weekend.
LASTS = {
    Level.NONE: timedelta(days=1),
    Level.WATCH: timedelta(days=1),
    Level.WARNING: timedelta(days=2),
    Level.CRITICAL: timedelta(days=3),
}
#: A reminder or an easing that is a day late says nothing that the table does not.
LASTS_OF_MINOR = timedelta(days=1)
#: The first summary waits until the receiver has been set up.
LASTS_OF_SUMMARY = timedelta(days=7)
#: A digest is of its morning.
LASTS_OF_DIGEST = timedelta(hours=12)

#: Transitions of an alert that are looked back on: enough for 20 periods of flapping.
_LOOK_BACK = 100
#: Rows among which those of the same telling at other targets are looked for.
_SIBLINGS = 1000

_MINOR = (Reason.REMINDER, Reason.EASED)
_QUIETLY = (Change.ARMED, Change.DISARMED)
_OVER = (Change.RESOLVED, Change.WITHDRAWN)
_UP = (Reason.FIRST, Reason.ESCALATED)
#: Of several alerts told together, the reason that counts.
_WEIGHTIEST = (
    Reason.ESCALATED, Reason.FIRST, Reason.CORRECTION, Reason.REMINDER, Reason.EASED,
    Reason.RESOLVED,
)  # fmt: skip

#: Puts a message into a language.
_Wording = Callable[[Translator], Message]
#: What identifies a transition, as the store has it.
_Id = tuple[str, datetime, str, Change]


@dataclass(frozen=True, slots=True)
class _Now:
    """An instant at which things are told.

    Attributes:
        at: The instant.
        silences: In force.
        firing: Labels of every alert that fires, by name; empty where nothing inhibits.
    """

    at: datetime
    silences: tuple[Silence, ...]
    firing: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class _News:
    """What one receiver is to be told of one alert.

    Attributes:
        reason: Why.
        moves: Oldest first.
        told_value: The reading it was told before.
    """

    reason: Reason
    moves: tuple[Transition, ...]
    told_value: float | None = None

    @property
    def last(self) -> Transition:
        """Return the newest move."""
        return self.moves[-1]

    @property
    def key(self) -> str:
        """Return what identifies the telling, from logical time only."""
        last = self.last
        return f"{last.episode}/{self.reason}/{last.period}/{_stamp(last.at)}"


@dataclass(slots=True)
class _Flushed:
    """What became of a group.

    Attributes:
        rest: What still waits; None for nothing.
        untold: Named reasons of moves that are not told to this receiver.
    """

    rest: Group | None = None
    untold: dict[_Id, str] = field(default_factory=dict)


class Telling:
    """Decides what is told to whom; every method but the questions is called in a transaction."""

    def __init__(self, judge: Judge, store: Store, translators: Mapping[str, Translator]) -> None:
        """Take whose alerts, where things are kept, and the languages, the fallback first."""
        self._store = store
        self._translators = translators
        self._nflog = Nflog(store)
        self._parsed: tuple[str | None, dict[str, Group]] = (None, {})
        self._judge = judge
        self.use(judge)

    def use(self, judge: Judge) -> None:
        """Go by another ruleset from now on."""
        # An alert whose rule is gone is withdrawn under the title it was told by.
        former = {rule.name: rule.title for rule in self._judge.ruleset.rules}
        self._judge = judge
        self._ruleset = judge.ruleset
        self._context = Context(judge, tuple(self._translators.values()), former=former)
        self._targets = {
            name: targets for name, targets in judge.ruleset.receivers.items() if targets
        }

    # ---- questions -------------------------------------------------------------------

    def next_due(self) -> datetime | None:
        """Return the earliest instant at which time alone gives us something to tell."""
        if not self._targets:
            return None
        due = [next_due(self._waiting()), *self._put_off().values()]
        told = self._digests_told()
        due.extend(
            next_digest(digest, last, self._ruleset.business[SIFMA])
            for digest in self._ruleset.digests
            if (last := told.get(_name_of(digest))) is not None
        )
        return min((at for at in due if at is not None), default=None)

    def untold(self, move: Transition) -> dict[str, str]:
        """Return why a transition that had waited was not told after all, by receiver."""
        found = {name: self._store.get(_untold_key(name, _id(move))) for name in self._targets}
        return {name: reason for name, reason in found.items() if reason is not None}

    def firing(self, states: Mapping[str, AlertState], at: int) -> tuple[Firing, ...]:
        """Return the alerts that fire at an instant (µs)."""
        return self._context.firing(states, at)

    def test(self, receiver: str) -> list[tuple[Target, Message]]:
        """Return the message that proves a receiver can be reached, for each of its targets."""
        return [
            (target, test_message(receiver, t=self._translator(target)))
            for target in self._targets.get(receiver, ())
        ]

    # ---- transitions -----------------------------------------------------------------

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
                a summary or the message about a reload says what fires.

        Returns:
            The transitions in the same order, `muted` set to the named reason of each that
            makes no outbox row and will make none by itself.
        """
        if history:
            return [replace(move, muted=str(MutedBy(Mute.HISTORY))) for move in transitions]
        if not self._targets:
            return [replace(move, muted=_reason_for_nobody(move)) for move in transitions]
        self._begin_digests(at)
        fates: dict[_Id, dict[str, str | None]] = {}
        waiting = dict(self._waiting())
        now = self._now(at, states) if transitions else None
        for name, moves in _by_alert(m for m in transitions if m.change not in _QUIETLY).items():
            assert now is not None
            labels = self._labels(name, max(move.level for move in moves))
            destinations = self._destinations(name, moves[-1].episode, labels, waiting)
            muted = self._muted(name, moves, now) if destinations else None
            for move in moves:
                fate = fates.setdefault(_id(move), {})
                if not destinations:
                    fate[""] = NO_RECEIVER
                elif muted is not None:
                    fate[""] = str(muted)
                else:
                    for destination in destinations:
                        fate[destination.receiver] = None
                        _join(waiting, move, labels, destination)
            if muted is not None:
                self._owe(name)
                if muted.kind is Mute.FLAPPING:
                    for destination in destinations:
                        self._note_fall(destination.receiver, name, moves, at)
        if now is not None:
            self._flush_due(waiting, now, fates)
        return [replace(move, muted=_fate(move, fates)) for move in transitions]

    def tick(self, *, at: datetime, states: Mapping[str, AlertState]) -> None:
        """Tell what is due: groups at the end of their wait, reminders put off, digests."""
        if not self._targets:
            return
        self._begin_digests(at)
        waiting = self._waiting()
        if any(group.due_at <= at for group in waiting.values()):
            self._flush_due(dict(waiting), self._now(at, states), {})
        put_off = self._put_off()
        due = [name for name, until in put_off.items() if until <= at]
        if due:
            left = {name: until for name, until in put_off.items() if until > at}
            self._put_map("reminders", left)
            self.remind(due, at=at, states=states)
        self._tell_digests(at, states)

    def remind(
        self, names: Collection[str], *, at: datetime, states: Mapping[str, AlertState]
    ) -> None:
        """Tell what new readings make news without a move of the alert.

        That is a reminder, where the rule wants them; the correction of a figure that was
        told; and whatever a receiver was kept from hearing by a silence, another alert,
        flapping or a message that could not be delivered, once nothing keeps it any more.

        Args:
            names: Alerts with new readings.
            at: Logical instant of the event.
            states: Every alert's, after it.
        """
        if not self._targets:
            return
        owed = self.owed()
        names = [
            name
            for name in names
            if name in self._judge.watched
            and (state := states.get(name)) is not None
            and (state.level is not Level.NONE or name in owed)
        ]
        if not names:
            return
        now = self._now(at, states)
        for name in names:
            self._remind(self._judge.watched[name], states[name], now, owed=name in owed)

    def summary(self, *, at: datetime, states: Mapping[str, AlertState]) -> None:
        """Tell every receiver, at the first start, what fires now, and remember that it was."""
        self._begin_digests(at)
        firing = self._context.firing(states, micros(at))
        base = f"summary/{_stamp(at)}"
        for receiver in self._targets:
            self._announce(
                receiver,
                base,
                lambda t: summary_message(firing, rules=len(self._ruleset.rules), t=t),
                at=at,
                lasts=LASTS_OF_SUMMARY,
            )
        self._remember_firing(firing, base, at, states)

    def reload(self, reload: Reload, *, at: datetime, states: Mapping[str, AlertState]) -> None:
        """Tell whoever hears of data health what a change of the rule files changed.

        What it says fires is remembered as told.
        """
        base = f"reload/{_stamp(at)}"
        labels = {"theme": "data-health", "name": "reload", "level": Level.WATCH.word}
        for receiver in self._hearing(labels):
            self._announce(
                receiver, base, lambda t: reload_message(reload, t=t), at=at,
                lasts=LASTS[Level.WATCH],
            )  # fmt: skip
        self._remember_firing(reload.firing, base, at, states)

    def notice(self, health: Health, *, at: datetime, key: str | None = None) -> None:
        """Tell a notice of the self-watch.

        Args:
            health: What is wrong, or well again.
            at: Instant at which it was found.
            key: Unlike that of any other notice; made from the notice and its instant
                where not given.
        """
        labels = {"theme": "data-health", "name": health.name, "level": Level.WARNING.word}
        receivers = self._hearing(labels)
        if health.kind is Trouble.RECEIVER_BROKEN:
            # Whoever cannot be told is not told that; unless there is nobody else.
            receivers = [name for name in receivers if name != health.name] or [
                name for name in self._targets if name != health.name
            ]
        base = key or f"{health.kind}/{health.name}/{health.period}/{_stamp(at)}"
        for receiver in receivers:
            self._announce(
                receiver, f"notice/{base}", lambda t: health_message(health, t=t), at=at,
                lasts=LASTS[Level.WARNING],
            )  # fmt: skip

    def reset(self, row: OutboxRow) -> None:
        """Let a receiver's log go back, because a row was parked or has expired.

        What it told is news again, and is told with the next reading that leaves it so. Where
        another target of the same receiver has the message, the receiver was told.
        """
        base = row.key.removesuffix(f"/{row.target.key}")
        lost = (RowState.PARKED, RowState.EXPIRED)
        for other in self._store.outbox(limit=_SIBLINGS):
            same = other.key == f"{base}/{other.target.key}" and other.key != row.key
            if same and other.target.receiver == row.target.receiver and other.state not in lost:
                return
        told = [str(alert["rule"]) for alert in row.message.alerts]
        for name in told or [rule.name for rule in self._ruleset.rules]:
            if self._nflog.take_back(row.target.receiver, name, base):
                self._owe(name)

    # ---- groups ----------------------------------------------------------------------

    def _flush_due(
        self, waiting: dict[str, Group], now: _Now, fates: dict[_Id, dict[str, str | None]]
    ) -> None:
        """Tell the groups that are due; note why moves of earlier events are not told."""
        for key, group in list(waiting.items()):
            if group.due_at > now.at:
                continue
            flushed = self._flush(group, now)
            if flushed.rest is None:
                del waiting[key]
            else:
                waiting[key] = flushed.rest
            for move, reason in flushed.untold.items():
                if move in fates:
                    fates[move][group.receiver] = reason
                else:
                    self._store.put(_untold_key(group.receiver, move), reason)
        text = to_json(waiting) if waiting else None
        if text != self._store.get("waiting"):
            self._store.put("waiting", text)

    def _flush(self, group: Group, now: _Now) -> _Flushed:
        """Tell a group: mute, deduplicate, and write one row for each target."""
        flushed = _Flushed()
        news: list[_News] = []
        entries: list[tuple[str, Entry | None, _News]] = []
        later: list[Transition] = []
        until: list[datetime] = []
        route = Route()
        for name, moves in _by_alert(group.moves).items():
            labels = self._labels(name, max(move.level for move in moves))
            route = self._route(group.receiver, labels)
            muted = self._muted(name, moves, now, route)
            if muted is not None and muted.until is not None:
                later.extend(moves)
                until.append(muted.until)
                continue
            if muted is not None:
                self._owe(name)
                if muted.kind is Mute.FLAPPING:
                    self._note_fall(group.receiver, name, moves, now.at)
                flushed.untold.update(dict.fromkeys(map(_id, moves), str(muted)))
                continue
            last = self._nflog.told(group.receiver, name)
            standing = standing_after(moves)
            assert standing is not None
            reason = reason_to_tell(last, standing, at=now.at)
            if reason is None:
                flushed.untold.update(dict.fromkeys(map(_id, moves), NOT_NEWS))
                continue
            one = _News(reason, tuple(moves), None if last is None else last.value)
            entries.append((name, remembered(standing, at=now.at), one))
            if reason is Reason.RESOLVED and not route.resolved:
                flushed.untold.update(dict.fromkeys(map(_id, moves), NO_RESOLUTIONS))
            else:
                news.append(one)
        base = _base(group.key, news, now.at)
        for name, entry, one in entries:
            self._nflog.note(group.receiver, name, base if one in news else one.key, entry)
        if news:
            self._write(group.receiver, base, news, now.at, group.key, grouped=bool(route.group_by))
        if later:
            kept = tuple(move for move in group.moves if move in later)
            flushed.rest = replace(group, moves=kept, due_at=min(until))
        return flushed

    def _note_fall(
        self, receiver: str, name: str, moves: Sequence[Transition], at: datetime
    ) -> None:
        """Remember that a flapping alert fell, untold, so that its next rise is news."""
        last, standing = self._nflog.told(receiver, name), standing_after(moves)
        if last is None or standing is None or standing.level >= last.level:
            return
        fallen = None if standing.level is Level.NONE else replace(last, level=standing.level)
        self._nflog.note(receiver, name, f"flapping/{_stamp(at)}/{name}", fallen)

    def _write(
        self,
        receiver: str,
        base: str,
        news: Sequence[_News],
        at: datetime,
        group: str,
        *,
        grouped: bool,
    ) -> None:
        """Put news into words and write its rows."""
        reason = min((one.reason for one in news), key=_WEIGHTIEST.index)
        told = [context for one in news for context in self._contexts(one, at)]
        level = max(one.last.level for one in news)
        first = news[0].last
        drawn = len(news) == 1 and reason in _UP
        stored = self._moves(first.rule, news[0].moves) if drawn else []

        def message(t: Translator) -> Message:
            chart = self._context.chart(first.rule, first.at, t, stored) if drawn else None
            return alert_message(told, reason=reason, t=t, group=group, chart=chart)

        self._announce(
            receiver,
            base,
            message,
            at=at,
            lasts=LASTS_OF_MINOR if reason in _MINOR else LASTS[level],
            episode=first.episode,
            # An edit replaces the episode's last message, which of a route that tells alerts
            # together may have told of others as well.
            quiet=reason is Reason.EASED and not grouped,
        )

    def _contexts(self, news: _News, at: datetime) -> list[Told]:
        """Return the moves of one alert, the newest with all that is said of it."""
        last = news.last
        moves = self._moves(last.rule, news.moves)
        entered = [
            m.period for m in moves if m.episode == last.episode and m.change is Change.FIRED
        ]
        whole = replace(
            self._context.whole(last, at=at, entry_period=entered[0] if entered else None),
            flapping=self._is_flapping(last.rule, moves, last),
            quote=self._quote(last),
            told_value=news.told_value,
        )
        return [*(self._context.short(move) for move in news.moves[:-1]), whole]

    def _quote(self, move: Transition) -> Quote | None:
        """Return the text that a text rule found its pattern in."""
        rule = self._context.rule(move.rule)
        if rule is None or not rule.pattern:
            return None
        for item in reversed(self._store.texts(rule.text_source)):
            if not move.episode.endswith(item.key):
                continue
            match = re.search(rule.pattern, item.body)
            passage = "" if match is None else _sentence(item.body, match.start(), match.end())
            return Quote(
                title=item.title, passage=passage, published_at=item.published_at,
                address=item.key if item.key.startswith("https://") else "",
            )  # fmt: skip
        return None

    def _announce(
        self,
        receiver: str,
        base: str,
        message: _Wording,
        *,
        at: datetime,
        lasts: timedelta,
        episode: str = "",
        quiet: bool = False,
    ) -> None:
        """Write one row for each target of a receiver, worded once for each language."""
        worded: dict[str, Message] = {}
        rows = []
        for target in self._targets[receiver]:
            t = self._translator(target)
            if t.language not in worded:
                worded[t.language] = message(t)
            rows.append(
                OutboxRow(
                    key=f"{base}/{target.key}",
                    target=target,
                    message=worded[t.language],
                    episode=episode,
                    created_at=at,
                    not_before=at,
                    expires_at=at + lasts,
                    quiet=quiet,
                )
            )
        self._store.enqueue(rows)

    def _translator(self, target: Target) -> Translator:
        fallback = next(iter(self._translators.values()))
        return self._translators.get(target.language, fallback)

    # ---- who hears, and who does not -------------------------------------------------

    def _labels(self, name: str, level: Level) -> dict[str, str]:
        rule = self._context.rule(name)
        return labels_of(name, level, {} if rule is None else rule.labels)

    def _destinations(
        self, name: str, episode: str, labels: Mapping[str, str], waiting: Mapping[str, Group]
    ) -> list[Destination]:
        told = {
            receiver
            for receiver in self._targets
            if (entry := self._nflog.told(receiver, name)) is not None and entry.episode == episode
        }
        told |= {
            group.receiver
            for group in waiting.values()
            if any(move.episode == episode for move in group.moves)
        }
        found = receivers_for(labels, self._ruleset.routes, receivers=self._targets, told=told)
        return [destination for destination in found if destination.receiver in self._targets]

    def _route(self, receiver: str, labels: Mapping[str, str]) -> Route:
        """Return the route by which a receiver hears of an alert."""
        routes = self._ruleset.routes
        found = receivers_for(labels, routes, receivers=self._targets, told=(receiver,))
        return next((d.route for d in found if d.receiver == receiver), Route())

    def _hearing(self, labels: Mapping[str, str]) -> list[str]:
        """Return who hears of matters that are no alert: where no route leads, everybody."""
        found = receivers_for(labels, self._ruleset.routes, receivers=self._targets)
        named = [d.receiver for d in found if d.receiver in self._targets]
        return named or list(self._targets)

    def _now(self, at: datetime, states: Mapping[str, AlertState]) -> _Now:
        firing: dict[str, Mapping[str, str]] = {}
        if self._ruleset.inhibit:
            firing = {
                name: self._labels(name, state.level)
                for name, state in states.items()
                if state.level is not Level.NONE
            }
        return _Now(at, tuple(s for s in self._store.silences() if s.until > at), firing)

    def _muted(
        self, name: str, moves: Sequence[Transition], now: _Now, route: Route | None = None
    ) -> MutedBy | None:
        level = max(move.level for move in moves)
        earlier = self._moves(name, (), before=moves[0].at)
        return muted_by(
            self._labels(name, level),
            level=level,
            at=now.at,
            silences=now.silences,
            inhibitions=self._ruleset.inhibit,
            firing=now.firing,
            quiet=None if route is None else route.quiet,
            flapping=level <= Level.WATCH and self._is_flapping(name, earlier, moves[-1]),
        )

    def _moves(
        self, name: str, more: Sequence[Transition], *, before: datetime | None = None
    ) -> list[Transition]:
        """Return an alert's last transitions and some that are not recorded yet, oldest first."""
        stored = self._store.transitions(rule=name, limit=_LOOK_BACK)
        found = {_id(move): move for move in [*reversed(stored), *more]}
        return [move for move in found.values() if before is None or move.at < before]

    def _is_flapping(self, name: str, moves: Sequence[Transition], now: Transition) -> bool:
        """Return whether an alert that moved like this is flapping at a reading."""
        rule = self._judge.watched.get(name)
        if rule is None or sum(m.change is Change.RESOLVED for m in moves) < FLAPS:
            return False
        periods = self._context.periods(name, micros(now.at))

        def number(move: Transition) -> int:
            return int(np.searchsorted(periods, rule.every.parse(move.period)))

        counted = [(number(move), move.change) for move in moves if move.period]
        return bool(now.period) and is_flapping(counted, now=number(now))

    # ---- without a move --------------------------------------------------------------

    def _remind(self, rule: Watched, state: AlertState, now: _Now, *, owed: bool) -> None:
        """Tell what a new reading makes news of one alert."""
        name = rule.name
        over = self._last_move(name) if state.level is Level.NONE else None
        if state.level is Level.NONE and over is None:
            self._owe(name, owed=False)
            return
        standing = _standing(rule, state) if over is None else standing_after([over])
        assert standing is not None
        labels = self._labels(name, state.level if over is None else over.level)
        kept_from = False
        for destination in self._destinations(name, standing.episode, labels, {}):
            last = self._nflog.told(destination.receiver, name)
            if (last is None and not owed) or self._waits(destination.receiver, name):
                continue
            if over is None and last is not None and last.period == standing.period:
                # Whether a revision changed it is looked up only where that would be news.
                standing = replace(standing, cause=Cause.REVISION)
            reason = self._reason(rule, last, standing, now.at)
            if reason is None:
                continue
            if reason is Reason.REMINDER and acknowledged(self._store, standing.episode):
                continue
            move = over or self._as_move(rule, state, last, reason, now.at)
            if reason is Reason.CORRECTION and move.cause is not Cause.REVISION:
                continue  # a slower series changed it, such as GDP under reserves
            muted = self._muted(name, [move], now, destination.route)
            if muted is not None:
                kept_from = True
                if muted.until is not None:
                    self._put_map("reminders", {**self._put_off(), name: muted.until})
                continue
            one = _News(reason, (move,), None if last is None else last.value)
            self._nflog.note(destination.receiver, name, one.key, remembered(standing, at=now.at))
            if reason is Reason.RESOLVED and not destination.route.resolved:
                continue
            self._write(
                destination.receiver, one.key, [one], now.at,
                group_key(labels, destination), grouped=bool(destination.route.group_by),
            )  # fmt: skip
        if owed and not kept_from:
            self._owe(name, owed=False)

    def _waits(self, receiver: str, name: str) -> bool:
        """Return whether moves of an alert wait to be told to a receiver."""
        return any(
            group.receiver == receiver and any(move.rule == name for move in group.moves)
            for group in self._waiting().values()
        )

    def _reason(
        self, rule: Watched, last: Entry | None, standing: Standing, at: datetime
    ) -> Reason | None:
        repeat = rule.rule.repeat
        remind_at = None
        if last is not None and repeat is not None:
            remind_at = self._remind_at(rule, last, repeat, at)
        return reason_to_tell(last, standing, at=at, remind_at=remind_at)

    def _remind_at(
        self, rule: Watched, last: Entry, repeat: Duration, at: datetime
    ) -> datetime | None:
        """Return the instant from which a reminder is due; of a count of releases, once it is."""
        if repeat.unit != "releases":
            return instant(self._judge.deadline(micros(last.at), repeat))
        told = rule.every.parse(last.period)
        since = int(np.count_nonzero(self._context.periods(rule.name, micros(at)) > told))
        return at if since >= repeat.count else None

    def _last_move(self, name: str) -> Transition | None:
        """Return the move that ended the alert's last stay."""
        moves = [m for m in self._moves(name, ()) if m.change not in _QUIETLY]
        return moves[-1] if moves and moves[-1].change in _OVER else None

    def _as_move(
        self, rule: Watched, state: AlertState, last: Entry | None, reason: Reason, at: datetime
    ) -> Transition:
        """Return where an alert stands as the move that a message tells."""
        before = Level.NONE if last is None else last.level
        change = {Reason.ESCALATED: Change.ESCALATED, Reason.EASED: Change.EASED}.get(
            reason, Change.FIRED
        )
        assert state.begun_at is not None
        evaluation = Evaluation(self._judge.history, BEGINNING, micros(at))
        move = Move(
            micros(at), -1, change, before if change is not Change.FIRED else Level.NONE,
            state.level, timer=False, begun_at=state.begun_at, entered_at=state.entered_at,
            entry=state.entry, extreme=state.extreme,
        )  # fmt: skip
        if reason is not Reason.CORRECTION:
            # Told with what is known now; a correction, with the reading that makes it one.
            state = replace(state, read_at=micros(at))
        judged = self._judge.present(rule, state, evaluation)
        return self._judge.transition(judged, move, state.previous, None)

    # ---- digests ---------------------------------------------------------------------

    def _begin_digests(self, at: datetime) -> None:
        """Let digests that are new be due from now on, and forget those that are gone."""
        told = self._digests_told()
        begun = {_name_of(d): told.get(_name_of(d), at) for d in self._ruleset.digests}
        if begun != told:
            self._put_map("digests", begun)

    def _tell_digests(self, at: datetime, states: Mapping[str, AlertState]) -> None:
        told = self._digests_told()
        for digest in self._ruleset.digests:
            last = told[_name_of(digest)]
            due = due_digest(digest, last, at, self._ruleset.business[SIFMA])
            if due is None:
                continue
            told[_name_of(digest)] = due
            content = self._digest(digest, last, due, at, states)
            for receiver in digest.to:
                if receiver in self._targets:
                    self._announce(
                        receiver, f"digest/{_stamp(due)}",
                        lambda t, content=content: digest_message(content, t=t),  # type: ignore[misc]
                        at=at, lasts=LASTS_OF_DIGEST,
                    )  # fmt: skip
        if told != self._digests_told():
            self._put_map("digests", told)

    def _digest(
        self,
        digest: DigestRule,
        last: datetime,
        due: datetime,
        at: datetime,
        states: Mapping[str, AlertState],
    ) -> Digest:
        moves = [
            self._context.short(move)
            for move in self._store.transitions(since=last)
            if last < move.at <= at
            and move.change not in _QUIETLY
            and move.muted != str(MutedBy(Mute.HISTORY))
        ]
        series = dict.fromkeys(
            name for rule in self._judge.watched.values() for name in rule.node.series
        )
        return Digest(
            at=due,
            rules=len(self._ruleset.rules),
            zone=digest.zone,
            firing=self._context.firing(states, micros(at)),
            moves=tuple(moves),
            late=self._context.late(series, micros(at)),
        )

    # ---- what is remembered ----------------------------------------------------------

    def _waiting(self) -> dict[str, Group]:
        text = self._store.get("waiting")
        if text != self._parsed[0]:
            self._parsed = (text, {} if text is None else from_json(text))
        return self._parsed[1]

    def _remember_firing(
        self, firing: Iterable[Firing], base: str, at: datetime, states: Mapping[str, AlertState]
    ) -> None:
        """Take alerts as told to whoever the routes would have told."""
        for one in firing:
            standing = _standing(self._judge.watched[one.name], states[one.name])
            entry = remembered(standing, at=at)
            assert entry is not None
            labels = self._labels(one.name, one.level)
            for destination in self._destinations(one.name, entry.episode, labels, {}):
                self._nflog.note(destination.receiver, one.name, base, entry)

    def owed(self) -> set[str]:
        """Return the alerts of which somebody has yet to hear."""
        return set(json.loads(self._store.get("owed") or "[]"))

    def _owe(self, name: str, *, owed: bool = True) -> None:
        """Remember, or forget, that somebody has yet to hear of an alert."""
        before = self.owed()
        if owed and name not in self._judge.watched:
            return  # a text has no further reading, and a rule that is gone has none either
        after = before | {name} if owed else before - {name}
        if after != before:
            self._store.put("owed", json.dumps(sorted(after)) if after else None)

    def _put_off(self) -> dict[str, datetime]:
        return _instants(self._store.get("reminders"))

    def _digests_told(self) -> dict[str, datetime]:
        return _instants(self._store.get("digests"))

    def _put_map(self, key: str, instants: Mapping[str, datetime]) -> None:
        text = json.dumps({name: at.isoformat() for name, at in instants.items()})
        self._store.put(key, text if instants else None)


def _by_alert(moves: Iterable[Transition]) -> dict[str, list[Transition]]:
    found: dict[str, list[Transition]] = {}
    for move in moves:
        found.setdefault(move.rule, []).append(move)
    return found


def _join(
    waiting: dict[str, Group],
    move: Transition,
    labels: Mapping[str, str],
    destination: Destination,
) -> None:
    """Put a move into its group, which waits no longer than the route says.

    A group that quiet hours hold back is looked at again: the new move may be loud.
    """
    key = group_key(labels, destination)
    if key in waiting and _id(move) in map(_id, waiting[key].moves):
        return
    group = joined(waiting, move, labels=labels, destination=destination)
    wait = timedelta(seconds=destination.route.group_wait_s)
    waiting[key] = replace(group, due_at=min(group.due_at, move.at + wait))


def _fate(move: Transition, fates: Mapping[_Id, Mapping[str, str | None]]) -> str | None:
    """Return why nobody is told of a move, or None where anybody is or will be."""
    if move.change in _QUIETLY:
        return ARMED
    reasons = list(fates[_id(move)].values())
    return None if None in reasons else reasons[0]


def _reason_for_nobody(move: Transition) -> str:
    return ARMED if move.change in _QUIETLY else NO_RECEIVER


def _base(group: str, news: Sequence[_News], at: datetime) -> str:
    """Return what the rows of a telling have in common; alone an alert goes by its episode."""
    if len(news) == 1:
        return news[0].key
    members = "\n".join(one.key for one in news)
    return f"{group}/{_stamp(at)}/{hashlib.sha256(members.encode()).hexdigest()[:12]}"


def _standing(rule: Watched, state: AlertState) -> Standing:
    """Return where an alert that fires stands with its newest reading."""
    assert state.begun_at is not None
    return Standing(
        episode=episode_of(rule.name, state.begun_at),
        level=state.level,
        highest=state.level,
        value=None if rule.unit is None else rule.in_unit(state.value),
        period=rule.every.text(state.period),
    )


def _sentence(text: str, start: int, end: int) -> str:
    """Return the sentence around a stretch of a text."""
    first = max(text.rfind(stop, 0, start) + len(stop) for stop in (". ", "\n"))
    lasts = [at + 1 for stop in (". ", ".\n") if (at := text.find(stop, end)) >= 0]
    line = text.find("\n", end)
    last = min([*lasts, line if line >= 0 else len(text)])
    return text[max(first, 0) : last].strip()


def _id(move: Transition) -> _Id:
    return (move.rule, move.at, move.period, move.change)


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _name_of(digest: DigestRule) -> str:
    return f"{digest.at} {digest.zone} {digest.on} {','.join(digest.to)}"


def _untold_key(receiver: str, move: _Id) -> str:
    rule, at, period, change = move
    return f"untold/{receiver}/{rule}/{change}/{period}/{_stamp(at)}"


def _instants(text: str | None) -> dict[str, datetime]:
    rows = json.loads(text or "{}")
    return {name: datetime.fromisoformat(at) for name, at in rows.items()}
