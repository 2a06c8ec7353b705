"""Tables that people keep as CSV: a file, or an address that serves one.

The file is looked for when it is polled, not when the rules are loaded: it may be written by
another program that has not run yet.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from ebbwatch.files import read_file
from ebbwatch.model.observation import Published
from ebbwatch.model.redaction import said
from ebbwatch.model.series import Series
from ebbwatch.model.source import ArgumentFault, SourceFacts
from ebbwatch.ports import SourceChanged, Wanted
from ebbwatch.sources.addresses import fault_of_url
from ebbwatch.sources.arguments import fault_of_map, fault_of_texts
from ebbwatch.sources.cells import Cell, Rows, each_alone, in_order, published
from ebbwatch.sources.formats import KEYS, USUAL, Formats, fault_of_formats
from ebbwatch.sources.pointed import PointedSource, host_of
from ebbwatch.sources.replies import Reply, Validators

#: Most bytes of a table; thirty years of a value each minute take more than that, once.
LIMIT_BYTES = 64_000_000

_COLUMNS = ("period", "value", "known_at", "delimiter")

_WEB = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a table is and how to read it.

    Attributes:
        place: Path of a file, or an address.
        period: Name of the column of periods.
        value: Name of the column of values.
        known_at: Name of the column of instants from which each was known.
        known_at_named: Whether the catalogue names that column, so that it must exist.
        delimiter: Between cells.
        formats: How dates and numbers are written.
    """

    place: str
    period: str = "period"
    value: str = "value"
    known_at: str = "known_at"
    known_at_named: bool = False
    delimiter: str = ","
    formats: Formats = USUAL

    @property
    def remote(self) -> bool:
        """Return whether the table is at an address."""
        return self.place.startswith(_WEB)

    @classmethod
    def of(cls, argument: str | Mapping[str, Any]) -> Layout:
        """Return the layout that an argument without a fault describes."""
        if isinstance(argument, str):
            return cls(argument)
        named = {key: str(argument[key]) for key in _COLUMNS if key in argument}
        return cls(
            str(argument.get("path") or argument.get("url")),
            **named,
            known_at_named="known_at" in argument,
            formats=Formats.of(argument),
        )


class Csv(PointedSource):
    """Series from the columns of a table."""

    name: ClassVar[str] = "csv"
    facts: ClassVar[SourceFacts] = SourceFacts(
        whole=True,
        paths=("path",),
        asked="Any table: a path or an address, or a map that says how it is written.",
    )

    @classmethod
    def fault(cls, argument: str | Mapping[str, Any]) -> str | None:
        """Return why an argument names no table, or None. Whether it exists shows later."""
        if isinstance(argument, str):
            return fault_of_url(argument) if "://" in argument else _empty(argument)
        keys = ("path", "url", *_COLUMNS)
        if fault := fault_of_map(argument, required=(), optional=(*keys, *KEYS)):
            return fault
        if fault := fault_of_texts(argument, keys) or fault_of_formats(argument):
            return fault
        if ("path" in argument) == ("url" in argument):
            return "expected either path or url, found both or none"
        if len(delimiter := argument.get("delimiter", ",")) != 1 or delimiter in '"\r\n':
            return ArgumentFault(
                f"expected a delimiter of one character, found {delimiter!r}", "delimiter"
            )
        fault_of_address = fault_of_url(argument["url"]) if "url" in argument else None
        return ArgumentFault(fault_of_address, "url") if fault_of_address else None

    @classmethod
    def host(cls, argument: str | Mapping[str, Any]) -> str:
        """Return the host of an address, or the path of a file."""
        layout = Layout.of(argument)
        return host_of(layout.place) if layout.remote else layout.place

    async def _ask(self, item: Wanted, validators: Validators) -> Reply:
        name, layout = item.series.name, Layout.of(item.argument)
        if layout.remote:
            return await self._addresses.get(
                name, layout.place, validators=validators, limit_bytes=LIMIT_BYTES
            )
        content = await asyncio.to_thread(_content, Path(layout.place), name)
        return Reply(provider=f"{self.name} {name}", status=200, content=content)

    def _is_local(self, item: Wanted) -> bool:
        return not Layout.of(item.argument).remote

    def _read(self, answer: Reply, item: Wanted) -> Rows:
        return parse(answer.content, item.series, Layout.of(item.argument))


def parse(content: bytes, series: Series, layout: Layout) -> Rows:
    """Return a table's figures, and the complaints about rows that cannot be read.

    Raises:
        SourceChanged: If a column is missing, or most rows cannot be read; it names the line.
    """
    of = f"csv {series.name}"
    try:
        text = layout.formats.text(content)
    except ValueError as error:
        raise SourceChanged(f"{of}: {error}") from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=layout.delimiter, strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        places = _places(header, layout, of)
        rows = [
            partial(_row, row, f"{of}, line {reader.line_num}", series, layout, header, places)
            for row in reader
            if row
        ]
    except csv.Error:
        raise SourceChanged(
            f"{of}, line {reader.line_num}: expected rows of cells, found quotes out of place or a cell without end"
        ) from None
    figures, unread = each_alone(rows)
    return Rows(in_order(layout.formats, figures), tuple(unread))


def _row(
    row: Sequence[str],
    line: str,
    series: Series,
    layout: Layout,
    header: Sequence[str],
    places: Mapping[str, int],
) -> Published:
    """Return one row's figure."""
    if len(row) != len(header):
        raise SourceChanged(f"{line}: expected {len(header)} cells, found {len(row)}")
    cells = {
        role: Cell(row[place].strip(), f"{line}, column {header[place]}")
        for role, place in places.items()
    }
    return published(
        series,
        layout.formats,
        period=cells["period"],
        value=cells["value"],
        known_at=cells.get("known_at"),
    )


def _places(header: Sequence[str], layout: Layout, of: str) -> dict[str, int]:
    """Return where the columns stand, by what they hold."""
    names = {"period": layout.period, "value": layout.value, "known_at": layout.known_at}
    if layout.known_at not in header and not layout.known_at_named:
        del names["known_at"]
    for name in names.values():
        if header.count(name) != 1:
            found = said(", ".join(header), 200) or "nothing"
            raise SourceChanged(f"{of}: expected one column {name}, found the columns {found}")
    return {role: header.index(name) for role, name in names.items()}


def _content(path: Path, name: str) -> bytes:
    """Return a file's bytes.

    Raises:
        SourceChanged: If it is not there (yet), may not be read, or is too big. Other tables
            are well all the same, so this is not the source being down.
    """
    try:
        content = read_file(path, LIMIT_BYTES)
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise SourceChanged(f"csv {name}: {path} cannot be read: {why}") from None
    if len(content) > LIMIT_BYTES:
        raise SourceChanged(f"csv {name}: the file exceeds {LIMIT_BYTES} bytes")
    return content


def _empty(path: str) -> str | None:
    return None if path.strip() else "expected a path or an address, found an empty text"
