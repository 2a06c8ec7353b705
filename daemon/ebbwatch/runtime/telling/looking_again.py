"""Looking again: news without a move of the alert.

That is a reminder, where the rule wants them; the correction of a figure that was told; and
whatever a place was kept from hearing, by a silence, by another alert, by flapping, by quiet
hours or because a message could not be delivered, once nothing keeps it any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from ebbwatch.core.alerting.judging import Watched, episode_of
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.telling.dedup import Entry, Situation, situation_after
from ebbwatch.core.telling.grouping import group_key
from ebbwatch.core.telling.hearing import Told, Untold, Why
from ebbwatch.core.telling.routing import Destination
from ebbwatch.core.telling.standing_move import move_to_here
from ebbwatch.model.alert import OVER, QUIET, Cause, Change, Level, Transition
from ebbwatch.model.message import Reason
from ebbwatch.model.periods import begin_of, instant, micros
from ebbwatch.runtime.telling.audience import Place, places_of
from ebbwatch.runtime.telling.base import Floor, Now
from ebbwatch.runtime.telling.deciding import answer, tell_places
from ebbwatch.runtime.telling.groups import Waiting, episodes_waiting, receivers_told
from ebbwatch.runtime.telling.heard import Heard
from ebbwatch.runtime.telling.memory import Owed
from ebbwatch.runtime.telling.recent_moves import LOOK_BACK

_CHANGES = {Reason.ESCALATED: Change.ESCALATED, Reason.EASED: Change.EASED}
#: More alerts than these at one place and instant are told in one message: nobody reads a
#: screen of alerts that are all as they were.
TOGETHER = 3


def look(
    floor: Floor, now: Now, names: Collection[str], only: Collection[str] | None = None
) -> None:
    """Tell what is news of some alerts as they stand.

    Args:
        floor: Of telling.
        now: The instant.
        names: Of the alerts.
        only: Keys of the places that are looked at; None for all.
    """
    owed = floor.memory.owed()
    indebted = {name for _, name in owed}
    names = [
        name
        for name in names
        if name in floor.judge.watched
        and (state := now.states.get(name)) is not None
        and (state.level is not Level.NONE or name in indebted)
    ]
    now.back.read(names)
    heard: dict[str, list[tuple[Heard, str, bool]]] = {}
    waiting = episodes_waiting(floor.memory.waiting()) if names else {}
    for name in names:
        with floor.sparing(name):
            for one, group, grouped in _heard(floor, now, name, owed, only, waiting):
                heard.setdefault(one.place.key, []).append((one, group, grouped))
    for found in heard.values():
        _tell(floor, now, found)


def put_off(floor: Floor, at: datetime) -> None:
    """Wait for a reading, where nothing came of looking at what was due.

    The route may lead elsewhere by now: an instant that has passed must not be due for ever.
    """
    for (place, name), owed in floor.memory.owed().items():
        if owed.again_at is not None and owed.again_at <= at:
            left = Owed(owed.why) if name in floor.judge.watched else None
            floor.memory.owe(place, name, left)


def introduce(floor: Floor, now: Now, names: Collection[str], *, programs: bool = False) -> None:
    """Let every place that hears of some alerts be owed how they stand, as of new rules.

    Args:
        floor: Of telling.
        now: The instant.
        names: Of the alerts, in any order.
        programs: Whether only places that programs read are.
    """
    firing = [
        name for name in floor.judge.watched
        if name in names and now.states[name].level is not Level.NONE
    ]  # fmt: skip
    for name in firing:
        with floor.sparing(name):
            alert = stands(floor, now, name)
            assert alert is not None
            labels = floor.audience.labels(name, alert.level)
            for place, _ in places_of(floor.audience, floor.audience.destinations(labels, ())):
                if programs and not place.for_programs:
                    continue
                floor.memory.owe(place.key, name, Owed(Why.HISTORY.value))


def _tell(floor: Floor, now: Now, found: Sequence[tuple[Heard, str, bool]]) -> None:
    """Tell a place its news, one by one, or in one message where they are many."""
    if sum(isinstance(one.answer, Told) for one, _, _ in found) > TOGETHER:
        group = f"{found[0][0].place.key}/standing"
        tell_places(floor, now, [one for one, _, _ in found], group=group, grouped=True)
        return
    for one, group, grouped in found:
        tell_places(floor, now, [one], group=group, grouped=grouped)


def _heard(
    floor: Floor,
    now: Now,
    name: str,
    owed: Collection[tuple[str, str]],
    only: Collection[str] | None,
    waiting: Waiting,
) -> Iterator[tuple[Heard, str, bool]]:
    """Yield what each place hears of one alert, its group, and whether the route groups."""
    alert = stands(floor, now, name)
    if alert is None:
        for debtor in [place for place, other in owed if other == name]:
            floor.memory.owe(debtor, name, None)
        return
    told = receivers_told(floor, name, alert.situation.episode, waiting)
    waits = waiting.get(alert.situation.episode, set())
    labels = floor.audience.labels(name, alert.level)
    destinations = floor.audience.destinations(labels, told)
    for place, destination in places_of(floor.audience, destinations):
        asked = only is None or place.key in only
        known = (place.key, name) in owed or floor.memory.log.told(place.key, name) is not None
        if not asked or not known or destination.receiver in waits:
            continue
        found = hears(floor, now, alert, place, destination)
        if found is not None:
            yield found, group_key(labels, destination), bool(destination.route.group_by)


@dataclass(frozen=True, slots=True)
class Stands:
    """How an alert stands that has not moved.

    Attributes:
        rule: Whose alert.
        state: Its state.
        over: The move that ended its last stay; None while it fires.
        situation: The same for the decision.
        level: It fires at, or fired at last.
    """

    rule: Watched
    state: AlertState
    over: Transition | None
    situation: Situation
    level: Level


def stands(floor: Floor, now: Now, name: str) -> Stands | None:
    """Return how an alert stands; None where it does not fire and no stay of it has ended."""
    rule, state = floor.judge.watched[name], now.states[name]
    if state.level is not Level.NONE:
        return Stands(rule, state, None, situation_of(rule, state), state.level)
    over = _last_move(floor, name)
    if over is None:
        return None
    situation = situation_after([over])
    assert situation is not None
    return Stands(rule, state, over, situation, over.level)


def situation_of(rule: Watched, state: AlertState) -> Situation:
    """Return where an alert that fires stands with its newest reading."""
    assert state.begun_at is not None
    return Situation(
        episode=episode_of(rule.name, state.begun_at),
        level=state.level,
        highest=state.level,
        value=None if rule.unit is None else rule.in_unit(state.value),
        period=rule.every.text(state.period),
    )


def hears(
    floor: Floor, now: Now, alert: Stands, place: Place, destination: Destination
) -> Heard | None:
    """Return what one place hears of an alert that has not moved; None for nothing at all."""
    name, situation, by = alert.rule.name, alert.situation, destination.route.group_by
    last = floor.memory.log.told(place.key, name)
    if alert.over is None and last is not None and last.period == situation.period:
        # Whether a revision changed it is looked up only where that would be news.
        situation = replace(situation, cause=Cause.REVISION)
    flapping = alert.level <= Level.WATCH and now.back.flapped_before(
        name, now.at, period=situation.period, at=now.at
    )
    found = answer(
        floor, now, place, destination.route, name, alert.level, situation,
        flapping=flapping, remind_at=_remind_at(floor, alert.rule, last, now.at),
    )  # fmt: skip
    if isinstance(found, Untold) and found.why is Why.NOT_NEWS:
        floor.memory.owe(place.key, name, None)
        return None
    if not isinstance(found, Told):
        return Heard(place, name, found, situation, (), by)
    move = alert.over or _as_move(floor, alert, last, found.reason, now.at)
    if found.reason is Reason.CORRECTION and move.cause is not Cause.REVISION:
        return None  # a slower series changed it, such as GDP under reserves
    return Heard(place, name, found, situation, (move,), by)


def _remind_at(floor: Floor, rule: Watched, last: Entry | None, at: datetime) -> datetime | None:
    """Return the instant from which a reminder is due; of a count of releases, once it is."""
    repeat = rule.rule.repeat
    if last is None or repeat is None:
        return None
    if repeat.unit != "releases":
        return instant(floor.judge.deadline(micros(last.at), repeat))
    told = begin_of(last.period)
    since = int(np.count_nonzero(floor.context.periods(rule.name, micros(at)) > told))
    return at if since >= repeat.count else None


def _last_move(floor: Floor, name: str) -> Transition | None:
    """Return the move that ended an alert's last stay; None where it has not ended."""
    stored = floor.store.transitions(rule=name, limit=LOOK_BACK)
    move = next((move for move in stored if move.change not in QUIET), None)
    return move if move is not None and move.change in OVER else None


def _as_move(
    floor: Floor, alert: Stands, last: Entry | None, reason: Reason, at: datetime
) -> Transition:
    """Return where an alert stands as the move that a message tells."""
    return move_to_here(
        floor.judge,
        alert.rule,
        alert.state,
        micros(at),
        change=_CHANGES.get(reason, Change.FIRED),
        before=Level.NONE if last is None else last.level,
        # A correction is told with the reading that makes it one.
        anew=reason is not Reason.CORRECTION,
    )
