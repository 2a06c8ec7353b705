"""Cells of people's own tables and JSON rows, read as figures."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import Rank, micros
from ebbwatch.model.series import Series
from ebbwatch.ports import SourceChanged, Wanted
from ebbwatch.sources.strict_numbers import number, shown

_QUARTER = re.compile(r"(\d{4})-?[Qq]([1-4])")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_YEAR = re.compile(r"\d{4}")
_EPOCH = re.compile(r"\d{9,13}")

#: Epoch numbers from here on are milliseconds; as seconds they would lie past the year 5000.
_MILLISECONDS_FROM = 10**11

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


def published(series: Series, *, period: Cell, value: Cell, known_at: Cell | None) -> Published:
    """Return one row's figure.

    Args:
        series: Its catalogue entry.
        period: A date, ``2026-06``, ``2026Q2``, ``2026``, an instant, or an epoch number.
        value: A number, or a mark for "no value".
        known_at: An instant with its offset, or an epoch number; None, null and empty for none.

    Raises:
        SourceChanged: If a cell is none of these.
    """
    return Published(
        series=series.name,
        period=_period(series, period),
        value=number(value.value, of=value.of),
        known_at=None if known_at is None else _instant(known_at),
    )


def in_order(series: Series, rows: Sequence[Published], *, of: str) -> tuple[Published, ...]:
    """Return figures oldest first, versions of a period in the order they became known.

    Raises:
        SourceChanged: If two rows give the same period at the same instant.
    """
    ordered = sorted(rows, key=lambda row: (row.period, row.known_at or _LATEST))
    for before, row in pairwise(ordered):
        if (before.period, before.known_at) == (row.period, row.known_at):
            found = series.every.text(row.period)
            raise SourceChanged(f"{of}: expected one row for a period, found two for {found}")
    return tuple(ordered)


def digest(item: Wanted, content: bytes = b"") -> str:
    """Return what tells one question, and one answer to it, from another."""
    asked = [item.argument, item.series.every.name]
    question = json.dumps(asked, sort_keys=True, default=str).encode()
    return hashlib.sha256(question + b"\0" + content).hexdigest()[:24]


def reaching(series: Series, rows: Sequence[Published], start: datetime | None) -> list[Published]:
    """Return the rows whose period is not over at an instant; all of them for None."""
    first = None if start is None else micros(start) // 60_000_000
    return [row for row in rows if first is None or series.every.end(row.period) > first]


def _period(series: Series, cell: Cell) -> int:
    every, value = series.every, cell.value
    try:
        if (moment := _epoch(value)) is not None:
            text = moment.date().isoformat() if every.dated else moment.isoformat()
        elif isinstance(value, str):
            text = _first_day(value.strip(), every.rank)
        else:
            text = ""
        return every.parse(text)
    except (ValueError, OverflowError):
        raise SourceChanged(
            f"{cell.of}: expected a period of `every: {every.name}` like {_EXAMPLES[every.rank]}, "
            f"found {shown(value)}"
        ) from None


def _first_day(text: str, rank: Rank) -> str:
    """Return the date that an abbreviated month, quarter or year begins with."""
    if rank is Rank.QUARTER and (quarter := _QUARTER.fullmatch(text)):
        return f"{quarter[1]}-{3 * int(quarter[2]) - 2:02}-01"
    if rank in (Rank.MONTH, Rank.QUARTER) and _MONTH.fullmatch(text):
        return f"{text}-01"
    if rank is Rank.YEAR and _YEAR.fullmatch(text):
        return f"{text}-01-01"
    return text


def _instant(cell: Cell) -> datetime | None:
    if cell.value is None or cell.value == "":
        return None
    moment = _epoch(cell.value)
    if moment is None and isinstance(cell.value, str):
        try:
            moment = datetime.fromisoformat(cell.value.strip())
        except ValueError:
            moment = None
    if moment is None or moment.tzinfo is None:
        raise SourceChanged(
            f"{cell.of}: expected an instant with its offset, like 2026-09-30T16:30:00-04:00, "
            f"found {shown(cell.value)}"
        )
    return moment.astimezone(UTC)


def _epoch(value: object) -> datetime | None:
    """Return the instant of an epoch number in seconds or milliseconds, or None."""
    if isinstance(value, str) and _EPOCH.fullmatch(value.strip()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    seconds = value / 1000 if value >= _MILLISECONDS_FROM else value
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
