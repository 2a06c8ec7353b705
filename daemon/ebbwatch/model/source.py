"""Sources: what is known of a provider before it is asked anything."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo


class ArgumentFault(str):
    """Why an argument of the catalogue cannot be asked, with the key that it is about.

    Attributes:
        keys: Where in the argument, outermost first: ``("rows", "at")``; empty for all of it.
        name: Whether the key itself is wrong, and not what it holds.
    """

    __slots__ = ("keys", "name")

    keys: tuple[str, ...]
    name: bool

    def __new__(cls, text: str, *keys: str, name: bool = False) -> Self:
        """Take what is said, and where it belongs."""
        fault = super().__new__(cls, text)
        fault.keys, fault.name = keys, name
        return fault


class Gives(StrEnum):
    """What a source has to give."""

    FIGURES = "figures"
    TEXTS = "texts"


class KeyPolicy(StrEnum):
    """Whether a provider wants a key of the user's own."""

    NONE = "none"
    OPTIONAL = "optional"
    #: Without one the provider is not asked, and counts as down.
    REQUIRED = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A time of day, on weekdays, at which a source is worth a visit.

    Only where no release rule of a series says so: for revisions, for announcements.

    Attributes:
        at: When to ask; some seconds after the provider puts up what is looked for.
        zone: IANA name of that time's zone.
        lasts: How long it is worth asking often, from then on; zero for one visit.
        every: From one visit to the next meanwhile.
    """

    at: time
    zone: str
    lasts: timedelta = timedelta(0)
    every: timedelta = timedelta(seconds=5)

    def __post_init__(self) -> None:
        """Refuse what would be found out only by the daemon that polls.

        Raises:
            ValueError: If visits would follow each other without a pause, or end before the
                first one.
            ZoneInfoNotFoundError: If there is no such zone.
        """
        ZoneInfo(self.zone)
        if self.every <= timedelta(0) or self.lasts < timedelta(0):
            message = f"expected visits some time apart, found {self.every} for {self.lasts}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that a source has to give.

    Attributes:
        argument: What it is asked for: ``sofr``.
        what: In words.
        unit: In which it is published, by our name of it.
        every: How often it has a period, by our name of it.
    """

    argument: str
    what: str
    unit: str
    every: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """What the daemon has to know of a source.

    Attributes:
        gives: Figures or texts.
        key: Whether it wants a key; settings then take ``EBBWATCH_<NAME>__API_KEY``.
        planned: When it is worth a visit apart from its series' releases.
        whole: Whether a plain visit reaches back to what is held, however old that is: because
            all there is comes with every answer, or because the cursor says where to resume.
        ahead: How far ahead of their day it gives figures, as of administered rates; what lies
            farther in the future is held back.
        paths: Keys of an argument that hold paths; relative ones start from the rule file.
        offers: What it has to give, as far as there is a list of it.
        asked: What else it can be asked for, in a sentence; empty for nothing.
        hosts: Of a source of texts: the hosts it asks. Each is polled, fails and rests by
            itself; one without a name stands for a provider that is one.
    """

    gives: Gives = Gives.FIGURES
    key: KeyPolicy = KeyPolicy.NONE
    planned: tuple[Planned, ...] = ()
    whole: bool = False
    ahead: timedelta = timedelta(0)
    paths: tuple[str, ...] = ()
    offers: tuple[Offer, ...] = ()
    asked: str = ""
    hosts: tuple[str, ...] = ("",)


def in_variables(name: str) -> str:
    """Return the name of a source as it stands in names of settings, in lower case."""
    return re.sub(r"\W", "_", name).lower()
