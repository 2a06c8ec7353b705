"""Which receivers hear of an alert, and by which route."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ebbwatch.model.alert import Level
from ebbwatch.ruleset.rules import Route


@dataclass(frozen=True, slots=True)
class Destination:
    """One receiver, and the route that leads to it.

    Attributes:
        route: Whose grouping, quiet hours and wish for resolutions hold.
        receiver: Name of the receiver.
    """

    route: Route
    receiver: str


def labels_of(name: str, level: Level, labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that routes, silences and inhibitions see.

    Args:
        name: Of the alert.
        level: Of the change: for resolved and withdrawn, the one that was left.
        labels: The rule's own; they cannot replace ``name`` and ``level``.
    """
    return {**labels, "name": name, "level": level.word}


def matches(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Return whether every wanted label is there with that value; no wish matches all."""
    return all(name in labels and labels[name] == value for name, value in wanted.items())


def receivers_for(
    labels: Mapping[str, str],
    routes: Sequence[Route],
    *,
    receivers: Collection[str],
    told: Collection[str] = (),
) -> list[Destination]:
    """Return where an alert goes, each receiver once; empty when no route wants it.

    The first route that matches ends the search unless it says ``continue``. Whoever was
    told of the episode is told how it goes on, though its level may have left the route:
    a desk woken by a critical alert must hear that it eased to a warning.

    Args:
        labels: As `labels_of` gives them.
        routes: In the order of the files; none: everything goes to every receiver.
        receivers: Names of all receivers, in order.
        told: Receivers that were told of this episode before.
    """
    if not routes:
        everywhere = Route(to=tuple(receivers))
        return [Destination(everywhere, receiver) for receiver in everywhere.to]
    found: dict[str, Route] = {}
    for route in routes:
        if matches(labels, route.match):
            for receiver in route.to:
                found.setdefault(receiver, route)
            if not route.proceed:
                break
    for route in routes:
        for receiver in route.to:
            if receiver in told:
                found.setdefault(receiver, route)
    return [Destination(route, receiver) for receiver, route in found.items()]
