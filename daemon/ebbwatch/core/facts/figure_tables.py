"""Tables of figures as text: ``period,value`` or ``period,value,known_at``.

The archive, ``--data`` folders and imports all have this form; a fourth column ``source``, which
exports have, is left aside. Rows come in any order. Where
``known_at`` is left out, the column or a single cell, the series' release rule gives it.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

import numpy as np

from ebbwatch.core.doubts import EARLIEST, LARGEST, SMALLEST
from ebbwatch.core.facts.asof import Facts, History
from ebbwatch.expr.numbers import EXACT, Floats, Longs
from ebbwatch.model.periods import DAY_MINUTES, Every, Micros, Minutes, Rank, micros
from ebbwatch.model.redaction import said
from ebbwatch.model.series import Series

_HEADERS = (
    ["period", "value"],
    ["period", "value", "known_at"],
    ["period", "value", "known_at", "source"],
)
#: More decimals than any publisher gives.
_MOST_DECIMALS = 12
_MISSING = ("", ".")


class TableFault(Exception):
    """A table cannot be used; the text says which series, which line, and what to do."""


class _RowFault(Exception):
    """A row cannot be used; `row` counts from 0, and blank lines are none."""

    def __init__(self, row: int, message: str) -> None:
        super().__init__(message)
        self.row = row


@dataclass(slots=True)
class Tables:
    """Reads tables into a history; equal columns of different tables are parsed once.

    Attributes:
        history: Where the facts go.
        source: Name of their source in what is shown; None for each series' first choice,
            whose published figures they are.
    """

    history: History
    source: str | None
    _axes: dict[str, Longs] = field(default_factory=dict)
    _instants: dict[str, Longs] = field(default_factory=dict)

    def read(self, series: Series, text: str) -> int:
        """Add a table's facts; return how many rows it has.

        Args:
            series: Whose unit and frequency the table is in.
            text: With its header line.

        Raises:
            TableFault: With the line at fault.
        """
        facts = self.facts(series, text)
        self.history.add(series.name, facts)
        return len(facts)

    def facts(self, series: Series, text: str) -> Facts:
        """Return a table's facts.

        Raises:
            TableFault: With the line at fault.
        """
        try:
            return self._facts(series, text)
        except _RowFault as fault:
            message = f"{series.name}, line {_line_of(text, fault.row)}: {fault}"
            raise TableFault(message) from None

    def _facts(self, series: Series, text: str) -> Facts:
        columns = _columns(series, text)
        periods = self._periods(series, columns[0])
        quanta, quantum = _quanta(columns[1])
        _check(series, columns, periods, quanta, quantum)
        size = len(periods)
        if len(columns) == 2:
            assumed = np.ones(size, np.bool_)
            known = self._assumed(series, periods)
        elif "" in columns[2]:
            assumed = np.array([not text for text in columns[2]])
            known = np.empty(size, np.int64)
            known[assumed] = self._assumed(series, periods[assumed])
            known[~assumed] = self._known(columns[2])
        else:
            assumed = np.zeros(size, np.bool_)
            known = self._known(columns[2])
        return Facts(
            periods, known, quanta, quantum * Fraction(series.unit.factor),
            assumed, np.zeros(size, np.int16), (self.source or series.source.name,),
        )  # fmt: skip

    def _assumed(self, series: Series, periods: Longs) -> Longs:
        if not series.released:
            message = (
                f"{series.name}: the table does not say when each figure became known (known_at), "
                "and the series has no release rule: give one of the two"
            )
            raise TableFault(message)
        if len(periods) == 0:
            return periods
        return self.history.intern(self.history.assumed_known(series, periods))

    def _periods(self, series: Series, texts: list[str]) -> Longs:
        key = f"{series.every.name}\n" + "\n".join(texts)
        found = self._axes.get(key)
        if found is None:
            found = self._axes[key] = self.history.intern(_parsed_periods(series, texts))
        return found

    def _known(self, texts: list[str]) -> Longs:
        """Return the instants that are written; empty cells are left out."""
        key = "\n".join(texts)
        found = self._instants.get(key)
        if found is None:
            memo: dict[str, Micros] = {}
            for row, text in enumerate(texts):
                if text and text not in memo:
                    memo[text] = _instant(row, text)
            found = np.array([memo[text] for text in texts if text], np.int64)
            found = self._instants[key] = self.history.intern(found)
        return found


def _check(
    series: Series, columns: list[list[str]], periods: Longs, quanta: Floats, quantum: Fraction
) -> None:
    """Refuse figures that nothing can be reckoned with.

    Raises:
        _RowFault: At the first of them.
    """
    for row in np.flatnonzero(periods < EARLIEST)[:1].tolist():
        raise _RowFault(row, f"{columns[0][row]} lies before 1900")
    values = np.abs(quanta) * float(quantum * Fraction(series.unit.factor))
    with np.errstate(invalid="ignore"):
        wrong = (values >= float(LARGEST)) | ((values > 0) & (values < float(SMALLEST)))
    for row in np.flatnonzero(wrong)[:1].tolist():
        raise _RowFault(row, f"{columns[1][row]} is not of a size that anything measures")


def _columns(series: Series, text: str) -> list[list[str]]:
    """Return the columns as lists of text, header left out."""
    head, _, body = text.lstrip("\ufeff").partition("\n")
    header = [name.strip().strip('"') for name in head.strip().split(",")]
    if header not in _HEADERS:
        message = (
            f"{series.name}: expected the header period,value or period,value,known_at, "
            f"found {said(head.strip(), 80) or 'nothing'}"
        )
        raise TableFault(message)
    width = len(header)
    if '"' in body or "\r" in body or " " in body:
        rows = [row for row in csv.reader(io.StringIO(body)) if row]
    else:
        body = body.rstrip("\n")
        cells = body.replace("\n", ",").split(",") if body else []
        if not cells or _is_even(body, width):
            return [cells[i::width] for i in range(width)]
        rows = [line.split(",") for line in body.split("\n") if line]
    for number, row in enumerate(rows):
        if len(row) != width:
            raise _RowFault(number, f"expected {width} columns, found {len(row)}")
    return [[row[i].strip() for row in rows] for i in range(width)]


def _line_of(text: str, row: int) -> int:
    """Return the line on which a row begins, as an editor counts them."""
    reader = csv.reader(io.StringIO(text.partition("\n")[2]))
    begins = 2
    for cells in reader:
        if cells and row == 0:
            break
        row -= bool(cells)
        begins = reader.line_num + 2
    return begins


def _is_even(body: str, width: int) -> bool:
    """Return whether every line has as many cells."""
    marks = np.frombuffer(body.encode() + b"\n", np.uint8)
    ends = marks[(marks == ord(",")) | (marks == ord("\n"))] == ord("\n")
    lines, rest = divmod(len(ends), width)
    return rest == 0 and int(ends.sum()) == lines and bool(ends[width - 1 :: width].all())


def _parsed_periods(series: Series, texts: list[str]) -> Longs:
    every = series.every
    if every.dated:
        try:
            days = np.array(texts, "datetime64[D]").astype(np.int64)
        except ValueError:
            days = None
        if days is not None and all(len(text) == 10 for text in texts):
            periods = days * DAY_MINUTES
            if all(every.fault(p) is None for p in _suspects(periods, every)):
                return periods
    found = []
    for row, text in enumerate(texts):
        try:
            found.append(every.parse(text))
        except ValueError as error:
            message = f"{text or 'nothing'} is no period: {error}"
            raise _RowFault(row, message) from None
    return np.array(found, np.int64)


def _suspects(periods: Longs, every: Every) -> set[Minutes]:
    """Return the periods worth a closer look: all, but for days, which are all in order."""
    if every.weekday >= 0:
        # 1970-01-01 was a Thursday: 3.
        wrong = periods[(periods // DAY_MINUTES + 3) % 7 != every.weekday]
        return set(wrong[:1].tolist())
    return set() if every.rank is Rank.DAILY else set(periods.tolist())


def _quanta(texts: list[str]) -> tuple[Floats, Fraction]:
    """Return values as whole quanta of the table's unit, exactly."""
    try:
        if "_" in "".join(texts):
            raise ValueError  # noqa: TRY301  the slow way below names the line
        values = np.array(texts, np.float64) if texts else np.empty(0)
    except ValueError:
        values = np.array(
            [np.nan if text in _MISSING else _number(row, text)
             for row, text in enumerate(texts)], np.float64,
        )  # fmt: skip
    else:
        if not bool(np.isfinite(values).all()):
            bad = int(np.flatnonzero(~np.isfinite(values))[0])
            raise _RowFault(bad, f"{texts[bad]} is no number")
    with np.errstate(invalid="ignore"):
        for decimals in range(_MOST_DECIMALS + 1):
            power = 10.0**decimals
            quanta = np.rint(values * power)
            if bool(((quanta / power == values) | np.isnan(values)).all()):
                break
            if float(np.nanmax(np.abs(quanta))) * 10 >= EXACT:
                break
    return quanta, Fraction(1, 10**decimals)


def _number(row: int, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    # Python reads 1_000, nan and inf; no publisher means them.
    if not np.isfinite(value) or "_" in text:
        raise _RowFault(row, f"{text} is no number")
    return value


def _instant(row: int, text: str) -> Micros:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        message = f"{text} is no instant: known_at carries an offset, 2019-09-18T09:00:00-04:00"
        raise _RowFault(row, message)
    return micros(moment)
