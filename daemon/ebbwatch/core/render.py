"""Words: what people are told of alerts, data and rules, in their language.

A message about an alert answers, in this order: what crossed what; the number, its date and
the change since the last one; how unusual it is; why it matters; when the next figure comes.
Everything that is said is in the context handed over: nothing is looked up here.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from ebbwatch.core.history_rank import Unusual
from ebbwatch.model.alert import Cause, Change, Input, Level, Transition
from ebbwatch.model.chart import ChartSpec
from ebbwatch.model.message import Button, Message, Reason
from ebbwatch.model.periods import Every, Rank
from ebbwatch.model.problem import Problem
from ebbwatch.model.text import Text

NEW_YORK = "America/New_York"
#: Inputs that a message lists; a ladder over many series is explained by ``/why``.
INPUTS_SHOWN = 6
#: Characters of an expression above which the rule's title stands for it.
MEASURE_LIMIT_CHARS = 60
#: Characters of a quoted text.
QUOTE_LIMIT_CHARS = 400
#: Problems of an invalid reload, and alerts of a list, that are spelled out.
LIST_LIMIT = 20
#: Series that the desk calls by their letters, in every language.
ACRONYMS = frozenset({"sofr", "effr", "obfr", "iorb", "tgcr", "bgcr", "gdp", "srf", "tga"})

_ICONS = {Level.NONE: "⚪", Level.WATCH: "🟡", Level.WARNING: "🟠", Level.CRITICAL: "🔴"}
_RESOLVED, _EASED, _HEALTH, _HEALTHY = "✅", "↘", "⚠️", "✅"
_OVER = (Change.RESOLVED, Change.WITHDRAWN)


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

    def clock(self, at: datetime, zone: str, *, year: bool = False) -> str:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """A series that a reading carries forward because its next figure has not come.

    Attributes:
        series: Its name.
        held: The period held, as its publisher writes it.
        missing: The period that is late.
        every: Its frequency.
        since: UTC instant at which the missing figure was due.
    """

    series: str
    held: str
    missing: str
    every: Every
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Revised:
    """A published figure that was changed later, and moved an alert.

    Attributes:
        series: Its name.
        period: Whose figure it is.
        every: The series' frequency.
        old: What was published before, in `unit`; None for "no value".
        new: What is published now; None where it was withdrawn.
        unit: Printed unit of both.
    """

    series: str
    period: str
    every: Every
    old: float | None
    new: float | None
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """One comparison of a `when` rule, with what it found.

    Attributes:
        measure: What is compared, by language (`measure_text`).
        value: What it came to, in `unit`; None where unknown.
        comparison: ``>``, ``>=``, ``<`` or ``<=``.
        bound: What it is compared with, in `unit`; None where unknown.
        unit: Printed unit of both.
        holds: Whether it is true; None where unknown.
    """

    measure: Text
    value: float | None
    comparison: str
    bound: float | None
    unit: str
    holds: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The published text that a text rule found its pattern in.

    Attributes:
        title: As the publisher gives it.
        passage: The sentence around the match; may be empty.
        published_at: Instant the publisher gives, UTC.
        address: Of the page; may be empty.
    """

    title: str
    passage: str
    published_at: datetime
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One change of one alert, with what is needed to tell it.

    Attributes:
        transition: The change. For a reminder, the last one with the newest reading in it.
        title: The rule's; empty means the alert's name.
        note: Why it matters; may be empty.
        link: The rule's; may be empty.
        labels: The rule's own.
        measure: What the number is (`measure_text`); empty means the title.
        rising: True for ``above``, False for ``below``; nothing to a `when` or text rule.
        every: Frequency of the reading's periods; None for text rules.
        titles: Titles of the series among the inputs, by name; others go by their names.
        everies: Frequencies of the series among the inputs, by name.
        unusual: How unusual the reading is; None where history is too short or the alert is
            over.
        next_due: UTC instant of the next figure; None where nobody knows.
        zone: IANA name of the zone that instants are written in.
        turn_days: Anchor day of each turn that the transition names, where known.
        fallbacks: First choice that did not answer, by series; the input names who did.
        late: Carried-forward series whose next figure is late.
        revised: The figures behind the cause "revision".
        working: Comparisons of a `when` rule, in the order written.
        quote: Of a text rule.
        at_least: True for a count of which some conditions are unknown.
        flapping: Whether the alert is flapping.
        told_value: For a correction: the reading this receiver was told before.
        entry_period: Period of the reading at which the episode entered its first level.
        extreme_period: Period of the episode's furthest reading.
    """

    transition: Transition
    title: Text = field(default_factory=Text)
    note: Text = field(default_factory=Text)
    link: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    measure: Text = field(default_factory=Text)
    rising: bool = True
    every: Every | None = None
    titles: Mapping[str, Text] = field(default_factory=dict)
    everies: Mapping[str, Every] = field(default_factory=dict)
    unusual: Unusual | None = None
    next_due: datetime | None = None
    zone: str = NEW_YORK
    turn_days: Mapping[str, date] = field(default_factory=dict)
    fallbacks: Mapping[str, str] = field(default_factory=dict)
    late: tuple[Late, ...] = ()
    revised: tuple[Revised, ...] = ()
    working: tuple[Working, ...] = ()
    quote: Quote | None = None
    at_least: bool = False
    flapping: bool = False
    told_value: float | None = None
    entry_period: str | None = None
    extreme_period: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """An alert that fires now, for lists.

    Attributes:
        name: Of the alert.
        level: It fires at.
        since: UTC instant from which it fires.
        title: The rule's; empty means the name.
        measure: What the number is; empty means nothing is said of it.
        value: Its newest reading, in `unit`; None for a `when` or text rule.
        unit: Printed unit.
        period: Of the reading.
        every: Frequency of its periods.
        frozen: Whether it rests because a series is late.
    """

    name: str
    level: Level
    since: datetime
    title: Text = field(default_factory=Text)
    measure: Text = field(default_factory=Text)
    value: float | None = None
    unit: str | None = None
    period: str = ""
    every: Every | None = None
    frozen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """How things stand at a time of day.

    Attributes:
        at: UTC instant.
        zone: IANA name of the digest's zone.
        rules: How many alerts are watched.
        firing: Those that fire.
        moves: What changed since the last digest, oldest first, told or not.
        late: Series whose next figure is late.
    """

    at: datetime
    rules: int
    zone: str = NEW_YORK
    firing: tuple[Firing, ...] = ()
    moves: tuple[Told, ...] = ()
    late: tuple[Late, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """What a change of the rule files changed.

    Attributes:
        at: UTC instant.
        added: Names of alerts that are new.
        changed: Names of alerts that measure or compare otherwise than before.
        removed: Names of alerts that are gone.
        firing: Of the added and changed ones, those that fire now.
        zone: IANA name of the zone that instants are written in.
    """

    at: datetime
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    firing: tuple[Firing, ...] = ()
    zone: str = NEW_YORK


class Trouble(StrEnum):
    """What the self-watch tells about."""

    SOURCE_FAILING = "source failing"
    SOURCE_REFUSED = "source refused"
    SOURCE_CHANGED = "source changed"
    SOURCE_RECOVERED = "source recovered"
    SERIES_LATE = "series late"
    SERIES_STALE = "series stale"
    SERIES_CURRENT = "series current"
    QUARANTINED = "value held back"
    SCALE_CHANGED = "scale changed"
    RECEIVER_BROKEN = "receiver broken"
    RECEIVER_RECOVERED = "receiver recovered"
    OUTBOX_STUCK = "outbox stuck"
    RELOAD_INVALID = "reload invalid"
    RULE_BROKEN = "rule broken"
    RULE_RECOVERED = "rule recovered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A notice of the self-watch.

    Attributes:
        kind: What it is about.
        name: Of the source, series, receiver or rule; empty for the rule files.
        reason: What was found, in the words of whoever found it, without secrets.
        since: UTC instant from which it is so; of a series, when its figure was due.
        lasted: How long it was so, of things that are well again.
        affected: Series that wait for a source, or alerts that are frozen by a series.
        every: Of a series.
        held: Of a series, the newest period held; empty for none.
        period: Of a series, the period missing; of a value, its own.
        value: Held back, in `unit`.
        unit: Printed unit of `value`.
        count: Of messages parked or stuck.
        problems: Of the rule files.
        zone: IANA name of the zone that instants are written in.
    """

    kind: Trouble
    name: str = ""
    reason: str = ""
    since: datetime | None = None
    lasted: timedelta | None = None
    affected: tuple[str, ...] = ()
    every: Every | None = None
    held: str = ""
    period: str = ""
    value: float | None = None
    unit: str = ""
    count: int = 0
    problems: tuple[Problem, ...] = ()
    zone: str = NEW_YORK


# names of things


def _n(message: str) -> str:
    """Mark a message for the catalogues that is translated where it is used."""
    return message


_LEVELS = {
    Level.NONE: _n("none"),
    Level.WATCH: _n("watch"),
    Level.WARNING: _n("warning"),
    Level.CRITICAL: _n("critical"),
}
_LOUD_LEVELS = {
    Level.NONE: _n("NONE"),
    Level.WATCH: _n("WATCH"),
    Level.WARNING: _n("WARNING"),
    Level.CRITICAL: _n("CRITICAL"),
}
_TURNS = {
    "year-end": _n("Year end"),
    "quarter-end": _n("Quarter end"),
    "month-end": _n("Month end"),
    "tax-date": _n("Tax date"),
    "coupon-settlement": _n("Coupon settlement"),
}
_ON_THE_SPAN = {
    Rank.MINUTES: _n("since the last figure"),
    Rank.HOUR: _n("since the last figure"),
    Rank.DAILY: _n("on the day"),
    Rank.WEEK: _n("on the week"),
    Rank.MONTH: _n("on the month"),
    Rank.QUARTER: _n("on the quarter"),
    Rank.YEAR: _n("on the year"),
}
_EVERY_SPAN = {
    Rank.MINUTES: _n("every reading"),
    Rank.HOUR: _n("every hour"),
    Rank.DAILY: _n("every day"),
    Rank.WEEK: _n("every week"),
    Rank.MONTH: _n("every month"),
    Rank.QUARTER: _n("every quarter"),
    Rank.YEAR: _n("every year"),
}
_MOVES = {
    Change.ARMED: _n("armed at {level}"),
    Change.DISARMED: _n("disarmed"),
    Change.FIRED: _n("fired at {level}"),
    Change.ESCALATED: _n("rose to {level}"),
    Change.EASED: _n("eased to {level}"),
    Change.RESOLVED: _n("resolved"),
    Change.WITHDRAWN: _n("withdrawn"),
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


# alerts


def alert_message(
    told: Sequence[Told],
    *,
    reason: Reason,
    t: Translator,
    group: str = "",
    chart: ChartSpec | None = None,
) -> Message:
    """Return what is said of one change, or of several told together.

    Args:
        told: Oldest first, at least one. Several of one alert are a catching-up after
            downtime or a wait; of several alerts, a group.
        reason: Why it is told.
        t: The reader's language.
        group: Key of the group.
        chart: Of the alert; None for nothing.
    """
    newest = {one.transition.rule: one for one in told}
    if len(newest) > 1:
        return _group_message(list(newest.values()), told, reason=reason, t=t, group=group)
    last = told[-1]
    move = last.transition
    lines = [*_lines(t, last, reason)]
    if len(told) > 1:
        lines += [t.gettext("Since the last message:"), *(_move_line(t, one) for one in told)]
    return Message(
        headline=_headline(t, last),
        lines=tuple(line for line in lines if line),
        language=t.language,
        level=Level.NONE if move.change in _OVER else move.level,
        reason=reason,
        note=last.note.in_language(t.language),
        footer=_footer(t, last),
        link=last.link or (last.quote.address if last.quote else ""),
        buttons=_buttons(t, move),
        chart=chart,
        alerts=(_payload(t, last),),
        group=group,
    )


def _title(t: Translator, told: Told | Firing, name: str) -> str:
    return told.title.in_language(t.language) or name


def _head(icon: str, words: str, rest: str) -> str:
    return f"{icon} {words} · {rest}"


def _headline(t: Translator, told: Told) -> str:
    move = told.transition
    title = _title(t, told, move.rule)
    match move.change:
        case Change.RESOLVED:
            return _head(_RESOLVED, t.gettext("RESOLVED"), title)
        case Change.WITHDRAWN:
            return _head(_ICONS[Level.NONE], t.gettext("WITHDRAWN"), title)
        case Change.EASED:
            eased = t.gettext("EASED to {level}").format(level=level_word(t, move.level))
            return _head(_EASED, eased, title)
        case _:
            return _head(_ICONS[move.level], t.gettext(_LOUD_LEVELS[move.level]), title)


def _lines(t: Translator, told: Told, reason: Reason) -> list[str]:
    move = told.transition
    lines: list[str] = []
    if told.quote is not None:
        lines += _quote_lines(t, told.quote, told.zone)
    elif move.value is not None:
        lines.append(_reading_line(t, told))
    else:
        lines += _condition_lines(t, told)
    if move.change not in (*_OVER, Change.EASED) and told.unusual is not None:
        lines.append(_unusual_line(t, told.unusual, told.every))
    if move.change is Change.ESCALATED and move.before > Level.NONE:
        lines.append(_from_line(t, told))
    if move.change in (*_OVER, Change.EASED):
        lines += _story_lines(t, told)
    if reason is Reason.REMINDER and move.entered_at is not None:
        since = t.clock(move.entered_at, told.zone)
        lines.append(t.gettext("Reminder: firing since {since}").format(since=since))
    lines += _cause_lines(t, told)
    if reason is Reason.CORRECTION and told.told_value is not None and move.unit is not None:
        before = t.number(told.told_value, move.unit, apart_from=move.value)
        lines.append(t.gettext("Correction: you were told {before}").format(before=before))
    return lines


def _reading(t: Translator, told: Told) -> tuple[str, str]:
    """Return what was measured (empty: what the title says), and its value."""
    move = told.transition
    assert move.value is not None
    assert move.unit is not None
    value = t.number(move.value, move.unit, apart_from=move.threshold)
    if told.at_least:
        value = t.gettext("at least {value}").format(value=value)
    return told.measure.in_language(t.language), value


def _reading_line(t: Translator, told: Told) -> str:
    move = told.transition
    measure, value = _reading(t, told)
    line = t.gettext("{reading} for {period}").format(
        reading=f"{measure} {value}" if measure else value[:1].upper() + value[1:],
        period=t.period(move.period, told.every),
    )
    if moved := _moved(t, told):
        line = t.gettext("{line}, {more}").format(line=line, more=moved)
    if move.threshold is None or move.unit is None:
        return line
    threshold = t.number(move.threshold, move.unit, short=True)
    if move.change in (Change.EASED, Change.RESOLVED):
        if told.rising:
            bound = t.gettext("{level} ends at {threshold} or less")
        else:
            bound = t.gettext("{level} ends at {threshold} or more")
        left = move.before if move.change is Change.EASED else move.level
        bound = bound.format(level=level_word(t, left), threshold=threshold)
    else:
        bound = t.gettext("threshold {threshold}").format(threshold=threshold)
    return t.gettext("{line}; {more}").format(line=line, more=bound)


def _moved(t: Translator, told: Told) -> str:
    """Return the change since the reading of the period before; empty where there is none."""
    move = told.transition
    if move.value is None or move.previous is None or move.unit is None:
        return ""
    step = move.value - move.previous
    if not math.isfinite(step):  # a time that never comes
        return ""
    span = t.gettext(_ON_THE_SPAN[told.every.rank if told.every else Rank.DAILY])
    if abs(step) < 1e-9 * max(1.0, abs(move.value)):
        return t.gettext("unchanged {span}").format(span=span)
    amount = t.difference(step, move.unit)
    if step > 0:
        return t.gettext("up {amount} {span}").format(amount=amount, span=span)
    return t.gettext("down {amount} {span}").format(amount=amount, span=span)


def _unusual_line(t: Translator, unusual: Unusual, every: Every | None) -> str:
    rank = every.rank if every else Rank.DAILY
    parts = []
    if unusual.since is None:
        first = t.period_at(unusual.first, every, short=True)
        if unusual.rising:
            parts.append(t.gettext("Highest on record, since {first}").format(first=first))
        else:
            parts.append(t.gettext("Lowest on record, since {first}").format(first=first))
    elif unusual.beyond_all:
        since = t.period_at(unusual.since, every, short=True)
        if unusual.rising:
            parts.append(t.gettext("Highest since {since}").format(since=since))
        else:
            parts.append(t.gettext("Lowest since {since}").format(since=since))
    if unusual.years:
        span = t.ngettext("the last year", "the last {n} years", unusual.years).format(
            n=unusual.years
        )
        if unusual.beyond_all and unusual.since is not None:
            each = t.gettext(_EVERY_SPAN[rank])
            if unusual.rising:
                parts.append(t.gettext("above {each} of {span}").format(each=each, span=span))
            else:
                parts.append(t.gettext("below {each} of {span}").format(each=each, span=span))
        elif not unusual.beyond_all:
            share = t.number(float(int(unusual.share * 100)), "%", short=True)
            if unusual.rising:
                more = t.gettext("Higher than {share} of {span}")
            else:
                more = t.gettext("Lower than {share} of {span}")
            parts.append(more.format(share=share, span=span))
    return t.gettext("; ").join(parts)


def _from_line(t: Translator, told: Told) -> str:
    move = told.transition
    before = level_word(t, move.before)
    if move.entered_at is None:
        return t.gettext("Up from {level}").format(level=before)
    since = t.clock(move.entered_at, told.zone)
    return t.gettext("Up from {level}; firing since {since}").format(level=before, since=since)


def _story_lines(t: Translator, told: Told) -> list[str]:
    """Return entry, extreme and exit of an episode, and how long it lasted."""
    move = told.transition
    steps = []
    if move.unit is not None:
        if move.entry is not None:
            entry = _dated(t, told, move.entry, told.entry_period)
            steps.append(t.gettext("Entered at {reading}").format(reading=entry))
        if move.extreme is not None:
            extreme = _dated(t, told, move.extreme, told.extreme_period)
            if told.rising:
                steps.append(t.gettext("highest {reading}").format(reading=extreme))
            else:
                steps.append(t.gettext("lowest {reading}").format(reading=extreme))
        if move.value is not None and move.change in _OVER:
            leaving = _dated(t, told, move.value, move.period)
            steps.append(t.gettext("left at {reading}").format(reading=leaving))
    lines = [t.gettext(", ").join(steps)] if steps else []
    if move.entered_at is not None:
        length = t.duration(move.at - move.entered_at)
        since = t.clock(move.entered_at, told.zone, year=True)
        if move.change in _OVER:
            until = t.clock(move.at, told.zone, year=True)
            lines.append(
                t.gettext("Lasted {length}: {since} to {until}").format(
                    length=length, since=since, until=until
                )
            )
        else:
            lines.append(
                t.gettext("Firing for {length}, since {since}").format(length=length, since=since)
            )
    return lines


def _dated(t: Translator, told: Told, value: float, period: str | None) -> str:
    unit = told.transition.unit or ""
    number = t.number(value, unit)
    if period is None:
        return number
    when = t.period(period, told.every, short=True)
    return t.gettext("{reading} ({period})").format(reading=number, period=when)


def _condition_lines(t: Translator, told: Told) -> list[str]:
    move = told.transition
    period = t.period(move.period, told.every)
    if move.change in _OVER:
        lines = [t.gettext("The condition no longer holds, {period}").format(period=period)]
    else:
        lines = [t.gettext("The condition holds, {period}").format(period=period)]
    for row in told.working:
        mark = {True: "✓", False: "✗", None: "?"}[row.holds]
        unknown = t.gettext("unknown")
        value = (
            unknown if row.value is None else t.number(row.value, row.unit, apart_from=row.bound)
        )
        bound = unknown if row.bound is None else t.number(row.bound, row.unit, short=True)
        measure = row.measure.in_language(t.language)
        lines.append(f"{mark} {measure} {value} {_COMPARISONS[row.comparison]} {bound}")
    return lines


_COMPARISONS = {">": ">", ">=": "≥", "<": "<", "<=": "≤"}


def _quote_lines(t: Translator, quote: Quote, zone: str) -> list[str]:
    lines = [quote.title]
    if quote.passage:
        passage = quote.passage
        if len(passage) > QUOTE_LIMIT_CHARS:
            passage = passage[: QUOTE_LIMIT_CHARS - 1].rstrip() + "…"
        lines.append(t.gettext("“{passage}”").format(passage=passage))
    published = t.clock(quote.published_at, zone, year=True)
    return [*lines, t.gettext("Published {when}").format(when=published)]


def _cause_lines(t: Translator, told: Told) -> list[str]:
    match told.transition.cause:
        case Cause.REVISION if told.revised:
            return [_revised_line(t, told, one) for one in told.revised]
        case Cause.REVISION:
            return [t.gettext("Cause: a published figure was revised")]
        case Cause.RULE_CHANGED if told.transition.change is Change.WITHDRAWN:
            return [t.gettext("Cause: the rule was changed or removed; this alert is no more")]
        case Cause.RULE_CHANGED:
            return [t.gettext("Cause: the rule was changed; no new figure came")]
        case Cause.HISTORY_ADDED:
            return [t.gettext("Cause: history was added; this is how things stand now")]
        case Cause.HOLD_ELAPSED:
            return [t.gettext("Cause: it has held for as long as the rule asks")]
        case Cause.NEW_PERIOD | Cause.TEXT:
            return []


def _revised_line(t: Translator, told: Told, revised: Revised) -> str:
    name = series_label(t, revised.series, told.titles)
    period = t.period(revised.period, revised.every, short=True)
    none = t.gettext("no value")
    old, new = (
        none if value is None else t.number(value, revised.unit, apart_from=other)
        for value, other in ((revised.old, revised.new), (revised.new, revised.old))
    )
    return t.gettext("Cause: {series} for {period} was revised from {old} to {new}").format(
        series=name, period=period, old=old, new=new
    )


def _footer(t: Translator, told: Told) -> tuple[str, ...]:
    move = told.transition
    sentences = []
    if move.turns:
        sentences.append(t.gettext(", ").join(_turn(t, told, name) for name in move.turns))
    if move.inputs:
        sentences.append(_inputs(t, told))
    if told.next_due is not None:
        when = t.clock(told.next_due, told.zone)
        sentences.append(t.gettext("Next figure {when}").format(when=when))
    lines = [t.gettext(". ").join(sentences)] if sentences else []
    lines += [_late(t, late, told.titles, told.zone) for late in told.late]
    source_by_series = {row.series: row.source for row in move.inputs}
    for series, first in told.fallbacks.items():
        lines.append(
            t.gettext("{series} taken from {source}: {first} did not answer").format(
                series=series_label(t, series, told.titles),
                source=source_by_series.get(series, t.gettext("another source")),
                first=first,
            )
        )
    if told.flapping:
        lines.append(
            t.gettext("Flapping: its watch level is told in the digest only until it has rested")
        )
    return tuple(lines)


def _turn(t: Translator, told: Told, name: str) -> str:
    words = t.gettext(_TURNS[name]) if name in _TURNS else name.replace("-", " ").capitalize()
    day = told.turn_days.get(name)
    if day is None:
        return words
    return t.gettext("{turn} ({day})").format(turn=words, day=t.month_day(day))


def _inputs(t: Translator, told: Told) -> str:
    """Return the newest figure of each series, with its period where that is another one."""
    newest: dict[str, Input] = {}
    for row in told.transition.inputs:
        if row.series not in newest or row.period > newest[row.series].period:
            newest[row.series] = row
    parts = []
    for row in list(newest.values())[:INPUTS_SHOWN]:
        name = series_label(t, row.series, told.titles)
        part = f"{name} {t.number(row.value, row.unit)}"
        if row.period != told.transition.period:
            period = t.period(row.period, told.everies.get(row.series), short=True)
            part = t.gettext("{reading} ({period})").format(reading=part, period=period)
        parts.append(part)
    return t.gettext(", ").join(parts)


def _late(t: Translator, late: Late, titles: Mapping[str, Text], zone: str) -> str:
    return t.gettext("{series} of {held}; {missing} late since {since}").format(
        series=series_label(t, late.series, titles),
        held=t.period(late.held, late.every, short=True),
        missing=t.period(late.missing, late.every, short=True),
        since=t.clock(late.since, zone),
    )


def _buttons(t: Translator, move: Transition) -> tuple[Button, ...]:
    show = (
        Button(t.gettext("Chart"), "chart", move.rule),
        Button(t.gettext("Why"), "why", move.rule),
    )
    if move.change in _OVER:
        return show
    return (
        Button(t.gettext("Ack"), "ack", move.rule),
        Button(t.gettext("Snooze"), "snooze", move.rule),
        *show,
    )


def _payload(t: Translator, told: Told) -> Mapping[str, Any]:
    """Return the alert for programs, in the shape that `Message.alerts` describes."""
    move = told.transition
    over = move.change in _OVER
    lines = _lines(t, told, Reason.FIRST)
    annotations = {
        "summary": _title(t, told, move.rule),
        "description": lines[0] if lines else "",
        "note": told.note.in_language(t.language),
    }
    return {
        "rule": move.rule,
        "status": "resolved" if over else "firing",
        "labels": {**told.labels, "name": move.rule, "level": move.level.word},
        "annotations": {key: text for key, text in annotations.items() if text},
        "starts_at": (move.entered_at or move.at).isoformat(),
        "ends_at": move.at.isoformat() if over else None,
        "fingerprint": fingerprint(move.rule),
        "value": move.value,
        "unit": move.unit,
        "threshold": move.threshold,
        "period": move.period,
    }


# several at once


def _group_message(
    newest: Sequence[Told],
    told: Sequence[Told],
    *,
    reason: Reason,
    t: Translator,
    group: str,
) -> Message:
    alive = [one for one in newest if one.transition.change not in _OVER]
    level = max((one.transition.level for one in alive), default=Level.NONE)
    count = t.ngettext("{n} alert", "{n} alerts", len(newest)).format(n=len(newest))
    if alive:
        headline = _head(_ICONS[level], t.gettext(_LOUD_LEVELS[level]), count)
    else:
        headline = _head(_RESOLVED, t.gettext("RESOLVED"), count)
    footer = []
    due = [one for one in newest if one.next_due is not None]
    if due:
        first = min(due, key=lambda one: one.next_due or one.transition.at)
        assert first.next_due is not None
        when = t.clock(first.next_due, first.zone)
        footer.append(t.gettext("Next figure {when}").format(when=when))
    ordered = sorted(
        told, key=lambda one: (-_weight(one), one.transition.rule, one.transition.period)
    )
    return Message(
        headline=headline,
        lines=tuple(_move_line(t, one, titled=True) for one in ordered),
        language=t.language,
        level=level,
        reason=reason,
        footer=tuple(footer),
        alerts=tuple(_payload(t, one) for one in newest),
        group=group,
    )


def _weight(told: Told) -> int:
    return 0 if told.transition.change in _OVER else int(told.transition.level)


def _move_line(t: Translator, told: Told, *, titled: bool = False) -> str:
    """Return one change on one line."""
    move = told.transition
    icon = _RESOLVED if move.change is Change.RESOLVED else _ICONS[move.level]
    if move.change is Change.EASED:
        icon = _EASED
    verb = t.gettext(_MOVES[move.change]).format(level=level_word(t, move.level))
    what = _title(t, told, move.rule) if titled else t.period(move.period, told.every)
    line = t.gettext("{what}: {verb}").format(what=what, verb=verb)
    if move.value is not None and move.unit is not None:
        _, value = _reading(t, told)
        if titled:
            period = t.period(move.period, told.every)
            value = t.gettext("{reading} ({period})").format(reading=value, period=period)
        line = t.gettext("{line}, {more}").format(line=line, more=value)
    if titled and told.transition.cause is Cause.REVISION:
        line = t.gettext("{line}, {more}").format(line=line, more=t.gettext("by a revision"))
    return f"{icon} {line}"


def _firing_line(t: Translator, one: Firing, zone: str) -> str:
    line = f"{_ICONS[one.level]} {_title(t, one, one.name)}"
    if one.value is not None and one.unit is not None:
        measure = one.measure.in_language(t.language)
        reading = t.number(one.value, one.unit)
        if measure:
            reading = f"{measure} {reading}"
        period = t.period(one.period, one.every)
        reading = t.gettext("{reading} ({period})").format(reading=reading, period=period)
        line = t.gettext("{what}: {verb}").format(what=line, verb=reading)
    day = one.since.astimezone(ZoneInfo(zone)).date()
    since = t.gettext("since {since}").format(since=t.day(day))
    line = t.gettext("{line}, {more}").format(line=line, more=since)
    if one.frozen:
        line = t.gettext("{line}, {more}").format(
            line=line, more=t.gettext("frozen: its figures are late")
        )
    return line


def _firing_lines(t: Translator, firing: Sequence[Firing], zone: str) -> list[str]:
    ordered = sorted(firing, key=lambda one: (-one.level, one.name))
    lines = [_firing_line(t, one, zone) for one in ordered[:LIST_LIMIT]]
    if len(ordered) > LIST_LIMIT:
        lines.append(_and_more(t, len(ordered) - LIST_LIMIT))
    return lines


def _and_more(t: Translator, n: int) -> str:
    return t.ngettext("and {n} more", "and {n} more", n).format(n=n)


def summary_message(
    firing: Sequence[Firing], *, rules: int, t: Translator, zone: str = NEW_YORK
) -> Message:
    """Return what is said once, at the first start: what fires now.

    Args:
        firing: In any order; the most severe are named first.
        rules: How many alerts are watched.
        t: The reader's language.
        zone: IANA name of the zone that instants are written in.
    """
    firing_of = _firing_of(t, len(firing), rules)
    lines = _firing_lines(t, firing, zone)
    return Message(
        headline=_head("👁", t.gettext("Ebbwatch is watching"), firing_of),
        lines=tuple(lines) or (t.gettext("All quiet"),),
        language=t.language,
        level=max((one.level for one in firing), default=Level.NONE),
        reason=Reason.SUMMARY,
        footer=(t.gettext("From now on each change is told once"),),
    )


def _firing_of(t: Translator, firing: int, rules: int) -> str:
    return t.ngettext("{firing} of {n} rule fires", "{firing} of {n} rules fire", rules).format(
        firing=t.count(firing), n=t.count(rules)
    )


def digest_message(digest: Digest, *, t: Translator) -> Message:
    """Return how things stand: what fires, what changed since the last digest, what is late."""
    clock = t.clock(digest.at, digest.zone)
    lines = [_firing_of(t, len(digest.firing), digest.rules)]
    lines += _firing_lines(t, digest.firing, digest.zone)
    if digest.moves:
        lines.append(t.gettext("Since the last digest:"))
        lines += [_move_line(t, one, titled=True) for one in digest.moves[-LIST_LIMIT:]]
        if len(digest.moves) > LIST_LIMIT:
            lines.append(_and_more(t, len(digest.moves) - LIST_LIMIT))
    else:
        lines.append(t.gettext("Nothing changed since the last digest"))
    titles = {name: text for one in digest.moves for name, text in one.titles.items()}
    return Message(
        headline=_head("🗒", t.gettext("Digest"), clock),
        lines=tuple(lines),
        language=t.language,
        level=max((one.level for one in digest.firing), default=Level.NONE),
        reason=Reason.DIGEST,
        footer=tuple(_late(t, late, titles, digest.zone) for late in digest.late),
    )


# the program itself


def reload_message(reload: Reload, *, t: Translator) -> Message:
    """Return what a change of the rule files changed."""
    lines = []
    for words, names in (
        (t.gettext("Added: {names}"), reload.added),
        (t.gettext("Changed: {names}"), reload.changed),
        (t.gettext("Removed: {names}"), reload.removed),
    ):
        if names:
            lines.append(words.format(names=_names(t, names)))
    if not lines:
        lines.append(t.gettext("No alert changed"))
    if reload.firing:
        lines += [t.gettext("Of these, firing now:"), *_firing_lines(t, reload.firing, reload.zone)]
    return Message(
        headline=_head("🔄", t.gettext("New rules are in force"), t.clock(reload.at, reload.zone)),
        lines=tuple(lines),
        language=t.language,
        level=Level.NONE,
        reason=Reason.HEALTH,
    )


def test_message(receiver: str, *, t: Translator) -> Message:
    """Return the message that proves a receiver can be reached."""
    return Message(
        headline=_head("🔔", t.gettext("Test"), receiver),
        lines=(t.gettext("Ebbwatch reaches you here. No threshold was crossed."),),
        language=t.language,
        level=Level.NONE,
        reason=Reason.TEST,
    )


def _names(t: Translator, names: Sequence[str]) -> str:
    shown = t.gettext(", ").join(names[:LIST_LIMIT])
    if len(names) <= LIST_LIMIT:
        return shown
    return t.gettext("{line}, {more}").format(
        line=shown, more=_and_more(t, len(names) - LIST_LIMIT)
    )


_HEALTH_TITLES = {
    Trouble.SOURCE_FAILING: _n("{name} does not answer"),
    Trouble.SOURCE_REFUSED: _n("{name} refuses to answer"),
    Trouble.SOURCE_CHANGED: _n("{name} answers in a shape we do not know"),
    Trouble.SOURCE_RECOVERED: _n("{name} answers again"),
    Trouble.SERIES_LATE: _n("{name} is late"),
    Trouble.SERIES_STALE: _n("{name} is stale"),
    Trouble.SERIES_CURRENT: _n("{name} is up to date again"),
    Trouble.QUARANTINED: _n("a value of {name} is held back"),
    Trouble.SCALE_CHANGED: _n("{name} is published in another unit"),
    Trouble.RECEIVER_BROKEN: _n("{name} cannot be told"),
    Trouble.RECEIVER_RECOVERED: _n("{name} can be told again"),
    Trouble.OUTBOX_STUCK: _n("messages are stuck"),
    Trouble.RELOAD_INVALID: _n("the new rules have problems"),
    Trouble.RULE_BROKEN: _n("{name} cannot be evaluated"),
    Trouble.RULE_RECOVERED: _n("{name} can be evaluated again"),
}
_WELL = (
    Trouble.SOURCE_RECOVERED,
    Trouble.SERIES_CURRENT,
    Trouble.RECEIVER_RECOVERED,
    Trouble.RULE_RECOVERED,
)
#: What only informs; the rest wants a person.
_MILD = (Trouble.SERIES_LATE, Trouble.SCALE_CHANGED)


def health_message(health: Health, *, t: Translator) -> Message:
    """Return a notice of the self-watch: what is wrong, since when, and what to do."""
    well = health.kind in _WELL
    title = t.gettext(_HEALTH_TITLES[health.kind]).format(name=health.name)
    if well:
        level = Level.NONE
    else:
        level = Level.WATCH if health.kind in _MILD else Level.WARNING
    lines = _well_lines(t, health) if well else _ill_lines(t, health)
    return Message(
        headline=_head(_HEALTHY if well else _HEALTH, t.gettext("Data health"), title),
        lines=tuple(line for line in lines if line),
        language=t.language,
        level=level,
        reason=Reason.HEALTH,
        note=_remedy(t, health),
    )


def _well_lines(t: Translator, health: Health) -> list[str]:
    lines = []
    if health.lasted is not None:
        lines.append(t.gettext("After {length}").format(length=t.duration(health.lasted)))
    if health.held:
        held = t.period(health.held, health.every)
        lines.append(t.gettext("Newest figure: {period}").format(period=held))
    return lines or [t.gettext("Nothing more to do")]


def _ill_lines(t: Translator, health: Health) -> list[str]:
    kind = health.kind
    since = t.clock(health.since, health.zone) if health.since is not None else ""
    names = _names(t, health.affected)
    lines = []
    if kind is Trouble.QUARANTINED and health.value is not None:
        value = t.number(health.value, health.unit)
        period = t.period(health.period, health.every)
        lines.append(t.gettext("{reading} for {period}").format(reading=value, period=period))
    elif kind in (Trouble.SERIES_LATE, Trouble.SERIES_STALE) and health.period:
        period = t.period(health.period, health.every)
        lines.append(
            t.gettext("The figure for {period} was due {since}").format(period=period, since=since)
        )
        if health.held:
            held = t.period(health.held, health.every)
            lines.append(t.gettext("Newest figure: {period}").format(period=held))
    elif kind is Trouble.OUTBOX_STUCK:
        lines.append(
            t.ngettext(
                "{n} message waits since {since}", "{n} messages wait since {since}", health.count
            ).format(n=t.count(health.count), since=since)
        )
    elif since:
        lines.append(t.gettext("Since {since}").format(since=since))
    if health.reason:
        lines.append(t.gettext("Reason: {reason}").format(reason=health.reason))
    for problem in health.problems[:LIST_LIMIT]:
        where = f"{problem.span.file}:{problem.span.line}:{problem.span.column}"
        hint = f" ({problem.hint})" if problem.hint else ""
        lines.append(f"{where}: {problem.message}{hint}")
    if len(health.problems) > LIST_LIMIT:
        lines.append(_and_more(t, len(health.problems) - LIST_LIMIT))
    if health.affected:
        if kind in (Trouble.SERIES_LATE, Trouble.SERIES_STALE):
            lines.append(t.gettext("Frozen until it comes: {names}").format(names=names))
        else:
            lines.append(t.gettext("Waiting for it: {names}").format(names=names))
    if kind is Trouble.RECEIVER_BROKEN and health.count:
        lines.append(
            t.ngettext("{n} message is parked", "{n} messages are parked", health.count).format(
                n=t.count(health.count)
            )
        )
    return lines


def _remedy(t: Translator, health: Health) -> str:
    match health.kind:
        case Trouble.SOURCE_FAILING:
            return t.gettext("Alerts rest where they are; polling goes on. Nothing to do yet.")
        case Trouble.SOURCE_REFUSED:
            return t.gettext("Check its key and its quota; polling resumes by itself.")
        case Trouble.SOURCE_CHANGED:
            return t.gettext("Its series stand still until this program is taught the new shape.")
        case Trouble.SERIES_LATE:
            return t.gettext("Late is not resolved: its alerts move again when it comes.")
        case Trouble.SERIES_STALE:
            return t.gettext("A second release was missed: look at the publisher's page.")
        case Trouble.QUARANTINED:
            command = f"ebbwatch series accept {health.name} {health.period}"
            return t.gettext("No rule has seen it. If it is right: {command}").format(
                command=command
            )
        case Trouble.SCALE_CHANGED:
            return t.gettext("It is converted; the rules see what they always saw.")
        case Trouble.RECEIVER_BROKEN:
            command = f"ebbwatch notify test {health.name}"
            return t.gettext("Repair it, then try: {command}").format(command=command)
        case Trouble.OUTBOX_STUCK:
            return t.gettext("Look at the log of the delivery and at the network.")
        case Trouble.RELOAD_INVALID:
            return t.gettext("The old rules stay in force until the files are right.")
        case Trouble.RULE_BROKEN:
            return t.gettext("It stays where it is; other rules go on. Ask: {command}").format(
                command=f"ebbwatch why {health.name}"
            )
        case _:
            return ""
