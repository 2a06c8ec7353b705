"""The edge: where a published number becomes an observation, or is held back.

Every value is converted here, once, to the base unit of its series, and nowhere else. What
a provider publishes is compared with what is held, so that only news goes on::

    published ──► unit ──► scale ──► known already? ──► level, plausible ──► observation
                    │        │             │                    │
                 stopped  announced     nothing             quarantine

A wrong scale must never reach a rule: an unknown unit stops the series, a change of scale is
converted and announced, and a value too far from the last, or outside what is plausible, is
held back by itself: the next plausible one goes on.

Figures that a person hands over (``--data``, ``import``) and the archive do not pass here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Protocol

from ebbwatch.core.facts import asof
from ebbwatch.core.facts.release_clock import NEVER
from ebbwatch.model.observation import Observation, Published
from ebbwatch.model.series import Series
from ebbwatch.model.units import UNITS, Unit
from ebbwatch.ports import Held

#: How far a new value of a series with ``scale_check: level`` may lie from the last.
LEVEL_FACTOR = 50

#: The powers of 1000 by which publishers change their scale: units to trillions, either way.
_POWERS = (1, -1, 2, -2, 3, -3, 4, -4)


class HeldFigures(Protocol):
    """What is held already, archive included, as the newest version of each period."""

    def value(self, series: str, period: int) -> tuple[Decimal | None, str] | None:
        """Return a period's value in base units and who gave it; None where none is held."""
        ...

    def newest(self, series: str) -> tuple[int, Decimal] | None:
        """Return the newest period that has a value, and the value; None where none has."""
        ...


@dataclass(frozen=True, slots=True)
class Present:
    """The newest version of everything in the daemon's own history, in exact decimals.

    Attributes:
        history: That history.
    """

    history: asof.History

    def value(self, series: str, period: int) -> tuple[Decimal | None, str] | None:
        """Return a period's value in base units and who gave it; None where none is held."""
        figure = self.history.figure_for(series, period, as_of=NEVER)
        if figure is None:
            return None
        return None if figure.value is None else _decimal(figure.value), figure.source

    def newest(self, series: str) -> tuple[int, Decimal] | None:
        """Return the newest period that has a value, and the value; None where none has."""
        figure = self.history.newest(series, as_of=NEVER)
        if figure is None or figure.value is None:
            return None
        return figure.period, _decimal(figure.value)


def _decimal(value: Fraction) -> Decimal:
    """Return a fraction of a power of ten, which published values are, as it is."""
    return Decimal(value.numerator) / Decimal(value.denominator)


class NoticeKind(StrEnum):
    """What people should know of a series' numbers."""

    UNIT_CHANGED = "unit-changed"
    SCALE_CHANGED = "scale-changed"
    UNIT_UNKNOWN = "unit-unknown"
    PERIOD_IMPOSSIBLE = "period-impossible"


#: Those after which nothing of an answer is used for the series.
STOPPING = frozenset({NoticeKind.UNIT_UNKNOWN, NoticeKind.PERIOD_IMPOSSIBLE})


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about a series' numbers that people should know, told once.

    Attributes:
        kind: What happened.
        series: Name in the catalogue.
        source: Who published it.
        found: What was found, in words: a unit's name, a scale, a period.
        expected: What the catalogue says.
    """

    kind: NoticeKind
    series: str
    source: str
    found: str
    expected: str

    @property
    def key(self) -> str:
        """Return what makes two notices the same news."""
        return f"{self.kind}/{self.series}/{self.source}/{self.found}"

    @property
    def stops(self) -> bool:
        """Return whether nothing of this answer was used for the series."""
        return self.kind in STOPPING


@dataclass(frozen=True, slots=True)
class Admitted:
    """What became of an answer.

    Attributes:
        observations: News, in the order published; empty where everything was known.
        held: What goes into quarantine, with reasons.
        notices: What people should know; may repeat what an earlier answer said.
    """

    observations: tuple[Observation, ...] = ()
    held: tuple[Held, ...] = ()
    notices: tuple[Notice, ...] = ()


def admit(
    series: Series,
    published: Sequence[Published],
    history: HeldFigures,
    *,
    at: datetime,
    source: str,
    first_choice: bool,
) -> Admitted:
    """Return what of an answer is news, in base units.

    1. Read each value in the unit declared with it, or in the catalogue's.
    2. Recognise an undeclared change of scale by its shape.
    3. Drop what is held already: equal values, and from a fallback every held period. "No
       value" for a period that never had one is no news either.
    4. Hold back what is too far from the last value, or not plausible.

    The newest version of each period becomes known at `at`, because that is when it was
    seen. Only versions that the answer itself replaces, and a series' very first answer,
    keep the instants their provider gives (never later than `at`).

    Args:
        series: Its catalogue entry.
        published: The answer's figures for this series, oldest first; several versions of
            one period stand in the order they were published.
        history: What is held.
        at: UTC instant at which the poll saw the answer.
        source: Name of the source that gave it.
        first_choice: Whether that is the series' first choice; else it is the fallback.
    """
    if (stop := _stop(series, published, source)) is not None:
        return Admitted(notices=(stop,))
    read = [(p, None if p.value is None else _unit(series, p).to_base(p.value)) for p in published]
    notices = list(dict.fromkeys(_unit_changes(series, published, source)))
    power = _change_of_scale(read, history)
    if power:
        scale = Decimal(1000) ** -power
        read = [(p, v * scale if v is not None and p.unit is None else v) for p, v in read]
        notices.append(
            Notice(NoticeKind.SCALE_CHANGED, series.name, source, _scale(power), series.unit.name)
        )
    newest = history.newest(series.name)
    fresh = _news(series, read, history, first_choice=first_choice)
    trusted: tuple[int, Decimal] | None = None
    observations: list[Observation] = []
    held: list[Held] = []
    for place, (figure, value) in enumerate(read):
        known = history.value(series.name, figure.period)
        if place in fresh:
            own = figure.known_at if figure.known_at and (fresh[place] or newest is None) else at
            observation = Observation(
                series=series.name,
                period=figure.period,
                value=value,
                known_at=min(own, at),
                source=source,
                vintage=figure.vintage,
            )
            last = known[0] if known else _before(figure.period, trusted, newest)
            if (reason := _doubt(series, value, last)) is not None:
                held.append(Held(observation=observation, reason=reason))
                continue
            observations.append(observation)
        elif known is None or known[0] != value:
            continue
        if value is not None:
            trusted = (figure.period, value)
    return Admitted(tuple(observations), tuple(held), tuple(notices))


def _stop(series: Series, published: Sequence[Published], source: str) -> Notice | None:
    """Return why nothing of an answer can be used, or None."""
    for figure in published:
        if figure.unit is not None:
            unit = UNITS.get(figure.unit)
            if unit is None or not unit.dimension.fits(series.unit.dimension):
                return Notice(
                    NoticeKind.UNIT_UNKNOWN, series.name, source, figure.unit, series.unit.name
                )
        if (fault := series.every.fault(figure.period)) is not None:
            return Notice(
                NoticeKind.PERIOD_IMPOSSIBLE,
                series.name,
                source,
                f"{series.every.text(figure.period)} {fault}",
                series.every.name,
            )
    return None


def _unit(series: Series, figure: Published) -> Unit:
    return series.unit if figure.unit is None else UNITS[figure.unit]


def _unit_changes(series: Series, published: Sequence[Published], source: str) -> Iterable[Notice]:
    for figure in published:
        if figure.unit is not None and UNITS[figure.unit].factor != series.unit.factor:
            yield Notice(
                NoticeKind.UNIT_CHANGED, series.name, source, figure.unit, series.unit.name
            )


def _change_of_scale(
    read: Sequence[tuple[Published, Decimal | None]], history: HeldFigures
) -> int | None:
    """Return the power of 1000 by which every undeclared value differs from what is held.

    None where they do not all differ by one and the same, or where nothing overlaps. Zeros
    on both sides, and periods without a value, say nothing about scale.
    """
    newest_version = {p.period: (p, v) for p, v in read if p.unit is None}
    found: int | None = None
    for figure, value in newest_version.values():
        known = history.value(figure.series, figure.period)
        if known is None or known[0] is None or value is None or (value == 0 and known[0] == 0):
            continue
        power = next((k for k in _POWERS if value == known[0] * Decimal(1000) ** k), None)
        if power is None or (found is not None and power != found):
            return None
        found = power
    return found


def _scale(power: int) -> str:
    """Return a change of scale in words: ``1000 times larger``."""
    return f"{1000 ** abs(power)} times {'larger' if power > 0 else 'smaller'}"


def _news(
    series: Series,
    read: Sequence[tuple[Published, Decimal | None]],
    history: HeldFigures,
    *,
    first_choice: bool,
) -> dict[int, bool]:
    """Return the places of the figures that are news, and whether the answer replaces them.

    Of several versions of a period, those after the one that is held are news; all of them
    where none is. A version equal to the one before it is none, nor is "no value" where
    there never was one.
    """
    versions: dict[int, list[int]] = {}
    for place, (figure, value) in enumerate(read):
        places = versions.setdefault(figure.period, [])
        if not places or read[places[-1]][1] != value:
            places.append(place)
    fresh: dict[int, bool] = {}
    for period, places in versions.items():
        known = history.value(series.name, period)
        if known is not None and not first_choice:
            continue
        held = None if known is None else known[0]
        seen = max((n for n, place in enumerate(places, 1) if read[place][1] == held), default=0)
        fresh |= {place: place != places[-1] for place in places[seen:]}
    return fresh


def _before(period: int, *candidates: tuple[int, Decimal] | None) -> Decimal | None:
    """Return the value of the latest candidate before a period; None where all lie after it."""
    earlier = [candidate for candidate in candidates if candidate and candidate[0] < period]
    return max(earlier)[1] if earlier else None


def _doubt(series: Series, value: Decimal | None, last: Decimal | None) -> str | None:
    """Return why a value must not reach a rule by itself, or None."""
    if value is None:
        return None
    if series.scale_check and last:
        near, far = sorted((abs(value), abs(last)))
        if near * LEVEL_FACTOR < far:
            return (
                f"{_words(series, value)} lies more than {LEVEL_FACTOR} times from "
                f"the last value, {_words(series, last)}"
            )
    if series.plausible is not None:
        low, high = series.plausible
        if not low <= value <= high:
            return (
                f"{_words(series, value)} is not plausible: expected "
                f"{_words(series, low)} to {_words(series, high)}"
            )
    return None


def _words(series: Series, value: Decimal) -> str:
    """Return a base value as its publisher would write it: ``3010000 USD millions``."""
    return f"{(value / series.unit.factor).normalize():f} {series.unit.name}"
