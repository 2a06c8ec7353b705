"""How every rule stands at an instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ebbwatch.core.judging import Judge, Watched
from ebbwatch.core.ladder import AlertState
from ebbwatch.expr.numbers import KNOWN, REASONS
from ebbwatch.expr.view import BEGINNING
from ebbwatch.model.alert import Level
from ebbwatch.model.periods import instant
from ebbwatch.ruleset.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One row of the state of things.

    Attributes:
        rule: Name of the alert.
        state: ``inactive``, ``pending``, ``firing`` or ``broken``.
        level: It fires at; NONE otherwise.
        value: Newest known reading, in `unit`; None for a condition or where none is known.
        unit: Printed unit; None for a condition.
        period: Of the newest reading, as its publisher writes it; empty for none.
        since: UTC instant from which it stands so; None while inactive.
        frozen: Whether the series that set its periods are late.
        unknown: Why the newest reading is unknown; empty where it is known.
        age: Time since the newest reading was made; None for none.
        next_due: UTC instant of the next figure; None where nobody knows.
    """

    rule: str
    state: str
    level: Level
    value: float | None
    unit: str | None
    period: str
    since: datetime | None
    frozen: bool
    unknown: str
    age: timedelta | None
    next_due: datetime | None


def standings(judge: Judge, states: Mapping[str, AlertState], at: int) -> list[Standing]:
    """Return how every rule stands, in the order of the files."""
    return [standing(judge, rule, states, at) for rule in judge.ruleset.rules]


def standing(judge: Judge, rule: Rule, states: Mapping[str, AlertState], at: int) -> Standing:
    """Return how one rule stands."""
    state = states.get(rule.name, AlertState())
    watched = judge.watched.get(rule.name)
    if watched is None:
        return Standing(
            rule=rule.name, state="inactive", level=Level.NONE, value=None, unit=None, period="",
            since=None, frozen=False, unknown="", age=None, next_due=None,
        )  # fmt: skip
    begun = state.entered_at if state.entered_at is not None else state.begun_at
    read = state.period > BEGINNING
    unknown = "" if state.known else REASONS.get(state.why, REASONS_NONE)
    return Standing(
        rule=rule.name,
        state="broken" if state.broken else state.state.value,
        level=state.level,
        value=watched.in_unit(state.value),
        unit=watched.unit,
        period=watched.every.text(state.period) if read else "",
        since=None if begun is None else instant(begun),
        frozen=judge.is_frozen(watched, at),
        unknown=unknown if state.why != KNOWN or not read else "",
        age=None if not read else instant(at) - instant(state.read_at),
        next_due=next_due(judge, watched, at),
    )


#: Why a rule without any reading is unknown.
REASONS_NONE = "there is no figure yet"


def next_due(judge: Judge, rule: Watched, at: int) -> datetime | None:
    """Return when the next figure that brings a reading is expected; None if nobody knows."""
    history = judge.history
    found: list[int] = []
    for name in rule.node.setters:
        series = history.catalogue[name]
        newest = history.newest(name, as_of=at)
        if series.released is None or newest is None:
            continue
        period = history.clock.next_period(series, newest.period)
        due = history.clock.expected_at(series, period)
        while due is not None and due <= at:
            period = history.clock.next_period(series, period)
            due = history.clock.expected_at(series, period)
        if due is not None:
            found.append(due)
    if not found:
        return None
    # A reading needs all of its series; a count is read with the first of them.
    return instant(min(found) if rule.node.momentary else max(found))
