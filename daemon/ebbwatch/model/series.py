"""Series: what the catalogue says of one named sequence of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from ebbwatch.model.periods import WEEKDAYS, Every
from ebbwatch.model.text import Text
from ebbwatch.model.units import Unit


@dataclass(frozen=True, slots=True)
class SourceRef:
    """Where a series is to be had: a source's name and what it is asked for.

    Attributes:
        name: Of the source, as its entry point is called: ``nyfed``.
        argument: A text (``sofr``) or a map, as the catalogue gives it.
    """

    name: str
    argument: str | Mapping[str, Any]

    def __str__(self) -> str:
        """Return the reference as the catalogue would write it."""
        return f"{self.name}: {self.argument}"


@dataclass(frozen=True, slots=True)
class Weekly:
    """A weekday of each week, or one of each month: third Thursday.

    Attributes:
        weekday: Monday is 0.
        nth: Which one of the month, from 1; -1 for the last, 0 for each of them.
    """

    weekday: int
    nth: int = 0

    def __str__(self) -> str:
        """Return it as the catalogue writes it."""
        names = {count: name for name, count in ORDINALS.items()}
        return " ".join((*([names[self.nth]] if self.nth else []), WEEKDAYS[self.weekday]))


#: Which weekday of a month.
ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}


@dataclass(frozen=True, slots=True)
class Released:
    """When a period's figure comes out.

    Attributes:
        count: How many days (or business days) after the period's end.
        business: Whether `count` is business days of `calendar`.
        at: Time of day in `zone`.
        zone: IANA name.
        calendar: Name of a business calendar: ``federal-reserve`` or ``sifma``.
        on: The first such day after the period's end, instead of a count of days.
        since: First period that it holds for; None where it always did.
        part: Of a period that is published in parts, which one: ``morning``. Empty for the
            whole.
    """

    count: int
    business: bool
    at: time
    zone: str
    calendar: str
    on: Weekly | None = None
    since: date | None = None
    part: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One entry of the catalogue.

    Attributes:
        name: What rules call it.
        source: First choice.
        fallback: Asked when the first choice is down; None for no such thing.
        unit: As published. Values inside are in base units all the same.
        every: Its frequency.
        released: Its release rules, all by one calendar: for each period those of the newest
            `since` not after it, several where it is published in parts. Empty for a series
            that is never late.
        plausible: Lowest and highest value that can be true, in base units.
        scale_check: Whether a jump of more than fiftyfold is held back.
        stale_after: Time since the newest figure became known after which it is stale.
        history_from: Date of its first period, for reaching back "over all history".
        before: Value of the periods before its first, in base units.
        title: For people.
        also: What else people call it: ``TGA``.
    """

    name: str
    source: SourceRef
    unit: Unit
    every: Every
    fallback: SourceRef | None = None
    released: tuple[Released, ...] = ()
    plausible: tuple[Decimal, Decimal] | None = None
    scale_check: bool = False
    stale_after: timedelta | None = None
    history_from: date | None = None
    before: Decimal | None = None
    title: Text = field(default_factory=Text)
    also: tuple[str, ...] = ()

    @property
    def calendar(self) -> str | None:
        """Return the business calendar that it is published by; None where nothing says so."""
        return self.released[0].calendar if self.released else None

    @property
    def in_parts(self) -> bool:
        """Return whether any of its periods is published in parts."""
        return any(rule.part for rule in self.released)

    @property
    def called(self) -> frozenset[str]:
        """Return what people may call it, as `plainly` writes it.

        Its name, what else it is called, and what its sources call it; the Board's names also
        without what stands behind the line's (``RESPPMA_N.WW``).
        """
        refs = [ref.argument for ref in (self.source, self.fallback) if ref is not None]
        asked = [text for text in refs if isinstance(text, str)]
        lines = [text.partition("_N.")[0] for text in asked]
        return frozenset(map(plainly, (self.name, *self.also, *asked, *lines)))


def plainly(name: str) -> str:
    """Return a name without its case and without signs: ``ON RRP`` is ``onrrp``."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())
