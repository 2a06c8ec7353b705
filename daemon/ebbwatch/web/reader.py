"""The reader: in which language, and on whose clocks, a page is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ebbwatch.model.text import LANGUAGES, language_of
from ebbwatch.model.zones import NEW_YORK

#: Longest header of wishes that is read.
_WISHES_CHARS = 400
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")


@dataclass(frozen=True, slots=True)
class PageReader:
    """For whom a page is written.

    Attributes:
        language: One of ours.
        zone: IANA name of the zone whose clocks instants are written on.
    """

    language: str
    zone: str = NEW_YORK.key


def reader_of(*, asked: str, cookies: Mapping[str, str], wishes: str, default: str) -> PageReader:
    """Return for whom a request is to be answered.

    Args:
        asked: Language that the address names; empty for none.
        cookies: ``ebbwatch_language`` as chosen before, ``ebbwatch_zone`` as the browser's clock has it.
        wishes: The ``Accept-Language`` header.
        default: Language of whoever wishes for none of ours.
    """
    chosen = (asked, cookies.get("ebbwatch_language", ""))
    language = next((each for each in chosen if each in LANGUAGES), None)
    return PageReader(
        language or _wished(wishes[:_WISHES_CHARS]) or default,
        _zone(cookies.get("ebbwatch_zone", "")),
    )


def _wished(wishes: str) -> str | None:
    """Return the language of ours that is wished for most; None for none."""
    weighed = []
    for number, wish in enumerate(wishes.split(",")):
        tag, _, weight = wish.strip().partition(";")
        found = language_of(tag)
        parsed = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)", weight) if weight else None
        share = 1.0 if not weight else float(parsed[1]) if parsed else 0.0
        if found is not None and share > 0:
            weighed.append((-share, number, found))
    return min(weighed)[2] if weighed else None


@lru_cache(maxsize=64)
def _zone(name: str) -> str:
    """Return the name of a zone, or New York's where there is no such zone."""
    if not _ZONE.fullmatch(name) or len(name) > 64:
        return NEW_YORK.key
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return NEW_YORK.key
    return name
