"""Names of things in the reader's language, and the translator that knows them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from ebbwatch.core.answering.expected import Late
from ebbwatch.core.render.message_contexts import ToldChange
from ebbwatch.model.alert import Level
from ebbwatch.model.periods import Every, Minutes
from ebbwatch.model.text import Text, marked
from ebbwatch.ruleset.rules import Rule

#: Problems of an invalid reload, and alerts of a list, that are spelled out.
LIST_LIMIT = 20
#: Series that the desk calls by their letters, in every language.
ACRONYMS = frozenset({"sofr", "effr", "obfr", "iorb", "tgcr", "bgcr", "gdp", "srf", "tga"})
#: A coloured dot for each level.
ICONS = {Level.NONE: "⚪", Level.WATCH: "🟡", Level.WARNING: "🟠", Level.CRITICAL: "🔴"}
#: What is over and well; what has gone down a level.
RESOLVED, EASED = "✅", "↘"
#: Changes that end an episode.


class Translator(Protocol):
    """Words, numbers and dates of one language; `ebbwatch.locale` has the real one."""

    @property
    def language(self) -> str:
        """Return the language: ``en``, ``zh-Hant``."""
        ...

    def gettext(self, message: str) -> str:
        """Return a message in this language."""
        ...

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """Return a message in the form that goes with a number."""
        ...

    def number(
        self, value: float, unit: str, *, short: bool = False, apart_from: float | None = None
    ) -> str:
        """Return a number with its unit; never equal in looks to a different `apart_from`."""
        ...

    def difference(self, value: float, unit: str) -> str:
        """Return the size of a change, without its sign."""
        ...

    def count(self, n: int) -> str:
        """Return a whole number, grouped."""
        ...

    def day(self, day: date) -> str:
        """Return a date with its weekday."""
        ...

    def month_day(self, day: date) -> str:
        """Return a date without its year."""
        ...

    def clock(self, at: datetime, zone: str, *, year: bool = False, place: bool = True) -> str:
        """Return an instant on the clocks of a zone."""
        ...

    def span(self, start: datetime, end: datetime, zone: str) -> str:
        """Return two instants on the clocks of a zone, the zone named once."""
        ...

    def duration(self, length: timedelta) -> str:
        """Return a length of time."""
        ...

    def period(self, text: str, every: Every | None, *, short: bool = False) -> str:
        """Return a period, given as its publisher writes it."""
        ...

    def period_at(self, period: Minutes, every: Every | None, *, short: bool = False) -> str:
        """Return a period, given in minutes since the epoch."""
        ...


_LEVELS = {
    Level.NONE: marked("none"),
    Level.WATCH: marked("watch"),
    Level.WARNING: marked("warning"),
    Level.CRITICAL: marked("critical"),
}
LOUD_LEVELS = {
    Level.NONE: marked("NONE"),
    Level.WATCH: marked("WATCH"),
    Level.WARNING: marked("WARNING"),
    Level.CRITICAL: marked("CRITICAL"),
}


def level_word(t: Translator, level: Level) -> str:
    """Return a level in the reader's language: ``warning``."""
    return t.gettext(_LEVELS[level])


def series_label(t: Translator, name: str, titles: Mapping[str, Text]) -> str:
    """Return what readers call a series: its letters, its title, or its name in words."""
    head, _, tail = name.partition("_")
    if head in ACRONYMS:
        return " ".join(part for part in (head.upper(), tail.replace("_", " ").upper()) if part)
    title = titles[name].in_language(t.language) if name in titles else ""
    return title or name.replace("_", " ")


def part_text(t: Translator, part: str) -> str:
    """Return in words that a period is known up to one of its parts only."""
    if part == "morning":
        return t.gettext("morning operation only")
    return t.gettext("only up to {part}").format(part=part)


def fingerprint(alert: str) -> str:
    """Return the hash that identifies an alert to programs, 16 hexadecimal digits."""
    return hashlib.sha256(alert.encode()).hexdigest()[:16]


def title_of(t: Translator, told: ToldChange | Rule, name: str) -> str:
    """Return a rule's title in the reader's language, or its name."""
    return told.title.in_language(t.language) or name


def heading(icon: str, words: str, rest: str) -> str:
    """Return a headline."""
    return f"{icon} {words} · {rest}"


def late_line(t: Translator, late: Late, titles: Mapping[str, Text], zone: str) -> str:
    """Return which figure is used, and which one is late since when."""
    return t.gettext("{series} of {held}; {missing} late since {since}").format(
        series=series_label(t, late.series, titles),
        held=t.period(late.held, late.every, short=True),
        missing=t.period(late.missing, late.every, short=True),
        since=t.clock(late.since, zone),
    )


def and_more(t: Translator, n: int) -> str:
    """Return the end of a list that is cut short."""
    return t.ngettext("and {n} more", "and {n} more", n).format(n=n)


def listed(t: Translator, names: Sequence[str]) -> str:
    """Return names in a row, cut short where there are too many."""
    shown = t.gettext(", ").join(names[:LIST_LIMIT])
    if len(names) <= LIST_LIMIT:
        return shown
    return t.gettext("{line}, {more}").format(line=shown, more=and_more(t, len(names) - LIST_LIMIT))
