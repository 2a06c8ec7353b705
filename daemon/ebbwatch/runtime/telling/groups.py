"""Groups: moves that are told together, from the event that made them to the end of their wait."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ebbwatch.core.alerting.judging import episode_of
from ebbwatch.core.telling.grouping import Group, group_key, joined, next_due
from ebbwatch.core.telling.hearing import Later, Told, Why
from ebbwatch.core.telling.routing import Destination
from ebbwatch.model.alert import QUIET, Level, Transition
from ebbwatch.model.periods import Micros
from ebbwatch.ruleset.rules import Route
from ebbwatch.runtime.telling.base import Floor, Now
from ebbwatch.runtime.telling.deciding import ask, tell_places
from ebbwatch.runtime.telling.heard import Heard
from ebbwatch.runtime.telling.memory import MoveId, move_id

#: Why each move is not told, by receiver; None where it is told, or will be.
Fates = dict[MoveId, dict[str, str | None]]
#: Receivers of the groups that wait, by episode.
Waiting = Mapping[str, set[str]]


@dataclass(slots=True)
class _Flushed:
    """What became of a group.

    Attributes:
        kept: Moves that wait on.
        until: When to look at them again.
        untold: Named reasons of moves that are told at no place of the receiver.
    """

    kept: list[Transition] = field(default_factory=list)
    until: list[datetime] = field(default_factory=list)
    untold: dict[MoveId, str] = field(default_factory=dict)


def join(floor: Floor, moves: Sequence[Transition]) -> tuple[dict[str, Group], Fates]:
    """Return the groups that moves go to, those that wait already included, by key.

    Args:
        floor: Of telling.
        moves: Of one event, oldest first.

    Returns:
        The groups, and the fate of each move so far.
    """
    groups = dict(floor.memory.waiting())
    waiting = episodes_waiting(groups)
    fates: Fates = {}
    for name, some in by_alert(moves).items():
        fates |= {move_id(move): {"": Why.BROKEN.value} for move in some}
        with floor.sparing(name):
            labels = floor.audience.labels(name, max(move.level for move in some))
            told = receivers_told(floor, name, some[-1].episode, waiting)
            destinations = floor.audience.destinations(labels, told)
            for move in some:
                for destination in destinations:
                    _put(groups, move, labels, destination)
                fates[move_id(move)] = {d.receiver: None for d in destinations}
                if not destinations:
                    fates[move_id(move)] = {"": Why.NO_RECEIVER.value}
    return groups, fates


@dataclass(frozen=True, slots=True)
class Stay:
    """What of an alert's moves says which groups they go to.

    Attributes:
        level: Highest level that they tell of.
        begun_at: µs at which the episode of the newest began.
    """

    level: Level
    begun_at: Micros


def together(floor: Floor, stays: Mapping[str, Stay]) -> list[list[str]]:
    """Return which alerts must be told together, because their moves go to the same groups.

    Args:
        floor: Of telling.
        stays: Of alerts that move, by name.

    Returns:
        Each alert once, the most severe first, then in the order in which they came.
    """
    if not any(route.group_by for route in floor.ruleset.routes):
        return _severe_first([[name] for name in stays], stays)
    waiting = episodes_waiting(floor.memory.waiting())
    first_of: dict[str, str] = {}
    sets = {name: [name] for name in stays}
    for name, stay in stays.items():
        with floor.sparing(name):
            labels = floor.audience.labels(name, stay.level)
            told = receivers_told(floor, name, episode_of(name, stay.begun_at), waiting)
            for destination in floor.audience.destinations(labels, told):
                others = sets[first_of.setdefault(group_key(labels, destination), name)]
                if others is not sets[name]:
                    small, large = sorted((sets[name], others), key=len)
                    large += small
                    sets |= dict.fromkeys(small, large)
    return _severe_first({id(some): some for some in sets.values()}.values(), stays)


def _severe_first(sets: Iterable[list[str]], stays: Mapping[str, Stay]) -> list[list[str]]:
    return sorted(sets, key=lambda names: max(stays[n].level for n in names), reverse=True)


def flush(floor: Floor, groups: Mapping[str, Group], now: Now, fates: Fates) -> None:
    """Tell the groups that are due; remember the others, and why moves are not told."""
    stored = floor.memory.waiting()
    now.back.read(m.rule for g in groups.values() if g.due_at <= now.at for m in g.moves)
    for key, group in groups.items():
        rest: Group | None = group
        if group.due_at <= now.at:
            rest = None
            flushed = _Flushed(untold=dict.fromkeys(map(move_id, group.moves), Why.BROKEN.value))
            with floor.sparing(*by_alert(group.moves)):
                flushed = _flush(floor, group, now)
            if flushed.kept:
                rest = replace(group, moves=tuple(flushed.kept), due_at=min(flushed.until))
            _note_untold(floor, group.receiver, flushed.untold, fates)
        if stored.get(key) is not rest:
            floor.memory.wait(key, rest)


def hold(floor: Floor, moves: Sequence[Transition]) -> Fates:
    """Let moves wait in their groups for whoever flushes those; return the fate of each."""
    groups, fates = join(floor, moves)
    for key, group in groups.items():
        floor.memory.wait(key, group)
    note_mixed(floor, moves, fates)
    return fates


def regroup(floor: Floor, withdrawn: Collection[str]) -> None:
    """Let what waits follow the rules in force: the names that it was stored under may be gone.

    Moves of a receiver that is gone wait for whom the routes lead to now. Those of an alert that
    is no more, or was withdrawn, are not told any more.

    Args:
        floor: Of telling, by the rules from now on.
        withdrawn: Episodes that the edit ended.
    """
    rules = {rule.name for rule in floor.ruleset.rules}
    stored = floor.memory.waiting()
    groups = dict(stored)
    for key, group in stored.items():
        moves = [m for m in group.moves if m.rule in rules and m.episode not in withdrawn]
        for move in group.moves:
            if move not in moves:
                floor.memory.note_untold(group.receiver, move_id(move), Why.EDITED.value)
        if len(moves) == len(group.moves) and group.receiver in floor.audience.receivers:
            continue
        del groups[key]
        if group.receiver not in floor.audience.receivers:
            _reroute(floor, groups, group, moves)
        elif moves:
            groups[key] = replace(group, moves=tuple(moves))
    for key in stored.keys() | groups.keys():
        if stored.get(key) is not groups.get(key):
            floor.memory.wait(key, groups.get(key))


def _reroute(
    floor: Floor, groups: dict[str, Group], group: Group, moves: Sequence[Transition]
) -> None:
    """Let moves wait for the receivers that hear of them now, if they do not wait there already."""
    for name, some in by_alert(moves).items():
        labels = floor.audience.labels(name, max(move.level for move in some))
        told = receivers_told(floor, name, some[-1].episode, {})
        destinations = floor.audience.destinations(labels, told)
        for move in some:
            for destination in destinations:
                _put(groups, move, labels, destination)
            if not destinations:
                floor.memory.note_untold(group.receiver, move_id(move), Why.NO_RECEIVER.value)


def due_at(floor: Floor) -> datetime | None:
    """Return when the first group that waits is to be told."""
    return next_due(floor.memory.waiting())


def episodes_waiting(groups: Mapping[str, Group]) -> Waiting:
    """Return the receivers of the groups that wait, by episode."""
    found: dict[str, set[str]] = {}
    for group in groups.values():
        for move in group.moves:
            found.setdefault(move.episode, set()).add(group.receiver)
    return found


def receivers_told(floor: Floor, name: str, episode: str, waiting: Waiting) -> set[str]:
    """Return the receivers that were told of an episode, or wait to be."""
    memory, audience = floor.memory, floor.audience
    told = {
        receiver
        for receiver in audience.receivers
        for place in audience.places(receiver)
        if (entry := memory.log.told(place.key, name)) is not None and entry.episode == episode
    }
    return told | waiting.get(episode, set())


def _flush(floor: Floor, group: Group, now: Now) -> _Flushed:
    """Tell a group at each place of its receiver, in one message at each."""
    flushed = _Flushed()
    places = floor.audience.places(group.receiver)
    heard: list[Heard] = []
    route = Route()
    for name, moves in by_alert(group.moves).items():
        labels = floor.audience.labels(name, max(move.level for move in moves))
        route = floor.audience.route(group.receiver, labels)
        found = [
            Heard(place, name, *ask(floor, now, place, route, moves), tuple(moves), route.group_by)
            for place in places
        ]
        untils = [one.answer.until for one in found if isinstance(one.answer, Later)]
        if untils:
            flushed.kept += moves
            flushed.until += untils
            continue
        if not any(isinstance(one.answer, Told) for one in found):
            reason = str(found[0].answer) if found else Why.NO_RECEIVER.value
            flushed.untold |= dict.fromkeys(map(move_id, moves), reason)
        heard += found
    tell_places(floor, now, heard, group=group.key, grouped=bool(route.group_by))
    return flushed


def note_mixed(floor: Floor, moves: Iterable[Transition], fates: Fates) -> None:
    """Note why some receivers are not told of moves of which others are."""
    for move in moves:
        reasons = fates.get(move_id(move), {})
        if None in reasons.values():
            for receiver, reason in reasons.items():
                if reason is not None:
                    floor.memory.note_untold(receiver, move_id(move), reason)


def _note_untold(floor: Floor, receiver: str, untold: Mapping[MoveId, str], fates: Fates) -> None:
    """Note why moves are told to nobody: of this event with them, of earlier ones aside."""
    for move, reason in untold.items():
        if move in fates:
            fates[move][receiver] = reason
        else:
            floor.memory.note_untold(receiver, move, reason)


def _put(
    groups: dict[str, Group],
    move: Transition,
    labels: Mapping[str, str],
    destination: Destination,
) -> None:
    """Put a move into its group, which waits no longer than the route says.

    A group that quiet hours hold back is looked at again: the new move may be loud.
    """
    key = group_key(labels, destination)
    if key in groups and move_id(move) in map(move_id, groups[key].moves):
        return
    group = joined(groups, move, labels=labels, destination=destination)
    wait = timedelta(seconds=destination.route.group_wait_s)
    groups[key] = replace(group, due_at=min(group.due_at, move.at + wait))


def by_alert(moves: Iterable[Transition]) -> dict[str, list[Transition]]:
    """Return moves that are anybody's news by the alert they are of, in order."""
    found: dict[str, list[Transition]] = {}
    for move in moves:
        if move.change not in QUIET:
            found.setdefault(move.rule, []).append(move)
    return found
