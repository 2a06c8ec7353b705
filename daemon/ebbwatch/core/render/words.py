"""Names of things in the reader's language, and the translator that knows them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from ebbwatch.core.answering.expected import Late
from ebbwatch.core.render.message_contexts import ToldChange
from ebbwatch.model.alert import Change, Level
from ebbwatch.model.periods import Every
from ebbwatch.model.text import Text
from ebbwatch.ruleset.rules import Rule

#: Characters of an expression above which the rule's title stands for it.
MEASURE_LIMIT_CHARS = 60
#: Problems of an invalid reload, and alerts of a list, that are spelled out.
LIST_LIMIT = 20
#: Series that the desk calls by their letters, in every language.
ACRONYMS = frozenset({"sofr", "effr", "obfr", "iorb", "tgcr", "bgcr", "gdp", "srf", "tga"})
#: A coloured dot for each level.
ICONS = {Level.NONE: "⚪", Level.WATCH: "🟡", Level.WARNING: "🟠", Level.CRITICAL: "🔴"}
#: What is over and well; what has gone down a level.
RESOLVED, EASED = "✅", "↘"
#: Changes that end an episode.
OVER = (Change.RESOLVED, Change.WITHDRAWN)


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

    def duration(self, length: timedelta) -> str:
        """Return a length of time."""
        ...

    def period(self, text: str, every: Every | None, *, short: bool = False) -> str:
        """Return a period, given as its publisher writes it."""
        ...

    def period_at(self, period: int, every: Every | None, *, short: bool = False) -> str:
        """Return a period, given in minutes since the epoch."""
        ...


def marked(message: str) -> str:
    """Mark a message for the catalogues that is translated where it is used."""
    return message


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


def measure_text(
    expression: str, titles: Mapping[str, Text], translators: Sequence[Translator]
) -> Text:
    """Return an expression as readers write it, by language: ``SOFR − EFFR``.

    Args:
        expression: As the rule file writes it, defines filled in.
        titles: Titles of series by name.
        translators: One for each language wanted.

    Returns:
        Text that is empty where the expression is too long to be read in passing: the
        rule's title says it better.
    """
    if len(expression) > MEASURE_LIMIT_CHARS or "\n" in expression:
        return Text()

    def in_language(t: Translator) -> str:
        named = re.sub(
            r"[a-z_][a-z0-9_]*",
            lambda m: (
                series_label(t, m[0], titles)
                if m[0] in titles or m[0].partition("_")[0] in ACRONYMS
                else m[0]
            ),
            expression,
        )
        return named.replace(" - ", " − ").replace(" * ", " × ")

    return Text(tuple((t.language, in_language(t)) for t in translators))


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
