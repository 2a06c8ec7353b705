"""Comparing: the alerts of one set of rules beside those of another, over the same history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ebbwatch.model.alert import OVER, Change, Level, Transition
from ebbwatch.model.zones import NEW_YORK


@dataclass(frozen=True, slots=True)
class ComparedAlert:
    """One alert, from firing to the end.

    Attributes:
        rule: Name of the alert.
        begun_at: UTC instant it fired.
        ended_at: UTC instant it resolved; None while it fires.
        level: It fired at.
        top: Highest level it reached.
        value: Reading it fired at; None for a condition.
        unit: Of the reading.
        period: Of that reading.
    """

    rule: str
    begun_at: datetime
    ended_at: datetime | None
    level: Level
    top: Level
    value: float | None
    unit: str | None
    period: str

    def overlaps(self, other: ComparedAlert) -> bool:
        """Return whether both fired at some instant."""
        return (self.ended_at is None or other.begun_at < self.ended_at) and (
            other.ended_at is None or self.begun_at < other.ended_at
        )


@dataclass(frozen=True, slots=True)
class Shift:
    """An alert of both sides that is not the same in both.

    Attributes:
        old: As it was.
        new: As it becomes.
    """

    old: ComparedAlert
    new: ComparedAlert

    @property
    def by(self) -> timedelta:
        """Return how much later it fires; negative for earlier."""
        return self.new.begun_at - self.old.begun_at


@dataclass(frozen=True, slots=True)
class Compared:
    """What an edit does to the alerts of one rule.

    Attributes:
        rule: Name of the alert.
        old: Alerts before, oldest first; None where there was no such rule.
        new: Alerts after; None where the rule is gone.
        added: Of the new ones, those without an old one.
        lost: Of the old ones, those without a new one.
        shifted: Those of both that differ.
    """

    rule: str
    old: tuple[ComparedAlert, ...] | None
    new: tuple[ComparedAlert, ...] | None
    added: tuple[ComparedAlert, ...]
    lost: tuple[ComparedAlert, ...]
    shifted: tuple[Shift, ...]

    @property
    def same(self) -> bool:
        """Return whether nothing changes."""
        there = self.old is not None and self.new is not None
        return there and not (self.added or self.lost or self.shifted)


def stays(transitions: Iterable[Transition]) -> dict[str, list[ComparedAlert]]:
    """Return alerts by rule, oldest first, of transitions in order of time."""
    found: dict[str, list[ComparedAlert]] = {}
    for t in transitions:
        of_rule = found.setdefault(t.rule, [])
        if t.change is Change.FIRED:
            of_rule.append(
                ComparedAlert(t.rule, t.at, None, t.level, t.level, t.value, t.unit, t.period)
            )
        elif of_rule and t.change in OVER:
            of_rule[-1] = replace(of_rule[-1], ended_at=t.at)
        elif of_rule and t.change is Change.ESCALATED:
            of_rule[-1] = replace(of_rule[-1], top=max(of_rule[-1].top, t.level))
    return found


def compared(
    rule: str, old: Sequence[ComparedAlert] | None, new: Sequence[ComparedAlert] | None
) -> Compared:
    """Return what became of the alerts of one rule.

    An old and a new alert are one where they fire at the same instant, or else where they
    overlap; each has one partner, the nearest in time first.
    """
    left, right = list(old or ()), list(new or ())
    pairs: list[tuple[ComparedAlert, ComparedAlert]] = []
    candidates = sorted(
        ((a, b) for a in left for b in right if a.begun_at == b.begun_at or a.overlaps(b)),
        key=lambda pair: (abs(pair[1].begun_at - pair[0].begun_at), pair[0].begun_at),
    )
    for a, b in candidates:
        if a in left and b in right:
            left.remove(a)
            right.remove(b)
            pairs.append((a, b))
    shifted = [
        Shift(a, b)
        for a, b in sorted(pairs, key=lambda pair: pair[1].begun_at)
        if (a.begun_at, a.ended_at, a.level, a.top) != (b.begun_at, b.ended_at, b.level, b.top)
    ]
    return Compared(
        rule,
        None if old is None else tuple(old),
        None if new is None else tuple(new),
        tuple(right),
        tuple(left),
        tuple(shifted),
    )


def per_year(alerts: Iterable[ComparedAlert]) -> dict[int, int]:
    """Return how many alerts fired in each year, by New York's calendar, years in order."""
    found: dict[int, int] = {}
    for stay in alerts:
        year = stay.begun_at.astimezone(NEW_YORK).year
        found[year] = found.get(year, 0) + 1
    return dict(sorted(found.items()))
