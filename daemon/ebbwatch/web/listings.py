"""Listings: series, the outbox, changes and what is due; in a reader's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from ebbwatch.core.answering.expected import Release, SeriesStanding
from ebbwatch.core.facts.release_clock import FreshnessState
from ebbwatch.core.render import Translator, level_word, reason_words, series_label
from ebbwatch.core.render.alert_messages import move_text
from ebbwatch.core.render.reading_words import published_text
from ebbwatch.core.render.words import and_more, title_of
from ebbwatch.model.alert import LEVELS, OVER, QUIET, Change, Level
from ebbwatch.model.message import OutboxRow, RowState
from ebbwatch.model.series import Series
from ebbwatch.model.text import marked
from ebbwatch.model.units import printed, printed_unit
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.runtime.desk import Desk
from ebbwatch.web.overview import ShownInstant, Words
from ebbwatch.web.ruling import row_state, why_untold

#: ChangesPage on a page, and how far back pages go.
PAGE, MOST_PAGES = 50, 40
#: How far ahead the calendar looks.
AHEAD = timedelta(days=7)

_WORST_FIRST = (
    FreshnessState.STALE, FreshnessState.LATE, FreshnessState.DUE, FreshnessState.EMPTY,
    FreshnessState.FRESH,
)  # fmt: skip
_FRESHNESS = {
    FreshnessState.FRESH: marked("fresh"),
    FreshnessState.DUE: marked("due"),
    FreshnessState.LATE: marked("late"),
    FreshnessState.STALE: marked("stale"),
    FreshnessState.EMPTY: marked("empty"),
}
_SHADES = {
    FreshnessState.STALE: "broken",
    FreshnessState.LATE: "unknown",
    FreshnessState.DUE: "pending",
    FreshnessState.EMPTY: "unknown",
    FreshnessState.FRESH: "quiet",
}
_TURNS = {
    "year-end": marked("Year end"),
    "quarter-end": marked("Quarter end"),
    "month-end": marked("Month end"),
    "tax-date": marked("Tax date"),
    "coupon-settlement": marked("Coupon settlement"),
}


@dataclass(frozen=True, slots=True)
class ListLine:
    """One row of a listing.

    Attributes:
        shade: Of its shape; or empty.
        title: What it is about.
        about: More about it, in the second line.
        value: On the right; or empty.
        aside: Below the value; or empty.
        at: An instant that belongs to it; or None.
        rule: Name of the rule that it leads to; or empty.
    """

    title: str
    about: str = ""
    shade: str = ""
    value: str = ""
    aside: str = ""
    at: ShownInstant | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class ListPart:
    """Rows under a heading.

    Attributes:
        title: The heading.
        lines: The rows.
        note: Said where there are none; or empty.
        mark: What the heading's day is: a turn; or empty.
    """

    title: str
    lines: tuple[ListLine, ...]
    note: str = ""
    mark: str = ""


def series_parts(desk: Desk, at: datetime, t: Translator, zone: str) -> tuple[ListPart, ...]:
    """Return how series stand, worst first, and what is held back of them."""
    words = Words(t, zone, lambda _: "")
    rows = sorted(desk.watched_series(at), key=lambda row: _WORST_FIRST.index(row.state))
    catalogue = {row.series.name: row.series for row in rows}
    parts = [
        ListPart(
            t.gettext(_FRESHNESS[state]).capitalize(),
            tuple(_series_line(t, words, row) for row in some),
        )
        for state, some in groupby(rows, key=lambda row: row.state)
    ]
    held = tuple(
        ListLine(
            title=_series_title(t, catalogue[one.observation.series]),
            about=reason_words(t, one.reason),
            shade="broken",
            value=t.period_at(
                one.observation.period, catalogue[one.observation.series].every, short=True
            ),
            aside=one.observation.source,
        )
        for one in desk.held_back(catalogue)
    )
    note = t.gettext("No figure is held back.")
    return (*parts, ListPart(t.gettext("Held back"), held, note))


def _series_title(t: Translator, series: Series) -> str:
    return series.title.in_language(t.language) or series_label(t, series.name, {})


def _series_line(t: Translator, words: Words, row: SeriesStanding) -> ListLine:
    series, newest = row.series, row.newest
    value = ""
    if newest is not None and newest.value is not None:
        unit = printed_unit(series.unit.dimension)
        value = published_text(float(f"{printed(newest.value, unit):.9g}"), unit)
    return ListLine(
        title=_series_title(t, series),
        about=" · ".join((series.name, series.source.name if newest is None else newest.source)),
        shade=_SHADES[row.state],
        value=value,
        aside="" if newest is None else t.period_at(newest.period, series.every, short=True),
        at=None if row.due_at is None else words.instant(row.due_at),
    )


def outbox_parts(desk: Desk, t: Translator, zone: str) -> tuple[ListPart, ...]:
    """Return what waits to be told, and what did not get through, each with its reason."""
    words = Words(t, zone, lambda _: "")
    rows, waiting = desk.unsettled(), desk.waiting()

    def lines(*states: RowState) -> tuple[ListLine, ...]:
        return tuple(_message_line(t, words, row) for row in rows if row.state in states)

    groups = tuple(
        ListLine(
            title=", ".join(dict.fromkeys(move.rule for move in group.moves)),
            about=group.receiver,
            at=words.instant(group.due_at),
        )
        for group in waiting.groups
    )
    owed = tuple(
        ListLine(
            title=name,
            about=f"{place.partition(':')[0]}: {why_untold(t, one.why)}",
            at=None if one.again_at is None else words.instant(one.again_at),
            rule=name,
        )
        for (place, name), one in sorted(waiting.owed.items())
    )
    nothing = t.gettext("None.")
    return (
        ListPart(t.gettext("Waiting"), lines(RowState.WAITING, RowState.CLAIMED), nothing),
        ListPart(t.gettext("Waiting for others of their group"), groups, nothing),
        ListPart(t.gettext("Not told yet, for a reason"), owed, nothing),
        ListPart(t.gettext("Undeliverable"), lines(RowState.PARKED), nothing),
        ListPart(t.gettext("Expired"), lines(RowState.EXPIRED), nothing),
    )


def _message_line(t: Translator, words: Words, row: OutboxRow) -> ListLine:
    tries = t.ngettext("{n} try", "{n} tries", row.attempts).format(n=t.count(row.attempts))
    about = [f"{row.target.receiver} ({row.target.kind})", row_state(t, row.state), tries]
    return ListLine(
        title=row.message.headline,
        about=" · ".join([*about, reason_words(t, row.error)] if row.error else about),
        at=words.instant(row.created_at),
        rule=row.lines[0] if len(row.lines) == 1 and row.episode else "",
    )


# ---- what happened -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filter:
    """Which changes are shown.

    Attributes:
        rule: Name of the alert; empty for all.
        level: Word of the level after the change; empty for all.
        change: Word of the change; empty for all but those that nobody is told of.
        page: From 1, the newest.
    """

    rule: str = ""
    level: str = ""
    change: str = ""
    page: int = 1


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """A page of changes.

    Attributes:
        days: By day on the reader's clocks, newest first.
        rules: Names and titles of all rules, to choose from.
        levels: Words of all levels, and the same in the reader's language.
        newer: Whether there is a page of newer ones.
        older: Whether there is a page of older ones.
    """

    days: tuple[ListPart, ...]
    rules: tuple[tuple[str, str], ...]
    levels: tuple[tuple[str, str], ...]
    newer: bool
    older: bool


def changes(desk: Desk, wanted: Filter, t: Translator, zone: str) -> ChangesPage:
    """Return a page of changes, newest first."""
    words = Words(t, zone, lambda _: "")
    whole = desk.moves(t, rule=wanted.rule or None, limit=PAGE * MOST_PAGES)
    fits = [told for told in whole if _fits(wanted, told.transition.change, told.transition.level)]
    shown = fits[(wanted.page - 1) * PAGE : wanted.page * PAGE]
    lines = [
        (
            told.transition.at.astimezone(ZoneInfo(zone)).date(),
            ListLine(
                title=title_of(t, told, told.transition.rule),
                about=move_text(t, told),
                shade="quiet" if told.transition.change in OVER else told.transition.level.word,
                aside=why_untold(t, told.transition.muted),
                value=words.time(told.transition.at),
                rule=told.transition.rule,
            ),
        )
        for told in shown
    ]
    rules = desk.judge().ruleset.rules
    return ChangesPage(
        days=tuple(
            ListPart(t.period(day.isoformat(), None), tuple(line for _, line in some))
            for day, some in groupby(lines, key=lambda pair: pair[0])
        ),
        rules=tuple((rule.name, title_of(t, rule, rule.name)) for rule in rules),
        levels=tuple((word, level_word(t, level)) for word, level in LEVELS.items()),
        newer=wanted.page > 1,
        older=len(fits) > wanted.page * PAGE,
    )


def _fits(wanted: Filter, change: Change, level: Level) -> bool:
    if wanted.change:
        if change.value != wanted.change:
            return False
    elif change in QUIET:
        return False
    return not wanted.level or level.word == wanted.level


# ---- what is due ---------------------------------------------------------------------------


def calendar_parts(desk: Desk, at: datetime, t: Translator, zone: str) -> tuple[ListPart, ...]:
    """Return what is overdue, then what is due within a week, by day on the reader's clocks."""
    words = Words(t, zone, lambda _: "")
    overdue = tuple(
        ListLine(
            title=_series_title(t, row.series),
            about=t.gettext(", ").join(_waiting_for(desk, row.series.name, t)),
            shade="unknown",
            at=words.instant(row.due_at, year=True),
        )
        for row in desk.watched_series(at)
        if row.due_at is not None and row.due_at <= at
    )
    here, until = ZoneInfo(zone), at + AHEAD
    turns = dict[date, list[str]]()
    for day, name in desk.turns(at.astimezone(NEW_YORK).date(), until.astimezone(NEW_YORK).date()):
        turns.setdefault(day, []).append(t.gettext(_TURNS[name]) if name in _TURNS else name)
    releases = desk.due(at, until)
    by_day = {
        day: tuple(_release_lines(desk, list(some), t, words))
        for day, some in groupby(releases, key=lambda one: one.at.astimezone(here).date())
    }
    days = tuple(
        ListPart(
            t.period(day.isoformat(), None),
            by_day.get(day, ()),
            mark=t.gettext(", ").join(turns.get(day, [])),
        )
        for day in sorted({*by_day, *turns})
    )
    return ((ListPart(t.gettext("Overdue"), overdue),) if overdue else ()) + days


def _release_lines(
    desk: Desk, releases: Sequence[Release], t: Translator, words: Words
) -> Iterator[ListLine]:
    """Yield a row for each series and instant; periods that come together share one."""
    for (at, name), some in groupby(releases, key=lambda one: (one.at, one.series.name)):
        found = list(some)
        series = found[0].series
        yield ListLine(
            title=_series_title(t, series),
            about=t.gettext(", ").join(_waiting_for(desk, name, t)),
            value=words.time(at),
            aside=t.gettext(", ").join(
                t.period_at(one.period, series.every, short=True) for one in found
            ),
        )


def _waiting_for(desk: Desk, series: str, t: Translator) -> list[str]:
    """Return the titles of the rules that wait for a series; few of many."""
    rules = desk.readers_of(series)
    shown = [title_of(t, rule, rule.name) for rule in rules[:3]]
    if len(rules) > 3:
        shown.append(and_more(t, len(rules) - 3))
    return shown
