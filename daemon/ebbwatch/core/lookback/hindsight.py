"""Other histories made of one: cut at an instant, or with hindsight; and how well it is dated."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from ebbwatch.core.facts.asof import Facts, History
from ebbwatch.expr.numbers import Longs, distinct
from ebbwatch.expr.view import Column
from ebbwatch.model.periods import Micros, Minutes, instant

#: Source of the values that a series is declared to have had before its first period.
BEFORE = "before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What is known of when a series' figures became known.

    Attributes:
        series: Its name.
        first: Its first published period, as its publisher writes it.
        last: Its last one.
        known: Figures whose instant is recorded: a vintage's, or that of our poll.
        assumed: Figures whose instant comes from the release rule.
        revised: Figures that replaced an earlier one of the same period.
        newest: UTC instant of the newest figure.
        sources: Who gave them, sorted.
    """

    series: str
    first: str
    last: str
    known: int
    assumed: int
    revised: int
    newest: datetime
    sources: tuple[str, ...]


def provenance(history: History, names: Iterable[str]) -> tuple[Provenance, ...]:
    """Return the provenance of those of some series that have figures, sorted by name."""
    found = []
    for name in sorted(set(names) & set(history.held)):
        column = history.column(name)
        assert column is not None
        given = np.array([source != BEFORE for source in column.sources])[column.source]
        if not given.any():
            continue
        every = history.catalogue[name].every
        periods = column.periods[given]
        assumed = int(np.count_nonzero(column.assumed[given]))
        found.append(
            Provenance(
                series=name,
                first=every.text(Minutes(int(periods.min()))),
                last=every.text(Minutes(int(periods.max()))),
                known=len(periods) - assumed,
                assumed=assumed,
                revised=len(periods) - len(distinct(periods)),
                newest=instant(Micros(int(column.known[given].max()))),
                sources=tuple(sorted(set(column.sources) - {BEFORE})),
            )
        )
    return tuple(found)


def known_by(history: History, at: Micros, names: Iterable[str] | None = None) -> History:
    """Return what was known at an instant (µs), as if nothing had come after it.

    Args:
        history: Stays as it is.
        at: µs.
        names: Of the series to take over; None for all.
    """

    def facts(column: Column) -> Facts:
        return _some(column, np.flatnonzero(column.known <= at))

    return _remade(history, facts, history.held if names is None else names)


def final(history: History) -> History:
    """Return the history that revisions left behind: each period's last value from the first.

    Nobody could have known it: it is for showing what looking ahead would have pretended.
    """

    def facts(column: Column) -> Facts:
        first = np.lexsort((column.known, column.periods))
        _, begin, count = np.unique(column.periods[first], return_index=True, return_counts=True)
        # Facts are in the order they took effect; of one period's, the last one stands.
        order = np.argsort(column.periods, kind="stable")
        last = _some(column, order[begin + count - 1])
        last.known = column.known[first[begin]]
        last.assumed = column.assumed[first[begin]]
        return last

    return _remade(history, facts, history.held)


def _remade(history: History, facts: Callable[[Column], Facts], names: Iterable[str]) -> History:
    made = History(history.catalogue, history.business, history.clock)
    wanted = set(names)
    for name in history.held:
        if name not in wanted:
            continue
        column = history.column(name)
        assert column is not None
        made.add(name, facts(column))
    return made


def _some(column: Column, index: Longs) -> Facts:
    return Facts(
        column.periods[index], column.known[index], column.quanta[index], column.quantum,
        column.assumed[index], column.source[index], column.sources,
    )  # fmt: skip
