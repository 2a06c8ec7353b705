"""Edits: what a change of the rules, or of who is told, means to each place.

However much an edit changes, a place hears of it in one message: what was added, changed,
renamed and removed, where it hears of such things at all; the alerts it was told of that are no
more; and what fires and it has not heard of yet. A place that is new hears how things stand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ebbwatch.core.render import ReloadContext, reload_message, summary_message
from ebbwatch.core.telling.hearing import Told, Why
from ebbwatch.model.alert import Change, Level, Transition
from ebbwatch.model.message import Reason, RowState
from ebbwatch.model.periods import micros
from ebbwatch.runtime.telling.announcements import LASTS_OF_SUMMARY
from ebbwatch.runtime.telling.audience import Place, places_of
from ebbwatch.runtime.telling.base import Floor, Now
from ebbwatch.runtime.telling.deciding import ask, remember, tell_places
from ebbwatch.runtime.telling.groups import by_alert, episodes_waiting, receivers_told, regroup
from ebbwatch.runtime.telling.heard import Heard
from ebbwatch.runtime.telling.inheritance import inherit
from ebbwatch.runtime.telling.looking_again import hears, stands
from ebbwatch.runtime.telling.memory import MoveId, move_id
from ebbwatch.runtime.telling.news import stamp, worth_of

#: Where the places that were told anything are kept, with the instant at which each was met.
PLACES = "places"

#: Why a message was given up: its place stands in no rule file any more.
GONE = "no receiver is told at this place any more"
#: More rows than ever wait.
_ALL = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A change of the rule files, to be told in the transaction that adopts it.

    Attributes:
        at: UTC instant at which it was seen.
        added: Names of rules.
        changed: Of those that evaluate something else, or cross it elsewhere.
        removed: Of those that are gone.
        renamed: Of those that are the same under another name: the old one, and the new one.
        mends: Whether people were told that the files before it were wrong.
    """

    at: datetime
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    mends: bool = False

    @property
    def told(self) -> bool:
        """Return whether it is told: a reworded title or note is nobody's news."""
        return bool(self.added or self.changed or self.removed or self.renamed or self.mends)


Rules = Mapping[str, tuple[str, str]]


def edit_of(old: Rules, new: Rules, *, at: datetime, mends: bool = False) -> Edit:
    """Return what differs between two sets of rules.

    Args:
        old: Hashes of definition and ladder, by name.
        new: The same of the rules from now on.
        at: UTC instant.
        mends: Whether people were told that the files in between were wrong.
    """
    added = [name for name in new if name not in old]
    removed = [name for name in old if name not in new]
    renamed = []
    for name in removed:
        same = next((other for other in added if new[other] == old[name]), None)
        if same is not None:
            renamed.append((name, same))
            added.remove(same)
    gone = {name for name, _ in renamed}
    return Edit(
        at=at,
        added=tuple(added),
        changed=tuple(name for name in new if name in old and old[name] != new[name]),
        removed=tuple(name for name in removed if name not in gone),
        renamed=tuple(renamed),
        mends=mends,
    )


def tell_edit(
    floor: Floor, now: Now, edit: Edit, moves: Sequence[Transition]
) -> dict[MoveId, str | None]:
    """Tell every place what an edit means to it.

    Args:
        floor: Of telling, by the rules from now on.
        now: The instant.
        edit: What changed.
        moves: Of alerts that the edit moved: withdrawn, or on another level.

    Returns:
        Why each move is told to nobody; None where it is told.
    """
    if inherit(floor):
        meet(floor, now.at)
    known = floor.memory.instants(PLACES)
    everywhere = floor.audience.everywhere()
    floor.memory.forget(lambda place: place in everywhere)
    _give_up(floor, everywhere, now.at)
    floor.memory.release(lambda name: name in floor.judge.watched)
    regroup(floor, {move.episode for move in moves if move.change is Change.WITHDRAWN})
    heard, fates = _moved(floor, now, moves)
    for one in _unheard(floor, now, {move.rule for move in moves}):
        heard.setdefault(one.place.key, []).append(one)
    hearing = {
        place.key
        for receiver in floor.audience.hearing("reload", Level.WATCH)
        for place in floor.audience.places(receiver)
    }
    for key, place in everywhere.items():
        found = heard.get(key, [])
        if key in known:
            _tell(floor, now, place, found, edit, shown=key in hearing)
        else:
            _welcome(floor, now, place, found)
    floor.memory.keep_instants(PLACES, {key: known.get(key, now.at) for key in everywhere})
    return fates


def _give_up(floor: Floor, everywhere: Collection[str], at: datetime) -> None:
    """Drop what waits for places that nobody is told at any more."""
    # Rows of the first version say receiver and number for a place.
    gone = floor.store.places() - set(everywhere) - floor.audience.target_keys()
    if gone:
        waiting = floor.store.outbox(states=(RowState.WAITING,), limit=_ALL)
        keys = [row.key for row in waiting if row.place in gone]
        floor.store.drop(keys, ts=at, reason=GONE)


def meet(floor: Floor, at: datetime) -> None:
    """Take every place for known: it is told how things stand by other words."""
    known = floor.memory.instants(PLACES)
    everywhere = floor.audience.everywhere()
    floor.memory.keep_instants(PLACES, {key: known.get(key, at) for key in everywhere})


def _moved(
    floor: Floor, now: Now, moves: Sequence[Transition]
) -> tuple[dict[str, list[Heard]], dict[MoveId, str | None]]:
    """Return what each place hears of alerts that the edit moved, and who hears nothing why."""
    heard: dict[str, list[Heard]] = {}
    fates: dict[MoveId, str | None] = {}
    waiting = episodes_waiting(floor.memory.waiting())
    for name, some in by_alert(moves).items():
        labels = floor.audience.labels(name, max(move.level for move in some))
        told = receivers_told(floor, name, some[-1].episode, waiting)
        answers = []
        for place, destination in places_of(
            floor.audience, floor.audience.destinations(labels, told)
        ):
            answer, situation = ask(floor, now, place, destination.route, some)
            answers.append(answer)
            one = Heard(place, name, answer, situation, tuple(some), destination.route.group_by)
            heard.setdefault(place.key, []).append(one)
        why = str(answers[0]) if answers else Why.NO_RECEIVER.value
        fate = None if any(isinstance(answer, Told) for answer in answers) else why
        fates |= dict.fromkeys(map(move_id, some), fate)
    return heard, fates


def _unheard(floor: Floor, now: Now, moved: Collection[str]) -> Iterator[Heard]:
    """Yield what places hear of alerts that fire, and of which they were never told."""
    owed, waiting = floor.memory.owed(), episodes_waiting(floor.memory.waiting())
    firing = [
        name
        for name in floor.judge.watched
        if name not in moved
        and (state := now.states.get(name)) is not None
        and state.level is not Level.NONE
    ]
    for name in firing:
        alert = stands(floor, now, name)
        assert alert is not None
        labels = floor.audience.labels(name, alert.level)
        told = receivers_told(floor, name, alert.situation.episode, waiting)
        waits = waiting.get(alert.situation.episode, set())
        for place, destination in places_of(
            floor.audience, floor.audience.destinations(labels, told)
        ):
            last = floor.memory.log.told(place.key, name)
            knows = last is not None and last.episode == alert.situation.episode
            if knows or (place.key, name) in owed or destination.receiver in waits:
                continue
            found = hears(floor, now, alert, place, destination)
            if found is not None:
                yield found


def _tell(
    floor: Floor, now: Now, place: Place, found: Sequence[Heard], edit: Edit, *, shown: bool
) -> None:
    """Tell a place what an edit means to it, in one message.

    Args:
        floor: Of telling.
        now: The instant.
        place: Where.
        found: What it hears of alerts.
        edit: What changed.
        shown: Whether it hears of changes of the rules as such.
    """
    if place.for_programs:
        # It hears of each group how it stands, and of the edit as such where it wants to.
        tell_places(floor, now, found, group=f"{place.key}/edit", grouped=True)
        place, found = place.for_summaries, []
    told = [one for one in found if isinstance(one.answer, Told)]
    renamed = _renamed(told, edit)
    shown = edit.told and (shown or bool(renamed))
    if not shown and len(told) < 2:
        tell_places(floor, now, found, group=f"{place.key}/edit", grouped=False)
        return
    base = f"reload/{stamp(now.at)}"
    for one in found:
        remember(floor, now, one, base)
    quietly = {name for pair in renamed for name in pair}
    spoken = [one for one in told if one.name not in quietly]
    firing = {one.name for one in spoken if one.situation.level is not Level.NONE}
    lines = floor.context.firing(now.states, micros(now.at))
    reload = ReloadContext(
        at=now.at,
        added=edit.added if shown else (),
        changed=edit.changed if shown else (),
        removed=edit.removed if shown else (),
        renamed=edit.renamed if shown else (),
        firing=tuple(line for line in lines if line.name in firing),
        over=tuple(floor.context.short(m) for m in _last_moves(spoken) if m.rule not in firing),
        told=tuple(floor.context.short(move) for move in _last_moves(told)),
    )
    level = max((one.situation.level for one in told), default=Level.NONE)
    floor.writer.write(
        [place], base, lambda t: reload_message(reload, t=t), at=now.at,
        lasts=worth_of(Reason.FIRST, max(level, Level.WATCH)), level=level,
        lines=tuple(one.name for one in told),
    )  # fmt: skip


def _welcome(floor: Floor, now: Now, place: Place, found: Sequence[Heard]) -> None:
    """Tell a place that is new how things stand."""
    base = f"summary/{stamp(now.at)}"
    if place.for_programs:
        tell_places(floor, now, found, group=base, grouped=True)
    else:
        for one in found:
            remember(floor, now, one, base)
    told = {one.name for one in found if isinstance(one.answer, Told)}
    firing = [f for f in floor.context.firing(now.states, micros(now.at)) if f.name in told]
    floor.writer.write(
        [place.for_summaries], base,
        lambda t: summary_message(firing, rules=len(floor.ruleset.rules), t=t),
        at=now.at, lasts=LASTS_OF_SUMMARY, lines=tuple(one.name for one in firing),
        level=max((one.level for one in firing), default=Level.NONE),
    )  # fmt: skip


def _renamed(told: Sequence[Heard], edit: Edit) -> list[tuple[str, str]]:
    """Return the renamed rules whose alerts a place was told of, and that fire as before."""
    levels = {one.name: one.moves[-1].level for one in told}
    return [
        (old, new)
        for old, new in edit.renamed
        if old in levels and new in levels and levels[old] == levels[new]
    ]


def _last_moves(heard: Sequence[Heard]) -> list[Transition]:
    return [one.moves[-1] for one in heard]
