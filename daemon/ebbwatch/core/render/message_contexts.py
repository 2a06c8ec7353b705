"""What is to be told, before it is put into words: the contexts of messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from ebbwatch.core.answering.expected import Late
from ebbwatch.core.answering.reading import Reading
from ebbwatch.core.answering.status import Standing
from ebbwatch.core.telling.history_rank import Unusual
from ebbwatch.model.alert import Level, Transition
from ebbwatch.model.periods import Every
from ebbwatch.model.problem import Problem
from ebbwatch.model.text import Text
from ebbwatch.model.zones import NEW_YORK


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


@dataclass(frozen=True, slots=True)
class Measure:
    """What a number is, in words.

    Attributes:
        text: By language; empty where the rule's title says it.
        formula: Whether it is made of names and signs alone: ``SOFR − EFFR``.
    """

    text: Text = field(default_factory=Text)
    formula: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """One comparison of a condition, with what it found.

    Attributes:
        measure: What is compared, by language; empty where it is too long to be said.
        value: What it came to, in `unit`; None where unknown.
        comparison: ``>``, ``>=``, ``<`` or ``<=``.
        bound: What it is compared with, in `unit`; None where unknown.
        unit: Printed unit of both.
        holds: Whether it is true; None where unknown.
        last: What it came to when its figures were not stale yet; None where they are not.
    """

    measure: Text
    value: float | None
    comparison: str
    bound: float | None
    unit: str
    holds: bool | None
    last: float | None = None


@dataclass(frozen=True, slots=True)
class Lamp:
    """One condition of a count.

    Attributes:
        title: What it is called, by language: the define's title, else words made for it.
        reading: What it says, at its own latest period.
        workings: Its comparisons, each with its figure.
        late: Series it reads whose next figure is late.
        part: Up to which part of its period a series it reads is known; empty where all are
            known whole.
    """

    title: Text
    reading: Reading
    workings: tuple[Working, ...] = ()
    late: tuple[Late, ...] = ()
    part: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """The figure of one period by itself, where a rule measures a window of them.

    Attributes:
        value: In the rule's unit.
        previous: Of the period before; None where there is none.
    """

    value: float
    previous: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """A rate that is set, and was set anew with the period that is told.

    Attributes:
        series: Its name.
        old: Of the period before, in `unit`.
        new: In `unit`.
        unit: Printed unit of both.
    """

    series: str
    old: float
    new: float
    unit: str


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
class ToldChange:
    """One change of one alert, with what is needed to tell it.

    Attributes:
        transition: The change. For a reminder, the last one with the newest reading in it.
        title: The rule's; empty means the alert's name.
        note: Why it matters; may be empty.
        link: The rule's; may be empty.
        labels: The rule's own.
        measure: What the number is; empty means the title.
        over_window: Whether the number is made of several periods, so that its change is not
            that of the newest one.
        single: The newest period by itself, of such a number.
        lamps: The conditions of a count.
        resets: Rates that were set anew with the reading's period.
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
        part: Up to which part of its period a series of the rule was known; empty where all
            were known whole, and for a count, whose conditions say it.
    """

    transition: Transition
    title: Text = field(default_factory=Text)
    note: Text = field(default_factory=Text)
    link: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    measure: Measure = field(default_factory=Measure)
    over_window: bool = False
    single: Single | None = None
    lamps: tuple[Lamp, ...] = ()
    resets: tuple[Reset, ...] = ()
    rising: bool = True
    every: Every | None = None
    titles: Mapping[str, Text] = field(default_factory=dict)
    everies: Mapping[str, Every] = field(default_factory=dict)
    unusual: Unusual | None = None
    next_due: datetime | None = None
    zone: str = NEW_YORK.key
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
    part: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """An alert that fires now, for lists.

    Attributes:
        standing: How it stands.
        measure: What the number is; empty means nothing is said of it.
    """

    standing: Standing
    measure: Measure = field(default_factory=Measure)

    @property
    def name(self) -> str:
        """Return the name of the alert."""
        return self.standing.rule.name

    @property
    def level(self) -> Level:
        """Return the level that it fires at."""
        return self.standing.level


@dataclass(frozen=True, slots=True, kw_only=True)
class Outstanding:
    """What the first visits did not bring.

    Attributes:
        sources: Those that did not answer, or not yet.
        offline: Whether nothing at all can be reached.
        unheard: Series of which nothing was heard therefore.
        late: Series whose next figure is late, of sources that answered.
    """

    sources: tuple[str, ...] = ()
    offline: bool = False
    unheard: frozenset[str] = frozenset()
    late: tuple[Late, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestFigure:
    """A number that a digest shows, whether anything fires or not.

    Attributes:
        title: What it is called, by language.
        reading: What it says now.
        before: What it said at the last digest.
        titles: Titles of the series it reads, by name.
    """

    title: Text
    reading: Reading
    before: Reading
    titles: Mapping[str, Text] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestContext:
    """How things stand at a time of day.

    Attributes:
        at: UTC instant.
        zone: IANA name of the digest's zone.
        rules: How many alerts are watched.
        firing: Those that fire.
        shown: What is told each time, in the order asked for.
        moves: What changed since the last digest, oldest first, told or not.
        late: Series whose next figure is late.
    """

    at: datetime
    rules: int
    zone: str = NEW_YORK.key
    firing: tuple[Firing, ...] = ()
    shown: tuple[DigestFigure, ...] = ()
    moves: tuple[ToldChange, ...] = ()
    late: tuple[Late, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadContext:
    """What a change of the rule files changed.

    Attributes:
        at: UTC instant.
        added: Names of alerts that are new.
        changed: Names of alerts that measure or compare otherwise than before.
        removed: Names of alerts that are gone.
        renamed: Of those that are the same under another name: the old one, and the new one.
        firing: What fires now, and the reader has not heard of.
        over: What the reader was told of, and is no more.
        told: Every alert that the message tells of, for programs.
        zone: IANA name of the zone that instants are written in.
    """

    at: datetime
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    firing: tuple[Firing, ...] = ()
    over: tuple[ToldChange, ...] = ()
    told: tuple[ToldChange, ...] = ()
    zone: str = NEW_YORK.key


class Trouble(StrEnum):
    """What the self-watch tells about."""

    SOURCE_FAILING = "source failing"
    SOURCE_REFUSED = "source refused"
    SOURCE_CHANGED = "source changed"
    SOURCE_RECOVERED = "source recovered"
    OFFLINE = "offline"
    ONLINE = "online"
    SERIES_LATE = "series late"
    SERIES_STALE = "series stale"
    SERIES_CURRENT = "series current"
    QUARANTINED = "value held back"
    VALUES_FIT = "values fit"
    SCALE_CHANGED = "scale changed"
    PERIOD_MOVED = "period moved"
    ROWS_UNREAD = "rows unread"
    RECEIVER_BROKEN = "receiver broken"
    RECEIVER_RECOVERED = "receiver recovered"
    OUTBOX_STUCK = "outbox stuck"
    OUTBOX_MOVES = "outbox moves"
    RELOAD_INVALID = "reload invalid"
    RELOAD_VALID = "reload valid"
    RULE_BROKEN = "rule broken"
    RULE_RECOVERED = "rule recovered"
    DATABASE_REFUSING = "database refusing"
    DATABASE_ANSWERS = "database answers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A notice of the self-watch.

    Attributes:
        kind: What it is about.
        name: Of the source, series, receiver or rule; empty for the rule files.
        reason: What was found, in the words of whoever found it, without secrets.
        since: UTC instant from which it is so; of late figures, when the first was due.
        lasted: How long it was so, of things that are well again.
        affected: Series that wait for a source, or whose figures did not come; the one that
            was due first, first.
        frozen: Alerts that have no new reading until it is over.
        every: Of a value, or of the first series affected; likewise the next two.
        held: The newest period held; empty for none.
        period: The period missing; of a value, its own. Empty where nothing says.
        value: Held back, in `unit`; of several the first.
        unit: Printed unit of `value`.
        count: Of messages parked or stuck, of values held back, of rows, of sources that
            cannot be reached.
        problems: Of the rule files.
        trouble: What programs know it by from its begin to its end; empty for what is told once
            and never over.
        began: UTC instant at which that was told first.
        again: Whether it was told before, and only its circumstances are others.
        quietly: Whether people are told that it is over by other words, or need not be.
        zone: IANA name of the zone that instants are written in.
    """

    kind: Trouble
    name: str = ""
    reason: str = ""
    since: datetime | None = None
    lasted: timedelta | None = None
    affected: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    every: Every | None = None
    held: str = ""
    period: str = ""
    value: float | None = None
    unit: str = ""
    count: int = 0
    problems: tuple[Problem, ...] = ()
    trouble: str = ""
    began: datetime | None = None
    again: bool = False
    quietly: bool = False
    zone: str = NEW_YORK.key
