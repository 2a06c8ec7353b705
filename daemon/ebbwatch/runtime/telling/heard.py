"""Heard: what one place hears of one alert, as it was decided."""

from __future__ import annotations

from dataclasses import dataclass

from ebbwatch.core.telling.dedup import Situation
from ebbwatch.core.telling.hearing import Later, Told, Untold
from ebbwatch.model.alert import Transition
from ebbwatch.runtime.telling.audience import Place

Answer = Told | Later | Untold


@dataclass(frozen=True, slots=True)
class Heard:
    """What one place hears of one alert.

    Attributes:
        place: Where.
        name: Of the alert.
        answer: Whether it is told, and why or why not.
        situation: Where the alert stands.
        moves: That tell it, oldest first; where it is not told, there may be none.
        group_by: Labels that the route groups by.
    """

    place: Place
    name: str
    answer: Answer
    situation: Situation
    moves: tuple[Transition, ...]
    group_by: tuple[str, ...] = ()
