"""Rules: what the loader makes of the files, frozen, with expressions checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum

from ebbwatch.expr.graph import Expression
from ebbwatch.model.alert import Level
from ebbwatch.model.calendars import BusinessCalendar, TurnCalendar
from ebbwatch.model.durations import Duration
from ebbwatch.model.message import Target
from ebbwatch.model.problem import Span
from ebbwatch.model.series import Series
from ebbwatch.model.text import Text
from ebbwatch.model.units import Quantity


class TurnPolicy(StrEnum):
    """What a rule does with readings whose period lies in a turn."""

    ANNOTATE = "annotate"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One alert: a rule with its foreach values filled in.

    Exactly one of `value` (with `thresholds`), `when` and `pattern` is set.

    Attributes:
        name: Identity of the alert.
        title: For people; empty means the name.
        value: What a ladder measures.
        rising: True for ``above``, False for ``below``.
        measure: What the ladder's number is called; empty where that is made of `value`.
        thresholds: (level, threshold), lowest level first.
        clear: How far inside a threshold a level is left; levels not named: 0.
        when: Condition of a `when` rule.
        clear_when: What must be true for it to resolve; None: `when` is false.
        level: Of `when` and text rules.
        text_source: Of text rules.
        pattern: Regular expression of text rules.
        only_new: Of text rules: whether the previous text of the same kind must not match.
        unscheduled: Of text rules: whether only FOMC statements outside the FOMC's plan count.
        hold: ``for``, by level; levels not named: at once.
        turns: Policy by calendar name, in the order of the file.
        repeat: Reminder while firing; None for none.
        labels: For routes; ``name`` and ``level`` are added by routing.
        note: Why it matters.
        link: Address for readers.
        definition: Hash of what is measured (value, when, clear_when, pattern, turns on hold,
            parts in which its series are published).
        ladder: Hash of thresholds, clear, hold and level.
        span: Of the rule's name in its file.
    """

    name: str
    title: Text = field(default_factory=Text)
    value: Expression | None = None
    measure: Text = field(default_factory=Text)
    rising: bool = True
    thresholds: tuple[tuple[Level, Quantity], ...] = ()
    clear: Mapping[Level, Quantity] = field(default_factory=dict)
    when: Expression | None = None
    clear_when: Expression | None = None
    level: Level = Level.WARNING
    text_source: str = ""
    pattern: str = ""
    only_new: bool = False
    unscheduled: bool = False
    hold: Mapping[Level, Duration] = field(default_factory=dict)
    turns: Mapping[str, TurnPolicy] = field(default_factory=dict)
    repeat: Duration | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    note: Text = field(default_factory=Text)
    link: str = ""
    definition: str = ""
    ladder: str = ""
    span: Span = field(default_factory=lambda: Span("", 1, 1))


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours in which a route holds its messages back and tells them after.

    Attributes:
        start: Local time of day.
        end: Local time of day; earlier than `start` means on the next day.
        zone: IANA name.
        below: Levels below this one are held; this one and higher are told at once.
    """

    start: time
    end: time
    zone: str
    below: Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which alerts go where.

    Attributes:
        match: Label values that must all be equal; ``name`` and ``level`` are labels too.
        to: Receivers.
        group_by: Labels that alerts told together share; empty: each alert its own group.
        group_wait_s: Seconds to wait for others of the group.
        resolved: Whether resolutions are told.
        quiet: Hours of quiet; None for none.
        proceed: Whether later routes are looked at too (``continue``).
    """

    match: Mapping[str, str] = field(default_factory=dict)
    to: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    group_wait_s: int = 0
    resolved: bool = True
    quiet: Quiet | None = None
    proceed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A message at a time of day that says how things stand.

    Attributes:
        at: Local time of day.
        zone: IANA name.
        on: ``business days``, ``days``, or weekday names in lower case, a space between.
        to: Receivers.
        show: Names of defines, series and rules whose numbers are told, each once.
    """

    at: time
    zone: str
    on: str
    to: tuple[str, ...]
    show: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While an alert matching `source` fires, those matching `mute` are not told.

    A label missing on either side never matches.
    """

    source: Mapping[str, str]
    mute: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """A whole directory, valid.

    Attributes:
        series: The catalogue, built-in entries included, by name.
        business: Business calendars by name (``federal-reserve``, ``sifma``).
        calendars: Turn calendars by name.
        defines: Expressions by name, as written.
        define_titles: Of the defines that have one, by name.
        rules: In the order of files and of rules within.
        inhibit: In order.
        receivers: Targets by receiver name.
        routes: In order.
        digests: In order.
        shown: What digests show, by the name they show it by.
        origin: Hash over all files, to tell whether anything changed.
        own_series: Names of the series that the user's files declare.
    """

    series: Mapping[str, Series]
    business: Mapping[str, BusinessCalendar]
    calendars: Mapping[str, TurnCalendar]
    defines: Mapping[str, str] = field(default_factory=dict)
    define_titles: Mapping[str, Text] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    inhibit: tuple[Inhibition, ...] = ()
    receivers: Mapping[str, tuple[Target, ...]] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    digests: tuple[Digest, ...] = ()
    shown: Mapping[str, Expression] = field(default_factory=dict)
    origin: str = ""
    own_series: frozenset[str] = frozenset()
