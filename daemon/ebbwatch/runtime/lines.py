"""Transitions as the lines that programs read, made column by column.

A replay of thousands of rules writes far more than it evaluates, so a line is put together
from texts that are made once: of an instant, of a period, of a figure. `as_json` in
`runtime.replay` makes the same line of one transition; a test holds the two together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from ebbwatch.core.asof import NEW_YORK
from ebbwatch.core.judging import Judge, Judged, Watched
from ebbwatch.core.lifecycle import CHANGES
from ebbwatch.expr.numbers import Longs, Numbers
from ebbwatch.expr.view import Column
from ebbwatch.model.alert import Cause, Change, Level
from ebbwatch.model.periods import instant
from ebbwatch.model.units import PRINTED_FACTORS, printed_unit

#: Lines written at once.
CHUNK = 2000

_UP = (Change.FIRED, Change.ESCALATED)
_WAITS = (Change.ARMED, Change.DISARMED)


class _Memo(dict[int, str]):
    """Texts made once for each number."""

    def __init__(self, make: Callable[[int], str]) -> None:
        """Take how one is made."""
        super().__init__()
        self._make = make

    def __missing__(self, key: int) -> str:
        """Make a text."""
        text = self[key] = self._make(key)
        return text


def _local(at: int) -> str:
    return instant(at).astimezone(NEW_YORK).isoformat()


def _utc(at: int) -> str:
    return instant(at).isoformat().replace("+00:00", "Z")


@dataclass(slots=True)
class _Made:
    """Texts of one series' figures, as far as they are made."""

    name: str
    column: Column
    done: NDArray[np.bool_]
    texts: list[str]


@dataclass(slots=True)
class Lines:
    """Makes lines of moves.

    Attributes:
        judge: Whose history the figures stand in.
    """

    judge: Judge
    _at: _Memo = field(default_factory=lambda: _Memo(_local))
    _begun: _Memo = field(default_factory=lambda: _Memo(_utc))
    _periods: dict[str, _Memo] = field(default_factory=dict)
    _inputs: dict[str, _Made] = field(default_factory=dict)

    def of(self, judged: Judged, wanted: Longs) -> list[str]:
        """Return the lines of some of an alert's moves, by their places; each ends in a newline."""
        rule, moves = judged.rule, judged.moves
        name = json.dumps(rule.name)
        stem = json.dumps(rule.name)[:-1]
        changes = moves.change[wanted].tolist()
        before, after = moves.before[wanted].tolist(), moves.after[wanted].tolist()
        heads = self._heads(rule, changes, before, after)
        # A timer confirms the reading that stood; one of before these has no place here.
        reading = moves.reading[wanted]
        periods = np.where(
            reading < 0, judged.before.period, judged.signals.periods[np.maximum(reading, 0)]
        ).tolist()
        texts = self._periods.setdefault(rule.every.name, _Memo(rule.every.text))
        at = moves.at[wanted].tolist()
        begun = moves.begun[wanted].tolist()
        return [
            f'{{"at": "{self._at[t]}", "rule": {name}, {head[0]}"value": {value}, {head[1]}'
            f'"period": "{texts[period]}", "episode": {stem}@{self._begun[b]}", '
            f'"cause": "{cause}", "inputs": [{figures}]}}\n'
            for t, head, value, period, b, cause, figures in zip(
                at, heads, self._values(judged, reading), periods, begun,
                self._causes(judged, wanted), self._figures(judged, reading), strict=True,
            )
        ]  # fmt: skip

    def _heads(
        self, rule: Watched, changes: list[int], before: list[int], after: list[int]
    ) -> list[tuple[str, str]]:
        """Return what stands before and behind the value, for each move."""
        known: dict[tuple[int, int, int], tuple[str, str]] = {}
        found = []
        for key in zip(changes, before, after, strict=True):
            text = known.get(key)
            if text is None:
                text = known[key] = self._head(rule, CHANGES[key[0]], Level(key[1]), Level(key[2]))
            found.append(text)
        return found

    def _head(self, rule: Watched, change: Change, before: Level, after: Level) -> tuple[str, str]:
        left = after is Level.NONE and change is not Change.ARMED
        level = before if left else after
        threshold = self.judge.threshold(rule, change, before, after)
        unit = json.dumps(rule.unit)
        return (
            f'"change": "{change.value}", "level": "{level.word}", ',
            f'"unit": {unit}, "threshold": {json.dumps(threshold)}, ',
        )

    def _values(self, judged: Judged, reading: Longs) -> Iterator[str]:
        """Return each reading's value as JSON: 12 significant digits."""
        numbers = judged.signals.numbers
        if numbers is None or bool((reading < 0).any()):
            values = (judged.value(int(r)) for r in reading)
            return ("null" if value is None else _one(value) for value in values)
        return iter(_rounded(numbers.take(reading).in_units(judged.rule.factor)))

    def _causes(self, judged: Judged, wanted: Longs) -> Iterator[str]:
        """Return what caused each move."""
        moves = judged.moves
        first = judged.signals.is_first()
        reading = moves.reading[wanted]
        plain = ~moves.timer[wanted] & (reading >= 0) & first[np.maximum(reading, 0)]
        if bool(plain.all()):
            return iter(repeat(Cause.NEW_PERIOD.value, len(wanted)))
        return (
            Cause.NEW_PERIOD.value if p else self.judge.cause(judged, moves[int(i)]).value
            for p, i in zip(plain.tolist(), wanted.tolist(), strict=True)
        )

    def _figures(self, judged: Judged, reading: Longs) -> Iterator[str]:
        """Return the figures that each reading was made of, as JSON."""
        columns = self.judge.working_columns(judged, reading)
        if columns is None:
            return (
                ", ".join(
                    self._inputs_of(e.series, np.array([e.fact]))[0]
                    for e in self.judge.working(judged, int(r))
                )
                for r in reading
            )
        texts = [self._inputs_of(series, facts) for series, facts in columns]
        if len(texts) == 1:
            return iter(texts[0])
        return map(", ".join, zip(*texts, strict=True))

    def _inputs_of(self, name: str, facts: Longs) -> Sequence[str]:
        """Return figures of a series as JSON objects; each is made once."""
        made = self._inputs.get(name)
        if made is None:
            made = self._inputs[name] = self._column(name)
        missing = np.unique(facts[~made.done[facts]])
        if len(missing):
            self._make(made, missing)
        wanted = facts.tolist()
        if len(wanted) == 1:
            return [made.texts[wanted[0]]]
        return itemgetter(*wanted)(made.texts)  # type: ignore[no-any-return]

    def _column(self, name: str) -> _Made:
        column = self.judge.history.column(name)
        assert column is not None
        size = len(column)
        return _Made(name, column, np.zeros(size, np.bool_), [""] * size)

    def _make(self, made: _Made, facts: Longs) -> None:
        """Make the texts of some figures of a series."""
        series, column = self.judge.history.catalogue[made.name], made.column
        unit = printed_unit(series.unit.dimension)
        values = Numbers.whole(column.quanta[facts], column.quantum).in_units(PRINTED_FACTORS[unit])
        periods = self._periods.setdefault(series.every.name, _Memo(series.every.text))
        head = f'{{"series": {json.dumps(made.name)}, "period": "'
        mid = f', "unit": {json.dumps(unit)}, "known_at": "'
        ends = [
            f'", "assumed": {assumed}, "source": {json.dumps(source)}}}'
            for source in column.sources
            for assumed in ("false", "true")
        ]
        ending = (column.source[facts] * 2 + column.assumed[facts]).tolist()
        texts, at = made.texts, self._at
        for fact, value, period, known, end in zip(
            facts.tolist(), _rounded(values), column.periods[facts].tolist(),
            column.known[facts].tolist(), ending, strict=True,
        ):  # fmt: skip
            texts[fact] = f'{head}{periods[period]}", "value": {value}{mid}{at[known]}{ends[end]}'
        made.done[facts] = True


#: Characters of a number with 12 significant digits and a point.
_SHORT = 13


def _rounded(values: NDArray[np.float64]) -> list[str]:
    """Return numbers as JSON, with 12 significant digits; never is null, and says so."""
    if not bool(np.isfinite(values).all()):
        return [_one(value) for value in values.tolist()]
    return [
        text if len(text) <= _SHORT else _one(float(text)) for text in map(repr, values.tolist())
    ]


def _one(value: float) -> str:
    if value == float("inf"):
        return 'null, "never": true'
    return repr(float(f"{value:.12g}"))
