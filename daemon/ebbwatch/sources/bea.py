"""Bureau of Economic Analysis: nominal GDP, from the public flat file or the keyed API.

Source: ``NipaDataQ.txt`` as recorded 2026-08-26, ``SeriesRegister.txt`` as recorded 2026-09-29
and the API's answers as documented, read 2026-11-22. The flat file has every quarterly series
of the national accounts, about 35 MB, and moves three seconds after 08:30 New York::

    %SeriesCode,Period,Value
    A191RC,1947Q1,"243,164"

A191RC is gross domestic product at current dollars, in millions at an annual rate. BEA
publishes three estimates of a quarter and revises years back; a visit reads the last two years,
so that revisions are seen, and everything only when history is asked for.
"""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import IO, Any, ClassVar

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import period_of
from ebbwatch.model.series import Series
from ebbwatch.model.source import KeyPolicy, Offer, Planned, SourceFacts
from ebbwatch.model.units import UNITS
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.ports import Poll, SourceChanged, SourceRefused, SourceSetup, Wanted
from ebbwatch.sources import cursors
from ebbwatch.sources.arguments import fault_of_choice
from ebbwatch.sources.provider import Provider
from ebbwatch.sources.replies import Reply, Validators
from ebbwatch.sources.strict_numbers import check_day, number

FLAT_FILE = "/national/Release/TXT/NipaDataQ.txt"

#: Three times its size of 2026.
FLAT_FILE_LIMIT_BYTES = 100_000_000

#: The series code of what can be asked for.
CODES = {"gdp": "A191RC"}

#: ``DefaultScale`` of A191RC is -6: the flat file's figures are millions.
#: Source: SeriesRegister.txt, as recorded 2026-09-29.
FLAT_FILE_UNIT = "USD millions"

#: Our name of the API's ``UNIT_MULT``.
UNIT_BY_POWER = {
    "0": "USD",
    "3": "USD thousands",
    "6": "USD millions",
    "9": "USD billions",
    "12": "USD trillions",
}

#: Quarters read by an ordinary visit.
LATEST_QUARTERS = 8

_HEADER = ["%SeriesCode", "Period", "Value"]
_MARKS = frozenset({"(NA)", "---", "(D)", "(NM)"})
_QUARTER = re.compile(r"(\d{4})Q([1-4])")

#: Longer lines are no lines of this file; a body without line ends must not fill the memory.
_LONGEST_LINE = 1_000


class Bea(Provider):
    """Nominal gross domestic product by quarter."""

    name: ClassVar[str] = "bea"
    facts: ClassVar[SourceFacts] = SourceFacts(
        key=KeyPolicy.OPTIONAL,
        offers=(Offer("gdp", "Nominal GDP, annual rate", "USD millions", "quarter"),),
        # Second and third estimates come at the hour of the first.
        planned=(Planned(at=time(8, 30, 4), zone=NEW_YORK.key),),
    )
    base_url: ClassVar[str] = "https://apps.bea.gov"

    def __init__(self, setup: SourceSetup, *, tries: int = 3) -> None:
        """Open nothing yet; `tries` is how often a request is sent when it fails."""
        super().__init__(setup, tries=tries)
        self._key = setup.api_key

    @classmethod
    def fault(cls, argument: str | Mapping[str, Any]) -> str | None:
        """Return why an argument is none of `CODES`, or None."""
        return fault_of_choice(argument, CODES)

    async def poll(
        self, wanted: Sequence[Wanted], *, cursor: str | None, since: datetime | None = None
    ) -> Poll:
        """Read the last two years, or everything since an instant.

        The flat file is asked for only if it changed, except where history is wanted.
        """
        if not wanted:
            return Poll(cursor=cursor, note="no rows")
        today = self._clock.now().date()
        if self._key is not None:
            quarters = await self._keyed(since, today)
            kept: str | None = cursor
        else:
            saved = cursors.load(cursor)
            series = " ".join(sorted(item.series.name for item in wanted))
            # For a series that was not asked for before, "not modified" would be no answer.
            known = since is None and saved.get("series") == series
            validators = Validators.load(saved.get("file")) if known else None
            answer = await self._client.download(
                FLAT_FILE, validators=validators, limit_bytes=FLAT_FILE_LIMIT_BYTES
            )
            assert answer.file is not None
            with answer.file:
                if answer.not_modified:
                    return Poll(cursor=cursor, note="not modified")
                quarters = await asyncio.to_thread(read_flat_file, answer.file, today)
            kept = cursors.dump({"file": answer.validators.dump(), "series": series})
        quarters = {
            quarter: figure
            for place, (quarter, figure) in enumerate(sorted(quarters.items()))
            if (
                place >= len(quarters) - LATEST_QUARTERS
                if since is None
                else quarter >= since.date()
            )
        }
        return Poll(
            published=tuple(
                _published(item.series, quarter, value, unit)
                for item in wanted
                for quarter, (value, unit) in quarters.items()
            ),
            cursor=kept,
            note="" if quarters else "no rows",
        )

    async def _keyed(
        self, since: datetime | None, today: date
    ) -> dict[date, tuple[Decimal | None, str]]:
        """Return the API's quarters, for people who have a key."""
        assert self._key is not None
        first = today.year - LATEST_QUARTERS // 4 - 1 if since is None else since.year
        answer = await self._client.get(
            "/api/data",
            params={
                "UserID": self._key.reveal(),
                "method": "GetData",
                "DataSetName": "NIPA",
                "TableName": "T10105",
                "Frequency": "Q",
                "Year": ",".join(str(year) for year in range(first, today.year + 1)),
                "ResultFormat": "JSON",
            },
        )
        return read_api(answer, today)


def _published(series: Series, quarter: date, value: Decimal | None, unit: str) -> Published:
    """Return a figure in the catalogue's unit, or as declared where that is not the usual one.

    Millions are what these figures come in, whatever unit the catalogue shows them in; only
    another declaration is news, and is left for the edge to announce.
    """
    usual = unit == FLAT_FILE_UNIT
    if usual and value is not None:
        value = value * UNITS[unit].factor / series.unit.factor
    return Published(
        series=series.name, period=period_of(quarter), value=value, unit=None if usual else unit
    )


def read_flat_file(file: IO[bytes], today: date) -> dict[date, tuple[Decimal | None, str]]:
    """Return A191RC by quarter (its first day) with the unit, reading a line at a time.

    Raises:
        SourceChanged: If it is another file, or has no such series.
    """
    lines = _lines(file)
    if _cells(next(lines, "")) != _HEADER:
        raise SourceChanged(f"bea: expected the header {','.join(_HEADER)}, found another line")
    rows = (_cells(line) for line in lines if line.startswith(f"{CODES['gdp']},"))
    return _quarters(
        (
            (row[1], row[2], FLAT_FILE_UNIT) if len(row) == len(_HEADER) else ("", "", "")
            for row in rows
        ),
        today,
    )


def read_api(answer: Reply, today: date) -> dict[date, tuple[Decimal | None, str]]:
    """Return A191RC by quarter (its first day) with the unit, from the keyed API.

    Its errors come with HTTP 200. Its answers repeat the key, so that nothing of them but the
    figures may be quoted.

    Raises:
        SourceRefused: If the API gives an error: the key is wrong or used up.
        SourceChanged: If the answer has another shape.
    """
    body = answer.json()
    api = body.get("BEAAPI") if isinstance(body, dict) else None
    results = api.get("Results") if isinstance(api, dict) else None
    parts = results if isinstance(results, list) else [results]
    holders = [api, *parts]
    if any(isinstance(holder, dict) and "Error" in holder for holder in holders):
        raise SourceRefused("bea: the API answered an error; check EBBWATCH_BEA__API_KEY")
    rows = [
        row
        for part in parts
        if isinstance(part, dict) and isinstance(part.get("Data"), list)
        for row in part["Data"]
        if isinstance(row, dict)
    ]
    if not rows:
        raise SourceChanged("bea: expected BEAAPI.Results.Data, found another shape")
    return _quarters(
        (
            (
                str(row.get("TimePeriod")),
                row.get("DataValue"),
                UNIT_BY_POWER.get(str(row.get("UNIT_MULT")), ""),
            )
            for row in rows
            if row.get("SeriesCode") == CODES["gdp"]
        ),
        today,
    )


def _quarters(
    rows: Iterable[tuple[str, object, str]], today: date
) -> dict[date, tuple[Decimal | None, str]]:
    quarters: dict[date, tuple[Decimal | None, str]] = {}
    for text, figure, unit in rows:
        if (named := _QUARTER.fullmatch(text)) is None or not unit:
            raise SourceChanged("bea: expected a quarter like 2026Q2 in a unit we know, found none")
        quarter = date(int(named[1]), 3 * int(named[2]) - 2, 1)
        check_day(quarter, of="bea gdp", today=today)
        if quarter in quarters:
            raise SourceChanged(f"bea: expected one figure for {text}, found two")
        marked = isinstance(figure, str) and figure.strip() in _MARKS
        value = None if marked else number(figure, of=f"bea gdp {text}", thousands=",")
        quarters[quarter] = (value, unit)
    if not quarters:
        raise SourceChanged(f"bea: expected the series {CODES['gdp']}, found no row of it")
    return quarters


def _cells(line: str) -> list[str]:
    """Return the cells of one line; none at all where a quote was not closed."""
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        return []


def _lines(file: IO[bytes]) -> Iterator[str]:
    """Yield lines as text, without a byte order mark, never a long one."""
    first = True
    while raw := file.readline(_LONGEST_LINE):
        if len(raw) == _LONGEST_LINE:
            raise SourceChanged("bea: expected short lines, found a long one")
        yield raw.decode("utf-8-sig" if first else "utf-8", errors="replace").rstrip("\r\n")
        first = False
