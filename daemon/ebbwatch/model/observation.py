"""Observations: published values, never edited."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from ebbwatch.model.periods import Minutes

_WORD = re.compile(r"[a-z]+")
_MONTHS = frozenset(
    [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One published value of one series for one period: a fact that is never edited.

    A revision is a second `Observation` of the same period with a later `known_at`.

    Attributes:
        series: Its name in the catalogue: ``sofr``.
        period: Minutes since the epoch of the publisher's date (`model.periods`).
        value: In the base unit of the series, exactly as published. None where the
            publisher withdrew it or says "no value"; a period nobody has published has no
            `Observation` at all.
        known_at: UTC instant from which one could have acted on it. Live: when our poll
            first saw it. In history: the vintage's release instant, or the release rule's,
            and then `assumed` is true.
        source: Name of the source that gave it.
        vintage: Day the publisher released this version, where it says so.
        assumed: True when `known_at` comes from the release rule.
    """

    series: str
    period: Minutes
    value: Decimal | None
    known_at: datetime
    source: str
    vintage: date | None = None
    assumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a source read: an observation before anybody says when it became known.

    Attributes:
        series: Name in the catalogue.
        period: Minutes since the epoch (`model.periods`).
        value: In the unit the provider declares or is known for, exactly as published;
            None for "no value".
        known_at: Release instant where the provider gives one; else None, and the poll's
            own instant counts.
        vintage: Day of this version, where the provider says so.
        unit: The unit the provider declares in its answer, by our name of it
            (``USD billions``); None where it declares none. A declaration that differs from
            the catalogue's by a power of 1000 is converted and announced.
        part: Of a period that is published in parts, the last one that is in the value; empty
            where the provider does not say, and the release rules do.
    """

    series: str
    period: Minutes
    value: Decimal | None
    known_at: datetime | None = None
    vintage: date | None = None
    unit: str | None = None
    part: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextItem:
    """One published text: a press release.

    Attributes:
        source: Name of the text source: ``fed_press``.
        key: What identifies it at the publisher: its address.
        title: As the feed gives it.
        body: Normalised article text; empty until the page was read.
        published_at: Instant the publisher gives, UTC.
        known_at: UTC instant our poll first saw this body.
    """

    source: str
    key: str
    title: str
    body: str
    published_at: datetime
    known_at: datetime

    @property
    def kind(self) -> str:
        """Return what texts of its kind are called: the title without dates and numbers."""
        words = _WORD.findall(self.title.lower())
        return " ".join(word for word in words if word not in _MONTHS)
