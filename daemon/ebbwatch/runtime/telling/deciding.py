"""Deciding what a place hears of an alert, and remembering the answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from ebbwatch.core.telling.dedup import Situation, remembered, situation_after
from ebbwatch.core.telling.hearing import Case, Later, Told, Untold, Why, what_is_heard
from ebbwatch.model.alert import Level, Transition
from ebbwatch.ruleset.rules import Route
from ebbwatch.runtime.telling.audience import Place
from ebbwatch.runtime.telling.base import Floor, Now
from ebbwatch.runtime.telling.heard import Answer, Heard
from ebbwatch.runtime.telling.memory import Owed
from ebbwatch.runtime.telling.news import News, base_of, stamp
from ebbwatch.runtime.telling.programs import by_group, dressing, shown


def tell_places(
    floor: Floor, now: Now, heard: Iterable[Heard], *, group: str, grouped: bool
) -> None:
    """Write what places hear, one message for each, and remember every answer.

    Places that hear the same share the words. A program hears of each group by itself, and with
    it how the group stands (`programs`).

    Args:
        floor: Of telling.
        now: The instant.
        heard: Of any number of alerts and places.
        group: Key of the group in which the alerts are told.
        grouped: Whether the route tells alerts together.
    """
    by_place: dict[str, list[Heard]] = {}
    for one in heard:
        by_place.setdefault(one.place.key, []).append(one)
    written: dict[tuple[tuple[str, float | None], ...], tuple[list[News], list[Place]]] = {}
    parts = [part for found in by_place.values() for part in _parts(floor, found)]
    for found in parts:
        told = [one for one in found if isinstance(one.answer, Told)]
        news = [news_of(floor, one) for one in told]
        base = base_of(group, news, now.at) if news else ""
        if news and found[0].place.for_programs:
            floor.writer.alerts(
                [found[0].place], base, news, floor.context, now.back, at=now.at, group=group,
                grouped=grouped, dressing=dressing(floor, now, told),
            )  # fmt: skip
        for one in found:
            untold = f"{one.situation.episode}/untold/{one.situation.period}/{stamp(now.at)}"
            remember(floor, now, one, base if isinstance(one.answer, Told) else untold)
        if news and not found[0].place.for_programs:
            same = tuple((one.key, one.told_value) for one in news)
            written.setdefault(same, (news, []))[1].append(found[0].place)
    for news, places in written.values():
        floor.writer.alerts(
            places, base_of(group, news, now.at), news, floor.context, now.back, at=now.at,
            group=group, grouped=grouped,
        )  # fmt: skip


def _parts(floor: Floor, found: list[Heard]) -> list[list[Heard]]:
    """Return what one place hears, apart by what goes into one message."""
    return by_group(floor, found) if found[0].place.for_programs else [found]


def news_of(floor: Floor, heard: Heard) -> News:
    """Return what a place is to be told of an alert."""
    assert isinstance(heard.answer, Told)
    last = floor.memory.log.told(heard.place.key, heard.name)
    return News(heard.answer.reason, heard.moves, None if last is None else last.value)


def ask(
    floor: Floor, now: Now, place: Place, route: Route, moves: Sequence[Transition]
) -> tuple[Answer, Situation]:
    """Return what a place hears of an alert's moves, and where they leave the alert.

    Args:
        floor: Of telling.
        now: The instant.
        place: Whose memory counts.
        route: By which it hears.
        moves: Of one alert, oldest first, at least one that is anybody's news.
    """
    name = moves[0].rule
    level = max(move.level for move in moves)
    situation = situation_after(moves)
    assert situation is not None
    last = moves[-1]
    flapping = level <= Level.WATCH and now.back.flapped_before(
        name, moves[0].at, period=last.period, at=last.at
    )
    return answer(floor, now, place, route, name, level, situation, flapping=flapping), situation


def answer(
    floor: Floor,
    now: Now,
    place: Place,
    route: Route,
    name: str,
    level: Level,
    situation: Situation,
    *,
    flapping: bool,
    remind_at: datetime | None = None,
) -> Answer:
    """Return what a place hears of an alert that stands somewhere.

    No program is spared what flaps: it would keep a state that is no more.
    """
    return what_is_heard(
        Case(
            at=now.at,
            labels=floor.audience.labels(name, level),
            level=level,
            situation=situation,
            last=floor.memory.log.told(place.key, name),
            route=route,
            remind_at=remind_at,
            silences=now.silences,
            inhibitions=floor.ruleset.inhibit,
            firing=now.firing,
            flapping=flapping and not place.for_programs,
            acknowledged=situation.episode in now.acknowledged,
        )
    )


def remember(floor: Floor, now: Now, heard: Heard, key: str) -> None:
    """Remember an answer: what the place knows from now on, and what it has yet to hear.

    Args:
        floor: Of telling.
        now: The instant.
        heard: The answer.
        key: What the rows have in common, where it is told; else what identifies the news.
    """
    place, name, found, situation = heard.place.key, heard.name, heard.answer, heard.situation
    memory = floor.memory
    owed: Owed | None = None
    match found:
        case Told() | Untold(why=Why.NO_RESOLUTIONS):
            as_what = shown(floor, heard) if heard.place.for_programs else None
            memory.log.note(place, name, key, remembered(situation, at=now.at, shown=as_what))
        case Untold(why=Why.FLAPPING):
            owed = Owed(str(found))
            _fall(floor, now, place, name, situation)
        case Untold() if found.owed:
            owed = Owed(str(found), found.again_at)
        case Later(until=until):
            owed = Owed(str(found), until)
        case Untold():
            return
    # A text has no further reading, and a rule that is gone has none either.
    memory.owe(place, name, owed if name in floor.judge.watched else None)


def _fall(floor: Floor, now: Now, place: str, name: str, situation: Situation) -> None:
    """Remember that a flapping alert fell, untold, so that its next rise is news."""
    last = floor.memory.log.told(place, name)
    if last is None or situation.level >= last.level:
        return
    fallen = None if situation.level is Level.NONE else replace(last, level=situation.level)
    floor.memory.log.note(place, name, f"flapping/{stamp(now.at)}/{name}", fallen)
