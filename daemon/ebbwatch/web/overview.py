"""The overview: what fires, then the rest by theme, then what is late; in a reader's words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ebbwatch.core.answering.expected import SeriesStanding
from ebbwatch.core.answering.status import Standing
from ebbwatch.core.facts.release_clock import FreshnessState
from ebbwatch.core.render import Translator, level_word, series_label
from ebbwatch.core.render.reading_words import found_text, reading_text
from ebbwatch.core.render.words import and_more, title_of
from ebbwatch.model.alert import Level
from ebbwatch.model.message import Message
from ebbwatch.model.text import marked
from ebbwatch.runtime.desk import Desk

#: Rules that do not fire which one page lists; the search finds the others.
MOST_ROWS = 500

#: So many alerts that fire show everything at once; of more, the first of them.
FEW, OPENED = 4, 2
#: Days after which a date is told with its year.
LONG_AGO = 300
#: Rules that are named of those that wait for the next figure.
NAMED = 2

#: Themes of the default pack; others are called as their label says.
_THEMES = {
    "funding": marked("Funding"),
    "reserves": marked("Reserves"),
    "liquidity": marked("Liquidity"),
    "balance-sheet": marked("Balance sheet"),
    "treasury": marked("Treasury"),
    "backstop": marked("Backstops"),
    "policy": marked("Policy"),
    "assets": marked("Assets"),
    "summary": marked("Summary"),
}


@dataclass(frozen=True, slots=True)
class ShownInstant:
    """An instant, for people and for programs.

    Attributes:
        text: On the reader's clocks.
        iso: UTC, with its offset.
    """

    text: str
    iso: str


@dataclass(frozen=True, slots=True)
class Card:
    """A rule on the overview.

    Attributes:
        name: Of the alert.
        title: In the reader's language.
        shade: ``critical``, ``warning``, ``watch``, ``pending``, ``broken`` or ``quiet``.
        word: The same in words.
        value: What it reads; empty for a text rule.
        last: What was known last, of one that is unknown now; or empty.
        bound: The next level up and its threshold; or empty.
        sentence: What a message would say now, of one that fires: one fact a line.
        note: Why it matters, of one that fires.
        since: From when it stands so; None while it is quiet.
        due: When its next figure comes; None where nobody knows.
        late: Since when its figures are late; None where they are not.
        behind: Names of carried figures that are late; or empty.
        picture: A small chart, as markup; empty for a condition.
    """

    name: str
    title: str
    shade: str
    word: str
    value: str
    last: str
    bound: str
    sentence: tuple[str, ...]
    note: str
    since: ShownInstant | None
    due: ShownInstant | None
    late: ShownInstant | None
    behind: str
    picture: Any


@dataclass(frozen=True, slots=True)
class Theme:
    """Rules that belong together, none of which fires.

    Attributes:
        title: In the reader's language.
        cards: In the order of the files.
    """

    title: str
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class LateSeries:
    """A series whose next figure should have come.

    Attributes:
        name: In the catalogue.
        title: In the reader's language.
        word: ``late`` or ``stale``.
        source: Who gives it.
        newest: The newest period held; empty for none.
        since: When the next figure was due; None where nobody knows.
    """

    name: str
    title: str
    word: str
    source: str
    newest: str
    since: ShownInstant | None


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that the first page says.

    Attributes:
        headline: How things stand, in a few words: ``2 critical, 1 warning``.
        shade: Of the most severe level; ``quiet`` where nothing fires.
        rules: How many are watched, in words.
        at: When it was read.
        firing: Most severe first, then the newest.
        themes: The others.
        left_out: How many of the others are not listed.
        late: Series that are late.
        opened: How many of those that fire show everything at once.
        next: When the next figure of any rule comes; None where nobody knows.
        awaited: The rules that wait for it, in words; those that fire come first.
    """

    headline: str
    shade: str
    rules: str
    at: ShownInstant
    firing: tuple[Card, ...]
    themes: tuple[Theme, ...]
    left_out: int
    late: tuple[LateSeries, ...]
    opened: int
    next: ShownInstant | None
    awaited: str


#: Returns a small picture of a rule, as markup; empty for what has no number.
Sketch = Callable[[str], Any]


#: Returns what messages would say now of rules that fire, by name.
Said = Callable[[Sequence[Standing]], Mapping[str, Message]]


def overview(
    desk: Desk, at: datetime, t: Translator, zone: str, *, sketch: Sketch, said: Said
) -> Overview:
    """Return what the first page says at an instant to a reader."""
    rows = desk.standings(at)
    firing = [row for row in rows if row.level is not Level.NONE]
    firing.sort(key=lambda row: (-row.level, at - (row.since or at), row.rule.name))
    quiet = [row for row in rows if row.level is Level.NONE]
    words = Words(t, zone, sketch)
    messages = said(firing)
    soonest = min((row.next_due for row in rows if row.next_due is not None), default=None)
    late = [
        row
        for row in desk.watched_series(at)
        if row.state in (FreshnessState.LATE, FreshnessState.STALE)
    ]
    return Overview(
        headline=headline(t, firing),
        shade=firing[0].level.word if firing else "quiet",
        rules=t.ngettext("{n} rule", "{n} rules", len(rows)).format(n=t.count(len(rows))),
        at=words.here(at),
        firing=tuple(words.card(row, messages.get(row.rule.name)) for row in firing),
        themes=words.themes(quiet[:MOST_ROWS]),
        left_out=max(0, len(quiet) - MOST_ROWS),
        late=tuple(words.late(row) for row in late),
        opened=len(firing) if len(firing) <= FEW else OPENED,
        next=None if soonest is None else words.instant(soonest),
        awaited=_awaited(t, [row for row in (*firing, *quiet) if row.next_due == soonest]),
    )


def _awaited(t: Translator, rows: Sequence[Standing]) -> str:
    """Return the titles of rules that wait for a figure, few of many."""
    titles = [title_of(t, row.rule, row.rule.name) for row in rows[:NAMED]]
    if len(rows) > NAMED:
        titles.append(and_more(t, len(rows) - NAMED))
    return t.gettext(", ").join(titles)


def headline(t: Translator, firing: Sequence[Standing]) -> str:
    """Return how many alerts fire at which level: ``2 critical, 1 warning``."""
    counted = Counter(row.level for row in firing)
    parts = [
        t.gettext("{n} {level}").format(n=t.count(counted[level]), level=level_word(t, level))
        for level in sorted(counted, reverse=True)
    ]
    return t.gettext(", ").join(parts) or t.gettext("All quiet")


class Words:
    """Puts standings into a reader's words."""

    def __init__(self, t: Translator, zone: str, sketch: Sketch) -> None:
        """Take the reader's language and zone, and who draws."""
        self._t, self._zone, self._sketch = t, zone, sketch

    def instant(self, at: datetime, *, year: bool = False) -> ShownInstant:
        """Return an instant on the reader's clocks."""
        text = self._t.clock(at, self._zone, year=year, place=False)
        return ShownInstant(text, at.isoformat(timespec="seconds"))

    def time(self, at: datetime) -> str:
        """Return the time of day of an instant on the reader's clocks."""
        return f"{at.astimezone(ZoneInfo(self._zone)):%H:%M}"

    def here(self, at: datetime) -> ShownInstant:
        """Return an instant with the place whose clocks all others are on."""
        return ShownInstant(self._t.clock(at, self._zone), at.isoformat(timespec="seconds"))

    def date(self, at: datetime, now: datetime) -> ShownInstant:
        """Return the day of an instant on the reader's clocks, with its year where long ago."""
        day = at.astimezone(ZoneInfo(self._zone)).date()
        if (now - at).days > LONG_AGO:
            text = self._t.period(day.isoformat(), None, short=True)
        else:
            text = self._t.month_day(day)
        return ShownInstant(text, at.isoformat(timespec="seconds"))

    def themes(self, rows: Sequence[Standing]) -> tuple[Theme, ...]:
        """Return rules by theme, in the order in which themes first appear."""
        t = self._t
        found: dict[str, list[Standing]] = {}
        for row in rows:
            found.setdefault(row.rule.labels.get("theme", ""), []).append(row)
        return tuple(
            Theme(
                t.gettext(_THEMES[theme]) if theme in _THEMES
                else _called(theme) or t.gettext("Other rules"),
                tuple(self.card(row) for row in some),
            )
            for theme, some in found.items()
        )  # fmt: skip

    def card(self, row: Standing, said: Message | None = None) -> Card:
        """Return what is said of one rule.

        Args:
            row: How it stands.
            said: What a message would say now; None for nothing.
        """
        t, reading = self._t, row.reading
        behind = [series_label(t, late.series, {}) for late in row.late]
        return Card(
            name=row.rule.name,
            title=title_of(t, row.rule, row.rule.name),
            shade=shade_of(row),
            word=state_word(t, row),
            # That a condition holds is what the level says.
            value=""
            if reading is None or (row.level and reading.unit is None)
            else reading_text(t, reading, row.near),
            last=self._last(row),
            bound=self._bound(row),
            sentence=() if said is None else said.lines,
            note="" if said is None else said.note,
            since=None if row.since is None else self.date(row.since, row.at),
            due=None if row.next_due is None else self.instant(row.next_due),
            late=None if row.late_since is None else self.instant(row.late_since),
            behind=t.gettext(", ").join(behind) if not row.frozen else "",
            picture=self._sketch(row.rule.name),
        )

    def _last(self, row: Standing) -> str:
        reading = row.reading
        if reading is None or reading.known or reading.last is None:
            return ""
        return found_text(self._t, reading.last, reading.unit, row.near)

    def _bound(self, row: Standing) -> str:
        """Return the next level up: ``watch above 10 bp``."""
        t, reading = self._t, row.reading
        if row.ahead is None or reading is None or reading.unit is None:
            return ""
        level, threshold = row.ahead
        words = t.gettext("{level} above {threshold}")
        if not row.rule.rising:
            words = t.gettext("{level} below {threshold}")
        number = t.number(threshold, reading.unit, short=True)
        return words.format(level=level_word(t, level), threshold=number)

    def late(self, row: SeriesStanding) -> LateSeries:
        """Return what is said of a series that is late."""
        t, series = self._t, row.series
        return LateSeries(
            name=series.name,
            title=series.title.in_language(t.language) or series_label(t, series.name, {}),
            word=t.gettext("stale") if row.state is FreshnessState.STALE else t.gettext("late"),
            source=series.source.name,
            newest="" if row.newest is None
            else t.period_at(row.newest.period, series.every, short=True),
            since=None if row.due_at is None else self.instant(row.due_at, year=True),
        )  # fmt: skip


def shade_of(row: Standing) -> str:
    """Return the name of a standing's look."""
    if row.level is not Level.NONE:
        return row.level.word
    if row.state in ("pending", "broken"):
        return row.state
    return "quiet" if row.reading is None or row.reading.known else "unknown"


def state_word(t: Translator, row: Standing) -> str:
    """Return how a rule stands, in a word."""
    if row.level is not Level.NONE:
        return level_word(t, row.level)
    words = {
        "pending": t.gettext("pending"),
        "broken": t.gettext("broken"),
        "unknown": t.gettext("unknown"),
    }
    return words.get(shade_of(row)) or t.gettext("quiet")


def _called(theme: str) -> str:
    """Return a theme of somebody's own as a heading."""
    words = theme.replace("-", " ")
    return words[:1].upper() + words[1:]
