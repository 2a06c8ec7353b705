"""Transitions as JSON lines, made column by column: `replay --format jsonl` of many rules.

A replay of thousands of rules writes far more than it evaluates, so a line is put together
from texts that are made once: of an instant, of a period, of a figure. `as_json` in
`runtime.lookback.replay` makes the same line of one transition; a test holds the two together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import repeat
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ebbwatch.core.alerting.judging import Judge, Judged, Watched
from ebbwatch.core.alerting.lifecycle import CHANGES, Moves
from ebbwatch.expr.numbers import Longs, Numbers
from ebbwatch.expr.view import Column
from ebbwatch.model.alert import Cause, Change, Level
from ebbwatch.model.periods import Micros, Minutes, instant
from ebbwatch.model.units import PRINTED_FACTORS, printed_unit
from ebbwatch.model.zones import NEW_YORK

_Key = TypeVar("_Key", bound=int)


class _Memo(dict[_Key, str], Generic[_Key]):
    """Texts made once for each number."""

    def __init__(self, make: Callable[[_Key], str]) -> None:
        """Take how one is made."""
        super().__init__()
        self._make = make

    def __missing__(self, key: _Key) -> str:
        """Make a text."""
        text = self[key] = self._make(key)
        return text


def _local(at: Micros) -> str:
    return instant(at).astimezone(NEW_YORK).isoformat()


def _utc(at: Micros) -> str:
    return instant(at).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, eq=False)
class _Figures:
    """What texts of one series' figures are put together from.

    Attributes:
        column: The facts.
        values: In the series' printed unit.
        periods: Texts of its periods.
        open: What stands before a period.
        middle: What stands between a value and when it became known.
        ends: What stands behind that: for each source, as written and as assumed.
    """

    column: Column
    values: NDArray[np.float64]
    periods: _Memo[Minutes]
    open: str
    middle: str
    ends: list[str]


@dataclass(slots=True)
class Lines:
    """Makes lines of moves.

    Attributes:
        judge: Whose history the figures stand in.
    """

    judge: Judge
    _at: _Memo[Micros] = field(default_factory=lambda: _Memo(_local))
    _begun: _Memo[Micros] = field(default_factory=lambda: _Memo(_utc))
    _periods: dict[str, _Memo[Minutes]] = field(default_factory=dict)
    _inputs: dict[str, _Figures] = field(default_factory=dict)

    def of(self, judged: Judged, wanted: Longs) -> list[str]:
        """Return the lines of some of an alert's moves, by their places, without their ends."""
        rule, moves = judged.rule, judged.moves
        name = json.dumps(rule.name)
        # A timer confirms the reading that stood; one of before these has no place here.
        reading = moves.reading[wanted]
        periods = np.where(
            reading < 0, judged.before.period, judged.signals.periods[np.maximum(reading, 0)]
        ).tolist()
        texts = self._periods.setdefault(rule.every.name, _Memo(rule.every.text))
        begun = map(self._begun.__getitem__, moves.begun[wanted].tolist())
        open_, stem = f'", "rule": {name}, ', f'", "episode": {name[:-1]}@'
        return [
            f'{{"at": "{at}{open_}{before}{value}{after}{period}{stem}{since}'
            f'", "cause": "{cause}", "inputs": [{figures}]}}'
            for at, (before, after), value, period, since, cause, figures in zip(
                map(self._at.__getitem__, moves.at[wanted].tolist()),
                self._heads(rule, moves, wanted),
                self._values(judged, reading),
                map(texts.__getitem__, periods),
                begun, self._causes(judged, wanted), self._figures(judged, reading), strict=True,
            )
        ]  # fmt: skip

    def _heads(self, rule: Watched, moves: Moves, wanted: Longs) -> list[tuple[str, str]]:
        """Return what stands before and behind the value, for each move."""
        levels = len(Level)
        change, before, after = (c[wanted] for c in (moves.change, moves.before, moves.after))
        codes = ((change * levels + before) * levels + after).tolist()

        def make(code: int) -> tuple[str, str]:
            rest, after = divmod(code, levels)
            change, before = divmod(rest, levels)
            return self._head(rule, CHANGES[change], Level(before), Level(after))

        heads = {code: make(code) for code in set(codes)}
        return [heads[code] for code in codes]

    def _head(self, rule: Watched, change: Change, before: Level, after: Level) -> tuple[str, str]:
        left = after is Level.NONE and change is not Change.ARMED
        level = before if left else after
        threshold = self.judge.threshold(rule, change, before, after)
        unit = json.dumps(rule.unit)
        return (
            f'"change": "{change.value}", "level": "{level.word}", "value": ',
            f', "unit": {unit}, "threshold": {json.dumps(threshold)}, "period": "',
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

    def _inputs_of(self, name: str, facts: Longs) -> list[str]:
        """Return figures of a series as JSON objects."""
        made = self._inputs.get(name)
        if made is None:
            made = self._inputs[name] = self._figures_of(name)
        column, ends, open_, middle = made.column, made.ends, made.open, made.middle
        return [
            f'{open_}{period}", "value": {value}{middle}{known}{ends[end]}'
            for period, value, known, end in zip(
                map(made.periods.__getitem__, column.periods[facts].tolist()),
                _rounded(made.values[facts]),
                map(self._at.__getitem__, column.known[facts].tolist()),
                (column.source[facts] * 2 + column.assumed[facts]).tolist(),
                strict=True,
            )
        ]

    def _figures_of(self, name: str) -> _Figures:
        column, series = self.judge.history.column(name), self.judge.history.catalogue[name]
        assert column is not None
        unit = printed_unit(series.unit.dimension)
        return _Figures(
            column,
            Numbers.whole(column.quanta, column.quantum).in_units(PRINTED_FACTORS[unit]),
            self._periods.setdefault(series.every.name, _Memo(series.every.text)),
            f'{{"series": {json.dumps(name)}, "period": "',
            f', "unit": {json.dumps(unit)}, "known_at": "',
            [
                f'", "assumed": {assumed}, "source": {json.dumps(source)}}}'
                for source in column.sources
                for assumed in ("false", "true")
            ],
        )


def _rounded(values: NDArray[np.float64]) -> list[str]:
    """Return numbers as JSON, with 12 significant digits; never is null, and says so."""
    texts = [f"{value:.12g}" for value in values.tolist()]
    # With a point and no exponent, the digits are those that `repr` would write.
    return [t if "." in t and "e" not in t else _one(float(t)) for t in texts]


def _one(value: float) -> str:
    if value == float("inf"):
        return 'null, "never": true'
    return repr(float(f"{value:.12g}"))
