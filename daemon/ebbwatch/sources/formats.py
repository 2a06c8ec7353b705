"""How tables of people's own write dates and numbers, as far as they say so.

Without a word, dates are ISO dates, numbers have a point and nothing between thousands, text
is UTF-8, and a period has one row.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Context, Decimal
from functools import cache
from typing import Any

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import Rank
from ebbwatch.model.source import ArgumentFault
from ebbwatch.sources.arguments import fault_of_texts

#: The keys of an argument that say how its table is written.
KEYS = ("date", "decimal", "thousands", "encoding", "reduce")

REDUCTIONS = ("sum", "first", "last")

#: Ways of writing dates that have a name.
ROC, EPOCH, EPOCH_MS = "roc", "epoch", "epoch-ms"

_THOUSANDS = (",", ".", " ", "'", "’", "_")
_BLANKS = str.maketrans(dict.fromkeys("\u00a0\u2009\u202f", " "))

_ROC = re.compile(r"(\d{2,3})(?:[-/.年](\d{1,2})(?:[-/.月](\d{1,2})日?|月)?|年)?", re.ASCII)
_ROC_TOGETHER = re.compile(r"(\d{2,3}?)(\d{2})(\d{2})?", re.ASCII)

#: The first year of the Republic of China's calendar is 1912.
_ROC_FIRST = 1911

_EPOCH = re.compile(r"\d{1,13}", re.ASCII)

#: A day that no two directives of a date format write alike.
_PROBE = datetime(2026, 11, 27, 14, 35, 46, tzinfo=UTC)

#: What a format must write otherwise than the probe to tell periods of a rank apart.
_OTHERS = (
    (Rank.HOUR, _PROBE.replace(hour=13)),
    (Rank.WEEK, _PROBE.replace(day=26)),
    (Rank.QUARTER, _PROBE.replace(month=10)),
    (Rank.YEAR, _PROBE.replace(year=2025)),
)

#: Sums are exact, of however many rows.
_EXACT = Context(prec=100)


@dataclass(frozen=True, slots=True)
class Formats:
    """How one table is written.

    Attributes:
        date: A format of `strptime`, `roc`, `epoch` or `epoch-ms`; empty for ISO dates.
        decimal: Between units and tenths.
        thousands: Between thousands; empty for nothing.
        encoding: Of its text.
        reduce: What becomes of several rows of a period; empty where there may be but one.
    """

    date: str = ""
    decimal: str = "."
    thousands: str = ""
    encoding: str = "utf-8-sig"
    reduce: str = ""

    @classmethod
    def of(cls, argument: Mapping[str, Any]) -> Formats:
        """Return what an argument without a fault says."""
        said = {key: str(argument[key]) for key in KEYS if key in argument}
        if codecs.lookup(said.get("encoding", "utf-8")).name == "utf-8":
            said["encoding"] = USUAL.encoding
        if "thousands" in said:
            said["thousands"] = said["thousands"].translate(_BLANKS)
        return cls(**said)

    def text(self, content: bytes) -> str:
        """Return bytes as text.

        Raises:
            ValueError: If they are no text of this encoding; says so.
        """
        try:
            return content.decode(self.encoding)
        except UnicodeError:
            name = "UTF-8" if self.encoding == "utf-8-sig" else self.encoding
            hint = "; say which with encoding" if name == "UTF-8" else ""
            message = f"expected {name} text, found other bytes{hint}"
            raise ValueError(message) from None

    def moment(self, value: object, rank: Rank) -> datetime | None:
        """Return what a date in the declared way of writing stands for, UTC; None for ISO dates.

        Args:
            value: As the table has it.
            rank: Of the series: a month is no date of one that has a figure each day.

        Raises:
            ValueError: If it is not written so, or says less than the series needs.
        """
        match self.date:
            case "":
                return None
            case "epoch" | "epoch-ms":
                return _of_epoch(value, milliseconds=self.date == EPOCH_MS)
            case "roc":
                return _of_roc(str(value).strip(), rank)
            case _ if not _tells(self.date, rank):
                message = "less than the series needs"
                raise ValueError(message)
            case _:
                found = datetime.strptime(str(value).strip(), self.date)  # noqa: DTZ007  UTC below
                return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


#: How a table is written that says nothing of it.
USUAL = Formats()


def fault_of_formats(argument: Mapping[str, Any]) -> ArgumentFault | None:
    """Return what is wrong with the keys of an argument that say how its table is written."""
    if fault := fault_of_texts(argument, KEYS):
        return fault
    decimal, thousands = argument.get("decimal", "."), argument.get("thousands")
    if decimal not in (".", ","):
        return ArgumentFault(f"expected . or , for decimal, found {decimal!r}", "decimal")
    if thousands is not None and thousands.translate(_BLANKS) not in _THOUSANDS:
        return ArgumentFault(
            f"expected one of , . ' _ or a blank for thousands, found {thousands!r}", "thousands"
        )
    if thousands == decimal:
        return ArgumentFault(
            f"expected different signs for decimal and thousands, found {decimal} for both; "
            'for 1.234,5 write decimal: ","',
            "thousands",
        )
    if argument.get("reduce", "sum") not in REDUCTIONS:
        return ArgumentFault(
            f"expected sum, first or last for reduce, found {argument['reduce']!r}", "reduce"
        )
    if "encoding" in argument and not _is_encoding(argument["encoding"]):
        return ArgumentFault(
            f"there is no encoding {argument['encoding']!r:.40}; write big5, latin-1 or utf-16",
            "encoding",
        )
    return _fault_of_date(argument["date"]) if "date" in argument else None


def reduced(rows: Sequence[Published], how: str) -> list[Published]:
    """Return one figure for each period and instant, of several as a table says.

    Rows that became known at different instants are versions of a period, and stay apart. A
    sum of which one part is not known is not known.

    Args:
        rows: In the table's order, which is what `first` and `last` mean.
        how: `sum`, `first` or `last`; empty leaves all as they are.
    """
    if not how:
        return list(rows)
    together: dict[tuple[int, datetime | None], list[Published]] = {}
    for row in rows:
        together.setdefault((row.period, row.known_at), []).append(row)
    return [_one(same, how) for same in together.values()]


def _one(same: Sequence[Published], how: str) -> Published:
    if how != "sum":
        return same[0 if how == "first" else -1]
    total = Decimal(0)
    for row in same:
        if row.value is None:
            return row
        total = _EXACT.add(total, row.value)
    return replace(same[0], value=total)


def _of_roc(text: str, rank: Rank) -> datetime:
    found = _ROC.fullmatch(text) or _ROC_TOGETHER.fullmatch(text)
    parts = 1 if rank is Rank.YEAR else 2 if rank in (Rank.MONTH, Rank.QUARTER) else 3
    if found is None or rank < Rank.DAILY or None in found.groups()[:parts]:
        message = "no date of the Republic of China's calendar"
        raise ValueError(message)
    return datetime(int(found[1]) + _ROC_FIRST, int(found[2] or 1), int(found[3] or 1), tzinfo=UTC)


def _of_epoch(value: object, *, milliseconds: bool) -> datetime:
    if isinstance(value, str) and _EPOCH.fullmatch(value.strip()):
        value = int(value)
    try:
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return datetime.fromtimestamp(float(value) / (1000 if milliseconds else 1), UTC)
        message = "no number"
    except (OverflowError, OSError):
        message = "no such instant"
    raise ValueError(message)


@cache
def _tells(date: str, rank: Rank) -> bool:
    """Return whether a date format says as much as periods of a rank need."""
    written = _PROBE.strftime(date)
    return all(written != other.strftime(date) for below, other in _OTHERS if rank <= below)


def _fault_of_date(date: str) -> ArgumentFault | None:
    """Return why a text says nothing of how dates are written, or None."""
    if date in (ROC, EPOCH, EPOCH_MS):
        return None
    fault = ArgumentFault(
        'expected a format such as "%m/%d/%Y", or roc, epoch or epoch-ms for date, '
        f"found {date!r:.40}",
        "date",
    )
    if "%" not in date:
        return fault
    try:
        again = datetime.strptime(_PROBE.strftime(date), date)  # noqa: DTZ007  only its date
    except (ValueError, re.error):
        return fault
    if again.year != _PROBE.year:
        return ArgumentFault(f"expected a date format with a year (%Y), found {date!r:.40}", "date")
    # Weeks of the year are written and not read.
    for rank, read in ((Rank.MONTH, again.month == 11), (Rank.DAILY, again.day == 27)):
        if not read and _tells(date, rank):
            return fault
    return None


def _is_encoding(name: str) -> bool:
    try:
        "".encode(name)  # only encodings of text do this
    except (LookupError, UnicodeError, ValueError):
        return False
    return True
