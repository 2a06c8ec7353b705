"""The audience: which receivers and places hear of an alert, by the rules in force."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from ebbwatch.core.telling.routing import Destination, labels_of, receivers_for
from ebbwatch.model.alert import Level
from ebbwatch.model.message import Target
from ebbwatch.ruleset.rules import Route, Ruleset

#: Labels of what the program tells of itself.
DATA_HEALTH = "data-health"


@dataclass(frozen=True, slots=True)
class Place:
    """Where messages can be told, whatever receiver leads there.

    Attributes:
        key: Identifies it: kind and chat, channel or address.
        targets: That lead there, one for each language.
    """

    key: str
    targets: tuple[Target, ...]

    @property
    def for_programs(self) -> bool:
        """Return whether a program reads what is told there."""
        return any(target.for_programs for target in self.targets)

    @property
    def for_summaries(self) -> Place:
        """Return it with those of its targets that are sent what is no state."""
        return replace(self, targets=tuple(t for t in self.targets if t.summaries))


class Audience:
    """Who can be told, and by which route, by one ruleset."""

    def __init__(self, ruleset: Ruleset, place_of: Callable[[Target], str]) -> None:
        """Take the ruleset, and what identifies the place of a target."""
        self._routes = ruleset.routes
        self._labels = {rule.name: rule.labels for rule in ruleset.rules}
        self._places = {
            name: _places(targets, place_of)
            for name, targets in ruleset.receivers.items()
            if targets
        }

    def __bool__(self) -> bool:
        """Return whether there is anybody to be told."""
        return bool(self._places)

    @property
    def receivers(self) -> Collection[str]:
        """Return the names of the receivers that can be told."""
        return self._places.keys()

    def everywhere(self) -> dict[str, Place]:
        """Return every place once, by its key."""
        return {place.key: place for places in self._places.values() for place in places}

    def programs(self) -> list[str]:
        """Return the keys of the places that programs read."""
        return [key for key, place in self.everywhere().items() if place.for_programs]

    def target_keys(self) -> set[str]:
        """Return the keys of all targets: receiver and number."""
        return {
            target.key
            for places in self._places.values()
            for place in places
            for target in place.targets
        }

    def places(self, receiver: str) -> tuple[Place, ...]:
        """Return the places of a receiver; none for one that is gone."""
        return self._places.get(receiver, ())

    def labels(self, name: str, level: Level) -> dict[str, str]:
        """Return an alert's labels, with ``name`` and ``level``; of one that is gone, only those."""
        return labels_of(name, level, self._labels.get(name, {}))

    def destinations(self, labels: Mapping[str, str], told: Collection[str]) -> list[Destination]:
        """Return which receivers hear of an alert.

        Args:
            labels: Of the alert (`labels`).
            told: Receivers that were told of its episode.
        """
        found = receivers_for(labels, self._routes, receivers=self._places, told=told)
        return [destination for destination in found if destination.receiver in self._places]

    def route(self, receiver: str, labels: Mapping[str, str]) -> Route:
        """Return the route by which a receiver hears of an alert."""
        found = self.destinations(labels, (receiver,))
        return next((d.route for d in found if d.receiver == receiver), Route())

    def hearing(self, name: str, level: Level) -> list[str]:
        """Return who hears of matters that are no alert: where no route leads, everybody."""
        labels = {"theme": DATA_HEALTH, "name": name, "level": level.word}
        named = [destination.receiver for destination in self.destinations(labels, ())]
        return named or list(self._places)


def _places(targets: tuple[Target, ...], place_of: Callable[[Target], str]) -> tuple[Place, ...]:
    """Return the places that targets lead to; a language is told once at a place."""
    found: dict[str, dict[str, Target]] = {}
    for target in targets:
        found.setdefault(place_of(target), {}).setdefault(target.language, target)
    return tuple(Place(key, tuple(one.values())) for key, one in found.items())


def places_of(
    audience: Audience, destinations: Collection[Destination]
) -> Iterator[tuple[Place, Destination]]:
    """Yield each place that destinations lead to once, by the first that leads there."""
    seen: set[str] = set()
    for destination in destinations:
        for place in audience.places(destination.receiver):
            if place.key not in seen:
                seen.add(place.key)
                yield place, destination
