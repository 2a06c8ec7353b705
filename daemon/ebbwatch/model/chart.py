"""Charts: what to draw, not how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChartSpec:
    """A line of readings with the ladder's lines and the turns shaded.

    Attributes:
        title: Above the chart, in the reader's language.
        unit: Of values and thresholds: ``bp``.
        points: (period as ISO text, value) oldest first; None where unknown.
        thresholds: (label, value), lowest level first.
        marks: (period as ISO text, label) of transitions.
        shaded: (first, last period as ISO text, label) of turns.
        tried: (label, value) of thresholds that are not in force, lowest level first.
        language: Of title and labels, which decides between fonts.
    """

    title: str
    unit: str
    points: tuple[tuple[str, float | None], ...]
    thresholds: tuple[tuple[str, float], ...] = ()
    marks: tuple[tuple[str, str], ...] = ()
    shaded: tuple[tuple[str, str, str], ...] = ()
    tried: tuple[tuple[str, float], ...] = ()
    language: str = "en"
