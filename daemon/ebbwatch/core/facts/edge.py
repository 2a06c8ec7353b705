"""The edge: where a published number becomes an observation, or is held back.

Every value is converted here, once, to the base unit of its series, and nowhere else. What
a provider publishes is compared with what is held, so that only news goes on::

    published ──► unit ──► period ──► scale ──► known already? ──► doubts ──► observation
                    │        │          │             │              │
                 stopped    told    announced      nothing       quarantine

A wrong scale must never reach a rule: an unknown unit stops the series, a change of scale is
converted and announced, and a figure that cannot be right (`doubts`) is held back by itself: the
next good one goes on. A row whose date is none of its series costs that row; only where most of
an answer's dates are wrong did the answer change its shape.

Figures that a person hands over (``--data``, ``import``) and the archive do not pass here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Protocol

from ebbwatch.core.doubts import (
    Doubt,
    HeldBack,
    doubt_of_period,
    doubt_of_value,
    gathered,
    keeps_its_scale,
    reason,
)
from ebbwatch.core.facts import asof
from ebbwatch.core.facts.release_clock import NEVER
from ebbwatch.model.observation import Observation, Published
from ebbwatch.model.periods import DAY_MINUTES, Every, Micros, Minutes, Rank, day_of, micros
from ebbwatch.model.series import Series
from ebbwatch.model.units import UNITS, Unit
from ebbwatch.ports import Held

#: The powers of ten by which publishers change their scale: units to trillions, either way.
_POWERS = tuple(sign * power for power in range(1, 13) for sign in (1, -1))

#: A week's figure is dated at most this many days early, where a holiday is in the way.
_MOST_DAYS_EARLY = 3


class HeldFigures(Protocol):
    """What is held already, archive included, as the newest version of each period."""

    def value(self, series: str, period: Minutes) -> tuple[Decimal | None, str] | None:
        """Return a period's value in base units and who gave it; None where none is held."""
        ...

    def newest(self, series: str) -> tuple[Minutes, Decimal] | None:
        """Return the newest period that has a value, and the value; None where none has."""
        ...

    def known_at(self, series: str, period: Minutes) -> Micros | None:
        """Return when a period's figure became known, in µs; None where none is held."""
        ...


@dataclass(frozen=True, slots=True)
class Present:
    """The newest version of everything in the daemon's own history, in exact decimals.

    Attributes:
        history: That history.
    """

    history: asof.History

    def value(self, series: str, period: Minutes) -> tuple[Decimal | None, str] | None:
        """Return a period's value in base units and who gave it; None where none is held."""
        figure = self.history.figure_for(series, period, as_of=NEVER)
        if figure is None:
            return None
        return None if figure.value is None else _decimal(figure.value), figure.source

    def newest(self, series: str) -> tuple[Minutes, Decimal] | None:
        """Return the newest period that has a value, and the value; None where none has."""
        figure = self.history.newest(series, as_of=NEVER)
        if figure is None or figure.value is None:
            return None
        return figure.period, _decimal(figure.value)

    def known_at(self, series: str, period: Minutes) -> Micros | None:
        """Return when a period's figure became known, in µs; None where none is held."""
        figure = self.history.figure_for(series, period, as_of=NEVER)
        return None if figure is None else micros(figure.known_at)


def _decimal(value: Fraction) -> Decimal:
    """Return a fraction of a power of ten, which published values are, as it is."""
    return Decimal(value.numerator) / Decimal(value.denominator)


class NoticeKind(StrEnum):
    """What people should know of a series' numbers."""

    UNIT_CHANGED = "unit-changed"
    SCALE_CHANGED = "scale-changed"
    UNIT_UNKNOWN = "unit-unknown"
    PERIOD_IMPOSSIBLE = "period-impossible"
    PERIOD_MOVED = "period-moved"
    ROW_UNPLACED = "row-unplaced"


#: Those after which nothing of an answer is used for the series.
STOPPING = frozenset({NoticeKind.UNIT_UNKNOWN, NoticeKind.PERIOD_IMPOSSIBLE})


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about a series' numbers that people should know, told once.

    Attributes:
        kind: What happened.
        series: Name in the catalogue.
        source: Who published it.
        found: What was found, in words: a unit's name, a scale, a period; of several findings
            the newest.
        expected: What the catalogue says.
        count: How often it was found in the answer.
    """

    kind: NoticeKind
    series: str
    source: str
    found: str
    expected: str
    count: int = 1

    @property
    def key(self) -> str:
        """Return what makes two notices the same news."""
        # Where a row stands in its table changes with every row above it.
        found = re.sub(r"\b(line|row) \d+", r"\1", self.found)
        return f"{self.kind}/{self.series}/{self.source}/{found}"

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
        held_back: What is held back, gathered by cause.
    """

    observations: tuple[Observation, ...] = ()
    held: tuple[Held, ...] = ()
    notices: tuple[Notice, ...] = ()
    held_back: tuple[HeldBack, ...] = ()


def unread_rows(series: Series, source: str, complaints: Sequence[str]) -> Notice:
    """Return the notice about rows that could not be read.

    Args:
        series: Its catalogue entry.
        source: Who published them.
        complaints: One for each row, at least one.
    """
    kind, every = NoticeKind.ROW_UNPLACED, series.every.name
    return Notice(kind, series.name, source, complaints[-1], every, len(complaints))


def admit(
    series: Series,
    published: Sequence[Published],
    history: HeldFigures,
    *,
    at: datetime,
    source: str,
    first_choice: bool,
    ahead: timedelta = timedelta(0),
) -> Admitted:
    """Return what of an answer is news, in base units.

    1. Read each value in the unit declared with it, or in the catalogue's, and put each date
       where it belongs.
    2. Recognise an undeclared change of scale by its shape.
    3. Drop what is held already: equal values, and from a fallback every held period. "No
       value" for a period that never had one is no news either.
    4. Hold back what cannot be right.

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
        ahead: How far ahead of their day this source gives figures.
    """
    if (stop := _stop(series, published, source)) is not None:
        return Admitted(notices=(stop,))
    newest = history.newest(series.name)
    published, notices = _placed(series, published, source, known=newest is not None)
    if any(notice.stops for notice in notices):
        return Admitted(notices=tuple(notices))
    read = [(p, None if p.value is None else _base(series, p, p.value)) for p in published]
    notices += dict.fromkeys(_unit_changes(series, published, source))
    power = _change_of_scale(series, read, history)
    if power:
        scale = Decimal(10) ** -power
        read = [(p, v * scale if v is not None and p.unit is None else v) for p, v in read]
        notices.append(
            Notice(NoticeKind.SCALE_CHANGED, series.name, source, _scale(power), series.unit.name)
        )
    fresh = _news(series, read, history, first_choice=first_choice)
    twice = _ambiguous(read)
    trusted: tuple[Minutes, Decimal] | None = None
    observations: list[Observation] = []
    held: list[tuple[Doubt, Held]] = []
    good: list[Minutes] = []
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
            doubt = doubt_of_period(series.every, figure.period, at=at, ahead=ahead)
            if doubt is None and place in twice:
                doubt = Doubt.TWICE
            if doubt is None and value is not None:
                doubt = doubt_of_value(series, value, last)
            if doubt is not None:
                words = reason(series, doubt, value, figure.period, last)
                held.append((doubt, Held(observation=observation, reason=words)))
                continue
            observations.append(observation)
        elif known is None or known[0] != value:
            continue
        good.append(figure.period)
        if value is not None:
            trusted = (figure.period, value)
    return Admitted(
        tuple(observations),
        tuple(one for _, one in held),
        tuple(notices),
        gathered(series.name, held, good),
    )


def _stop(series: Series, published: Sequence[Published], source: str) -> Notice | None:
    """Return why nothing of an answer can be used, or None."""
    for figure in published:
        if figure.unit is not None:
            unit = UNITS.get(figure.unit)
            if unit is None or not unit.dimension.fits(series.unit.dimension):
                return Notice(
                    NoticeKind.UNIT_UNKNOWN, series.name, source, figure.unit, series.unit.name
                )
    return None


def _placed(
    series: Series, published: Sequence[Published], source: str, *, known: bool
) -> tuple[list[Published], list[Notice]]:
    """Return the figures whose dates are periods of the series, and what is said of the others.

    A week's figure that is dated some days early, because a holiday is in the way, is that
    week's, unless the week has a figure of its own.
    """
    every = series.every
    faults = [every.fault(figure.period) for figure in published]
    wrong = sum(fault is not None for fault in faults)
    if not wrong:
        return list(published), []
    right = {p.period for p, fault in zip(published, faults, strict=True) if fault is None}
    odd = [(p, f) for p, f in zip(published, faults, strict=True) if f is not None]
    last, fault = odd[-1]
    alone = known and len(published) == 1 and _moved(every, last) is not None
    if 2 * wrong > len(published) and not alone:
        found = f"{every.text(last.period)} {fault}"
        kind = NoticeKind.PERIOD_IMPOSSIBLE
        return [], [Notice(kind, series.name, source, found, every.name, wrong)]
    figures: list[Published] = []
    moved: list[str] = []
    unplaced: list[str] = []
    taken = Counter(p for figure, _ in odd if (p := _moved(every, figure)) is not None)
    for figure, why in zip(published, faults, strict=True):
        period = figure.period if why is None else _moved(every, figure)
        if why is None:
            figures.append(figure)
        elif period is None or period in right or taken[period] > 1:
            unplaced.append(f"{every.text(figure.period)} {why}")
        else:
            figures.append(replace(figure, period=period))
            moved.append(f"{every.text(figure.period)} for {every.text(period)}")
    notices = [
        Notice(kind, series.name, source, words[-1], every.name, len(words))
        for kind, words in (
            (NoticeKind.PERIOD_MOVED, moved),
            (NoticeKind.ROW_UNPLACED, unplaced),
        )
        if words
    ]
    return sorted(figures, key=lambda figure: figure.period), notices


def _moved(every: Every, figure: Published) -> Minutes | None:
    """Return the week that a date some days early belongs to; None for none."""
    if every.rank is not Rank.WEEK or figure.period % DAY_MINUTES:
        return None
    early = (every.weekday - day_of(figure.period).weekday()) % 7
    if early > _MOST_DAYS_EARLY:
        return None
    return Minutes(figure.period + early * DAY_MINUTES)


def _base(series: Series, figure: Published, value: Decimal) -> Decimal:
    """Return a value in base units; zero has no sign."""
    base = _unit(series, figure).to_base(value)
    return base or abs(base)


def _ambiguous(read: Sequence[tuple[Published, Decimal | None]]) -> set[int]:
    """Return the places of figures that are not the only one for their period and version."""
    versions: dict[tuple[object, ...], list[int]] = {}
    for place, (figure, _) in enumerate(read):
        version = (figure.period, figure.known_at, figure.vintage)
        versions.setdefault(version, []).append(place)
    return {
        place
        for places in versions.values()
        if len({read[place][1] for place in places}) > 1
        for place in places
    }


def _unit(series: Series, figure: Published) -> Unit:
    return series.unit if figure.unit is None else UNITS[figure.unit]


def _unit_changes(series: Series, published: Sequence[Published], source: str) -> Iterable[Notice]:
    for figure in published:
        if figure.unit is not None and UNITS[figure.unit].factor != series.unit.factor:
            yield Notice(
                NoticeKind.UNIT_CHANGED, series.name, source, figure.unit, series.unit.name
            )


def _change_of_scale(
    series: Series, read: Sequence[tuple[Published, Decimal | None]], history: HeldFigures
) -> int | None:
    """Return the power of ten by which every undeclared value differs from what is held.

    None where they do not all differ by one and the same, or where nothing overlaps. Zeros
    on both sides, and periods without a value, say nothing about scale. A single value says
    something only by a power of 1000, and of a series that does not move like that.
    """
    newest_version = {p.period: (p, v) for p, v in read if p.unit is None}
    found: int | None = None
    overlapping = 0
    for figure, value in newest_version.values():
        known = history.value(figure.series, figure.period)
        if known is None or known[0] is None or value is None or (value == 0 and known[0] == 0):
            continue
        power = next((k for k in _POWERS if value == known[0] * Decimal(10) ** k), None)
        if power is None or (found is not None and power != found):
            return None
        found = power
        overlapping += 1
    if found is not None and overlapping == 1 and not (found % 3 == 0 and keeps_its_scale(series)):
        return None
    return found


def _scale(power: int) -> str:
    """Return a change of scale in words: ``1000 times larger``."""
    return f"{10 ** abs(power)} times {'larger' if power > 0 else 'smaller'}"


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
    versions: dict[Minutes, list[int]] = {}
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


def _before(period: Minutes, *candidates: tuple[Minutes, Decimal] | None) -> Decimal | None:
    """Return the value of the latest candidate before a period; None where all lie after it."""
    earlier = [candidate for candidate in candidates if candidate and candidate[0] < period]
    return max(earlier)[1] if earlier else None
