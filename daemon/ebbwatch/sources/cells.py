"""Cells of people's own tables and JSON rows, read as figures."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import MINUTE, Minutes, Rank, micros
from ebbwatch.model.series import Series
from ebbwatch.ports import SourceChanged, Wanted
from ebbwatch.sources.formats import EPOCH, EPOCH_MS, Formats, reduced
from ebbwatch.sources.strict_numbers import number, shown

_QUARTER = re.compile(r"(\d{4})-?[Qq]([1-4])")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_YEAR = re.compile(r"\d{4}")
_WITH_COMMAS = re.compile(r"[+-]?\d[\d.]*(,\d+)+(\.\d*)?", re.ASCII)

#: What stands where a date should, and how it is said that dates are written so.
_HINTS = (
    (
        re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?"),
        "; write its offset, as in 2026-11-01T01:00-04:00, for an hour may come twice",
    ),
    (re.compile(r"\d{9,10}"), "; if it counts seconds since 1970, say date: epoch"),
    (re.compile(r"\d{12,13}"), "; if it counts milliseconds since 1970, say date: epoch-ms"),
    (re.compile(r"[01]\d{2}[-/.]?\d{2}[-/.]?\d{2}"), "; if it is a year of 民國, say date: roc"),
    (re.compile(r"\d{1,2}[-/. ].*|.*/.*"), '; say how dates are written, as in date: "%d/%m/%Y"'),
)

_EXAMPLES = {
    Rank.MINUTES: "2026-09-30T16:15:00Z",
    Rank.HOUR: "2026-09-30T16:00:00Z",
    Rank.DAILY: "2026-09-30",
    Rank.WEEK: "2026-09-30",
    Rank.MONTH: "2026-09-01",
    Rank.QUARTER: "2026-07-01",
    Rank.YEAR: "2026-01-01",
}

#: Where a row without an instant stands among those that have one: it is known only now.
_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell, with what complaints call it.

    Attributes:
        value: What stands in it.
        of: Where: ``csv pmi, line 12, column value``.
    """

    value: object
    of: str


def published(
    series: Series, formats: Formats, *, period: Cell, value: Cell, known_at: Cell | None
) -> Published:
    """Return one row's figure.

    Args:
        series: Its catalogue entry.
        formats: How its table is written.
        period: A date, ``2026-06``, ``2026Q2``, ``2026`` or an instant, unless `formats` say
            that dates are written in another way.
        value: A number, or a mark for "no value".
        known_at: An instant with its offset, or an epoch number where dates are such numbers;
            None, null and empty for none.

    Raises:
        SourceChanged: If a cell is none of these.
    """
    return Published(
        series=series.name,
        period=_period(series, formats, period),
        value=_number(formats, value),
        known_at=None if known_at is None else _instant(formats, known_at),
    )


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a table, read as figures.

    Attributes:
        figures: Oldest first.
        unread: Complaints about rows that could not be read, in order.
    """

    figures: tuple[Published, ...]
    unread: tuple[str, ...] = ()


def each_alone(rows: Iterable[Callable[[], Published]]) -> tuple[list[Published], list[str]]:
    """Return the figures of the rows that can be read, and the complaints about the others.

    Raises:
        SourceChanged: If most cannot be read: then the table is another.
    """
    figures: list[Published] = []
    unread: list[SourceChanged] = []
    for read in rows:
        try:
            figures.append(read())
        except SourceChanged as changed:
            unread.append(changed)
    if len(unread) > len(figures):
        raise unread[0]
    return figures, [str(changed) for changed in unread]


def in_order(formats: Formats, rows: Sequence[Published]) -> tuple[Published, ...]:
    """Return figures oldest first, versions of a period in the order they became known.

    Of two values for a period at the same instant none is chosen here; the edge holds them back.
    """
    return tuple(
        sorted(reduced(rows, formats.reduce), key=lambda row: (row.period, row.known_at or _LATEST))
    )


def digest(item: Wanted, content: bytes = b"") -> str:
    """Return what tells one question, and one answer to it, from another."""
    asked = [item.argument, item.series.every.name]
    question = json.dumps(asked, sort_keys=True, default=str).encode()
    return hashlib.sha256(question + b"\0" + content).hexdigest()[:24]


def reaching(series: Series, rows: Sequence[Published], start: datetime | None) -> list[Published]:
    """Return the rows whose period is not over at an instant; all of them for None."""
    first = None if start is None else micros(start) // MINUTE
    return [row for row in rows if first is None or series.every.end(row.period) > first]


def _period(series: Series, formats: Formats, cell: Cell) -> Minutes:
    every, value = series.every, cell.value
    try:
        if (moment := formats.moment(value, every.rank)) is not None:
            text = moment.date().isoformat() if every.dated else moment.isoformat()
        else:
            text = _first_day(value.strip(), every.rank) if isinstance(value, str) else ""
        # Whether it is a period of the series is looked at for all of an answer together.
        written = every.written(text)
        return every.around(written) if formats.reduce else written
    except (ValueError, OverflowError):
        expected = f"expected a period of `every: {every.name}`"
        if formats.date:
            raise SourceChanged(
                f"{cell.of}: {expected} written as `date: {formats.date}`, found {shown(value)}"
            ) from None
        raise SourceChanged(
            f"{cell.of}: {expected} like {_EXAMPLES[every.rank]}, "
            f"found {shown(value)}{_hint(value)}"
        ) from None


def _hint(value: object) -> str:
    """Return how to say that dates are written as this one may be, or nothing."""
    text = str(value).strip()
    return next((hint for pattern, hint in _HINTS if pattern.fullmatch(text)), "")


def _number(formats: Formats, cell: Cell) -> Decimal | None:
    try:
        return number(cell.value, of=cell.of, decimal=formats.decimal, thousands=formats.thousands)
    except SourceChanged as changed:
        usual = formats.decimal == "." and not formats.thousands
        if usual and isinstance(cell.value, str) and _WITH_COMMAS.fullmatch(cell.value.strip()):
            raise SourceChanged(
                f'{changed}; say thousands: "," or decimal: ",", whichever it is'
            ) from None
        raise


def _first_day(text: str, rank: Rank) -> str:
    """Return the date that an abbreviated month, quarter or year begins with."""
    if rank is Rank.QUARTER and (quarter := _QUARTER.fullmatch(text)):
        return f"{quarter[1]}-{3 * int(quarter[2]) - 2:02}-01"
    if rank in (Rank.MONTH, Rank.QUARTER) and _MONTH.fullmatch(text):
        return f"{text}-01"
    if rank is Rank.YEAR and _YEAR.fullmatch(text):
        return f"{text}-01-01"
    return text


def _instant(formats: Formats, cell: Cell) -> datetime | None:
    if cell.value is None or cell.value == "":
        return None
    moment = None
    with suppress(ValueError, OverflowError):
        if formats.date in (EPOCH, EPOCH_MS):
            moment = formats.moment(cell.value, Rank.MINUTES)
        elif isinstance(cell.value, str):
            moment = datetime.fromisoformat(cell.value.strip())
        if moment is not None and moment.tzinfo is not None:
            moment = moment.astimezone(UTC)  # in the year 1, east of here, there is none
    if moment is None or moment.tzinfo is not UTC:
        raise SourceChanged(
            f"{cell.of}: expected an instant with its offset, like 2026-09-30T16:30:00-04:00, "
            f"found {shown(cell.value)}"
        )
    return moment
