"""Tables people keep: every complaint names the line, the column and what stands there."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import FREQUENCIES, period_of
from ebbwatch.model.series import Series, SourceRef
from ebbwatch.model.units import UNITS
from ebbwatch.ports import SourceChanged, SourceSetup, SourceUnavailable, Wanted
from ebbwatch.sources import csv
from ebbwatch.sources.csv import Csv, Layout, parse
from tests.sources.wanting import figures
from tests.standins.providers import EagerClock, StandIn

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TABLE = b"period,value\n2026-11-23,1.50\n2026-11-20,.\n"


def wanted(argument: str | Mapping[str, Any], name: str = "desk", every: str = "day") -> Wanted:
    """Return a series as a user may declare it."""
    series = Series(
        name=name,
        source=SourceRef("csv", argument),
        unit=UNITS["number"],
        every=FREQUENCIES[every],
    )
    return Wanted(series, argument)


def read(body: bytes, every: str = "day", **argument: str) -> tuple[Published, ...]:
    """Return what a table says."""
    whole = {"path": "desk.csv", **argument}
    assert Csv.fault(whole) is None
    rows = parse(body, wanted(whole, every=every).series, Layout.of(whole))
    assert rows.unread == ()
    return rows.figures


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[StandIn]:
    async with StandIn() as stand_in:
        yield stand_in


@pytest_asyncio.fixture
async def source() -> AsyncIterator[Csv]:
    own = Csv(SourceSetup(clock=EagerClock(NOW)), tries=1)
    yield own
    await own.aclose()


async def test_a_file_is_read_oldest_first(source: Csv, tmp_path: Path) -> None:
    """Rows may stand in any order; without known_at the poll's instant counts."""
    (tmp_path / "desk.csv").write_bytes(TABLE)
    poll = await source.poll([wanted(str(tmp_path / "desk.csv"))], cursor=None)
    assert poll.published == (
        Published(series="desk", period=period_of(date(2026, 11, 20)), value=None),
        Published(series="desk", period=period_of(date(2026, 11, 23)), value=Decimal("1.50")),
    )


async def test_an_unchanged_file_is_not_modified(source: Csv, tmp_path: Path) -> None:
    """Its content counts, not its date; another question about it is another matter."""
    file = tmp_path / "desk.csv"
    file.write_bytes(TABLE)
    first = await source.poll([wanted(str(file))], cursor=None)
    file.touch()
    second = await source.poll([wanted(str(file))], cursor=first.cursor)
    assert (second.published, second.note, second.cursor) == ((), "not modified", first.cursor)
    swapped = wanted({"path": str(file), "period": "period", "value": "value"})
    assert len((await source.poll([swapped], cursor=first.cursor)).published) == 2
    file.write_bytes(TABLE.replace(b"1.50", b"1.51"))
    third = await source.poll([wanted(str(file))], cursor=second.cursor)
    assert figures(third.published, "desk")["2026-11-23"] == Decimal("1.51")
    assert third.cursor != second.cursor


async def test_only_what_changed_is_read(source: Csv, tmp_path: Path) -> None:
    """Of two files one was written."""
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for file in files:
        file.write_bytes(TABLE)
    both = [wanted(str(file), file.stem) for file in files]
    first = await source.poll(both, cursor=None)
    files[1].write_bytes(TABLE + b"2026-11-24,2\n")
    second = await source.poll(both, cursor=first.cursor)
    assert {p.series for p in second.published} == {"b"}
    assert len(second.published) == 3


async def test_a_backfill_reads_since_its_instant(source: Csv, tmp_path: Path) -> None:
    """Changed or not."""
    file = tmp_path / "desk.csv"
    file.write_bytes(TABLE)
    first = await source.poll([wanted(str(file))], cursor=None)
    since = datetime(2026, 11, 22, tzinfo=UTC)
    poll = await source.poll([wanted(str(file))], cursor=first.cursor, since=since)
    assert list(figures(poll.published, "desk")) == ["2026-11-23"]


async def test_a_relative_path_starts_where_we_stand(
    source: Csv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loader joins paths to the file that names them; what it did not join is ours."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "desk.csv").write_bytes(TABLE)
    assert len((await source.poll([wanted({"path": "desk.csv"})], cursor=None)).published) == 2


async def test_a_file_that_is_not_there_is_named(source: Csv, tmp_path: Path) -> None:
    """It may come later, and other tables are well: the source is not down."""
    with pytest.raises(SourceChanged) as caught:
        await source.poll([wanted(str(tmp_path / "desk.csv"))], cursor=None)
    assert str(caught.value) == (
        f"csv desk: {tmp_path / 'desk.csv'} cannot be read: no such file or directory"
    )
    with pytest.raises(SourceChanged, match="a directory, not a regular file"):
        await source.poll([wanted(str(tmp_path))], cursor=None)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(SourceChanged, match="a pipe, not a regular file"):
        await source.poll([wanted(str(tmp_path / "pipe.csv"))], cursor=None)
    with pytest.raises(SourceChanged, match="a device, not a regular file"):
        await source.poll([wanted("/dev/zero")], cursor=None)


async def test_a_file_too_big_is_not_taken(
    source: Csv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it may hold."""
    monkeypatch.setattr(csv, "LIMIT_BYTES", 10)
    (tmp_path / "desk.csv").write_bytes(TABLE)
    with pytest.raises(SourceChanged, match="csv desk: the file exceeds 10 bytes"):
        await source.poll([wanted(str(tmp_path / "desk.csv"))], cursor=None)


async def test_a_table_may_be_at_an_address(provider: StandIn, source: Csv) -> None:
    """As a text or in a map, asked for only if it changed."""
    provider.serve("/desk.csv", TABLE, content_type="text/csv", etag=True)
    for argument in (f"{provider.url}/desk.csv?k=1", {"url": f"{provider.url}/desk.csv?k=1"}):
        first = await source.poll([wanted(argument)], cursor=None)
        assert len(first.published) == 2
        second = await source.poll([wanted(argument)], cursor=first.cursor)
        assert (second.note, second.cursor) == ("not modified", first.cursor)
    assert provider.requests[0].query == {"k": "1"}


async def test_an_address_without_validators_is_compared(provider: StandIn, source: Csv) -> None:
    """The same bytes again are no news."""
    provider.serve("/desk.csv", TABLE)
    first = await source.poll([wanted(f"{provider.url}/desk.csv")], cursor=None)
    second = await source.poll([wanted(f"{provider.url}/desk.csv")], cursor=first.cursor)
    assert (second.published, second.note) == ((), "not modified")


async def test_a_failing_address_is_not_shown(provider: StandIn, source: Csv) -> None:
    """The series is named; the address may hold a key."""
    provider.refuse("/desk.csv", 429, after="60")
    with pytest.raises(SourceUnavailable) as caught:
        await source.poll([wanted(f"{provider.url}/desk.csv?key=s3cret")], cursor=None)
    assert str(caught.value) == "csv desk: answered HTTP 429"


def test_columns_are_found_by_name() -> None:
    """Others are passed over, whatever stands in them; names may have blanks around."""
    body = b"note; Wert ;Tag\npoison;1;2026-11-23\n"
    found = read(body, period="Tag", value="Wert", delimiter=";")
    assert figures(found, "desk") == {"2026-11-23": Decimal(1)}


def test_known_at_is_read_where_there_is_such_a_column() -> None:
    """An offset is part of it; an empty cell means: when we saw it."""
    body = (
        b"period,value,known_at\n"
        b"2026-07-01,2,2026-10-29T08:30:00-04:00\n"
        b"2026-07-01,3,2026-11-25T13:30:00Z\n"
        b"2026-07-01,4,\n"
        b"2026-04-01,1,2026-07-30T08:30:00-04:00\n"
    )
    assert [(str(p.value), p.known_at) for p in read(body, every="quarter")] == [
        ("1", datetime(2026, 7, 30, 12, 30, tzinfo=UTC)),
        ("2", datetime(2026, 10, 29, 12, 30, tzinfo=UTC)),
        ("3", datetime(2026, 11, 25, 13, 30, tzinfo=UTC)),
        ("4", None),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbfperiod,value\n2026-11-23,1\n",
        b"period,value\r\n2026-11-23,1\r\n",
        b"period,value\n\n2026-11-23, 1 \n\n",
        b'"period","value"\n"2026-11-23","1"\n',
        b"period,value\n2026-11-23,1",
    ],
)
def test_what_spreadsheets_do_to_a_table_does_not_matter(body: bytes) -> None:
    """Byte order mark, line ends, empty lines, quotes."""
    assert figures(read(body), "desk") == {"2026-11-23": Decimal(1)}


@pytest.mark.parametrize("text", ["", ".", "NA", "null", "ND"])
def test_marks_for_no_value_are_no_value(text: str) -> None:
    """As the publishers write them."""
    body = f"period,value\n2026-11-23,{text}\n".encode()
    assert figures(read(body), "desk") == {"2026-11-23": None}


@pytest.mark.parametrize(
    ("body", "argument", "message"),
    [
        (b"", {}, "csv desk: expected one column period, found the columns nothing"),
        (
            b"date,value\n2026-11-23,1\n",
            {},
            "csv desk: expected one column period, found the columns date, value",
        ),
        (
            b"period,value,value\n2026-11-23,1,2\n",
            {},
            "csv desk: expected one column value, found the columns period, value, value",
        ),
        (
            TABLE,
            {"known_at": "seen"},
            "csv desk: expected one column seen, found the columns period, value",
        ),
        (
            b"period;value\n2026-11-23;1\n",
            {},
            "csv desk: expected one column period, found the columns period;value",
        ),
        (
            b"period,value\n\n2026-11-23,1.5bn\n",
            {},
            "csv desk, line 3, column value: expected a number, found '1.5bn'",
        ),
        (
            b"period,value\n2026-11-31,1\n",
            {},
            (
                "csv desk, line 2, column period: expected a period of `every: day` "
                "like 2026-09-30, found '2026-11-31'"
            ),
        ),
        (
            b"period,value,known_at\n2026-11-23,1,2026-11-24\n",
            {},
            (
                "csv desk, line 2, column known_at: expected an instant with its offset, "
                "like 2026-09-30T16:30:00-04:00, found '2026-11-24'"
            ),
        ),
        (
            b"period,value\n2026-11-23,1,234\n",
            {},
            "csv desk, line 2: expected 2 cells, found 3",
        ),
        (b"period,value\n2026-11-23\n", {}, "csv desk, line 2: expected 2 cells, found 1"),
        (
            b'period,value\n2026-11-23,"1\n',
            {},
            "csv desk, line 2: expected rows of cells, found quotes out of place",
        ),
        (b"period,value\n2026-11-23,\xff\n", {}, "csv desk: expected UTF-8 text"),
        (b"<html>\n<body>", {}, "csv desk: expected one column period, found the columns <html>"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(
    body: bytes, argument: dict[str, str], message: str
) -> None:
    """Line, column and text, and nothing of the table is used."""
    with pytest.raises(SourceChanged) as caught:
        read(body, **argument)
    assert str(caught.value).startswith(message)


def test_numbers_keep_their_digits() -> None:
    """A number in a table is never a float."""
    (found,) = read(b"period,value\n2026-11-23,4.300\n")
    assert str(found.value) == "4.300"


@pytest.mark.parametrize(
    "argument",
    [
        "desk.csv",
        "https://figures.example/desk.csv",
        {"path": "desk.csv"},
        {"url": "https://figures.example/desk.csv", "delimiter": "\t"},
        {"path": "x", "period": "a", "value": "b", "known_at": "c", "delimiter": ";"},
    ],
)
def test_tables_have_no_fault(argument: str | Mapping[str, Any]) -> None:
    """Whether they are there shows when they are polled."""
    assert Csv.fault(argument) is None


@pytest.mark.parametrize(
    ("argument", "host"),
    [
        ("desk.csv", "desk.csv"),
        ("https://figures.example:8443/desk.csv", "figures.example"),
        ({"path": "/srv/desk.csv"}, "/srv/desk.csv"),
        ({"url": "https://figures.example/desk.csv"}, "figures.example"),
        ({"url": "https://[figures/desk.csv"}, ""),
    ],
)
def test_who_is_asked(argument: str | Mapping[str, Any], host: str) -> None:
    """Each host and each file fails by itself."""
    assert Csv.host(argument) == host


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("", "expected a path or an address, found an empty text"),
        ("ftp://figures.example/x", "expected an address that begins with https:// or http://"),
        ({}, "expected either path or url, found both or none"),
        ({"path": "x", "url": "https://y.example"}, "expected either path or url, found both"),
        (
            {"file": "x"},
            "unknown key file: expected path, url, period, value, known_at, delimiter",
        ),
        ({"path": "x", "delimeter": ";"}, "; did you mean delimiter?"),
        ({"path": 5}, "expected a text for path, found 5"),
        ({"path": "x", "value": ""}, "expected a text for value, found ''"),
        ({"path": "x", "delimiter": ";;"}, "expected a delimiter of one character, found ';;'"),
        ({"path": "x", "delimiter": '"'}, "expected a delimiter of one character, found '\"'"),
        ({"url": "figures.example/x"}, "expected an address that begins with https://"),
    ],
)
def test_faults_are_named(argument: str | Mapping[str, Any], message: str) -> None:
    """Keys are listed, with a guess at what was meant."""
    assert message in str(Csv.fault(argument))


def test_a_row_that_cannot_be_read_costs_that_row() -> None:
    """It is named with its line; where most cannot be read the table is another."""
    argument = {"path": "desk.csv"}
    series, layout = wanted(argument, every="day").series, Layout.of(argument)
    body = b"period,value\n2026-11-20,1\n2026-11-21,1.5bn\n\n2026-11-22\n2026-11-23,3\n"
    rows = parse(body, series, layout)
    assert figures(rows.figures, "desk") == {"2026-11-20": Decimal(1), "2026-11-23": Decimal(3)}
    assert rows.unread == (
        "csv desk, line 3, column value: expected a number, found '1.5bn'",
        "csv desk, line 5: expected 2 cells, found 1",
    )
    with pytest.raises(SourceChanged, match="line 2"):
        parse(body.replace(b"2026-11-20,1\n", b""), series, layout)


def test_two_values_for_a_period_are_both_handed_on() -> None:
    """Which of them is right is nobody's guess; the edge holds them back."""
    found = read(b"period,value\n2026-11-23,1\n2026-11-23,2\n")
    assert [one.value for one in found] == [Decimal(1), Decimal(2)]


def test_an_hour_without_its_offset_is_refused() -> None:
    """On 1 November 2026 one o'clock comes twice in New York."""
    with pytest.raises(SourceChanged, match="write its offset"):
        read(b"period,value\n2026-11-01 01:00,1\n", every="hour")
