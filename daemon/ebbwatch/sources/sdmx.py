"""The Federal Reserve Board's release files: SDMX in a zip, read as a stream.

A file holds thousands of series in 126 megabytes of XML. It goes through the parser once,
element by element; only what was picked is kept, so memory does not grow with the file.
A DOCTYPE is refused, and with it every entity.

Source: shape of the H.4.1 and policy-rates files as stated by public readers of them,
read 2026-11-22; prefixes are the file's own choice, so local names are compared.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import IO
from xml.parsers import expat

from ebbwatch.ports import SourceChanged
from ebbwatch.sources.strict_numbers import day, number

#: Most bytes read of the file inside the zip. Source: 126 MB in 2026-09, read 2026-11-22.
XML_LIMIT_BYTES = 600_000_000

_CHUNK_BYTES = 1 << 18

#: Numbers that stand where there is none, should the status not say so.
_SENTINELS = frozenset({Decimal(-9999), Decimal(-999999)})

#: OBS_STATUS of a figure, and of none: not available, not calculated, no data.
_FIGURE = "A"
_NO_FIGURE = frozenset({"NA", "NC", "ND"})


@dataclass(slots=True)
class SdmxSeries:
    """One series of a file.

    Attributes:
        name: Its SERIES_NAME.
        attributes: Of its element: UNIT, UNIT_MULT, CURRENCY, DISTRIBUTION and more.
        descriptions: Short and long description, in the file's order.
        rows: Date, value and status as written, from the asked day on.
    """

    name: str
    attributes: Mapping[str, str]
    descriptions: list[str] = field(default_factory=list)
    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def figures(
        self, *, provider: str, today: date, ahead: timedelta = timedelta(0)
    ) -> dict[date, Decimal | None]:
        """Return the values by date; None where the status says that there is none.

        Raises:
            SourceChanged: On an unknown status, an impossible date or number, or a
                sentinel that is declared to be a figure.
        """
        found: dict[date, Decimal | None] = {}
        for written, value, status in self.rows:
            of = f"{provider} {self.name}"
            period = day(written, of=f"{of} TIME_PERIOD", today=today, ahead=ahead)
            if status in _NO_FIGURE:
                found[period] = None
                continue
            if status != _FIGURE:
                raise SourceChanged(
                    f"{of} {period}: expected OBS_STATUS A, NA, NC or ND, found another"
                )
            figure = number(value, of=f"{of} {period} OBS_VALUE")
            if figure in _SENTINELS:
                raise SourceChanged(f"{of} {period}: expected a figure, found the mark for none")
            found[period] = figure
        return found


def read_zip(
    file: IO[bytes],
    *,
    provider: str,
    first: date,
    pick: Callable[[SdmxSeries], bool],
) -> tuple[list[SdmxSeries], set[str]]:
    """Return the picked series of a zipped file, and the names of all.

    Args:
        file: The zip, seekable.
        provider: For complaints.
        first: Day from which on rows are kept.
        pick: Says of a series, before its rows are read, whether they are wanted. It sees
            name, attributes and descriptions.

    Raises:
        SourceChanged: If it is no such zip, no such XML, or too big.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = [m for m in archive.infolist() if m.filename.endswith("_data.xml")]
            if len(members) != 1:
                raise SourceChanged(
                    f"{provider}: expected one file ending in _data.xml in the zip, found {len(members)}"
                )
            if members[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise SourceChanged(
                    f"{provider}: expected a zip file in plain deflate, found another kind"
                )
            if members[0].file_size > XML_LIMIT_BYTES:
                raise SourceChanged(f"{provider}: the data file exceeds {XML_LIMIT_BYTES} bytes")
            with archive.open(members[0]) as xml:
                return _ReleaseReader(provider, first, pick).read(xml)
    except _NO_ZIP as error:
        raise SourceChanged(f"{provider}: expected a zip file, found none that opens") from error


#: What the library raises where a zip points beyond its end, or is none.
_NO_ZIP = (
    zipfile.BadZipFile, EOFError, RuntimeError, OSError, ValueError, struct.error, zlib.error,
)  # fmt: skip


class _ReleaseReader:
    """Goes through one file."""

    def __init__(self, provider: str, first: date, pick: Callable[[SdmxSeries], bool]) -> None:
        self._provider = provider
        self._first = first.isoformat()
        self._pick = pick
        self._picked: list[SdmxSeries] = []
        self._names: set[str] = set()
        self._series: SdmxSeries | None = None
        self._wanted: bool | None = None
        self._text: list[str] | None = None

    def read(self, xml: IO[bytes]) -> tuple[list[SdmxSeries], set[str]]:
        parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        try:
            while chunk := xml.read(_CHUNK_BYTES):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise SourceChanged(
                f"{self._provider}: expected XML, found a break in line {error.lineno} (cut off?)"
            ) from None
        except (LookupError, ValueError):
            raise SourceChanged(
                f"{self._provider}: expected XML in UTF-8, found another encoding"
            ) from None
        return self._picked, self._names

    def _refuse(self, *_: object) -> None:
        raise SourceChanged(f"{self._provider}: expected plain XML, found a DOCTYPE or an entity")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        local = tag.rpartition("}")[2]
        if local == "Obs":
            if self._wanted is None and self._series is not None:
                # Descriptions come before the first row, so now all is known.
                self._wanted = self._pick(self._series)
            if self._wanted and self._series is not None:
                self._keep(self._series, attributes)
        elif local == "Series":
            name = attributes.get("SERIES_NAME", "")
            self._names.add(name)
            self._series, self._wanted = SdmxSeries(name, attributes), None
        elif local == "AnnotationText":
            self._text = []

    def _keep(self, series: SdmxSeries, row: Mapping[str, str]) -> None:
        try:
            written, value, status = row["TIME_PERIOD"], row["OBS_VALUE"], row["OBS_STATUS"]
        except KeyError as missing:
            raise SourceChanged(f"{self._provider} {series.name}: a row lacks {missing}") from None
        # What is no date at all is kept, to be complained of by name.
        if written >= self._first or written[4:5] != "-":
            series.rows.append((written, value, status))

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _end(self, tag: str) -> None:
        local = tag.rpartition("}")[2]
        if local == "AnnotationText" and self._series is not None and self._text is not None:
            self._series.descriptions.append(" ".join("".join(self._text).split()))
            self._text = None
        elif local == "Series" and self._series is not None:
            if self._wanted:
                self._picked.append(self._series)
            self._series = None
